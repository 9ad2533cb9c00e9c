"""What else one could do for the cost of a candidate: rivals on the same examples and labels.

Every rival is fitted on the training part by the rule that stitches are fitted by, and scored on the
confirming examples, paired with the candidate. No image is changed at random for any of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from modelstitch.adoption.heads import FittedHead, fit_head, n_outputs_of, why_no_head
from modelstitch.adoption.score_intervals import difference_interval
from modelstitch.adoption.students import Student, student
from modelstitch.adoption.training import (
    NOTHING,
    ByNumber,
    FitOutcome,
    Spent,
    distilling,
    fitted,
    numbers_of,
    of_task,
)
from modelstitch.adoption.work import Load, load_of
from modelstitch.errors import ModelError, SpecError, expect_one_of
from modelstitch.grid.side import Side
from modelstitch.specs import FitSpec
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

RivalStanding = Literal["wins", "better-but-dearer", "level", "loses", "unfair", "not-run"]

EQUAL_COST = 0.05
"""Difference in multiply-adds up to which two networks cost the same."""


@dataclass(frozen=True, kw_only=True)
class RivalFits:
    """How rivals are fitted: rates of three kinds, one length for all.

    Attributes:
        max_epochs: passes over the training part after which a rival that still gains is *unfair*; linear
            heads, which cost next to nothing, get four times as many.
        head, whole, tuned: of a linear head, of a network from scratch, of a trained network.
    """

    max_epochs: float = 64
    head: FitSpec = field(default_factory=lambda: FitSpec(learning_rate=0.02, precision="float32"))
    whole: FitSpec = field(default_factory=lambda: FitSpec(learning_rate=0.02, precision="float32"))
    tuned: FitSpec = field(default_factory=lambda: FitSpec(learning_rate=0.005, precision="float32"))

    def of(self, kind: Literal["head", "whole", "tuned"]) -> FitSpec:
        """Return how one kind is fitted."""
        spec: FitSpec = getattr(self, kind)
        return replace(spec, max_epochs=self.max_epochs * (4 if kind == "head" else 1))


@dataclass(frozen=True, eq=False)
class Contender:
    """A candidate as its rivals meet it.

    Attributes:
        sender_cut, receiver_cut: where it is joined.
        scores: (n_heldout,) of all held-out examples.
        load: what it costs.
        spent: what its fit took; None where it is not known.
        converged: whether its fit had converged; None for a fixed length or a closed form.
    """

    sender_cut: str
    receiver_cut: str
    scores: Tensor
    load: Load
    spent: Spent | None = None
    converged: bool | None = None


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
    """

    candidate: Contender
    score: float
    rivals: tuple[Rival, ...]
    n: int
    level: float
    margin: float

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


@dataclass(frozen=True, eq=False)
class _Ran:
    """What a rival gives, before it is compared: scores (n_confirm,), cost, and how it was fitted."""

    scores: Tensor
    load: Load
    what: Sentence
    outcome: FitOutcome | None = None


@dataclass(frozen=True, eq=False)
class _Field:
    """Everything that rivals are made from."""

    sender: Side
    receiver: Side
    candidate: Contender
    choose: Tensor
    confirm: Tensor
    fits: RivalFits
    seed: int


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
    given = _Field(sender, receiver, candidate, choose, confirm, fits or RivalFits(), seed)
    own = candidate.scores[confirm]
    level = 1 - 0.05 / (len(names) * n_candidates)
    found = []
    for name in RIVALS:
        if name not in names:
            continue
        progress.stage(f"fitting a rival: {name}")
        try:
            ran = _RUN[name](given)
        except (ModelError, NotImplementedError) as error:
            why = say("rival.not_run", why=_first_line(error))
            found.append(Rival(name=name, standing="not-run", what=why))
            continue
        found.append(_compared(name, ran, own, candidate.load, level, margin))
    return RivalTable(
        candidate=candidate,
        score=mean_score(own),
        rivals=tuple(found),
        n=len(confirm),
        level=level,
        margin=margin,
    )


def _compared(name: str, ran: _Ran, own: Tensor, load: Load, level: float, margin: float) -> Rival:
    difference, low, high = difference_interval(ran.scores, own, level)
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


# What each rival is.


def _whole_receiver(given: _Field) -> _Ran:
    side = given.receiver
    scores = side.own_scores
    if scores is None:
        raise ModelError("the receiver has no output for some class")
    return _Ran(scores.cpu()[given.confirm], whole_load(side), say("rival.as_it_is"))


def _fine_tuned(given: _Field) -> _Ran:
    side, spec = given.receiver, given.fits.of("tuned")
    module = copy.deepcopy(side.network.module).float().requires_grad_(True)
    load, inputs = whole_load(side), replace(side.inputs, dtype=torch.float32)
    outcome = fitted(
        ByNumber(module, inputs, side.reading),
        of_task(side.data.task, _targets(side)),
        numbers_of,
        len(side.data.train),
        spec,
        load.multiply_adds,
        seed=given.seed,
        keep_start=True,
    )
    tuned = replace(side, inputs=inputs)
    scores = tuned.scores("held-out", lambda x, **kwargs: side.reading(module(x, **kwargs)), given.confirm)
    return _Ran(scores.cpu(), load, say("rival.tuned"), outcome)


def _sender_new_head(given: _Field) -> _Ran:
    cut = _last_cut(given.sender)
    return _headed(given, given.sender, cut, say("rival.head", cut=cut))


