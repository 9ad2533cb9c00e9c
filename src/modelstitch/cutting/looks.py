"""Where a position of a representation looks: measured by its gradient to places that are known.

All positions are measured at once. Each has a code of signs, and one backward pass carries the sum of the
positions' cotangents, each with the sign of its code. The gradient at a place then correlates with the codes
of the positions that look there, and with no others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from modelstitch.cutting.orders import nesting_of

N_CODES = 64
"""Length of a code: the number of copies of one example in the backward pass."""

_AT_ONCE = 16
_LEAST_SHARE = 0.02
_SAME = 0.5  # of the largest share at a place: positions with less do not look there
_BROAD = 0.75  # of the spread of all places: a position that sees more of them looks everywhere
_APART = 0.25  # of the mean distance of two rows of a grid: less, and they are no rows
_POWER = 4
_COVERED = 0.7  # of the places lead foremost to positions of the grid, or it is no grid
_MOST_AXES = 3  # that a bridge takes
_CHUNK = 2**24


@dataclass(frozen=True)
class Arrangement:
    """How positions lie.

    Attributes:
        grid: lengths of the axes along which the positions differ, in the order of the input's axes.
        order: the number of the position at each place of the grid, row by row; the others look everywhere or
            nowhere.
        axes: the axes of the places that these are.
    """

    grid: tuple[int, ...]
    order: tuple[int, ...]
    axes: tuple[int, ...]


def codes(n_positions: int, generator: torch.Generator) -> Float[Tensor, "k p"]:
    """Return one code of signs for each position; up to 64 positions have codes without any correlation."""
    if n_positions <= N_CODES:
        signs = torch.ones(1, 1)
        while len(signs) < N_CODES:
            signs = torch.cat([torch.cat([signs, signs], 1), torch.cat([signs, -signs], 1)])
        return signs[:, :n_positions]
    return torch.randint(0, 2, (N_CODES, n_positions), generator=generator) * 2.0 - 1.0


def shares(
    half: Callable[[Tensor], Float[Tensor, "b c p"]],
    source: Float[Tensor, "1 ..."],
    to_places: Callable[[Tensor], Float[Tensor, "b d s"]],
    n_positions: int,
    generator: torch.Generator,
) -> Float[Tensor, "p s"]:
    """Return which share of what leaves each place goes to each position.

    Args:
        half: maps copies of the source to the representation, features first and positions in a row.
        source: one example of what the places hold.
        to_places: reads a gradient at the source as D features at S places.
        n_positions: P.
        generator: of the codes and the directions of features.

    Returns:
        From 0 to 1, the squared correlation of a position's code with the gradient at a place.
    """
    signs = codes(n_positions, generator).to(source.device)
    directions: Tensor | None = None
    parts = []
    for some in signs.split(_AT_ONCE):
        x = source.expand(len(some), *source.shape[1:]).clone().requires_grad_()
        y = half(x)
        if directions is None:
            directions = torch.randn(y.shape[1:], generator=generator).to(y)
        if not y.requires_grad:
            return torch.zeros(n_positions, 1)
        cotangent = directions * some[:, None, :].to(y)
        (gradient,) = torch.autograd.grad(y, x, cotangent, allow_unused=True)
        parts.append(to_places(torch.zeros_like(x) if gradient is None else gradient).detach().float())
    return _correlations(signs.float(), torch.nan_to_num(torch.cat(parts)))


def _correlations(signs: Tensor, gradient: Float[Tensor, "k d s"]) -> Tensor:
    n_codes, n_features, _ = gradient.shape
    whole = n_codes * gradient.square().sum((0, 1))
    at_once = max(1, _CHUNK // (signs.shape[1] * n_features))
    products = (torch.einsum("kp,kds->pds", signs, some) for some in gradient.split(at_once, dim=2))
    scores = torch.cat([product.square().sum(1) for product in products], 1)
    return torch.where(whole > 0, scores / whole.clamp_min(1e-300), 0.0)


def moved(
    half: Callable[[Tensor], Float[Tensor, "b c p"]], numbered: Sequence[Tensor], lengths: Sequence[int]
) -> tuple[Float[Tensor, "p a"], Float[Tensor, "p a"]] | None:
    """Return where the values at each position come from, if a part of a model only moves values.

    Args:
        half: maps representations to representations, features first and positions in a row.
        numbered: for each axis of places, a representation that holds the place along it, from 1 on.
        lengths: number of places along each axis.

    Returns:
        Mean and variance over features of the place, from 0 on, along each axis; -1 for what comes from no
        place. None where the part does more than move.
    """
    means, spreads = [], []
    with torch.no_grad():
        nothing = half(torch.zeros_like(numbered[0]))
        for given, length in zip(numbered, lengths, strict=True):
            number = (half(given) - nothing)[0].double()
            whole = number.round()
            # What is added, such as embeddings of positions, rounds off a little.
            if (
                not bool(((number - whole).abs() < 0.1).all())
                or not -1 <= whole.min() <= whole.max() <= length
            ):
                return None
            means.append(whole.mean(0) - 1)
            spreads.append(whole.var(0, unbiased=False))
    return torch.stack(means, 1).float(), torch.stack(spreads, 1).float()


def arranged_by_moves(
    at: Float[Tensor, "p a"], spread: Float[Tensor, "p a"], lengths: Sequence[int]
) -> Arrangement | None:
    """Return how positions lie whose values were moved there; None where they fill no grid.

    Args:
        at, spread: as :func:`moved` gives them.
        lengths: number of places along each axis.
    """
    whole = torch.tensor([(length**2 - 1) / 12 for length in lengths])
    return _of_looks(at, spread, whole, (at >= 0).all(1))


def arranged(share: Float[Tensor, "p s"], places: Float[Tensor, "s a"]) -> Arrangement | None:
    """Return how positions lie, from where each looks; None where they fill no grid.

    Args:
        share: of what leaves each place, the share that goes to each position.
        places: coordinates of the places.

    Example:
        >>> places = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> arranged(torch.eye(4)[[0, 2, 1, 3]], places).order
        (0, 2, 1, 3)
    """
    least = _LEAST_SHARE if len(share) <= N_CODES else 4 / N_CODES
    seen = share * (share >= least)
    weights = seen * (share >= _SAME * share.amax(0))
    # No place leads to it foremost: it looks where it has its own largest shares.
    other = seen * (share >= _SAME * share.amax(1, keepdim=True))
    weights = torch.where((weights.sum(1) > 0)[:, None], weights, other)
    # Places that no position has mostly for itself say little.
    weights = weights**_POWER
    looking = weights.sum(1)
    mean = weights @ places / looking.clamp_min(1e-30)[:, None]
    spread = weights @ places.square() / looking.clamp_min(1e-30)[:, None] - mean.square()
    found = _of_looks(mean, spread, places.var(0, unbiased=False), looking > 0)
    if found is None:
        return None
    first = min(found.order)
    if len(found.grid) == 1 and nesting_of(tuple(n - first for n in found.order), found.grid) is None:
        return None  # a line in any other order may be no more than noise
    foremost = share.argmax(0)[share.amax(0) >= least]
    covered = torch.isin(foremost, torch.tensor(found.order)).sum() / (share.amax(0) > 0).sum()
    return found if float(covered) >= _COVERED else None


def _of_looks(mean: Tensor, spread: Tensor, whole: Tensor, somewhere: Tensor) -> Arrangement | None:
    """Return how positions lie, from mean and variance (P, A) of where they look, and variance of all."""
    # An axis along which the places do not differ tells nothing.
    narrow = (spread <= _BROAD * whole) & (whole > 0) & somewhere[:, None]
    local = narrow.any(1)
    if not bool(local.any()):
        return None
    axes = [axis for axis in range(len(whole)) if float(narrow[local, axis].float().mean()) > 0.5]
    return on_grid(mean, narrow[:, axes].all(1), axes) if axes else None


def on_grid(
    at: Float[Tensor, "p a"], placed: Bool[Tensor, " p"], axes: Sequence[int] | None = None
) -> Arrangement | None:
    """Return the grid that positions fill; None where they fill none.

    Args:
        at: coordinates of where each position looks.
        placed: whether it looks at one place; the others are extra.
        axes: of the coordinates that tell; by default all.

    Example:
        >>> at = torch.tensor([[0.0, 0.0], [0.0, 4.0], [0.0, 0.0], [0.0, 9.0]])
        >>> on_grid(at, torch.tensor([True, True, False, True]))
        Arrangement(grid=(3,), order=(0, 1, 3), axes=(1,))
    """
    tokens = placed.nonzero().flatten()
    n = len(tokens)
    if n < 2:
        return None
    rows = {axis: _levels(at[tokens, axis]) for axis in (range(at.shape[1]) if axes is None else axes)}
    cells = {axis: number for axis, number in rows.items() if number is not None}
    if not cells:
        return None
    cell = torch.stack(list(cells.values()), 1)
    grid = tuple((cell.amax(0) + 1).tolist())
    if len(grid) > _MOST_AXES or math.prod(grid) != n or len(cell.unique(dim=0)) != n:
        return None
    strides = torch.tensor([math.prod(grid[axis + 1 :]) for axis in range(len(grid))])
    order = tokens[(cell * strides).sum(1).argsort()]
    return Arrangement(grid, tuple(order.tolist()), tuple(cells))


def _levels(at: Float[Tensor, " n"]) -> Tensor | None:
    """Return the number of the row of each position, from its coordinate; None where there are no rows.

    The rows are as many as possible, hold equally many positions each, and lie apart from each other.
    """
    ordered, places = at.sort()
    n, length = len(at), float(ordered[-1] - ordered[0])
    if length == 0:
        return None
    for n_rows in (k for k in range(n, 1, -1) if n % k == 0):
        rows = ordered.reshape(n_rows, -1)
        gaps = rows[1:, 0] - rows[:-1, -1]
        if float(gaps.min()) >= _APART * length / (n_rows - 1):
            number = torch.empty_like(places)
            number[places] = torch.arange(n) // (n // n_rows)
            return number
    return None
