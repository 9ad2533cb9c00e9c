"""Each rival of a candidate: how it is made, fitted and scored."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from modelstitch.adoption.rivals.heads import FittedHead, fit_head, n_outputs_of, why_no_head
from modelstitch.adoption.rivals.students import Student, student
from modelstitch.adoption.rivals.training import (
    ByNumber,
    FitOutcome,
    Spent,
    distilling,
    fitted,
    numbers_of,
    of_task,
)
from modelstitch.adoption.work import Load, load_before, whole_load
from modelstitch.errors import ModelError
from modelstitch.grid.side import Side
from modelstitch.specs import FitSpec
from modelstitch.tasks import mean_score
from modelstitch.util.arguments import checked_fields
from modelstitch.wording import Sentence, say

EQUAL_COST = 0.05
"""Difference in multiply-adds up to which two networks cost the same."""


@checked_fields
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


@dataclass(frozen=True, eq=False)
class RivalOutcome:
    """What a rival gives, before it is compared: scores (n_confirm,), cost, and how it was fitted."""

    scores: Tensor
    load: Load
    what: Sentence
    outcome: FitOutcome | None = None


@dataclass(frozen=True, eq=False)
class RivalInputs:
    """Everything that rivals are made from."""

    sender: Side
    receiver: Side
    candidate: Contender
    choose: Tensor
    confirm: Tensor
    fits: RivalFits
    seed: int


def _whole_receiver(given: RivalInputs) -> RivalOutcome:
    side = given.receiver
    scores = side.own_scores
    if scores is None:
        raise ModelError("the receiver has no output for some class")
    return RivalOutcome(scores.cpu()[given.confirm], whole_load(side), say("rival.as_it_is"))


def _fine_tuned(given: RivalInputs) -> RivalOutcome:
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
    return RivalOutcome(scores.cpu(), load, say("rival.tuned"), outcome)


def _sender_new_head(given: RivalInputs) -> RivalOutcome:
    cut = _last_cut(given.sender)
    return _headed(given, given.sender, cut, say("rival.head", cut=cut))


def _probe(given: RivalInputs) -> RivalOutcome:
    cut = given.candidate.sender_cut
    return _headed(given, given.sender, cut, say("rival.head", cut=cut))


def _short_receiver(given: RivalInputs) -> RivalOutcome:
    side, bound = given.receiver, given.candidate.load.multiply_adds
    cuts = [cut.name for cut in side.cutting.boundaries if cut.layout.stitchable]
    cheap = [cut for cut in cuts if load_before(side, cut).multiply_adds <= (1 + EQUAL_COST) * bound]
    if not cheap:
        raise ModelError("the receiver costs more than the candidate already at its first cut")
    return _headed(given, side, cheap[-1], say("rival.head", cut=cheap[-1]))


def _headed(given: RivalInputs, side: Side, cut: str, what: Sentence) -> RivalOutcome:
    why = why_no_head(side)
    if why is not None:
        raise ModelError(why)
    front = load_before(side, cut)
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
    return RivalOutcome(scores.cpu(), front + head.head.load, what, head.outcome)


def _distilled(given: RivalInputs) -> RivalOutcome:
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


def _from_scratch(given: RivalInputs) -> RivalOutcome:
    side = given.receiver
    return _trained_student(given, of_task(side.data.task, _targets(side)))


def _trained_student(given: RivalInputs, criterion: Any) -> RivalOutcome:
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
    return RivalOutcome(scores.cpu(), made.load, made.rule, outcome)


def _student(given: RivalInputs) -> Student:
    side = given.receiver
    if side.data.task.by_position:
        raise ModelError(_no_student(side))
    few = replace(side.inputs, dtype=torch.float32).batch("train", torch.arange(2))
    module = copy.deepcopy(side.network.module).float()
    return student(module, few.x, few.own, given.candidate.load, n_outputs_of(side), given.seed)


def _no_student(side: Side) -> str:
    return f"no student is built for the task {side.data.task.name}, with an answer at every position"


def _teacher(given: RivalInputs) -> Side:
    """Return the whole network that scores higher on the choosing examples."""
    sides = [side for side in (given.receiver, given.sender) if side.own_scores is not None]
    if not sides:
        raise ModelError("neither network has an output for every class, so that none can teach")

    def chosen(side: Side) -> float:
        assert side.own_scores is not None
        return mean_score(side.own_scores.cpu()[given.choose])

    return max(sides, key=chosen)


def _role(given: RivalInputs, side: Side) -> Sentence:
    return say("rival.of_receiver" if side is given.receiver else "rival.of_sender")


def _targets(side: Side) -> Callable[[Tensor | None], Any]:
    return lambda indices: side.data.train.targets_for(side.data.task, indices)


def _last_cut(side: Side) -> str:
    cuts = [cut.name for cut in side.cutting.boundaries if cut.layout.stitchable]
    if not cuts:
        raise ModelError("the sender has no block whose output a linear head can read")
    return cuts[-1]


DEPENDS_ON: dict[str, Callable[[Contender], object]] = {
    "sender-probe": lambda candidate: candidate.sender_cut,
    "short-receiver": lambda candidate: candidate.load.multiply_adds,
    "distilled-student": lambda candidate: candidate.load,
    "student-from-scratch": lambda candidate: candidate.load,
}
"""What of a candidate a rival depends on; all others are the same for every candidate of a pair."""

RUN: dict[str, Callable[[RivalInputs], RivalOutcome]] = {
    "whole-receiver": _whole_receiver,
    "fine-tuned-receiver": _fine_tuned,
    "sender-new-head": _sender_new_head,
    "sender-probe": _probe,
    "short-receiver": _short_receiver,
    "distilled-student": _distilled,
    "student-from-scratch": _from_scratch,
}
