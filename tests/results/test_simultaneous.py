"""Simultaneous intervals cover all means at once as often as they say, and use what cells share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from modelstitch.results.rows import AdvantageRow, CellKey
from modelstitch.results.sentences import of_advantages
from modelstitch.results.simultaneous import advantages, half_widths, max_t


def test_all_intervals_cover_at_once() -> None:
    random = np.random.default_rng(0)
    cells, n, trials = 15, 400, 200
    truth = np.linspace(-0.2, 0.3, cells)
    covered = 0
    for trial in range(trials):
        shared = random.standard_normal(n)
        draws = truth[:, None] + 0.5 * shared + random.standard_normal((cells, n))
        means, widths = max_t(draws, seed=trial)
        covered += bool((np.abs(means - truth) <= widths).all())
    assert 0.90 <= covered / trials <= 0.99


def test_equal_cells_cost_nothing_and_independent_ones_what_bonferroni_says() -> None:
    random = np.random.default_rng(1)
    one = random.standard_normal((1, 2000))
    alone, same = max_t(one)[1][0], max_t(np.repeat(one, 30, axis=0))[1][0]
    assert same == pytest.approx(alone, rel=0.05)
    many = max_t(random.standard_normal((30, 2000)))
    quantile = float(many[1][0]) / float(one.std() / 2000**0.5)
    assert quantile == pytest.approx(norm.ppf(1 - 0.025 / 30), rel=0.08)


def test_a_cell_without_variance_has_no_width() -> None:
    means, widths = max_t(np.zeros((2, 50)))
    assert means.tolist() == widths.tolist() == [0, 0]


def test_differences_are_taken_on_the_same_examples() -> None:
    key, other = CellKey("a", "b", "affine", 0), CellKey("a", "c", "affine", 0)
    real = np.array([True, True, False, True] * 50)
    rows = advantages(
        {
            ("trained", key): real,
            ("random-sender", key): ~real,
            ("self-stitch", key): real,
            ("self-stitch", other): real,
            ("shuffled-labels", key): ~real,
        }
    )
    assert [(row.control, row.difference) for row in rows] == [("random-sender", 0.5), ("self-stitch", 0.0)]
    assert rows[0].low < 0.5 < rows[0].high
    assert advantages({("trained", key): real}) == []


def test_the_sentence_counts_both_directions() -> None:
    def row(low: float, high: float, control: str = "random-sender") -> AdvantageRow:
        return AdvantageRow(
            control=control,
            sender_cut="a",
            receiver_cut="b",
            stitch="affine",
            seed=0,
            difference=(low + high) / 2,
            low=low,
            high=high,
        )

    rows = [row(0.1, 0.2), row(-0.1, 0.1), row(-0.3, -0.2), row(0.1, 0.2, "one-hot")]
    assert of_advantages(rows) == [
        "The trained pair is ahead of a random sender in 1 of 3 cells and behind in 1. "
        "The rate of error is 5 % for all comparisons together."
    ]
    assert of_advantages([]) == []


def test_the_half_widths_of_a_mean_over_draws_cover_at_once() -> None:
    """Errors from examples and from three draws a cell, of one unknown variance."""
    random = np.random.default_rng(0)
    cells, n, m, trials = 10, 200, 3, 300
    covered = 0
    for trial in range(trials):
        rows = 0.5 * random.standard_normal(n) + random.standard_normal((cells, n))
        draws = 0.1 * random.standard_normal((cells, m))
        spread = np.sqrt(draws.var(1, ddof=1).mean() / m)
        means = rows.mean(1) + draws.mean(1)
        influences = rows - rows.mean(1, keepdims=True)
        widths = half_widths(influences, np.full(cells, spread), cells * (m - 1), seed=trial)
        covered += bool((np.abs(means) <= widths).all())
    assert 0.91 <= covered / trials <= 0.985


def test_one_draw_variance_of_few_degrees_costs_what_student_says() -> None:
    influences = np.zeros((1, 50))
    for freedom in (2, 5, 40):
        width = half_widths(influences, np.array([0.3]), freedom)
        assert float(width[0]) == pytest.approx(0.3 * t.ppf(0.975, freedom), rel=0.12)


def test_nothing_measured_has_no_width() -> None:
    assert half_widths(np.zeros((3, 0))).tolist() == [0, 0, 0]
    assert half_widths(np.zeros((3, 1))).tolist() == [0, 0, 0]
