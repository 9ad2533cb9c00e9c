"""``modelstitch runs``: the runs of a folder with their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from modelstitch.cli.json_output import print_json
from modelstitch.cli.screen import print_table
from modelstitch.errors import InputError, RunError
from modelstitch.util.places import neighbours

_DEEPEST = 4


@dataclass(frozen=True)
class Runs:
    """List the runs of a folder, at any depth up to four, with the answer of each."""

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="FOLDER")]] = Path()
    """Folder that holds run folders; by default this one."""
    json: bool = False
    """Print the list as JSON."""

    def run(self) -> bool:
        """Print one line a run; return whether some run cannot be read."""
        if not self.folder.is_dir():
            raise RunError(
                f"expected a folder that holds runs, got {str(self.folder)!r}{neighbours(self.folder)}"
            )
        found = [_row(path, self.folder) for path in sorted(_runs(self.folder, _DEEPEST))]
        if self.json:
            print_json("runs", found)
        elif not found:
            print(f"no run in {str(self.folder)!r}")
        else:
            _show(found)
        return any(row["word"] is None for row in found)


def _runs(folder: Path, deepest: int) -> Iterator[Path]:
    """Yield the folders that hold a run, and those of the pairs of an experiment."""
    from modelstitch.runs.place import DATABASE, pairs_in

    if (folder / DATABASE).is_file():
        pairs = [folder / pair.name for pair in pairs_in(folder)]
        yield from pairs or [folder]
        return
    if not deepest:
        return
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.is_symlink() and not inner.name.startswith("."):
            yield from _runs(inner, deepest - 1)


def _row(path: Path, above: Path) -> dict[str, Any]:
    from modelstitch.api.use import load_one
    from modelstitch.report.answer import answer
    from modelstitch.report.beyond import BeyondRun, word_of

    name = str(path.relative_to(above)) if path != above else path.name or str(path)
    try:
        run = load_one(path)
        beyond = BeyondRun.of_run(run, path)
        word = word_of(run, beyond).value
        headline = str(answer(run, run.main_stitch).headline) if run.cells else "No cell is finished yet."
    except InputError as error:
        unknown = dict.fromkeys(("sender", "receiver", "data", "cells", "when"))
        return {"run": name, "word": None, "answer": str(error), **unknown}
    made = run.facts.made
    return {
        "run": name,
        "word": word,
        "answer": headline,
        "sender": run.sender,
        "receiver": run.receiver,
        "data": run.data,
        "cells": len(run.cells),
        "when": None if made is None else made.when,
    }


def _show(found: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table()
    for heading in ("run", "word", "answer", "when"):
        table.add_column(heading)
    for row in found:
        table.add_row(row["run"], row["word"] or "–", row["answer"], row.get("when") or "")
    print_table(table)
