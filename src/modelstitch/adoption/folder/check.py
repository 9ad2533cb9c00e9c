"""Check a candidate's folder: its files against the manifest, its signature, its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from modelstitch.adoption.folder.ledger import LEDGER, LedgerEntry, read_ledger
from modelstitch.adoption.folder.manifest import (
    MANIFEST,
    SIGNATURE,
    Changes,
    manifest_text,
    read_manifest,
    sum_of,
    sums,
)
from modelstitch.adoption.folder.signature import Trust, why_not_signed
from modelstitch.errors import RunError


@dataclass(frozen=True, kw_only=True)
class FolderCheck:
    """What was found in a folder.

    Attributes:
        changes: of its files.
        ledger: why the ledger does not hold; None where it does.
        signature: why the signature does not hold; None where it does, or where it was not checked.
        signature_checked: whether it was.
    """

    changes: Changes
    ledger: str | None
    signature: str | None
    signature_checked: bool

    @property
    def holds(self) -> bool:
        """Whether all that was checked holds."""
        return self.changes.none and self.ledger is None and self.signature is None

    @property
    def said(self) -> str:
        """What does not hold, in words; empty where all does."""
        found = [self.changes.said, self.ledger, self.signature]
        return "; ".join(text for text in found if text)


def check_folder(folder: str | Path, trust: Trust | None = None) -> FolderCheck:
    """Check the files, the ledger and, where somebody is trusted, the signature of a candidate.

    Args:
        folder: of a candidate.
        trust: whose signature is accepted; without it a signature is not checked.

    Raises:
        RunError: no candidate there, or no signature where one is asked for.
        MissingExtraError: model-signing is not installed.
    """
    folder = Path(folder)
    read_manifest(folder)
    found, ledger = check_files(folder)
    return FolderCheck(
        changes=found,
        ledger=ledger,
        signature=None if trust is None else why_not_signed(folder, trust),
        signature_checked=trust is not None,
    )


def is_signed(folder: str | Path) -> bool:
    """Tell whether a folder has a signature."""
    return (Path(folder) / SIGNATURE).is_file()


def check_files(folder: Path) -> tuple[Changes, str | None]:
    """Return how a folder differs from what was exported, and why its ledger does not hold, or None.

    The manifest says what each file was, the first line of the ledger what manifest and signature were.

    Args:
        folder: of a candidate.

    Raises:
        RunError: a file cannot be read.
    """
    entries, why = _ledger(folder)
    recorded = entries[0].facts if entries else {}
    got, manifest = sums(folder), folder / MANIFEST
    if not manifest.is_file():
        return Changes((), (MANIFEST,), ()), why
    same = "manifest" not in recorded or sum_of(manifest) == recorded["manifest"]
    rebuilt = sha256(manifest_text(got).encode()).hexdigest()
    if not same and rebuilt == recorded["manifest"]:
        found = Changes((MANIFEST,), (), ())  # every file is what it was: the manifest alone is not
    else:
        found = _against(folder, got)
        if not same and found.none:
            # The files are those of this manifest, and the ledger names another one.
            why = f"{LEDGER}: the first line of the ledger belongs to another candidate"
        elif not same:
            found = replace(found, changed=tuple(sorted({*found.changed, MANIFEST})))
    return _with_signature(folder, found, recorded), why


def _ledger(folder: Path) -> tuple[tuple[LedgerEntry, ...], str | None]:
    try:
        entries = read_ledger(folder / LEDGER)
    except RunError as error:
        return (), str(error)
    if entries[0].event != "candidate":
        return entries, f"{LEDGER}: its first line is no stage candidate"
    return entries, None


def _against(folder: Path, got: Mapping[str, str]) -> Changes:
    """Return how files differ from a manifest; one that cannot be read is changed itself."""
    try:
        expected = read_manifest(folder)
    except RunError:
        return Changes((MANIFEST,), (), ())
    return Changes(
        changed=tuple(sorted(name for name in expected.keys() & got.keys() if expected[name] != got[name])),
        missing=tuple(sorted(expected.keys() - got.keys())),
        added=tuple(sorted(got.keys() - expected.keys())),
    )


def _with_signature(folder: Path, found: Changes, recorded: Mapping[str, Any]) -> Changes:
    """Add the signature where it is not the one that was exported.

    Where none was exported a folder may be signed later, and a key says whose signature that is.
    """
    path, expected = folder / SIGNATURE, recorded.get("signature")
    if expected is None:
        return found
    if not path.is_file():
        return replace(found, missing=(*found.missing, SIGNATURE))
    return found if sum_of(path) == expected else replace(found, changed=(*found.changed, SIGNATURE))
