from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelstitch.errors import ModelError, SpecError
from modelstitch.models import zoo
from modelstitch.util.calls import parse_call

NAMES = st.sampled_from(sorted(zoo.STAGES))


def n_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def meta(name: str, **arguments: int) -> nn.Module:
    """A network whose parameters take no memory."""
    with torch.device("meta"):
        return zoo.build(name, **arguments)


@pytest.mark.parametrize(("name", "expected"), [("R18", 11_173_962), ("R34", 21_282_122)])
def test_the_known_counts_of_cifar_resnets(name: str, expected: int) -> None:
    """Those of the usual CIFAR forms: 3 x 3 stem, no max-pool, ten classes."""
    assert n_parameters(meta(name)) == expected


@settings(deadline=None, max_examples=40)
@given(NAMES, st.integers(1, 32), st.integers(1, 20), st.integers(1, 4))
def test_parameters_are_counted_by_hand(name: str, width: int, classes: int, channels: int) -> None:
    blocks = zoo.STAGES[name]
    expected = 9 * channels * width + 2 * width
    before = width
    for stage, n_blocks in enumerate(blocks):
        here = width * 2**stage
        expected += 9 * before * here + 9 * here * here + 4 * here
        if stage > 0:
            expected += before * here + 2 * here
        expected += (n_blocks - 1) * (18 * here * here + 4 * here)
        before = here
    expected += before * classes + classes
    assert n_parameters(meta(name, width=width, classes=classes, channels=channels)) == expected


def by_hand(state: dict[str, Tensor], stages: tuple[int, ...], x: Tensor) -> Tensor:
    """The network once more, from the paper's description and a state dict."""

    def norm(key: str, y: Tensor) -> Tensor:
        mean, var = state[f"{key}.running_mean"], state[f"{key}.running_var"]
        scale = state[f"{key}.weight"] / (var + 1e-5).sqrt()
        return (y - mean[:, None, None]) * scale[:, None, None] + state[f"{key}.bias"][:, None, None]

    x = norm("layers.0.1", F.conv2d(x, state["layers.0.0.weight"], padding=1)).clamp(min=0)
    strides = [2 if stage and not block else 1 for stage, n in enumerate(stages) for block in range(n)]
    for index, stride in enumerate(strides, 1):
        key = f"layers.{index}"
        y = norm(f"{key}.bn1", F.conv2d(x, state[f"{key}.conv1.weight"], stride=stride, padding=1)).clamp(
            min=0
        )
        y = norm(f"{key}.bn2", F.conv2d(y, state[f"{key}.conv2.weight"], padding=1))
        if stride == 2:
            x = norm(f"{key}.shortcut.1", F.conv2d(x, state[f"{key}.shortcut.0.weight"], stride=2))
        x = (x + y).clamp(min=0)
    return x.mean((2, 3)) @ state["head.2.weight"].T + state["head.2.bias"]


@pytest.mark.parametrize("name", ["R1111", "R1212", "R2121"])
def test_outputs_against_the_network_written_out_by_hand(name: str) -> None:
    network = zoo.build(name, width=2, classes=4, channels=2).double().eval()
    generator = torch.Generator().manual_seed(0)
    state = network.state_dict()
    for key, value in state.items():
        if value.is_floating_point():
            drawn = torch.randn(value.shape, generator=generator, dtype=torch.float64)
            state[key] = drawn.abs() + 0.5 if key.endswith("running_var") else drawn
    network.load_state_dict(state)
    x = torch.randn(3, 2, 9, 8, generator=generator, dtype=torch.float64)
    before = x.clone()
    with torch.no_grad():
        got = network(x)
    torch.testing.assert_close(got, by_hand(state, zoo.STAGES[name], x), rtol=1e-9, atol=1e-9)
    assert torch.equal(x, before)


@settings(deadline=None, max_examples=5)
@given(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9))
def test_any_image_size_gives_one_output_a_class_and_each_image_counts_alone(
    n: int, height: int, width: int
) -> None:
    network = zoo.build("R1111", width=1, classes=5, channels=1).eval()
    x = torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = network(x)
        assert outputs.shape == (n, 5)
        torch.testing.assert_close(
            torch.cat([network(each[None]) for each in x]), outputs, rtol=1e-4, atol=1e-5
        )


def test_r18_is_r2222() -> None:
    first, second = meta("R18").state_dict(), meta("R_2222").state_dict()
    assert {key: value.shape for key, value in first.items()} == {
        key: value.shape for key, value in second.items()
    }


@pytest.mark.parametrize("name", sorted(zoo.STAGES))
def test_every_network_has_its_blocks(name: str) -> None:
    network = zoo.build(name, width=1)
    assert len(network.layers) == 1 + sum(zoo.STAGES[name])
    if name not in ("R18", "R34"):
        assert zoo.STAGES[name] == tuple(int(digit) for digit in name[1:])


@settings(deadline=None, max_examples=20)
@given(NAMES, st.integers(1, 99), st.integers(1, 99), st.integers(1, 9))
def test_a_description_is_a_call_that_says_everything(
    name: str, width: int, classes: int, channels: int
) -> None:
    described = zoo.describe(name[0] + "_" + name[1:], width=width, classes=classes, channels=channels)
    assert parse_call(described) == (
        f"zoo:{name}",
        {"width": width, "classes": classes, "channels": channels},
    )
    assert zoo.describe(name) == zoo.describe(name, 64, 10, 3)


@pytest.mark.parametrize("what", ["width", "classes", "channels"])
@pytest.mark.parametrize("value", [0, -1, 1.0, "4", None])
def test_a_number_that_makes_no_network_is_named(what: str, value: Any) -> None:
    with pytest.raises(SpecError, match=f"expected {what} to be a whole number of at least 1, got {value!r}"):
        zoo.build("R1111", **{what: value})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("R1131", r"; did you mean 'R\d{4}'\?$"),
        ("r18", r"; did you mean 'R18'\?$"),
        ("R50", "$"),
        ("", "$"),
    ],
)
def test_a_name_that_is_none_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(
        ModelError, match=rf"unknown zoo network '{name}': expected one of R1111, .* \(18 in all\){hint}"
    ):
        zoo.build(name)
