"""How a representation is laid out: where its features are, and how its positions lie."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from modelstitch.errors import StitchError, expect_one_of

M = TypeVar("M", bound=nn.Module)

KINDS = {"vector": 1, "tokens": 2, "map1d": 2, "map2d": 3, "map3d": 4}
"""Number of axes of one example, by kind."""


def channels_last(module: M) -> M:
    """Store the weights of two-dimensional convolutions of ``module`` with channels last, in place; no value changes.

    Convolutions on a CPU and on tensor cores are faster so.
    """
    for held in (*module.parameters(), *module.buffers()):
        if held.ndim == 4:
            held.data = held.data.contiguous(memory_format=torch.channels_last)
    return module


@dataclass(frozen=True)
class Layout:
    """How to read a representation (N, *shape).

    Attributes:
        kind: ``vector (D)``, ``tokens (T, D)``, ``map1d (C, L)``, ``map2d (C, H, W)`` or ``map3d (C, D, H, W)``; another
            number of axes reads as ``5-d`` and cannot be stitched.
        shape: of one example.
        last: whether the features of a map are its last axis, as in Swin.
        extra: tokens in front that stand for no position: class and register tokens.
        grid: height and width, or depth, height and width, on which the other tokens lie, row by row; None where they are a sequence.

    Raises:
        StitchError: the parts do not fit each other.

    Example:
        >>> str(Layout("tokens", (197, 768), extra=1, grid=(14, 14))), Layout("map2d", (7, 7, 96), last=True).n_features
        ('tokens+1 14x14', 96)
    """

    kind: str
    shape: tuple[int, ...]
    last: bool = False
    extra: int = 0
    grid: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        axes = KINDS.get(self.kind)
        if axes is not None and axes != len(self.shape):
            raise StitchError(
                f"expected {axes} {'axis' if axes == 1 else 'axes'} for the layout {self.kind}, got shape {self.shape}"
            )
        if (self.extra or self.grid) and self.kind != "tokens":
            raise StitchError(f"expected extra tokens and a grid for the layout tokens alone, got {self}")
        if self.last and self.kind not in ("map2d", "map3d"):
            raise StitchError(f"expected features last for map2d and map3d alone, got {self}")
        if self.kind == "tokens" and not 0 <= self.extra < self.shape[0]:
            raise StitchError(
                f"expected fewer extra tokens than the {self.shape[0]} tokens, got {self.extra}"
            )
        if self.grid is not None and math.prod(self.grid) != self.shape[0] - self.extra:
            raise StitchError(
                f"expected {self.shape[0] - self.extra} tokens on the grid, got {' x '.join(map(str, self.grid))}"
            )

    def __str__(self) -> str:
        extra = f"+{self.extra}" if self.extra else ""
        grid = f" {'x'.join(map(str, self.grid))}" if self.grid else ""
        return f"{self.kind}{extra}{grid}{' last' if self.last else ''}"

    @property
    def stitchable(self) -> bool:
        """Whether a bridge can read it."""
        return self.kind in KINDS

    @property
    def is_map(self) -> bool:
        """Whether the positions are those of a map."""
        return self.kind.startswith("map")

    @property
    def n_features(self) -> int:
        """Number of features at each position."""
        return self.shape[-1] if self.kind == "tokens" or self.last else self.shape[0]

    @property
    def positions(self) -> tuple[int, ...]:
        """Height and width of the grid of positions, of a volume depth, height and width; a sequence lies along the width."""
        if self.kind == "tokens":
            return self.grid or (1, self.shape[0] - self.extra)
        inner = self.shape[:-1] if self.last else self.shape[1:]
        return (*(1,) * (2 - len(inner)), *inner)

    def features_first(self, x: Tensor) -> Tensor:
        """Return (N, *shape) with the features as its second axis, (N, C, *positions); nothing is lost."""
        return x.movedim(-1, 1) if self.kind == "tokens" or self.last else x

    def features_back(self, x: Tensor) -> Tensor:
        """Undo :meth:`features_first`."""
        return x.movedim(1, -1) if self.kind == "tokens" or self.last else x

    @property
    def features_first_shape(self) -> tuple[int, ...]:
        """Shape of one example with its features first."""
        moved = self.kind == "tokens" or self.last
        return (self.shape[-1], *self.shape[:-1]) if moved else self.shape

    def to_grid(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Read (N, *shape) as features on the grid of positions (N, C, H, W), and the extra tokens (N, C, extra) apart."""
        first = self.features_first(x)
        extra = first[:, :, : self.extra] if self.extra else None
        if self.extra:
            first = first[:, :, self.extra :]
        return first.reshape(x.shape[0], self.n_features, *self.positions), extra

    def from_grid(self, y: Tensor, extra: Tensor | None = None) -> Tensor:
        """Write features on the grid (N, C, H, W), and extra tokens (N, C, extra), as (N, *shape).

        Extra tokens that are not given are the mean over positions.
        """
        if self.kind != "tokens":
            return self.features_back(y.reshape(y.shape[0], *self.features_first_shape))
        flat = y.flatten(2)
        if self.extra:
            if extra is None:
                extra = flat.mean(2, keepdim=True).expand(-1, -1, self.extra)
            flat = torch.cat([extra, flat], 2)
        return flat.transpose(1, 2)


