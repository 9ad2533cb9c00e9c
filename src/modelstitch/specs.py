"""What to do, as frozen values: models, data, stitches, fits, cells and runs. No torch here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from modelstitch.errors import SpecError, expect_one_of

RESULT_VERSION = 1
"""Raised whenever the same spec would give other numbers; part of the key of every cell."""

FAMILIES = ("identity", "affine")
NORMS = ("none", "batch")
CONTROLS = ("none", "random-sender", "random-receiver", "random-both")
PROTOCOLS = ("default", "paper")

ROLE_SEEDS = {"sender": 0, "receiver": 1}
"""Seeds of models given by name alone: two untrained ones of one source must not be the same network."""

Norm = Literal["none", "batch"]
Coordinates = Literal["plain", "standardised"]


def _positive(name: str, value: float | None, *, zero: bool = False) -> None:
    if value is not None and not (math.isfinite(value) and (value > 0 or (zero and value == 0))):
        raise SpecError(f"expected {name} {'>= 0' if zero else '> 0'}, got {value}")


@dataclass(frozen=True, kw_only=True)
class View:
    """How one model wants to see an image: size and channels, then ``(x - mean) / std`` of values in 0-1.

    A field that is None leaves the data as it is.
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for length in self.size or ():
            _positive("image size", length)
        _positive("channels", self.channels)
        if (self.mean is None) != (self.std is None):
            raise SpecError(f"expected mean and std together, got mean {self.mean}, std {self.std}")
        if self.mean is not None and self.std is not None and len(self.mean) != len(self.std):
            raise SpecError(
                f"expected as many values in std as in mean, got {len(self.std)} and {len(self.mean)}"
            )
        for value in self.std or ():
            _positive("std", value)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Where a model comes from: source, weights file, and the view that replaces the source's own.

    ``partial`` allows weights that fit only in part; ``seed`` draws what no weights file fills.
    """

    source: str
    weights: str | None = None
    partial: bool = False
    seed: int = 0
    view: View = field(default_factory=View)


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """Where the labelled images come from, how many to fit on, and the seed of a split that has to be made."""

    source: str
    limit: int | None = None
    heldout_limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        _positive("limit", self.limit)
        _positive("heldout limit", self.heldout_limit)


@dataclass(frozen=True, kw_only=True)
class StitchSpec:
    """The family of a stitch, and whether batch norms stand around its transformation."""

    family: str = "affine"
    norm: Norm = "none"

    def __post_init__(self) -> None:
        expect_one_of("stitch family", self.family, FAMILIES, SpecError)
        expect_one_of("norm", self.norm, NORMS, SpecError)
        if self.family == "identity" and self.norm != "none":
            raise SpecError("expected norm 'none' with the family identity, got 'batch'")

    @property
    def label(self) -> str:
        return self.family if self.norm == "none" else f"{self.family}+{self.norm}"


@dataclass(frozen=True, kw_only=True)
class FitSpec:
    """How a stitch is fitted: linear warm-up over a share of the steps, then a cosine to zero.

    Attributes:
        protocol: the name of the set of values that this one started from.
        objective: what the stitch is fitted to; ``task`` is the receiver's own loss.
        optimiser: ``adam`` or ``sgd`` (with momentum).
        learning_rate: the highest rate; for the paper's protocol at batch 256, scaled by batch / 256.
        weight_decay: L2 penalty on all parameters of the stitch.
        epochs: passes over the training part; ignored where ``steps`` is given.
        warmup_share: share of the steps with a linearly rising rate.
        coordinates: ``standardised`` fits in units of each channel's mean and standard deviation and folds them
            into the weights afterwards; ``plain`` fits the weights themselves.
    """

    protocol: str = "default"
    objective: Literal["task"] = "task"
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 3e-2
    momentum: float = 0.9
    weight_decay: float = 0.0
    batch_size: int = 256
    epochs: float = 4
    steps: int | None = None
    warmup_share: float = 0.25
    coordinates: Coordinates = "standardised"

    def __post_init__(self) -> None:
        expect_one_of("protocol", self.protocol, PROTOCOLS, SpecError)
        expect_one_of("objective", self.objective, ("task",), SpecError)
        expect_one_of("optimiser", self.optimiser, ("adam", "sgd"), SpecError)
        expect_one_of("coordinates", self.coordinates, ("plain", "standardised"), SpecError)
        _positive("learning rate", self.learning_rate)
        _positive("batch size", self.batch_size)
        _positive("epochs", self.epochs)
        _positive("steps", self.steps)
        _positive("weight decay", self.weight_decay, zero=True)
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

        Example:
            >>> FitSpec.named("paper", batch_size=128).learning_rate
            0.005
        """
        expect_one_of("protocol", protocol, PROTOCOLS, SpecError)
        if protocol == "paper":
            batch_size = int(changes.get("batch_size", 256))
            paper: dict[str, Any] = {
                "optimiser": "sgd",
                "learning_rate": 0.01 * batch_size / 256,
                "weight_decay": 0.01,
                "epochs": 4,
                "warmup_share": 0.1,
                "coordinates": "plain",
            }
            changes = {**paper, **changes}
        return cls(protocol=protocol, **changes)

    def n_steps(self, n_examples: int) -> int:
        """Return the number of optimiser steps on ``n_examples`` (whole batches; one batch where fewer).

        Example:
            >>> FitSpec(epochs=4, batch_size=256).n_steps(10_000)
            156
        """
        if self.steps is not None:
            return self.steps
        return max(1, round(self.epochs * max(1, n_examples // self.batch_size)))


@dataclass(frozen=True, kw_only=True)
class CellSpec:
    """One cell: which representation goes where, through what, fitted to what, under which control and seed."""

    sender_cut: str
    receiver_cut: str
    stitch: StitchSpec = field(default_factory=StitchSpec)
    objective: str = "task"
    control: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        expect_one_of("control", self.control, CONTROLS, SpecError)

    def __str__(self) -> str:
        return (
            f"{self.sender_cut} -> {self.receiver_cut} "
            f"({self.stitch.label}, control {self.control}, seed {self.seed})"
        )


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that decides the numbers of a run."""

    sender: ModelSpec
    receiver: ModelSpec
    data: DataSpec
    sender_cuts: tuple[str, ...]
    receiver_cuts: tuple[str, ...]
    stitches: tuple[StitchSpec, ...] = (StitchSpec(),)
    fit: FitSpec = field(default_factory=FitSpec)
    controls: tuple[str, ...] = ("none",)
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        for name in ("sender_cuts", "receiver_cuts", "stitches", "controls", "seeds"):
            values = getattr(self, name)
            if not values:
                raise SpecError(f"expected at least one of {name}, got none")
            if len(set(values)) < len(values):
                raise SpecError(f"expected {name} without repeats, got {list(values)}")
        for control in self.controls:
            expect_one_of("control", control, CONTROLS, SpecError)

    def cells(self) -> list[CellSpec]:
        """Return every cell, those that share a sender's representation beside each other."""
        return [
            CellSpec(
                sender_cut=sender_cut,
                receiver_cut=receiver_cut,
                stitch=stitch,
                objective=self.fit.objective,
                control=control,
                seed=seed,
            )
            for control in self.controls
            for seed in self.seeds
            for sender_cut in self.sender_cuts
            for receiver_cut in self.receiver_cuts
            for stitch in self.stitches
        ]


def to_json(spec: Any) -> str:
    """Return the canonical JSON of a spec: sorted keys, no spaces."""
    return json.dumps(dataclasses.asdict(spec), sort_keys=True, separators=(",", ":"))


def content_hash(*parts: Any) -> str:
    """Return the SHA-256 of specs, strings and numbers, in hexadecimal.

    Example:
        >>> content_hash(View(channels=1)) == content_hash(View(channels=1))
        True
        >>> content_hash("a", "b") == content_hash("ab")
        False
    """
    digest = hashlib.sha256()
    for part in parts:
        text = to_json(part) if dataclasses.is_dataclass(part) else json.dumps(part)
        digest.update(f"{type(part).__name__}:{len(text)}:{text}".encode())
    return digest.hexdigest()
