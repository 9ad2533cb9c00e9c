"""What all measures accept and refuse alike."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelstitch import geometry as g
from modelstitch.errors import GeometryError, InputError
from modelstitch.geometry.inputs import centre, narrow, numbers, pair
from tests.geometry.made import correlated, normal, related, rotation

MEASURES = [measure.function for measure in g.MEASURES.values()] + [g.canonical_correlations]
NAMES = [*g.MEASURES, "canonical_correlations"]
every_measure = pytest.mark.parametrize("measure", MEASURES, ids=NAMES)
Function = Callable[[object, object], object]


@every_measure
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (normal(20, 3), normal(19, 3), r"^expected as many examples in y as in x, got 19 and 20$"),
        (
            normal(20, 3),
            normal(20, 3).index_fill(1, torch.tensor([1]), torch.nan),
            "finite numbers in y, got 20 nan",
        ),
        (normal(20, 3) / 0, normal(20, 3), "finite numbers in x, got 60 nan or infinite of 60"),
        (normal(20), normal(20, 3), r"x of shape \(examples, features\), got \(20,\); as_rows turns"),
        (
            normal(20, 3),
            normal(20, 3, 2),
            r"y of shape \(examples, features\), got \(20, 3, 2\); as_rows turns",
        ),
        (normal(20, 0), normal(20, 0), "at least 1 feature in x, got none"),
        (normal(0, 3), normal(0, 3), "expected at least [0-9]+ examples for .*, got 0"),
        (normal(20, 3) * 1j, normal(20, 3), "real numbers in x, got complex128"),
        ((normal(20, 3) * 1j).numpy(), normal(20, 3), "real numbers in x, got complex128"),
        ([["a"]] * 20, normal(20, 3), "an array of numbers as x, got could not convert"),
        ([[1, 2], [3]], normal(2, 2), "an array of numbers as x, got setting an array element"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_rows_are_refused_in_one_line(measure: Function, x: object, y: object, message: str) -> None:
    with pytest.raises(GeometryError, match=message) as caught:
        measure(x, y)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, InputError)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cosine"])
def test_a_constant_side_is_named(name: str) -> None:
    measure = dict(zip(NAMES, MEASURES, strict=True))[name]
    flat = torch.full((20, 3), 0.1)
    with pytest.raises(GeometryError, match=r"differ, got constant x: all 20 rows are equal$"):
        measure(flat, normal(20, 3))
    with pytest.raises(GeometryError, match=r"differ, got constant y: all 20 rows are equal$"):
        measure(normal(20, 3), flat)
    jitter = (1000 + 1e-5 * normal(20, 3)).float()
    assert (jitter != jitter[0]).any() or (jitter == jitter[0]).all()
    with pytest.raises(GeometryError, match="got constant y: all 20 rows are equal"):
        measure(normal(20, 3), jitter)


def test_a_difference_of_one_last_digit_is_rounding() -> None:
    x = torch.full((20, 2), 1000.0)
    x[3] = torch.nextafter(x[3], torch.tensor(torch.inf))
    with pytest.raises(GeometryError, match=r"constant x: all 20 rows are equal up to rounding$"):
        g.cka(x, normal(20, 2))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.numpy(),
        lambda x: x.tolist(),
        lambda x: [list(row) for row in x],
        lambda x: x.clone().requires_grad_(),
        lambda x: x.numpy().astype(">f8"),
        lambda x: pd.DataFrame(x.numpy()),
        lambda x: np.asfortranarray(x.numpy()),
        lambda x: x.T.contiguous().T,
        lambda x: x.repeat_interleave(2, 0)[::2],
        lambda x: x.int(),
        lambda x: x.to(torch.uint8),
        lambda x: x.numpy().astype(np.uint16),
        lambda x: x.half(),
        lambda x: x.bfloat16(),
        lambda x: x.numpy().astype(np.longdouble),
    ],
)
def test_anything_that_holds_the_numbers_will_do(change: Callable[[Tensor], object]) -> None:
    x = torch.randint(0, 20, (30, 4), generator=torch.Generator().manual_seed(0)).double()
    y = normal(30, 3)
    assert g.cka(change(x), y) == g.cka(x, y)  # type: ignore[arg-type]


def test_an_array_that_may_not_be_written_is_read_and_left_alone() -> None:
    x = normal(30, 4).numpy()
    x.flags.writeable = False
    kept = x.copy()
    assert g.mutual_knn(x[::-1], x[::-1]) == 1
    np.testing.assert_array_equal(x, kept)


def test_a_view_that_shares_memory_is_not_changed() -> None:
    x = normal(30, 4)
    kept = x.clone()
    for measure in MEASURES:
        measure(x, x)
    assert torch.equal(x, kept)


@every_measure
@pytest.mark.parametrize("factor", [2.0**-600, 2.0**600])
def test_the_unit_of_a_side_does_not_matter_however_small_or_large(measure: Function, factor: float) -> None:
    x, y = related(40, 4, 4)
    expected, found = measure(x, y), measure(factor * x, y)
    np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(1, 30), st.floats(-300, 300), st.integers(0, 100))
def test_centred_rows_are_rows_less_their_mean(n: int, d: int, exponent: float, seed: int) -> None:
    x = correlated(n, d, seed)
    found = centre(x * 10**exponent)
    assert 1 <= found.rows.abs().max() < 2
    assert math.log2(found.scale).is_integer()
    expected = x - x.mean(0)
    torch.testing.assert_close(found.rows * (found.scale / 10**exponent), expected, rtol=1e-9, atol=1e-11)


def test_a_constant_feature_is_centred_to_zero_beside_others() -> None:
    for n in range(3, 40):
        x = torch.cat([normal(1, 50, seed=n).expand(n, 50), 1e-9 * normal(n, 1)], 1)
        assert not centre(x).rows[:, :50].any()
        assert centre(x).rank == 1


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16]),
    st.integers(1, 6),
    st.sampled_from([0.0, 100.0]),
    st.integers(0, 100),
)
def test_the_rank_is_that_of_the_rows_before_they_were_rounded(
    dtype: torch.dtype, rank: int, offset: float, seed: int
) -> None:
    if dtype is torch.bfloat16 and offset:
        return  # 100 plus something of size 1 keeps no digit of it
    x = normal(60, rank, seed=seed) @ rotation(12, seed)[:rank] + offset
    assert centre(x.to(dtype)).rank == rank
    assert centre(narrow(x)).rank == rank


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 20), st.integers(1, 40))
def test_narrow_rows_keep_their_inner_products(n: int, d: int) -> None:
    x = normal(n, d)
    found = narrow(x)
    assert found.shape == (n, min(n, d))
    torch.testing.assert_close(found @ found.T, x @ x.T, rtol=1e-10, atol=1e-10)


def test_numbers_keep_the_type_that_says_how_they_were_rounded() -> None:
    assert numbers(np.array([1, 2], np.float32), "x").dtype == torch.float32
    assert numbers(torch.tensor([1, 2]), "x").dtype == torch.float64
    a, b = pair(np.array([[1], [2]], np.float32), torch.ones(2, 1).bfloat16(), 1, "nothing")
    assert (a.dtype, b.dtype) == (torch.float64, torch.float64)
