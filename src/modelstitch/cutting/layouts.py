"""Layouts: which axis of a representation holds its features, and how its positions are arranged."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Bool
from jaxtyping import Shaped as AnyType
from torch import Tensor, nn

from modelstitch.cutting import orders
from modelstitch.errors import StitchError, expect_one_of

M = TypeVar("M", bound=nn.Module)

KINDS = {"vector": 1, "tokens": 2, "map1d": 2, "map2d": 3, "map3d": 4}
"""Number of axes of one example, by kind; tokens may have more. A kind is one row here, and its rule in
``recognise``."""


def channels_last(module: M) -> M:
    """Store 4-axis weights of ``module`` with channels last, in place; no value changes.

    Convolutions on a CPU and on tensor cores are faster this way.
    """
    for held in (*module.parameters(), *module.buffers()):
        if held.ndim == 4:
            held.data = held.data.contiguous(memory_format=torch.channels_last)
    return module


@dataclass(frozen=True)
class Layout:
    """How to read a representation (N, *shape).

    Attributes:
        kind: ``vector (D)``, ``tokens (T, D)``, ``map1d (C, L)``, ``map2d (C, H, W)`` or ``map3d (C, D, H,
            W)``; another number of axes is ``5-d``, say, and cannot be stitched. Tokens may have several axes
            of positions, such as ``(windows, T, D)``: these are read as one axis.
        shape: shape of one example.
        last: whether the features of a map are its last axis, as in Swin.
        extra: number of tokens without a position: class and register tokens. They stand in front unless
            ``order`` says otherwise.
        grid: height and width, or depth, height and width, of the other tokens; None for a sequence.
        order: the number of the token at each place of the grid, row by row; tokens that it leaves out are
            extra. None where the tokens behind the extra ones lie row by row.
        first: whether the features of tokens are their first axis.

    Raises:
        StitchError: the parts do not fit each other.

    Example:
        >>> str(Layout("tokens", (197, 768), extra=1, grid=(14, 14)))
        'tokens+1 14x14'
        >>> Layout("map2d", (7, 7, 96), last=True).n_features
        96
        >>> str(Layout("tokens", (5, 8), extra=1, grid=(2, 2), order=(0, 2, 1, 3)))
        'tokens+1 2x2 from 0 as w2 h2'
    """

    kind: str
    shape: tuple[int, ...]
    last: bool = False
    extra: int = 0
    grid: tuple[int, ...] | None = None
    order: tuple[int, ...] | None = None
    first: bool = False

    def __post_init__(self) -> None:
        axes = KINDS.get(self.kind)
        fits = axes == len(self.shape) or (self.kind == "tokens" and len(self.shape) > 2)
        if axes is not None and not fits:
            raise StitchError(
                f"expected {axes} {'axis' if axes == 1 else 'axes'} for the layout {self.kind}, "
                f"got shape {self.shape}"
            )
        if (self.extra or self.grid) and self.kind != "tokens":
            raise StitchError(f"expected extra tokens and a grid for the layout tokens alone, got {self}")
        if self.last and self.kind not in ("map2d", "map3d"):
            raise StitchError(f"expected features last for map2d and map3d alone, got {self}")
        if self.first and self.kind != "tokens":
            raise StitchError(f"expected features first to be said of tokens alone, got {self}")
        if self.kind == "tokens" and not 0 <= self.extra < self.n_tokens:
            raise StitchError(
                f"expected fewer extra tokens than the {self.n_tokens} tokens, got {self.extra}"
            )
        if self.grid is not None and math.prod(self.grid) != self.n_tokens - self.extra:
            raise StitchError(
                f"expected {self.n_tokens - self.extra} tokens on the grid, "
                f"got {' x '.join(map(str, self.grid))}"
            )
        if self.order is not None:
            self._expect_order(self.order)
            if self.order == tuple(range(self.extra, self.n_tokens)):
                object.__setattr__(self, "order", None)

    def _expect_order(self, order: tuple[int, ...]) -> None:
        if self.grid is None:
            raise StitchError("expected a grid beside the order of its tokens, got none")
        if len(order) != math.prod(self.grid) or len(set(order)) != len(order):
            raise StitchError(
                f"expected an order of {math.prod(self.grid)} different tokens, got "
                f"{len(set(order))} different ones of {len(order)}"
            )
        if not (min(order) >= 0 and max(order) < self.n_tokens):
            raise StitchError(
                f"expected an order of tokens from 0 to {self.n_tokens - 1}, got {min(order)} to {max(order)}"
            )

    def __str__(self) -> str:
        parts = [f"{self.kind}+{self.extra}" if self.extra else self.kind]
        if self.grid:
            parts.append("x".join(map(str, self.grid)))
        if self.grid and self.order:
            parts.append(orders.spelled(self.order, self.grid, self.extra))
        parts += [word for word, said in (("last", self.last), ("first", self.first)) if said]
        return " ".join(parts)

    @property
    def stitchable(self) -> bool:
        """Whether a bridge can read it."""
        return self.kind in KINDS

    @property
    def is_map(self) -> bool:
        """Whether the positions are those of a map."""
        return self.kind.startswith("map")

    @property
    def features_last(self) -> bool:
        """Whether the features are the last axis."""
        return self.last or (self.kind == "tokens" and not self.first)

    @property
    def n_features(self) -> int:
        """Number of features at each position."""
        return self.shape[-1] if self.features_last else self.shape[0]

    @property
    def n_tokens(self) -> int:
        """Number of positions and extra tokens."""
        return math.prod(self.shape[:-1] if self.features_last else self.shape[1:])

    @property
    def positions(self) -> tuple[int, ...]:
        """Height and width of the grid, or depth, height and width; a sequence has height 1."""
        if self.kind == "tokens":
            return self.grid or (1, self.n_tokens - self.extra)
        inner = self.shape[:-1] if self.last else self.shape[1:]
        return (*(1,) * (2 - len(inner)), *inner)

    @property
    def extra_tokens(self) -> tuple[int, ...]:
        """Numbers of the extra tokens."""
        if self.order is None:
            return tuple(range(self.extra))
        placed = set(self.order)
        return tuple(token for token in range(self.n_tokens) if token not in placed)

    def features_first(self, x: AnyType[Tensor, " n *shape"]) -> AnyType[Tensor, "n c *positions"]:
        """Move the features to the second axis, (N, C, *positions)."""
        return x.movedim(-1, 1) if self.features_last else x

    def features_back(self, x: AnyType[Tensor, "n c *positions"]) -> AnyType[Tensor, " n *shape"]:
        """Undo :meth:`features_first`."""
        return x.movedim(1, -1) if self.features_last else x

    @property
    def features_first_shape(self) -> tuple[int, ...]:
        """Shape of one example with its features first."""
        return (self.shape[-1], *self.shape[:-1]) if self.features_last else self.shape

    def to_grid(
        self, x: AnyType[Tensor, " n *shape"]
    ) -> tuple[AnyType[Tensor, "n c *positions"], AnyType[Tensor, "n c extra"] | None]:
        """Split a representation into a grid of features, (N, C, H, W) say, and its extra tokens."""
        first = self.features_first(x)
        if self.kind != "tokens":
            return first.reshape(x.shape[0], self.n_features, *self.positions), None
        row = first.flatten(2)
        extra = _picked(row, self.extra_tokens) if self.extra else None
        begin, nesting = self._nesting
        if nesting is None:
            assert self.order is not None
            return _picked(row, self.order).unflatten(2, self.positions), extra
        placed = row[:, :, begin : begin + math.prod(self.positions)]
        return orders.unnested(placed, nesting, self.positions), extra

    def from_grid(
        self,
        y: AnyType[Tensor, "n c *positions"],
        extra: AnyType[Tensor, "n c extra"] | None = None,
    ) -> AnyType[Tensor, " n *shape"]:
        """Undo :meth:`to_grid`.

        Missing extra tokens are the mean over positions.
        """
        row = y.flatten(2)
        if self.kind == "tokens":
            begin, nesting = self._nesting
            flat = row if nesting is None else orders.nested(y, nesting)
            if self.extra:
                if extra is None:
                    extra = row.mean(2, keepdim=True).expand(-1, -1, self.extra)
                flat = torch.cat([extra[:, :, :begin], flat, extra[:, :, begin:]], 2)
            if nesting is None:
                assert self.order is not None
                # Where each token of the representation stands among the extra ones and the grid.
                here = (*self.extra_tokens[:begin], *self.order, *self.extra_tokens[begin:])
                flat = _picked(flat, sorted(range(len(here)), key=here.__getitem__))
            row = flat
        return self.features_back(row.reshape(y.shape[0], *self.features_first_shape))

    @property
    def _nesting(self) -> tuple[int, orders.Nesting | None]:
        """Number of the first token on the grid, and the loops over the grid; None for an irregular order."""
        if self.order is None:
            return self.extra, orders.rows_of(self.positions)
        begin = min(self.order)
        nesting = orders.nesting_of(tuple(token - begin for token in self.order), self.positions)
        return (0 if nesting is None else begin), nesting


def _picked(row: Tensor, tokens: Sequence[int]) -> Tensor:
    """Return some tokens of a row (N, C, T), in the order given."""
    if list(tokens) == list(range(tokens[0], tokens[0] + len(tokens))):
        return row[:, :, tokens[0] : tokens[0] + len(tokens)]
    return row[:, :, list(tokens)]


def recognise(
    shape: tuple[int, ...],
    *,
    last: bool | None = None,
    extra: int = 0,
    picture: tuple[int, int] | None = None,
) -> Layout:
    """Read the layout of a representation of ``shape`` (batch axis left out).

    One axis is ``vector``; two are ``tokens`` or, with the features first, ``map1d``; three ``map2d``; four
    ``map3d``. Tokens of an image lie on a grid of its proportions where their number allows one.

    Args:
        shape: shape of one example.
        last: whether the features are the last axis; None for the usual axis of the kind.
        extra: number of tokens in front without a position.
        picture: height and width of the model's input image.

    Example:
        >>> str(recognise((64, 8, 8))), str(recognise((64, 17), last=False))
        ('map2d', 'map1d')
        >>> str(recognise((17, 64), extra=1, picture=(32, 32)))
        'tokens+1 4x4'
    """
    if len(shape) == 2 and last is not False:
        n = shape[0] - extra
        return Layout("tokens", shape, extra=extra, grid=_grid(n, picture) if picture else None)
    kinds = {axes: kind for kind, axes in KINDS.items() if kind != "tokens"}
    kind = kinds.get(len(shape), f"{len(shape)}-d")
    return Layout(kind, shape, last=bool(last) and kind in ("map2d", "map3d"))


def _grid(n: int, picture: tuple[int, int]) -> tuple[int, int] | None:
    height = math.sqrt(n * picture[0] / picture[1]) if n > 0 else 0
    rows = round(height)
    return (rows, n // rows) if n > 1 and abs(height - rows) < 1e-6 and rows and n % rows == 0 else None


_ORDER = r"(?: from \d+)?(?: as(?: [dhw]\d+(?::\d+)?)+)?| order \d+(?:-\d+)?(?:/\d+(?:-\d+)?)*"
_TEXT = re.compile(rf"(\w+)(?:\+(\d+))?(?: (\d+(?:x\d+){{1,2}})({_ORDER})?)?(?: (last|first))?")


def parse(text: str, shape: tuple[int, ...]) -> Layout:
    """Parse a layout as ``str`` writes it, such as ``map2d last`` or ``tokens+1 14x14``, for a given shape.

    The order of the tokens stands behind the grid: ``tokens+1 14x14 from 0 as w14 h14`` are columns, with one
    extra token behind them.

    Raises:
        StitchError: another text, or a layout that does not fit the shape.

    Example:
        >>> parse("tokens+1 4x4", (17, 64)) == recognise((17, 64), extra=1, picture=(8, 8))
        True
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise StitchError(f"expected a layout such as tokens+1 14x14, map2d or map2d last, got {text!r}")
    expect_one_of("layout", match[1], KINDS, StitchError)
    grid = tuple(map(int, match[3].split("x"))) if match[3] else None
    extra = int(match[2] or 0)
    order = orders.read(match[4].strip(), grid, extra) if grid and match[4] else None
    return Layout(match[1], shape, match[5] == "last", extra, grid, order, match[5] == "first")


