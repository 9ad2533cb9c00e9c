"""An experiment before it runs: its pairs prepared, and what its folder holds of another one."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelstitch.errors import RunError
from modelstitch.runs.database import Writing
from modelstitch.runs.growth import differing
from modelstitch.runs.place import DATABASE, PairName, pairs_in
from modelstitch.runs.reader import asked_of
from modelstitch.runs.session import Session
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.places import why_not_written

FILE = "experiment.toml"
"""The file of an experiment, as it was last run."""

PLAN = "plan.json"
"""How many cells each pair of an experiment was asked for."""


@dataclass(frozen=True)
class PairUnit:
    """One pair of an experiment, ready to run: the unit of work of an engine.

    Attributes:
        pair: its name, and those of its models.
        session: all that its run needs; what depends on one model alone is shared between sessions.
        folder: of its stitches, tables and page; None where nothing is written.
    """

    pair: PairName
    session: Session
    folder: Path | None


def expect_same_experiment(home: Path, units: Sequence[PairUnit]) -> None:
    """Raise where a folder holds another experiment, before anything is written or fitted.

    Raises:
        RunError: a pair of the folder was compared on other data, or one that is asked for has other
            networks, data or choices.
    """
    for unit in units:
        assert unit.folder is not None
        before = asked_of(unit.folder)
        given = json.loads(json.dumps(unit.session.identity))
        names = [] if before is None else differing(before.facts, given)
        if names:
            what = ", ".join(name.replace("_", " ") for name in names)
            raise RunError(
                f"cannot go on in folder {str(home)!r}: pair {unit.pair.name} was run before with other "
                f"{what}; choose another folder, or repeat the choices of that run (with more models, pairs, "
                "seeds, cuts, stitches, controls or evidence it grows)"
            )
    others = _data_of(home)
    digest = units[0].session.pair.data_digest
    other = next((name for name, content in others.items() if content != digest), None)
    if other is not None:
        raise RunError(
            f"cannot use folder {str(home)!r}: it is that of another experiment, whose pair {other} was "
            "compared on other data; choose another folder"
        )


def _data_of(home: Path) -> dict[str, str]:
    """Return the hash of the data of each pair that was begun."""
    if not pairs_in(home):
        return {}
    with contextlib.closing(sqlite3.connect(home / DATABASE)) as connection:
        found = connection.execute(
            "SELECT pairs.name, value FROM facts JOIN pairs USING (pair) WHERE facts.name = 'data_content'"
        ).fetchall()
    return {name: json.loads(value) for name, value in found}


def write_plan(writing: Writing, units: Sequence[PairUnit], file: str | None) -> None:
    """Write what an experiment is about to do: how many cells each pair has, and its file.

    Pairs that the folder had before stay in the plan.

    Raises:
        RunError: the folder cannot be written.
    """
    writing.take()
    cells = {**read_plan(writing.home), **{unit.pair.name: len(unit.session.cells) for unit in units}}
    texts = {PLAN: json.dumps({"cells": cells}, indent=0), **({} if file is None else {FILE: file})}
    for name, text in texts.items():
        path = writing.home / name
        try:
            atomic_write(path, _writer(text))
        except OSError as error:
            raise RunError(f"cannot write {str(path)!r}: {why_not_written(path, error)}") from error


def _writer(text: str) -> Any:
    return lambda path: path.write_text(text, encoding="utf-8")


def read_plan(home: Path) -> Mapping[str, int]:
    """Return the number of cells by name of pair; nothing where no plan was written.

    Raises:
        RunError: the plan is damaged.
    """
    path = home / PLAN
    if not path.is_file():
        return {}
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return {str(name): int(n) for name, n in cells.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"cannot read {str(path)!r}: it is damaged, or no plan: {error}") from error
