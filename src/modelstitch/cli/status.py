"""``modelstitch status``: how far a run or a candidate is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from modelstitch.cli.estimate import duration
from modelstitch.cli.exits import Exit, exit_of
from modelstitch.cli.json_output import print_json
from modelstitch.cli.screen import tell
from modelstitch.errors import RunError, SpecError

if TYPE_CHECKING:
    from modelstitch.runs.progress import PairProgress, RunProgress

_MOST_LINES = 30
"""Pairs that get a line of their own."""


@dataclass(frozen=True)
class Status:
    """Say how far a run is, also while it goes on, or at which stage a candidate is and what comes next.

    Exit code 0; 3 for a run with cells that failed or are left, and for an experiment with such a pair.
    """

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="FOLDER")]]
    """A run folder, the folder of an experiment of several pairs, or that of a candidate."""
    json: bool = False
    """Print it as JSON on stdout."""
    fail_unless: Literal["pilot", "adopted"] | None = None
    """Set the exit code by the decision: 0 for the word that is given, 4 for leave, 3 for undecided. In the
    folder of a candidate, pilot needs a pilot that passed, adopted the stage adopted, and leave is said where
    anything on record speaks against the candidate."""

    def run(self) -> Exit:
        """Print what is found."""
        from modelstitch.runs.place import holds_run, pairs_in

        if pairs_in(self.folder):
            return self._of_experiment()
        if holds_run(self.folder):
            return self._of_run()
        if not (self.folder / "manifest.sha256").is_file():
            raise RunError(
                "expected a run folder (with run.sqlite) or the folder of a candidate (manifest.sha256), "
                f"got {str(self.folder)!r}, {_what(self.folder)}"
            )
        from modelstitch.adoption.monitor.for_page import has_alarmed
        from modelstitch.adoption.stages.status import candidate_status
        from modelstitch.adoption.summary.of_folder import record_of

        found = candidate_status(self.folder)
        if self.json:
            print_json("status", found.to_plain())
        else:
            for sentence in found.sentences():
                tell(sentence)
        if self.fail_unless is None:
            return Exit.HOLDS
        record = record_of(found.road, alarm=has_alarmed(found.road))
        return exit_of(record.standing, self.fail_unless)

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
            print_json("status", values)
        else:
            _show(found)
        if self.fail_unless is not None:
            return exit_of(self._word(), self.fail_unless)
        return Exit.HOLDS if found.ended and not found.failed else Exit.INCOMPLETE

    def _of_experiment(self) -> Exit:
        """Print how far the experiment is, and the pairs that are worth a line."""
        from modelstitch.runs.progress import progress_of_experiment

        if self.fail_unless is not None:
            raise SpecError(
                "expected a run of one pair with --fail-unless, got several: give the folder of a pair"
            )
        found = progress_of_experiment(self.folder)
        n = len(found.pairs)
        if self.json:
            pairs = [
                asdict(each) if each.begun else {"pair": each.pair, "begun": False} for each in found.pairs
            ]
            values = {
                **{"kind": "experiment", "folder": str(self.folder)},
                **{"done": found.done, "failed": found.failed, "left": found.left},
                **{"seconds_left": found.seconds_left, "ended": found.ended, "pairs": pairs},
            }
            print_json("status", values)
        else:
            left = "" if found.left is None else f", {found.left:,} left"
            print(f"{found.done:,} cells done, {found.failed:,} failed{left}")
            shown = [each for each in found.pairs if each.failed or (each.begun and not each.ended)]
            for each in shown[:_MOST_LINES]:
                print(f"{each.pair}: {_line(each)}")
            if len(shown) > _MOST_LINES:
                print(f"... and {len(shown) - _MOST_LINES} more pairs like these (--json lists all)")
            print(f"{found.ended} of {n} pairs have ended.")
            if found.ended < n and found.seconds_left is not None:
                print(
                    f"About {duration(found.seconds_left)} for the fits that are left, and evidence comes "
                    "after that."
                )
        return Exit.HOLDS if found.ended == n and not found.failed else Exit.INCOMPLETE

    def _word(self) -> str:
        """Return the decision word of the run."""
        from modelstitch.api.use import load
        from modelstitch.report.beyond import BeyondRun, word_of

        if self.fail_unless == "adopted":
            raise SpecError(
                "expected the folder of a candidate with --fail-unless adopted, got a run folder: give the "
                "candidate, or --fail-unless pilot"
            )
        comparison = load(self.folder)
        return word_of(comparison, BeyondRun.of_run(comparison, self.folder))


def _show(found: RunProgress) -> None:
    tell(f"{found.sender} into {found.receiver}, on {found.data}")
    tell(
        f"{found.done} cells done, {found.failed} failed, {found.left} left; evidence about {found.measured}"
    )
    if found.ended:
        tell("The run has ended.")
    elif found.seconds_left is None:
        tell("No cell is done yet: nothing is known of the time that is left.")
    else:
        tell(f"About {found.seconds_left:.0f} s for the fits that are left, and evidence comes after that.")


def _line(found: PairProgress) -> str:
    """Return how far a pair is, in one line."""
    cells = f"{found.done} cells done, {found.failed} failed"
    if found.ended:
        return f"ended, {cells}"
    return cells if found.left is None else f"{cells}, {found.left} left"


def _what(folder: Path) -> str:
    if not folder.is_dir():
        return "which is no folder"
    if (folder / "pilot.sqlite").is_file():
        return "the state folder of a pilot: give the candidate's"
    inside = sorted(path.name for path in folder.iterdir())
    return f"which holds {', '.join(inside[:3]) or 'nothing'}"