def mask_fits(layout: Layout, present: Bool[Tensor, "n t"]) -> bool:
    """Tell whether a mask (N, T) has one value for every position of a representation."""
    plain = layout.stitchable and not layout.extra and layout.order is None
    return plain and layout.positions == (1, present.shape[1])


def without_padding(
    x: AnyType[Tensor, " n *shape"], layout: Layout, present: Bool[Tensor, "n t"]
) -> AnyType[Tensor, " n *shape"]:
    """Mask padding: set a representation to 0 there. A no-op where the mask does not lie on the positions.

    Args:
        x: a representation.
        layout: its layout.
        present: the mask, False in padding.

    Example:
        >>> without_padding(torch.ones(1, 2, 3), recognise((2, 3)), torch.tensor([[True, False]])).tolist()
        [[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]
    """
    if not mask_fits(layout, present):
        return x
    shape = (x.shape[0], 1, *layout.features_first_shape[1:])
    return layout.features_back(layout.features_first(x).masked_fill(~present.reshape(shape).to(x.device), 0))


def filled_with_mean(
    x: AnyType[Tensor, " n *shape"], layout: Layout, present: Bool[Tensor, "n t"]
) -> AnyType[Tensor, " n *shape"]:
    """Fill padding with the mean over the other positions, so that pooling ignores padding.

    A no-op where the mask does not lie on the positions.

    Args:
        x: a representation.
        layout: its layout.
        present: the mask, False in padding.

    Example:
        >>> x, mask = torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]])
        >>> filled_with_mean(x, recognise((3, 1)), mask).flatten().tolist()
        [1.0, 3.0, 2.0]
    """
    if not mask_fits(layout, present):
        return x
    first = layout.features_first(x)
    is_token = present.reshape(x.shape[0], 1, *layout.features_first_shape[1:]).to(x.device)
    axes = tuple(range(2, first.ndim))
    total = first.masked_fill(~is_token, 0).sum(axes, keepdim=True)
    mean = total / is_token.sum(axes, keepdim=True).clamp_min(1)
    return layout.features_back(torch.where(is_token, first, mean))


Shaped = Layout | tuple[int, ...]
"""A layout, or a shape whose layout follows from its number of axes."""


def as_layout(given: Shaped) -> Layout:
    """Return a layout unchanged; recognise that of a shape."""
    return given if isinstance(given, Layout) else recognise(given)


def stitchable(layout: Layout, where: str) -> Layout:
    """Return ``layout`` if a bridge can read it.

    Args:
        layout: layout of a representation.
        where: name of the representation, for the error.

    Raises:
        StitchError: no layout has this number of axes.
    """
    if not layout.stitchable:
        raise StitchError(
            f"cannot stitch at {where}: expected a vector, tokens, or a map of one to three dimensions, "
            f"got layout {layout} of shape {layout.shape}; choose another cut"
        )
    return layout
