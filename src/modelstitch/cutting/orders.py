"""Orders of positions: which token lies at which place of a grid, as nested loops or as a list.

Most orders are loops over the axes of the grid, one inside the other. Row by row is ``h4 w4``: the slowest
loop comes first. Column by column is ``w4 h4``, and windows of 2 x 2, one after another, are ``h2 w2 h2 w2``.
A loop whose step is not the usual one says it: ``w2:1 w4:2`` are the even places before the odd ones.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from modelstitch.errors import StitchError

Loop = tuple[int, int, int]
"""Axis of the grid, number of steps, and length of a step."""

Nesting = tuple[Loop, ...]
"""Loops one inside the other, the slowest first."""

_LETTERS = "dhw"


@lru_cache(maxsize=256)
def nesting_of(order: tuple[int, ...], grid: tuple[int, ...]) -> Nesting | None:
    """Return the loops that visit a grid in some order; None for an order that no loops give.

    Args:
        order: the number of the token at each place of the grid, row by row.
        grid: lengths of the grid's axes.

    Example:
        >>> nesting_of((0, 2, 1, 3), (2, 2))
        ((1, 2, 1), (0, 2, 1))
        >>> nesting_of((0, 1, 3, 2), (2, 2)) is None
        True
    """
    places = torch.tensor(order).argsort()
    at = torch.stack(torch.unravel_index(places, grid), 1)
    away = (at - at[0]).tolist()
    n, block = len(order), 1
    loops: list[Loop] = []
    while block < n:
        along = [axis for axis, step in enumerate(away[block]) if step]
        if len(along) != 1 or away[block][along[0]] < 0:
            return None
        axis, step = along[0], away[block][along[0]]
        length = 1
        while length * block < n and away[length * block][axis] == length * step:
            length += 1
        loops.insert(0, (axis, length, step))
        block *= length
    nesting = tuple(loops)
    return nesting if block == n and order_of(nesting, grid) == order else None


def order_of(nesting: Nesting, grid: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the order that loops give, place by place; None where they do not visit each place once.

    Example:
        >>> order_of(((1, 2, 1), (0, 2, 1)), (2, 2))
        (0, 2, 1, 3)
    """
    for axis, length in enumerate(grid):
        covered = 1
        for step, steps in sorted((step, steps) for over, steps, step in nesting if over == axis):
            if step != covered:
                return None
            covered *= steps
        if covered != length:
            return None
    tokens = torch.arange(math.prod(grid))
    return tuple(unnested(tokens[None, None], nesting, grid).flatten().tolist())


def _by_axis(nesting: Nesting) -> list[int]:
    """Return the numbers of the loops as the grid nests them: by axis, large steps first."""
    return sorted(range(len(nesting)), key=lambda place: (nesting[place][0], -nesting[place][2]))


def unnested(x: Tensor, nesting: Nesting, grid: Sequence[int]) -> Tensor:
    """Lay tokens (N, C, P), in the order of nested loops, on their grid (N, C, *grid)."""
    split = x.reshape(*x.shape[:2], *(steps for _, steps, _ in nesting))
    return split.permute(0, 1, *(2 + place for place in _by_axis(nesting))).reshape(*x.shape[:2], *grid)


def nested(y: Tensor, nesting: Nesting) -> Tensor:
    """Undo :func:`unnested`."""
    places = _by_axis(nesting)
    split = y.reshape(*y.shape[:2], *(nesting[place][1] for place in places))
    back = sorted(range(len(places)), key=places.__getitem__)
    return split.permute(0, 1, *(2 + place for place in back)).flatten(2)


def rows_of(grid: Sequence[int]) -> Nesting:
    """Return the loops of a grid row by row."""
    return tuple((axis, length, 1) for axis, length in enumerate(grid))


def _usual_steps(nesting: Sequence[tuple[int, int]]) -> list[int]:
    """Return the steps of loops of which the slower ones take larger steps."""
    return [
        math.prod(steps for inner, steps in nesting[place + 1 :] if inner == axis)
        for place, (axis, _) in enumerate(nesting)
    ]


def spelled(order: tuple[int, ...], grid: tuple[int, ...], extra: int) -> str:
    """Write an order as text: its first token, unless that is behind all extra ones, and loops or tokens.

    Example:
        >>> spelled((1, 3, 2, 4), (2, 2), 2), spelled((0, 1, 3, 2), (2, 2), 0)
        ('from 1 as w2 h2', 'order 0-1/3-2')
    """
    first = min(order)
    nesting = nesting_of(tuple(token - first for token in order), grid)
    if nesting is None:
        return "order " + "/".join(_runs(order))
    begin = [f"from {first}"] if first != extra else []
    letters = _LETTERS[-len(grid) :]
    usual = _usual_steps([(axis, steps) for axis, steps, _ in nesting])
    loops = " ".join(
        f"{letters[axis]}{steps}" + ("" if step == own else f":{step}")
        for (axis, steps, step), own in zip(nesting, usual, strict=True)
    )
    plain = order == tuple(range(first, first + len(order)))
    return " ".join([*begin, *([] if plain else [f"as {loops}"])])


def _runs(order: Sequence[int]) -> Iterator[str]:
    """Write numbers as runs, up or down."""
    for _, group in itertools.groupby(_numbered(order), key=lambda pair: pair[0]):
        run = [number for _, number in group]
        yield str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"


def _numbered(order: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield each number with that of its run; a run goes up or down by one."""
    run, step = 0, 0
    for place, number in enumerate(order):
        if place:
            moved = number - order[place - 1]
            if abs(moved) != 1 or step not in (0, moved):
                run, step = run + 1, 0
            else:
                step = moved
        yield run, number


def read(text: str, grid: tuple[int, ...], extra: int) -> tuple[int, ...]:
    """Read an order as :func:`spelled` writes it, beside ``extra`` tokens.

    Raises:
        StitchError: another text, or loops that do not fill the grid.

    Example:
        >>> read("from 1 as w2 h2", (2, 2), 2), read("order 0-1/3-2", (2, 2), 0)
        ((1, 3, 2, 4), (0, 1, 3, 2))
    """
    if text.startswith("order "):
        return tuple(number for run in text[6:].split("/") for number in _run(run))
    match = re.fullmatch(r"(?:from (\d+))? ?(?:as ([\w: ]+))?", text)
    letters = _LETTERS[-len(grid) :]
    loops = re.findall(r"([a-z])(\d+)(?::(\d+))?", match[2] or "") if match else []
    if match is None or any(letter not in letters for letter, *_ in loops):
        axes = " and ".join(letters)
        raise StitchError(
            f"expected an order such as from 1 as w4 h4, with loops over {axes}, or order 0-3/7-4, "
            f"got {text!r}"
        )
    plain = [(letters.index(letter), int(steps)) for letter, steps, _ in loops]
    usual = _usual_steps(plain)
    nesting = tuple(
        (axis, steps, int(given or own))
        for (axis, steps), (_, _, given), own in zip(plain, loops, usual, strict=True)
    )
    order = order_of(nesting or rows_of(grid), grid)
    if order is None:
        raise StitchError(
            f"expected loops that visit each place of {'x'.join(map(str, grid))} once, got {match[2]!r}"
        )
    begin = extra if match[1] is None else int(match[1])
    return tuple(begin + token for token in order)


def _run(text: str) -> range:
    first, _, last = text.partition("-")
    begin, end = int(first), int(last or first)
    return range(begin, end + 1) if end >= begin else range(begin, end - 1, -1)
