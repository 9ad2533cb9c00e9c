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
        return FirstWord(word=word, said=(said,), steps=folder.next_steps)
    if beyond.table is None:
        return _without_table(comparison, beyond, word)
    if beyond.table.word is DecisionWord.PILOT and word is DecisionWord.UNDECIDED:
        against = [one for one in beyond.folders if one.record.against is not None]
        told = [say(f"decision.against.{one.record.against}", name=one.name) for one in against]
        return FirstWord(
            word=word, said=tuple(told), steps=tuple(step for one in against for step in one.next_steps)
        )
    first = beyond.table.first
    steps = (say("next.leave"),) if first is None else next_steps(first, beyond)
    return FirstWord(word=word, said=tuple(decision_sentences(beyond.table)), steps=steps)


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
        return FirstWord(word=word, said=(say("decision.run_leave", n=n, line=line), *stale), steps=())
    said = stale or (say("decision.not_asked", run=beyond.run),)
    further = answer(comparison, comparison.main_stitch).next_steps
    return FirstWord(word=word, said=said, steps=(say("step.reuse", run=beyond.run), *further))
