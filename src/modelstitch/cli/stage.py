"""``modelstitch stage``: move a candidate to its next stage, on record."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro

from modelstitch.cli.exits import Exit
from modelstitch.cli.json_output import print_json


@dataclass(frozen=True)
class Stage:
    """Move a candidate to a stage, and write who decided it into its ledger.

    The stage adopted needs a passed pilot, a verify by another than the exporter that holds, and --reviewed.
    """

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIR")]]
    """The folder of the candidate."""
    to: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="STAGE")]]
    """pilot, adopted or retired; a candidate does not go back, and can be retired from every stage."""
    by: str
    """Who decided it."""
    note: str = ""
    """What is said about it."""
    skip: str | None = None
    """Why the stage pilot, with its examples to review, is skipped. A pilot that failed and the verify by
    another cannot be skipped."""
    reviewed: Path | None = None
    """CSV table of the examples where both networks differ that a person looked at, with the columns example
    and word; needed for adopted. Its sum and its counts stand in the ledger."""
    json: bool = False
    """Print the new line of the ledger as JSON on stdout."""

    def run(self) -> Exit:
        """Write the line."""
        from modelstitch.adoption.stages.move import StageMove, move
        from modelstitch.adoption.stages.reviewed import read_reviewed

        reviewed = None if self.reviewed is None else read_reviewed(self.reviewed)
        what = StageMove(to=self.to, by=self.by, note=self.note, skip=self.skip, reviewed=reviewed)
        entry = move(self.folder, what)
        if self.json:
            print_json("stage", {**asdict(entry), "hash": entry.hash})
        else:
            print(f"{self.folder}: {entry.facts['from']} -> {entry.event}, by {entry.by}, {entry.when}")
        return Exit.HOLDS
