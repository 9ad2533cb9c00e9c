"""How an image gets to the size that a model takes: steps of scaling and cutting, as arithmetic."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from modelstitch.errors import SpecError

Size = tuple[int, int]
"""Height and width, in pixels."""

ChangeKind = Literal["resize", "middle", "border"]
"""What a step does: scale the whole image, take the middle (black beyond the edge), or add zeros below and to
the right once the values are standardised."""


@dataclass(frozen=True)
class Change:
    """What one step does to an image of a known size.

    Attributes:
        kind: see :data:`ChangeKind`.
        size: of the image afterwards.
        rounded: whether a middle that lies between two pixels is rounded to the even one, instead of down.
    """

    kind: ChangeKind
    size: Size
    rounded: bool = False


def _shorter(size: Size, n: str, rounded: str | None, by: str | None, most: str | None) -> Change:
    wanted, short, long = int(n), min(size), max(size)
    other = round(long * (wanted / short)) if rounded else int(wanted * long / short)
    if most is not None and long / short * wanted > int(most):
        exact = int(most) * short / long
        wanted = round(exact)
        other = int(exact * long / short)
        if short == wanted:
            other = long
    height, width = (other, wanted) if size[1] <= size[0] else (wanted, other)
    if by is not None:
        height, width = (math.ceil(length / int(by)) * int(by) for length in (height, width))
    return Change("resize", (height, width))


def _within(size: Size, height: str, width: str) -> Change:
    share = min(int(height) / size[0], int(width) / size[1])
    return Change("resize", (int(size[0] * share), int(size[1] * share)))


def _cover(size: Size, height: str, width: str) -> Change:
    ratio = min(size[0] / int(height), size[1] / int(width))
    return Change("resize", (round(size[0] / ratio), round(size[1] / ratio)))


def _thumbnail(size: Size, most_height: str, most_width: str) -> Change:
    height, width = min(size[0], int(most_height)), min(size[1], int(most_width))
    if (height, width) != size and size[0] != size[1]:
        if size[0] > size[1]:
            width = int(size[1] * height / size[0])
        else:
            height = int(size[0] * width / size[1])
    return Change("resize", (height, width))


def _middle(size: Size, height: str, width: str) -> Change:
    side = min(size)
    return Change("middle", (int(float(height) * side), int(float(width) * side)))


@dataclass(frozen=True)
class Step:
    """One kind of step.

    Attributes:
        written: how it is written, for messages.
        pattern: its form; the groups are the arguments of ``change``.
        change: what it does to an image of a size.
        fixed: whether the size afterwards is the one that it names, whatever the size before.
    """

    written: str
    pattern: str
    change: Callable[..., Change]
    fixed: bool = False


_SIZE = r"(\d+)x(\d+)"

STEPS = (
    Step("resize HxW", f"resize {_SIZE}", lambda _, h, w: Change("resize", (int(h), int(w))), fixed=True),
    Step("shorter N", r"shorter (\d+)( rounded)?(?: by (\d+))?(?: at most (\d+))?", _shorter),
    Step("within HxW", f"within {_SIZE}", _within),
    Step("cover HxW", f"cover {_SIZE}", _cover),
    Step("thumbnail HxW", f"thumbnail {_SIZE}", _thumbnail),
    Step("middle AxB", r"middle (\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", _middle),
    Step(
        "crop HxW",
        f"crop {_SIZE}( rounded)?",
        lambda _, h, w, rounded: Change("middle", (int(h), int(w)), rounded is not None),
        fixed=True,
    ),
    Step("pad HxW", f"pad {_SIZE}", lambda _, h, w: Change("border", (int(h), int(w))), fixed=True),
)
"""Every kind of step. ``resize`` distorts. ``shorter`` scales the shorter side to N, and the longer one in
proportion: down to a whole number, or ``rounded``, or up to a multiple ``by`` a number, or with the longer
side ``at most`` a number. ``within`` and ``cover`` scale in proportion, to the largest image inside or the
smallest one around; ``thumbnail`` makes larger images smaller. ``middle`` takes shares of the shorter side,
``crop`` a size; ``pad`` adds zeros to standardised values."""


def changes(steps: Sequence[str], size: Size) -> list[Change]:
    """Return what each step does to an image.

    Args:
        steps: in the forms of :data:`STEPS`.
        size: height and width of the image.

    Returns:
        One change a step, in their order.

    Raises:
        SpecError: a step of another form, one that leaves no pixel, or a border smaller than the image.

    Example:
        >>> [change.size for change in changes(("shorter 256", "crop 224x224"), (300, 400))]
        [(256, 341), (224, 224)]
    """
    found: list[Change] = []
    for step in steps:
        kind, arguments = _parsed(step)
        change = kind.change(size, *arguments)
        cannot = f"cannot take the step {step!r} on an image of {size[0]} x {size[1]}"
        if min(change.size) < 1:
            raise SpecError(f"{cannot}: no pixel is left")
        if change.kind == "border" and (change.size[0] < size[0] or change.size[1] < size[1]):
            raise SpecError(f"{cannot}: expected a smaller image")
        found.append(change)
        size = change.size
    return found


def final_size(steps: Sequence[str]) -> Size | None:
    """Return the size that every image has after the last step; None if it depends on the image.

    Raises:
        SpecError: a step of another form, or a border before the last step.

    Example:
        >>> final_size(("shorter 256", "crop 224x224")), final_size(("shorter 256",))
        ((224, 224), None)
    """
    parsed = [_parsed(step) for step in steps]
    if any(kind.written.startswith("pad") for kind, _ in parsed[:-1]):
        raise SpecError(f"expected the step 'pad' at the end of framing, got {', '.join(steps)}")
    kind, arguments = parsed[-1]
    return kind.change((1, 1), *arguments).size if kind.fixed else None


def _parsed(step: str) -> tuple[Step, tuple[str | None, ...]]:
    for kind in STEPS:
        match = re.fullmatch(kind.pattern, step)
        if match is not None:
            numbers = [group for group in match.groups() if group is not None and group[0].isdigit()]
            if any(float(number) <= 0 for number in numbers):
                break
            return kind, match.groups()
    raise SpecError(
        f"expected steps of framing such as {', '.join(repr(kind.written) for kind in STEPS)}, with numbers "
        f"above 0, got {step!r}"
    )
