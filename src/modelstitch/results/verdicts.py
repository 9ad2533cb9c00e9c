"""Verdicts from the rows of a run: gather the facts of each cell, and apply the rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from modelstitch.evidence.verdict import Facts, Thresholds, Verdict, decide, not_asked, together
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.results.facts import WholeScore
from modelstitch.results.rows import CellKey, CellRow, EvidenceRow, KeptRow
from modelstitch.specs import (
    CONTROLS,
    RANDOM_SENDER,
    SELF_STITCH,
    SHUFFLED_LABELS,
    TRAINED,
    label_only_controls,
)
from modelstitch.specs.verdicts import Confidence, Learnt, Reason, VerdictName, VerdictReason


def verdicts(
    cells: Sequence[CellRow],
    evidence: Sequence[EvidenceRow],
    kept: Sequence[KeptRow],
    chance: float,
    *,
    stitch: str | None = None,
    thresholds: Thresholds | None = None,
    judged: str = TRAINED,
    receiver: WholeScore | None = None,
) -> dict[CellKey, Verdict]:
    """Return the verdict on every cell of one grid that has the evidence for one.

    A verdict needs evidence of the kind ``kept``, for the cell and for the self-stitch of its receiver cut.

    Args:
        cells, evidence, kept: rows of a run.
        chance: score of the best constant answer on the held-out set.
        stitch: judge this stitch alone.
        thresholds: the package's own by default.
        judged: the grid; see :func:`judged_controls`.
        receiver: score of the whole receiver; None where it is not known.
    """
    measured = measured_cells(evidence)
    by_cell = {(cell.control, cell.key): cell for cell in cells}
    keeps = {(row.control, row.key): row for row in kept}
    own = None if receiver is None else (receiver.score, receiver.low, receiver.high)
    found: dict[CellKey, Verdict] = {}
    for (control, key), cell in by_cell.items():
        if control != judged or (stitch is not None and cell.stitch != stitch):
            continue
        facts = facts_of(cell, by_cell, keeps, measured, chance)
        if facts is not None:
            found[key] = decide(replace(facts, receiver=own), thresholds)
    return found


def judged_controls(cells: Sequence[CellRow]) -> tuple[str, ...]:
    """Return the controls of a run that can be judged like the trained pair: other senders, same receiver.

    Their answers are known beforehand, so that they show whether the verdict can be trusted here: the
    receiver into itself is interchangeable, a sender that holds the label alone is decodable at most.
    """
    ran = {cell.control for cell in cells}
    return tuple(name for name, info in CONTROLS.items() if name in ran and info.reaches == ("sender",))


@dataclass(frozen=True)
class MeasuredCells:
    """The cells of a run that were measured within classes.

    Attributes:
        n: on how many held-out examples, by control and cell.
    """

    n: Mapping[tuple[str, CellKey], int]

    @cached_property
    def _after_label_only(self) -> frozenset[tuple[str, str, int]]:
        names = set(label_only_controls())
        return frozenset(key[1:] for control, key in self.n if control in names)

    def has_label_only(self, key: CellKey) -> bool:
        """Tell whether a label-only sender stands before the same receiver cut, stitch and seed."""
        # The rows of a self-stitch are cuts of the receiver, where no label-only sender stands.
        return key[1:] in self._after_label_only


def measured_cells(evidence: Sequence[EvidenceRow]) -> MeasuredCells:
    """Return what was measured within classes."""
    return MeasuredCells({(row.control, row.key): row.n for row in evidence if row.kind == "kept"})


def asks_for_draws(verdict: Verdict | None, *, first: bool) -> bool:
    """Tell whether untrained senders have to be drawn for a cell, or more of them.

    Args:
        verdict: on the cell so far; None where it has none.
        first: whether none has been drawn yet.
    """
    if verdict is None or verdict.name not in (VerdictName.PARTLY, VerdictName.INTERCHANGEABLE):
        return False
    return first or verdict.learnt is Learnt.UNCLEAR


def over_seeds(
    by_seed: Mapping[CellKey, Verdict], seeds: Sequence[int]
) -> dict[tuple[str, str, str], Verdict]:
    """Return one verdict for each (sender cut, receiver cut, stitch), from those of its seeds.

    Args:
        by_seed: verdicts by cell.
        seeds: all that were fitted; a cell without a verdict for one of them is *cannot tell*.
    """
    places = dict.fromkeys((key.sender_cut, key.receiver_cut, key.stitch) for key in by_seed)

    def pooled(place: tuple[str, str, str]) -> Verdict:
        known = [by_seed[CellKey(*place, seed)] for seed in seeds if CellKey(*place, seed) in by_seed]
        verdict = together(known)
        if len(known) == len(seeds):
            return verdict
        because = VerdictReason(reason=Reason.SEEDS_MISSING)
        missing = replace(verdict, name=VerdictName.CANNOT_TELL, because=because, confidence=Confidence.LOW)
        return not_asked(missing)

    return {place: pooled(place) for place in places}


def verdict_values(verdict: Verdict) -> dict[str, str | float]:
    """Return a verdict as a row of ``verdicts.csv``; ``reason`` is the English sentence."""
    return {
        "name": verdict.name.value,
        "learnt": verdict.learnt.value,
        "reason": str(verdict.sentence),
        "confidence": verdict.confidence.value,
        "learnt_confidence": "" if verdict.learnt is Learnt.NOT_ASKED else verdict.learnt_confidence.value,
        "score_share": verdict.score_share,
        "kept": verdict.kept,
        "kept_low": verdict.kept_low,
        "kept_high": verdict.kept_high,
        "kept_where": verdict.because.where or "",
        "kept_scale": verdict.because.scaled_by.value,
        "kept_for_this_head": verdict.head,
        "lead": verdict.lead,
        "lead_low": verdict.lead_low,
        "lead_high": verdict.lead_high,
        "untrained_control": verdict.untrained_control or "",
        "untrained_best": max(verdict.untrained, default=math.nan),
        "untrained_draws": len(verdict.untrained),
        "reason_code": verdict.reason.value,
    }


def facts_of(
    cell: CellRow,
    cells: Mapping[tuple[str, CellKey], CellRow],
    kept: Mapping[tuple[str, CellKey], KeptRow],
    measured: MeasuredCells,
    chance: float,
) -> Facts | None:
    """Return what the rule reads about one cell; None without the evidence for a verdict.

    Args:
        cell: the cell.
        cells, kept: all rows of the run, by control and cell.
        measured: see :func:`measured_cells`.
        chance: score of the best constant answer.
    """
    key = cell.key
    diagonal = key._replace(sender_cut=cell.receiver_cut)
    own = cells.get((SELF_STITCH, diagonal))
    if own is None or (own.failure is None and (SELF_STITCH, diagonal) not in measured.n):
        return None
    if cell.failure is None and (cell.control, key) not in measured.n:
        return None
    facts = Facts(
        n=cell.n_heldout,
        n_within=measured.n.get((cell.control, key)),
        chance=chance,
        score=_score(cell),
        self_score=_nan(own.score),
        label_only=measured.has_label_only(key),
        converged=cell.converged,
        self_converged=own.converged,
        self_above=_above(own),
        failed=cell.failure,
        self_failed=own.failure,
    )
    row = kept.get((cell.control, key))
    if row is None:
        return facts
    deeper = kept.get((SELF_STITCH, key)) if cell.sender_cut != cell.receiver_cut else None
    return replace(
        facts,
        kept=(_nan(row.kept), _nan(row.low), _nan(row.high)),
        where=row.where,
        recovered=_nan(row.recovered),
        own=_nan(row.own),
        label=_nan(row.label),
        head=_nan(row.head),
        scaled_by=row.scaled_by,
        p_label=_nan(row.p_label) if cell.control == TRAINED else 0.0,
        depth=None if deeper is None else deeper.kept,
        lead=None if row.lead is None else (row.lead, _nan(row.lead_low), _nan(row.lead_high)),
        untrained=row.untrained,
        untrained_control=row.untrained_control,
    )


def _score(cell: CellRow) -> ValueWithInterval:
    ends = cell.interval
    if cell.score is None or ends is None or not math.isfinite(cell.score):
        return math.nan, math.nan, math.nan
    return cell.score, *ends


def _above(own: CellRow) -> tuple[float, float] | None:
    if own.above_receiver is None:
        return None
    return own.above_receiver, own.above_receiver_error or 0.0


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def normalised(score: float, random: float, own: float, n_heldout: int) -> float:
    r"""Return a score on the scale where the random sender is 0 and the self-stitch 1.

    .. math:: \frac{\text{score} - \text{random sender}}{\text{self-stitch} - \text{random sender}}

    NaN where the denominator is within two standard errors of zero.

    Example:
        >>> round(normalised(0.7, 0.4, 0.8, 2000), 3)
        0.75
    """
    error = math.sqrt((random * (1 - random) + own * (1 - own)) / n_heldout)
    return (score - random) / (own - random) if own - random > 2 * error else math.nan


def normalised_scores(cells: Sequence[CellRow]) -> dict[CellKey, float]:
    """Return :func:`normalised` of every trained cell that has a random sender and a self-stitch."""
    score = {(cell.control, cell.key): cell.score for cell in cells if cell.score is not None}
    scores = {}
    for cell in cells:
        random = score.get((RANDOM_SENDER, cell.key))
        own = score.get((SELF_STITCH, cell.key._replace(sender_cut=cell.receiver_cut)))
        if cell.control == TRAINED and cell.score is not None and random is not None and own is not None:
            scores[cell.key] = normalised(cell.score, random, own, cell.n_effective)
    return scores


def selectivity(evidence: Sequence[EvidenceRow]) -> dict[CellKey, float]:
    """Return by cell the training score with true labels minus that with shuffled labels.

    Source: Hewitt & Liang 2019.
    """
    score = {
        (row.control, row.key): row.value
        for row in evidence
        if row.kind == "selectivity" and row.value is not None
    }
    return {
        key: value - score[SHUFFLED_LABELS, key]
        for (control, key), value in score.items()
        if control == TRAINED and (SHUFFLED_LABELS, key) in score
    }
