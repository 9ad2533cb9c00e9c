"""Receivers that hold something else at one cut than they were trained to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor, nn

from modelstitch.data.parts import PartName
from modelstitch.grid.inputs import NetworkInputs
from modelstitch.grid.side import Side
from modelstitch.models.network import digest

Rewriting = Callable[[Tensor], Tensor]
"""Changes representations (N, C, ...), features first."""


def altered(side: Side, cut: str, write: Rewriting, read: Rewriting) -> Side:
    """Return a receiver that writes ``write(x)`` at a cut, and whose later layers read ``read`` of that.

    Whole, prefixes and suffixes agree with each other; the representation at the cut and behind it is
    another one than before. Only this cut and those behind it can be stitched.

    Args:
        side: the network.
        cut: where.
        write, read: of representations with their features first.
    """
    made = _Altered(side, cut, write, read)
    module = _Whole(side, cut, write, read)
    network = replace(side.network, module=module)
    return replace(side, network=network, digest=digest(module), source=made, completion=made)


@final
class _Changed(nn.Module):
    """A frozen half behind a change of its input."""

    def __init__(self, before: Rewriting, behind: nn.Module) -> None:
        super().__init__()
        self.before, self.behind = before, behind

    def forward(self, x: Tensor, **kwargs: Tensor) -> Any:
        return self.behind(self.before(x), **kwargs)


@final
class _Whole(nn.Module):
    """The altered network from inputs to outputs."""

    def __init__(self, side: Side, cut: str, write: Rewriting, read: Rewriting) -> None:
        super().__init__()
        layout = side.cut(cut).layout
        self.prefix = side.cutting.prefix(cut, frozen=True)
        self.change = _between(layout, lambda x: read(write(x)))
        self.suffix = side.cutting.suffix(cut, frozen=True)

    def forward(self, x: Tensor, **kwargs: Tensor) -> Any:
        return self.suffix(self.change(self.prefix(x, **kwargs)[0]), **kwargs)


@final
class _Altered:
    """Gives the altered representations at a cut and behind it, and completes the network from there."""

    def __init__(self, side: Side, cut: str, write: Rewriting, read: Rewriting) -> None:
        self.side, self.cut = side, cut
        layout = side.cut(cut).layout
        self.write, self.read = _between(layout, write), _between(layout, read)

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
        """Return the representations at ``names``; see :meth:`GivesRepresentations.represent`."""
        side = self.side
        (own,) = side.source.represent(
            inputs, (self.cut,), part, indices, torch.float32, unaccelerated=unaccelerated
        )
        with torch.no_grad():
            at = {self.cut: self.write(own)}
            behind = tuple(name for name in names if name != self.cut)
            if behind:
                trail = side.bound(self.trail(self.cut, behind, torch.float32), part)
                at |= dict(zip(behind, trail(at[self.cut], indices), strict=True))
        return tuple(at[name].to(dtype) for name in names)

    def later(self, name: str) -> tuple[str, ...]:
        """Return the block boundaries behind the cut ``name``."""
        return self.side.later(name)

    def suffix(self, name: str) -> nn.Module:
        """Return the frozen suffix at ``name``."""
        return self._reading(name, self.side.suffix(name))

    def fast_suffix(self, name: str, dtype: torch.dtype) -> nn.Module:
        """Return the accelerated frozen suffix at ``name``."""
        return self._reading(name, self.side.fast_suffix(name, dtype))

    def trail(self, name: str, later: tuple[str, ...], dtype: torch.dtype) -> nn.Module:
        """Return an accelerated module from the representation at ``name`` to those at ``later``."""
        return self._reading(name, self.side.trail(name, later, dtype))

    def _reading(self, name: str, half: nn.Module) -> nn.Module:
        return _Changed(self.read, half) if name == self.cut else half


def _between(layout: Any, change: Rewriting) -> Rewriting:
    return lambda x: layout.features_back(change(layout.features_first(x)))
