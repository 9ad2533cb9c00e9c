"""What a candidate may cost at most, and has to score at least."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from modelstitch.adoption.candidates.candidate import Candidate, Whole
from modelstitch.adoption.work import Load
from modelstitch.errors import SpecError


@dataclass(frozen=True)
class Bound:
    """A number, or a multiple of that of the network that is replaced.

    Attributes:
        value: the number, or the factor.
        relative: whether it is a factor.

    Example:
        >>> Bound.parse("multiply-adds", "0.6x").of(200.0), Bound.parse("multiply-adds", "1.5M").of(200.0)
        (120.0, 1500000.0)
    """

    value: float
    relative: bool = False

    @classmethod
    def parse(cls, what: str, text: str) -> Bound:
        """Read ``0.6x``, ``1500000`` or ``1.5M``.

        Raises:
            SpecError: anything else, or a number that is not above 0.
        """
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?(?:e\d+)?)\s*([xkMG]?)\s*", text)
        value = float(match[1]) if match else math.nan
        if match is None or not 0 < value < math.inf:
            raise SpecError(
                f"expected at most so many {what} as a number above 0, such as 1500000 or 1.5M, or as a "
                f"share of the replaced network, such as 0.6x, got {text!r}"
            )
        factor = {"k": 1e3, "M": 1e6, "G": 1e9}.get(match[2], 1.0)
        return cls(value * factor, match[2] == "x")

    def of(self, whole: float) -> float:
        """Return the bound as a number."""
        return self.value * whole if self.relative else self.value


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """What a candidate has to meet; None asks for nothing.

    Attributes:
        multiply_adds, parameters: of the joined network, at most.
        latency: median milliseconds of a call, at most, at the smallest batch measured.
        score: at least, on the confirming examples.

    Raises:
        SpecError: a score outside 0 to 1.
    """

    multiply_adds: Bound | None = None
    parameters: Bound | None = None
    latency: Bound | None = None
    score: float | None = None

    def __post_init__(self) -> None:
        if self.score is not None and not 0 <= self.score <= 1:
            raise SpecError(f"expected a least score from 0 to 1, got {self.score}")

    def expect_possible(self, loads: Sequence[tuple[Load, Load]]) -> None:
        """Raise where bounds on costs contradict each other: cells meet each of them, and none meets both.

        Args:
            loads: of each joined network, and of the network that it would replace.

        Raises:
            SpecError: they do.
        """
        if self.multiply_adds is None or self.parameters is None:
            return
        by_name = {"multiply_adds": self.multiply_adds, "parameters": self.parameters}
        met = {
            name: {
                at
                for at, (load, whole) in enumerate(loads)
                if getattr(load, name) <= bound.of(getattr(whole, name))
            }
            for name, bound in by_name.items()
        }
        if all(met.values()) and not set.intersection(*met.values()):
            raise SpecError(
                "expected bounds that one cell can meet, got two that contradict each other: of "
                f"{len(loads)} cells {len(met['multiply_adds'])} have few enough multiply-adds and "
                f"{len(met['parameters'])} few enough parameters, none both: raise one"
            )

    def misses(self, row: Candidate, replaced: Whole) -> tuple[str, ...]:
        """Return what a candidate does not meet, in words.

        Raises:
            SpecError: a bound on latency, and no latency was measured.
        """
        found = []
        for name, words in (("multiply_adds", "multiply-adds"), ("parameters", "parameters")):
            bound: Bound | None = getattr(self, name)
            if bound is None:
                continue
            most, has = bound.of(getattr(replaced.load, name)), getattr(row.load, name)
            if has > most:
                found.append(f"{has:,} {words}, at most {most:,.0f}")
        if self.latency is not None:
            if not row.latency:
                raise SpecError("expected a measured latency for its bound, got none: measure it")
            batch = min(row.latency)
            most = self.latency.of(replaced.latency[batch].median)
            if row.latency[batch].median > most:
                found.append(f"{row.latency[batch].median:.2f} ms at batch {batch}, at most {most:.2f} ms")
        if self.score is not None and row.score[0] < self.score:
            found.append(f"score {row.score[0]:.3f}, at least {self.score:.3f}")
        return tuple(found)
