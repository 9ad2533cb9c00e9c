"""What is fitted, and how."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.specs.names import (
    DEFAULT_SIZES,
    FAMILIES,
    NORMED_FAMILIES,
    NORMS,
    OBJECTIVES,
    PROTOCOLS,
    Norm,
    Objective,
    positive,
)


@dataclass(frozen=True, kw_only=True)
class StitchSpec:
    """The family of a stitch, its size, whether batch norms stand around its transformation, and what it is fitted to.

    ``size`` is the rank of ``lowrank``, the kernel of ``conv`` (odd) and the hidden units of ``mlp``; other families
    have none. ``objective`` is for runs that compare objectives: without it a stitch is fitted to the objective of its :class:`FitSpec`.

    Example:
        >>> StitchSpec(family="lowrank", size=4).label, StitchSpec(norm="batch").label, StitchSpec(objective="match").label
        ('lowrank(4)', 'affine+batch', 'affine by match')
    """

    family: str = "affine"
    norm: Norm = "none"
    size: int | None = None
    objective: Objective | None = None

    def __post_init__(self) -> None:
        if self.objective is not None:
            expect_one_of("objective", self.objective, OBJECTIVES, SpecError)
        expect_one_of("stitch family", self.family, FAMILIES, SpecError)
        expect_one_of("norm", self.norm, NORMS, SpecError)
        if self.norm != "none" and self.family not in NORMED_FAMILIES:
            raise SpecError(f"expected norm 'none' with the family {self.family}, got {self.norm!r}")
        if self.family not in DEFAULT_SIZES:
            if self.size is not None:
                raise SpecError(f"expected no size with the family {self.family}, got {self.size}")
            return
        if self.size is None:
            object.__setattr__(self, "size", DEFAULT_SIZES[self.family])
        assert self.size is not None
        if self.size < 1 or (self.family == "conv" and self.size % 2 == 0):
            wanted = "an odd kernel" if self.family == "conv" else "a size of at least 1"
            raise SpecError(f"expected {wanted} for the family {self.family}, got {self.size}")

    @classmethod
    def parse(cls, text: str, norm: str = "none") -> StitchSpec:
        """Read ``affine``, ``lowrank(4)``, ``affine+batch`` or ``affine by match``.

        Raises:
            SpecError: anything else.

        Example:
            >>> StitchSpec.parse("conv(3)+batch").size, StitchSpec.parse("lowrank(4) by logits").objective
            (3, 'logits')
        """
        name, plus, given = text.strip().partition("+")
        name, by, objective = name.partition(" by ")
        found = re.fullmatch(r"([^()]*)(?:\((\d+)\))?", name)
        if found is None:
            raise SpecError(f"expected a stitch such as affine, lowrank(8) or affine+batch, got {text!r}")
        size = int(found[2]) if found[2] else None
        return cls(
            family=found[1],
            size=size,
            norm=given if plus else norm,  # type: ignore[arg-type]
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


@dataclass(frozen=True, kw_only=True)
class FitSpec:
    """How a stitch is fitted.

    Without ``epochs`` or ``steps`` the length is automatic: schedules of ``first_steps`` steps, then twice as many, and
    so on, until twice the steps gain less than their noise on a part of the training data kept aside.

    Attributes:
        protocol: the name of the set of values that this one started from.
        objective: ``task`` (the receiver's own loss), ``match`` (the expected representation, squared error; closed
            form where the family is linear), ``logits`` (the receiver's own outputs, KL), ``latent`` (expected
            representations at the cut and every later cut).
        optimiser: ``muon`` (orthogonalised momentum), ``adam``, or ``sgd`` (with momentum).
        learning_rate: the highest rate; for the paper's protocol at batch 256, scaled by batch / 256.
        momentum: of muon and sgd.
        weight_decay: L2 penalty on all parameters of the stitch.
        epochs, steps: a fixed length, in passes over the training part or in steps; nothing is kept aside then.
        first_steps: length of the first automatic schedule.
        max_epochs: an automatic fit ends unconverged where the next schedule would exceed it, and 16 times the first one.
        schedule: ``averaged`` is 8 steps of warm-up, a constant rate, and the mean of the parameters over the second half,
            so that a schedule of 2n steps goes on where that of n ended. ``cosine`` is warm-up, then a cosine to zero.
        warmup_share: share of the steps of ``cosine`` with a linearly rising rate.
        coordinates: ``whitened`` fits in coordinates in which the stitch's input is white and the expected channels
            have unit variance, and folds them into the weights afterwards; ``plain`` fits the weights themselves.
        start: ``best`` takes the closed form or a random start, whichever has the lower training loss.
        precision: of the frozen halves while a stitch is fitted; ``auto`` is bfloat16 where the processor has it and
            the fitted stitch scores the same in float32, else float32. Scores are always taken in float32.
    """

    protocol: str = "default"
    objective: Objective = "task"
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

    @classmethod
    def named(cls, protocol: str, **changes: Any) -> FitSpec:
        """Return the protocol called ``protocol`` with ``changes`` on top.

        ``paper`` is the optimiser of Hernandez et al. 2022, section 3: SGD with momentum 0.9, 4 epochs, batch 256,
        learning rate 0.01 x batch / 256, weight decay 0.01, warm-up then cosine. Their scripts write 10 warm-up
        epochs beside 4 epochs in all, which cannot be; our reading is 10 % of the steps linear, then cosine to zero.

        ``bansal`` is the optimiser of Bansal et al. 2021, appendix: Adam from 0.001, cosine, for use with norm
        ``batch`` (their stitch is BN-conv-BN); batch 256 and 4 epochs are our choice, to compare at equal cost. Unlike
        their loop, both halves stay in eval mode.

        Both start at random, in plain coordinates and float32, and are never cut short.

        Example:
            >>> FitSpec.named("paper", batch_size=128).learning_rate
            0.005
        """
        expect_one_of("protocol", protocol, PROTOCOLS, SpecError)
        plain: dict[str, Any] = {
            "batch_size": 256,
            "epochs": None if changes.get("steps") is not None else 4,
            "schedule": "cosine",
            "coordinates": "plain",
            "start": "random",
            "precision": "float32",
        }
        own: dict[str, Any] = {}
        if protocol == "paper":
            batch_size = int(changes.get("batch_size", 256))
            own = {
                **plain,
                "optimiser": "sgd",
                "learning_rate": 0.01 * batch_size / 256,
                "momentum": 0.9,
                "weight_decay": 0.01,
                "warmup_share": 0.1,
            }
        elif protocol == "bansal":
            own = {**plain, "optimiser": "adam", "learning_rate": 1e-3, "warmup_share": 0.0}
        return cls(protocol=protocol, **{**own, **changes})

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
