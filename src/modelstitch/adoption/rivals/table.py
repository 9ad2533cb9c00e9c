"""What else one could do for the cost of a candidate: rivals on the same examples and labels.

Every rival is fitted on the training part by the rule that stitches are fitted by, and scored on the
confirming examples, paired with the candidate. No image is changed at random for any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from modelstitch.adoption.division import groups_of
from modelstitch.adoption.rivals.rival_kinds import (
    DEPENDS_ON,
    EQUAL_COST,
    RUN,
    Contender,
    RivalFits,
    RivalInputs,
    RivalOutcome,
)
from modelstitch.adoption.rivals.training import (
    NOTHING,
    Spent,
)
from modelstitch.adoption.score_intervals import difference_interval
from modelstitch.adoption.work import Load
from modelstitch.errors import ModelError, SpecError, expect_one_of
from modelstitch.grid.side import Side
from modelstitch.tasks import mean_score
from modelstitch.util.progress import SILENT, Progress
from modelstitch.wording import Listed, Sentence, say

RIVALS = (
    "whole-receiver",
    "fine-tuned-receiver",
    "sender-new-head",
    "sender-probe",
    "short-receiver",
    "distilled-student",
    "student-from-scratch",
)
"""All rivals by name, in the order of the table."""

Known = dict[tuple[str, object], RivalOutcome]
"""Fitted rivals by name and by what of the candidate they depend on."""

RivalStanding = Literal["wins", "better-but-dearer", "level", "loses", "unfair", "not-run"]


_TRAINED_WHOLE = ("fine-tuned-receiver", "distilled-student", "student-from-scratch")
"""Rivals that are trained as whole networks."""

_AXES_OF_PICTURES = 4


@dataclass(frozen=True, kw_only=True)
class Rival:
    """One rival, fitted and scored.

    Attributes:
        name: one of :data:`RIVALS`.
        standing: how it stands to the candidate.
        what: what it is here, such as its cut or its width.
        score: on the confirming examples; None where it was not run.
        difference, low, high: score less the candidate's, with the interval of the table; None likewise.
        converged: None where nothing was fitted.
        load: what it costs to run; None where it was not run.
        spent: what its fit took.
    """

    name: str
    standing: RivalStanding
    what: Sentence
    score: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    converged: bool | None = None
    load: Load | None = None
    spent: Spent = NOTHING


@dataclass(frozen=True, kw_only=True)
class RivalTable:
    """A candidate beside its rivals.

    Attributes:
        candidate: the candidate.
        score: of the candidate on the confirming examples.
        rivals: in the order of :data:`RIVALS`.
        n: number of confirming examples.
        level: of each interval; all of them hold at once with 95 %.
        margin: points of score up to which a rival counts as no worse.
        pictures: whether the examples are pictures, which users would change at random in training.
    """

    candidate: Contender
    score: float
    rivals: tuple[Rival, ...]
    n: int
    level: float
    margin: float
    pictures: bool = False

    @property
    def winners(self) -> tuple[Rival, ...]:
        """The rivals that win."""
        return tuple(rival for rival in self.rivals if rival.standing == "wins")

    def sentences(self) -> list[Sentence]:
        """Return the answer, then one sentence a rival, then the rule."""
        return [_answer(self), *(_told(self, rival) for rival in self.rivals), *_rule(self)]

    def to_plain(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "sender_cut": self.candidate.sender_cut,
            "receiver_cut": self.candidate.receiver_cut,
            "score": self.score,
            **vars(self.candidate.load),
            "spent": None if self.candidate.spent is None else vars(self.candidate.spent),
            "converged": self.candidate.converged,
            "n": self.n,
            "level": self.level,
            "margin": self.margin,
            "winners": [rival.name for rival in self.winners],
            "rivals": [
                {
                    **{name: value for name, value in vars(rival).items() if name != "load"},
                    "what": str(rival.what),
                    "spent": vars(rival.spent),
                    "parameters": None if rival.load is None else rival.load.parameters,
                    "multiply_adds": None if rival.load is None else rival.load.multiply_adds,
                }
                for rival in self.rivals
            ],
        }


def rivals(
    sender: Side,
    receiver: Side,
    candidate: Contender,
    choose: Tensor,
    confirm: Tensor,
    *,
    names: Sequence[str] = RIVALS,
    fits: RivalFits | None = None,
    margin: float = 0.02,
    n_candidates: int = 1,
    seed: int = 0,
    known: Known | None = None,
    progress: Progress = SILENT,
) -> RivalTable:
    """Fit and score rivals of a candidate.

    Args:
        sender, receiver: the two networks.
        candidate: what they compete with.
        choose: numbers of the held-out examples that decide which network teaches.
        confirm: numbers of the held-out examples that score; nothing is fitted or chosen on them.
        names: which of :data:`RIVALS`.
        fits: how they are fitted.
        margin: points of score up to which a cheaper rival counts as no worse.
        n_candidates: candidates whose tables are read together; intervals hold for all of them at once.
        seed: of untrained weights and of the order of examples.
        known: rivals that were fitted for other candidates of the pair, which gets those of this one; none is
            fitted twice.
        progress: receives news.

    Returns:
        The table. A rival that still gained at the end of its schedule is *unfair*: it neither wins nor
        loses.

    Raises:
        SpecError: an unknown name, or examples that choose and confirm.
    """
    for name in names:
        expect_one_of("rival", name, RIVALS, SpecError)
    if set(choose.tolist()) & set(confirm.tolist()):
        raise SpecError("expected examples that choose or confirm, got some that do both")
    given = RivalInputs(sender, receiver, candidate, choose, confirm, fits or RivalFits(), seed)
    own = candidate.scores[confirm]
    groups = groups_of(receiver.data, confirm)
    level = 1 - 0.05 / (len(names) * n_candidates)
    found, known = [], {} if known is None else known
    for name in RIVALS:
        if name not in names:
            continue
        depends = DEPENDS_ON[name](candidate) if name in DEPENDS_ON else None
        try:
            ran = known.get((name, depends))
            if ran is None:
                progress.stage(f"fitting a rival: {name}")
                ran = known[name, depends] = RUN[name](given)
        except (ModelError, NotImplementedError) as error:  # torch: an operator that the device lacks
            why = say("rival.not_run", why=_first_line(error))
            found.append(Rival(name=name, standing="not-run", what=why))
            continue
        found.append(_compared(name, ran, own, candidate.load, level, margin, groups))
    return RivalTable(
        candidate=candidate,
        score=mean_score(own),
        rivals=tuple(found),
        n=len(confirm),
        level=level,
        margin=margin,
        pictures=receiver.data.train.images.ndim == _AXES_OF_PICTURES,
    )


def _compared(
    name: str,
    ran: RivalOutcome,
    own: Tensor,
    load: Load,
    level: float,
    margin: float,
    groups: Tensor | None,
) -> Rival:
    difference, low, high = difference_interval(ran.scores, own, level, groups)
    converged = None if ran.outcome is None else ran.outcome.converged and ran.outcome.failure is None
    return Rival(
        name=name,
        standing=standing(low, high, ran.load.multiply_adds / max(1, load.multiply_adds), converged, margin),
        what=ran.what,
        score=mean_score(ran.scores),
        difference=difference,
        low=low,
        high=high,
        converged=converged,
        load=ran.load,
        spent=NOTHING if ran.outcome is None else ran.outcome.spent,
    )


def standing(low: float, high: float, cost: float, converged: bool | None, margin: float) -> RivalStanding:
    """Return how a rival stands to a candidate.

    It wins where it is better at no more cost, or no worse than the margin at less cost.

    Args:
        low, high: interval of its score less the candidate's.
        cost: its multiply-adds over the candidate's.
        converged: whether its fit had converged; None where nothing was fitted.
        margin: points of score.

    Example:
        >>> standing(0.01, 0.03, 1.0, True, 0.02), standing(0.01, 0.03, 1.5, True, 0.02)
        ('wins', 'better-but-dearer')
        >>> standing(-0.01, 0.03, 0.5, None, 0.02), standing(-0.05, -0.03, 0.5, False, 0.02)
        ('wins', 'unfair')
    """
    if converged is False:
        return "unfair"
    if low > 0:
        return "wins" if cost <= 1 + EQUAL_COST else "better-but-dearer"
    if low >= -margin and cost < 1 - EQUAL_COST:
        return "wins"
    return "loses" if high < 0 else "level"


def _answer(table: RivalTable) -> Sentence:
    unfair = [_title(rival) for rival in table.rivals if rival.standing == "unfair"]
    missing = [_title(rival) for rival in table.rivals if rival.standing == "not-run"]
    unknown = say("rival.unfair_ones", names=Listed(unfair)) if unfair else say("rival.none")
    not_run = say("rival.missing_ones", names=Listed(missing)) if missing else say("rival.none")
    if table.winners:
        names = Listed([_title(rival) for rival in table.winners], "list.and")
        return say("rival.won", n=len(table.winners), names=names, unfair=unknown, missing=not_run)
    n_level, n_lost = (
        sum(rival.standing in standings for rival in table.rivals)
        for standings in (("level", "better-but-dearer"), ("loses",))
    )
    return say("rival.none_won", level=n_level, lost=n_lost, unfair=unknown, missing=not_run)


def _title(rival: Rival) -> Sentence:
    return say(f"rival.title.{rival.name}")


def _told(table: RivalTable, rival: Rival) -> Sentence:
    if rival.score is None or rival.load is None:
        return say("rival.line_not_run", name=_title(rival), what=rival.what)
    return say(
        "rival.line",
        name=_title(rival),
        what=rival.what,
        score=rival.score,
        difference=rival.difference,
        low=rival.low,
        high=rival.high,
        cost=rival.load.multiply_adds / max(1, table.candidate.load.multiply_adds),
        size=rival.load.parameters / max(1, table.candidate.load.parameters),
        steps=rival.spent.steps,
        examples=rival.spent.examples,
        spent=f"{rival.spent.multiply_adds:.2g}",
        standing=say(f"rival.standing.{rival.standing}"),
    )


def _rule(table: RivalTable) -> list[Sentence]:
    told = [say("rival.rule", n=table.n, level=100 * table.level, margin=100 * table.margin)]
    if table.candidate.converged is False:
        told.append(say("rival.candidate_unconverged"))
    if table.pictures and any(_might_gain(rival) for rival in table.rivals):
        told.append(say("rival.unchanged_pictures"))
    return told


def _might_gain(rival: Rival) -> bool:
    """Tell whether a rival is a whole network that was trained here, and does not win."""
    return rival.name in _TRAINED_WHOLE and rival.standing in ("level", "loses", "better-but-dearer")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
