"""Representations of one network at several cuts: computed in one pass, and kept where they fit."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, final

import torch
from torch import Tensor

from modelstitch.data.parts import PartName
from modelstitch.grid.scoring import score_batches
from modelstitch.grid.side import Side
from modelstitch.util.workers import GoOn, Workers, side_by_side

Storage = Literal["device", "host", "disk", "recompute"]
"""Where representations are kept; ``recompute`` keeps none."""

STORAGES: tuple[Storage, ...] = ("device", "host", "disk", "recompute")

Lookup = Callable[[Tensor], Tensor]
"""Maps example indices (n,) to representations (n, *shape)."""


@dataclass(frozen=True)
class Pass:
    """Sender cuts whose representations are computed in one pass and are alive together.

    Attributes:
        names: the cuts.
        storage: where their representations are kept.
        bytes: of all of them.
        costs: seconds of a run by storage, where one had to be chosen.
    """

    names: tuple[str, ...]
    storage: Storage
    bytes: int
    costs: tuple[tuple[Storage, float], ...] = ()


def plan_passes(
    sizes: dict[str, int],
    budget_bytes: int,
    device: torch.device,
    keep: Storage | Literal["auto"] = "auto",
    costs: Callable[[str, int], dict[Storage, float]] | None = None,
) -> list[Pass]:
    """Divide a sender's cuts, in their order, into passes whose representations fit ``budget_bytes``.

    A cut that does not fit alone goes where it costs least; without known costs it is recomputed at each use.

    Args:
        sizes: bytes of the representations of all examples, by cut, from the input on.
        budget_bytes: how much may be alive at once.
        device: where the networks run.
        keep: ``auto``, or one of :data:`STORAGES` for every cut.
        costs: maps a cut and its bytes to seconds of a run by storage; called where a cut does not fit alone.

    Example:
        >>> sizes = {"a": 5, "b": 4, "c": 3, "d": 20}
        >>> [planned.names for planned in plan_passes(sizes, 10, torch.device("cpu"))]
        [('a', 'b'), ('c',), ('d',)]
        >>> plan_passes({"d": 20}, 10, torch.device("cpu"))[0].storage
        'recompute'
    """
    if keep in ("recompute", "disk"):
        return [Pass((name,), keep, size) for name, size in sizes.items()]
    usual: Storage = "device" if keep == "auto" else keep
    passes: list[Pass] = []
    for name, size in sizes.items():
        if size > budget_bytes and keep == "auto":
            known: dict[Storage, float] = costs(name, size) if costs else {"recompute": 0.0}
            cheapest = min(known, key=lambda storage: known[storage])
            passes.append(Pass((name,), cheapest, size, tuple(known.items())))
        elif passes and passes[-1].storage == usual and passes[-1].bytes + size <= budget_bytes:
            passes[-1] = Pass((*passes[-1].names, name), usual, passes[-1].bytes + size)
        else:
            passes.append(Pass((name,), usual, size))
    return passes


@final
class Representations:
    """Representations of one part of the data at several cuts, looked up by example.

    Args:
        side: the network.
        names: the cuts; one pass over the part computes them all.
        part: ``train`` or ``held-out``.
        storage: where they are kept; ``recompute`` keeps none and runs the prefix at each look-up.
        dtype: of what is looked up; the half that computes it runs in it too.
        unaccelerated: use the unaccelerated half.
        workers: how many batches are computed at once; one without it.
    """

    def __init__(
        self,
        side: Side,
        names: Sequence[str],
        part: PartName,
        storage: Storage = "device",
        dtype: torch.dtype = torch.float32,
        unaccelerated: bool = False,
        workers: Workers | None = None,
    ) -> None:
        self.side, self.part, self.dtype, self.storage = side, part, dtype, storage
        self._unaccelerated = unaccelerated
        self._n_examples = len(side.inputs.given[part])
        self._device = side.inputs.given[part].images.device
        self._kept: dict[str, Tensor] = {}
        self._folder: Path | None = None
        if storage != "recompute":
            self._fill(tuple(dict.fromkeys(names)), workers if side.runs_in_threads else None)

    def _fill(self, names: tuple[str, ...], workers: Workers | None) -> None:
        def fill(go_on: GoOn, indices: Tensor) -> None:
            go_on()
            for name, batch in zip(names, self._compute(names, indices), strict=True):
                rows = _channels_last(batch)
                if name not in self._kept:
                    self._kept[name] = self._empty(rows)
                self._kept[name][indices[0] : indices[-1] + 1] = rows

        first, *others = (partial(fill, indices=indices) for indices in score_batches(self._n_examples))
        first(lambda: None)  # by itself, since it makes room for all
        for _ in side_by_side(others, workers):
            pass

    def _empty(self, like: Tensor) -> Tensor:
        shape = (self._n_examples, *like.shape[1:])
        if self.storage == "disk":
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="modelstitch-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            path = str(self._folder / f"{len(self._kept)}.bin")
            n = torch.Size(shape).numel()
            return torch.from_file(path, shared=True, size=n, dtype=like.dtype).view(shape)
        if self.storage == "host":
            return torch.empty(shape, dtype=like.dtype, pin_memory=like.is_cuda)
        return torch.empty(shape, dtype=like.dtype, device=like.device)

    def _compute(self, names: tuple[str, ...], indices: Tensor) -> tuple[Tensor, ...]:
        return self.side.represent(names, self.part, indices, self.dtype, unaccelerated=self._unaccelerated)

    def at(self, name: str) -> Lookup:
        """Return what maps example indices (n,) to representations (n, *shape) at the cut ``name``."""

        def look_up(indices: Tensor) -> Tensor:
            if name not in self._kept:
                return self._compute((name,), indices)[0]
            kept = self._kept[name]
            rows = kept.index_select(0, indices.to(kept.device)).to(self._device, non_blocking=True)
            return _channels_first(rows)

        return look_up


def _channels_last(x: Tensor) -> Tensor:
    # Maps are stored as (N, H, W, C): what the frozen halves read, so that a look-up copies once.
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x