def _probe(given: _Field) -> _Ran:
    cut = given.candidate.sender_cut
    return _headed(given, given.sender, cut, say("rival.head", cut=cut))


def _short_receiver(given: _Field) -> _Ran:
    side, bound = given.receiver, given.candidate.load.multiply_adds
    cuts = [cut.name for cut in side.cutting.boundaries if cut.layout.stitchable]
    cheap = [cut for cut in cuts if before(side, cut).multiply_adds <= (1 + EQUAL_COST) * bound]
    if not cheap:
        raise ModelError("the receiver costs more than the candidate already at its first cut")
    return _headed(given, side, cheap[-1], say("rival.head", cut=cheap[-1]))


def _headed(given: _Field, side: Side, cut: str, what: Sentence) -> _Ran:
    why = why_no_head(side)
    if why is not None:
        raise ModelError(why)
    front = before(side, cut)
    head: FittedHead = fit_head(
        side,
        cut,
        given.fits.of("head"),
        n_outputs=n_outputs_of(given.receiver),
        before=front.multiply_adds,
        seed=given.seed,
    )
    task, heldout = side.data.task, side.data.heldout
    outputs = head.outputs(side, cut, "held-out", given.confirm)
    scores = task.scored(outputs, heldout.targets_for(task, given.confirm))
    return _Ran(scores.cpu(), front + head.head.load, what, head.outcome)


def _distilled(given: _Field) -> _Ran:
    teacher, side = _teacher(given), given.receiver
    if side.data.task.by_position:
        raise ModelError(_no_student(side))
    outputs = torch.cat([output.float() for output, _ in teacher.outputs("train", teacher.whole)]).clone()
    if side.data.task.has_classes and side.data.finest is None:
        outputs = outputs[:, : n_outputs_of(side)]  # those of the classes come first
    criterion = distilling(
        side.data.task, _targets(side), lambda indices: outputs[indices.to(outputs.device)]
    )
    ran = _trained_student(given, criterion)
    assert ran.outcome is not None
    taught = len(side.data.train) * whole_load(teacher).multiply_adds
    spent = replace(ran.outcome.spent, multiply_adds=ran.outcome.spent.multiply_adds + taught)
    what = say("rival.taught", by=_role(given, teacher), student=ran.what)
    return replace(ran, what=what, outcome=replace(ran.outcome, spent=spent))


def _from_scratch(given: _Field) -> _Ran:
    side = given.receiver
    return _trained_student(given, of_task(side.data.task, _targets(side)))


def _trained_student(given: _Field, criterion: Any) -> _Ran:
    side = given.receiver
    made = _student(given)
    outcome = fitted(
        ByNumber(made.module, replace(side.inputs, dtype=torch.float32), lambda output: output),  # type: ignore[arg-type,return-value]
        criterion,
        numbers_of,
        len(side.data.train),
        given.fits.of("whole"),
        made.load.multiply_adds,
        seed=given.seed,
    )
    plain = replace(side, inputs=replace(side.inputs, dtype=torch.float32))
    scores = plain.scores("held-out", lambda x, **kwargs: made.module(x, **kwargs), given.confirm)
    return _Ran(scores.cpu(), made.load, made.rule, outcome)


def _student(given: _Field) -> Student:
    side = given.receiver
    if side.data.task.by_position:
        raise ModelError(_no_student(side))
    few = replace(side.inputs, dtype=torch.float32).batch("train", torch.arange(2))
    module = copy.deepcopy(side.network.module).float()
    return student(module, few.x, few.kwargs, given.candidate.load, n_outputs_of(side), given.seed)


def _no_student(side: Side) -> str:
    return f"no student is built for the task {side.data.task.name}, with an answer at every position"


def _teacher(given: _Field) -> Side:
    """Return the whole network that scores higher on the choosing examples."""
    sides = [side for side in (given.receiver, given.sender) if side.own_scores is not None]
    if not sides:
        raise ModelError("neither network has an output for every class, so that none can teach")

    def chosen(side: Side) -> float:
        assert side.own_scores is not None
        return mean_score(side.own_scores.cpu()[given.choose])

    return max(sides, key=chosen)


def _role(given: _Field, side: Side) -> Sentence:
    return say("rival.of_receiver" if side is given.receiver else "rival.of_sender")


def _targets(side: Side) -> Callable[[Tensor | None], Any]:
    return lambda indices: side.data.train.targets_for(side.data.task, indices)


def _last_cut(side: Side) -> str:
    cuts = [cut.name for cut in side.cutting.boundaries if cut.layout.stitchable]
    if not cuts:
        raise ModelError("the sender has no block whose output a linear head can read")
    return cuts[-1]


_RUN: dict[str, Callable[[_Field], _Ran]] = {
    "whole-receiver": _whole_receiver,
    "fine-tuned-receiver": _fine_tuned,
    "sender-new-head": _sender_new_head,
    "sender-probe": _probe,
    "short-receiver": _short_receiver,
    "distilled-student": _distilled,
    "student-from-scratch": _from_scratch,
}


# What networks cost.


def whole_load(side: Side) -> Load:
    """Return what a whole network costs."""
    few = side.inputs.batch("train", torch.arange(2))
    return load_of(side.network.module, few.x, **few.kwargs)


def before(side: Side, cut: str) -> Load:
    """Return what lies before a cut."""
    work = side.cut(cut).before
    return Load(work.parameters, work.multiply_adds)


# What is said.


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
    return told


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
