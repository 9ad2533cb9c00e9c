"""Comparisons of one pair by several label sets, or by several tasks, beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from modelstitch.errors import SpecError
from modelstitch.results.comparison import Comparison
from modelstitch.specs import TRAINED
from modelstitch.specs.verdicts import VerdictName
from modelstitch.util.atomic_files import atomic_write
from modelstitch.wording import Listed, Sentence, say

Cell = tuple[str, str, str]
"""Sender cut, receiver cut and stitch."""


@dataclass(frozen=True)
class ByLabels:
    """One comparison for each label set; every one has stitches, controls and verdicts of its own.

    Attributes:
        comparisons: by name of the label set.

    Raises:
        SpecError: fewer than two.
    """

    comparisons: Mapping[str, Comparison]

    def __post_init__(self) -> None:
        if len(self.comparisons) < 2:
            names = ", ".join(self.comparisons) or "none"
            raise SpecError(f"expected comparisons by at least two label sets, got {names}")

    def __getitem__(self, labels: str) -> Comparison:
        return self.comparisons[labels]

    @property
    def tried_for(self) -> tuple[str, ...]:
        """The label sets."""
        return tuple(self.comparisons)

    def interchangeable_for(self) -> dict[Cell, tuple[str, ...]]:
        """Return by cell the label sets for which its verdict is *interchangeable*."""
        names: dict[Cell, list[str]] = {}
        for labels, comparison in self.comparisons.items():
            for cell, verdict in comparison.cell_verdicts().items():
                named = names.setdefault(cell, [])
                if verdict.name is VerdictName.INTERCHANGEABLE:
                    named.append(labels)
        return {cell: tuple(named) for cell, named in names.items()}

    def frame(self) -> pd.DataFrame:
        """Return one row for each cell and label set: its score, what it keeps, and its verdict.

        A cell's rows stand beside each other. ``interchangeable_for`` and ``tried_for`` are the same in all
        of them.
        """
        interchangeable = self.interchangeable_for()
        rows = [
            {
                **row,
                "interchangeable_for": ", ".join(interchangeable.get(cell, ())),
                "tried_for": ", ".join(self.tried_for),
            }
            for cell in dict.fromkeys(cell for each in self.comparisons.values() for cell in _cells(each))
            for labels, comparison in self.comparisons.items()
            if (row := _row(labels, comparison, cell)) is not None
        ]
        return pd.DataFrame(rows)

    def sentences(self) -> list[Sentence]:
        """Return a few plain sentences on how the label sets differ."""
        tried = say(
            "labels.tried", n=len(self.tried_for), names=Listed([repr(name) for name in self.tried_for])
        )
        found = self.interchangeable_for()
        if not found:
            return [tried]
        numbers = [len(names) for names in found.values()]
        everywhere = sum(n == len(self.tried_for) for n in numbers)
        return [
            tried,
            say(
                "labels.interchangeable",
                of=len(numbers),
                all=everywhere,
                some=sum(n > 0 for n in numbers) - everywhere,
                none=numbers.count(0),
            ),
            say("labels.kept", parts=Listed([self._mean(labels) for labels in self.tried_for])),
            say("labels.within"),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, each comparison as its own ``to_json`` gives it."""
        return {"label_sets": {name: each.to_json() for name, each in self.comparisons.items()}}

    def write(self, folder: str | Path) -> Path:
        """Write :meth:`frame` to ``label-sets.csv`` in a folder, whole or not at all; return the file."""
        path = Path(folder) / "label-sets.csv"
        atomic_write(path, lambda unfinished: self.frame().to_csv(unfinished, index=False))
        return path

    def _mean(self, labels: str) -> Sentence:
        frame = self.frame()
        own = frame[(frame["labels"] == labels) & frame["kept"].notna()]
        if not len(own):
            return say("labels.no_kept", labels=labels)
        return say(
            "labels.one",
            labels=labels,
            kept=100 * float(own["kept"].mean()),
            score=float(own["score"].mean()),
        )


def _cells(comparison: Comparison) -> list[Cell]:
    trained = (cell for cell in comparison.cells if cell.control == TRAINED)
    return list(dict.fromkeys((cell.sender_cut, cell.receiver_cut, cell.stitch) for cell in trained))


def _row(labels: str, comparison: Comparison, cell: Cell) -> dict[str, Any] | None:
    """Return one cell by one label set, all seeds together; None where it was not run."""
    cells = [
        each
        for each in comparison.cells
        if each.control == TRAINED and (each.sender_cut, each.receiver_cut, each.stitch) == cell
    ]
    if not cells:
        return None
    scores = [each.score for each in cells if each.score is not None]
    verdict = comparison.cell_verdicts(cell[2]).get(cell)
    return {
        **dict(zip(("sender_cut", "receiver_cut", "stitch"), cell, strict=True)),
        "labels": labels,
        "n_labels": comparison.facts.n_classes,
        "chance": comparison.chance,
        "receiver_score": comparison.baseline("receiver"),
        "score": sum(scores) / len(scores) if scores else math.nan,
        "score_name": comparison.score_name,
        "kept": math.nan if verdict is None else verdict.kept,
        "kept_low": math.nan if verdict is None else verdict.kept_low,
        "kept_high": math.nan if verdict is None else verdict.kept_high,
        "name": "" if verdict is None else verdict.name.value,
        "confidence": "" if verdict is None else verdict.confidence.value,
        "learnt": "" if verdict is None else verdict.learnt.value,
    }
