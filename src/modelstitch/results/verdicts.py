"""Verdicts from the rows of a run: gather the facts of each cell, and apply the rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelstitch.evidence.verdict import Facts, Thresholds, Verdict, decide, together
from modelstitch.geometry.intervals import ValueWithInterval, wilson
from modelstitch.results.rows import CellKey, CellRow, EvidenceRow
from modelstitch.specs import (
    CONTROLS,
    FAMILIES,
    RANDOM_SENDER,
    SELF_STITCH,
    SHUFFLED_LABELS,
    TRAINED,
    label_only_controls,
)
from modelstitch.specs.verdicts import Confidence, Reason, VerdictName, VerdictReason

Within = Mapping[tuple[str, CellKey], ValueWithInterval]
"""Similarity within classes by control and cell."""


def verdicts(
    cells: Sequence[CellRow],
    evidence: Sequence[EvidenceRow],
    chance: float,
    *,
    stitch: str | None = None,
    thresholds: Thresholds | None = None,
    by_class: bool = True,
) -> dict[CellKey, Verdict]:
    """Return the verdict on every cell of the trained grid that has the evidence for one.

    A verdict needs evidence of the kind ``trajectory``, for the cell and for the self-stitch of its receiver
    cut.

    Args:
        cells, evidence: rows of a run.
        chance: score of the best constant answer on the held-out set.
        stitch: judge this stitch alone.
        thresholds: the package's own by default.
        by_class: whether the label is all that the task asks for, so that a label-only sender can do it.
    """
    within = within_classes(evidence)
    measured = _measured(evidence)
    by_cell = {(cell.control, cell.key): cell for cell in cells}
    judged: dict[CellKey, Verdict] = {}
    for (control, key), cell in by_cell.items():
        if control != TRAINED or (stitch is not None and cell.stitch != stitch):
            continue
        facts = facts_of(cell, by_cell, within, chance, *measured.get(key, (None, None)), by_class=by_class)
        if facts is not None:
            judged[key] = decide(facts, thresholds)
    return judged


def _measured(evidence: Sequence[EvidenceRow]) -> dict[CellKey, tuple[int, int]]:
    """Return on how many examples the trajectory of each cell was measured, and how many within classes."""
    rows = [row for row in evidence if row.control == TRAINED and row.kind == "trajectory"]
    most: dict[CellKey, int] = {}
    least: dict[CellKey, int] = {}
    for row in rows:
        most[row.key] = max(row.n, most.get(row.key, 0))
        if row.name == "within_cka":
            least[row.key] = min(row.n, least.get(row.key, row.n))
    return {key: (n, least.get(key, n)) for key, n in most.items()}


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
        return replace(verdict, name=VerdictName.CANNOT_TELL, because=because, confidence=Confidence.LOW)

    return {place: pooled(place) for place in places}


def verdict_values(verdict: Verdict) -> dict[str, str | float]:
    """Return a verdict as a row of ``verdicts.csv``; ``reason`` is the English sentence."""
    return {
        "name": verdict.name.value,
        "reason": str(verdict.sentence),
        "confidence": verdict.confidence.value,
        "score_share": verdict.score_share,
        "kept": verdict.kept,
        "kept_low": verdict.kept_low,
        "kept_high": verdict.kept_high,
        "reason_code": verdict.reason.value,
    }


def within_classes(evidence: Sequence[EvidenceRow]) -> dict[tuple[str, CellKey], ValueWithInterval]:
    """Return for each cell the similarity within classes, averaged over the receiver cut and all later cuts.

    Half-widths are averaged too: the values of one cell rise and fall together, so averaging does not narrow
    the interval. A cell whose stitched representations do not vary within a class has NaN.
    """
    parts: dict[tuple[str, CellKey], list[EvidenceRow]] = {}
    for row in evidence:
        if (row.kind, row.name) == ("trajectory", "within_cka"):
            parts.setdefault((row.control, row.key), []).append(row)
    return {key: _mean(rows) for key, rows in parts.items()}


def _mean(rows: list[EvidenceRow]) -> ValueWithInterval:
    known = [row for row in rows if row.value is not None]
    if not known:
        return math.nan, math.nan, math.nan
    # A cut without variance within classes keeps nothing: it counts as 0.
    value = sum(row.value or 0.0 for row in known) / len(rows)
    ends = [(row.low, row.high) for row in known if row.low is not None and row.high is not None]
    if len(ends) < len(known):
        return value, math.nan, math.nan
    return value, sum(low for low, _ in ends) / len(rows), sum(high for _, high in ends) / len(rows)


def facts_of(
    cell: CellRow,
    cells: Mapping[tuple[str, CellKey], CellRow],
    within: Within,
    chance: float,
    n_measured: int | None = None,
    n_within: int | None = None,
    *,
    by_class: bool = True,
) -> Facts | None:
    """Return what the rule reads about one cell; None without the evidence for a verdict."""
    key = cell.key
    diagonal = key._replace(sender_cut=cell.receiver_cut)
    own = cells.get((SELF_STITCH, diagonal))
    if own is None or own.score is None or (SELF_STITCH, diagonal) not in within:
        return None
    if cell.failure is None and (TRAINED, key) not in within:
        return None
    score = 0.0 if cell.score is None else cell.score
    randoms = [
        within[name, key] for name, info in CONTROLS.items() if info.random_sender and (name, key) in within
    ]
    deeper = within.get((SELF_STITCH, key)) if cell.sender_cut != cell.receiver_cut else None
    return Facts(
        n=min(cell.n_heldout, cell.n_heldout if n_measured is None else n_measured),
        n_within=n_within,
        chance=chance,
        score=(score, *wilson(round(score * cell.n_effective), cell.n_effective)),
        self_score=own.score,
        within=within.get((TRAINED, key), (math.nan, math.nan, math.nan)),
        self_within=within[SELF_STITCH, diagonal],
        label_within={c: within[c, key] for c in label_only_controls() if (c, key) in within},
        random_within=max(randoms, key=_nan_lowest, default=None),
        deeper_within=deeper,
        converged=cell.converged,
        self_converged=own.converged,
        self_above=_above(own),
        failed=cell.failure,
        label_short=_label_short(key, cells) if by_class else None,
    )


def _label_short(key: CellKey, cells: Mapping[tuple[str, CellKey], CellRow]) -> tuple[str, float] | None:
    """Return the label-only sender that ended below the receiver itself, though its stitch can do as well."""
    for name in label_only_controls():
        control = cells.get((name, key))
        if control is None or control.converged is not False or control.score is None:
            continue
        above, error = _above(control) or (math.nan, math.nan)
        if above < -2 * error and FAMILIES[control.family].carries_labels:
            return name, control.score
    return None


def _above(own: CellRow) -> tuple[float, float] | None:
    if own.above_receiver is None or own.above_receiver_error is None:
        return None
    return own.above_receiver, own.above_receiver_error


def _nan_lowest(estimate: ValueWithInterval) -> float:
    return -math.inf if math.isnan(estimate[0]) else estimate[0]


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
