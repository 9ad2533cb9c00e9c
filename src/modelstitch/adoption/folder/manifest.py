"""The manifest of a candidate's folder: a SHA-256 sum of every file, as ``sha256sum -c`` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from modelstitch.adoption.folder.ledger import LEDGER, LOCK, UNFINISHED
from modelstitch.errors import RunError

MANIFEST, SIGNATURE = "manifest.sha256", "model.sig"
"""Names of the files that say what a folder holds, and who says so."""

NOT_SUMMED = (LEDGER, LOCK, UNFINISHED, MANIFEST, SIGNATURE)
"""What the manifest leaves out: the ledger grows, and the others are about ledger or manifest."""


LINK = "a link"
"""Stands for the sum of a link, which no file has."""


@dataclass(frozen=True)
class Changes:
    """How a folder differs from its manifest.

    Attributes:
        changed, missing, added: names of files, in alphabetical order.

    Example:
        >>> Changes(("model.pt2",), (), ()).said
        'changed: model.pt2'
    """

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def none(self) -> bool:
        """Whether the folder is what its manifest says."""
        return not (self.changed or self.missing or self.added)

    @property
    def said(self) -> str:
        """The differences in words."""
        found = (("changed", self.changed), ("missing", self.missing), ("added", self.added))
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in found if names)


def sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder by its name, without the ledger and the manifest.

    A link has no sum: what it leads to may change.

    Raises:
        RunError: a file cannot be read.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = LINK
        elif path.is_file() and name not in NOT_SUMMED:
            found[name] = sum_of(path)
    return found


def sum_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        RunError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RunError(f"cannot read {str(path)!r}: {error.strerror}") from error


def manifest_text(of: Mapping[str, str]) -> str:
    """Return the manifest of some sums.

    Example:
        >>> manifest_text({"a.txt": "00"})
        '00  a.txt\\n'
    """
    return "".join(f"{value}  {name}\n" for name, value in sorted(of.items()))


def read_manifest(folder: Path) -> dict[str, str]:
    """Return the sums that a folder's manifest holds, by name of file.

    Raises:
        RunError: no manifest, or a damaged one.
    """
    path = folder / MANIFEST
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return {name: value for value, name in (line.split("  ", 1) for line in lines)}
    except FileNotFoundError as error:
        raise RunError(
            f"no candidate in {str(folder)!r}: expected a folder that modelstitch export wrote, with "
            f"{MANIFEST}"
        ) from error
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise RunError(f"cannot read the manifest {str(path)!r}: it is damaged ({error})") from error


def changes(folder: Path) -> Changes:
    """Return how a folder differs from its manifest.

    Raises:
        RunError: no manifest, or a file that cannot be read.
    """
    expected, got = read_manifest(folder), sums(folder)
    return Changes(
        changed=tuple(sorted(name for name in expected.keys() & got.keys() if expected[name] != got[name])),
        missing=tuple(sorted(expected.keys() - got.keys())),
        added=tuple(sorted(got.keys() - expected.keys())),
    )
