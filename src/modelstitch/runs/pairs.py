"""The folder of an experiment: one database, a folder for each pair, and what belongs to all pairs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path

import pandas as pd

from modelstitch.errors import RunError, SpecError
from modelstitch.results.comparison import Comparison
from modelstitch.results.pairs import Comparisons, ModelPair, pair_name
from modelstitch.runs.database import LISTED, listed_models
from modelstitch.runs.place import DATABASE, PairName, has_pairs, pairs_with_cells
from modelstitch.runs.reader import has_cells, read_run
from modelstitch.util.atomic_files import atomic_write

PAGE = "report.html"
"""Name of the page of all pairs."""

MOST_HELD = 32
"""Comparisons of a folder that are held at once; others are read again."""


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
    return has_pairs(folder) or (folder / LISTED).is_file()


class StoredPairs(Mapping[ModelPair, Comparison]):
    """The pairs of a folder, each read when it is asked for; those asked for last are held.

    Args:
        names: folder of each pair, in their order.
        cache: folder of captured graphs, for when networks are loaded again.
    """

    def __init__(self, names: Mapping[ModelPair, Path], cache: Path | None = None) -> None:
        self._names = dict(names)
        self._cache = cache
        self._held: OrderedDict[ModelPair, Comparison] = OrderedDict()

    def __getitem__(self, pair: ModelPair) -> Comparison:
        if pair not in self._held:
            self._held[pair] = read_run(self._names[pair], self._cache)
            if len(self._held) > MOST_HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(pair)
        return self._held[pair]

    def __iter__(self) -> Iterator[ModelPair]:
        return iter(self._names)

    def __contains__(self, pair: object) -> bool:
        return pair in self._names

    def __len__(self) -> int:
        return len(self._names)


def read_pairs(folder: Path, cache: Path | None = None) -> Comparisons:
    """Read the pairs of a folder that have a finished cell; one that was stopped lacks the later ones.

    Raises:
        RunError: no pair has a run, or one cannot be read.
    """
    pairs: Sequence[PairName] = pairs_with_cells(folder)
    if not has_pairs(folder):  # a folder of an older version has a database for each pair
        pairs = [
            pair
            for pair in planned(listed_models(folder))
            if (folder / pair.name / DATABASE).is_file() and has_cells(folder / pair.name)
        ]
    if not pairs:
        raise RunError(
            f"no run of a pair in {str(folder)!r} yet: it was stopped before the first was finished"
        )
    return Comparisons(
        StoredPairs({(pair.sender, pair.receiver): folder / pair.name for pair in pairs}, cache)
    )


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

    They are written pair by pair, so that memory does not grow with the number of pairs.

    Raises:
        RunError: the folder cannot be written.
    """
    for name, frames in (("cells.csv", pairs.cell_frames()), ("verdicts.csv", pairs.verdict_frames())):
        _write(out, name, frames)


def _write(folder: Path, name: str, frames: Iterable[pd.DataFrame]) -> None:
    def write(unfinished: Path) -> None:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            columns: list[str] | None = None
            for frame in frames:
                # Pairs of several stitches have columns that others lack: the first says which there are.
                first, columns = columns is None, columns or list(frame.columns)
                frame.reindex(columns=columns).to_csv(file, index=False, header=first, lineterminator="\n")
            if columns is None:
                file.write("\n")

    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / name, write)
    except OSError as error:
        raise RunError(f"cannot write {str(folder / name)!r}: {error}") from error
