"""How far a run is: its cells that are done, that failed and that are left, from its database alone."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelstitch.errors import RunError, SpecError
from modelstitch.results.facts import RunFacts
from modelstitch.runs.experiment import read_plan
from modelstitch.runs.place import DATABASE, reading
from modelstitch.runs.reader import facts_of, has_run
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


@dataclass(frozen=True, kw_only=True)
class PairProgress:
    """How far one pair of an experiment is.

    Attributes:
        pair: its name.
        begun: whether anything of it was stored.
        done, failed: as in :class:`RunProgress`.
        left: cells that are neither; None where nobody planned them.
        ended: whether it went through to its last check.
        seconds: that its fits took.
    """

    pair: str
    begun: bool
    done: int
    failed: int
    left: int | None
    ended: bool
    seconds: float


@dataclass(frozen=True)
class ExperimentProgress:
    """How far an experiment is, in all and by pair."""

    pairs: tuple[PairProgress, ...]

    @property
    def done(self) -> int:
        """Cells that are fitted and scored."""
        return sum(pair.done for pair in self.pairs)

    @property
    def failed(self) -> int:
        """Cells whose fit failed."""
        return sum(pair.failed for pair in self.pairs)

    @property
    def left(self) -> int | None:
        """Cells that are neither; None where a pair was not planned."""
        left = [pair.left for pair in self.pairs]
        return None if None in left else sum(each or 0 for each in left)

    @property
    def ended(self) -> int:
        """Pairs that went through to their last check."""
        return sum(pair.ended for pair in self.pairs)

    @property
    def seconds_left(self) -> float | None:
        """Expected time for the fits that are left, without evidence and pages; None where unknown."""
        finished = self.done + self.failed
        if self.left is None or not finished:
            return None
        return self.left * sum(pair.seconds for pair in self.pairs) / finished


def progress_of_experiment(folder: str | Path) -> ExperimentProgress:
    """Return how far an experiment is, also while it goes on, by one question to its database.

    Raises:
        RunError: the folder cannot be read.
    """
    home = Path(folder)
    plan = read_plan(home)
    query = (
        "SELECT name, EXISTS (SELECT 1 FROM facts WHERE facts.pair = pairs.pair), n, failed, seconds, "
        "(SELECT json_extract(value, '$.reloaded_cells') IS NOT NULL FROM facts "
        "WHERE facts.pair = pairs.pair AND facts.name = 'facts') "
        "FROM pairs LEFT JOIN (SELECT pair, COUNT(*) AS n, SUM(score IS NULL) AS failed, "
        "SUM(seconds) AS seconds FROM cells WHERE draw = 0 GROUP BY pair) USING (pair) "
        "WHERE name != '' ORDER BY pair"
    )
    try:
        uri = f"{(home / DATABASE).resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            rows = connection.execute(query).fetchall()
    except sqlite3.Error as error:
        raise RunError(f"cannot read {str(folder)!r}: it is damaged, or no experiment: {error}") from error
    found = []
    for name, facts, n, failed, seconds, ended in rows:
        n, failed = n or 0, failed or 0
        planned = plan.get(name)
        left = None if planned is None else max(0, planned - n)
        found.append(
            PairProgress(
                pair=name,
                begun=bool(facts),
                done=n - failed,
                failed=failed,
                left=0 if ended else left,
                ended=bool(ended),
                seconds=seconds or 0.0,
            )
        )
    return ExperimentProgress(tuple(found))


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
