"""Regret of proxies: zero where a proxy orders like the score, the whole gap where it does not."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import modelstitch as ms
from modelstitch.adoption.division import divide
from modelstitch.adoption.rivals.rival_kinds import RivalFits
from modelstitch.adoption.worth.proxies import heldout_scores, probes, proxy_regrets
from modelstitch.adoption.worth.regret import regrets
from modelstitch.errors import SpecError
from modelstitch.tasks import mean_score
from tests.adoption.toys import mlp, separable

SENDERS, RECEIVERS = ("a", "b", "c"), ("x", "y")
CELLS = [(sender, receiver) for receiver in RECEIVERS for sender in SENDERS]
CHOOSE, CONFIRM = torch.arange(0, 400, 2), torch.arange(1, 400, 2)


def drawn(seed: int) -> dict[tuple[str, str], torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {cell: torch.rand(400, generator=generator) < 0.2 + 0.1 * i for i, cell in enumerate(CELLS)}


@given(st.integers(0, 100), st.floats(0.1, 10))
def test_a_proxy_that_orders_like_the_score_loses_nothing(seed: int, slope: float) -> None:
    scores = drawn(seed)
    same = {cell: slope * mean_score(values[CHOOSE]) for cell, values in scores.items()}
    found = regrets(scores, {"same": same}, CHOOSE, CONFIRM).proxies["same"]
    rows = (*found.by_receiver, found.mean, found.whole)
    assert all((row.value, row.low, row.high) == (0.0, 0.0, 0.0) for row in rows)


@given(st.integers(0, 100))
def test_the_worst_choice_loses_the_gap_on_the_confirming_examples(seed: int) -> None:
    scores = drawn(seed)
    worst = {cell: -mean_score(values[CHOOSE]) for cell, values in scores.items()}
    found = regrets(scores, {"worst": worst}, CHOOSE, CONFIRM).proxies["worst"]
    gaps = []
    for row, receiver in zip(found.by_receiver, RECEIVERS, strict=True):
        of_cut = {cell: mean_score(scores[cell][CHOOSE]) for cell in CELLS if cell[1] == receiver}
        best, least = max(of_cut, key=lambda c: of_cut[c]), min(of_cut, key=lambda c: of_cut[c])
        assert (row.best, row.chosen) == (best, least)
        gap = mean_score(scores[best][CONFIRM]) - mean_score(scores[least][CONFIRM])
        assert row.value == pytest.approx(gap)
        assert row.low < row.value < row.high
        gaps.append(gap)
    assert found.mean.value == pytest.approx(sum(gaps) / len(gaps))
    assert found.whole.value > 0.2


def test_intervals_hold_the_true_loss_often_enough() -> None:
    held = 0
    for seed in range(200):
        proxy = {cell: float(cell[0] == "a") for cell in CELLS}
        found = regrets(drawn(seed), {"first": proxy}, CHOOSE, CONFIRM).proxies["first"].by_receiver[1]
        # The best of y is c, but for chance: .7 against .5 of a.
        held += found.best == ("c", "y") and found.low <= 0.2 <= found.high
    assert held > 180


def test_what_a_proxy_does_not_know_is_not_chosen_and_not_averaged() -> None:
    scores = drawn(0)
    half = {cell: math.nan if cell[0] == "c" else 1.0 for cell in CELLS if cell[1] == "x"}
    found = regrets(scores, {"half": half}, CHOOSE, CONFIRM)
    known, unknown = found.proxies["half"].by_receiver
    assert known.chosen == ("a", "x")
    assert (unknown.chosen, unknown.best) == (None, ("c", "y"))
    assert math.isnan(unknown.value)
    assert math.isnan(found.proxies["half"].mean.value)
    plain = json.loads(json.dumps(found.to_plain(), allow_nan=False))
    assert plain["proxies"]["half"]["mean"]["value"] is None


def test_shared_examples_and_no_cell_are_refused() -> None:
    with pytest.raises(SpecError, match="choose or confirm"):
        regrets(drawn(0), {}, CHOOSE, CHOOSE)
    with pytest.raises(SpecError, match="scores of some cells, got none"):
        regrets({}, {}, CHOOSE, CONFIRM)


def test_every_proxy_of_a_run() -> None:
    data = separable()
    result = ms.compare(
        mlp(0),
        mlp(1),
        data,
        stitch=("affine", "affine by match"),
        fit=ms.FitSpec(steps=20),
        controls=(),
        evidence=(),
        allow_untrained=True,
    )
    division = divide(len(data.heldout), data.digest)
    found = proxy_regrets(result, division.choose, division.confirm, stitch="affine")
    assert list(found.proxies) == ["cka", "mutual-knn", "probes", "closed-form", "deepest"]
    for proxy in found.proxies.values():
        assert len(proxy.by_receiver) == 2
        assert proxy.mean.low <= proxy.mean.value <= proxy.mean.high
    first, second = result.cuts_in_order("receiver")
    network = result.stitched(first, second, stitch="affine")
    assert mean_score(heldout_scores(network)) == network.cell.score
    assert len(found.sentences()) == 6
    # Two probes at one cut of one network answer alike; no others more so.
    side = network.sides[1]
    alike = probes(side, side, [(first, first), (second, first)], RivalFits())
    assert alike[first, first] == pytest.approx(0, abs=1e-6)
    assert alike[second, first] < -1e-3
