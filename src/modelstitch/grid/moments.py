"""Second moments of what cells are fitted from, gathered in one pass for all of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from modelstitch.data.views import in_precision
from modelstitch.fitting.gram import Accumulator, Gram, Moments
from modelstitch.fitting.schedules import spread
from modelstitch.grid.cell import divide_validation
from modelstitch.grid.representations import Representations
from modelstitch.grid.scoring import SCORE_BATCH
from modelstitch.grid.side import Side
from modelstitch.specs import OBJECTIVES, CellSpec, FitSpec
from modelstitch.stitches import Stitch, build

_EXAMPLES = 1000
"""Examples whose moments give a start and coordinates; the objective match takes all of them."""


@final
class SecondMoments:
    """Gathers the moments of cells, and keeps the Gram matrices of each sender for later receivers."""

    def __init__(self) -> None:
        self._grams: WeakKeyDictionary[Side, dict[Hashable, Gram]] = WeakKeyDictionary()

    def grams_of(self, sender: Side) -> dict[Hashable, Gram]:
        """Return a copy of what is kept of a sender."""
        return dict(self._grams.get(sender, {}))

    def clear(self) -> None:
        """Let go of all that is kept."""
        self._grams.clear()

    def gather(
        self,
        sender: Side,
        receiver: Side,
        cells: Sequence[CellSpec],
        train: Representations,
        spec: FitSpec,
    ) -> dict[CellSpec, tuple[Moments, Moments]]:
        """Gather, in one pass over the training examples, the moments of every cell that has parameters.

        Args:
            sender, receiver: the two networks.
            cells: what will be fitted.
            train: the sender's representations of the training part.
            spec: how it will be fitted.

        Returns:
            By cell the moments of fitting and of validation examples, in its stitch's canonical form.
        """
        stitches = _with_parameters(sender, receiver, cells)
        if not stitches:
            return {}
        examples, validation = divide_validation(len(sender.data.train), automatic=True)
        whole = OBJECTIVES[spec.objective].least_squares
        if not whole:
            examples, validation = spread(examples, _EXAMPLES), spread(validation, _EXAMPLES // 2)
        # A receiver with another tokenizer masks other positions out of the same sender's moments.
        shared = (whole, train.dtype, receiver.inputs.reader)
        of_fit = self._of_part(examples, sender, receiver, stitches, train, ("fit", *shared))
        of_validation = self._of_part(validation, sender, receiver, stitches, train, ("validation", *shared))
        return {cell: (of_fit[cell], of_validation[cell]) for cell in stitches}

    def _of_part(
        self,
        indices: Tensor,
        sender: Side,
        receiver: Side,
        stitches: dict[CellSpec, Stitch],
        train: Representations,
        tag: Hashable,
    ) -> dict[CellSpec, Moments]:
        kept = self._grams.setdefault(sender, {})
        keys = {cell: _keys(cell, stitch, tag) for cell, stitch in stitches.items()}
        by_feature = {keys[cell][0]: (cell, stitch) for cell, stitch in stitches.items()}
        by_target = {keys[cell][1]: (cell, stitch) for cell, stitch in stitches.items()}
        look_ups = {cell.sender_cut: train.at(sender.cut(cell.sender_cut).name) for cell in stitches}
        names = tuple(dict.fromkeys(receiver.cut(cell.receiver_cut).name for cell in stitches))
        prefix = receiver.halves.fast_prefix(names, train.dtype)
        known = {key: kept[key] for key in by_feature if key in kept}
        accumulator = Accumulator(keys.values(), known)
        for some in indices.split(SCORE_BATCH):
            with torch.no_grad():
                images = in_precision(receiver.inputs.images("train", some), train.dtype)
                kwargs = receiver.inputs.kwargs("train", some)
                expected = dict(zip(names, prefix(images, **kwargs), strict=True))
                provided = {name: look_up(some) for name, look_up in look_ups.items()}
                features = {
                    key: stitch.features(provided[cell.sender_cut].float())
                    for key, (cell, stitch) in by_feature.items()
                }
                targets = {
                    key: stitch.targets(expected[receiver.cut(cell.receiver_cut).name].float())
                    for key, (cell, stitch) in by_target.items()
                }
                accumulator.add(*_without_padding((sender, receiver), some, features, targets))
        moments = accumulator.moments()
        for key in keys.values():
            kept[key[0]] = moments[key].gram
        return {cell: moments[key] for cell, key in keys.items()}


def _with_parameters(sender: Side, receiver: Side, cells: Sequence[CellSpec]) -> dict[CellSpec, Stitch]:
    stitches = {
        cell: build(cell.stitch, sender.cut(cell.sender_cut).layout, receiver.cut(cell.receiver_cut).layout)
        for cell in cells
    }
    return {cell: stitch for cell, stitch in stitches.items() if list(stitch.parameters())}


def _without_padding(
    sides: tuple[Side, Side], some: Tensor, *canonical: dict[Hashable, Tensor]
) -> Iterator[dict[Hashable, Tensor]]:
    """Yield canonical forms (n, P, F) as rows (R, F); forms with the mask's positions lose their padding."""
    present: Tensor | None = None
    for side in sides:
        mask = side.inputs.mask("train", some)
        if mask is not None:
            # With different tokenizers, the receiver's positions are fitted.
            present = mask if present is None or present.shape != mask.shape else present & mask
    for forms in canonical:
        yield {
            key: form[present]
            if present is not None and form.shape[1] == present.shape[1]
            else form.flatten(0, 1)
            for key, form in forms.items()
        }


def _keys(cell: CellSpec, stitch: Stitch, tag: Hashable) -> tuple[Hashable, Hashable]:
    # Two cells share a Gram matrix where their bridges unfold the same representation alike.
    bridge = stitch.bridge
    reads = tuple(
        rule if rule.startswith(("pool", "linear")) else str(step)
        for rule, step in zip(bridge.rules, bridge.stride, strict=True)
    )
    resolution = tuple(
        provided if rule.startswith("nearest") else expected
        for rule, expected, provided in zip(bridge.rules, bridge.expected, bridge.provided, strict=True)
    )
    extra = (stitch.carries_extra, stitch.expected_layout.extra)
    return (cell.sender_cut, reads, stitch.reach, extra, tag), (cell.receiver_cut, resolution)
