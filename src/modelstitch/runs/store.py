"""The run folder: one SQLite database and the stitch files. The only writer.

A finished cell is one stitch file, put in place whole, and then one row, in one transaction: a process killed at any
moment leaves the row or no row, and a file without a row is overwritten by the next try.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from modelstitch.errors import RunError
from modelstitch.results.comparison import Comparison
from modelstitch.results.rows import Baseline, CellRow, EvidenceRow
from modelstitch.results.verdicts import CellKey
from modelstitch.runs.reader import COLUMNS, comparison_of, facts_of, read_weights
from modelstitch.util.atomic_files import atomic_write

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE baselines (
    role TEXT, control TEXT, seed INTEGER, accuracy REAL, digest TEXT NOT NULL,
    PRIMARY KEY (role, control, seed)
);
CREATE TABLE cells (
    key TEXT PRIMARY KEY,
    sender_cut TEXT NOT NULL, receiver_cut TEXT NOT NULL, family TEXT NOT NULL, norm TEXT NOT NULL,
    objective TEXT NOT NULL, control TEXT NOT NULL, seed INTEGER NOT NULL,
    accuracy REAL, standard_error REAL, loss REAL, n_parameters INTEGER NOT NULL, bridge TEXT NOT NULL,
    steps INTEGER NOT NULL, seconds REAL NOT NULL, n_heldout INTEGER NOT NULL, failure TEXT,
    start TEXT NOT NULL, converged INTEGER, gain REAL, noise REAL, total_steps INTEGER NOT NULL,
    precision TEXT NOT NULL, answers BLOB,
    stitch_file TEXT, finished_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
"""

_EVIDENCE_SCHEMA = """
CREATE TABLE IF NOT EXISTS appraisals (
    key TEXT, kind TEXT, n_examples INTEGER NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (key, kind)
);
CREATE TABLE IF NOT EXISTS evidence (
    key TEXT, kind TEXT NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL,
    value REAL, low REAL, high REAL, n INTEGER NOT NULL,
    PRIMARY KEY (key, kind, name, place)
);
"""

_TOLD = 3  # differences to another run that are told; who sees three knows that it is another


