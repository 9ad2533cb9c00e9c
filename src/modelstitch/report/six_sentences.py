"""Six sentences for a meeting: where to begin, scores, what was varied, the return, what is open, who."""

from __future__ import annotations

from modelstitch.report.beyond import BeyondRun, CandidateFolder, run_words, word_of
from modelstitch.report.first_word import adoptable
from modelstitch.results.comparison import Comparison
from modelstitch.results.decision import ConditionState, DecisionWord
from modelstitch.results.reuse_table import ReuseRow
from modelstitch.specs import CONTROLS, TRAINED
from modelstitch.specs.verdicts import VerdictName
from modelstitch.wording import Listed, Sentence, say


def six_sentences(comparison: Comparison, stitch: str, beyond: BeyondRun) -> tuple[Sentence, ...]:
    """Return the six sentences about a run, with what is known beyond it."""
    word = word_of(comparison, beyond)
    row = None if beyond.table is None else beyond.table.first
    folder = adoptable(beyond) or _folder_of(row, beyond) or next(iter(beyond.folders), None)
    return (
        _begin(comparison, beyond, word, row, folder),
        _high(comparison, stitch),
        _varied(comparison),
        _return(beyond, word, row),
        _open(comparison, beyond, row, folder),
        _who(folder),
    )


def _folder_of(row: ReuseRow | None, beyond: BeyondRun) -> CandidateFolder | None:
    if row is None:
        return None
    place = (row.sender_cut, row.receiver_cut, row.stitch, row.seed)
    return next((one for one in beyond.folders if one.place == place), None)


def _begin(
    comparison: Comparison,
    beyond: BeyondRun,
    word: DecisionWord,
    row: ReuseRow | None,
    folder: CandidateFolder | None,
) -> Sentence:
    if folder is not None and folder.record.stage != "retired":
        stage = say(f"record.stage.{folder.record.stage}")
        return say("meeting.begin.folder", name=folder.name, stage=stage)
    if word is DecisionWord.LEAVE:
        table = beyond.table
        n = len(run_words(comparison)) if table is None else len(table.rows) + sum(table.elsewhere.values())
        return say("meeting.begin.leave", n=n)
    if row is None:
        return say("meeting.begin.ask")
    key = "candidate" if row.word is DecisionWord.PILOT else "undecided"
    return say(f"meeting.begin.{key}", sender=row.sender_cut, receiver=row.receiver_cut)


def _high(comparison: Comparison, stitch: str) -> Sentence:
    scores = [
        cell.score
        for cell in comparison.cells
        if CONTROLS[cell.control].label_only and cell.stitch == stitch and cell.score is not None
    ]
    return say("meeting.high", best=max(scores)) if scores else say("meeting.high_not_run")


def _varied(comparison: Comparison) -> Sentence:
    real = [cell for cell in comparison.cells if cell.control == TRAINED] or list(comparison.cells)
    return say(
        "meeting.varied",
        senders=len({cell.sender_cut for cell in real}),
        receivers=len({cell.receiver_cut for cell in real}),
        stitches=len({cell.stitch for cell in real}),
        seeds=len({cell.seed for cell in real}),
        controls=len([control for control in comparison.controls if control != TRAINED]),
        data=comparison.data,
    )


def _return(beyond: BeyondRun, word: DecisionWord, row: ReuseRow | None) -> Sentence:
    if beyond.table is None and word is not DecisionWord.LEAVE:
        return say("meeting.return.ask")
    if row is None or beyond.table is None:
        return say("meeting.return.none")
    money = beyond.table.said.get("money", ())
    if money:
        return say("meeting.return.money", money=money[0])
    name, share = max(row.saved.items(), key=lambda item: item[1])
    return say(f"meeting.return.{name}", share=100 * share)


def _open(
    comparison: Comparison, beyond: BeyondRun, row: ReuseRow | None, folder: CandidateFolder | None
) -> Sentence:
    questions: list[Sentence] = []
    table = beyond.table
    if table is None and word_of(comparison, beyond) is not DecisionWord.LEAVE and folder is None:
        questions.append(say("meeting.open.reuse"))
    if row is not None and table is not None:
        questions += _open_of(row, table.margin)
        questions += [] if table.rivals else [say("meeting.open.rivals")]
        questions += [] if table.money else [say("meeting.open.money")]
    if len({cell.seed for cell in comparison.cells}) == 1:
        questions.append(say("meeting.open.seeds"))
    if row is not None or folder is not None:
        questions += _open_on_record(folder)
    if comparison.failed:
        questions.append(say("meeting.open.failed", n=len(comparison.failed)))
    if not questions:
        return say("meeting.open_none")
    return say("meeting.open", open=Listed(questions, "list.comma"))


def _open_of(row: ReuseRow, margin: float) -> list[Sentence]:
    found = []
    if row.conditions.no_worse is ConditionState.OPEN:
        found.append(say("meeting.open.margin", margin=100 * margin))
    if row.conditions.partly is ConditionState.OPEN:
        found.append(say("meeting.open.verdict"))
    if row.comes_across != VerdictName.INTERCHANGEABLE:
        found.append(say("meeting.open.other_answers"))
    return found


def _open_on_record(folder: CandidateFolder | None) -> list[Sentence]:
    found = []
    if folder is None or folder.record.pilot in (None, "undecided"):
        found.append(say("meeting.open.pilot"))
    if folder is None or folder.record.checked_by is None:
        found.append(say("meeting.open.verify"))
    return found


def _who(folder: CandidateFolder | None) -> Sentence:
    if folder is None:
        return say("meeting.who")
    record = folder.record
    pilot = (
        say("meeting.who.no_pilot")
        if record.pilot is None
        else say("meeting.who.pilot", result=say(f"record.result.{record.pilot}"))
    )
    verify = (
        say("meeting.who.no_verify", by=record.exporter)
        if record.checked_by is None
        else say("meeting.who.verified", by=record.checked_by)
    )
    return say(
        "meeting.who_so_far",
        exported=say("meeting.who.exported", by=record.exporter, name=folder.name),
        pilot=pilot,
        verify=verify,
    )