def recognise(
    shape: tuple[int, ...],
    *,
    last: bool | None = None,
    extra: int = 0,
    picture: tuple[int, int] | None = None,
) -> Layout:
    """Read the layout of a representation of ``shape`` (batch axis left out).

    One axis is ``vector``; two are ``tokens`` or, with the features first, ``map1d``; three ``map2d``; four ``map3d``. Tokens of
    a picture lie on a grid of its proportions where their number allows one.

    Args:
        shape: of one example.
        last: whether the features are the last axis; the usual place of the kind where it is not known.
        extra: tokens in front that stand for no position.
        picture: height and width of the image that the model takes.

    Example:
        >>> str(recognise((64, 8, 8))), str(recognise((17, 64), extra=1, picture=(32, 32))), str(recognise((64, 17), last=False))
        ('map2d', 'tokens+1 4x4', 'map1d')
    """
    if len(shape) == 2 and last is not False:
        n = shape[0] - extra
        return Layout("tokens", shape, extra=extra, grid=_grid(n, picture) if picture else None)
    kinds = {1: "vector", 2: "map1d", 3: "map2d", 4: "map3d"}
    kind = kinds.get(len(shape), f"{len(shape)}-d")
    return Layout(kind, shape, last=bool(last) and kind in ("map2d", "map3d"))


def _grid(n: int, picture: tuple[int, int]) -> tuple[int, int] | None:
    height = math.sqrt(n * picture[0] / picture[1]) if n > 0 else 0
    rows = round(height)
    return (rows, n // rows) if n > 1 and abs(height - rows) < 1e-6 and rows and n % rows == 0 else None


def parse(text: str, shape: tuple[int, ...]) -> Layout:
    """Read a layout as ``str`` writes it, such as ``map2d last`` or ``tokens+1 14x14``, for a representation of ``shape``.

    Raises:
        StitchError: something else, or a layout that does not fit the shape.

    Example:
        >>> parse("tokens+1 4x4", (17, 64)) == recognise((17, 64), extra=1, picture=(8, 8))
        True
    """
    found = re.fullmatch(r"(\w+)(?:\+(\d+))?(?: (\d+(?:x\d+){1,2}))?( last)?", text.strip())
    if found is None:
        raise StitchError(f"expected a layout such as tokens+1 14x14, map2d or map2d last, got {text!r}")
    expect_one_of("layout", found[1], KINDS, StitchError)
    grid = tuple(map(int, found[3].split("x"))) if found[3] else None
    return Layout(found[1], shape, last=bool(found[4]), extra=int(found[2] or 0), grid=grid)


def lies_on(layout: Layout, present: Tensor) -> bool:
    """Tell whether a mask of positions (N, T) says of each position of a representation whether something is there."""
    return layout.stitchable and not layout.extra and layout.positions == (1, present.shape[1])


def without_padding(x: Tensor, layout: Layout, present: Tensor) -> Tensor:
    """Set a representation (N, *shape) to 0 at positions where nothing is; one without such positions stays as it is.

    Args:
        x: a representation.
        layout: how to read it.
        present: (N, T), true where something is.

    Example:
        >>> without_padding(torch.ones(1, 2, 3), recognise((2, 3)), torch.tensor([[True, False]])).tolist()
        [[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]
    """
    if not lies_on(layout, present):
        return x
    shape = (x.shape[0], 1, *layout.features_first_shape[1:])
    return layout.features_back(layout.features_first(x).masked_fill(~present.reshape(shape).to(x.device), 0))


def filled_with_mean(x: Tensor, layout: Layout, present: Tensor) -> Tensor:
    """Put the mean over the positions where something is at those of a representation (N, *shape) where nothing is.

    What is pooled over all positions is then pooled over those alone. A representation without such positions stays as it is.

    Args:
        x: a representation.
        layout: how to read it.
        present: (N, T), true where something is.

    Example:
        >>> filled_with_mean(torch.tensor([[[1.0], [3.0], [9.0]]]), recognise((3, 1)), torch.tensor([[True, True, False]])).flatten().tolist()
        [1.0, 3.0, 2.0]
    """
    if not lies_on(layout, present):
        return x
    first = layout.features_first(x)
    there = present.reshape(x.shape[0], 1, *layout.features_first_shape[1:]).to(x.device)
    axes = tuple(range(2, first.ndim))
    total = first.masked_fill(~there, 0).sum(axes, keepdim=True)
    mean = total / there.sum(axes, keepdim=True).clamp_min(1)
    return layout.features_back(torch.where(there, first, mean))


Shaped = Layout | tuple[int, ...]
"""A layout, or a shape whose layout follows from its number of axes."""


def as_layout(given: Shaped) -> Layout:
    """Return a layout as it is, and recognise that of a shape."""
    return given if isinstance(given, Layout) else recognise(given)


def stitchable(layout: Layout, where: str) -> Layout:
    """Return ``layout`` where a bridge can read it.

    Args:
        layout: of a representation.
        where: what the representation is, for the error.

    Raises:
        StitchError: another number of axes than any layout has.
    """
    if not layout.stitchable:
        raise StitchError(
            f"cannot stitch at {where}: expected a vector, tokens, or a map of one to three dimensions, got layout {layout} of "
            f"shape {layout.shape}; choose another cut"
        )
    return layout
