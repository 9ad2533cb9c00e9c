"""Representations of the examples at the cuts of one network: computed for all cuts in one pass, and kept where they fit."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from modelstitch.data.parts import DataPart
from modelstitch.grid.side import Side, score_batches

Place = Literal["device", "host", "disk", "recompute"]
PLACES: tuple[Place, ...] = ("device", "host", "disk", "recompute")

Lookup = Callable[[Tensor], Tensor]
"""Maps example indices (n,) to representations (n, *shape)."""


@dataclass(frozen=True)
class Pass:
    """Sender cuts whose representations are computed in one pass and are alive together.

    Attributes:
        names: the cuts.
        place: where their representations are kept.
        bytes: of all of them.
        costs: seconds of a run by place, where one had to be chosen.
    """

    names: tuple[str, ...]
    place: Place
    bytes: int
    costs: tuple[tuple[Place, float], ...] = ()


def plan_passes(
    sizes: dict[str, int],
    budget_bytes: int,
    device: torch.device,
    keep: Place | Literal["auto"] = "auto",
    costs: Callable[[str, int], dict[Place, float]] | None = None,
) -> list[Pass]:
    """Divide the cuts of a sender into passes whose representations fit ``budget_bytes``, in the order of the cuts.

    A cut that does not fit by itself goes where it costs least, or is computed again whenever it is needed where no costs are
    known; ``keep`` forces a place for all of them.

    Args:
        sizes: bytes of the representations of all examples, by cut, from the input on.
        budget_bytes: how much may be alive at once.
        device: where the networks run.
        keep: ``auto``, or one of :data:`PLACES`.
        costs: seconds of a run by place, of a cut of so many bytes; asked only for a cut that does not fit.

    Example:
        >>> [each.names for each in plan_passes({"a": 5, "b": 4, "c": 3, "d": 20}, 10, torch.device("cpu"))]
        [('a', 'b'), ('c',), ('d',)]
        >>> plan_passes({"d": 20}, 10, torch.device("cpu"))[0].place
        'recompute'
    """
    if keep in ("recompute", "disk"):
        return [Pass((name,), keep, size) for name, size in sizes.items()]
    kept: Place = "device" if keep == "auto" else keep
    passes: list[Pass] = []
    for name, size in sizes.items():
        if size > budget_bytes and keep == "auto":
            known: dict[Place, float] = costs(name, size) if costs else {"recompute": 0.0}
            cheapest = min(known, key=lambda place: known[place])
            passes.append(Pass((name,), cheapest, size, tuple(known.items())))
        elif passes and passes[-1].place == kept and passes[-1].bytes + size <= budget_bytes:
            passes[-1] = Pass((*passes[-1].names, name), kept, passes[-1].bytes + size)
        else:
            passes.append(Pass((name,), kept, size))
    return passes


class Representations:
    """Representations of one split at several cuts, looked up by example.

    Args:
        side: the network.
        names: the cuts; one pass over the split computes them all.
        split: the examples.
        place: where they are kept; ``recompute`` keeps nothing and runs the prefix at each look-up.
        dtype: of what is looked up; the half that computes them runs in it too.
        plain: use the unaccelerated half.
    """

    def __init__(
        self,
        side: Side,
        names: Sequence[str],
        split: DataPart,
        place: Place = "device",
        dtype: torch.dtype = torch.float32,
        plain: bool = False,
    ) -> None:
        self._side, self._split, self.dtype, self._plain = side, split, dtype, plain
        self.place = place
        self._kept: dict[str, Tensor] = {}
        self._folder: Path | None = None
        if place != "recompute":
            self._fill(tuple(dict.fromkeys(names)))

    def _fill(self, names: tuple[str, ...]) -> None:
        for indices in score_batches(len(self._split)):
            for name, part in zip(names, self._compute(names, indices), strict=True):
                rows = _channels_last(part)
                if name not in self._kept:
                    self._kept[name] = self._empty(rows)
                self._kept[name][indices[0] : indices[-1] + 1] = rows

    def _empty(self, like: Tensor) -> Tensor:
        shape = (len(self._split), *like.shape[1:])
        if self.place == "disk":
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="modelstitch-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            path = str(self._folder / f"{len(self._kept)}.bin")
            n = torch.Size(shape).numel()
            return torch.from_file(path, shared=True, size=n, dtype=like.dtype).view(shape)
        if self.place == "host":
            return torch.empty(shape, dtype=like.dtype, pin_memory=like.is_cuda)
        return torch.empty(shape, dtype=like.dtype, device=like.device)

    def _compute(self, names: tuple[str, ...], indices: Tensor) -> tuple[Tensor, ...]:
        return self._side.represent(names, self._split, indices, self.dtype, plain=self._plain)

    def at(self, name: str) -> Lookup:
        """Return what maps example indices (n,) to representations (n, *shape) at the cut ``name``."""
        device = self._split.images.device

        def look_up(indices: Tensor) -> Tensor:
            if name not in self._kept:
                return self._compute((name,), indices)[0]
            kept = self._kept[name]
            found = kept.index_select(0, indices.to(kept.device)).to(device, non_blocking=True)
            return _channels_first(found)

        return look_up


def _channels_last(x: Tensor) -> Tensor:
    # Maps are stored as (N, H, W, C): what the frozen halves read, so that a look-up copies once.
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x
