"""One run in its database, with its stitch files. The only writer.

Finished cells are one file of stitches, written atomically, and then their rows, in one transaction. A
process that is killed at any moment leaves the rows or none; the next try overwrites a file without rows.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from torch import Tensor

from modelstitch.errors import RunError
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import RunFacts
from modelstitch.results.formats import expect_readable
from modelstitch.results.kept import ExampleParts, PartsByCell
from modelstitch.results.rows import AdvantageRow, Baseline, CellKey, CellRow, EvidenceRow, KeptRow
from modelstitch.runs.database import Writing, cannot_continue, name_pairs, writing_for
from modelstitch.runs.growth import GROWS, differing, fixed, lost
from modelstitch.runs.held import Header
from modelstitch.runs.place import PairName, RunPlace
from modelstitch.runs.reader import (
    CELL_COLUMNS,
    ORDERS,
    answers_of,
    comparison_of,
    facts_of,
    has_run,
    parts_of,
    read_weights,
)
from modelstitch.runs.schema import FORMAT, create, format_of, has_tables, pair_of, show
from modelstitch.runs.stitch_files import FittedStitch, name_of, write_stitches
from modelstitch.runs.sums import note_file, seal, sum_of_file, unseal
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.places import why_not_written

_SOURCES = ("sender", "receiver", "data")
"""Fields of a spec that say where something comes from."""

_MOST_DIFFERENCES = 3  # a message shows at most 3 differences to another run


@dataclass(frozen=True)
class FinishedCell:
    """One finished cell, to be written with others.

    Attributes:
        key: of the cell.
        row: its numbers.
        weights: of its stitch.
        answers: (n_heldout,), the score of each example, in bool or from 0 to 1.
        draw: which of the untrained copies of its seed it stitches.
    """

    key: str
    row: CellRow
    weights: Mapping[str, Tensor]
    answers: Tensor | None = None
    draw: int = 0


class Store:
    """A run folder, open for writing by one process at a time.

    Args:
        folder: made where it does not exist. The folder of a pair of an experiment has its rows in the
            database of the folder above.
        header: what the run is. Its spec may hold more cuts, stitches, controls and seeds than that of an
            existing run, which then grows; all else of ``header.identity`` must be equal.
        writing: the experiment of the pair, where its writer writes several pairs.

    Raises:
        RunError: the folder cannot be written, is in use, or holds a run of another spec or format.
    """

    def __init__(self, folder: str | Path, header: Header, writing: Writing | None = None) -> None:
        if writing is None:
            self._writing, place = writing_for(folder)
        else:
            self._writing, place = writing, RunPlace(writing.home, Path(folder).name)
        self._is_own = writing is None
        self.folder = place.folder
        try:
            self._writing.take()
            (self.folder / "stitches").mkdir(parents=True, exist_ok=True)
            fresh = not place.database.exists()
            self._connection = sqlite3.connect(place.database, isolation_level=None)
            self._start(header, place, fresh)
        except OSError as error:
            self._let_go()
            why = why_not_written(folder, error)
            raise RunError(f"cannot write run folder {str(folder)!r}: {why}") from error
        except sqlite3.Error as error:
            self._let_go()
            raise RunError(f"cannot use run folder {str(folder)!r}: {error}") from error

    def _start(self, header: Header, place: RunPlace, fresh: bool) -> None:
        try:
            with self._transaction() as cursor:
                if not has_tables(self._connection):
                    create(cursor)
                self._expect_format()
                only = PairName("", header.sender, header.receiver)
                name_pairs(cursor, self._writing.pairs if place.pair else [only])
                pair = pair_of(self._connection, place.pair)
                assert pair is not None
                self._pair = pair
                show(self._connection, pair)
                if has_run(self._connection):
                    self._expect_same_run(header)
                    self._grow(cursor, header)
                else:
                    self._write_facts(cursor, header.to_plain())
                unseal(cursor, pair)
        except BaseException:
            self.close()
            if fresh:
                place.database.unlink(missing_ok=True)
            raise

    def _write_facts(self, cursor: sqlite3.Cursor, values: Mapping[str, Any]) -> None:
        cursor.executemany(
            "INSERT OR REPLACE INTO main.facts (pair, name, value) VALUES (?, ?, ?)",
            [(self._pair, name, json.dumps(value)) for name, value in values.items()],
        )

    def _expect_format(self) -> None:
        """Raise unless the folder has this format; an older one can be read, but not continued."""
        version = format_of(self._connection)
        what = f"run folder {str(self.folder)!r}"
        expect_readable(what, version, FORMAT)
        if version < FORMAT:
            raise RunError(cannot_continue(what))

    def _expect_same_run(self, header: Header) -> None:
        stored, given = facts_of(self._connection), _plain(header.to_plain())
        one, other = fixed(stored), fixed(given)
        names = differing(stored, _plain(dict(header.identity)))
        if names:
            differences = [_difference(name, one, other) for name in names[:_MOST_DIFFERENCES]]
            n_more = len(names) - _MOST_DIFFERENCES
            raise RunError(
                f"run folder {str(self.folder)!r} holds another run: "
                + "; ".join(differences)
                + (f"; and {n_more} more differ" if n_more > 0 else "")
                + "; choose another folder, or repeat the command of that run (with more seeds, cuts, "
                "stitches, controls or evidence it grows)"
            )
        missing = lost(stored["spec"], given["spec"])
        if missing:
            raise RunError(
                f"run folder {str(self.folder)!r} has other {' and '.join(missing)} than a moment ago: "
                "another process added them; give the command again"
            )

    def _grow(self, cursor: sqlite3.Cursor, header: Header) -> None:
        """Replace the spec by that of the larger run, and the facts by what was checked of it.

        The origin belongs to the sources of the spec, and is replaced with them, or where they are the same.
        """
        stored, given = facts_of(self._connection), _plain(header.to_plain())
        names = []
        if any(stored["spec"][name] != given["spec"][name] for name in GROWS):
            names = ["spec", "facts", *header.identity, "origin"]
        elif all(stored["spec"][name] == given["spec"][name] for name in _SOURCES):
            names = ["origin"]
        if header.named:
            names += ["sender", "receiver"]
        self._write_facts(cursor, {name: given[name] for name in names if name in given})

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
            except BaseException:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            raise RunError(f"cannot write to run folder {str(self.folder)!r}: {error}") from error

    def finished(self) -> set[str]:
        """Return the keys of all finished cells."""
        return {key for (key,) in self._connection.execute("SELECT key FROM cells")}

    def scored(self) -> set[str]:
        """Return the keys of the cells whose fit did not fail."""
        return {key for (key,) in self._connection.execute("SELECT key FROM cells WHERE score IS NOT NULL")}

    def write_cell(
        self,
        key: str,
        row: CellRow,
        weights: dict[str, Tensor],
        answers: Tensor | None = None,
        draw: int = 0,
    ) -> None:
        """Write a finished cell: its stitch file first, then its row, in one transaction.

        Args:
            key: of the cell.
            row: its numbers.
            weights: of its stitch.
            answers: (n_heldout,), the score of each example, in bool or from 0 to 1.
            draw: which of the untrained copies of its seed it stitches.

        Raises:
            RunError: the disk is full, or the folder cannot be written any more.
        """
        self.write_cells([FinishedCell(key, row, weights, answers, draw)])

    def write_cells(self, cells: Sequence[FinishedCell]) -> None:
        """Write the finished cells of a unit of work: one file of stitches first, then their rows at once.

        Either all of them are stored or none, wherever the process is killed. A file of its own for each cell
        costs a flush of the disk each.

        Raises:
            RunError: the disk is full, or the folder cannot be written any more.
        """
        if not cells:
            return
        plain = [asdict(cell.row) for cell in cells]
        stitches = [
            FittedStitch(cell.key, values, cell.weights) for cell, values in zip(cells, plain, strict=True)
        ]
        name = name_of(stitches)
        target = self.folder / name
        unfinished = target.with_name(target.name + ".unfinished")
        try:
            write_stitches(unfinished, stitches)
            value = sum_of_file(unfinished)
            unfinished.replace(target)
            with self._transaction() as cursor:
                note_file(cursor, self._pair, name, value)
                columns = ["pair", "key", *CELL_COLUMNS, "answers", "stitch_file", "draw"]
                marks = ", ".join("?" * len(columns))
                cursor.executemany(
                    f"INSERT OR REPLACE INTO main.cells ({', '.join(columns)}) VALUES ({marks})",
                    [
                        [
                            *(self._pair, cell.key, *(values[column] for column in CELL_COLUMNS)),
                            *(_packed(cell.answers), name, cell.draw),
                        ]
                        for cell, values in zip(cells, plain, strict=True)
                    ],
                )
        except (OSError, SafetensorError) as error:
            raise RunError(f"cannot write to run folder {str(self.folder)!r}: {error}") from error

    def write_baselines(self, baselines: Sequence[Baseline]) -> None:
        """Write the scores of whole networks."""
        with self._transaction() as cursor:
            cursor.executemany(
                "INSERT OR REPLACE INTO main.baselines (pair, role, control, seed, score, digest) "
                "VALUES (:pair, :role, :control, :seed, :score, :digest)",
                [{**asdict(row), "pair": self._pair} for row in baselines],
            )

    def answers(self) -> dict[tuple[str, CellKey], np.ndarray]:
        """Return the score of each held-out example, (n_heldout,), by control and cell."""
        return answers_of(self._connection)

    def write_advantages(self, rows: Sequence[AdvantageRow]) -> None:
        """Write or replace the differences to the controls."""
        self._write_fact("advantages", [asdict(row) for row in rows])

    def begin_evidence(self, n_examples: int, version: int) -> set[tuple[str, str]]:
        """Record what evidence the run is asked for; return cell key and kind of what it has already.

        Args:
            n_examples: number of held-out examples.
            version: of the evidence.
        """
        self._write_fact("evidence", {"n_examples": n_examples, "version": version})
        selected = self._connection.execute(
            "SELECT key, kind FROM appraisals WHERE n_examples = ? AND version = ?", (n_examples, version)
        )
        return set(selected)

    def write_evidence(
        self,
        key: str,
        kinds: Sequence[str],
        rows: Sequence[EvidenceRow],
        n_examples: int,
        version: int,
        parts: ExampleParts | None = None,
    ) -> None:
        """Write or replace the evidence of these kinds about one cell, in one transaction.

        Raises:
            RunError: the disk is full, or the folder cannot be written any more.
        """
        with self._transaction() as cursor:
            for kind in kinds:
                cursor.execute(
                    "DELETE FROM main.evidence WHERE pair = ? AND key = ? AND kind = ?",
                    (self._pair, key, kind),
                )
                cursor.execute(
                    "INSERT OR REPLACE INTO main.appraisals (pair, key, kind, n_examples, version) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (self._pair, key, kind, n_examples, version),
                )
            cursor.executemany(
                "INSERT INTO main.evidence (pair, key, kind, name, place, value, low, high, n) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(self._pair, key, r.kind, r.name, r.where, r.value, r.low, r.high, r.n) for r in rows],
            )
            if parts is not None:
                cursor.execute("DELETE FROM main.parts WHERE pair = ? AND key = ?", (self._pair, key))
                cursor.executemany(
                    "INSERT INTO main.parts (pair, key, place, numbers) VALUES (?, ?, ?, ?)",
                    [(self._pair, key, place, _bytes(numbers)) for place, numbers in _places(parts).items()],
                )

    def parts(self) -> PartsByCell:
        """Return what was measured by example, by control and cell."""
        return {at: parts for (at, draw), parts in parts_of(self._connection).items() if draw == 0}

    def drawn_parts(self, control: str, n_draws: Mapping[CellKey, int]) -> dict[CellKey, list[ExampleParts]]:
        """Return the same of the first untrained senders that were drawn for some cells of the pair."""
        drawn: dict[CellKey, list[ExampleParts]] = {}
        for ((name, key), draw), parts in sorted(
            parts_of(self._connection).items(), key=lambda item: item[0][1]
        ):
            if name == control and draw < n_draws.get(key, 0):
                drawn.setdefault(key, []).append(parts)
        return drawn

    def write_kept(self, rows: Sequence[KeptRow]) -> None:
        """Write or replace what every cell keeps."""
        self._write_fact("kept", [asdict(row) for row in rows])

    def write_facts(self, facts: RunFacts) -> None:
        """Replace the facts of the run."""
        self._write_fact("facts", facts.to_plain())

    def _write_fact(self, name: str, value: Any) -> None:
        with self._transaction() as cursor:
            self._write_facts(cursor, {name: value})

    def write_file(self, name: str, write: Callable[[Path], object]) -> Path:
        """Have ``write`` make the file ``name`` of the run folder, whole or not at all."""
        target = self.folder / name
        try:
            atomic_write(target, write)
            value = sum_of_file(target)
        except OSError as error:
            raise RunError(f"cannot write {str(target)!r}: {error}") from error
        with self._transaction() as cursor:
            note_file(cursor, self._pair, name, value)
        return target

    def seal(self) -> None:
        """Write the sums of all rows: the run is finished."""
        with self._transaction() as cursor:
            seal(cursor, self._pair)

    def read_weights(self, key: str) -> dict[str, Tensor]:
        """Return the weights of the stitch of a finished cell, from its file.

        Raises:
            TruthError: the file is missing, damaged or of another cell.
        """
        return read_weights(self.folder, key)

    def names(self) -> tuple[str, str]:
        """Return what sender and receiver are called."""
        facts = facts_of(self._connection)
        return str(facts["sender"]), str(facts["receiver"])

    def comparison(self) -> Comparison:
        """Return everything finished so far."""
        return comparison_of(self._connection)

    def close(self) -> None:
        """Close the database and release the run folder, unless it is that of an experiment that goes on."""
        self._connection.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._is_own:
            self._writing.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _places(parts: ExampleParts) -> dict[str, np.ndarray | None]:
    return {**parts.errors, ORDERS: parts.orders}


def _bytes(numbers: np.ndarray | None) -> bytes | None:
    return None if numbers is None else numbers.astype("<f4").tobytes()


def _packed(answers: Tensor | None) -> bytes | None:
    if answers is None:
        return None
    scores = answers.cpu().numpy()
    return np.packbits(scores).tobytes() if scores.dtype == bool else scores.astype("<f4").tobytes()


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _difference(name: str, stored: dict[str, Any], given: dict[str, Any]) -> str:
    new, old = given.get(name), stored.get(name)
    if isinstance(new, dict) and isinstance(old, dict):
        parts = [_difference(key, old, new) for key in new if new[key] != old.get(key)]
        n_more = len(parts) - _MOST_DIFFERENCES
        return "; ".join(parts[:_MOST_DIFFERENCES]) + (f"; and {n_more} more" if n_more > 0 else "")
    label, texts = name, [json.dumps(value) for value in (old, new)]
    role, _, what = name.partition("_")
    if what in ("weights", "content"):
        # A hash alone says little: name the model or the data that it belongs to.
        label = role
        texts = [f"{facts.get(role)} ({what} {str(facts.get(name))[:8]})" for facts in (stored, given)]
    shown = [text if len(text) <= 80 else text[:77] + "..." for text in texts]
    return f"its {label.replace('_', ' ')} is {shown[0]}, this one's {shown[1]}"
