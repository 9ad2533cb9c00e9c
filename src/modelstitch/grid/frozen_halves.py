"""The frozen prefixes and suffixes of one network, plain and accelerated, each made once."""

from __future__ import annotations

from collections.abc import Sequence
from threading import RLock
from typing import Any, final

import torch
from torch import Tensor, nn

from modelstitch.cutting import CutModel
from modelstitch.cutting.accelerate import Cache, accelerate
from modelstitch.cutting.certify import relative_difference
from modelstitch.cutting.layouts import filled_with_mean
from modelstitch.cutting.slicing import Slice
from modelstitch.data.parts import PartName
from modelstitch.data.views import in_precision
from modelstitch.grid.fixed_batches import in_fixed_batches
from modelstitch.grid.inputs import ExampleBatch, NetworkInputs
from modelstitch.grid.scoring import ScoresOf
from modelstitch.tasks import OutputReading

_FLOAT32_TOLERANCE, _BFLOAT16_TOLERANCE = 1e-4, 0.1


@final
class FrozenHalves:
    """Gives a network's own representations, and completes it from a cut.

    Args:
        cutting: the network's cuts.
        few: real examples; an accelerated half is compared with the plain one on them.
        dtype: precision of the network.
        reading: reads the outputs that are scored.
        by_batch: whether an example has other values in another batch, so that its batches are fixed.
    """

    def __init__(
        self,
        cutting: CutModel,
        few: ExampleBatch,
        dtype: torch.dtype,
        reading: OutputReading,
        *,
        by_batch: bool = False,
    ) -> None:
        self.cutting, self.few, self.dtype, self.reading = cutting, few, dtype, reading
        self.by_batch = by_batch
        self._prefixes: dict[tuple[str, ...], nn.Module] = {}
        self._suffixes: dict[str, nn.Module] = {}
        self._fast_prefixes: dict[tuple[tuple[str, ...], torch.dtype], nn.Module] = {}
        self._fast_suffixes: dict[tuple[str, torch.dtype], nn.Module] = {}
        self._trails: dict[tuple[str, tuple[str, ...], torch.dtype], nn.Module] = {}
        self._tensors: Cache = {}
        # Cells that are fitted side by side ask for the same half; the first one makes it.
        self._making = RLock()

    def prefix(self, *names: str) -> nn.Module:
        """Return the frozen prefix from inputs to the representations at ``names``."""
        with self._making:
            if names not in self._prefixes:
                self._prefixes[names] = self.cutting.prefix(*names, frozen=True)
            return self._prefixes[names]

    def fast_prefix(self, names: tuple[str, ...], dtype: torch.dtype) -> nn.Module:
        """Return an accelerated frozen prefix in ``dtype``; the plain one where they do not agree."""
        with self._making:
            key = (names, dtype)
            if key not in self._fast_prefixes:
                unaccelerated = self.cutting.prefix(*names, frozen=True)
                self._fast_prefixes[key] = self._accelerated(unaccelerated, self.few.x, dtype)
            return self._fast_prefixes[key]

    def represent(
        self,
        inputs: NetworkInputs,
        names: Sequence[str],
        part: PartName,
        indices: Tensor,
        dtype: torch.dtype,
        *,
        unaccelerated: bool,
    ) -> tuple[Tensor, ...]:
        """Return the representations at ``names``; padding holds the mean over the other positions.

        See :meth:`GivesRepresentations.represent`.
        """
        half = self.prefix(*names) if unaccelerated else self.fast_prefix(tuple(names), dtype)

        def represented(some: Tensor) -> tuple[Tensor, ...]:
            return self._represented(inputs, half, names, part, some, dtype, unaccelerated=unaccelerated)

        if self.by_batch:
            return in_fixed_batches(indices, len(inputs.given[part]), represented)
        return represented(indices)

    def _represented(
        self,
        inputs: NetworkInputs,
        half: nn.Module,
        names: Sequence[str],
        part: PartName,
        indices: Tensor,
        dtype: torch.dtype,
        *,
        unaccelerated: bool,
    ) -> tuple[Tensor, ...]:
        # no_grad and not inference_mode: a fit needs tensors that autograd may save.
        with torch.no_grad():
            batch = inputs.batch(part, indices)
            values = half(batch.x if unaccelerated else in_precision(batch.x, dtype), **batch.kwargs)
            if batch.mask is not None:
                values = [
                    filled_with_mean(value, self.cutting.find(name).layout, batch.mask)
                    for name, value in zip(names, values, strict=True)
                ]
        return tuple(value.to(dtype) for value in values)

    def later(self, name: str) -> tuple[str, ...]:
        """Return the block boundaries behind the cut ``name``."""
        return self.cutting.later(name)

    def suffix(self, name: str) -> nn.Module:
        """Return the frozen suffix at ``name``."""
        with self._making:
            if name not in self._suffixes:
                half = self.cutting.suffix(name, frozen=True)
                own = half if self.dtype == torch.float32 else _Converted(half, self.dtype, self.dtype)
                self._suffixes[name] = self._scores_of(own)
            return self._suffixes[name]

    def fast_suffix(self, name: str, dtype: torch.dtype) -> nn.Module:
        """Return an accelerated frozen suffix in ``dtype``; the plain one where they do not agree."""
        with self._making:
            key = (name, dtype)
            if key not in self._fast_suffixes:
                unaccelerated = self.cutting.suffix(name, frozen=True)
                if dtype == torch.bfloat16 and self.reading.is_squashed:
                    # A probability near 0 or 1 keeps too few digits for its logarithm.
                    exact = self._accelerated(unaccelerated, self._few_at(name), torch.float32)
                    fast: nn.Module = _Converted(exact, torch.float32, torch.float32)
                else:
                    fast = self._accelerated(unaccelerated, self._few_at(name), dtype)
                self._fast_suffixes[key] = self._scores_of(fast)
            return self._fast_suffixes[key]

    def trail(self, name: str, later: tuple[str, ...], dtype: torch.dtype) -> nn.Module:
        """Return an accelerated module from the representation at ``name`` to those at ``later``."""
        with self._making:
            key = (name, later, dtype)
            if key not in self._trails:
                unaccelerated = self.cutting.suffix(name, frozen=True, later=later)
                self._trails[key] = self._accelerated(unaccelerated, self._few_at(name), dtype)
            return self._trails[key]

    def _few_at(self, name: str) -> Tensor:
        with torch.no_grad():
            (representation,) = self.prefix(name)(self.few.x, **self.few.kwargs)
        assert isinstance(representation, Tensor)
        return representation

    def _scores_of(self, half: nn.Module) -> nn.Module:
        return half if self.reading.changes_nothing else ScoresOf(half, self.reading)

    def _accelerated(self, unaccelerated: nn.Module, example: Tensor, dtype: torch.dtype) -> nn.Module:
        converted = _Converted(unaccelerated, dtype, self.dtype)
        if not isinstance(unaccelerated, Slice):
            return converted
        fast = accelerate(unaccelerated, dtype, self._tensors)
        with torch.no_grad():
            expected = unaccelerated(example, **self.few.kwargs)
            try:
                got = fast(in_precision(example, dtype), **self.few.kwargs)
            except RuntimeError:  # an operator that does not exist in this precision
                return converted
        tolerance = _FLOAT32_TOLERANCE if dtype == torch.float32 else _BFLOAT16_TOLERANCE
        if dtype == torch.float64 or relative_difference(got, expected) <= tolerance:
            return fast
        return converted


@final
class _Converted(nn.Module):
    """The plain half between conversions, where the accelerated one cannot be used."""

    def __init__(self, unaccelerated: nn.Module, dtype: torch.dtype, own: torch.dtype) -> None:
        super().__init__()
        self.unaccelerated, self.dtype, self.own = unaccelerated, dtype, own

    def forward(self, x: Tensor, **kwargs: Tensor) -> Any:
        output = self.unaccelerated(in_precision(x, self.own), **kwargs)
        if not isinstance(output, tuple):
            return output
        # None stands for an output that does not follow from the representation.
        return tuple(value.to(self.dtype) if isinstance(value, Tensor) else value for value in output)
