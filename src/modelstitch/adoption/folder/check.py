"""Check a candidate's folder: its files against the manifest, its signature, its ledger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelstitch.adoption.folder.ledger import LEDGER, read_ledger
from modelstitch.adoption.folder.manifest import SIGNATURE, Changes, changes, manifest_text, read_manifest
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
    return FolderCheck(
        changes=changes(folder),
        ledger=_of_ledger(folder),
        signature=None if trust is None else why_not_signed(folder, trust),
        signature_checked=trust is not None,
    )


def is_signed(folder: str | Path) -> bool:
    """Tell whether a folder has a signature."""
    return (Path(folder) / SIGNATURE).is_file()


def _of_ledger(folder: Path) -> str | None:
    from hashlib import sha256

    try:
        first = read_ledger(folder / LEDGER)[0]
    except RunError as error:
        return str(error)
    manifest = sha256(manifest_text(read_manifest(folder)).encode()).hexdigest()
    if first.event != "candidate" or first.facts.get("manifest") != manifest:
        return "the first line of the ledger belongs to another candidate"
    return None
