"""One Dataset holds every number of every cell: those of the tables, with intervals, NaN where it says."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from modelstitch.adoption.score_intervals import mean_interval
from modelstitch.errors import SpecError
from modelstitch.geometry.intervals import score_interval, wilson
from modelstitch.results.comparison import Comparison
from modelstitch.results.matrix_facts import margin
from modelstitch.results.rows import CellRow, EvidenceRow
from tests.made import cell_row
from tests.report.made import run

COMPARISON = run(2, 3)


def known(value: float | None) -> float:
    return math.nan if value is None else value


def test_every_number_of_the_tables_is_a_variable_by_one_rule() -> None:
    cells, found = COMPARISON.to_frame(), COMPARISON.dataset
    key = ["control", "seed", "stitch", "sender_cut", "receiver_cut"]
    names = ["score", "low", "high", "standard_error", "loss", "n_parameters", "seconds", "penalty"]
    for cell in cells.to_dict("records"):
        place = found.sel({name: cell[name] for name in key})
        for column in (*names, "normalised", "selectivity", "n_heldout", "steps"):
            assert place[column].item() == pytest.approx(known(cell[column]), nan_ok=True), column
    for kept in COMPARISON.kept:
        place = found.sel(control=kept.control, **kept.key._asdict())
        held = {"kept": kept.kept, "kept_low": kept.low, "lead": kept.lead, "head": kept.head}
        for name, value in held.items():
            assert place[name].item() == pytest.approx(known(value), nan_ok=True)
    for row in COMPARISON.evidence:
        place = found.sel(control=row.control, **row.key._asdict())
        named = f"{row.kind}.{row.name}"
        variable = named if named in found and place[named].item() == row.value else f"{named}@{row.where}"
        assert place[variable].item() == pytest.approx(known(row.value), nan_ok=True)


def evidence(cell: CellRow, where: str, value: float | None) -> EvidenceRow:
    return EvidenceRow(
        **cell.key._asdict(),
        control=cell.control,
        kind="similarity",
        name="cka",
        where=where,
        value=value,
        low=None,
        high=None,
        n=9,
    )


def test_a_measurement_at_another_place_has_the_place_in_its_name() -> None:
    first = next(cell for cell in COMPARISON.cells if cell.control == "trained")
    places = {first.receiver_cut: 0.5, "later": 0.25, "output": None}
    rows = [evidence(first, where, value) for where, value in places.items()]
    found = replace(COMPARISON, evidence=tuple(rows)).dataset
    place = found.sel(control="trained", **first.key._asdict())
    assert place["similarity.cka"].item() == 0.5
    assert place["similarity.cka@later"].item() == 0.25
    assert math.isnan(place["similarity.cka@output"].item())
    assert set(found["similarity.cka"].attrs) == {"what", "range", "better"}
    assert "similarity.cka.low" not in found


def test_a_matrix_is_one_variable_of_one_grid() -> None:
    for name in ("score", "low", "kept", "penalty"):
        matrix = COMPARISON.matrix(name)
        assert matrix.dims == ("sender_cut", "receiver_cut")
        assert matrix.name == name
        rows = COMPARISON.cuts_in_order("sender", "trained")
        of_seeds = COMPARISON.dataset[name].sel(control="trained", stitch="affine", sender_cut=rows)
        assert np.allclose(matrix, of_seeds.mean("seed"))
    assert (COMPARISON.matrix("low") <= COMPARISON.matrix()).all()
    control = COMPARISON.controls[1]
    assert COMPARISON.matrix(control).equals(COMPARISON.matrix(control=control))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"value": "kep"}, "did you mean 'kept'"),
        ({"value": "acuracy"}, "unknown quantity 'acuracy'"),
        ({"value": "receiver_score"}, "unknown quantity 'receiver_score'"),
        ({"value": ["kept"]}, "expected one value"),
        ({"control": ["trained"]}, "expected one control"),
        ({"seed": [0]}, "expected one seed"),
        ({"seeds": 0}, "no option 'seeds': did you mean 'seed'"),
        ({"control": "probe"}, "unknown control 'probe'"),
    ],
)
def test_what_is_no_variable_is_refused_by_name(call: dict[str, object], expected: str) -> None:
    with pytest.raises(SpecError, match=expected):
        COMPARISON.matrix(**call)  # type: ignore[arg-type]


def test_a_measurement_that_is_named_without_its_kind_is_shown_whole() -> None:
    row = next(row for row in COMPARISON.evidence if row.name not in COMPARISON.dataset)
    with pytest.raises(SpecError, match=rf"did you mean .*'{row.kind}\.{row.name}'"):
        COMPARISON.matrix(row.name)


def test_a_seed_that_was_run_without_a_value_leaves_no_mean_and_one_that_was_not_run_is_left_out() -> None:
    cells = [
        cell_row(sender_cut=f"c{i}", receiver_cut="c0", seed=seed, score=0.5 + 0.1 * seed)
        for i in (0, 1)
        for seed in (0, 1)
        if (i, seed) != (1, 1)
    ]
    values = replace(COMPARISON, cells=tuple(cells), kept=(), evidence=())
    assert values.matrix().to_numpy().ravel().tolist() == pytest.approx([0.55, 0.5])
    fixed = tuple(replace(cell, gain=0.1 if cell.seed == 0 else None) for cell in cells)
    gains = replace(values, cells=fixed).matrix("gain").to_numpy().ravel()
    assert math.isnan(gains[0])
    assert gains[1] == pytest.approx(0.1)


@settings(max_examples=60)
@given(n=st.integers(1, 3000), share=st.floats(0, 1))
def test_the_interval_of_right_and_wrong_answers_is_wilsons_and_never_without_width(
    n: int, share: float
) -> None:
    right = round(share * n)
    row = cell_row(score=right / n, n_heldout=n)
    assert row.interval is not None
    low, high = row.interval
    # Wilson's interval holds every p for which the score lies within 1.96 standard errors under p.
    for end in (low, high):
        if 0 < end < 1:
            assert abs(right / n - end) == pytest.approx(
                1.96 * math.sqrt(end * (1 - end) / n), rel=1e-6, abs=1e-9
            )
    assert 0 <= low <= right / n <= high <= 1
    assert high - low > 1 / (n + 10)
    assert wilson(right, n) == pytest.approx((low, high))
    exact = mean_interval(torch.arange(n) < right)
    z = norm.ppf(0.975)
    assert exact[1:] == pytest.approx(wilson(right, n, z))


def test_the_interval_of_other_scores_covers_their_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        scores = generator.beta(8, 2, size=200)
        error = scores.std() / math.sqrt(len(scores))
        low, high = score_interval(float(scores.mean()), float(error), len(scores))
        held += low <= 0.8 <= high
    assert 0.92 <= held / 400 <= 0.985


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_an_error_of_0_stands_nowhere(score: float) -> None:
    cells = tuple(
        replace(cell, score=score, standard_error=0.0, above_receiver_error=0.0) for cell in COMPARISON.cells
    )
    comparison = replace(COMPARISON, cells=cells)
    assert {(cell.standard_error, cell.above_receiver_error) for cell in comparison.cells} == {(None, None)}
    frame, values = comparison.to_frame(), json.loads(json.dumps(comparison.to_json()))
    assert frame["standard_error"].isna().all()
    assert (frame["high"] - frame["low"] > 0).all()
    assert (frame["low"] <= score).all()
    assert (frame["high"] >= score).all()
    assert all(cell["standard_error"] is None and cell["low"] < cell["high"] for cell in values["cells"])
    assert comparison.dataset["standard_error"].isnull().all()
    assert Comparison.from_json(values) == comparison
    assert margin(1000, score) > 0


def test_a_fit_that_failed_has_no_interval() -> None:
    assert cell_row(score=None, standard_error=None, failure="loss nan").interval is None
