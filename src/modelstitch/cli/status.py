"""``modelstitch status``: how far a run or a candidate is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from modelstitch.cli.exits import Exit
from modelstitch.errors import RunError

if TYPE_CHECKING:
    from modelstitch.runs.progress import RunProgress


@dataclass(frozen=True)
class Status:
    """Say how far a run is, also while it goes on, or at which stage a candidate is and what comes next.

    Exit code 0; 3 for a run with cells that failed or are left.
    """

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="FOLDER")]]
    """A run folder, or the folder of a candidate."""
    json: bool = False
    """Print it as JSON on stdout."""

    def run(self) -> Exit:
        """Print what is found."""
        if (self.folder / "run.sqlite").is_file():
            return self._of_run()
        if not (self.folder / "manifest.sha256").is_file():
            raise RunError(
                "expected a run folder (with run.sqlite) or the folder of a candidate (manifest.sha256), "
                f"got {str(self.folder)!r}, {_what(self.folder)}"
            )
        from modelstitch.adoption.stages.status import candidate_status

        found = candidate_status(self.folder)
        if self.json:
            print(json.dumps(found.to_plain(), allow_nan=False))
        else:
            for sentence in found.sentences():
                print(sentence)
        return Exit.HOLDS

    def _of_run(self) -> Exit:
        from modelstitch.runs.progress import progress_of

        found = progress_of(self.folder)
        if self.json:
            values = {
                "kind": "run",
                "folder": str(self.folder),
                **asdict(found),
                "seconds_left": found.seconds_left,
            }
            print(json.dumps(values, allow_nan=False))
        else:
            _show(found)
        return Exit.HOLDS if found.ended and not found.failed else Exit.INCOMPLETE


def _show(found: RunProgress) -> None:
    print(f"{found.sender} into {found.receiver}, on {found.data}")
    print(
        f"{found.done} cells done, {found.failed} failed, {found.left} left; evidence about {found.measured}"
    )
    if found.ended:
        print("The run has ended.")
    elif found.seconds_left is None:
        print("No cell is done yet: nothing is known of the time that is left.")
    else:
        print(f"About {found.seconds_left:.0f} s for the fits that are left, and evidence comes after that.")


def _what(folder: Path) -> str:
    if not folder.is_dir():
        return "which is no folder"
    if (folder / "pilot.sqlite").is_file():
        return "the state folder of a pilot: give the candidate's"
    inside = sorted(path.name for path in folder.iterdir())
    return f"which holds {', '.join(inside[:3]) or 'nothing'}"
