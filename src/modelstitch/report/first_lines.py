"""The first lines of the page: how sure the answer is, what would be saved, and who ran what and when."""

from __future__ import annotations

import math
from collections.abc import Mapping

from modelstitch.evidence.verdict import Thresholds, Verdict
from modelstitch.report.answer import Finding, RunFindings
from modelstitch.report.beyond import BeyondRun
from modelstitch.results.comparison import Comparison
from modelstitch.results.decision_sentences import saved_phrase
from modelstitch.results.reuse_table import ReuseRow
from modelstitch.specs.verdicts import Confidence, VerdictName
from modelstitch.wording import Sentence, say

CellPlace = tuple[str, str]


def recommended(findings: RunFindings, beyond: BeyondRun) -> CellPlace | None:
    """Return the cell that the page speaks of first: the first candidate, or the first that was found.

    Args:
        findings: what the run shows.
        beyond: its candidates.
    """
    row = first_row(beyond)
    if row is not None and (row.sender_cut, row.receiver_cut) in findings.verdicts:
        return row.sender_cut, row.receiver_cut
    found = {Finding.PARTLY: findings.partly, Finding.REPLACEABLE: findings.replaceable}
    places: Mapping[CellPlace, Verdict] = found.get(findings.finding, findings.named)
    if places:
        return next(iter(places))
    known = {place: each for place, each in findings.verdicts.items() if not math.isnan(each.kept)}
    return max(known, key=lambda place: known[place].kept, default=None)


def first_row(beyond: BeyondRun) -> ReuseRow | None:
    """Return the candidate to begin with; None without one."""
    return None if beyond.table is None else beyond.table.first


def sure_sentence(findings: RunFindings, place: CellPlace | None) -> Sentence:
    """Return how sure the answer is, in one sentence: the word, the fits, the distance from the line."""
    verdict = None if place is None else findings.verdicts.get(place)
    if verdict is None:
        return say("sure.nothing")
    values = {"confidence": say(f"sure.word.{verdict.confidence}"), "n": findings.n_seeds}
    distance = from_line(verdict)
    if distance is None:
        return say("sure.fits", **values)
    return say("sure.near", **values) if distance < 1 else say("sure.line", points=round(distance), **values)


def is_unsure(findings: RunFindings, place: CellPlace | None) -> bool:
    """Tell whether the cell that the page speaks of has a verdict of low confidence, or none."""
    verdict = None if place is None else findings.verdicts.get(place)
    return verdict is None or verdict.confidence is Confidence.LOW


def from_line(verdict: Verdict) -> float | None:
    """Return the points between the interval of kept and the nearest line of the rule; 0 across a line.

    None where kept is not known, or does not decide.
    """
    low, high, lines = verdict.kept_low, verdict.kept_high, Thresholds()
    if (
        math.isnan(low)
        or math.isnan(high)
        or verdict.name
        in (
            VerdictName.INCOMPATIBLE,
            VerdictName.CANNOT_TELL,
        )
    ):
        return None
    apart = min(max(low - line, line - high) for line in (lines.kept_low, lines.kept_high))
    return 100 * max(0.0, apart)


def saved_lines(beyond: BeyondRun) -> tuple[Sentence, ...]:
    """Return what the first candidate saves, the size of its adapter, and what it changes in the score."""
    row = first_row(beyond)
    if row is None:
        return (say("saved.none") if beyond.table is not None else say("saved.not_asked", run=beyond.run),)
    lines = [
        say("saved.shares", role=say(f"role.{row.replaces}"), saved=saved_phrase(row)),
        say("saved.adapter", n=row.trained_parameters),
    ]
    if row.lost is not None:
        lost, low, high = (100 * end for end in row.lost)
        lines.append(say("saved.score", change=-lost, low=-high, high=-low))
    return tuple(lines)


def made_lines(comparison: Comparison) -> tuple[Sentence, ...]:
    """Return which model gives what, and who ran the comparison, when and with what."""
    facts = comparison.facts
    models = say("made.models", sender=comparison.sender, receiver=comparison.receiver)
    if facts.made is None or not facts.versions.modelstitch:
        return (models,)
    by = say("made.by", by=facts.made.by) if facts.made.by else say("made.by_nobody")
    with_what = say(
        "made.run",
        by=by,
        when=facts.made.when,
        version=facts.versions.modelstitch,
        torch=facts.versions.torch,
        device=facts.device,
    )
    return models, with_what
