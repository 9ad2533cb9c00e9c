"""How far a run is: its cells that are done, that failed and that are left, from its database alone."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelstitch.errors import RunError, SpecError
from modelstitch.results.facts import RunFacts
from modelstitch.runs.place import pairs_in, reading
from modelstitch.runs.reader import facts_of, has_run, is_begun
from modelstitch.runs.schema import FORMAT, format_of
from modelstitch.specs import RunSpec


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """How far a run is.

    Attributes:
        sender, receiver, data: what it compares.
        done, failed: cells that are fitted and scored, and those whose fit failed.
        left: cells of its grids that are neither, at most: a stitch that does not fit two shapes makes none.
            None are left once the run has ended.
        measured: cells with evidence.
        ended: whether it went through to its last check.
        seconds_a_cell: mean time of a fit so far; None without any.

    Example:
        >>> RunProgress(
        ...     sender="a", receiver="b", data="d", done=3, failed=0, left=2, measured=0, ended=False,
        ...     seconds_a_cell=1.5,
        ... ).seconds_left
        3.0
    """

    sender: str
    receiver: str
    data: str
    done: int
    failed: int
    left: int
    measured: int
    ended: bool
    seconds_a_cell: float | None

    @property
    def seconds_left(self) -> float | None:
        """Expected time for the fits that are left, without the evidence; None where nothing is known."""
        return None if self.seconds_a_cell is None else self.left * self.seconds_a_cell


def progress_of(folder: str | Path) -> RunProgress:
    """Return how far a run is, also while it goes on.

    Args:
        folder: of the run.

    Raises:
        RunError: no run there, one of another format, or a damaged one.
    """
    what = f"run {str(folder)!r}"
    try:
        with reading(folder) as connection:
            if not has_run(connection):
                raise RunError(f"{what} holds nothing yet: it was stopped before its first cell")
            version = format_of(connection)
            if version == 1:
                raise RunError(f"expected a run of format 2 to {FORMAT}, got {what} of format 1, which ended")
            return _progress(connection)
    except (sqlite3.Error, KeyError, ValueError, TypeError, SpecError) as error:
        raise RunError(f"cannot read {what}: it is damaged, or no run: {error}") from error


def progress_of_pairs(folder: str | Path) -> dict[str, RunProgress | None]:
    """Return how far each pair of an experiment is; None for one that was not begun.

    Raises:
        RunError: a pair cannot be read.
    """
    each = {pair.name: Path(folder) / pair.name for pair in pairs_in(folder)}
    return {name: progress_of(inner) if is_begun(inner) else None for name, inner in each.items()}


def _progress(connection: sqlite3.Connection) -> RunProgress:
    facts: dict[str, Any] = facts_of(connection)
    spec = RunSpec.from_plain(facts["spec"])
    rows = connection.execute(
        "SELECT control, sender_cut, receiver_cut, stitch, objective, seed, score, seconds FROM cells "
        "WHERE draw = 0"
    ).fetchall()
    there = {tuple(row[:6]): (row[6] is not None, float(row[7])) for row in rows}
    asked = [
        (cell.control, cell.sender_cut, cell.receiver_cut, cell.stitch.label, cell.objective, cell.seed)
        for cell in spec.cells()
    ]
    kept = [there[cell] for cell in asked if cell in there]
    ended = RunFacts.from_plain(facts["facts"]).reloaded_cells is not None
    measured = connection.execute("SELECT COUNT(DISTINCT key) FROM appraisals").fetchone()[0]
    return RunProgress(
        sender=str(facts["sender"]),
        receiver=str(facts["receiver"]),
        data=str(facts["data"]),
        done=sum(scored for scored, _ in kept),
        failed=sum(not scored for scored, _ in kept),
        left=0 if ended else len(asked) - len(kept),
        measured=int(measured),
        ended=ended,
        seconds_a_cell=sum(seconds for _, seconds in kept) / len(kept) if kept else None,
    )
