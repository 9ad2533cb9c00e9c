"""What there is to choose from, by name: one line each with its meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape


class Listing(Mapping[str, str]):
    """Names with their meanings: prints as a table, and is a mapping that is iterated by name.

    Args:
        meanings: by name.
        title: what is listed.
        default: names that are used where nothing is chosen; ``*`` stands before them.
        note: a line below the table.

    Example:
        >>> listing = Listing({"affine": "any linear map", "identity": "no change"}, "stitches", ("affine",))
        >>> listing
        stitches
        * affine    any linear map
          identity  no change
        >>> list(listing), listing["identity"]
        (['affine', 'identity'], 'no change')
    """

    def __init__(
        self, meanings: Mapping[str, str], title: str, default: tuple[str, ...] = (), note: str = ""
    ) -> None:
        self._meanings = dict(meanings)
        self.title, self.default, self.note = title, default, note

    def __getitem__(self, name: str) -> str:
        return self._meanings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._meanings)

    def __len__(self) -> int:
        return len(self._meanings)

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        rows = [
            f"{'*' if name in self.default else ' '} {name.ljust(width)}  {meaning}".rstrip()
            for name, meaning in self.items()
        ]
        return "\n".join([self.title, *rows, *([self.note] if self.note else [])])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{'*' if name in self.default else ''}</td><td><code>{escape(name)}</code></td>"
            f"<td style='text-align:left'>{escape(meaning)}</td></tr>"
            for name, meaning in self.items()
        )
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<div><table><caption>{escape(self.title)}</caption>{rows}</table>{note}</div>"
