"""What is fitted, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.specs.families import DEFAULT_FAMILY, FAMILIES, FamilyInfo
from modelstitch.specs.names import NORMS, Norm, positive
from modelstitch.specs.objectives import OBJECTIVES, ObjectiveName
from modelstitch.util.arguments import checked, checked_fields

_AS_PUBLISHED = {
    "schedule": "cosine",
    "coordinates": "plain",
    "start": "random",
    "precision": "float32",
    "accelerate": False,
    "scale_errors": False,
    "least_squares": False,
}

PROTOCOLS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "default": {},
        "paper": {
            **_AS_PUBLISHED,
            "optimiser": "sgd",
            "momentum": 0.9,
            "weight_decay": 0.01,
            "warmup_share": 0.1,
        },
        "bansal": {**_AS_PUBLISHED, "optimiser": "adam", "weight_decay": 0.0, "warmup_share": 0.0},
    }
)
"""The fields of :class:`FitSpec` that make a protocol. Objective, length, batch and rate are free."""


@checked_fields
@dataclass(frozen=True, kw_only=True)
class StitchSpec:
    """Which stitch is fitted: a family, its size, its batch norms, and what it is fitted to.

    Attributes:
        family: one of :data:`modelstitch.specs.FAMILIES`.
        norm: ``batch`` for batch norms around the transformation, or ``none``.
        size: rank of ``lowrank``, odd kernel of ``conv``, hidden units of ``mlp``; none for other families.
        objective: for runs that compare objectives; without it, that of the :class:`FitSpec`.

    Raises:
        SpecError: an unknown name, or a size or a norm that the family does not take.

    Example:
        >>> StitchSpec(family="lowrank", size=4).label, StitchSpec(norm="batch").label
        ('lowrank(4)', 'affine+batch')
        >>> StitchSpec(objective="match").label
        'affine by match'
    """

    family: str = DEFAULT_FAMILY
    norm: Norm = "none"
    size: int | None = None
    objective: ObjectiveName | None = None

    def __post_init__(self) -> None:
        if self.objective is not None:
            expect_one_of("objective", self.objective, OBJECTIVES, SpecError)
        expect_one_of("stitch family", self.family, FAMILIES, SpecError)
        expect_one_of("norm", self.norm, NORMS, SpecError)
        if self.norm != "none" and not self.info.takes_norm:
            raise SpecError(f"expected norm 'none' with the family {self.family}, got {self.norm!r}")
        if self.info.size is None:
            if self.size is not None:
                raise SpecError(f"expected no size with the family {self.family}, got {self.size}")
            return
        if self.size is None:
            object.__setattr__(self, "size", self.info.default_size)
        assert self.size is not None
        if self.size < 1 or (self.info.odd_size and self.size % 2 == 0):
            expected = f"an odd {self.info.size}" if self.info.odd_size else "a size of at least 1"
            raise SpecError(f"expected {expected} for the family {self.family}, got {self.size}")

    @property
    def info(self) -> FamilyInfo:
        """The row of the family in the table."""
        return FAMILIES[self.family]

    def is_solved(self, objective: str) -> bool:
        """Tell whether least squares fits this stitch to ``objective``, so that no gradient is needed.

        Example:
            >>> StitchSpec().is_solved("match"), StitchSpec().is_solved("task")
            (True, False)
            >>> StitchSpec(norm="batch").is_solved("match")
            False
        """
        return OBJECTIVES[objective].least_squares and self.norm == "none" and self.info.closed_form

    def passes_whole(self, n_channels: int) -> bool:
        """Tell whether a representation with so many channels can pass as it is, between equal shapes.

        A hidden layer with ReLU needs two units a channel, one for each sign.

        Example:
            >>> StitchSpec(family="lowrank", size=8).passes_whole(16), StitchSpec().passes_whole(16)
            (False, True)
        """
        needed = self.info.whole_from
        return needed is None or self.size is None or self.size >= needed * n_channels

    @classmethod
    @checked()
    def parse(cls, text: str, norm: str = "none") -> StitchSpec:
        """Read ``affine``, ``lowrank(4)``, ``affine+batch`` or ``affine by match``.

        Raises:
            SpecError: anything else.

        Example:
            >>> StitchSpec.parse("conv(3)+batch").size, StitchSpec.parse("lowrank(4) by logits").objective
            (3, 'logits')
        """
        name, plus, own_norm = text.strip().partition("+")
        name, by, objective = name.partition(" by ")
        match = re.fullmatch(r"([^()]*)(?:\((\d+)\))?", name)
        if match is None:
            raise SpecError(f"expected a stitch such as affine, lowrank(8) or affine+batch, got {text!r}")
        size = int(match[2]) if match[2] else None
        return cls(
            family=match[1],
            size=size,
            norm=own_norm if plus else norm,  # type: ignore[arg-type]
            objective=objective if by else None,  # type: ignore[arg-type]
        )

    @property
    def name(self) -> str:
        """The family with its size, and the objective where it has its own, such as ``lowrank(8)``."""
        sized = self.family if self.size is None else f"{self.family}({self.size})"
        return sized if self.objective is None else f"{sized} by {self.objective}"

    @property
    def label(self) -> str:
        """The family with its size and norm, such as ``conv(3)+batch``; :meth:`parse` reads it."""
        return self.name if self.norm == "none" else f"{self.name}+{self.norm}"


@checked_fields
@dataclass(frozen=True, kw_only=True)
class FitSpec:
    """How a stitch is fitted.

    Without ``epochs`` and ``steps`` the length is automatic: a schedule of ``first_steps`` steps, then one of
    twice as many, and so on, until twice the steps gain less than their noise on a part of the training data
    kept aside.

    Attributes:
        protocol: where the values come from: ``default``, ``paper`` or ``bansal``. It decides nothing. With a
            paper's name, all fields that :data:`PROTOCOLS` lists must be that paper's; :meth:`named` sets
            them.
        objective: ``task`` (the receiver's own loss), ``match`` (the expected representation, squared error),
            ``logits`` (the receiver's own outputs, KL), ``latent`` (expected representations at the cut and
            every later cut).
        optimiser: ``muon`` (orthogonalised momentum), ``adam``, or ``sgd`` (with momentum).
        learning_rate: the highest rate.
        momentum: of muon and sgd, in [0, 1).
        weight_decay: L2 penalty on all parameters of the stitch.
        batch_size: examples a step.
        epochs, steps: a fixed length, in passes over the training part or in steps.
        first_steps: length of the first automatic schedule.
        max_epochs: an automatic fit ends unconverged where the next schedule would exceed it and 16 times the
            first. A control takes no more than three times the steps of the real cell, and 16 times the
            first schedule at least.
        schedule: ``averaged`` is 8 steps of warm-up, a constant rate, and the mean of the parameters over the
            second half, so that a schedule of 2n steps continues one of n. ``cosine`` is warm-up, then a
            cosine to 0.
        warmup_share: share of the steps of ``cosine`` with a linearly rising rate, in [0, 1).
        coordinates: in ``whitened`` ones the stitch's input is white and the expected channels have unit
            variance, and both are folded into the weights afterwards; ``plain`` fits the weights themselves.
        start: ``best`` takes the closed form or a random start, whichever has the lower training loss.
        precision: of the frozen halves during the fit; ``auto`` is bfloat16 where the processor has it and
            the fitted stitch scores the same in float32, else float32. Scores are always taken in float32.
        accelerate: run frozen halves with their batch norms folded; bfloat16 needs it.
        scale_errors: divide the squared error of ``match`` by the variance of the expected representation.
        least_squares: solve ``match`` in closed form where the family has one, instead of by gradient.

    Raises:
        SpecError: a value outside its legal range or set, or a protocol's name beside values of another.

    Example:
        >>> FitSpec(steps=100).automatic, FitSpec().automatic
        (False, True)
        >>> FitSpec(protocol="paper")
        Traceback (most recent call last):
        ...
        modelstitch.errors.SpecError: expected the values of protocol 'paper', got ...
    """

    protocol: str = "default"
    objective: ObjectiveName = "task"
    optimiser: Literal["muon", "adam", "sgd"] = "muon"
    learning_rate: float = 0.1
    momentum: float = 0.8
    weight_decay: float = 0.0
    batch_size: int = 64
    epochs: float | None = None
    steps: int | None = None
    first_steps: int = 40
    max_epochs: float = 8
    schedule: Literal["averaged", "cosine"] = "averaged"
    warmup_share: float = 0.1
    coordinates: Literal["whitened", "plain"] = "whitened"
    start: Literal["best", "closed-form", "random"] = "best"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    accelerate: bool = True
    scale_errors: bool = True
    least_squares: bool = True

    def __post_init__(self) -> None:
        expect_one_of("protocol", self.protocol, PROTOCOLS, SpecError)
        expect_one_of("objective", self.objective, OBJECTIVES, SpecError)
        expect_one_of("optimiser", self.optimiser, ("muon", "adam", "sgd"), SpecError)
        expect_one_of("schedule", self.schedule, ("averaged", "cosine"), SpecError)
        expect_one_of("coordinates", self.coordinates, ("whitened", "plain"), SpecError)
        expect_one_of("start", self.start, ("best", "closed-form", "random"), SpecError)
        expect_one_of("precision", self.precision, ("auto", "float32", "bfloat16"), SpecError)
        for name in ("learning_rate", "batch_size", "epochs", "steps", "first_steps", "max_epochs"):
            positive(name.replace("_", " "), getattr(self, name))
        positive("weight decay", self.weight_decay, zero=True)
        if not 0 <= self.momentum < 1:
            raise SpecError(f"expected momentum in [0, 1), got {self.momentum}")
        if not 0 <= self.warmup_share < 1:
            raise SpecError(f"expected warm-up share in [0, 1), got {self.warmup_share}")
        if self.precision == "bfloat16" and not self.accelerate:
            raise SpecError("expected accelerate=True with precision 'bfloat16', got accelerate=False")
        self._expect_values_of_protocol()

    def _expect_values_of_protocol(self) -> None:
        """Raise unless the fields that make the protocol are its own; a paper's has a fixed length, too."""
        differences = [
            f"{name}={getattr(self, name)!r} (not {value!r})"
            for name, value in PROTOCOLS[self.protocol].items()
            if getattr(self, name) != value
        ]
        if PROTOCOLS[self.protocol] and self.automatic:
            differences.append("no length (not epochs or steps)")
        if differences:
            raise SpecError(
                f"expected the values of protocol {self.protocol!r}, got {', '.join(differences)}: build it "
                f"with FitSpec.named({self.protocol!r}), and leave the name out of a fit with other values"
            )

    @classmethod
    def named(cls, protocol: str, **changes: Any) -> FitSpec:
        """Return a protocol by its name, with ``changes`` to what it leaves free.

        ``paper`` is the optimiser of Hernandez et al. 2022, section 3: SGD with momentum 0.9, 4 epochs, batch
        256, learning rate 0.01 x batch / 256, weight decay 0.01, warm-up, then a cosine. Their scripts give
        10 epochs of warm-up and 4 epochs in all, which is impossible; we read 10 % of the steps linear, then
        a cosine to 0.

        ``bansal`` is the optimiser of Bansal et al. 2021, appendix: Adam from 0.001, cosine, for use with
        norm ``batch`` (their stitch is BN-conv-BN). Batch 256 and 4 epochs are our choice, to compare at
        equal cost. Unlike in their loop, both halves stay in eval mode.

        Both start at random, in plain coordinates and float32. Nothing is accelerated, solved or cut short.

        Args:
            protocol: ``default``, ``paper`` or ``bansal``.
            changes: fields to set; for a paper's protocol the objective, the length, the batch or the rate.

        Raises:
            SpecError: an unknown protocol, or a change of what makes the protocol.

        Example:
            >>> FitSpec.named("paper", batch_size=128).learning_rate
            0.005
        """
        expect_one_of("protocol", protocol, PROTOCOLS, SpecError)
        free: dict[str, Any] = {}
        if PROTOCOLS[protocol]:
            batch_size = int(changes.get("batch_size", 256))
            free = {
                "batch_size": batch_size,
                "epochs": None if changes.get("steps") is not None else 4,
                "learning_rate": 0.01 * batch_size / 256 if protocol == "paper" else 1e-3,
            }
        return cls(protocol=protocol, **{**PROTOCOLS[protocol], **free, **changes})

    @property
    def needs_moments(self) -> bool:
        """Whether second moments are read: for a solution, a start or coordinates."""
        solves = self.least_squares and OBJECTIVES[self.objective].least_squares
        return solves or self.coordinates == "whitened" or self.start != "random"

    @property
    def automatic(self) -> bool:
        """Whether the length of a fit is found by doubling."""
        return self.epochs is None and self.steps is None

    def n_steps(self, n_examples: int) -> int:
        """Return the length of the first (or only) schedule on ``n_examples``, in optimiser steps.

        Whole batches count; one batch where there are fewer examples.

        Example:
            >>> FitSpec(epochs=4, batch_size=256).n_steps(10_000), FitSpec().n_steps(10_000)
            (156, 40)
        """
        if self.steps is not None:
            return self.steps
        if self.epochs is None:
            return self.first_steps
        return max(1, round(self.epochs * max(1, n_examples // self.batch_size)))

    def max_steps(self, n_examples: int) -> int:
        """Return the most steps that one automatic schedule may have on ``n_examples``.

        Example:
            >>> FitSpec().max_steps(10_000)
            1250
        """
        return max(
            16 * self.first_steps, int(self.max_epochs * n_examples / min(self.batch_size, n_examples))
        )
