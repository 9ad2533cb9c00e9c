"""Which models are one architecture with other weights: what differs in anything but its weights is none."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.cutting.copies import are_copies
from modelstitch.data.parts import Data


@dataclass
class Settings:
    width: int


class Holding(nn.Module):
    """Holds something, whatever it is, where nothing of torch's looks."""

    def __init__(self, held: Any = None, width: int = 4) -> None:
        super().__init__()
        self.held = held
        self.one, self.two = nn.Linear(64, width), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        act = self.held if callable(self.held) else F.relu
        output: Tensor = self.two(act(self.one(x.flatten(1))))
        return output


def made(held: Any = None, **options: int) -> Holding:
    return Holding(held, **options)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (F.relu, F.relu6),
        ([F.relu], [F.relu6]),
        ([1.0], [2.0]),
        ({"a": 1}, {"a": 2}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ((torch.zeros(2), torch.ones(2)), (torch.zeros(2), torch.zeros(2))),
        (torch.zeros(2), torch.zeros(3)),
        (np.zeros(2), np.ones(2)),
        (Settings(1), Settings(2)),
        ([nn.Dropout(0.1)], [nn.Dropout(0.2)]),
        (nn.Linear(2, 2), nn.Linear(2, 3)),
        (partial(F.leaky_relu, negative_slope=0.1), partial(F.leaky_relu, negative_slope=0.2)),
        (object(), object()),
        (1, 1.0),
        ("a", None),
    ],
)
def test_whatever_differs_is_seen(one: Any, other: Any) -> None:
    assert not are_copies(made(one), made(other))


@pytest.mark.parametrize(
    "build",
    [
        lambda: F.relu,
        lambda: [F.relu, 1, "a", None],
        lambda: (torch.arange(3), np.arange(3)),
        lambda: {"a": {"b": [1.0]}},
        lambda: Settings(3),
        lambda: [nn.Linear(2, 3)],
    ],
)
def test_what_is_alike_is_a_copy(build: Any) -> None:
    one, other = made(build()), made(build())
    assert are_copies(one, other)
    assert are_copies(one, copy.deepcopy(one))


def test_shapes_kinds_hooks_and_shared_modules_are_seen() -> None:
    assert not are_copies(made(width=4), made(width=5))
    hooked = made()
    hooked.one.register_forward_hook(lambda module, given, output: output * 2)
    assert not are_copies(made(), hooked)
    shared, apart = made(), made()
    shared.held = shared.one
    apart.held = nn.Linear(64, 4)
    assert not are_copies(shared, apart)
    own = [made(), made()]
    for each in own:
        each.held = [own[0]]  # one that holds itself, and one that holds another
    assert isinstance(are_copies(*own), bool)


def test_a_network_with_another_function_is_captured_by_itself(digits: Data) -> None:
    """Where both functions agree on the few examples that a check would see."""
    torch.manual_seed(0)
    one = made(F.relu).eval()
    other = made(F.relu6).eval()
    with torch.no_grad():
        other.one.bias[0] = 40.0  # beyond 6, where the functions differ
    stitched = ms.stitch(one, "one", other, "one", digits, fit=ms.FitSpec(steps=2), allow_untrained=True)
    x = digits.heldout.images[:8]
    assert torch.equal(stitched.suffix(other.one(x.flatten(1))), other(x))


class Skipping(nn.Module):
    """A chain of layers with or without a skip, that no graph can be captured of."""

    def __init__(self, skips: list[int]) -> None:
        super().__init__()
        self.skips = skips
        self.first = nn.Linear(64, 8)
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = start = self.first(x.flatten(1))
        for number, layer in enumerate(self.layers):
            y = layer(y).relu()
            if number in self.skips:
                y = y + start
        if float(y.detach().sum()) > 1e9:
            y = y / 2
        output: Tensor = self.head(y)
        return output


@pytest.mark.parametrize("flipped", [False, True])
def test_cuts_by_hooks_are_never_taken_from_another_model(digits: Data, flipped: bool) -> None:
    torch.manual_seed(0)
    pair = [Skipping([]).eval(), Skipping([2]).eval()]
    names = {id(model): {cut.name for cut in ms.cuts(model, digits.train.images[:4])} for model in pair}
    sender, receiver = pair[::-1] if flipped else pair
    found = ms.compare(
        sender,
        receiver,
        digits,
        stitch="affine by match",
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=1),
        allow_untrained=True,
    )
    assert {cell.sender_cut for cell in found.cells} == names[id(sender)]
    assert {cell.receiver_cut for cell in found.cells} == names[id(receiver)]
