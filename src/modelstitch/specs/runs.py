"""Cells, evidence and runs, and the hash by which they are known."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.specs.controls import CONTROLS, TRAINED
from modelstitch.specs.fits import FitSpec, StitchSpec
from modelstitch.specs.models_and_data import DataSpec, ModelSpec, View
from modelstitch.specs.names import (
    EVIDENCE,
    IN_MEMORY,
    RANDOM,
    ROLE_SEEDS,
    STANDARD_EVIDENCE,
    RandomName,
    positive,
)
from modelstitch.specs.objectives import OBJECTIVES, ObjectiveName
from modelstitch.util.arguments import checked, checked_fields, several

_GIVEN = re.compile(r"[^:/\\]+ \(.*\)")
"""How a network is called that was given in memory: ``Net (sender)``, or ``R1111 (width 4, seed 0)``."""


@checked_fields
@dataclass(frozen=True, kw_only=True)
class EvidenceSpec:
    """What is measured about a cell beside its score.

    Attributes:
        kinds: some of :data:`modelstitch.specs.EVIDENCE`.
        n_examples: most held-out examples to measure on, spread evenly over the held-out part.

    Raises:
        SpecError: an unknown kind, or no examples.

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
    @checked()
    def parse(cls, names: str | Sequence[str], n_examples: int = 1000) -> EvidenceSpec:
        """Return the spec of kinds by name; ``standard``, ``all`` and ``none`` stand for several.

        Raises:
            SpecError: an unknown name.

        Example:
            >>> EvidenceSpec.parse(["none", "rank", "errors"]).kinds
            ('errors', 'rank')
        """
        groups = {"standard": STANDARD_EVIDENCE, "all": EVIDENCE, "none": ()}
        chosen = [kind for name in several(names) for kind in groups.get(name, (name,))]
        for kind in chosen:
            expect_one_of("kind of evidence", kind, (*groups, *EVIDENCE), SpecError)
        return cls(kinds=tuple(kind for kind in EVIDENCE if kind in chosen), n_examples=n_examples)


@checked_fields
@dataclass(frozen=True, kw_only=True)
class CellSpec:
    """One cell of a grid.

    Attributes:
        sender_cut, receiver_cut: names of the two cuts.
        stitch: what joins them.
        objective: what the stitch is fitted to.
        control: the grid that the cell belongs to.
        seed: of the fit, and of the untrained copies and planted senders of the control.
        draw: which of the untrained copies that this seed draws: a verdict compares with several of them.

    Raises:
        SpecError: an unknown objective or control, or a draw below 0.

    Example:
        >>> str(CellSpec(sender_cut="layers.2", receiver_cut="layers.3", control="one-hot"))
        'layers.2 -> layers.3 (affine, control one-hot, seed 0)'
    """

    sender_cut: str
    receiver_cut: str
    stitch: StitchSpec = field(default_factory=StitchSpec)
    objective: ObjectiveName = "task"
    control: str = TRAINED
    seed: int = 0
    draw: int = 0

    def __post_init__(self) -> None:
        expect_one_of("objective", self.objective, OBJECTIVES, SpecError)
        expect_one_of("control", self.control, CONTROLS, SpecError)
        if self.draw < 0:
            raise SpecError(f"expected a draw of 0 or more, got {self.draw}")

    def __str__(self) -> str:
        draw = f", draw {self.draw}" if self.draw else ""
        return (
            f"{self.sender_cut} -> {self.receiver_cut} "
            f"({self.stitch.label}, control {self.control}, seed {self.seed}{draw})"
        )


@checked_fields
@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that decides the numbers of a run.

    Attributes:
        sender, receiver, data: where the two networks and the examples come from.
        sender_cuts, receiver_cuts: rows and columns of every grid.
        stitches: what each pair of cuts is joined by.
        fit: how stitches are fitted.
        controls: the grids, the real one among them.
        seeds: each fits every cell once.
        random: what becomes of tensors of an untrained copy that nothing draws: ``redraw`` refuses them,
            ``permute`` permutes each within itself.

    Raises:
        SpecError: nothing or a repeat where several values stand, an unknown control or value of ``random``,
            or a control that is about labels beside another objective than the task.

    Example:
        >>> model, data = ModelSpec(source="a"), DataSpec(source="digits")
        >>> cuts = {"sender_cuts": ("1", "2"), "receiver_cuts": ("1", "2")}
        >>> spec = RunSpec(sender=model, receiver=model, data=data, **cuts)
        >>> len(spec.cells()), spec.objectives
        (4, ('task',))
    """

    sender: ModelSpec
    receiver: ModelSpec
    data: DataSpec
    sender_cuts: tuple[str, ...]
    receiver_cuts: tuple[str, ...]
    stitches: tuple[StitchSpec, ...] = (StitchSpec(),)
    fit: FitSpec = field(default_factory=FitSpec)
    controls: tuple[str, ...] = (TRAINED,)
    seeds: tuple[int, ...] = (0,)
    random: RandomName = "redraw"

    def __post_init__(self) -> None:
        for name in ("sender_cuts", "receiver_cuts", "stitches", "controls", "seeds"):
            values = getattr(self, name)
            if not values:
                raise SpecError(f"expected at least one of {name}, got none")
            if len(set(values)) < len(values):
                raise SpecError(f"expected {name} without repeats, got {list(values)}")
        expect_one_of("value of random", self.random, RANDOM, SpecError)
        for control in self.controls:
            expect_one_of("control", control, CONTROLS, SpecError)
            other = next((name for name in self.objectives if not OBJECTIVES[name].reads_labels), None)
            if CONTROLS[control].needs_task and other is not None:
                raise SpecError(
                    f"expected the objective task with the control {control}, which is about labels, got "
                    f"{other!r}: leave the control out, or fit to the task"
                )

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> RunSpec:
        """Return the spec that ``dataclasses.asdict`` turned into ``values``, also read back from JSON.

        A choice that is missing, since an older version wrote the values, has its default.

        Raises:
            SpecError: a value that no spec may have.

        Example:
            >>> model, data = ModelSpec(source="a"), DataSpec(source="b")
            >>> cuts = {"sender_cuts": ("x",), "receiver_cuts": ("y",)}
            >>> spec = RunSpec(sender=model, receiver=model, data=data, **cuts)
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
            random=values.get("random", "redraw"),
        )

    @property
    def in_memory(self) -> tuple[str, ...]:
        """Which of ``sender``, ``receiver`` and ``data`` were given in memory: no name brings them back."""
        models = {role: getattr(self, role).source for role in ROLE_SEEDS}
        given = [role for role, source in models.items() if source == IN_MEMORY or _GIVEN.fullmatch(source)]
        return (*given, *(["data"] if self.data.source == IN_MEMORY else []))

    @property
    def objectives(self) -> tuple[ObjectiveName, ...]:
        """What stitches are fitted to: the stitch's own objective, or else that of the fit."""
        return tuple(dict.fromkeys(stitch.objective or self.fit.objective for stitch in self.stitches))

    def cells(self) -> list[CellSpec]:
        """Return every cell; cells that share a sender's representation stand beside each other.

        The rows of a self-stitch are receiver cuts: those that the sender has too, into every receiver cut,
        and each other one into itself.
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
        if not CONTROLS[control].self_stitch:
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
