"""The table of examples that a person looked at."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelstitch.errors import DataError

COLUMNS = ("example", "word")
"""Columns that the table must have; it may have more."""

_MOST_WORDS = 20
"""Words that the ledger counts one by one, most frequent first."""


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """What a person said of examples where two networks differ.

    Attributes:
        file: name of the table.
        sha256: of the table.
        n: number of examples.
        words: how many examples got each word, the most frequent 20.

    Raises:
        DataError: no example.
    """

    file: str
    sha256: str
    n: int
    words: Mapping[str, int]

    def __post_init__(self) -> None:
        if not self.n:
            raise DataError(f"expected examples that a person looked at in {self.file!r}, got none")

    def to_plain(self) -> dict[str, Any]:
        """Return what a ledger holds of it."""
        return asdict(self)


def read_reviewed(path: Path) -> Reviewed:
    """Read a table of reviewed examples, as CSV with the columns ``example`` and ``word``.

    Args:
        path: the file, in UTF-8.

    Raises:
        DataError: it cannot be read, lacks a column, or a row lacks its example or its word.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise DataError(f"cannot read the reviewed examples {str(path)!r}: {why}") from error
    found = _words_by_example(text, str(path))
    words = Counter(found.values()).most_common(_MOST_WORDS)
    return Reviewed(
        file=path.name, sha256=hashlib.sha256(content).hexdigest(), n=len(found), words=dict(words)
    )


def _words_by_example(text: str, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
        given = list(rows.fieldnames or ())
        if any(given.count(column) != 1 for column in COLUMNS):
            raise DataError(
                f"expected the columns {', '.join(COLUMNS)} in {name!r}, once each, got "
                f"{', '.join(given)[:200] or 'none'}"
            )
        for row in rows:
            example, word = ((row[column] or "").strip() for column in COLUMNS)
            if not example or not word:
                raise DataError(
                    f"expected an example and a word in line {rows.line_num} of {name!r}, got none"
                )
            if example in found:
                raise DataError(f"expected each example once in {name!r}, got {example[:80]!r} again")
            found[example] = word
    except csv.Error as error:
        raise DataError(f"cannot read the reviewed examples {name!r}: {error}") from error
    return found
