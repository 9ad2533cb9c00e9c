"""One map says something wrong at most as often as it should: a few of the maps of benchmarks/error_rates.py.

Each test also shows that the same maps would be judged wrongly if every cell were judged by itself.
"""

from __future__ import annotations

import math

from error_rates import (
    interchangeable,
    judged,
    leading,
    learnt,
    map_of_errors,
    map_of_representations,
    more_than_label,
    not_learnt,
)
from scipy.stats import binom

from modelstitch.results.kept import ExampleParts, kept_rows
from modelstitch.results.rows import CellKey
from modelstitch.specs import TRAINED

Map = dict[tuple[str, CellKey], ExampleParts]


def most(n_maps: int, rate: float = 0.05) -> int:
    """Wrong maps of so many that a procedure with this rate exceeds once in ten thousand times."""
    return int(binom.ppf(0.9999, n_maps, rate))


def p_by_itself(parts: ExampleParts) -> float:
    assert parts.orders is not None
    return float((parts.orders >= parts.orders[0]).mean())


def alone(parts: Map, sender: str, receiver: str) -> Map:
    """A map of one cell, with all references."""
    return {
        at: each
        for at, each in parts.items()
        if at[0] != TRAINED or (at[1].sender_cut, at[1].receiver_cut) == (sender, receiver)
    }


def test_maps_without_content_within_classes_are_not_said_to_have_any() -> None:
    n_maps, wrong, wrong_by_itself = 16, 0, 0
    for seed in range(n_maps):
        parts = map_of_representations(seed, None)
        wrong += more_than_label(judged(parts))
        wrong_by_itself += any(p_by_itself(each) <= 0.05 for at, each in parts.items() if at[0] == TRAINED)
    assert wrong <= most(n_maps)
    assert wrong_by_itself > most(n_maps)


def test_maps_below_the_line_have_no_interchangeable_cell() -> None:
    """A hundredth below, and at the line itself, where each cell that is called interchangeable is wrong."""
    n_maps = 20
    assert sum(interchangeable(judged(map_of_errors(seed, 0.79))) for seed in range(n_maps)) == 0
    wrong, wrong_by_itself = 0, 0
    for seed in range(n_maps):
        parts = map_of_errors(seed, 0.8)
        wrong += interchangeable(judged(parts))
        lows = [
            row.low
            for receiver in range(5)
            for row in kept_rows(alone(parts, "a0", f"b{receiver}"))
            if row.control == TRAINED
        ]
        assert len(lows) == 5
        wrong_by_itself += any(low is not None and low >= 0.8 for low in lows)
    assert wrong <= most(n_maps)
    assert wrong_by_itself > wrong


def test_maps_above_the_line_are_found() -> None:
    assert all(interchangeable(judged(map_of_errors(seed, 0.86))) for seed in range(5))


def test_leads_at_the_line_are_neither_learnt_nor_not() -> None:
    n_maps, wrong, other = 25, 0, 0
    for seed in range(n_maps):
        found = leading(seed, unequal=True)
        wrong += learnt(found)
        other += not_learnt(found)
        assert all(math.isfinite(each.lead) for each in found.values())
    assert wrong <= most(n_maps)
    assert other <= most(n_maps)


def test_leads_far_from_the_line_are_found() -> None:
    assert learnt(leading(0, unequal=False, lead=0.25))
    assert not_learnt(leading(0, unequal=False, lead=-0.15))
