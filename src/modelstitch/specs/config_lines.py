"""On which lines the keys and tables of a TOML file stand, for errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_PART = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_HEADER = re.compile(rf"(\[\[?)[ \t]*({_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*\]\]?[ \t]*(?:#.*)?")
"""A table begins here; a row of a list of pairs has a comma, and is none."""


class Lines:
    """The lines on which keys and tables of a TOML text stand.

    Example:
        >>> text = "seeds = [1]|[[models]]|name = 'a'|[[models]]|name = 'b'|[models.view]|size = 3"
        >>> lines = Lines(text.replace("|", chr(10)))
        >>> lines.of(("models", 1, "view", "size")), lines.of(("models", 0, "weights")), lines.of(("data",))
        ('line 7', 'line 2', 'line 1')
    """

    def __init__(self, text: str) -> None:
        self._at: dict[tuple[str | int, ...], int] = {(): 1}
        table: tuple[str | int, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            header = _HEADER.fullmatch(line.strip())
            key = re.match(r"""\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))\s*[=.]""", line)
            if header:
                table = self._table(tuple(_dotted(header[2])), repeats=header[1] == "[[")
                self._at.setdefault(table, number)
            elif key:
                self._at.setdefault((*table, next(part for part in key.groups() if part)), number)

    def _table(self, names: tuple[str, ...], *, repeats: bool) -> tuple[str | int, ...]:
        """Return the path of a header: a table in the last model, or a further model."""
        at: tuple[str | int, ...] = ()
        for place, name in enumerate(names):
            at = (*at, name)
            so_far = sum(one[:-1] == at and isinstance(one[-1], int) for one in self._at if one)
            if repeats and place == len(names) - 1:
                return (*at, so_far)
            if so_far:
                at = (*at, so_far - 1)
        return at

    def of(self, at: Sequence[str | int]) -> str:
        """Return the line of a key in words; that of its table where the key has none."""
        path = tuple(at)
        while path not in self._at:
            path = path[:-1]
        return f"line {self._at[path]}"


def _dotted(name: str) -> Iterator[str]:
    """Yield the parts of a dotted name."""
    for quoted, single, bare in re.findall(r'"([^"]*)"|\'([^\']*)\'|([\w-]+)', name):
        yield quoted or single or bare
