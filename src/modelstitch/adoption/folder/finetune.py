"""Train a stitched network further before it is exported: its stitch, or also the receiver's half."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, final, get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call

from modelstitch.adoption.folder.deployed import copied
from modelstitch.adoption.rivals.rival_kinds import RivalFits
from modelstitch.adoption.rivals.training import numbers_of, of_task
from modelstitch.cutting.capture import no_fused_attention
from modelstitch.errors import ModelError, SpecError, TruthError, expect_one_of
from modelstitch.fitting.trained import RETRY_RATE, Fit
from modelstitch.models.network import digest
from modelstitch.models.seeding import seeded
from modelstitch.results.stitched import StitchedCell
from modelstitch.specs import FitSpec
from modelstitch.stitches import Fittable, Values
from modelstitch.util.narrow_convolutions import right_gradients

Part = Literal["stitch", "stitch-and-receiver"]
"""What is trained further; the sender's half is always frozen."""

_FEW = 2
"""Training examples that show which tensors a gradient reaches."""


@dataclass(frozen=True, kw_only=True)
class FinetuneSpec:
    """How a stitched network is trained further.

    Attributes:
        steps: of the optimiser, 64 training examples each.
        part: what is trained: ``stitch``, or ``stitch-and-receiver`` for the stitch and the receiver's half.

    Raises:
        SpecError: no whole number of steps above 0, or another part.

    Example:
        >>> FinetuneSpec(steps=100).part
        'stitch'
    """

    steps: int
    part: Part = "stitch"

    def __post_init__(self) -> None:
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise SpecError(f"expected a whole number of steps of fine-tuning above 0, got {self.steps!r}")
        expect_one_of("part to fine-tune", self.part, get_args(Part), SpecError)

    @property
    def fit(self) -> FitSpec:
        """Optimiser and rate: those of the rival *receiver, fine-tuned*, for a fixed number of steps."""
        return replace(RivalFits().tuned, steps=self.steps, start="closed-form", coordinates="plain")


def finetune_spec(steps: int | None, part: Part | None) -> FinetuneSpec | None:
    """Return how a network is trained further, as a user says it; None where it is not.

    Raises:
        SpecError: a part without steps, or values that cannot be.
    """
    if steps is None:
        if part is not None:
            raise SpecError(
                f"expected steps beside the part {part!r} to fine-tune, got none: give --finetune"
            )
        return None
    return FinetuneSpec(steps=steps) if part is None else FinetuneSpec(steps=steps, part=part)


