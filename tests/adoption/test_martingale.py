"""The evidence of a monitor: a martingale under the law that it states, by enumeration and by oracles."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import ville
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import ndarray
from river.drift import ADWIN

from modelstitch.adoption.monitor import bets, martingale
from modelstitch.adoption.monitor.gaps import chances, gaps
from modelstitch.adoption.monitor.martingale import Martingale, followed, fresh
from modelstitch.adoption.monitor.paired import log_worse
from modelstitch.adoption.pilot.processes import log_evidence
from modelstitch.errors import DataError


def urn(sequence: tuple[int, ...], n: int) -> float:
    """The chance of a sequence of gaps: each gap is as likely as it was often seen, and once more."""
    chance = 1.0
    for t, gap in enumerate(sequence):
        chance *= (1 + sequence[:t].count(gap)) / (n + 1 + t)
    return chance


@pytest.mark.parametrize(("n", "length"), [(4, 3), (9, 2)])
def test_the_capital_is_one_on_average_over_all_streams(
    n: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Bets begin before the first, the second and the third example.
    monkeypatch.setattr(bets, "_FIRST", 1)
    monkeypatch.setattr(bets, "_EACH_DOUBLING", 1)
    by_length = np.zeros(length)
    total = 0.0
    for sequence in itertools.product(range(n + 1), repeat=length):
        chance = urn(sequence, n)
        total += chance
        by_length += chance * np.exp(followed(fresh(n), np.array(sequence))[1])
    assert total == pytest.approx(1)
    assert by_length == pytest.approx(np.ones(length), abs=1e-9)


def test_the_urn_is_the_law_of_gaps_with_and_without_ties() -> None:
    # Two calibrating values and two of the stream: every order of the four is equally likely.
    rng = np.random.default_rng(0)
    for draw in (rng.random, lambda n: rng.integers(0, 2, n).astype(float)):
        counts = np.zeros((3, 3))
        for seed in range(1200):
            values = draw(4)
            first, second = gaps(values[2:], np.sort(values[:2]), seed, "loss", 0)
            counts[first, second] += 1
        expected = np.array([[urn((i, j), 2) for j in range(3)] for i in range(3)])
        assert np.abs(counts / 1200 - expected).max() < 0.04


def test_gaps_count_the_calibrating_values_below() -> None:
    rng = np.random.default_rng(1)
    calibration, values = np.sort(rng.integers(100, 999, 200)) / 1e3, rng.integers(100, 999, 50) / 1e3 + 5e-4
    expected = [int((calibration < value).sum()) for value in values]
    assert gaps(values, calibration, 0, "loss", 0).tolist() == expected


def test_the_last_digits_of_two_forms_of_a_network_are_no_change() -> None:
    rng = np.random.default_rng(4)
    losses = np.where(rng.random(1300) < 0.8, rng.choice([0.0, 1.2e-7, 0.5, 0.7], 1300), rng.random(1300))
    # The stream comes from another form of the network: each of its losses is a little larger.
    stream = losses[300:] * (1 + 3e-7) + 4e-7
    state, _ = followed(fresh(300), gaps(stream, np.sort(losses[:300]), 0, "loss", 0))
    assert state.most < math.log(20)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 2**40), st.integers(1, 29))
@settings(max_examples=30, deadline=None)
def test_gaps_do_not_depend_on_where_batches_are_cut(values: list[int], seed: int, cut: int) -> None:
    calibration = np.sort(np.array([0.0, 0, 1, 1, 1, 2, 3, 3]))
    stream = np.array(values, dtype=float)
    whole = gaps(stream, calibration, seed, "loss", 0)
    parts = (
        gaps(stream[:cut], calibration, seed, "loss", 0),
        gaps(stream[cut:], calibration, seed, "loss", cut),
    )
    assert np.concatenate(parts).tolist() == whole.tolist()
    low, high = np.searchsorted(calibration, stream), np.searchsorted(calibration, stream, side="right")
    assert ((low <= whole) & (whole <= high)).all()


def test_chances_are_uniform_and_other_seeds_and_purposes_have_others() -> None:
    many = chances(0, "loss", 0, 20_000)
    assert 0 <= many.min() < 0.01 < 0.99 < many.max() < 1
    assert (many.mean(), many.var()) == pytest.approx((0.5, 1 / 12), abs=0.01)
    assert len({float(chances(*which, 0, 1)[0]) for which in ((0, "a"), (1, "a"), (0, "b"))}) == 3


def test_one_bet_is_the_beta_binomial_test_where_calibration_is_endless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(martingale, "EDGES", ((0.5,),))
    monkeypatch.setattr(martingale, "STRENGTHS", (20.0,))
    n = 10**9 - 1
    rights = np.random.default_rng(2).random(60) < 0.7
    _, path = followed(fresh(n), np.where(rights, n, 0))
    oracle = ville.BernoulliTest(0.5, prior=(10, 10)).fit(rights.astype(float)).log_e_values_
    assert path == pytest.approx(np.log(0.5 * np.exp(oracle) + 0.5), abs=1e-6)


def test_a_stream_in_batches_gives_the_same_evidence() -> None:
    stream = np.random.default_rng(3).integers(40, 101, 400)
    whole, path = followed(fresh(100), stream)
    state = fresh(100)
    pieces = []
    for batch in np.split(stream, [1, 63, 64, 65, 200]):
        state, piece = followed(Martingale.from_plain(state.to_plain()), batch)
        pieces.append(piece)
    assert np.concatenate(pieces) == pytest.approx(path, abs=1e-9)
    assert state.log_value == pytest.approx(whole.log_value, abs=1e-9)
    assert whole.most == pytest.approx(path.max())
    assert whole.most > math.log(20)


def drawn(kind: str, n: int, rng: np.random.Generator) -> ndarray:
    if kind == "continuous":
        return rng.standard_normal(n)
    return (rng.random(n) < 0.3).astype(float) if kind == "right or wrong" else rng.integers(0, 4, n) / 4.0


@pytest.mark.parametrize("kind", ["continuous", "right or wrong", "few values"])
def test_false_alarms_are_no_more_than_promised(kind: str) -> None:
    alarms = 0
    for seed in range(40):
        values = drawn(kind, 100 + 1000, np.random.default_rng(seed))
        where = gaps(values[100:], np.sort(values[:100]), seed, "loss", 0)
        alarms += followed(fresh(100), where)[0].most >= math.log(1 / 0.05)
    assert alarms <= 5  # 40 draws at 5 %: more than 5 come by chance once in 20 times


@pytest.mark.parametrize(("shift", "after"), [(0.7, 0), (-0.7, 0), (0.7, 300)])
def test_a_shift_is_found(shift: float, after: int) -> None:
    rng = np.random.default_rng(5)
    calibration = np.sort(rng.standard_normal(300))
    stream = rng.standard_normal(600) + shift * (np.arange(600) >= after)
    _, path = followed(fresh(300), gaps(stream, calibration, 0, "distance", 0))
    (found,) = np.flatnonzero(path >= math.log(20))[:1]
    assert after < found < after + 200
    # A window that adapts (Bifet & Gavalda 2007) sees the change, too, and none before it.
    window, seen = ADWIN(delta=0.002), []  # type: ignore[no-untyped-call]
    for number, value in enumerate([*rng.permutation(calibration), *stream]):
        window.update(float(value))  # type: ignore[no-untyped-call]
        seen += [number - 300] if window.drift_detected else []
    assert seen
    assert after < seen[0] < after + 250


def test_a_state_that_does_not_fit_is_refused() -> None:
    state, _ = followed(fresh(100), np.full(70, 90))
    plain = state.to_plain()
    for change in (
        {"t": 69},
        {"capital": plain["capital"][:1]},
        {"counts": plain["counts"][1:]},
        {"before": [[math.nan]]},
        {"most": math.nan},
    ):
        with pytest.raises(DataError, match="martingale"):
            Martingale.from_plain({**plain, **change})
    with pytest.raises(DataError, match="martingale"):
        Martingale.from_plain({})


@pytest.mark.parametrize("worse", [0.02, 0.0])
def test_evidence_of_a_worse_candidate_keeps_its_rate_and_sees_one_that_fails(worse: float) -> None:
    # Exactly as bad as the margin allows, and as good: the wrong answer comes at most once in 20 times.
    rng = np.random.default_rng(6)
    drawn = rng.random((200, 2000))
    differences = np.where(drawn < 0.05 + worse, -1.0, 0.0) + np.where(drawn > 0.95, 1.0, 0.0)
    alarms = sum(bool(log_worse(row, 0.02).max() >= math.log(20)) for row in differences)
    assert alarms <= 17
    failing = np.where(rng.random(100) < 0.5, -1.0, 0.0)
    assert log_worse(failing, 0.02)[-1] > math.log(240)


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_evidence_of_a_worse_candidate_is_the_product_of_its_bets(values: list[float]) -> None:
    x, d = np.array(values), 0.1
    fixed = [np.prod(1 - share / (1 + d) * (x + d)) for share in (0.05, 0.1, 0.2, 0.4, 0.8)]
    pilots = math.exp(float(log_evidence(x, d)[1][-1]))
    assert math.exp(log_worse(x, d)[-1]) == pytest.approx(0.5 * pilots + 0.5 * np.mean(fixed))
