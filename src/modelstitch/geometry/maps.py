"""Representations of any layout as rows."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float, Num
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.errors import GeometryError, expect_one_of
from modelstitch.geometry.inputs import numbers

Reading = Literal["flatten", "pool", "positions"]
READINGS = ("flatten", "pool", "positions")

# Where the features are, by layout.
_AXIS = {"vector": 1, "tokens": 2, "map1d": 1, "map2d": 1, "map3d": 1}
_AXES = {"vector": 2, "tokens": 3, "map1d": 3, "map2d": 4, "map3d": 5}


def as_rows(
    x: Num[Tensor, "n ..."] | ArrayLike, reading: Reading, *, layout: str | None = None
) -> Float[Tensor, "rows d"]:
    """Read a representation as rows. There is no default: the reading decides what a measure means.

    ``flatten`` keeps where a feature is, so measures see positions; every feature at every position is a
    column. ``pool`` takes the mean over positions, so they see only what is there and not where.
    ``positions`` makes each position an example of its own: rows of one example are then not independent,
    and both sides need the same positions.

    Args:
        x: (N, D), (N, T, D), (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        reading: ``flatten``, ``pool`` or ``positions``.
        layout: ``vector``, ``tokens``, ``map1d``, ``map2d`` or ``map3d``. Three axes may be tokens (N, T, D)
            or a map (N, C, L), and ``pool`` and ``positions`` must be told which; all else is known from the
            number of axes.

    Returns:
        In the number type of x, ``flatten`` (N, C x positions), ``pool`` (N, C), ``positions`` (N x
        positions, C), all positions of the first example first. Vectors come back as they are.

    Raises:
        GeometryError: not an array of finite numbers of these shapes, an unknown reading, a layout that is
            unknown, needed or does not fit.

    Example:
        >>> import torch
        >>> x = torch.zeros(5, 3, 8, 8)
        >>> [tuple(as_rows(x, reading).shape) for reading in ("flatten", "pool", "positions")]
        [(5, 192), (5, 3), (320, 3)]
    """
    expect_one_of("reading", reading, READINGS, GeometryError)
    if layout is not None:
        expect_one_of("layout", layout, _AXIS, GeometryError)
    values = numbers(x, "the representation")
    axes = values.ndim
    if axes not in _AXES.values() or (layout is not None and _AXES[layout] != axes):
        expected = f"{_AXES[layout]} axes for layout {layout}" if layout else "2 to 5 axes, examples first"
        raise GeometryError(f"expected a representation of {expected}, got shape {tuple(values.shape)}")
    if not values.numel():
        raise GeometryError(f"expected a representation that is not empty, got shape {tuple(values.shape)}")
    if axes == 2 or reading == "flatten":
        return values.flatten(1)
    if axes == 3 and layout is None:
        raise GeometryError(
            f"expected layout='tokens' or layout='map1d' for reading {reading!r}, "
            f"got none for shape {tuple(values.shape)}"
        )
    axis = 1 if layout is None else _AXIS[layout]
    grid = values.movedim(axis, -1).flatten(1, -2)
    return grid.double().mean(1).to(grid.dtype) if reading == "pool" else grid.flatten(0, 1)
