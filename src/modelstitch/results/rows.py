"""The rows of a run's tables: cells, baselines, evidence and advantages, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from modelstitch.geometry.intervals import score_interval
from modelstitch.specs.verdicts import KeptScale


class CellKey(NamedTuple):
    """Which cell of a grid: the cuts, the label of the stitch (such as ``lowrank(8)+batch``) and the seed."""

    sender_cut: str
    receiver_cut: str
    stitch: str
    seed: int


def effective_number(score: float, error: float, n: int) -> int:
    """Return :attr:`CellRow.n_effective` of a score: ``n`` where its standard error is 0.

    Example:
        >>> effective_number(0.5, 0.05, 100), effective_number(0.5, 0.025, 100), effective_number(1.0, 0.0, 9)
        (100, 400, 9)
    """
    return max(1, round(score * (1 - score) / error**2)) if error else n


@dataclass(frozen=True, kw_only=True)
class CellRow:
    """One finished cell.

    Attributes:
        stitch: label of the stitch, which names family, size, norm and, where it has its own, the objective.
        family, size, norm, objective: the same one by one; ``size`` is None for a family without a size.
        score: held-out score; None where the fit failed.
        standard_error: of the score; None where the fit failed, or where all examples score alike, which says
            nothing of an error.
        failure: why the fit failed, or None.
        converged: whether the fit had converged; None where its length was fixed.
        above_receiver, above_receiver_error: score less that of the whole receiver of the same grid, on the
            same examples, and the standard error of this paired difference; None where they are not known,
            the error also where all differences are alike.
    """

    sender_cut: str
    receiver_cut: str
    stitch: str
    family: str
    size: int | None
    norm: str
    objective: str
    control: str
    seed: int
    score: float | None
    standard_error: float | None
    loss: float | None
    n_parameters: int
    bridge: str
    steps: int
    seconds: float
    n_heldout: int
    failure: str | None
    start: str = "random"
    converged: bool | None = None
    gain: float | None = None
    noise: float | None = None
    total_steps: int = 0
    precision: str = "float32"
    above_receiver: float | None = None
    above_receiver_error: float | None = None

    def __post_init__(self) -> None:
        # Runs of older versions hold an error of 0 where all examples score alike.
        for name in ("standard_error", "above_receiver_error"):
            object.__setattr__(self, name, getattr(self, name) or None)

    @property
    def key(self) -> CellKey:
        return CellKey(self.sender_cut, self.receiver_cut, self.stitch, self.seed)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Ends of the 95 % interval of the score for other examples; None where the fit failed.

        See :func:`modelstitch.geometry.intervals.score_interval`. It says nothing of other seeds.
        """
        if self.score is None:
            return None
        return score_interval(self.score, self.standard_error or 0.0, self.n_heldout)

    @property
    def n_effective(self) -> int:
        r"""Number of right and wrong answers whose share would be as certain as this score.

        .. math:: n = a (1 - a) / \mathrm{se}^2

        For right and wrong answers this is their number; for scores from 0 to 1 it is larger.

        Source: Kish 1965, effective sample size.
        """
        if self.score is None:
            return self.n_heldout
        return effective_number(self.score, self.standard_error or 0.0, self.n_heldout)

    @property
    def failed(self) -> bool:
        return self.failure is not None


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The held-out score of a whole network; None where it has no output for some label."""

    role: str
    control: str
    seed: int
    score: float | None
    digest: str


@dataclass(frozen=True, kw_only=True)
class EvidenceRow:
    """One measurement of one cell; ``value`` is None where undefined, ``low`` and ``high`` where unknown."""

    sender_cut: str
    receiver_cut: str
    stitch: str
    control: str
    seed: int
    kind: str
    name: str
    where: str
    value: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def key(self) -> CellKey:
        return CellKey(self.sender_cut, self.receiver_cut, self.stitch, self.seed)


@dataclass(frozen=True, kw_only=True)
class AdvantageRow:
    """The score of a cell less that of the same cell of a control, with its simultaneous interval."""

    control: str
    sender_cut: str
    receiver_cut: str
    stitch: str
    seed: int
    difference: float
    low: float
    high: float

    @property
    def key(self) -> CellKey:
        return CellKey(self.sender_cut, self.receiver_cut, self.stitch, self.seed)


@dataclass(frozen=True, kw_only=True)
class KeptRow:
    """How much of the receiver's content within classes a cell keeps; None for a number that is not known.

    Attributes:
        kept, low, high: the smallest share over all places, and its interval; for the trained pair the
            intervals of all cells hold at once.
        where: the place that keeps least, or that has no range: a receiver cut, or ``output``.
        head, head_low, head_high: the same over the places behind the cut alone: what serves this head.
        recovered, own, label: what a reader recovers there, from the cell, the self-stitch and the label-only
            sender.
        p_label: p-value of "no more than the label comes across", corrected for all cells of the grid.
        lead, lead_low, lead_high: kept less the mean over untrained senders, and its interval; all cells hold
            at once.
        untrained: kept of each untrained sender that was drawn.
        untrained_control: the control that they are of; None where none was drawn.
        n: held-out examples, in classes of at least four.
        scaled_by: what 1 is.
    """

    control: str
    sender_cut: str
    receiver_cut: str
    stitch: str
    seed: int
    kept: float | None
    low: float | None
    high: float | None
    where: str
    head: float | None
    head_low: float | None
    head_high: float | None
    recovered: float | None
    own: float | None
    label: float | None
    p_label: float | None = None
    lead: float | None = None
    lead_low: float | None = None
    lead_high: float | None = None
    untrained: tuple[float, ...] = ()
    untrained_control: str | None = None
    n: int = 0
    scaled_by: KeptScale = KeptScale.SELF_STITCH

    @property
    def key(self) -> CellKey:
        return CellKey(self.sender_cut, self.receiver_cut, self.stitch, self.seed)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> KeptRow:
        """Return the row that ``dataclasses.asdict`` turned into ``values``, also read back from JSON."""
        scaled_by = KeptScale(values.get("scaled_by", KeptScale.SELF_STITCH))
        return cls(**{**values, "untrained": tuple(values["untrained"]), "scaled_by": scaled_by})
