"""The first word of the page and what it rests on: of the run, of its candidates, of their records."""

from __future__ import annotations

from dataclasses import dataclass

from modelstitch.evidence.verdict import Thresholds
from modelstitch.report.answer import answer
from modelstitch.report.beyond import BeyondRun, CandidateFolder, run_words, word_of
from modelstitch.results.comparison import Comparison
from modelstitch.results.decision import ConditionState, DecisionWord, with_record
from modelstitch.results.decision_sentences import decision_sentences
from modelstitch.results.reuse_table import ReuseRow
from modelstitch.wording import Sentence, say


@dataclass(frozen=True, kw_only=True)
class FirstWord:
    """The first word of a page.

    Attributes:
        word: *adopt*, *pilot*, *leave* or *undecided*.
        said: what it rests on, the first sentence being the answer.
        steps: what comes next, the first step first; empty where what comes across says it.
    """

    word: DecisionWord
    said: tuple[Sentence, ...]
    steps: tuple[Sentence, ...]


def first_word(comparison: Comparison, beyond: BeyondRun) -> FirstWord:
    """Return the first word of a page about a run."""
    word = word_of(comparison, beyond)
    if word is DecisionWord.ADOPT:
        folder = adoptable(beyond)
        assert folder is not None
        key = "decision.adopted" if folder.record.stage == "adopted" else "decision.adopt"
        said = say(key, name=folder.name, by=folder.record.checked_by)
        return FirstWord(word=word, said=(said, *_against(beyond)), steps=folder.next_steps)
    if beyond.table is None:
        return _without_table(comparison, beyond, word)
    against = _against(beyond)
    if beyond.table.word is DecisionWord.PILOT and word is DecisionWord.UNDECIDED:
        steps = [step for one in beyond.folders if one.record.against for step in one.next_steps]
        return FirstWord(word=word, said=(say("decision.held"), *against), steps=tuple(steps))
    first = beyond.first
    next_ones = (say("next.leave"),) if first is None else next_steps(first, beyond)
    return FirstWord(word=word, said=(*decision_sentences(beyond.table, first), *against), steps=next_ones)


def _against(beyond: BeyondRun) -> tuple[Sentence, ...]:
    """Return what speaks against exported candidates, a sentence each."""
    return tuple(
        say(f"decision.against.{one.record.against}", name=one.name)
        for one in beyond.folders
        if one.record.against is not None
    )


def adoptable(beyond: BeyondRun) -> CandidateFolder | None:
    """Return the first candidate whose record allows *adopt*; None where there is none."""
    adopt = DecisionWord.ADOPT
    return next(
        (one for one in beyond.folders if with_record(DecisionWord.UNDECIDED, one.record) is adopt), None
    )


def next_steps(row: ReuseRow, beyond: BeyondRun) -> tuple[Sentence, ...]:
    """Return what comes next for a candidate: from its record, where it was exported."""
    place = (row.sender_cut, row.receiver_cut, row.stitch, row.seed)
    folder = next((one for one in beyond.folders if one.place == place), None)
    if folder is not None:
        return folder.next_steps
    if row.word is DecisionWord.PILOT:
        return (say("step.export", run=beyond.run, sender=row.sender_cut, receiver=row.receiver_cut),)
    if row.word is DecisionWord.LEAVE:
        return (say("step.none"),)
    steps = []
    if row.conditions.no_worse is ConditionState.OPEN and row.examples_needed is not None:
        steps.append(say("step.examples", n=row.examples_needed))
    if row.conditions.partly is ConditionState.OPEN:
        steps.append(say("step.verdict" if row.comes_across is None else "step.kept"))
    return tuple(steps) or (say("step.wait"),)


def _without_table(comparison: Comparison, beyond: BeyondRun, word: DecisionWord) -> FirstWord:
    """Return what a run says that nobody asked for candidates, or that has grown since."""
    stale = (say("decision.stale", run=beyond.run),) if beyond.stale else ()
    if word is DecisionWord.LEAVE:
        n, line = len(run_words(comparison)), 100 * Thresholds().kept_low
        left = (say("decision.run_leave", n=n, line=line), *stale, *_against(beyond))
        return FirstWord(word=word, said=left, steps=())
    said = (*(stale or (say("decision.not_asked", run=beyond.run),)), *_against(beyond))
    further = answer(comparison, comparison.main_stitch).next_steps
    return FirstWord(word=word, said=said, steps=(say("step.reuse", run=beyond.run), *further))
