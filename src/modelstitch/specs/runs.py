"""Cells, evidence and runs, and the hash by which they are known."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.specs.controls import TRAINED
from modelstitch.specs.fits import FitSpec, StitchSpec
from modelstitch.specs.names import CONTROLS, EVIDENCE, STANDARD_EVIDENCE, Objective, positive
from modelstitch.specs.sources import DataSpec, ModelSpec, View


@dataclass(frozen=True, kw_only=True)
class EvidenceSpec:
    """What is measured about a cell beside its score, and on how many held-out examples (spread evenly over them).

    Example:
        >>> EvidenceSpec.parse(["all"]).kinds == EVIDENCE
        True
    """

    kinds: tuple[str, ...] = STANDARD_EVIDENCE
    n_examples: int = 1000

    def __post_init__(self) -> None:
        for kind in self.kinds:
            expect_one_of("kind of evidence", kind, EVIDENCE, SpecError)
        positive("examples of the evidence", self.n_examples)

    @classmethod
    def parse(cls, names: Sequence[str], n_examples: int = 1000) -> EvidenceSpec:
        """Read names of kinds, where ``standard``, ``all`` and ``none`` stand for several.

        Raises:
            SpecError: an unknown name.
        """
        groups = {"standard": STANDARD_EVIDENCE, "all": EVIDENCE, "none": ()}
        wanted = [kind for name in names for kind in groups.get(name, (name,))]
        for kind in wanted:
            expect_one_of("kind of evidence", kind, (*groups, *EVIDENCE), SpecError)
        return cls(kinds=tuple(kind for kind in EVIDENCE if kind in wanted), n_examples=n_examples)


@dataclass(frozen=True, kw_only=True)
class CellSpec:
    """One cell: which representation goes where, through what, fitted to what, under which control and seed."""

    sender_cut: str
    receiver_cut: str
    stitch: StitchSpec = field(default_factory=StitchSpec)
    objective: Objective = "task"
    control: str = TRAINED
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
    controls: tuple[str, ...] = (TRAINED,)
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
            other = next((each for each in self.objectives if each != "task"), None)
            if control in ("probe", "shuffled-labels") and other is not None:
                raise SpecError(
                    f"expected the objective task with the control {control}, which is about labels, got "
                    f"{other!r}: leave the control out, or fit to the task"
                )

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> RunSpec:
        """Return the spec whose ``dataclasses.asdict`` gave ``values``, also after JSON turned tuples into lists.

        A choice that ``values`` lacks, since it was written by an older version, has its default.

        Raises:
            SpecError: a value that no spec may have.

        Example:
            >>> model, data = ModelSpec(source="a"), DataSpec(source="b")
            >>> spec = RunSpec(sender=model, receiver=model, data=data, sender_cuts=("x",), receiver_cuts=("y",))
            >>> RunSpec.from_plain(json.loads(to_json(spec))) == spec
            True
        """
        return cls(
            sender=_model_spec(values["sender"]),
            receiver=_model_spec(values["receiver"]),
            data=DataSpec(**values["data"]),
            sender_cuts=tuple(values["sender_cuts"]),
            receiver_cuts=tuple(values["receiver_cuts"]),
            stitches=tuple(StitchSpec(**stitch) for stitch in values["stitches"]),
            fit=FitSpec.named(**values["fit"]),
            controls=tuple(values["controls"]),
            seeds=tuple(values["seeds"]),
        )

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What stitches are fitted to, the objective of the fit or that of the stitch itself."""
        return tuple(dict.fromkeys(stitch.objective or self.fit.objective for stitch in self.stitches))

    def cells(self) -> list[CellSpec]:
        """Return every cell, those that share a sender's representation beside each other.

        A self-stitch takes the receiver's cuts of the same names as the sender's, and every receiver cut into itself.
        """
        return [
            CellSpec(
                sender_cut=sender_cut,
                receiver_cut=receiver_cut,
                stitch=stitch,
                objective=stitch.objective or self.fit.objective,
                control=control,
                seed=seed,
            )
            for control in self.controls
            for seed in self.seeds
            for sender_cut, receiver_cut in self._cut_pairs(control)
            for stitch in self.stitches
        ]

    def _cut_pairs(self, control: str) -> list[tuple[str, str]]:
        if control != "self-stitch":
            return [(i, j) for i in self.sender_cuts for j in self.receiver_cuts]
        named = [name for name in self.sender_cuts if name in self.receiver_cuts]
        own = [name for name in self.receiver_cuts if name not in named]
        return [(i, j) for i in (*named, *own) for j in self.receiver_cuts if i in named or i == j]


def _model_spec(values: Mapping[str, Any]) -> ModelSpec:
    view: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values["view"].items()
    }
    layouts = tuple((cut, layout) for cut, layout in values["layouts"])
    return ModelSpec(**{**values, "view": View(**view), "layouts": layouts})


def to_json(spec: Any) -> str:
    """Return the canonical JSON of a spec: sorted keys, no spaces."""
    return json.dumps(dataclasses.asdict(spec), sort_keys=True, separators=(",", ":"))


def content_hash(*parts: Any) -> str:
    """Return the SHA-256 of specs, strings and numbers, in hexadecimal.

    Example:
        >>> content_hash(DataSpec(source="a")) == content_hash(DataSpec(source="a"))
        True
        >>> content_hash("a", "b") == content_hash("ab")
        False
    """
    digest = hashlib.sha256()
    for part in parts:
        text = to_json(part) if dataclasses.is_dataclass(part) else json.dumps(part)
        digest.update(f"{type(part).__name__}:{len(text)}:{text}".encode())
    return digest.hexdigest()
