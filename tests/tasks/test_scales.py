"""Scales of outputs: planted softmax, log-softmax and sigmoid are recognised and undone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from modelstitch.errors import ModelError
from modelstitch.specs import OUTPUT_SCALES
from modelstitch.tasks.scales import as_logits, expect_scale, last_operation, looks_like, scale_of

GIVES = {
    "logits": lambda x: x,
    "probabilities": lambda x: x.softmax(-1),
    "log-probabilities": lambda x: x.log_softmax(-1),
    "sigmoid": torch.sigmoid,
    "log-sigmoid": F.logsigmoid,
}
"""What makes outputs of each scale from logits."""


def drawn(seed: int, *shape: int) -> Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_every_scale_is_made_here() -> None:
    assert tuple(GIVES) == OUTPUT_SCALES


@given(st.integers(0, 10**6), st.sampled_from(OUTPUT_SCALES), st.sampled_from([(20, 5), (6, 4, 3)]))
def test_logits_are_read_back_up_to_a_shift_of_an_example(
    seed: int, scale: str, shape: tuple[int, ...]
) -> None:
    logits = drawn(seed, *shape)
    read = as_logits(GIVES[scale](logits), scale)
    torch.testing.assert_close(read.log_softmax(-1), logits.log_softmax(-1), atol=1e-3, rtol=1e-3)
    assert torch.equal(read.argmax(-1), logits.argmax(-1))
    if "sigmoid" in scale:
        torch.testing.assert_close(read, logits, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("scale", OUTPUT_SCALES)
@pytest.mark.parametrize("size", [1.0, 50.0, 500.0])
def test_saturated_outputs_stay_finite_and_have_gradients(scale: str, size: float) -> None:
    logits = (size * drawn(0, 50, 4)).requires_grad_()
    read = as_logits(GIVES[scale](logits), scale)
    loss = F.cross_entropy(read, torch.arange(50) % 4)
    loss.backward()
    assert read.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@given(st.integers(0, 10**6), st.sampled_from(["probabilities", "log-probabilities", "logits"]))
def test_a_softmax_is_seen_from_its_values(seed: int, scale: str) -> None:
    assert looks_like(GIVES[scale](drawn(seed, 30, 4))) == scale
    assert looks_like(GIVES[scale](drawn(seed, 8, 5, 4))) == scale


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_softmax_is_seen_in_every_precision(dtype: torch.dtype) -> None:
    assert looks_like(drawn(0, 30, 100).softmax(-1).to(dtype)) == "probabilities"
    assert looks_like(drawn(0, 30, 100).to(dtype)) == "logits"


def test_a_log_probability_of_minus_infinity_is_one() -> None:
    outputs = torch.tensor([[1.0, 0.0], [0.5, 0.5]]).log()
    assert looks_like(outputs) == "log-probabilities"
    assert looks_like(torch.tensor([[float("nan"), 0.0]])) == "logits"


@pytest.mark.parametrize(
    ("last", "scale"),
    [
        (nn.Sigmoid(), "sigmoid"),
        (nn.Sequential(nn.Sigmoid(), nn.Flatten(0), nn.Unflatten(0, (20, 5))), "sigmoid"),
        (nn.Hardsigmoid(), "sigmoid"),
        (nn.LogSigmoid(), "log-sigmoid"),
        (nn.Softmax(1), "probabilities"),
        (nn.LogSoftmax(1), "log-probabilities"),
        (nn.Identity(), "logits"),
    ],
)
def test_a_sigmoid_is_told_by_what_made_the_values(last: nn.Module, scale: str) -> None:
    logits = drawn(0, 20, 5) @ torch.eye(5, requires_grad=True)
    outputs = last(logits)
    assert scale_of(outputs.detach(), "softmax", last_operation(outputs)) == scale


def test_values_between_0_and_1_alone_do_not_tell() -> None:
    between = torch.rand(20, 5, generator=torch.Generator().manual_seed(0))
    assert scale_of(between, "softmax", None) is None
    assert scale_of(between, "softmax", "DivBackward") is None
    assert scale_of(between, "softmax", "AddmmBackward") == "logits"
    assert scale_of(between, "sigmoid", None) is None


def test_several_labels_are_read_each_by_itself() -> None:
    shares = drawn(0, 20, 5).softmax(1)
    assert scale_of(shares, "sigmoid", "SoftmaxBackward") == "sigmoid"
    assert scale_of(shares, "sigmoid", None) is None
    assert scale_of(drawn(0, 20, 5), "sigmoid", None) == "logits"


@pytest.mark.parametrize(
    ("scale", "outputs", "message"),
    [
        (
            "probabilities",
            torch.tensor([[1.0, 2.0]]),
            "expected probabilities from 0 to 1, got values from 1 to 2",
        ),
        ("probabilities", torch.tensor([[0.5, 0.1]]), "that sum to 1 .* got a sum of 0.6"),
        ("sigmoid", torch.tensor([[-0.5, 0.1]]), "expected sigmoid from 0 to 1"),
        ("log-probabilities", torch.tensor([[0.5, 0.1]]), "expected log-probabilities of at most 0"),
        ("log-probabilities", torch.tensor([[-0.5, -0.1]]), "expected log-probabilities that sum to 1"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(scale: str, outputs: Tensor, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        expect_scale(outputs, scale)


@pytest.mark.parametrize("scale", OUTPUT_SCALES)
def test_a_scale_that_can_be_is_accepted(scale: str) -> None:
    expect_scale(GIVES[scale](drawn(0, 20, 5)), scale)
