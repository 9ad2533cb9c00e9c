"""What a cell keeps, whether it was learnt, and their intervals: against direct computations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from modelstitch.results.kept import ExampleParts, kept_at, kept_rows, more_than_label
from modelstitch.results.rows import CellKey, KeptRow
from modelstitch.results.simultaneous import half_widths
from modelstitch.specs import SELF_STITCH, TRAINED, label_only_controls
from modelstitch.specs.verdicts import KeptScale

LABEL = label_only_controls()[0]
seeds = st.integers(0, 10**6)


def drawn(n: int, mean: float, seed: int = 0) -> np.ndarray:
    """Errors (n,) of this mean, as squares of several numbers are spread."""
    return mean * np.random.default_rng(seed).chisquare(8, n) / 8


def parts(orders: np.ndarray | None = None, **errors: np.ndarray | None) -> ExampleParts:
    return ExampleParts(errors, orders)


def key(sender: str = "a", receiver: str = "b", seed: int = 0) -> CellKey:
    return CellKey(sender, receiver, "affine", seed)


def row_of(rows: Sequence[KeptRow], at: CellKey, control: str = TRAINED) -> KeptRow:
    (row,) = [row for row in rows if (row.control, row.key) == (control, at)]
    return row


def half(row: KeptRow) -> float:
    """Half the width of the interval of kept, of one place."""
    assert row.low is not None
    assert row.high is not None
    return (row.high - row.low) / 2


def one_cell(
    cell: ExampleParts, own: ExampleParts, label: ExampleParts
) -> Mapping[tuple[str, CellKey], ExampleParts]:
    return {(TRAINED, key()): cell, (SELF_STITCH, key("b")): own, (LABEL, key()): label}


@settings(max_examples=30)
@given(st.integers(20, 200), st.floats(0, 1), seeds)
def test_kept_is_0_for_the_label_1_for_itself_and_linear_between(n: int, share: float, seed: int) -> None:
    label, own = drawn(n, 1.0, seed), 0.1 * drawn(n, 1.0, seed + 1)
    mixed = (1 - share) * label + share * own
    found = kept_at(parts(cut=mixed), parts(cut=own), [parts(cut=label)])
    assert found.value == pytest.approx(share, abs=1e-12)
    assert found.shares[0] == pytest.approx([1 - mixed.mean(), 1 - own.mean(), 1 - label.mean()])
    assert kept_at(parts(cut=label), parts(cut=own), [parts(cut=label)]).value == 0
    assert kept_at(parts(cut=own), parts(cut=own), [parts(cut=label)]).value == pytest.approx(1)


def test_of_several_label_only_senders_the_best_counts() -> None:
    own, worse, better = drawn(300, 0.0), drawn(300, 1.2, 1), drawn(300, 0.8, 2)
    cell = drawn(300, 0.4, 3)
    found = kept_at(parts(cut=cell), parts(cut=own), [parts(cut=worse), parts(cut=None), parts(cut=better)])
    assert found.value == pytest.approx((better.mean() - cell.mean()) / better.mean())


def test_an_influence_is_what_leaving_an_example_out_changes() -> None:
    n = 400
    label, own, cell = drawn(n, 1.0), drawn(n, 0.1, 1), drawn(n, 0.5, 2)
    found = kept_at(parts(cut=cell), parts(cut=own), [parts(cut=label)])
    gained, width = label - cell, label - own
    left_out = np.array([np.delete(gained, i).mean() / np.delete(width, i).mean() for i in range(n)])
    jackknife = (n - 1) * (found.value - left_out)
    np.testing.assert_allclose(found.influences[0], jackknife, atol=0.05)
    assert found.influences[0].mean() == pytest.approx(0, abs=1e-12)


def test_an_interval_is_that_of_the_bootstrap() -> None:
    n = 800
    shared = drawn(n, 1.0)
    label, own, cell = shared, 0.1 * shared, shared * drawn(n, 0.5, 1)
    rows = kept_rows(one_cell(parts(cut=cell), parts(cut=own), parts(cut=label)))
    row = row_of(rows, key())
    picked = np.random.default_rng(0).integers(0, n, (4000, n))
    ratios = (label - cell)[picked].sum(1) / (label - own)[picked].sum(1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    assert row.low == pytest.approx(low, abs=0.12 * (high - low))
    assert row.high == pytest.approx(high, abs=0.12 * (high - low))


def test_the_ends_are_where_the_label_and_the_self_stitch_would_say_so_just_not() -> None:
    """Each end times the range, less what is gained, is as many standard errors from 0: Fieller 1954."""
    n = 150
    label, own, cell = drawn(n, 1.0), drawn(n, 0.3, 1), drawn(n, 0.5, 2)
    row = row_of(kept_rows(one_cell(parts(cut=cell), parts(cut=own), parts(cut=label))), key())

    def errors_from_0(share: float | None) -> float:
        assert share is not None
        rows = label - cell - share * (label - own)
        return float(rows.mean() / (rows.std(ddof=1) / math.sqrt(n)))

    assert errors_from_0(row.kept) == pytest.approx(0, abs=1e-9)
    assert errors_from_0(row.low) == pytest.approx(-errors_from_0(row.high), rel=1e-9)
    assert errors_from_0(row.low) == pytest.approx(1.96, abs=0.1)


def test_kept_is_the_smallest_over_the_places() -> None:
    n = 500
    label, own = drawn(n, 1.0), drawn(n, 0.05, 1)
    cell = {"cut": drawn(n, 0.2, 2), "later": drawn(n, 0.6, 3), "output": drawn(n, 0.4, 4)}
    rows = kept_rows(
        one_cell(parts(**cell), parts(**dict.fromkeys(cell, own)), parts(**dict.fromkeys(cell, label)))
    )
    row = row_of(rows, key())
    by_place = {place: (label - errors).mean() / (label - own).mean() for place, errors in cell.items()}
    assert row.where == "later"
    assert row.kept == row.head == pytest.approx(min(by_place.values()))
    assert (row.recovered, row.own, row.label) == pytest.approx(
        (1 - cell["later"].mean(), 1 - own.mean(), 1 - label.mean())
    )
    assert row.n == n
    # Where the cut keeps least, what serves this head is another number.
    swapped = {"cut": cell["later"], "later": cell["cut"], "output": cell["output"]}
    row = row_of(
        kept_rows(
            one_cell(parts(**swapped), parts(**dict.fromkeys(cell, own)), parts(**dict.fromkeys(cell, label)))
        ),
        key(),
    )
    assert row.where == "cut"
    assert row.head == pytest.approx(by_place["output"])


def test_the_ends_are_the_smallest_ends_so_that_ties_do_not_narrow_them() -> None:
    """With all places alike the smallest value is below the truth, and the interval still covers it."""
    covered, below = 0, []
    truth, n, trials = 0.6, 200, 300
    for trial in range(trials):
        label, own = np.ones(n), np.zeros(n)
        cell = {place: drawn(n, 1 - truth, 10 * trial + i) for i, place in enumerate(("a", "b", "c", "d"))}
        rows = kept_rows(
            one_cell(parts(**cell), parts(**dict.fromkeys(cell, own)), parts(**dict.fromkeys(cell, label)))
        )
        row = row_of(rows, key())
        assert row.low is not None
        assert row.high is not None
        assert row.kept is not None
        covered += row.low <= truth <= row.high
        below.append(truth - row.kept)
    assert np.mean(below) > 0
    assert covered / trials >= 0.93


def test_a_place_without_a_range_makes_kept_unknown_and_is_named() -> None:
    n = 200
    label, own, cell = drawn(n, 0.45), drawn(n, 0.1, 1), drawn(n, 0.3, 2)
    for near in (label - 0.05, None):  # label-only sender and self-stitch alike, and nothing measured
        row = row_of(
            kept_rows(
                one_cell(
                    parts(cut=cell, output=cell), parts(cut=own, output=near), parts(cut=label, output=label)
                )
            ),
            key(),
        )
        assert (row.kept, row.low, row.high, row.head) == (None,) * 4
        assert row.where == "output"
        assert row.label == pytest.approx(1 - label.mean())
    # Where the cut has no range, the head still has its number.
    rows = one_cell(
        parts(cut=cell, output=cell), parts(cut=label - 0.05, output=own), parts(cut=label, output=label)
    )
    row = row_of(kept_rows(rows), key())
    assert (row.kept, row.where) == (None, "cut")
    assert row.head == pytest.approx((label - cell).mean() / (label - own).mean())


@settings(max_examples=20)
@given(st.floats(0.15, 0.45), st.floats(0, 1), seeds)
def test_where_the_self_stitch_loses_more_than_half_the_low_end_is_without_it(
    own_share: float, share: float, seed: int
) -> None:
    label, own = np.ones(200), drawn(200, 1 - own_share, seed).clip(max=1.5)
    cell = (1 - share) * label + share * own
    row = row_of(kept_rows(one_cell(parts(output=cell), parts(output=own), parts(output=label))), key())
    assert row.scaled_by is KeptScale.BOTH
    assert row.own == pytest.approx(1 - own.mean())
    assert row.kept is not None
    assert row.kept == pytest.approx(1 - cell.mean())
    assert row.low is not None
    assert row.low <= row.kept
    assert row.high is not None
    assert row.high >= share - 1e-9
    assert row.kept <= share + 1e-9


def test_where_the_self_stitch_keeps_more_than_half_it_is_the_one_scale() -> None:
    label, own = np.ones(200), drawn(200, 0.4)
    row = row_of(kept_rows(one_cell(parts(output=own), parts(output=own), parts(output=label))), key())
    assert (row.scaled_by, row.kept, row.high) == (KeptScale.SELF_STITCH, 1.0, 1.0)


def test_a_label_alone_is_known_to_keep_little_though_the_self_stitch_keeps_hardly_more() -> None:
    label, cut, output = np.ones(200), drawn(200, 0.8), drawn(200, 0.95)
    nothing = parts(cut=drawn(200, 1.0, 1), output=label)
    own, floor = parts(cut=cut, output=output), parts(cut=drawn(200, 1.0, 1), output=label)
    row = row_of(kept_rows(one_cell(nothing, own, floor)), key())
    assert row.scaled_by is KeptScale.BOTH
    assert row.kept == pytest.approx(0, abs=1e-9)
    assert row.high is not None
    assert row.high < 0.175
    # The self-stitch's own sender reaches from what it keeps of the receiver to all that it keeps itself.
    same = row_of(kept_rows(one_cell(own, own, floor)), key())
    assert same.kept == pytest.approx(1 - output.mean(), abs=1e-6)
    assert same.high == pytest.approx(1)
    # In the output alone nothing bounds it from above: it is not known.
    alone = one_cell(parts(output=output), parts(output=output), parts(output=label))
    assert row_of(kept_rows(alone), key()).kept is None


def test_no_lead_is_stated_where_the_self_stitch_loses_more_than_half() -> None:
    label, own = np.ones(200), drawn(200, 0.7)
    found = kept_rows(
        one_cell(parts(output=own), parts(output=own), parts(output=label)),
        {key(): [parts(output=drawn(200, 0.9, seed)) for seed in range(3)]},
        "random-sender",
    )
    assert row_of(found, key()).lead is None


def test_a_range_within_its_error_is_none() -> None:
    label = np.ones(50)
    own = label - 0.3 - np.random.default_rng(1).standard_normal(50)
    assert 0.1 < (label - own).mean() < 4 * (label - own).std() / 7
    found = kept_at(parts(cut=drawn(50, 0.5)), parts(cut=own), [parts(cut=label)])
    assert math.isnan(found.value)


def test_a_cell_without_anything_measured_is_unknown() -> None:
    rows = kept_rows(one_cell(parts(cut=None), parts(cut=drawn(50, 0.1)), parts(cut=drawn(50, 1.0))))
    row = row_of(rows, key())
    assert (row.kept, row.low, row.high, row.recovered) == (None,) * 4
    assert row.own is not None


def test_cells_without_a_self_stitch_or_a_label_only_sender_have_no_row() -> None:
    cell = parts(cut=drawn(50, 0.5))
    assert kept_rows({(TRAINED, key()): cell, (LABEL, key()): cell}) == []
    assert [row.control for row in kept_rows({(TRAINED, key()): cell, (SELF_STITCH, key("b")): cell})] == []
    # Another seed's references are not this seed's.
    others = {(SELF_STITCH, key("b", seed=1)): cell, (LABEL, key(seed=1)): cell}
    assert TRAINED not in {row.control for row in kept_rows({(TRAINED, key()): cell, **others})}


def test_the_self_stitch_keeps_1_and_the_label_only_sender_0_each_with_no_width() -> None:
    rows = kept_rows(
        one_cell(parts(cut=drawn(90, 0.5)), parts(cut=drawn(90, 0.1, 1)), parts(cut=drawn(90, 1.0, 2)))
    )
    own, label = row_of(rows, key("b"), SELF_STITCH), row_of(rows, key(), LABEL)
    assert (own.kept, own.low, own.high) == pytest.approx((1, 1, 1))
    assert (label.kept, label.low, label.high) == pytest.approx((0, 0, 0), abs=1e-12)


def grid(n_cells: int, n: int, seed: int = 0) -> dict[tuple[str, CellKey], ExampleParts]:
    """Cells of one sender into one receiver cut, each with its own errors."""
    found = {(SELF_STITCH, key("b")): parts(cut=drawn(n, 0.05, seed))}
    for cell in range(n_cells):
        found[TRAINED, key(f"a{cell}")] = parts(cut=drawn(n, 0.4, seed + cell + 1))
        found[LABEL, key(f"a{cell}")] = parts(cut=np.ones(n))
    return found


def test_the_intervals_of_the_trained_pair_are_wider_the_more_cells_there_are() -> None:
    alone = row_of(kept_rows(grid(1, 300)), key("a0"))
    among = row_of(kept_rows(grid(25, 300)), key("a0"))
    assert among.kept == alone.kept
    ratio = half(among) / half(alone)
    # Half of the variance is the cell's own; independent cells cost what Bonferroni says, at most.
    assert 1.2 < ratio < 1.02 * norm.ppf(1 - 0.025 / 25) / norm.ppf(0.975)


def test_an_interval_of_a_control_is_its_own_whatever_else_is_there() -> None:
    found = grid(3, 300)
    other = "random-sender"
    found[other, key("a0")] = parts(cut=drawn(300, 0.7, 99))
    alone = {at: each for at, each in found.items() if at[1].sender_cut in ("a0", "b")}
    row, again = (row_of(kept_rows(each), key("a0"), other) for each in (found, alone))
    assert row == again
    influences = kept_at(
        found[other, key("a0")], found[SELF_STITCH, key("b")], [parts(cut=np.ones(300))]
    ).influences[0]
    assert row.kept is not None
    assert row.high == pytest.approx(row.kept + 1.96 * influences.std() / math.sqrt(299), rel=1e-3)


def test_cells_measured_on_different_numbers_of_examples_share_the_error() -> None:
    """Two maps in one: each is judged by itself at half of the error, and nothing is mixed up."""
    few, many = grid(2, 120), {(c, k._replace(seed=1)): each for (c, k), each in grid(2, 500, 50).items()}
    together = kept_rows({**few, **many})
    for found in (few, many):
        for alone in kept_rows(found):
            row = row_of(together, alone.key, alone.control)
            assert row.kept == alone.kept
            if alone.control == TRAINED:
                assert 1.05 < half(row) / half(alone) < 1.25


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(2, 60), seeds)
def test_the_p_value_is_corrected_for_the_largest_of_all_cells(
    n_cells: int, n_orders: int, seed: int
) -> None:
    orders = np.random.default_rng(seed).standard_normal((n_cells, n_orders))
    cells = {key(f"a{cell}"): ExampleParts({}, row) for cell, row in enumerate(orders)}
    found = more_than_label({**cells, key("none"): ExampleParts({}, None)})
    assert found.keys() == cells.keys()
    for cell, row in enumerate(orders):
        expected = sum(max(column) >= row[0] for column in orders.T) / n_orders
        assert found[key(f"a{cell}")] == pytest.approx(expected)
    assert min(found.values()) >= 1 / n_orders


def test_every_grid_has_its_own_correction() -> None:
    found = grid(2, 60)
    orders = np.random.default_rng(0).standard_normal((3, 50))
    for row, at in zip(orders, [*[at for at in found if at[0] == TRAINED], (LABEL, key("a0"))], strict=True):
        found[at] = ExampleParts(found[at].errors, row)
    rows = kept_rows(found)
    assert row_of(rows, key("a0"), LABEL).p_label == pytest.approx((orders[2] >= orders[2, 0]).mean())
    expected = (orders[:2].max(0) >= orders[0, 0]).mean()
    assert row_of(rows, key("a0")).p_label == pytest.approx(expected)
    assert row_of(rows, key("b"), SELF_STITCH).p_label is None


def test_the_smallest_p_value_of_a_map_is_uniform_without_content() -> None:
    random = np.random.default_rng(0)
    smallest = []
    for _ in range(400):
        shared = random.standard_normal(99)
        cells = {key(f"a{i}"): ExampleParts({}, 0.7 * shared + random.standard_normal(99)) for i in range(8)}
        smallest.append(min(more_than_label(cells).values()))
    assert np.mean(np.array(smallest) <= 0.05) == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 400))
    assert np.mean(np.array(smallest) <= 0.5) == pytest.approx(0.5, abs=3 * math.sqrt(0.25 / 400))


def test_a_lead_is_kept_less_the_mean_of_the_draws() -> None:
    n = 300
    label, own = parts(cut=np.ones(n)), parts(cut=np.zeros(n))
    cells: dict[tuple[str, CellKey], ExampleParts] = {}
    drawn_for, expected, squares, freedom = {}, {}, 0.0, 0
    for number, n_draws in enumerate((3, 5)):
        cell = drawn(n, 0.3, number)
        untrained = [drawn(n, 0.6 + 0.05 * d * number, 10 * number + d + 2) for d in range(n_draws)]
        at = key(f"a{number}")
        cells |= {(TRAINED, at): parts(cut=cell), (LABEL, at): label, (SELF_STITCH, key("b")): own}
        drawn_for[at] = [parts(cut=each) for each in untrained]
        values = [1 - each.mean() for each in untrained]
        expected[at] = (1 - cell.mean() - np.mean(values), values, cell, untrained)
        squares += float(np.square(values - np.mean(values)).sum())
        freedom += n_draws - 1
    rows = kept_rows(cells, drawn_for)
    influences, spreads = [], []
    for _, values, cell, untrained in expected.values():
        influences.append(-(cell - cell.mean()) + np.mean([each - each.mean() for each in untrained], axis=0))
        spreads.append(math.sqrt(max(squares / freedom, float(np.var(values, ddof=1))) / len(values)))
    for half, (at, (lead, values, _, _)) in zip(
        half_widths(np.stack(influences), np.array(spreads), freedom, level=0.975),
        expected.items(),
        strict=True,
    ):
        row = row_of(rows, at)
        assert row.lead == pytest.approx(lead)
        assert row.untrained == pytest.approx(values)
        assert (row.lead_low, row.lead_high) == pytest.approx((lead - half, lead + half), abs=2e-3)


def test_no_lead_without_draws_and_no_interval_from_one_draw() -> None:
    n = 100
    found = one_cell(parts(cut=drawn(n, 0.3)), parts(cut=np.zeros(n)), parts(cut=np.ones(n)))
    assert row_of(kept_rows(found), key()).lead is None
    assert row_of(kept_rows(found, {key(): []}), key()).lead is None
    assert row_of(kept_rows(found, {key("elsewhere"): [parts(cut=np.ones(n))]}), key()).lead is None
    row = row_of(kept_rows(found, {key(): [parts(cut=drawn(n, 0.8, 1))]}), key())
    assert row.lead == pytest.approx(0.5, abs=0.1)
    assert (row.lead_low, row.lead_high) == (None, None)
    # A draw that says nothing leaves the lead unknown.
    row = row_of(kept_rows(found, {key(): [parts(cut=drawn(n, 0.8, 1)), parts(cut=None)]}), key())
    assert row.lead is None


def test_the_trained_cell_and_the_draws_are_compared_on_the_same_examples() -> None:
    """What makes an example hard for all cancels: the lead is surer than what is kept."""
    n = 500
    hard = drawn(n, 1.0)
    found = one_cell(parts(cut=0.3 * hard), parts(cut=np.zeros(n)), parts(cut=np.ones(n)))
    row = row_of(kept_rows(found, {key(): [parts(cut=0.32 * hard)] * 3}), key())
    assert row.lead == pytest.approx(0.02 * hard.mean())
    assert row.lead is not None
    assert row.lead_high is not None
    assert row.lead_high - row.lead < 0.1 * half(row)


def test_a_cell_whose_draws_differ_more_than_others_is_less_sure() -> None:
    n = 400
    cells: dict[tuple[str, CellKey], ExampleParts] = {(SELF_STITCH, key("b")): parts(cut=np.zeros(n))}
    draws = {}
    for number, apart in enumerate((0.2, 0.01, 0.01)):
        at = key(f"a{number}")
        cells |= {(TRAINED, at): parts(cut=drawn(n, 0.3)), (LABEL, at): parts(cut=np.ones(n))}
        draws[at] = [parts(cut=drawn(n, 0.6, 1) + apart * step) for step in (-1, 0, 1)]
    rows = kept_rows(cells, draws)

    def half_of_lead(sender: str) -> float:
        row = row_of(rows, key(sender))
        assert row.lead is not None
        assert row.lead_high is not None
        return row.lead_high - row.lead

    assert half_of_lead("a1") == pytest.approx(half_of_lead("a2"))
    assert half_of_lead("a0") > 1.4 * half_of_lead("a1")
    # The quiet cells are as unsure as the mean of all, not as their own three draws.
    assert half_of_lead("a1") > 0.2 * math.sqrt(1 / 3 / 3)


def test_leads_on_different_numbers_of_examples_are_not_mixed_up() -> None:
    cells: dict[tuple[str, CellKey], ExampleParts] = {}
    draws = {}
    for seed, n in ((0, 150), (1, 400)):
        at = key(seed=seed)
        cells |= {
            (TRAINED, at): parts(cut=drawn(n, 0.3)),
            (LABEL, at): parts(cut=np.ones(n)),
            (SELF_STITCH, key("b", seed=seed)): parts(cut=np.zeros(n)),
        }
        draws[at] = [parts(cut=drawn(n, 0.6, number)) for number in range(3)]
    rows = kept_rows(cells, draws)
    few, many = (row_of(rows, key(seed=seed)) for seed in (0, 1))
    assert few.lead is not None
    assert many.lead is not None
    assert few.lead_low is not None
    assert many.lead_low is not None
    assert few.lead - few.lead_low > many.lead - many.lead_low > 0
