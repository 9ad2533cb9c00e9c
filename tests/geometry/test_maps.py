from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.errors import GeometryError
from modelstitch.geometry import as_rows
from tests.geometry.made import normal

sizes = st.integers(1, 5)


@settings(deadline=None, max_examples=30)
@given(sizes, sizes, sizes, sizes)
def test_maps(n: int, c: int, h: int, w: int) -> None:
    x = normal(n, c, h, w)
    assert torch.equal(as_rows(x, "flatten"), x.reshape(n, -1))
    torch.testing.assert_close(as_rows(x, "pool"), torch.einsum("nchw->nc", x) / (h * w))
    positions = as_rows(x, "positions")
    assert positions.shape == (n * h * w, c)
    for i, row in enumerate(positions):
        example, place = divmod(i, h * w)
        assert torch.equal(row, x[example, :, place // w, place % w])
    volume = normal(n, c, 2, h, w)
    assert as_rows(volume, "positions").shape == (n * 2 * h * w, c)
    torch.testing.assert_close(as_rows(volume, "pool"), volume.mean((2, 3, 4)))


@settings(deadline=None, max_examples=30)
@given(sizes, sizes, sizes)
def test_tokens_and_one_dimensional_maps(n: int, t: int, d: int) -> None:
    tokens = normal(n, t, d)
    map1d = tokens.transpose(1, 2)
    torch.testing.assert_close(as_rows(tokens, "pool", layout="tokens"), tokens.mean(1))
    assert torch.equal(as_rows(tokens, "positions", layout="tokens"), tokens.reshape(-1, d))
    for reading in ("pool", "positions"):
        one = as_rows(tokens, reading, layout="tokens")
        assert torch.equal(one, as_rows(map1d, reading, layout="map1d"))
    assert torch.equal(as_rows(tokens, "flatten"), tokens.reshape(n, -1))


def test_vectors_come_back_as_they_are() -> None:
    x = normal(5, 3)
    for reading in ("flatten", "pool", "positions"):
        assert torch.equal(as_rows(x, reading), x)


def test_the_number_type_stays() -> None:
    """It says how the numbers were rounded."""
    for dtype in (torch.float32, torch.bfloat16):
        assert as_rows(torch.ones(2, 3, 4, 4, dtype=dtype), "pool").dtype == dtype
    assert as_rows(np.ones((2, 3, 4, 4), np.float32), "positions").dtype == torch.float32
    assert as_rows(torch.ones(2, 3, 4, 4, dtype=torch.int8), "pool").dtype == torch.float64


def test_the_mean_of_many_positions_is_taken_in_float64() -> None:
    x = torch.full((1, 1, 100, 100), 0.1)
    assert as_rows(x, "pool").item() == x[0, 0, 0, 0].item()
    assert as_rows((1000 * torch.ones(1, 1, 100, 100)).half(), "pool").item() == 1000


@pytest.mark.usefixtures("wrong_types")
def test_refusals() -> None:
    x = normal(2, 3, 4)
    with pytest.raises(
        GeometryError, match=r"expected layout='tokens' or layout='map1d' for reading 'pool', got none"
    ):
        as_rows(x, "pool")
    with pytest.raises(
        GeometryError, match="unknown reading 'mean': expected one of flatten, pool, positions"
    ):
        as_rows(x, "mean")  # type: ignore[arg-type]
    with pytest.raises(GeometryError, match=r"unknown layout 'token'.*did you mean 'tokens'"):
        as_rows(x, "pool", layout="token")
    with pytest.raises(GeometryError, match=r"of 4 axes for layout map2d, got shape \(2, 3, 4\)"):
        as_rows(x, "pool", layout="map2d")
    with pytest.raises(GeometryError, match=r"of 2 to 5 axes, examples first, got shape \(2,\)"):
        as_rows(normal(2), "flatten")
    with pytest.raises(GeometryError, match=r"that is not empty, got shape \(2, 0, 4\)"):
        as_rows(normal(2, 0, 4), "flatten")
    with pytest.raises(GeometryError, match="finite numbers in the representation, got 24 nan"):
        as_rows(x / 0 * 0, "flatten")