@dataclass(frozen=True, kw_only=True)
class Finetuned:
    """What was trained further, as a card says it.

    Attributes:
        steps, part: as asked for.
        examples: number of training examples.
        batch_size, optimiser, learning_rate: of the fit.
        parameters: numbers that were trained.
        loss: mean training loss of the last tenth of the steps.
        score_before: score on the confirming examples before.
        stitch_digest, receiver_digest: SHA-256 of the weights of the stitch and of the receiver's half
            afterwards.
    """

    steps: int
    part: Part
    examples: int
    batch_size: int
    optimiser: str
    learning_rate: float
    parameters: int
    loss: float
    score_before: float
    stitch_digest: str
    receiver_digest: str

    @property
    def receiver_changed(self) -> bool:
        """Whether the receiver's half is no longer that of the original."""
        return self.part == "stitch-and-receiver"

    @property
    def said(self) -> str:
        """What was done, in words."""
        what = "the stitch and the receiver's half" if self.receiver_changed else "the stitch"
        return f"{what} trained for {self.steps:,} more steps ({self.parameters:,} numbers)"

    def to_plain(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return asdict(self)


def finetuned(
    stitched: StitchedCell, spec: FinetuneSpec, score_before: float
) -> tuple[StitchedCell, Finetuned]:
    """Return a copy of a stitched network that was trained further by its task, on the training examples.

    The sender's half is frozen. The receiver's half stays in eval mode: its batch norms keep their statistics
    and nothing is dropped. The given network, and the two that it is made of, are not changed.

    Args:
        stitched: a finished cell that was fitted to the task.
        spec: what to train, and for how long.
        score_before: of the given network on the confirming examples.

    Raises:
        SpecError: the cell was fitted to another objective, the receiver cannot be trained in its precision,
            or there is nothing to train.
        ModelError: no gradient reaches the stitch, or the loss is not finite.
        TruthError: one of the two networks changed.
    """
    _expect_trainable(stitched, spec)
    again = StitchedCell(
        stitched.comparison, stitched.cell, stitched.spec, copy.deepcopy(stitched.stitch), stitched.sides
    )
    again.suffix = copied(stitched.suffix).eval()
    module = _Rest(again, spec.part)
    _keep_reached(module)
    receiver, seed = stitched.sides[1], stitched.cell.seed
    train = receiver.data.train
    with seeded(seed), no_fused_attention():
        fit = Fit(
            module,
            of_task(stitched.task, lambda indices: train.targets_for(stitched.task, indices)),
            numbers_of,
            torch.arange(len(train)),
            torch.arange(0),
            spec.fit,
            torch.Generator().manual_seed(seed),
            closed_form={name: value.detach().clone() for name, value in module.named_parameters()},
        )
        with right_gradients(module.parameters()):
            outcome = fit.run()
    if outcome.failure is not None:
        raise ModelError(f"fine-tuning failed: {outcome.failure}; give fewer --finetune steps, or none")
    for role, side in zip(("sender", "receiver"), stitched.sides, strict=True):
        if digest(side.network.module) != side.digest:
            raise TruthError(f"the {role} {side.network.name} changed while a copy of it was fine-tuned")
    again.eval()
    return again, Finetuned(
        steps=outcome.steps,
        part=spec.part,
        examples=len(train),
        batch_size=spec.fit.batch_size,
        optimiser=spec.fit.optimiser,
        learning_rate=spec.fit.learning_rate * (RETRY_RATE if outcome.retried else 1),
        parameters=sum(value.numel() for value in module.parameters()),
        loss=outcome.loss,
        score_before=score_before,
        stitch_digest=digest(again.stitch),
        receiver_digest=digest(again.suffix),
    )


def _expect_trainable(stitched: StitchedCell, spec: FinetuneSpec) -> None:
    cell, receiver = stitched.cell, stitched.sides[1]
    if cell.objective != "task":
        raise SpecError(
            f"expected a cell that was fitted to the task, got one fitted to {cell.objective}: fine-tuning "
            "goes on with the task's own loss, which this run did not use; choose a cell with objective task"
        )
    if spec.part == "stitch":
        if not list(stitched.stitch.parameters()):
            raise SpecError(
                f"expected a stitch with parameters to fine-tune, got {cell.stitch}, which has none: give "
                "--finetune-part stitch-and-receiver, or choose another stitch"
            )
        return
    others = {
        str(value.dtype).removeprefix("torch.")
        for value in stitched.suffix.parameters()
        if value.dtype != torch.float32
    }
    if others:
        raise SpecError(
            f"expected a receiver in float32 to fine-tune, got {receiver.network.name} in "
            f"{', '.join(sorted(others))}: small steps vanish in its rounding; give --finetune-part stitch"
        )


@final
class _Rest(Fittable):
    """Stitch and receiver's half as a function of the numbers of training examples.

    The half itself is not registered: its batch norms are no part of what a fit settles again.
    """

    def __init__(self, stitched: StitchedCell, part: Part) -> None:
        super().__init__()
        self.stitch = stitched.stitch
        self.__dict__["_stitched"] = stitched
        self.names: list[str] = []
        self.rest = nn.ParameterList()
        if part == "stitch-and-receiver":
            self.train_only([name for name, _ in stitched.suffix.named_parameters()])
        for value in self.parameters():
            value.requires_grad_(True)

    def train_only(self, names: list[str]) -> None:
        """Train these tensors of the receiver's half, and no others of it."""
        held = dict(self._stitched.suffix.named_parameters())
        self.names = names
        self.rest = nn.ParameterList([held[name] for name in names])

    @property
    def _stitched(self) -> StitchedCell:
        stitched: StitchedCell = self.__dict__["_stitched"]
        return stitched

    def forward(self, numbers: Tensor) -> Tensor:
        """Return outputs, as the task takes them, of the training examples with these numbers (n,)."""
        stitched, indices = self._stitched, numbers.long().cpu()
        sender, receiver = stitched.sides
        with torch.no_grad():
            given = sender.inputs.batch("train", indices)
            (provided,) = stitched.prefix(given.x, **given.kwargs)
        joined = self.stitch(provided.float()).to(stitched.dtypes[1])
        values = dict(zip(self.names, self.rest, strict=True))
        kwargs = receiver.inputs.kwargs("train", indices)
        output = functional_call(stitched.suffix, values, (joined,), kwargs)
        return stitched.reading(output).float()

    def project(self, values: Values) -> Values:
        """Keep the stitch within its family."""
        own = {name.removeprefix("stitch."): v for name, v in values.items() if name.startswith("stitch.")}
        return {**values, **{f"stitch.{name}": value for name, value in self.stitch.project(own).items()}}


def _keep_reached(module: _Rest) -> None:
    """Leave out the tensors of the receiver's half that no gradient reaches, such as those before the cut.

    Raises:
        ModelError: a gradient reaches nothing at all.
        SpecError: nothing is left to train.
    """
    if not list(module.parameters()):
        raise SpecError(
            "expected something to fine-tune, got a stitch and a receiver's half without parameters"
        )
    few = numbers_of(torch.arange(_FEW))
    with torch.enable_grad(), no_fused_attention():
        outputs = module(few)
        if not outputs.requires_grad:
            raise ModelError(
                "no gradient reaches the stitch: the receiver's forward switches gradients off behind the "
                "cut; export without --finetune"
            )
        held = list(module.rest)
        found = torch.autograd.grad(outputs.sum(), held, allow_unused=True) if held else ()
    module.train_only([name for name, value in zip(module.names, found, strict=True) if value is not None])
