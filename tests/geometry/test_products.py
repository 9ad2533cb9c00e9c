"""Sums over so many rows that float32 alone would lose digits: against float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modelstitch.fitting.gram import of_rows
from modelstitch.geometry.products import sum_of_products
from modelstitch.geometry.recovery import fit_reader
from tests.geometry.made import normal, rotation

N = 600_000
"""Rows, as of 600 images at 1,000 positions."""


def worst(found: Tensor, exact: Tensor) -> float:
    return float((found - exact).abs().max() / exact.abs().max())


@pytest.mark.parametrize(("d", "e"), [(1, 1), (3, 3), (8, 8), (3, 16), (16, 3)])
def test_it_is_the_sum_in_float64(d: int, e: int) -> None:
    x = normal(N, d, seed=0).float()
    y = normal(N, e, seed=1).float() + x[:, :1]
    found = sum_of_products(x, y)
    assert found.dtype == torch.float64
    assert worst(found, x.double().T @ y.double()) < 4e-7


@pytest.mark.parametrize("n", [0, 1, 4095, 4096, 4097])
def test_blocks_leave_no_row_out(n: int) -> None:
    x = torch.arange(n, dtype=torch.float32)[:, None] % 7
    assert sum_of_products(x, x).item() == float(x.double().square().sum())


def narrow_in_one_direction() -> tuple[Tensor, Tensor]:
    """Rows (N, 6) with a direction of 1/40,000 of the largest variance, and the rows before it was shrunk."""
    y, turned = normal(N, 6, seed=2), rotation(6, seed=3)
    scale = torch.tensor([0.005, 1, 1, 1, 1, 1], dtype=torch.float64)
    return (y @ (turned * scale) @ turned.T).float(), y.float()


def test_a_reader_finds_what_lies_in_a_narrow_direction() -> None:
    """All of y can be read off x; sums that are wrong by a thousandth read less than nothing."""
    x, y = (rows.reshape(600, 1000, 6) for rows in narrow_in_one_direction())
    left = (y - fit_reader(x, y).read(x)).double().square().sum() / y.double().square().sum()
    assert float(left) < 0.002


def test_moments_of_a_fit_have_the_narrow_direction() -> None:
    x, y = narrow_in_one_direction()
    values = of_rows(x, y).gram.spectrum[0]
    assert float(values[0] / values[-1]) == pytest.approx(0.005**2, rel=0.05)
