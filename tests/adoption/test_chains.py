"""Chains of three parts: exact where the stitches are, under a budget, refused where nothing is fitted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

import modelstitch as ms
from modelstitch.adoption.division import Division, divide
from modelstitch.adoption.work import whole_load
from modelstitch.adoption.worth.chains import ChainTable, chain_load, chain_scores, chains
from modelstitch.data.parts import Data
from modelstitch.errors import RunError, SpecError
from tests.adoption.toys import mlp, separable


@pytest.fixture(scope="module")
def data() -> Data:
    return separable()


def compared(one: nn.Module, other: nn.Module, data: Data, stitch: str = "identity") -> ms.Comparison:
    return ms.compare(
        one,
        other,
        data,
        stitch=stitch,
        fit=ms.FitSpec(steps=20),
        controls=(),
        evidence=(),
        allow_untrained=True,
    )


@pytest.fixture(scope="module")
def itself(data: Data) -> ms.Comparison:
    """A network and itself: identity stitches join it without a trace."""
    return compared(mlp(0), mlp(0), data)


@pytest.fixture(scope="module")
def pair(data: Data) -> tuple[ms.Comparison, ms.Comparison]:
    one, other = mlp(0), mlp(1)
    return compared(one, other, data, "affine"), compared(other, one, data, "affine")


def parts(data: Data) -> Division:
    return divide(len(data.heldout), data.digest)


def found(forward: ms.Comparison, backward: ms.Comparison, data: Data, **options: float) -> ChainTable:
    division = parts(data)
    return chains(forward, backward, division.choose, division.confirm, **options)  # type: ignore[arg-type]


def test_a_chain_through_itself_is_the_network(itself: ms.Comparison, data: Data) -> None:
    first, second = itself.cuts_in_order("receiver")
    there, again = itself.stitched(first, first), itself.stitched(second, second)
    outer = there.sides[0]
    assert outer.own_scores is not None
    assert torch.equal(chain_scores(there, again), outer.own_scores)
    assert chain_load(there, again) == whole_load(outer)
    table = found(itself, itself, data)
    # From the first cut of B to the second; A may be left and entered at either.
    assert table.n_possible == 4
    best = next(chain for chain in table.chains if (chain.leave, chain.back) == (first, second))
    assert best.load == table.whole
    assert best.expected == 0.0


def test_the_budget_leaves_out_what_is_dearer(pair: tuple[ms.Comparison, ms.Comparison], data: Data) -> None:
    free = found(*pair, data, at_most=100)
    assert free.n_affordable == free.n_possible == 4
    assert [chain.score for chain in free.chains] == sorted(
        (chain.score for chain in free.chains if chain.score is not None), reverse=True
    )
    cheapest = min(chain.load.multiply_adds for chain in free.chains)
    bound = cheapest / free.whole.multiply_adds
    tight = found(*pair, data, at_most=bound)
    assert tight.n_affordable >= 1
    assert all(chain.load.multiply_adds == cheapest for chain in tight.chains)
    nothing = found(*pair, data, at_most=0.5 * bound)
    assert (nothing.chains, nothing.confirmed, nothing.lost) == ((), None, None)
    assert nothing.sentences()[-1] == "No chain fits the budget."
    assert len(found(*pair, data, at_most=100, most=2).chains) == 2


def test_a_chain_costs_its_parts(pair: tuple[ms.Comparison, ms.Comparison], data: Data) -> None:
    forward, backward = pair
    first, second = forward.cuts_in_order("receiver")
    there, again = forward.stitched(first, first), backward.stitched(second, second)
    # 6 x 12 in front, a stitch of 12 x 12, a layer of B, a stitch, and the last layer of 12 x 3.
    assert chain_load(there, again).multiply_adds == 72 + 144 + 144 + 144 + 36
    assert chain_load(there, again).parameters == 84 + 156 + 156 + 156 + 39


def test_the_best_chain_is_told_with_its_interval(
    pair: tuple[ms.Comparison, ms.Comparison], data: Data
) -> None:
    table = found(*pair, data, at_most=10)
    assert table.lost is not None
    value, low, high = table.lost
    assert low <= value <= high
    first, second = pair[0].cuts_in_order("receiver")
    best = table.chains[0]
    again = chain_scores(pair[0].stitched(best.leave, best.enter), pair[1].stitched(best.exit, best.back))
    division = parts(data)
    assert best.score == pytest.approx(float(again[division.choose].double().mean()))
    assert table.confirmed == pytest.approx(float(again[division.confirm].double().mean()))
    assert f"from {first} to {second}" in table.sentences()[1]
    assert json.loads(json.dumps(table.to_plain()))["n_possible"] == 4


def test_what_is_not_fitted_is_refused_by_name(
    pair: tuple[ms.Comparison, ms.Comparison], itself: ms.Comparison, data: Data
) -> None:
    forward, backward = pair
    with pytest.raises(RunError, match=r"expected the pair .* the other direction .* the same networks"):
        found(forward, itself, data)
    with pytest.raises(SpecError, match=r"cells of .* with the stitch affine and seed 0, got none: fit them"):
        found(forward, replace(backward, cells=()), data)
    with pytest.raises(SpecError, match="a budget above 0"):
        found(forward, backward, data, at_most=0)
    with pytest.raises(RunError, match="numbers alone"):
        found(replace(forward, networks=None), backward, data)
    division = parts(data)
    with pytest.raises(SpecError, match="choose or confirm"):
        chains(forward, backward, division.choose, division.choose)
