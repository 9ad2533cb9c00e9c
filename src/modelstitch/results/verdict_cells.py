"""What stands in a cell of the map of verdicts: both answers and the score in a few signs, and its legend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xarray as xr

from modelstitch.evidence.verdict import Thresholds, Verdict
from modelstitch.results.colours import LEARNT_MARKS, MARKS
from modelstitch.results.sentences import at_least_partly, of_yardstick
from modelstitch.results.verdicts import judged_controls, over_seeds
from modelstitch.specs.verdicts import Learnt, VerdictName
from modelstitch.wording import Listed, Sentence, say

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison


@dataclass(frozen=True)
class VerdictCell:
    """One cell of the map.

    Attributes:
        kept: what colours it; None where there is no verdict, or none can be told.
        word: mark of what comes across, with the per cent kept, such as ``◐ 71 %``.
        score: the score, with the mark of *not learnt*, such as ``0.87 u``.
    """

    kept: float | None
    word: str
    score: str


def verdict_cell(verdict: Verdict | None, score: float) -> VerdictCell:
    """Return what stands in one cell.

    Args:
        verdict: over all seeds; None where there is none.
        score: of the stitched network; NaN where there is none.
    """
    number = "–" if math.isnan(score) else f"{score:.2f}"
    if verdict is None:
        return VerdictCell(None, "–", number)
    known = not math.isnan(verdict.kept)
    kept = f" {percent(verdict.kept)} %" if known else ""
    told = verdict.name is not VerdictName.CANNOT_TELL
    learnt = LEARNT_MARKS[verdict.learnt]
    return VerdictCell(
        kept=verdict.kept if known and told else None,
        word=MARKS[verdict.name] + kept,
        score=f"{number} {learnt}" if learnt else number,
    )


def percent(share: float) -> int:
    """Return a share as a whole number of per cent.

    Example:
        >>> percent(0.714), percent(-0.001)
        (71, 0)
    """
    return round(100 * share)


def verdict_cells(
    matrix: xr.DataArray, verdicts: Mapping[tuple[str, str, str], Verdict], stitch: str
) -> list[list[VerdictCell]]:
    """Return the cells of the map row by row: sender cuts in rows, receiver cuts in columns.

    Args:
        matrix: scores of the trained pair.
        verdicts: over all seeds.
        stitch: of the map.
    """
    senders, receivers = (matrix[axis].to_numpy() for axis in ("sender_cut", "receiver_cut"))
    return [
        [
            verdict_cell(verdicts.get((str(sender), str(receiver), stitch)), float(score))
            for receiver, score in zip(receivers, scores, strict=True)
        ]
        for sender, scores in zip(senders, matrix.to_numpy(), strict=True)
    ]


def verdicts_of_control(comparison: Comparison, control: str, stitch: str) -> dict[tuple[str, str], Verdict]:
    """Return the verdict on each cell of a control, over all its seeds.

    Its answers are known beforehand, so that they show whether those on the pair can be trusted. There is
    nothing for the pair itself, which has a map, and for a control that no verdict is about.
    """
    if control not in judged_controls(comparison.cells):
        return {}
    seeds = sorted({cell.seed for cell in comparison.cells if cell.control == control})
    verdicts = over_seeds(comparison.verdicts(stitch, control=control), seeds)
    return {place[:2]: verdict for place, verdict in verdicts.items()}


def score_in_words(name: str) -> str:
    """Return the name of a score, that of the accuracy as a word of the catalogue."""
    return say("ui.score") if name == "accuracy" else name


def legend(
    comparison: Comparison,
    stitch: str,
    *,
    coloured: bool = True,
    marks: Mapping[VerdictName, str] = MARKS,
) -> list[Sentence]:
    """Return what a reader must know to read the map of verdicts, with the yardstick beside it.

    Args:
        comparison: what was run.
        stitch: of the map.
        coloured: whether its cells have colours.
        marks: of what comes across.
    """
    lines = Thresholds()
    verdicts = comparison.cell_verdicts(stitch).values()
    asked = any(verdict.learnt is not Learnt.NOT_ASKED for verdict in verdicts)
    partly = any(at_least_partly(verdict.name) for verdict in verdicts)
    words = [say("map.mark", mark=mark, word=say(f"verdict.{name}")) for name, mark in marks.items()]
    learnt = [say("map.learnt")] if asked else [say("map.learnt_not_asked")] if partly else []
    return [
        say("map.kept"),
        *([say("map.colour", low=100 * lines.kept_low, high=100 * lines.kept_high)] if coloured else []),
        say("map.score", score=score_in_words(comparison.score_name)),
        say("map.marks", marks=Listed(words)),
        *learnt,
        *of_yardstick(comparison.facts.yardstick),
    ]
