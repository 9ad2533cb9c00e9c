"""Where models and data come from, and how a model wants to see an example."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.specs.names import TASKS, at_most, positive

_MOST_PIXELS, _MOST_SAMPLES, _MOST_SECONDS, _MOST_TOKENS = 16_384, 10_000_000, 86_400, 1_000_000
"""Of one side of an image, of a second of sound, of a sound and of a text: beyond these a number was mistyped."""


@dataclass(frozen=True, kw_only=True)
class View:
    """How one model wants to see an image: size and channels, then ``(x - mean) / std`` of values in 0-1.

    A field that is None leaves the data as it is. Of sounds, ``rate`` is the number of samples a second, and ``flat`` says that a model
    takes them without an axis of channels, (N, L). Of texts, ``tokenizer`` is ``bytes`` or the name or folder of a tokenizer of
    transformers, and ``length`` the number of tokens that every text is cut or filled up to.
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    rate: int | None = None
    flat: bool | None = None
    tokenizer: str | None = None
    length: int | None = None

    def __post_init__(self) -> None:
        positive("rate", self.rate)
        positive("length", self.length)
        at_most("rate", self.rate, _MOST_SAMPLES)
        at_most("length", self.length, _MOST_TOKENS)
        for length in self.size or ():
            positive("image size", length)
            at_most("image size", length, _MOST_PIXELS)
        positive("channels", self.channels)
        if (self.mean is None) != (self.std is None):
            raise SpecError(f"expected mean and std together, got mean {self.mean}, std {self.std}")
        if self.mean is not None and self.std is not None and len(self.mean) != len(self.std):
            raise SpecError(
                f"expected as many values in std as in mean, got {len(self.std)} and {len(self.mean)}"
            )
        for value in self.std or ():
            positive("std", value)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Where a model comes from: source, weights file, and the view that replaces the source's own.

    ``partial`` allows weights that fit only in part; ``seed`` draws what no weights file fills; ``layouts`` are pairs of a cut and
    the layout to read it in, such as ``("blocks.0", "tokens+1 14x14")``, where the one that is recognised is wrong.
    """

    source: str
    weights: str | None = None
    partial: bool = False
    seed: int = 0
    view: View = field(default_factory=View)
    layouts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """Where the labelled images come from, how many to fit on, and the seed of a split that has to be made.

    Attributes:
        source: ``digits``, a folder or a file.
        limit, heldout_limit: most examples of each part, a seeded stratified choice.
        seed: of that choice, of a split, and of which image is turned by how much.
        rotations: turn each image by 0, 90, 180 or 270 degrees, and label it by class and rotation.
        labels: name of a coarser label set to use in the place of the classes.
        seconds: length of each sound; that of the longest one to fit on without it.
        task: what a network is scored on; of classes unless said otherwise. One of the user's own is ``package.module:task``.
        channels: 1 or 3: read all images as grey, or as coloured; as they are without it, where all are of one kind.
        tokenizer, length: how texts are read where every token of them is wanted, and of how many tokens each example is; see
            :class:`View`.
        crop: bring the shorter side of each image to this many pixels when it is read, and take the middle square.
    """

    source: str
    limit: int | None = None
    heldout_limit: int | None = None
    seed: int = 0
    rotations: bool = False
    labels: str | None = None
    crop: int | None = None
    task: str = "classification"
    seconds: float | None = None
    channels: int | None = None
    tokenizer: str | None = None
    length: int | None = None

    def __post_init__(self) -> None:
        if ":" not in self.task:
            expect_one_of("task", self.task, (*TASKS, "package.module:task"), SpecError)
        if self.task != "classification" and (self.labels is not None or self.rotations):
            raise SpecError(
                f"expected labels and rotations with the task classification alone, got {self.task}"
            )
        if self.channels not in (None, 1, 3):
            raise SpecError(f"expected images of 1 or 3 channels, got {self.channels}")
        positive("crop", self.crop)
        at_most("crop", self.crop, _MOST_PIXELS)
        positive("seconds", self.seconds)
        at_most("seconds", self.seconds, _MOST_SECONDS)
        at_most("length", self.length, _MOST_TOKENS)
        positive("length", self.length)
        positive("limit", self.limit)
        positive("heldout limit", self.heldout_limit)
