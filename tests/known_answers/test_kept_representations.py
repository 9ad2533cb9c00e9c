"""Representations that many senders are planted in are computed once, and are the network's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from modelstitch.data.parts import Data
from modelstitch.grid.side import Side, make_side
from modelstitch.known_answers import kept_representations
from modelstitch.known_answers.kept_representations import kept
from modelstitch.models.network import Network

CUT = "layers.3"


class Counted:
    """Counts the examples that a source is asked for."""

    def __init__(self, source: Any) -> None:
        self.source, self.n = source, 0

    def represent(self, inputs: Any, names: Any, part: Any, indices: Any, *rest: Any, **more: Any) -> Any:
        self.n += len(indices)
        return self.source.represent(inputs, names, part, indices, *rest, **more)


@pytest.fixture(scope="module")
def side(trained: Network, digits: Data) -> Side:
    return make_side(trained, digits)


@pytest.fixture
def counted(side: Side) -> tuple[Side, Counted]:
    source = Counted(side.source)
    return kept(replace(side, source=source), CUT), source


def test_they_are_the_networks_own_and_are_computed_once(side: Side, counted: tuple[Side, Counted]) -> None:
    own, source = counted
    for some in (torch.tensor([5, 3, 3]), torch.arange(100, 140), torch.tensor([5])):
        (got,) = own.represent((CUT,), "held-out", some, torch.float32)
        (expected,) = side.represent((CUT,), "held-out", some, torch.float32)
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
    assert source.n == len(side.data.heldout)
    # What was asked for before changes nothing, to the bit.
    (alone,) = kept(side, CUT).represent((CUT,), "held-out", torch.tensor([3]), torch.float32)
    (before,) = own.represent((CUT,), "held-out", torch.tensor([3]), torch.float32)
    assert torch.equal(alone, before)


def test_all_else_is_asked_of_the_network(side: Side, counted: tuple[Side, Counted]) -> None:
    own, source = counted
    own.represent((CUT,), "train", torch.arange(4), torch.float64)
    own.represent(("layers.2",), "train", torch.arange(4), torch.float32)
    own.represent((CUT, "layers.2"), "train", torch.arange(4), torch.float32)
    assert source.n == 12
    # Other held-out examples are other ones, whatever their numbers are.
    few = side.data.heldout.take(torch.arange(9).flip(0))
    (got,) = own.with_heldout(few).represent((CUT,), "held-out", torch.arange(2), torch.float32)
    (expected,) = side.with_heldout(few).represent((CUT,), "held-out", torch.arange(2), torch.float32)
    assert torch.equal(got, expected)
    assert source.n == 14


def test_what_is_too_large_is_not_kept(
    side: Side, counted: tuple[Side, Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_representations, "_MOST_BYTES", 1000)
    own, source = counted
    own.represent((CUT,), "held-out", torch.arange(4), torch.float32)
    own.represent((CUT,), "held-out", torch.arange(4), torch.float32)
    assert source.n == 8
