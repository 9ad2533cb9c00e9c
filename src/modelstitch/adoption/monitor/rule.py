"""When a monitor alarms, and what may be said of the cause."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from modelstitch.adoption.folder.processes import COORDINATE, DISTANCE, LABEL, LOSS, PAIRED
from modelstitch.errors import SpecError

ALPHA = 0.05
"""The most probability of a false alarm in the whole life of the first stream, by default."""

Cause = Literal["none", "inputs", "classes", "concept", "worse", "mixed"]
"""What an alarm allows one to say."""


@dataclass(frozen=True, kw_only=True)
class MonitorRule:
    """The rule of one stream, fixed before its first example.

    Attributes:
        alpha: the most probability of a false alarm, of the first stream.
        stream: which stream of its candidate it is, from 1; a further one has half of the probability of the
            one before, so that all together have less than 2 alpha.
        processes: names of what is followed, each of which may alarm.

    Raises:
        SpecError: no probability between 0 and 1, or no process.

    Example:
        >>> round(MonitorRule(alpha=0.05, stream=2, processes=("distance", "loss")).threshold)
        80
    """

    alpha: float = ALPHA
    stream: int = 1
    processes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise SpecError(f"expected alpha between 0 and 1, such as 0.05, got {self.alpha:g}")
        if self.stream < 1 or not self.processes:
            raise SpecError("expected the number of a stream from 1 on, and what it follows")

    @property
    def share(self) -> float:
        """The most probability of a false alarm in the whole life of this stream."""
        return float(self.alpha / 2 ** (self.stream - 1))

    @property
    def threshold(self) -> float:
        """What the evidence of one process has to reach: k / alpha, by the union bound."""
        return len(self.processes) / self.share

    @property
    def log_threshold(self) -> float:
        """The natural logarithm of it."""
        return math.log(self.threshold)


def cause_of(alarmed: Collection[str], followed: Sequence[str]) -> Cause:
    """Return what the processes that alarmed allow one to say.

    Args:
        alarmed: names of those that reached the threshold.
        followed: names of those that have seen an example.

    Returns:
        ``concept`` where the losses changed and neither inputs nor class frequencies did, though both were
        followed; ``classes``, ``inputs`` or ``worse`` (than the receiver) where these alone did; ``mixed``
        where it cannot be told apart.

    Example:
        >>> cause_of({"loss"}, ["distance", "loss", "label"]), cause_of({"distance"}, ["distance"])
        ('concept', 'inputs')
    """
    groups = {_group(name) for name in alarmed}
    if not groups:
        return "none"
    if groups == {LOSS} and DISTANCE in followed and LABEL in followed:
        return "concept"
    if len(groups) > 1 or groups == {LOSS}:
        return "mixed"
    return {DISTANCE: "inputs", LABEL: "classes", PAIRED: "worse"}[groups.pop()]  # type: ignore[return-value]


def _group(name: str) -> str:
    return DISTANCE if name.startswith(COORDINATE) else name
