"""Where models and data come from, and how a model reads an example."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.specs.framing import final_size
from modelstitch.specs.names import INTERPOLATIONS, OUTPUT_SCALES, TASKS, at_most, positive
from modelstitch.util.arguments import checked_fields

_MOST_PIXELS, _MOST_SAMPLES, _MOST_SECONDS, _MOST_TOKENS = 16_384, 10_000_000, 86_400, 1_000_000
"""Most pixels of a side, samples a second, seconds of a sound, tokens of a text: more was mistyped."""


@checked_fields
@dataclass(frozen=True, kw_only=True)
class View:
    """How one model reads an example. A field that is None leaves the data as it is.

    Attributes:
        size: height and width of an image, in pixels; the whole image is scaled to it, unless there is a
            framing.
        framing: the steps that bring an image to its size, such as ``("shorter 256", "crop 224x224")``; see
            :data:`modelstitch.specs.framing.STEPS`.
        interpolation: how an image is scaled, one of :data:`modelstitch.specs.INTERPOLATIONS`; by default
            bilinear.
        channels: of an image, 1 or 3.
        mean, std: by channel, of values in ``range``; the model reads ``(x - mean) / std``.
        range: lowest and highest value of an image or a sound before mean and std. Bytes are brought to it,
            floating values have to lie in it. By default 0 to 1 (-1 to 1 of a sound) where mean and std are
            given; without them, floating values are read as they are.
        bgr: whether the model reads blue first; the channels are turned after ``mean`` and ``std``.
        rate: samples a second of a sound.
        flat: whether sounds have no axis of channels, (N, L).
        standardised: whether each sound is brought to mean 0 and variance 1 by its own samples.
        masked: whether the model is told, by an ``attention_mask``, where a sound ends and silence was added.
        tokenizer: ``bytes``, or the name or folder of a tokenizer of transformers.
        length: tokens that every text is cut or padded to.
        most_tokens: tokens that the model takes at most.
        unread: what the model's own processor does to pictures or sounds and this package does not; they are
            refused then.

    Raises:
        SpecError: a number that is not positive or too large, mean and std that do not belong together, a
            range without a width, or one that does not hold the mean, an unknown interpolation or step of
            framing, or a size or a length that contradicts another field.

    Example:
        >>> View(size=(32, 32), mean=(0.5,), std=(0.25,)).size
        (32, 32)
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    range: tuple[float, ...] | None = None
    rate: int | None = None
    flat: bool | None = None
    tokenizer: str | None = None
    length: int | None = None
    framing: tuple[str, ...] | None = None
    interpolation: str | None = None
    bgr: bool | None = None
    standardised: bool | None = None
    masked: bool | None = None
    most_tokens: int | None = None
    unread: str | None = None

    def __post_init__(self) -> None:
        positive("rate", self.rate)
        at_most("rate", self.rate, _MOST_SAMPLES)
        self._expect_lengths()
        self._expect_framing()
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
        if self.range is not None:
            self._expect_range(self.range)

    def _expect_range(self, values: tuple[float, ...]) -> None:
        if len(values) != 2 or not all(map(math.isfinite, values)) or not values[0] < values[1]:
            raise SpecError(
                "expected a range of two numbers, the lowest value and a higher one, such as 0,255; got "
                f"{','.join(f'{value:g}' for value in values) or 'none'}"
            )
        low, high = values
        for value in self.mean or ():
            if not low <= value <= high:
                raise SpecError(
                    f"expected a mean of values in the range {low:g} to {high:g}, got {value:g}: range, mean "
                    "and std belong to one scale"
                )

    def _expect_lengths(self) -> None:
        for name, value in (("length", self.length), ("most tokens", self.most_tokens)):
            positive(name, value)
            at_most(name, value, _MOST_TOKENS)
        if self.length is not None and self.most_tokens is not None and self.length > self.most_tokens:
            raise SpecError(
                f"expected a length of at most {self.most_tokens:,} tokens, which is all that the model "
                f"takes, got {self.length:,}"
            )

    def _expect_framing(self) -> None:
        if self.interpolation is not None:
            expect_one_of("interpolation", self.interpolation, INTERPOLATIONS, SpecError)
        if self.framing is None:
            return
        if not self.framing:
            raise SpecError("expected at least one step of framing, got none")
        end = final_size(self.framing)
        if self.size is not None and end != self.size:
            raise SpecError(
                f"expected a framing that ends in the size {self.size[0]} x {self.size[1]}, got "
                f"{', '.join(self.framing)}: leave one of them out"
            )


