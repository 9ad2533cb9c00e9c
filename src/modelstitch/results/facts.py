"""What a run records beside its numbers: about both networks, about the data, about the software."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

from modelstitch.data.absent import Unscored
from modelstitch.data.copies import Copies
from modelstitch.models.drawn import Drawn
from modelstitch.models.weights.facts import WeightsFacts
from modelstitch.tasks import Numbering
from modelstitch.util.workers import Workers

T = TypeVar("T")


@dataclass(frozen=True)
class BySide(Generic[T]):
    """The same fact about the sender and about the receiver."""

    sender: T
    receiver: T


@dataclass(frozen=True, kw_only=True)
class LabelFacts:
    """How the classes of the data were matched with the outputs of one network.

    Attributes:
        by: ``names`` or ``numbers``.
        names_differ: whether both sides have names, and none is alike.
        n_outputs, n_classes: numbers of outputs and of classes.
        numbering: what the network's answers say of it; None where they were not asked.
    """

    by: str
    names_differ: bool
    n_outputs: int
    n_classes: int
    numbering: Numbering | None = None

    @classmethod
    def from_plain(cls, values: Mapping[str, Any] | None) -> LabelFacts | None:
        """Return the facts whose ``dataclasses.asdict`` gave ``values``."""
        if values is None:
            return None
        found = values["numbering"]
        moved = () if found is None else tuple(tuple(pair) for pair in found["moved"])
        return cls(
            **{**values, "numbering": None if found is None else Numbering(**{**found, "moved": moved})}
        )


@dataclass(frozen=True, kw_only=True)
class WholeScore:
    """The held-out score of a whole network beside that of the best constant answer.

    Attributes:
        score, low, high: with the ends of its 95 % interval.
        n: held-out examples.
        chance: score of the best constant answer on them.
    """

    score: float
    low: float
    high: float
    n: int
    chance: float

    @property
    def better_than_chance(self) -> bool:
        """Whether the network is shown to do better than the best constant answer."""
        return self.low > self.chance


@dataclass(frozen=True, kw_only=True)
class CutFacts:
    """How many texts or sounds are longer than what one network takes of them, and are cut.

    Attributes:
        unit: ``tokens`` or ``seconds``.
        most: how many of them the network takes.
        n_train, n_heldout: number of longer examples of each part.
    """

    unit: str
    most: float
    n_train: int
    n_heldout: int


@dataclass(frozen=True, kw_only=True)
class OutputFacts:
    """How the outputs of a network were read.

    Attributes:
        part: name or number of the output that was scored; empty where there was one.
        scale: what it holds, one of ``specs.OUTPUT_SCALES``.
        among: all outputs with their shapes, in words, where there were several.
    """

    part: str = ""
    scale: str = "logits"
    among: tuple[str, ...] = ()

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> OutputFacts:
        """Return the facts whose ``dataclasses.asdict`` gave ``values``, also read back from JSON."""
        return cls(**{**values, "among": tuple(values["among"])})


@dataclass(frozen=True, kw_only=True)
class PairFacts:
    """What was checked and recorded about two networks before any fit.

    Attributes:
        cut_difference: largest relative difference between a network and its two halves joined again.
        cut_tolerance: the largest difference that is accepted.
        identity_examples: number of examples on which an identity stitch reproduced each network.
        layouts: layout of the representation at each cut, by name of the cut.
        technique: how each network was divided.
        fitting_images_seen: share of the fitting images in each network's training set; None where unknown.
        labels: how classes were matched with the outputs of each network; None for a task without classes.
        by_batch: whether each gives an example other outputs in another batch, so that its batches are fixed.
        untrained: what was not drawn in the untrained copy of each; None where a run has no such copy.
        cut: texts or sounds that are longer than what each network takes; None where there are none.
        weights: what each network took of its weights; None where it took all of them, or unknown.
        outputs: how each network's outputs were read; None where it gives one output of logits.
        own: score of each whole network; None where it has none, or a run of an older version does not say.
    """

    cut_difference: float | None = None
    cut_tolerance: float | None = None
    identity_examples: int | None = None
    layouts: BySide[Mapping[str, str]] = field(default_factory=lambda: BySide({}, {}))
    technique: BySide[str] = BySide("", "")
    fitting_images_seen: BySide[float | None] = BySide(None, None)
    labels: BySide[LabelFacts | None] = BySide(None, None)
    by_batch: BySide[bool] = BySide(False, False)
    untrained: BySide[Drawn | None] = BySide(None, None)
    cut: BySide[CutFacts | None] = BySide(None, None)
    weights: BySide[WeightsFacts | None] = BySide(None, None)
    outputs: BySide[OutputFacts | None] = BySide(None, None)
    own: BySide[WholeScore | None] = BySide(None, None)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> PairFacts:
        """Return the facts whose ``dataclasses.asdict`` gave ``values``."""
        by_side = {
            name: BySide(**values[name])
            for name in ("layouts", "technique", "fitting_images_seen", "by_batch")
            if name in values
        }
        if "labels" in values:
            sides = {side: LabelFacts.from_plain(plain) for side, plain in values["labels"].items()}
            by_side["labels"] = BySide(**sides)
        if "untrained" in values:
            copies = values["untrained"].items()
            drawn = {side: None if plain is None else Drawn.from_plain(plain) for side, plain in copies}
            by_side["untrained"] = BySide(**drawn)
        for name, kind in (("cut", CutFacts), ("own", WholeScore)):
            if name in values:
                by_side[name] = BySide(**{side: of and kind(**of) for side, of in values[name].items()})
        read = {"weights": WeightsFacts.from_plain, "outputs": OutputFacts.from_plain}
        nested = {
            name: BySide(**{role: of and read[name](of) for role, of in values[name].items()})
            for name in read
            if name in values
        }
        return cls(**{**values, **by_side, **nested})


@dataclass(frozen=True, kw_only=True)
class Versions:
    """The versions of the software that made a run; empty where a run does not say."""

    modelstitch: str = ""
    torch: str = ""
    python: str = ""


@dataclass(frozen=True, kw_only=True)
class MemoryFacts:
    """The bound on the memory of a run, and what the run took.

    Attributes:
        bound: bytes that the whole process might take.
        needed: bytes that models, data and one training step take, as estimated before the first fit.
        peak: most resident bytes of the process; None where the system does not count them, and of a run that
            is not finished.
    """

    bound: int
    needed: int
    peak: int | None = None


@dataclass(frozen=True, kw_only=True)
class RunMade:
    """Who made a run, and when.

    Attributes:
        by: the name that was given; empty for none.
        when: date and time of the last change, in UTC, as ``2026-01-31 12:00``.
    """

    by: str
    when: str


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What a run records beside its spec, its cells and their evidence.

    Attributes:
        n_classes: number of classes; of groups of examples where the task has no classes.
        chance: score of the best constant answer on the held-out set.
        task, score_name: what the networks are scored on, and what the score is.
        labels: name of the coarser label set that stitches were fitted to, or None.
        n_train, n_heldout: number of examples of each part.
        unscored: classes without a training example, which take no part in scores; None where there are none.
        division: how the data were divided.
        data_content: hash of the data.
        n_cells: number of cells that the finished run has; None where a run does not say.
        reloaded_cells: number of cells that were scored again from their files.
        device: where the run was made.
        versions: of the software.
        pair: about the two networks.
        copies: held-out examples that also stand in the training part; None where a run does not say.
        memory: the bound on the memory; None where none was given.
        made: who made it and when, which is no part of what a run found; None where it does not say.
        workers: how many cells were fitted at once, and on how many threads each; None where a run does not
            say. A resumed run uses them again: the last bits of a number depend on the threads.
        yardstick: share of the receiver's outputs within classes that a reader recovers from the outputs of
            the whole sender, with its interval; None where it was not measured.
    """

    n_classes: int
    chance: float
    task: str = "classification"
    score_name: str = "accuracy"
    labels: str | None = None
    n_train: int = 0
    n_heldout: int = 0
    unscored: Unscored | None = None
    division: str = ""
    data_content: str = ""
    n_cells: int | None = None
    reloaded_cells: int | None = None
    device: str = ""
    versions: Versions = Versions()
    pair: PairFacts = field(default_factory=PairFacts)
    copies: Copies | None = None
    memory: MemoryFacts | None = None
    yardstick: tuple[float, float, float] | None = None
    made: RunMade | None = field(default=None, compare=False)
    workers: Workers | None = field(default=None, compare=False)

    def to_plain(self) -> dict[str, Any]:
        """Return the facts as values that JSON can hold; :meth:`from_plain` reads them back.

        Example:
            >>> facts = RunFacts(n_classes=10, chance=0.1)
            >>> RunFacts.from_plain(facts.to_plain()) == facts
            True
        """
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> RunFacts:
        """Return the facts that :meth:`to_plain` gave the values of."""
        nested = {
            "versions": Versions(**values["versions"]),
            "pair": PairFacts.from_plain(values["pair"]),
            "copies": Copies(**values["copies"]) if values.get("copies") else None,
            "memory": MemoryFacts(**values["memory"]) if values.get("memory") else None,
            "made": RunMade(**values["made"]) if values.get("made") else None,
            "workers": Workers(**values["workers"]) if values.get("workers") else None,
        }
        if values.get("yardstick"):
            nested["yardstick"] = tuple(values["yardstick"])
        unscored = values.get("unscored")
        if unscored is not None:
            nested["unscored"] = Unscored(**{**unscored, "first": tuple(unscored["first"])})
        return cls(**{**values, **nested})
