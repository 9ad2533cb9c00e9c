"""From a finished run to what a cell is worth: costs by hand, and the verbs that everyone calls."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import modelstitch as ms
from modelstitch.adoption.worth.verbs import contender_of, load_of_cell
from modelstitch.errors import SpecError
from modelstitch.tasks import mean_score
from tests.adoption.test_money import PRICES
from tests.adoption.toys import mlp, separable


@pytest.fixture(scope="module")
def result() -> ms.Comparison:
    return ms.compare(
        mlp(0), mlp(1), separable(), fit=ms.FitSpec(steps=20), controls=(), evidence=(), allow_untrained=True
    )


def test_a_cell_as_its_rivals_meet_it(result: ms.Comparison) -> None:
    first, second = result.cuts_in_order("receiver")
    network = result.stitched(first, second)
    one = contender_of(network)
    assert mean_score(one.scores) == network.cell.score
    # A layer of 6 x 12, a stitch of 12 x 12, the head of 12 x 3, with their biases.
    assert one.load == ms.Load(84 + 156 + 39, 72 + 144 + 36)
    n_train = len(network.sides[0].data.train)
    assert one.spent == ms.Spent(20, 20 * 64, n_train * 72 + 20 * 64 * (3 * 144 + 2 * 36))
    assert load_of_cell(network) == one.load


def test_rivals_of_a_cell(result: ms.Comparison) -> None:
    first, second = result.cuts_in_order("receiver")
    state = torch.random.get_rng_state()
    table = ms.rivals_of(result, first, second, names=("whole-receiver", "sender-probe"))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [rival.name for rival in table.rivals] == ["whole-receiver", "sender-probe"]
    assert table.n == round(0.3 * result.facts.n_heldout) if result.facts.n_heldout else False
    with pytest.raises(SpecError, match="unknown receiver cut"):
        ms.rivals_of(result, first, "9")


def test_the_cost_of_a_cell(result: ms.Comparison) -> None:
    first, second = result.cuts_in_order("receiver")
    found = ms.cost_of(result, first, second, PRICES, labels_needed=100)
    whole = 72 + 144 + 36
    assert found.needs.load == pytest.approx(whole / whole)
    assert (found.needs.labels_reuse, found.needs.labels_retrain) == (100, 400)
    hours = result.stitched(first, second).cell.seconds / 3600
    assert found.costs["reuse"].once == pytest.approx(100 / 120 * 30 + 2 * hours + 20 * 100)
    without = ms.cost_of(result, first, second, PRICES)
    assert without.needs.labels_reuse == 400


def test_chains_and_regret_of_runs(result: ms.Comparison) -> None:
    back = ms.compare(
        mlp(1), mlp(0), separable(), fit=ms.FitSpec(steps=20), controls=(), evidence=(), allow_untrained=True
    )
    table = ms.chains_of(result, back, at_most=10)
    assert table.n_affordable == 4
    assert table.confirmed is not None
    with pytest.raises(SpecError, match="a run with a finished cell, got none"):
        ms.chains_of(replace(result, cells=()), back)
