"""The folder of every ordered pair of several models: a run folder for each pair, and what belongs to all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

from modelstitch.errors import RunError, SpecError
from modelstitch.results.pairs import Comparisons, ModelPair, pair_name
from modelstitch.runs.reader import read_run
from modelstitch.util.atomic_files import atomic_write

FILE = "pairs.json"
FORMAT = "modelstitch pairs 1"


def pair_folders(out: Path | None, models: Sequence[str]) -> dict[ModelPair, Path | None]:
    """Return the run folder of each ordered pair; None without ``out``.

    Raises:
        SpecError: a name that is no name of a folder, or two pairs that would share one.
    """
    for name in models:
        if not name.strip() or (out is not None and (name in ("", "..") or Path(name).name != name)):
            raise SpecError(f"expected names of models that can be names of folders, got {name!r}")
    folders: dict[ModelPair, Path | None] = {}
    taken: dict[str, ModelPair] = {}
    for pair in permutations(models, 2):
        name = pair_name(*pair)
        if out is not None and name in taken:
            raise SpecError(f"expected names of models that tell pairs apart, got {pair} and {taken[name]}")
        taken[name] = pair
        folders[pair] = None if out is None else out / name
    return folders


def held_models(out: Path) -> tuple[str, ...]:
    """Return the models that a folder holds already; none of a new one.

    Raises:
        RunError: the folder holds one run, or is damaged.
    """
    if holds_pairs(out):
        return models_of(out)
    if (out / "run.sqlite").exists():
        raise RunError(f"cannot use folder {str(out)!r} for several pairs: it holds one run; choose another")
    return ()


def note_models(out: Path, models: Sequence[str]) -> None:
    """Write which models a folder holds, those that it held before first.

    Raises:
        RunError: the folder cannot be written, or holds something else.
    """
    known = held_models(out)
    values = {"format": FORMAT, "models": list(dict.fromkeys((*known, *models)))}
    _write(out, FILE, json.dumps(values, indent=1) + "\n")


def models_of(folder: Path) -> tuple[str, ...]:
    """Return the names of the models of a folder of pairs.

    Raises:
        RunError: no such folder, of a newer version, or damaged.
    """
    path = folder / FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise RunError(f"cannot read {str(path)!r}: expected {FORMAT!r}, got {values['format']!r}")
        names = tuple(map(str, values["models"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"cannot read {str(path)!r}: it is damaged, or no folder of pairs: {error}") from error
    return names


def holds_pairs(folder: Path) -> bool:
    """Tell whether a folder is one of several pairs."""
    return (folder / FILE).is_file()


def read_pairs(folder: Path, cache: Path | None = None) -> Comparisons:
    """Read every pair of a folder that has a run; one that was stopped lacks the later ones.

    Raises:
        RunError: no pair has a run, or one cannot be read.
    """
    folders = pair_folders(folder, models_of(folder))
    found = {
        pair: read_run(each, cache)
        for pair, each in folders.items()
        if each is not None and (each / "run.sqlite").is_file()
    }
    if not found:
        raise RunError(
            f"no run of a pair in {str(folder)!r} yet: it was stopped before the first was finished"
        )
    return Comparisons(found)


def write_tables(out: Path, pairs: Comparisons) -> None:
    """Write the tables of all pairs, with a column for the pair: ``cells.csv`` and ``verdicts.csv``.

    Raises:
        RunError: the folder cannot be written.
    """
    for name, frame in (("cells.csv", pairs.to_frame()), ("verdicts.csv", pairs.verdict_frame())):
        _write(out, name, frame.to_csv(index=False))


def _write(folder: Path, name: str, text: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / name, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot write {str(folder / name)!r}: {error}") from error
