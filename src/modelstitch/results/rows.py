"""The rows of a run's tables: cells, baselines and evidence, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CellRow:
    """One finished cell as a row of the table; ``accuracy`` is None where the fit failed."""

    sender_cut: str
    receiver_cut: str
    family: str
    norm: str
    objective: str
    control: str
    seed: int
    accuracy: float | None
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

    @property
    def stitch(self) -> str:
        return self.family if self.norm == "none" else f"{self.family}+{self.norm}"

    @property
    def n_effective(self) -> int:
        r"""Number of right and wrong answers whose share would be as certain as this accuracy.

        .. math:: n = a (1 - a) / \mathrm{se}^2

        Of right and wrong answers it is their number; where each example has a score from 0 to 1 it is more.

        Source: Kish 1965, effective sample size.
        """
        if not self.standard_error or self.accuracy is None:
            return self.n_heldout
        return max(1, round(self.accuracy * (1 - self.accuracy) / self.standard_error**2))

    @property
    def failed(self) -> bool:
        return self.failure is not None


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A whole network's own held-out accuracy; None where it has no output for some label."""

    role: str
    control: str
    seed: int
    accuracy: float | None
    digest: str


@dataclass(frozen=True, kw_only=True)
class EvidenceRow:
    """One measurement of one cell; ``value`` is None where it cannot be said, ``low`` and ``high`` where there is no interval."""

    sender_cut: str
    receiver_cut: str
    family: str
    norm: str
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
    def stitch(self) -> str:
        return self.family if self.norm == "none" else f"{self.family}+{self.norm}"


@dataclass(frozen=True, kw_only=True)
class AdvantageRow:
    """How far a cell of the real grid is ahead of the same cell of a control; the intervals of a run hold all at once."""

    control: str
    sender_cut: str
    receiver_cut: str
    stitch: str
    seed: int
    difference: float
    low: float
    high: float
