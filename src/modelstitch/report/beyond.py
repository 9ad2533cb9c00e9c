"""The road from a run to a network in use, as the page tells it: candidates, records, monitors; plain values.

The room of adoption stands below the page, so that the page reads what ``modelstitch reuse`` left in the run
folder, and gets the rest from a caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from modelstitch.report.examples import ShownExamples, read_examples
from modelstitch.report.redaction import shown
from modelstitch.results.class_table import ClassChange, read_changes
from modelstitch.results.comparison import Comparison
from modelstitch.results.decision import (
    CandidateConditions,
    ConditionState,
    DecisionWord,
    Record,
    at_least_partly,
    decision,
    with_record,
)
from modelstitch.results.reuse_table import ReuseRow, ReuseTable, read_reuse_table
from modelstitch.specs import TRAINED
from modelstitch.wording import Sentence


@dataclass(frozen=True, kw_only=True)
class RecordLine:
    """One line of a candidate's ledger.

    Attributes:
        when: as the ledger has it.
        by: who did it.
        what: what was done, with its result.
        reason: why, in the words of who did it.
    """

    when: str
    by: str
    what: Sentence
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class MonitorFacts:
    """What one monitor of a candidate has seen.

    Attributes:
        said: what it says, a sentence each.
        alarm: whether it has raised one.
        picture: of the evidence over time, as a ``data:`` address; empty for none.
    """

    said: tuple[Sentence, ...]
    alarm: bool = False
    picture: str = ""


@dataclass(frozen=True, kw_only=True)
class CandidateFolder:
    """What is known of one exported candidate.

    Attributes:
        name: of its folder.
        place: sender cut, receiver cut, stitch and seed.
        record: what a decision reads of its ledger.
        lines: its whole ledger.
        accepted_risk: why it was exported although it does not show all it must; empty where it does.
        risk_reasons: what it does not show.
        next_steps: what comes next.
        monitors: what its monitors have seen.
    """

    name: str
    place: tuple[str, str, str, int]
    record: Record
    lines: tuple[RecordLine, ...]
    accepted_risk: str = ""
    risk_reasons: tuple[str, ...] = ()
    next_steps: tuple[Sentence, ...] = ()
    monitors: tuple[MonitorFacts, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BeyondRun:
    """What is known beyond the run itself.

    Attributes:
        table: candidates that were found on the run as it is now; None where nobody asked.
        stale: whether there are candidates that do not belong to the run as it is now, and are left out.
        folders: exported candidates.
        run: what to call the run in a command.
        repeats: whether its folder holds the file that repeats it.
        classes: what each cell changes for each class.
        examples: those that the cell of the first screen answers otherwise.
        shows_examples: whether the page shows them, or says alone how many there are.
    """

    table: ReuseTable | None = None
    stale: bool = False
    folders: tuple[CandidateFolder, ...] = ()
    run: str = "RUN"
    repeats: bool = False
    classes: tuple[ClassChange, ...] = ()
    examples: ShownExamples | None = None
    shows_examples: bool = False

    @classmethod
    def of_run(
        cls,
        comparison: Comparison,
        folder: Path | None,
        folders: tuple[CandidateFolder, ...] = (),
        *,
        shows_examples: bool = False,
    ) -> BeyondRun:
        """Return what is known beyond a run.

        Args:
            comparison: the run.
            folder: of the run; None where it has none, and so no table of candidates.
            folders: exported candidates.
            shows_examples: whether the page is to show examples of the data.

        Raises:
            RunError: a damaged table of candidates.
        """
        if folder is None:
            return cls(folders=folders)
        table, stale = read_reuse_table(folder, comparison)
        name = folder.resolve().name or "RUN"
        return cls(
            table=table,
            stale=stale,
            folders=folders,
            run=name,
            classes=read_changes(folder),
            examples=read_examples(folder),
            shows_examples=shows_examples,
            repeats=(folder / "run.toml").is_file() and not comparison.spec.in_memory,
        )

    def shortened(self, folder: Path | None) -> BeyondRun:
        """Return the same with the paths in what people wrote shortened, as everywhere on a page."""
        return replace(
            self,
            examples=None if self.examples is None else self.examples.shortened(folder),
            folders=tuple(
                replace(
                    one,
                    accepted_risk=shown(one.accepted_risk, folder),
                    risk_reasons=tuple(shown(text, folder) for text in one.risk_reasons),
                    lines=tuple(replace(line, reason=shown(line.reason, folder)) for line in one.lines),
                )
                for one in self.folders
            ),
        )

    def record_of(self, row: ReuseRow) -> Record | None:
        """Return the record of a candidate of the table; None where it was not exported."""
        place = (row.sender_cut, row.receiver_cut, row.stitch, row.seed)
        return next((one.record for one in self.folders if one.place == place), None)

    def word_of_row(self, row: ReuseRow) -> DecisionWord:
        """Return the word of a candidate of the table, together with its record where it was exported."""
        return with_record(row.word, self.record_of(row))

    @property
    def first(self) -> ReuseRow | None:
        """The candidate to begin with: the first worth a pilot by its record too, or that of the table."""
        if self.table is None:
            return None
        pilots = (row for row in self.table.rows if self.word_of_row(row) is DecisionWord.PILOT)
        return next(pilots, self.table.first)


def word_of(comparison: Comparison, beyond: BeyondRun) -> DecisionWord:
    """Return the decision word of a page: of the run, its candidates, and their records."""
    if any(with_record(DecisionWord.UNDECIDED, one.record) is DecisionWord.ADOPT for one in beyond.folders):
        return DecisionWord.ADOPT
    if beyond.table is None:
        return decision(run_words(comparison).values())
    if beyond.table.word is not DecisionWord.PILOT:
        return beyond.table.word
    held = {beyond.word_of_row(row) for row in beyond.table.rows}
    return DecisionWord.PILOT if DecisionWord.PILOT in held else DecisionWord.UNDECIDED


def run_words(comparison: Comparison) -> Mapping[tuple[str, str, str], DecisionWord]:
    """Return what each cell of a run allows one to say by itself: *leave*, or *undecided*.

    A run does not know what a cell would save, and asks nobody how much may be lost. What comes across can
    rule a cell out all the same.
    """
    spec = comparison.spec
    asked = {
        (sender_cut, receiver_cut, stitch.label): None
        for sender_cut in spec.sender_cuts
        for receiver_cut in spec.receiver_cuts
        for stitch in spec.stitches
    }
    ran = {row.key[:3]: None for row in comparison.cells if row.control == TRAINED}
    verdicts = comparison.cell_verdicts()
    return {
        place: CandidateConditions(
            no_worse=ConditionState.OPEN,
            saves=ConditionState.OPEN,
            partly=at_least_partly(verdicts.get(place)),
        ).word
        for place in asked | ran
    }
