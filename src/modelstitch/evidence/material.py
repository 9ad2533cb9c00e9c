"""What the evidence of one cell is measured from: tensors of the same held-out examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

from modelstitch.evidence.pairing import Pairing
from modelstitch.evidence.residuals import Rows


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number about one cell.

    Attributes:
        kind: kind of evidence, as it is asked for by name.
        name: what was measured; defined in the kind's ``DEFINITIONS``.
        where: the cut of the receiver, or ``output``.
        value: NaN where it is not defined, or the examples are too few.
        low, high: ends of the 95 % interval, where there is one.
        n: number of examples that it rests on.
        parts: (m,) what it is the mean of, or the values of its null, for intervals over several cells.
    """

    kind: str
    name: str
    where: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    parts: Tensor | None = field(default=None, compare=False, repr=False)


LEAST = 10
"""Examples that a number computed across examples needs: an interval leaves out a tenth of them at a time."""


@dataclass(frozen=True)
class Definition:
    """What a measurement is.

    Attributes:
        text: formula or sentence.
        range: unit and range.
        better: which way is better.
        source: where it was proposed.
        least: fewest examples that it needs; below that number it is said to be missing.
        within: whether examples in classes of at least four count alone.
    """

    text: str
    range: str
    better: str
    source: str
    least: int = LEAST
    within: bool = False


@dataclass(kw_only=True)
class Genuine:
    """Expected representations of training examples, to compare held-out ones with.

    Attributes:
        features: per-channel mean and standard deviation over positions, (m, 2 C).
        labels: (m,).
        size, sparsity: norm of each representation and share of its values that are zero, (m,).
        known: what the kind that reads them has computed once.
    """

    features: Tensor
    labels: Tensor
    size: Tensor
    sparsity: Tensor
    known: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FinestScores:
    """Examples by the finest labels that their data has.

    Attributes:
        labels: (n,).
        outputs, receiver_outputs: class scores (n, K) for them, of the stitched network and of the receiver.
        sets: by name of a coarser label set, its label of each finest label.
    """

    labels: Tensor
    outputs: Tensor
    receiver_outputs: Tensor
    sets: Mapping[str, Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class Residuals:
    """What is left of stitched and expected representation after class means, at one place.

    Attributes:
        place: the cut, or ``output``.
        x_train, y_train: stitched and expected of training examples, (N, P, C).
        x, y: the same of held-out examples (n, P, C) in classes of at least four.
        labels: (n,) of the held-out ones, ascending.
        examples: (n,) which of them are positions of one example, and so depend on each other.
    """

    place: str
    x_train: Tensor
    y_train: Tensor
    x: Tensor
    y: Tensor
    labels: Tensor
    examples: Tensor


@dataclass(kw_only=True)
class Material:
    """Everything that the kinds of evidence read.

    Attributes:
        cut: the receiver cut.
        labels: (n,).
        provided: the sender's representation.
        expected, stitched: the receiver's representation, and the one in its place, at the cut and every
            later cut.
        raw_provided, raw_expected, raw_stitched: the same at the cut, features first; the second is computed
            on request.
        matched: the representation from the match-fitted stitch, at the cut; None without one.
        outputs, receiver_outputs, sender_outputs: class scores (n, K); None where the sender has none for
            these classes.
        genuine: expected representations of training examples; None where no kind asks for them.
        moved: expected representation of the same examples after a small change, at the cut; None likewise.
        pixels: the images in low resolution.
        is_image: whether the examples are images.
        finest: the examples by their finest labels; None where the data have one set of labels, or the
            receiver has no outputs for the finest.
        changed: maps a named change of the examples to class scores of the stitched network and of the
            receiver.
        residuals: at the cut, at every later cut and in the output; empty where no kind reads them.
        train_right: returns which training examples get the label that the stitch was fitted to.
        weight: the stitch as one linear map (D, F), where it is one.
    """

    cut: str
    labels: Tensor
    provided: Rows
    expected: dict[str, Rows]
    stitched: dict[str, Rows]
    raw_provided: Tensor
    raw_expected: Callable[[], Tensor]
    raw_stitched: Tensor
    matched: Rows | None
    outputs: Tensor
    receiver_outputs: Tensor
    sender_outputs: Tensor | None
    genuine: Genuine | None
    moved: Rows | None
    pixels: Rows
    is_image: bool
    finest: FinestScores | None
    changed: Callable[[str], tuple[Tensor, Tensor]]
    residuals: Sequence[Residuals]
    train_right: Callable[[], Tensor]
    weight: Tensor | None = None
    _pairings: dict[str, Pairing] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.labels)

    def n_for(self, definition: Definition) -> int:
        """Return the number of examples that a measurement rests on."""
        return sum(map(len, self.expected[self.cut].members)) if definition.within else self.n

    def pairing(self, cut: str) -> Pairing:
        """Return the pairing of stitched and expected representation at ``cut``."""
        if cut not in self._pairings:
            self._pairings[cut] = Pairing(self.stitched[cut], self.expected[cut])
        return self._pairings[cut]

    @cached_property
    def given(self) -> Pairing:
        """The pairing of provided and expected representation, without a stitch."""
        return Pairing(self.provided, self.expected[self.cut])
