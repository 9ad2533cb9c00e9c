"""The decision word of a table of candidates in sentences: for the page and for the terminal alike."""

from __future__ import annotations

from collections import Counter

from modelstitch.evidence.verdict import Thresholds
from modelstitch.results.decision import ConditionState, DecisionWord
from modelstitch.results.reuse_table import ReuseRow, ReuseTable
from modelstitch.specs.verdicts import Learnt, VerdictName
from modelstitch.wording import Listed, Sentence, say


def decision_sentences(table: ReuseTable, first: ReuseRow | None = None) -> list[Sentence]:
    """Return what the candidates of a run allow one to say, then why.

    Args:
        table: of the candidates.
        first: the candidate to begin with; that of the table without it.
    """
    if table.word is DecisionWord.LEAVE:
        return [_leave(table)]
    first = first or table.first
    if table.word is DecisionWord.PILOT and first is not None:
        return [_pilot(table, first), *risk_sentences(first)]
    still = sum(row.word is DecisionWord.UNDECIDED for row in table.rows) + table.elsewhere["open"]
    said = [say("decision.undecided", n=still)]
    if first is not None:
        said.append(
            say(
                "decision.nearest",
                sender=first.sender_cut,
                receiver=first.receiver_cut,
                open=Listed(open_phrases(first, table.margin), "list.and"),
            )
        )
    return said


def _pilot(table: ReuseTable, row: ReuseRow) -> Sentence:
    return say(
        "decision.pilot",
        sender=row.sender_cut,
        receiver=row.receiver_cut,
        role=say(f"role.{row.replaces}"),
        saved=saved_phrase(row),
        n=table.n_confirm,
        most=100 * max(0.0, row.lost[2] if row.lost else 0.0),
        margin=100 * table.margin,
    )


def _leave(table: ReuseTable) -> Sentence:
    counts = Counter(table.elsewhere)
    counts.update(_fails(row) for row in table.rows)
    numbers = {"margin": 100 * table.margin, "line": 100 * Thresholds().kept_low}
    reasons = [
        say("decision.dear", n=counts["dear"]),
        say("decision.worse", n=counts["worse"], margin=numbers["margin"]),
        say("decision.label", n=counts["label"], line=numbers["line"]),
    ]
    shown = [text for name, text in zip(("dear", "worse", "label"), reasons, strict=True) if counts[name]]
    return say("decision.leave", n=sum(counts.values()), reasons=Listed(shown, "list.comma"))


def _fails(row: ReuseRow) -> str:
    """Return the first condition that a candidate fails, as cells that are not named are counted."""
    conditions = row.conditions
    if conditions.saves is ConditionState.FAILS:
        return "dear"
    return "worse" if conditions.no_worse is ConditionState.FAILS else "label"


def saved_phrase(row: ReuseRow) -> Sentence | Listed:
    """Return what a candidate saves, and what it costs more."""
    parts = [
        say(f"saved.{name}" if share >= 0 else f"saved.more_{name}", share=100 * abs(share))
        for name, share in sorted(row.saved.items(), key=lambda item: item[1] < 0)
    ]
    return Listed(parts, "list.and")


def risk_sentences(row: ReuseRow) -> list[Sentence]:
    """Return what may go wrong with a candidate, in plain words."""
    said = []
    kept = None if row.kept is None else 100 * max(0.0, row.kept[0])
    if kept is None or row.comes_across is None:
        said.append(say("risk.unknown"))
    elif row.comes_across == VerdictName.INTERCHANGEABLE:
        said.append(say("risk.interchangeable", kept=kept))
    else:
        said.append(say("risk.kept", kept=kept))
    if row.learnt == Learnt.NOT_LEARNT:
        said.append(say("risk.not_learnt"))
    if row.became_wrong is not None and row.became_right is not None:
        said.append(say("risk.flips", wrong=row.became_wrong, right=row.became_right))
    return said


def open_phrases(row: ReuseRow, margin: float) -> list[Sentence]:
    """Return the conditions of a candidate that are open."""
    conditions, found = row.conditions, []
    if conditions.no_worse is ConditionState.OPEN:
        _, low, high = row.lost or (0.0, 0.0, 0.0)
        needed = (
            say("open.no_number")
            if row.examples_needed is None
            else say("open.needed", n=row.examples_needed)
        )
        found.append(say("open.no_worse", margin=100 * margin, low=100 * low, high=100 * high, needed=needed))
    if conditions.saves is ConditionState.OPEN:
        found.append(say("open.saves"))
    if conditions.partly is ConditionState.OPEN:
        found.append(say("open.no_verdict" if row.comes_across is None else "open.partly"))
    return found