@checked_fields
@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Where a model comes from.

    Attributes:
        source: a checkpoint, a name with a prefix such as ``zoo:`` or ``hf:``, or ``package.module:factory``.
        weights: a weights file to load into it.
        weights_key: which set of weights in the file, by the name that stands before its keys, such as
            ``ema``; ``.`` is the top of the file.
        partial: whether weights may fit only in part: the file's, or those of the source.
        seed: of parameters that no file fills.
        view: how it reads an example, in the place of the source's own view.
        layouts: pairs of a cut and its layout, such as ``("blocks.0", "tokens+1 14x14")``, where the one
            recognised is wrong.
        output: which of several outputs is scored, by name or number, with dots where outputs are nested.
        output_scale: what the outputs are, one of :data:`modelstitch.specs.OUTPUT_SCALES`, where it cannot be
            recognised.
        classes: file with the name of the class of each output, in their order; see
            :func:`modelstitch.data.class_names.read_class_names`. By default those that the source knows.

    Raises:
        SpecError: an unknown scale.

    Example:
        >>> ModelSpec(source="zoo:R1111(width=8)", seed=1).weights is None
        True
    """

    source: str
    weights: str | None = None
    weights_key: str | None = None
    partial: bool = False
    seed: int = 0
    view: View = field(default_factory=View)
    layouts: tuple[tuple[str, str], ...] = ()
    classes: str | None = None
    output: str | int | None = None
    output_scale: str | None = None

    def __post_init__(self) -> None:
        if self.output_scale is not None:
            expect_one_of("scale of outputs", self.output_scale, OUTPUT_SCALES, SpecError)


@checked_fields
@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """Where the examples come from, and how many of them are used.

    Attributes:
        source: ``digits``, a folder or a file.
        limit, heldout_limit: most examples of each part; a seeded stratified choice.
        seed: of that choice, of a split that has to be made, and of the rotations.
        rotations: turn each image by 0, 90, 180 or 270 degrees, and label it by class and rotation.
        labels: name of a coarser label set that replaces the classes.
        seconds: length of each sound; by default that of the longest sound.
        task: one of :data:`modelstitch.specs.TASKS`, or ``package.module:task`` for one of the user's own.
        channels: 1 to read all images as grey, 3 as coloured; by default as they are, if all are alike.
        tokenizer, length: how texts become tokens, and tokens of an example, for a task whose target is
            tokens; see :class:`View`.
        data_classes: file with the names of the classes, in the order of the labels; in the same form as
            :attr:`ModelSpec.classes`. By default the names that the source gives.
        crop: scale the shorter side of each image to this many pixels when it is read, and take the middle
            square.
        drop_copies: leave out held-out examples that also stand in the training part.
        group_column: the column (of a .npz file, the array) of groups, such as patients, that come into one
            part where a part has to be held out; two parts that share a group are refused.
        within_column: the array of a .npz file with the groups that *within class* means, for a task without
            classes; see ``groups`` of :func:`modelstitch.data_from`.
        label_column: the column of labels, where the data are a table and names and metadata do not tell.
        input_column: the column of inputs, likewise; two are a pair of texts that every model reads together.

    Raises:
        SpecError: an unknown task, a number out of range, labels or rotations beside another task than
            classification, or columns that cannot be.

    Example:
        >>> DataSpec(source="digits", limit=500).task
        'classification'
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
    data_classes: str | None = None
    drop_copies: bool = False
    group_column: str | None = None
    within_column: str | None = None
    label_column: str | None = None
    input_column: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # JSON has lists, and one name alone is a text.
        one = (self.input_column,) if isinstance(self.input_column, str) else tuple(self.input_column)
        object.__setattr__(self, "input_column", one)
        if len(one) > 2 or len(set(one)) < len(one):
            raise SpecError(f"expected one input column, or two of a pair of texts, got {', '.join(one)}")
        if "" in (self.label_column, *one):
            raise SpecError("expected the name of a column, got an empty one")
        if self.label_column in one:
            raise SpecError(f"expected another input column than the label column, got {self.label_column!r}")
        if ":" not in self.task:
            expect_one_of("task", self.task, (*TASKS, "package.module:task"), SpecError)
        if self.task != "classification" and (self.labels is not None or self.rotations):
            raise SpecError(
                f"expected labels and rotations with the task classification alone, got {self.task}"
            )
        if self.within_column is not None and self.task == "classification":
            raise SpecError(
                "expected within_column with another task than classification, whose groups are the classes, "
                f"got {self.within_column!r}; group_column keeps examples in one part"
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