class Store:
    """A run folder, open for writing by one process at a time.

    Args:
        folder: made where it does not exist.
        facts: what the run is; must equal those of an existing run in ``identity``.
        identity: names of the facts that have to agree for the run to be continued.

    Raises:
        RunError: a folder that cannot be written, is in use, or holds a run of another spec.
    """

    def __init__(self, folder: str | Path, facts: dict[str, Any], identity: tuple[str, ...]) -> None:
        self.folder = Path(folder)
        self.database = self.folder / "run.sqlite"
        try:
            (self.folder / "stitches").mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
            fresh = not self.database.exists()
            self._connection = sqlite3.connect(self.database, isolation_level=None)
            self._start(facts, identity, fresh)
        except OSError as error:
            raise RunError(f"cannot write run folder {str(folder)!r}: {error.strerror}") from error
        except sqlite3.Error as error:
            raise RunError(f"cannot use run folder {str(folder)!r}: {error}") from error

    def _locked(self) -> sqlite3.Connection:
        # A second database, held in an exclusive transaction: released by the system when the process dies,
        # and readers of the run itself are not kept out.
        lock = sqlite3.connect(self.folder / "lock.sqlite", isolation_level=None, timeout=0)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            lock.close()
            if "locked" not in str(error):
                raise
            raise RunError(
                f"run folder {str(self.folder)!r} is in use by another process; wait for it, or choose another"
            ) from error
        return lock

    def _start(self, facts: dict[str, Any], identity: tuple[str, ...], fresh: bool) -> None:
        try:
            with self._transaction() as cursor:
                for statement in _EVIDENCE_SCHEMA.strip().split(";"):
                    cursor.execute(statement)
                tables = cursor.execute("SELECT name FROM sqlite_master WHERE name = 'facts'").fetchall()
                if tables and "answers" not in _columns_of(cursor, "cells"):
                    cursor.execute("ALTER TABLE cells ADD COLUMN answers BLOB")  # a run of an earlier version
                if not tables:
                    for statement in _SCHEMA.strip().split(";"):
                        cursor.execute(statement)
                    cursor.executemany(
                        "INSERT INTO facts VALUES (?, ?)",
                        [(name, json.dumps(value)) for name, value in facts.items()],
                    )
                    return
                stored = facts_of(self._connection)
                differing = [name for name in identity if stored.get(name) != _plain(facts[name])]
                if differing:
                    told = [_difference(name, stored, _plain(facts)) for name in differing[:_TOLD]]
                    more = f"; and {len(differing) - _TOLD} more differ" if len(differing) > _TOLD else ""
                    raise RunError(
                        f"run folder {str(self.folder)!r} holds another run: "
                        + "; ".join(told)
                        + more
                        + "; choose another folder, or repeat the command of that run"
                    )
        except BaseException:
            self.close()
            if fresh:
                self.database.unlink(missing_ok=True)
            raise

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

    def write_cell(
        self, key: str, row: CellRow, weights: dict[str, Tensor], correct: Tensor | None = None
    ) -> None:
        """Write a finished cell: its stitch file first, then its row, in one transaction.

        Args:
            key: of the cell.
            row: its numbers.
            weights: of its stitch.
            correct: (n_heldout,), the score of each example, in bool or from 0 to 1.

        Raises:
            RunError: the disk is full, or the folder cannot be written any more.
        """
        name = f"stitches/{key[:20]}.safetensors"
        target = self.folder / name
        unfinished = target.with_name(target.name + ".unfinished")
        values = asdict(row)
        try:
            save_file(
                {each: value.detach().cpu().contiguous() for each, value in weights.items()},
                unfinished,
                metadata={"cell": json.dumps(values), "key": key},
            )
            unfinished.replace(target)
            with self._transaction() as cursor:
                columns = ["key", *COLUMNS, "answers", "stitch_file"]
                marks = ", ".join("?" * len(columns))
                cursor.execute(
                    f"INSERT OR REPLACE INTO cells ({', '.join(columns)}) VALUES ({marks})",
                    [key, *(values[column] for column in COLUMNS), _packed(correct), name],
                )
        except (OSError, SafetensorError) as error:
            raise RunError(f"cannot write to run folder {str(self.folder)!r}: {error}") from error

    def appraised(self, n_examples: int, version: int) -> set[tuple[str, str]]:
        """Return cell key and kind of all evidence that was measured on as many examples by this version."""
        found = self._connection.execute(
            "SELECT key, kind FROM appraisals WHERE n_examples = ? AND version = ?", (n_examples, version)
        )
        return set(found)

    def write_evidence(
        self, key: str, kinds: Sequence[str], rows: Sequence[EvidenceRow], n_examples: int, version: int
    ) -> None:
        """Write or replace the evidence of these kinds about one cell, in one transaction.

        Raises:
            RunError: the disk is full, or the folder cannot be written any more.
        """
        with self._transaction() as cursor:
            for kind in kinds:
                cursor.execute("DELETE FROM evidence WHERE key = ? AND kind = ?", (key, kind))
                cursor.execute(
                    "INSERT OR REPLACE INTO appraisals VALUES (?, ?, ?, ?)", (key, kind, n_examples, version)
                )
            cursor.executemany(
                "INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(key, r.kind, r.name, r.where, r.value, r.low, r.high, r.n) for r in rows],
            )

    def answers(self) -> dict[tuple[str, CellKey], np.ndarray]:
        """Return the score of each held-out example in each finished cell, by control and place; of classification in bool."""
        found = self._connection.execute(
            "SELECT control, sender_cut, receiver_cut, family, norm, seed, n_heldout, answers FROM cells "
            "WHERE answers IS NOT NULL AND accuracy IS NOT NULL"
        )
        return {
            (
                control,
                (sender, receiver, family if norm == "none" else f"{family}+{norm}", seed),
            ): _unpacked(packed, n)
            for control, sender, receiver, family, norm, seed, n, packed in found
        }

    def write_baselines(self, baselines: list[Baseline]) -> None:
        """Write the accuracies of whole networks."""
        with self._transaction() as cursor:
            cursor.executemany(
                "INSERT OR REPLACE INTO baselines VALUES (:role, :control, :seed, :accuracy, :digest)",
                [asdict(each) for each in baselines],
            )

    def read_weights(self, key: str) -> dict[str, Tensor]:
        """Return the weights of the stitch of a finished cell, as they stand in its file.

        Raises:
            TruthError: the file is missing, damaged or of another cell.
        """
        return read_weights(self.folder, key)

    def write_fact(self, name: str, value: Any) -> None:
        """Write or replace one fact of the run."""
        with self._transaction() as cursor:
            cursor.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    def write_file(self, name: str, write: Callable[[Path], object]) -> Path:
        """Have ``write`` make the file ``name`` of the run folder, whole or not at all."""
        target = self.folder / name
        try:
            atomic_write(target, write)
        except OSError as error:
            raise RunError(f"cannot write {str(target)!r}: {error}") from error
        return target

    def comparison(self) -> Comparison:
        """Return everything finished so far."""
        return comparison_of(self._connection)

    def close(self) -> None:
        """Close the database and let go of the run folder."""
        self._connection.close()
        self._lock.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _packed(correct: Tensor | None) -> bytes | None:
    if correct is None:
        return None
    scores = correct.cpu().numpy()
    return np.packbits(scores).tobytes() if scores.dtype == bool else scores.astype("<f4").tobytes()


def _unpacked(packed: bytes, n: int) -> np.ndarray:
    # Right and wrong take a bit an example, other scores four bytes.
    if len(packed) == 4 * n:
        return np.frombuffer(packed, dtype="<f4")
    return np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=n).astype(bool)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _difference(name: str, stored: dict[str, Any], given: dict[str, Any]) -> str:
    mine, other = given.get(name), stored.get(name)
    if isinstance(mine, dict) and isinstance(other, dict):
        parts = [_difference(key, other, mine) for key in mine if mine[key] != other.get(key)]
        return "; ".join(parts[:3]) + (f"; and {len(parts) - 3} more" if len(parts) > 3 else "")
    label, texts = name, [json.dumps(each) for each in (other, mine)]
    role, _, what = name.partition("_")
    if what in ("weights", "content"):
        # A hash alone tells nobody anything: say whose it is.
        label = role
        texts = [f"{each.get(role)} ({what} {str(each.get(name))[:8]})" for each in (stored, given)]
    shown = [text if len(text) <= 80 else text[:77] + "..." for text in texts]
    return f"its {label.replace('_', ' ')} is {shown[0]}, this one's {shown[1]}"


def _columns_of(cursor: sqlite3.Cursor, table: str) -> set[str]:
    return {name for _, name, *_ in cursor.execute(f"PRAGMA table_info({table})")}
