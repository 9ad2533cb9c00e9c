"""What stands beside the table of candidates when it is asked for: rivals, money, chains of three parts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelstitch.adoption.rivals.table import Known, RivalTable
from modelstitch.adoption.worth.chains import ChainTable
from modelstitch.adoption.worth.money import Money
from modelstitch.adoption.worth.prices import Prices
from modelstitch.adoption.worth.verbs import chains_of, cost_of, rivals_beside
from modelstitch.errors import SpecError
from modelstitch.util.progress import SILENT, Progress
from modelstitch.wording import Sentence, say

if TYPE_CHECKING:
    from modelstitch.adoption.candidates.candidate import Candidate, Candidates
    from modelstitch.results.comparison import Comparison

PARTS = (2, 3)


@dataclass(frozen=True, kw_only=True)
class BesideSpec:
    """What is asked for beside candidates.

    Attributes:
        rivals: whether candidates meet their rivals: the first one, and every other one that is not shown to
            be worse and meets what was asked.
        prices: of the user; None for no money.
        back: the finished run of the other direction; None for no chains.
        at_most: bound on the multiply-adds of a chain, in those of the sender.
    """

    rivals: bool = False
    prices: Prices | None = None
    back: Comparison | None = None
    at_most: float = 1.0


@dataclass(frozen=True)
class Further:
    """What was found beside the candidates; None for what was not asked for, or had no candidate.

    Attributes:
        rivals: of the first candidate.
        further_rivals: of the other ones.
        money: of the first candidate.
        chains: of three parts.
        without_candidate: whether something needed a candidate, and there was none.
    """

    rivals: RivalTable | None = None
    money: Money | None = None
    chains: ChainTable | None = None
    further_rivals: tuple[RivalTable, ...] = ()
    without_candidate: bool = False

    def sentences(self) -> list[Sentence]:
        """Return everything in words."""
        told = [] if self.rivals is None else _under_heading(self.rivals)
        for table in self.further_rivals:
            told += _under_heading(table)
        if self.money is not None:
            told += [*self.money.sentences(), *self.money.assumptions()]
        if self.chains is not None:
            told += self.chains.sentences()
        return [*told, say("further.no_candidate")] if self.without_candidate else told

    def to_plain(self) -> dict[str, Any]:
        """Return what was asked for as plain values, by name."""
        found = {"rivals": self.rivals, "money": self.money, "chains": self.chains}
        plain: dict[str, Any] = {name: one.to_plain() for name, one in found.items() if one is not None}
        more = [table.to_plain() for table in self.further_rivals]
        said = {name: [one.to_plain() for one in told] for name, told in self._said().items()}
        return {**plain, **({"further_rivals": more} if more else {}), "said": said} if plain else {}

    def _said(self) -> dict[str, list[Sentence]]:
        """Return what is said of each, so that a page can say it in another language."""
        told = {} if self.rivals is None else {"rivals": self.rivals.sentences()}
        if self.further_rivals:
            told["further_rivals"] = [one for table in self.further_rivals for one in _under_heading(table)]
        if self.money is not None:
            told |= {"money": self.money.sentences(), "assumptions": self.money.assumptions()}
        return told if self.chains is None else told | {"chains": self.chains.sentences()}


def _under_heading(table: RivalTable) -> list[Sentence]:
    candidate = table.candidate
    heading = say("rival.of", sender=candidate.sender_cut, receiver=candidate.receiver_cut, score=table.score)
    return [heading, *table.sentences()]


def expect_parts(parts: int, back: str | None, at_most: float = 1.0) -> None:
    """Raise unless a number of parts, the run of the other direction and the budget fit each other.

    Raises:
        SpecError: another number than 2 or 3, chains without the other run, that run or a budget without
            chains, or a budget that is not above 0.

    Example:
        >>> expect_parts(3, None)
        Traceback (most recent call last):
        ...
        modelstitch.errors.SpecError: expected --back with --parts 3: the folder of the run ...
    """
    if parts not in PARTS:
        raise SpecError(f"expected --parts 2 or 3, got {parts}")
    if parts == 3 and back is None:
        raise SpecError(
            "expected --back with --parts 3: the folder of the run of the receiver into the sender "
            "(modelstitch compare, or reuse, with the two exchanged)"
        )
    if parts == 2 and back is not None:
        raise SpecError(f"expected --parts 3 with --back {back}, got --parts 2")
    if parts == 2 and at_most != 1.0:
        raise SpecError(f"expected --parts 3 with --at-most-chain {at_most:g}, got --parts 2")
    if not 0 < at_most < math.inf:
        raise SpecError(f"expected --at-most-chain above 0, in multiply-adds of the sender, got {at_most:g}")


def further(
    comparison: Comparison, found: Candidates, options: BesideSpec, progress: Progress = SILENT
) -> Further:
    """Return what is asked for beside the candidates of a run.

    Money is that of the first candidate that qualifies, or of the first one where none does. Rivals are
    fitted for it too, and for every other candidate that is not shown to be worse and meets every constraint;
    their intervals hold for all named candidates at once.

    Args:
        comparison: the run.
        found: its candidates.
        options: what is asked for.
        progress: receives news.

    Raises:
        RunError: the other run is not the other direction of this one.
        SpecError: a budget that is not above 0.
    """
    row = named(found)
    money = chains = None
    met: list[RivalTable] = []
    if row is not None and options.rivals:
        met = _rivals(comparison, found, row, progress)
    if row is not None and options.prices is not None:
        money = cost_of(
            comparison,
            row.sender_cut,
            row.receiver_cut,
            options.prices,
            stitch=row.stitch,
            seed=row.seed,
            labels_needed=row.labels_needed,
        )
    if options.back is not None:
        chains = chains_of(comparison, options.back, at_most=options.at_most, progress=progress)
    without = row is None and (options.rivals or options.prices is not None)
    return Further(next(iter(met), None), money, chains, tuple(met[1:]), without)


def _rivals(
    comparison: Comparison, found: Candidates, first: Candidate, progress: Progress
) -> list[RivalTable]:
    """Return the rivals of the first candidate, and of the others that may still be chosen."""
    others = [row for row in found.rows if row is not first and row.standing != "worse" and not row.misses]
    known: Known = {}
    return [
        rivals_beside(
            comparison.stitched(row.sender_cut, row.receiver_cut, stitch=row.stitch, seed=row.seed),
            margin=found.margin,
            n_candidates=len(found.rows),
            known=known,
            progress=progress,
        )
        for row in (first, *others)
    ]


def named(found: Candidates) -> Candidate | None:
    """Return the candidate that rivals and money are about; None where there is none."""
    return next((row for row in found.rows if row.qualifies), next(iter(found.rows), None))
