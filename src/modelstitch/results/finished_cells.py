"""The finished cells of a run with the baselines they are read against, and what they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.geometry.intervals import wilson
from modelstitch.results.facts import RunFacts, WholeScore
from modelstitch.results.rows import AdvantageRow, Baseline, CellRow, EvidenceRow, KeptRow
from modelstitch.specs import CONTROLS, DEFAULT_FAMILY, TRAINED, RunSpec
from modelstitch.util.arguments import checked


@dataclass(frozen=True, kw_only=True)
class FinishedCells:
    """All cells of a run with the baselines they are read against.

    The fields are those of :class:`modelstitch.Comparison`, which says what each holds.
    """

    sender: str
    receiver: str
    data: str
    spec: RunSpec
    facts: RunFacts
    cells: tuple[CellRow, ...]
    baselines: tuple[Baseline, ...]
    evidence: tuple[EvidenceRow, ...] = ()
    advantages: tuple[AdvantageRow, ...] = ()
    kept: tuple[KeptRow, ...] = ()

    @checked()
    def baseline(self, role: str, control: str = TRAINED) -> float | None:
        """Return the mean score over seeds of the whole ``sender`` or ``receiver`` under a control."""
        expect_one_of("role", role, ("sender", "receiver"), SpecError)
        scores = [row.score for row in self.baselines if (row.role, row.control) == (role, control)]
        known = [score for score in scores if score is not None]
        return sum(known) / len(known) if known else None

    def whole_score(self, role: str) -> WholeScore | None:
        """Return the score of the whole ``sender`` or ``receiver`` beside that of a guess; None without."""
        score = self.baseline(role)
        recorded: WholeScore | None = getattr(self.facts.pair.own, role)
        if recorded is not None or score is None:
            return recorded
        n = self.n_effective  # of an older run, which records the score alone
        low, high = wilson(round(score * n), n)
        return WholeScore(score=score, low=low, high=high, n=n, chance=self.chance)

    @property
    def score_name(self) -> str:
        """What the score is, such as ``accuracy``."""
        return self.facts.score_name

    @property
    def chance(self) -> float:
        """Score of the best constant answer on the held-out set."""
        return self.facts.chance

    @cached_property
    def n_effective(self) -> int:
        """Median over the cells of :attr:`CellRow.n_effective`."""
        return int(np.median([cell.n_effective for cell in self.cells]))

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls that were run, the real grid (``trained``) first."""
        ran = {cell.control for cell in self.cells}
        return tuple(control for control in CONTROLS if control in ran)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The fitting seeds, in ascending order."""
        return tuple(sorted({cell.seed for cell in self.cells}))

    @cached_property
    def stitches(self) -> tuple[str, ...]:
        """The labels of the stitches that were fitted, such as ``affine`` or ``lowrank(8)+batch``."""
        return tuple(dict.fromkeys(cell.stitch for cell in self.cells))

    @property
    def objectives(self) -> tuple[str, ...]:
        """What stitches were fitted to, that of the main stitch first."""
        main = self.main_stitch
        return tuple(
            dict.fromkeys(cell.objective for cell in sorted(self.cells, key=lambda cell: cell.stitch != main))
        )

    @property
    def has_curves(self) -> bool:
        """Whether enough stitches were fitted to one objective to draw capacity curves."""
        first = self.objectives[0]
        return len({cell.stitch for cell in self.cells if cell.objective == first}) > 2

    @property
    def is_cut_short(self) -> bool:
        """Whether some cells of the run are not finished."""
        return self.facts.n_cells is not None and len(self.cells) < self.facts.n_cells

    @cached_property
    def main_stitch(self) -> str:
        """The stitch that sentences are about: ``affine`` (the paper's), or else the largest."""
        if DEFAULT_FAMILY in self.stitches:
            return DEFAULT_FAMILY
        usual = [cell for cell in self.cells if " by " not in cell.stitch] or self.cells
        return max(usual, key=lambda cell: cell.n_parameters).stitch

    @property
    def failed(self) -> tuple[CellRow, ...]:
        """The cells whose fit failed."""
        return tuple(cell for cell in self.cells if cell.failure is not None)

    @property
    def unconverged(self) -> tuple[CellRow, ...]:
        """The cells whose fit ended before their score had converged."""
        return tuple(cell for cell in self.cells if cell.converged is False)

    def layouts_of(self, cell: CellRow) -> tuple[str | None, str | None]:
        """Return the layouts of a cell's two representations; None where the run does not say."""
        layouts = self.facts.pair.layouts
        provided = layouts.receiver if CONTROLS[cell.control].self_stitch else layouts.sender
        return provided.get(cell.sender_cut), layouts.receiver.get(cell.receiver_cut)

    def cut_names(self, control: str) -> tuple[list[str], list[str]]:
        """Return the sender's cuts of one grid and the receiver's cuts of all, in the order of the models."""
        return self.cuts_in_order("sender", control), self.cuts_in_order("receiver")

    def cuts_in_order(self, role: str, control: str | None = None) -> list[str]:
        """Return the cuts of one role that have cells, in the order of the spec."""
        cells = [cell for cell in self.cells if control in (None, cell.control)]
        present = {cell.sender_cut if role == "sender" else cell.receiver_cut for cell in cells}
        # The rows of a self-stitch are cuts of the receiver.
        first = self.spec.sender_cuts if role == "sender" else ()
        return [cut for cut in dict.fromkeys((*first, *self.spec.receiver_cuts)) if cut in present]
