"""Text and tables on a terminal of any width: lines break between words, never inside one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.table import Table

_NOT_FIRST = frozenset("、。，．・：；！？）」』】〕》〉々ー〜～…％")
"""Characters that begin no line, by the rules of Japanese typesetting."""

_NOT_LAST = frozenset("（「『【〔《〈")
"""Characters that end no line."""

_FIRST_WIDE = 0x2E80
"""Where the characters of East Asian scripts begin, which take two columns."""

_BORDERS = 3
"""Columns that a cell of a table takes beside its text: a blank on each side and a line."""


def tell(text: str = "", file: TextIO | None = None) -> None:
    """Print a text: on a terminal broken between words, into a file or a pipe as it is.

    Args:
        text: one line or several; further lines of one that begins with ``- `` or blanks are indented.
        file: where to; stdout by default.
    """
    file = sys.stdout if file is None else file
    width = _width(file)
    lines = text.split("\n")
    if width is not None:
        lines = [part for line in lines for part in wrapped(line, width)]
    print("\n".join(lines), file=file)


def wrapped(text: str, width: int) -> list[str]:
    """Return a line as lines of at most ``width`` columns, each broken between words.

    Characters of double width, as in Japanese, are words of their own. A word that is longer than a line
    stays whole, so that a path or a command can be copied.

    Example:
        >>> wrapped("- each line ends between words", 16)
        ['- each line ends', '  between words']
        >>> wrapped("保持率は（61%）です。", 9)
        ['保持率は', '（61%）で', 'す。']
    """
    from rich.cells import cell_len

    first = text[: len(text) - len(text.lstrip(" "))]
    hang = first + "  " if first or text.startswith("- ") else ""
    lines, line = [], first
    for blank, word in _words(text.strip(" ")):
        longer = f"{line}{blank}{word}"
        if cell_len(longer) > width and line.strip(" "):
            lines.append(line)
            line = hang + word
        else:
            line = longer
    return [*lines, line]


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Yield the blanks before each word, and the word."""
    blank, word = "", ""
    for char in text:
        if char == " ":
            if word:
                yield blank, word
                blank, word = "", ""
            blank += char
        elif word and _may_break(word[-1], char):
            yield blank, word
            blank, word = "", char
        else:
            word += char
    if word:
        yield blank, word


def _may_break(before: str, after: str) -> bool:
    """Tell whether a line may end between two characters without a blank."""
    if max(ord(before), ord(after)) < _FIRST_WIDE:
        return False
    return after not in _NOT_FIRST and before not in _NOT_LAST


def print_table(table: Table, wide: int = 140) -> None:
    """Print a table; where a terminal is too narrow for the words of its columns, one line for each cell.

    Args:
        table: of any number of columns.
        wide: columns that a file or a pipe has.
    """
    from rich.cells import cell_len
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=wide)
    room = console.width - _BORDERS * len(table.columns) - 1
    texts = [[_plain(each) for each in (column.header, *column.cells)] for column in table.columns]
    most = [max(cell_len(line) for text in column for line in text.split("\n")) for column in texts]
    if sum(most) <= room:
        console.print(table)
        return
    least = [max(cell_len(word) for text in column for word in text.split() or [""]) for column in texts]
    spare = room - sum(least)
    if spare >= 0:
        for at, width in zip(table.columns, _shared(least, most, spare), strict=True):
            at.width, at.no_wrap, at.overflow = width, False, "fold"
        console.print(table)
        return
    if table.title:
        tell(_plain(table.title))
    for row in zip(*(column[1:] for column in texts), strict=True):
        tell(row[0].replace("\n", ", "))
        for column, value in zip(texts[1:], row[1:], strict=True):
            if value:
                tell(f"  {column[0]}: {value}".replace("\n", ", "))


def _shared(least: Sequence[int], most: Sequence[int], spare: int) -> list[int]:
    """Return widths from ``least`` to ``most`` that take ``spare`` more, those first that lack little."""
    widths = list(least)
    for left, index in enumerate(sorted(range(len(least)), key=lambda at: most[at] - least[at])):
        more = min(most[index] - least[index], spare // (len(least) - left))
        widths[index] += more
        spare -= more
    return widths


def _plain(text: object) -> str:
    return getattr(text, "plain", str(text))


def _width(file: TextIO) -> int | None:
    """Return the columns of a terminal; None for a file or a pipe."""
    if not file.isatty():
        return None
    try:
        asked = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        asked = 0
    try:
        return asked or os.get_terminal_size(file.fileno()).columns or None
    except OSError:
        return None
