"""Data and networks that allow no verdict end in a plain reason, never in a number that looks measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.errors import DataError, ModelError, SpecError, TruthError
from modelstitch.report.limits import limits
from modelstitch.tasks import CLASSIFICATION
from tests.report.made import run as planted_run

Part = tuple[Tensor, Tensor]
ALL = ("clustered-noise", "one-hot", "self-stitch")
WIDTH, CLASSES = 6, 4


def part(n: int, classes: int, seed: int, n_classes_there: int | None = None) -> Part:
    """Return examples around one centre a class, with a spread of their own within each."""
    labels = torch.arange(n) % (n_classes_there or classes)
    centres = 2 * torch.randn(classes, WIDTH, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(seed))
    return centres[labels] + noise, labels


TRAIN, HELD = part(400, CLASSES, 1), part(300, CLASSES, 2)


class Layer(nn.Module):
    """A layer that is a function of its input."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def net(classes: int, seed: int, middle: nn.Module | None = None) -> nn.Sequential:
    """Return two linear layers around one in the middle, trained for a moment."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(WIDTH, 8), middle or nn.ReLU(), nn.Linear(8, classes))
    x, y = part(400, classes, 1)
    optimiser = torch.optim.Adam(model.parameters(), 0.03)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()
    return model.eval()


@cache
def good(classes: int = CLASSES, seed: int = 0) -> nn.Sequential:
    return net(classes, seed)


def compare(
    sender: nn.Module, receiver: nn.Module, train: Part = TRAIN, held: Part = HELD, **choices: Any
) -> ms.Comparison:
    return ms.compare(
        sender,
        receiver,
        (train, held),
        **{
            "cuts": ["1"],
            "controls": ALL,
            "evidence": ["kept", "errors"],
            "fit": ms.FitSpec(steps=20, batch_size=100),
            **choices,
        },
        allow_untrained=True,
    )


def only(comparison: ms.Comparison) -> ms.Verdict:
    (verdict,) = comparison.verdicts().values()
    if verdict.name is ms.VerdictName.CANNOT_TELL:
        assert verdict.confidence is ms.Confidence.LOW
        assert verdict.learnt is ms.Learnt.NOT_ASKED
    return verdict


def test_good_input_has_a_verdict() -> None:
    """What the other tests spoil one at a time."""
    verdict = only(compare(good(), good(seed=1)))
    assert verdict.name in (ms.VerdictName.INTERCHANGEABLE, ms.VerdictName.PARTLY)
    assert math.isfinite(verdict.kept)


# Without its controls


@pytest.mark.parametrize(
    ("controls", "said"),
    [((), "No control was run."), (("clustered-noise", "one-hot"), "There is no verdict.")],
)
def test_without_a_self_stitch_there_is_no_verdict_and_a_text_says_why(
    controls: tuple[str, ...], said: str
) -> None:
    run = compare(good(), good(seed=1), controls=controls)
    assert run.verdicts() == {}
    assert run.kept == ()
    assert any(text.startswith(said) for text in limits(run))


def test_without_a_label_only_sender_kept_has_no_zero() -> None:
    verdict = only(compare(good(), good(seed=1), controls=["self-stitch"]))
    assert (verdict.name, verdict.reason) == (
        ms.VerdictName.CANNOT_TELL,
        ms.Reason.NO_LABEL_ONLY_SENDER,
    )
    assert math.isnan(verdict.kept)


def test_without_the_evidence_for_it_there_is_no_verdict_and_a_text_says_why() -> None:
    run = compare(good(), good(seed=1), evidence=["errors"])
    assert run.verdicts() == {}
    assert any(text.startswith("There is no verdict.") for text in limits(run))


# Labels


def test_one_class_has_no_label_only_sender() -> None:
    one = part(400, 1, 1), part(300, 1, 2)
    with pytest.raises(SpecError, match="expected groups of examples with the control clustered-noise"):
        compare(good(1), good(1, 1), *one)


@pytest.mark.parametrize("classes", [1, CLASSES])
def test_where_all_held_out_examples_have_one_label_a_guess_is_always_right(classes: int) -> None:
    train, held = part(400, classes, 1), part(300, classes, 2, n_classes_there=1)
    run = compare(good(classes), good(classes, 1), train, held, controls=["self-stitch"])
    verdict = only(run)
    assert run.chance == 1
    assert (verdict.name, verdict.reason) == (ms.VerdictName.CANNOT_TELL, ms.Reason.RECEIVER_AT_CHANCE)
    assert "no better than a guess (1.00)" in verdict.sentence


def test_one_training_example_a_class_is_refused() -> None:
    with pytest.raises(DataError, match="expected labels that rows share, not ids"):
        compare(good(120), good(120, 1), part(120, 120, 1), part(240, 120, 2))


def test_one_held_out_example_a_class_has_nothing_within_it() -> None:
    verdict = only(compare(good(120), good(120, 1), part(480, 120, 1), part(120, 120, 2)))
    assert (verdict.name, verdict.reason) == (ms.VerdictName.CANNOT_TELL, ms.Reason.TOO_FEW_IN_CLASSES)
    assert verdict.because.n == 0
    assert math.isnan(verdict.kept)


def test_a_held_out_part_that_is_smaller_than_the_classes_is_too_small() -> None:
    verdict = only(compare(good(50), good(50, 1), part(400, 50, 1), part(20, 50, 2)))
    assert (verdict.name, verdict.reason) == (ms.VerdictName.CANNOT_TELL, ms.Reason.TOO_FEW_EXAMPLES)
    assert (verdict.because.n, verdict.because.n_needed) == (20, 100)


# Representations that say nothing


def coded(n: int, seed: int) -> Part:
    """Return examples whose first inputs are their label, and whose last ones are noise."""
    x = torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(n) % CLASSES
    x[:, :CLASSES] = 3 * nn.functional.one_hot(labels, CLASSES)
    return x, labels


def label_net() -> nn.Sequential:
    """Return a receiver that reads the label alone: equal within each class, right everywhere."""
    first, last = nn.Linear(WIDTH, 8), nn.Linear(8, CLASSES)
    with torch.no_grad():
        for layer in (first, last):
            layer.weight.copy_(torch.eye(*layer.weight.shape))
            layer.bias.zero_()
        first.weight[:, CLASSES:] = 0
    return nn.Sequential(first, nn.ReLU(), last).eval()


def test_a_receiver_that_knows_nothing_beyond_the_label_has_nothing_to_keep() -> None:
    run = compare(good(), label_net(), coded(400, 1), coded(300, 2))
    verdict = only(run)
    assert verdict.because.self_score > 0.9
    assert (verdict.name, verdict.reason) == (ms.VerdictName.CANNOT_TELL, ms.Reason.NO_VALUE)
    assert all(row.kept is None and row.own is None for row in run.kept)
    assert {row.value for row in run.evidence if row.kind == "kept"} == {None}


@pytest.mark.parametrize("constant", ["sender", "receiver"])
def test_a_constant_representation_is_refused_since_no_stitch_can_be_fitted_to_it(constant: str) -> None:
    middle = Layer(lambda x: x * 0 + 1)
    dead = nn.Sequential(good()[0], middle, good()[2])
    pair = (dead, good(seed=1)) if constant == "sender" else (good(seed=1), dead)
    cuts = {"sender": ["1"], "receiver": ["0"]}[constant]
    with pytest.raises(TruthError, match="as they were; no gradient reaches them"):
        compare(*pair, cuts=cuts)


# What is not finite


def nan_where_large(x: Tensor) -> Tensor:
    return torch.where(x.abs().amax(1, keepdim=True) > 40, torch.nan, x)


def spoiled_pair(spoiled: str) -> tuple[nn.Module, nn.Module]:
    whole = good()
    bad = nn.Sequential(whole[0], nn.Sequential(nn.ReLU(), Layer(nan_where_large)), whole[2])
    return (bad, good(seed=1)) if spoiled == "sender" else (good(seed=1), bad)


def with_large(part: Part, rows: slice) -> Part:
    x = part[0].clone()
    x[rows] *= 30
    assert bool((good()[0](x[rows]).relu().amax(1) > 40).all())
    assert not bool((good()[0](part[0]).abs() > 40).any())
    return x, part[1]


@pytest.mark.parametrize("spoiled", ["sender", "receiver"])
def test_a_network_that_is_nan_for_some_training_examples_fails_by_name(spoiled: str) -> None:
    train = with_large(TRAIN, slice(200, 300))
    run = compare(*spoiled_pair(spoiled), train, sender_cuts=["1"], receiver_cuts=["1"], cuts=None)
    verdict = only(run)
    assert (verdict.name, verdict.reason) == (ms.VerdictName.CANNOT_TELL, ms.Reason.FIT_FAILED)
    assert verdict.because.failure == f"the {spoiled} at 1.1 is not finite for some training examples"
    assert not [row for row in run.kept if row.control == "trained"]


@pytest.mark.parametrize(
    ("spoiled", "rows", "error"),
    [
        ("sender", slice(2, 5), TruthError),
        ("receiver", slice(2, 5), ModelError),
        ("sender", slice(0, 1), ModelError),
    ],
)
def test_a_network_that_is_nan_for_the_first_examples_is_refused_by_name(
    spoiled: str, rows: slice, error: type[Exception]
) -> None:
    with pytest.raises(error, match="(gives|got) NaN for"):
        compare(*spoiled_pair(spoiled), with_large(TRAIN, rows))


def test_a_network_of_nan_is_refused() -> None:
    dead = net(CLASSES, 3)
    with torch.no_grad():
        dead.get_parameter("0.weight").fill_(math.nan)
    with pytest.raises(ModelError, match="gives NaN for inputs that are numbers"):
        compare(dead, good(seed=1))


def test_stitched_values_that_are_not_finite_for_some_held_out_examples_keep_nothing_that_is_known() -> None:
    x = HELD[0].clone()
    x[:5] = 3.3e38
    assert not bool(good()[0](x).isfinite().all())
    run = compare(good(), good(seed=1), held=(x, HELD[1]))
    verdict = only(run)
    assert verdict.because.self_score > 0.7
    assert (verdict.name, verdict.reason) == (ms.VerdictName.CANNOT_TELL, ms.Reason.NO_VALUE)
    assert math.isnan(verdict.kept)
    assert all(row.kept is None for row in run.kept)


def own_task(**changes: Any) -> ms.Data:
    return ms.data_from(*TRAIN, heldout=HELD, task=replace(CLASSIFICATION, name="lost", **changes))


def compare_on(data: ms.Data) -> ms.Comparison:
    fit = ms.FitSpec(steps=20, batch_size=100)
    return ms.compare(
        good(), good(seed=1), data, cuts=["1"], controls=ALL, evidence=["kept"], fit=fit, allow_untrained=True
    )


def test_a_task_whose_score_is_not_a_number_is_refused() -> None:
    with pytest.raises(ModelError, match=r"task lost: expected scores from 0 .* got nan"):
        compare_on(own_task(score=lambda outputs, y: outputs[:, 0] * math.nan))


def test_a_task_without_the_score_of_a_guess_has_no_verdict() -> None:
    verdict = only(compare_on(own_task(chance=lambda y: math.nan)))
    assert (verdict.name, verdict.reason) == (ms.VerdictName.CANNOT_TELL, ms.Reason.NO_SCORE)


@pytest.mark.parametrize("value", [None, math.nan])
def test_evidence_without_a_value_is_no_evidence(value: float | None) -> None:
    run = planted_run(1, 2)
    nothing: dict[str, Any] = {
        "kept": value,
        "low": value,
        "high": value,
        "recovered": value,
        "own": value,
        "label": value,
    }
    rows = tuple(replace(row, **nothing) for row in run.kept)
    verdicts = replace(run, kept=rows).verdicts().values()
    assert {(verdict.name, verdict.reason) for verdict in verdicts} == {
        (ms.VerdictName.CANNOT_TELL, ms.Reason.NO_VALUE)
    }
