"""The folder of an experiment: one database, a folder for each pair, and what belongs to all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

from modelstitch.errors import RunError, SpecError
from modelstitch.results.pairs import Comparisons, ModelPair, pair_name
from modelstitch.runs.database import LISTED, listed_models
from modelstitch.runs.place import DATABASE, PairName, pairs_in
from modelstitch.runs.reader import has_cells, read_run
from modelstitch.util.atomic_files import atomic_write

PAGE = "report.html"
"""Name of the page of all pairs."""


def pair_folders(
    out: Path | None, models: Sequence[str], pairs: Sequence[ModelPair] | None = None
) -> dict[ModelPair, Path | None]:
    """Return the run folder of each ordered pair; None without ``out``.

    Args:
        out: folder of the experiment.
        models: names of all models.
        pairs: those that are compared; each into each other one without it.

    Raises:
        SpecError: a name that is no name of a folder, or two pairs that would share one.
    """
    for name in models:
        if not name.strip() or (out is not None and (name in ("", "..") or Path(name).name != name)):
            raise SpecError(f"expected names of models that can be names of folders, got {name!r}")
    folders: dict[ModelPair, Path | None] = {}
    taken: dict[str, ModelPair] = {}
    for pair in permutations(models, 2) if pairs is None else pairs:
        name = pair_name(*pair)
        if out is not None and name in taken:
            raise SpecError(f"expected names of models that tell pairs apart, got {pair} and {taken[name]}")
        taken[name] = pair
        folders[pair] = None if out is None else out / name
    return folders


def planned(models: Sequence[str], pairs: Sequence[ModelPair] | None = None) -> tuple[PairName, ...]:
    """Return ordered pairs of several models as they are named in their database; by default all."""
    chosen = permutations(models, 2) if pairs is None else pairs
    return tuple(PairName(pair_name(*pair), *pair) for pair in chosen)


def holds_pairs(folder: Path) -> bool:
    """Tell whether a folder is one of several pairs."""
    return bool(pairs_in(folder)) or (folder / LISTED).is_file()


def read_pairs(folder: Path, cache: Path | None = None) -> Comparisons:
    """Read every pair of a folder that has a run; one that was stopped lacks the later ones.

    Raises:
        RunError: no pair has a run, or one cannot be read.
    """
    # A folder of an older version has a database for each pair.
    pairs = pairs_in(folder) or tuple(
        pair for pair in planned(listed_models(folder)) if (folder / pair.name / DATABASE).is_file()
    )
    found = {
        (pair.sender, pair.receiver): read_run(folder / pair.name, cache)
        for pair in pairs
        if has_cells(folder / pair.name)
    }
    if not found:
        raise RunError(
            f"no run of a pair in {str(folder)!r} yet: it was stopped before the first was finished"
        )
    return Comparisons(found)


def write_whole(folder: Path, pairs: Comparisons | None = None) -> None:
    """Write what belongs to all pairs of an experiment: two tables with a column for the pair, and the page.

    Args:
        folder: of the experiment.
        pairs: all of them; read from the folder without it.

    Raises:
        RunError: the folder cannot be read or written.
    """
    pairs = pairs or read_pairs(folder)
    write_tables(folder, pairs)
    pairs.report(folder / PAGE)


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
