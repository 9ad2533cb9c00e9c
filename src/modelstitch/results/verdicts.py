"""From the rows of a run to verdicts: gathers for each cell what the rule reads, and asks it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelstitch.evidence.verdict import UNKNOWN, Facts, Interval, Thresholds, Verdict, decide, together
from modelstitch.geometry.intervals import wilson
from modelstitch.results.rows import CellRow, EvidenceRow
from modelstitch.specs import TRAINED
from modelstitch.wording import say

Place = tuple[str, str, str, int]
"""Sender cut, receiver cut, stitch and seed."""

Within = Mapping[tuple[str, Place], Interval]

_LABEL_ONLY = ("clustered-noise", "one-hot")
_RANDOM = ("random-sender", "random-sender-bn")


def verdicts(
    cells: Sequence[CellRow],
    evidence: Sequence[EvidenceRow],
    chance: float,
    *,
    stitch: str | None = None,
    thresholds: Thresholds | None = None,
) -> dict[Place, Verdict]:
    """Return the verdict on every cell of the real grid that has the evidence for one.

    A verdict needs the kind ``trajectory`` for the cell, and the self-stitch of its receiver cut into itself.

    Args:
        cells, evidence: rows of a run.
        chance: score of a guess: the share of the commonest class of the held-out part.
        stitch: of this stitch alone.
        thresholds: where the lines are.
    """
    within = within_classes(evidence)
    measured = {
        place_of(row): row.n for row in evidence if row.control == TRAINED and row.kind == "trajectory"
    }
    by_place = {(cell.control, place_of(cell)): cell for cell in cells}
    found: dict[Place, Verdict] = {}
    for (control, place), cell in by_place.items():
        if control != TRAINED or (stitch is not None and cell.stitch != stitch):
            continue
        facts = facts_of(cell, by_place, within, chance, measured.get(place))
        if facts is not None:
            found[place] = decide(facts, thresholds)
    return found


def over_seeds(found: Mapping[Place, Verdict], seeds: Sequence[int]) -> dict[tuple[str, str, str], Verdict]:
    """Return one verdict a cell, by (sender cut, receiver cut, stitch), from those of its seeds.

    Args:
        found: by place.
        seeds: all that were fitted; one without a verdict says nothing.
    """
    cells = dict.fromkeys(place[:3] for place in found)

    def one(cell: tuple[str, str, str]) -> Verdict:
        known = [found[*cell, seed] for seed in seeds if (*cell, seed) in found]
        if len(known) < len(seeds):
            return replace(together(known), name=UNKNOWN, reason=say("verdict.no_seed"), confidence="low")
        return together(known)

    return {cell: one(cell) for cell in cells}


def place_of(row: CellRow | EvidenceRow) -> Place:
    """Return where in its grid a row stands."""
    return (row.sender_cut, row.receiver_cut, row.stitch, row.seed)


def within_classes(evidence: Sequence[EvidenceRow]) -> dict[tuple[str, Place], Interval]:
    """Return for each cell the similarity within classes, averaged over the receiver cut and all later cuts.

    Half-widths are averaged too: values of one cell rise and fall together, so that nothing is gained by averaging.
    A cell whose stitched representations do not differ within a class has NaN.
    """
    parts: dict[tuple[str, Place], list[EvidenceRow]] = {}
    for row in evidence:
        if (row.kind, row.name) == ("trajectory", "within_cka"):
            parts.setdefault((row.control, place_of(row)), []).append(row)
    return {key: _mean(rows) for key, rows in parts.items()}


def _mean(rows: list[EvidenceRow]) -> Interval:
    known = [row for row in rows if row.value is not None]
    if not known:
        return math.nan, math.nan, math.nan
    # A cut at which nothing differs any more adds nothing that is kept.
    value = sum(row.value or 0.0 for row in known) / len(rows)
    if any(row.low is None or row.high is None for row in known):
        return value, math.nan, math.nan
    low, high = (sum(getattr(row, end) for row in known) / len(rows) for end in ("low", "high"))
    return value, low, high


def facts_of(
    cell: CellRow,
    cells: Mapping[tuple[str, Place], CellRow],
    within: Within,
    chance: float,
    n_measured: int | None = None,
) -> Facts | None:
    """Return what the rule reads about one cell, or None where the evidence for a verdict was not measured."""
    place = place_of(cell)
    diagonal = (cell.receiver_cut, cell.receiver_cut, cell.stitch, cell.seed)
    own = cells.get(("self-stitch", diagonal))
    if own is None or own.accuracy is None or ("self-stitch", diagonal) not in within:
        return None
    if cell.failure is None and (TRAINED, place) not in within:
        return None
    score = 0.0 if cell.accuracy is None else cell.accuracy
    randoms = [within[control, place] for control in _RANDOM if (control, place) in within]
    deeper = within.get(("self-stitch", place)) if cell.sender_cut != cell.receiver_cut else None
    return Facts(
        n=min(cell.n_heldout, n_measured or cell.n_heldout),
        chance=chance,
        score=(score, *wilson(round(score * cell.n_effective), cell.n_effective)),
        self_score=own.accuracy,
        within=within.get((TRAINED, place), (math.nan, math.nan, math.nan)),
        self_within=within["self-stitch", diagonal],
        label_within={c: within[c, place] for c in _LABEL_ONLY if (c, place) in within},
        random_within=max(randoms, key=lambda each: -math.inf if math.isnan(each[0]) else each[0])
        if randoms
        else None,
        deeper_within=deeper,
        converged=cell.converged,
        self_converged=own.converged,
        failed=cell.failure,
    )


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


def normalised_scores(cells: Sequence[CellRow]) -> dict[Place, float]:
    """Return :func:`normalised` of every cell of the real grid that has a random sender and a self-stitch beside it."""
    score = {(cell.control, place_of(cell)): cell.accuracy for cell in cells if cell.accuracy is not None}
    found = {}
    for cell in cells:
        place = place_of(cell)
        random = score.get(("random-sender", place))
        own = score.get(("self-stitch", (cell.receiver_cut, *place[1:])))
        if cell.control == TRAINED and cell.accuracy is not None and random is not None and own is not None:
            found[place] = normalised(cell.accuracy, random, own, cell.n_effective)
    return found


def selectivity(evidence: Sequence[EvidenceRow]) -> dict[Place, float]:
    """Return by place how much better true labels were fitted in training than shuffled ones (Hewitt & Liang 2019)."""
    score = {
        (row.control, place_of(row)): row.value
        for row in evidence
        if row.kind == "selectivity" and row.value is not None
    }
    return {
        place: value - score["shuffled-labels", place]
        for (control, place), value in score.items()
        if control == TRAINED and ("shuffled-labels", place) in score
    }
