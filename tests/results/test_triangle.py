from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from modelstitch.results.error_tables import error_table
from modelstitch.results.matrix_facts import lower_triangle
from modelstitch.results.rows import EvidenceRow
from modelstitch.results.sentences import of_shape, of_verdicts
from modelstitch.results.triangle import shape


def matrix(values: object) -> xr.DataArray:
    return xr.DataArray(np.asarray(values, dtype=float), dims=("sender_cut", "receiver_cut"))


@pytest.mark.parametrize(("rows", "columns"), [(5, 5), (3, 7), (2, 2)])
def test_a_planted_triangle_is_found_whole(rows: int, columns: int) -> None:
    found = shape(matrix(np.where(lower_triangle((rows, columns)), 0.9, 0.2)))
    assert found.triangle == pytest.approx(1)
    assert (found.below, found.above) == pytest.approx((0.9, 0.2))


def test_noise_has_no_triangle() -> None:
    values = np.random.default_rng(0).uniform(size=(40, 40))
    assert shape(matrix(values)).triangle < 0.01
    assert abs(shape(matrix(values)).asymmetry) < 0.02


def test_corresponding_layers_and_direction() -> None:
    values = np.eye(5) * 0.5 + 0.3
    found = shape(matrix(values))
    assert (found.corresponding, found.distant, found.asymmetry) == pytest.approx((0.8, 0.3, 0.0))
    assert shape(matrix(np.tri(5, k=-1))).asymmetry == pytest.approx(1)


def test_what_cannot_be_said_is_not_said() -> None:
    assert math.isnan(shape(matrix(np.full((3, 3), 0.5))).triangle)
    assert math.isnan(shape(matrix(np.ones((2, 3)))).asymmetry)
    holes = np.where(np.eye(4, dtype=bool), math.nan, 0.5)
    assert math.isnan(shape(matrix(holes)).corresponding)
    assert of_shape(math.nan, math.nan, math.nan, math.nan) == []
    (told,) = of_shape(0.73, 0.2, math.nan, math.nan)
    assert told == (
        "The order of the two cuts (which one is deeper) explains 73 % of the variance between cells; "
        "late into early scores +0.20 against early into late."
    )


def test_sentences_of_verdicts_count_the_triangle() -> None:
    names = np.array([["interchangeable", "incompatible"], ["decodable only", "cannot tell"]])
    assert of_verdicts(names) == [
        "Verdicts: 1 interchangeable, 1 decodable only, 1 incompatible, 1 cannot tell.",
        "Verdicts of the 3 cells whose receiver cut is no deeper than the sender cut: 1 interchangeable, "
        "1 decodable only, 1 cannot tell.",
    ]
    assert of_verdicts(np.array([["", ""]])) == []


def test_the_table_of_errors() -> None:
    def row(i: int, j: int, value: float | None, control: str = "trained") -> EvidenceRow:
        return EvidenceRow(
            sender_cut=str(i),
            receiver_cut=str(j),
            stitch="affine",
            control=control,
            seed=0,
            kind="errors",
            name="ev",
            where=str(j),
            value=value,
            low=None,
            high=None,
            n=10,
        )

    rows = [row(0, 0, 1.0), row(0, 1, 2.0), row(1, 0, 3.0), row(1, 1, 6.0), row(0, 0, None, "random-sender")]
    table = error_table(rows, [("0", "0"), ("1", "1")])
    by_part = {str(each["cells"]): each for each in table.to_dict("records")}
    columns = ("n", "minimum", "mean", "maximum", "standard_deviation")
    assert [by_part["diagonal"][name] for name in columns] == [2, 1.0, 3.5, 6.0, 2.5]
    assert by_part["all"]["mean"] == 3
    assert set(table["control"]) == {"trained"}
    assert len(error_table([], [])) == 0
