"""Halves for inputs of other shapes than the one that a model was captured for: other lengths, other sizes.

A graph holds for one shape, and may give other numbers than the model at another without an error. So each
shape is captured for itself when a half first meets it, and certified on what it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from modelstitch.cutting.capture import Kwargs
from modelstitch.cutting.certify import certify
from modelstitch.cutting.shaped import Half
from modelstitch.errors import CutError, TruthError
from modelstitch.util.random_state import kept_random_state

if TYPE_CHECKING:
    from modelstitch.cutting.cut import CutModel

_Shape = tuple[int, ...]
_MOST = 32
"""Shapes whose halves are kept; the one that was made first goes first."""


@dataclass(frozen=True)
class _Halves:
    """Both halves for one shape.

    Attributes:
        prefix, suffix: the halves.
        taken: shape of one input.
        further: shape of one further input, by name.
        between: shape of one representation between the halves.
    """

    prefix: nn.Module
    suffix: nn.Module
    taken: _Shape
    further: Mapping[str, _Shape]
    between: _Shape

    def half(self, which: Half) -> nn.Module:
        """Return one of the halves."""
        return self.prefix if which == "prefix" else self.suffix

    def fits(self, kwargs: Kwargs) -> bool:
        """Tell whether further inputs have the shapes that the halves take; those that are not given do."""
        return all(_shape(kwargs[name]) == shape for name, shape in self.further.items() if name in kwargs)


class OtherShapes:
    """The halves of one model at one cut, for every shape of its inputs.

    A copy of a half has none: it may hold other weights than the model.

    Args:
        cut_again: finds the cuts of the model for other inputs.
        model: the model, to certify against.
        name: of the cut.
        example, kwargs: inputs of the shape that both halves were captured for.
        prefix, suffix: these halves.
        between: shape of one representation between them.
    """

    def __init__(
        self,
        cut_again: Callable[[Tensor, Kwargs], CutModel],
        model: nn.Module,
        name: str,
        example: Tensor,
        kwargs: Kwargs,
        prefix: nn.Module,
        suffix: nn.Module,
        between: _Shape,
    ) -> None:
        self._cut_again, self._model, self._name = cut_again, model, name
        self._example, self._kwargs = example, kwargs
        self._own = _Halves(prefix, suffix, _shape(example), _shapes(kwargs), between)
        self._made = [self._own]

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()

    def other(self, half: Half, x: Tensor, kwargs: Kwargs) -> nn.Module | None:
        """Return the half for an input of another shape; None where it has the shape of the capture.

        Raises:
            ModelError: the model itself does not take such an input.
            CutError: it has no such cut at this shape, or a suffix cannot know the shape of the input.
            TruthError: the halves do not reproduce the model there.
        """
        if torch.compiler.is_exporting() or torch.compiler.is_compiling():
            return None
        shape = _shape(x)
        for made in self._made:
            if made.fits(kwargs) and shape == (made.taken if half == "prefix" else made.between):
                return None if made is self._own else made.half(half)
        made = self._make(x, kwargs) if half == "prefix" else self._behind(x, kwargs)
        return made.half(half)

    def _behind(self, y: Tensor, kwargs: Kwargs) -> _Halves:
        """Make the halves between which a representation lies."""
        shape, own = _shape(y), self._own.between
        again = getattr(self._own.suffix, "input_name", None)
        x = kwargs[again] if isinstance(again, str) and again in kwargs else self._resized(own, shape)
        made = None if x is None else self._make(x, kwargs)
        if made is None or made.between != shape:
            raise CutError(
                f"expected a representation of shape {own} at cut {self._name!r}, got {shape}: run the "
                "prefix on inputs of that size first, from which the suffix learns it"
            )
        return made

    def _resized(self, before: _Shape, after: _Shape) -> Tensor | None:
        """Return examples as much longer as a representation is; None where this does not tell their size."""
        x = self._example
        axes = list(range(1 if x.ndim == 2 else 2, x.ndim))  # behind the channels
        if len(before) != len(after) or (len(axes) > 1 and len(before) != len(axes) + 1):
            return None
        changed = [
            axis for axis, lengths in enumerate(zip(before, after, strict=True)) if len({*lengths}) > 1
        ]
        pairs = (
            zip(axes, range(1, 1 + len(axes)), strict=True)
            if len(axes) > 1
            else zip(axes, changed, strict=False)
        )
        for axis, own in pairs:
            length = x.shape[axis] * after[own]
            if length % before[own]:
                return None
            x = _as_long(x, axis, length // before[own])
        return x

    def _make(self, x: Tensor, kwargs: Kwargs) -> _Halves:
        """Capture the model for an input of another shape, and certify the halves on it."""
        with torch.inference_mode(False), torch.enable_grad(), kept_random_state():
            x = x.detach().clone()
            x = torch.cat([x, x]) if len(x) == 1 else x
            further = self._further(x, kwargs)
            found = self._cut_again(x, further)
            cut = found.find(self._name)
            outputs, where = found.outputs_after(cut.name), f"cut {self._name!r} for inputs {_shape(x)}"
            halves = found.prefix(cut.name), found.suffix(cut.name)
            made = _Halves(*halves, _shape(x), _shapes(further), cut.shape)
            certify(self._model, *halves, x, where, further, outputs)
            for other in self._made:
                if other.between != made.between or other.further != made.further:
                    continue
                try:
                    certify(self._model, made.prefix, other.suffix, x, where, further, outputs)
                except TruthError as error:
                    raise CutError(
                        f"inputs of shapes {other.taken} and {made.taken} give representations of one shape "
                        f"at cut {self._name!r}, behind which the model goes on otherwise: split it for each "
                        "shape"
                    ) from error
        self._made = [self._own, *self._made[1:][-_MOST:], made]
        return made

    def _further(self, x: Tensor, kwargs: Kwargs) -> dict[str, Tensor]:
        """Return the further inputs; one that is not given, since no half reads it, is made as long."""
        found = {}
        for name, held in self._kwargs.items():
            value = kwargs.get(name, held)
            along = held.ndim > 1 and x.ndim > 1 and held.shape[1] == self._example.shape[1]
            if name not in kwargs and along:
                value = _as_long(held, 1, x.shape[1])
            found[name] = _as_long(value.detach(), 0, len(x))
        return found


def _as_long(x: Tensor, axis: int, length: int) -> Tensor:
    """Return a tensor with another length of one axis, repeated where that is longer."""
    if x.shape[axis] == length:
        return x.clone()
    return x.index_select(axis, torch.arange(length, device=x.device) % x.shape[axis])


def _shape(x: Tensor) -> _Shape:
    return tuple(x.shape[1:])


def _shapes(kwargs: Kwargs) -> dict[str, _Shape]:
    return {name: _shape(value) for name, value in kwargs.items()}
