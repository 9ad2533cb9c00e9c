"""What every measure takes: two sets of rows, one row an example, checked, in float64, centred."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float64, Num
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.errors import GeometryError

Array: TypeAlias = Tensor | ArrayLike


def numbers(x: Array, name: str) -> Float[Tensor, ...]:
    """Return ``x`` as a detached tensor of floats, of its own type, which says how it was rounded.

    Integers become float64. It stays on its device where that has float64, else it goes to the CPU.

    Raises:
        GeometryError: ``x`` is no array of finite real numbers.
    """
    values = x.detach() if isinstance(x, Tensor) else _from_array(x, name)
    if values.is_complex():
        raise GeometryError(
            f"expected real numbers in {name}, got {str(values.dtype).removeprefix('torch.')}"
        )
    if values.device.type == "mps":
        values = values.cpu()
    if not values.is_floating_point():
        values = values.to(torch.float64)
    values = values.contiguous()  # sums in another order round differently
    bad = values.numel() - int(values.isfinite().sum())
    if bad:
        raise GeometryError(
            f"expected finite numbers in {name}, got {bad:,} nan or infinite of {values.numel():,}"
        )
    return values


def _from_array(x: ArrayLike, name: str) -> Num[Tensor, ...]:
    try:
        array = np.asarray(x)
        known = np.float16, np.float32, np.complex64, np.complex128
        # A copy: torch wants arrays of this machine's byte order that it may write to.
        return torch.from_numpy(
            array.astype(next((t for t in known if array.dtype == t), np.float64), order="C")
        )
    except (TypeError, ValueError) as error:
        raise GeometryError(
            f"expected an array of numbers as {name}, got {str(error).splitlines()[0]}"
        ) from None


def rows_as_given(x: Array, name: str) -> Float[Tensor, "n d"]:
    """Return ``x`` as (N, D), floats of their own type.

    Raises:
        GeometryError: ``x`` is no array of finite real numbers with two axes and at least one feature.
    """
    values = numbers(x, name)
    if values.ndim != 2:
        raise GeometryError(
            f"expected {name} of shape (examples, features), got {tuple(values.shape)}; "
            "as_rows turns maps and tokens into rows"
        )
    if not values.shape[1]:
        raise GeometryError(f"expected at least 1 feature in {name}, got none")
    return values


def pair_as_given(
    x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n e"] | ArrayLike, least: int, measure: str
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n e"]]:
    """Return x (N, D) and y (N, D') on one device, floats of their own types.

    Args:
        x, y: what was given to a measure.
        least: examples that the measure needs.
        measure: its name, for the error.

    Raises:
        GeometryError: one of them is not rows of finite numbers, they differ in N, N is below ``least``.
    """
    a, b = rows_as_given(x, "x"), rows_as_given(y, "y")
    if len(a) != len(b):
        raise GeometryError(f"expected as many examples in y as in x, got {len(b)} and {len(a)}")
    if len(a) < least:
        raise GeometryError(f"expected at least {least} examples for {measure}, got {len(a)}")
    return a, b.to(a.device)


def pair(
    x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n e"] | ArrayLike, least: int, measure: str
) -> tuple[Float64[Tensor, "n d"], Float64[Tensor, "n e"]]:
    """Return x (N, D) and y (N, D') in float64; arguments and errors as for :func:`pair_as_given`.

    Example:
        >>> pair([[1, 2], [3, 4]], [[1], [2], [3]], 2, "CKA")
        Traceback (most recent call last):
        ...
        modelstitch.errors.GeometryError: expected as many examples in y as in x, got 3 and 2
    """
    a, b = pair_as_given(x, y, least, measure)
    return a.to(torch.float64), b.to(torch.float64)


@dataclass(frozen=True, eq=False)
class Centred:
    """Rows less their mean.

    Attributes:
        rows: (N, D) in float64, mean 0, divided by ``scale``; the largest entry lies in [1, 2), or all are 0.
        scale: a power of two.
        noise: how far an entry of ``rows`` may be off because x came in its own number type: float32 of
            1000.1 is off by 3e-5, and centring keeps that error while it takes the 1000 away.
    """

    rows: Float64[Tensor, "n d"]
    scale: float
    noise: float

    @property
    def constant(self) -> bool:
        """Whether no entry differs from its mean by more than rounding."""
        return bool(self.rows.abs().max() <= self.noise)

    @cached_property
    def svd(self) -> tuple[Float64[Tensor, "n r"], Float64[Tensor, " r"]]:
        """Left singular vectors (N, r) and singular values (r,), without directions that are only rounding.

        Left out are singular values below ``noise`` (sqrt N + sqrt D), the largest one of a matrix of
        independent errors of that size, and below what float64 resolves.
        """
        u, s, _ = torch.linalg.svd(narrow(self.rows), full_matrices=False)
        n, d = self.rows.shape
        floor = self.noise * (math.sqrt(n) + math.sqrt(d)) + max(n, d) * torch.finfo(s.dtype).eps * float(
            s[0]
        )
        rank = int((s > floor).sum())
        return u[:, :rank], s[:rank]

    @property
    def rank(self) -> int:
        """Number of directions in which the rows differ by more than rounding."""
        return len(self.svd[1])


def narrow(x: Float[Tensor, "n d"]) -> Float[Tensor, "n e"]:
    """Return rows with the same inner products in at most N coordinates: a rotation, and zeros left out."""
    n, d = x.shape
    return x if d <= n else torch.linalg.qr(x.T, mode="r").R.T


def _power_of_two(x: Float64[Tensor, "n d"]) -> float:
    """The power of two by which the largest magnitude becomes one in [1, 2)."""
    largest = float(x.abs().max())
    return 2.0 ** (math.frexp(largest)[1] - 1) if largest else 1.0


def centre(x: Float[Tensor, "n d"]) -> Centred:
    """Return the rows of ``x`` (N, D) less their mean. A feature that is constant becomes exactly 0."""
    eps = max(torch.finfo(x.dtype).eps, torch.finfo(torch.float64).eps)
    x = x.to(torch.float64)
    first = _power_of_two(x)
    scaled = x / first
    moved = scaled - scaled.mean(0)
    # What rounding left of a constant feature is a few units in the last place, equal in all rows: the
    # mean of that is exact.
    moved = moved - moved.mean(0)
    second = _power_of_two(moved)
    return Centred(moved / second, first * second, eps * float(scaled.abs().max()) / second)


def centred_pair(
    x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n e"] | ArrayLike, least: int, measure: str
) -> tuple[Centred, Centred]:
    """Return both centred.

    Raises:
        GeometryError: as for :func:`pair_as_given`, and where all rows of one are equal.

    Example:
        >>> centred_pair([[1.0], [1.0]], [[1.0], [2.0]], 2, "CKA")
        Traceback (most recent call last):
        ...
        modelstitch.errors.GeometryError: expected examples that differ, got constant x: all 2 rows are equal
    """
    a, b = pair_as_given(x, y, least, measure)
    sides = centre(a), centre(b)
    for name, side in zip(("x", "y"), sides, strict=True):
        expect_varied(side, name)
    return sides


def expect_varied(centred: Centred, name: str) -> None:
    """Raise :class:`GeometryError` where all rows are equal."""
    if centred.constant:
        exact = "" if not bool(centred.rows.any()) else " up to rounding"
        raise GeometryError(
            f"expected examples that differ, got constant {name}: "
            f"all {len(centred.rows):,} rows are equal{exact}"
        )
