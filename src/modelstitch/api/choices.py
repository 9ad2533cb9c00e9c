"""What comparisons of one pair and of all pairs take alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

from modelstitch.cutting import Cut
from modelstitch.errors import SpecError
from modelstitch.grid.grid import Budget
from modelstitch.grid.pool import Pool
from modelstitch.models.given import Model
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import BySide
from modelstitch.runs.database import Writing, expect_for_one
from modelstitch.runs.prepare import NO_OUTPUTS, OutputChoices, prepare
from modelstitch.runs.run import run
from modelstitch.runs.session import Session
from modelstitch.specs import (
    DEFAULT_FAMILY,
    DataSpec,
    EvidenceSpec,
    FitSpec,
    RandomName,
    StitchSpec,
    control_names,
)
from modelstitch.stitches.ladder import LADDER, stitches_named
from modelstitch.util.arguments import several
from modelstitch.util.progress import Progress, ProgressChoice

CutNames: TypeAlias = str | Cut | Sequence[str | Cut]
"""One cut or several, by name or as :func:`modelstitch.cuts` lists them."""


class PairOptions(TypedDict, total=False):
    """The options of every pair, as type checkers and editors see those of :func:`modelstitch.compare_all`.

    :func:`modelstitch.compare` says what each is, and its default.
    """

    cuts: CutNames | None
    sender_cuts: CutNames | None
    receiver_cuts: CutNames | None
    stitch: StitchSpec | str | Sequence[StitchSpec | str]
    ladder: bool
    fit: FitSpec | None
    controls: str | Sequence[str]
    evidence: str | Sequence[str] | EvidenceSpec
    seeds: int | Sequence[int]
    random: RandomName
    allow_untrained: bool
    budget: Budget
    pictures: bool
    cache: str | Path | None


class LabelOptions(PairOptions, total=False):
    """The options of one pair by several label sets, those of :func:`modelstitch.compare_labels`."""

    sender_output: str | int | None
    receiver_output: str | int | None
    sender_output_scale: str | None
    receiver_output_scale: str | None
    names: tuple[str, str] | None
    device: str
    progress: ProgressChoice


@dataclass(frozen=True, kw_only=True)
class PairChoices:
    """The choices of one pair as they were given; :func:`modelstitch.compare` has the defaults."""

    cuts: CutNames | None
    sender_cuts: CutNames | None
    receiver_cuts: CutNames | None
    stitch: StitchSpec | str | Sequence[StitchSpec | str]
    ladder: bool
    fit: FitSpec | None
    controls: str | Sequence[str]
    evidence: str | Sequence[str] | EvidenceSpec
    seeds: int | Sequence[int]
    random: RandomName
    allow_untrained: bool
    budget: Budget
    pictures: bool
    cache: str | Path | None

    @property
    def folder_of_graphs(self) -> Path | None:
        """The cache as a path."""
        return None if self.cache is None else Path(self.cache)

    def session(
        self,
        sender: Model,
        receiver: Model,
        data: DataSpec | Any,
        *,
        device: str,
        progress: Progress,
        pool: Pool | None = None,
        outputs: OutputChoices = NO_OUTPUTS,
        names: BySide[str] | None = None,
    ) -> Session:
        """Prepare one pair: everything is checked, nothing is fitted."""
        self.evidence_spec()  # refused before anything is loaded
        return prepare(
            sender,
            receiver,
            data,
            cuts=_names("cuts", self.cuts),
            sender_cuts=_names("sender_cuts", self.sender_cuts),
            receiver_cuts=_names("receiver_cuts", self.receiver_cuts),
            stitches=self._stitches(),
            fit=self.fit,
            controls=control_names(several(self.controls)),
            seeds=several(self.seeds),
            random=self.random,
            outputs=outputs,
            names=names,
            device=device,
            allow_untrained=self.allow_untrained,
            pool=pool,
            cache=self.folder_of_graphs,
            progress=progress,
        )

    def run(
        self, session: Session, *, out: Path | None, progress: Progress, writing: Writing | None = None
    ) -> Comparison:
        """Run one pair that is prepared."""
        found = run(
            session,
            out=out,
            budget=self.budget,
            evidence=self.evidence_spec(),
            pictures=self.pictures,
            writing=writing,
            progress=progress,
        )
        progress.finished(found)
        return found

    def compare(
        self,
        sender: Model,
        receiver: Model,
        data: DataSpec | Any,
        *,
        out: Path | None,
        device: str,
        progress: Progress,
        outputs: OutputChoices = NO_OUTPUTS,
        names: BySide[str] | None = None,
    ) -> Comparison:
        """Prepare and run one pair."""
        if out is not None:
            expect_for_one(out)
        session = self.session(
            sender, receiver, data, device=device, progress=progress, outputs=outputs, names=names
        )
        return self.run(session, out=out, progress=progress)

    def evidence_spec(self) -> EvidenceSpec:
        """Return the evidence as a spec."""
        if isinstance(self.evidence, EvidenceSpec):
            return self.evidence
        return EvidenceSpec.parse(several(self.evidence))

    def _stitches(self) -> tuple[StitchSpec, ...]:
        if not self.ladder:
            return stitches_named(several(self.stitch))
        if several(self.stitch) != (DEFAULT_FAMILY,):
            raise SpecError("expected either ladder=True or stitch, got both: the ladder has all families")
        return LADDER


def _names(option: str, cuts: CutNames | None) -> tuple[str, ...] | None:
    if cuts is None:
        return None
    names = tuple(cut.name if isinstance(cut, Cut) else cut for cut in several(cuts))
    if not names:
        raise SpecError(
            f"expected at least one cut in {option}, got none: leave {option} out for the ends of all blocks"
        )
    return names
