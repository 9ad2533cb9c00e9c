"""Time and memory of candidates and of the whole networks, measured on this machine in one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.adoption.candidates.candidate import Candidate, Latency, Whole
from modelstitch.adoption.candidates.latency import latencies
from modelstitch.adoption.candidates.memory import bytes_of, module_bytes, peak_bytes
from modelstitch.grid.inputs import ExampleBatch
from modelstitch.grid.side import Side
from modelstitch.results.comparison import Comparison


def timed(
    comparison: Comparison,
    sides: tuple[Side, Side],
    rows: list[Candidate],
    wholes: Mapping[str, Whole],
    batches: Sequence[int],
) -> tuple[list[Candidate], dict[str, Whole]]:
    """Return candidates and whole networks with latency and memory, all measured in turn in one run.

    Args:
        comparison: the run, with its networks.
        sides: sender and receiver.
        rows: the candidates; without any nothing is measured.
        wholes: the whole networks by role.
        batches: numbers of examples that are given at once.
    """
    by_batch: dict[int, dict[str, Latency]] = {}
    at_peak: dict[int, dict[str, int]] = {}
    device = sides[0].data.heldout.images.device
    modules = [
        comparison.stitched(row.sender_cut, row.receiver_cut, stitch=row.stitch, seed=row.seed)
        for row in rows
    ]
    for batch in batches if rows else ():
        calls: dict[str, Callable[[], object]] = {}
        some = [side.inputs.batch("held-out", torch.arange(batch) % len(side.data.heldout)) for side in sides]
        for role, side, given in zip(("sender", "receiver"), sides, some, strict=True):
            calls[role] = _call(side.network.module, given.x, given.own)
        for number, module in enumerate(modules):
            calls[str(number)] = _joined_call(module.prefix, module.stitch, module.suffix, some[0], some[1])
        by_batch[batch] = latencies(calls, device)
        networks = {"sender": sides[0].network.module, "receiver": sides[1].network.module}
        networks |= {str(number): module for number, module in enumerate(modules)}
        at_peak[batch] = {
            name: peak_bytes(call, module_bytes(networks[name]) + _given_bytes(name, some), device)
            for name, call in calls.items()
        }

    def measured(name: str) -> dict[str, Any]:
        return {
            "latency": {batch: each[name] for batch, each in by_batch.items()},
            "memory": {batch: each[name] for batch, each in at_peak.items()},
        }

    return (
        [replace(row, **measured(str(number))) for number, row in enumerate(rows)],
        {role: replace(whole, **measured(role)) for role, whole in wholes.items()},
    )


def _given_bytes(name: str, some: Sequence[ExampleBatch]) -> int:
    """Return the bytes of what is given: to the receiver its own input, to all others that of the sender."""
    sent, received = some
    if name == "receiver":
        return bytes_of((received.x, *received.own.values()))
    if name == "sender":
        return bytes_of((sent.x, *sent.own.values()))
    return bytes_of((sent.x, *sent.kwargs.values(), *received.kwargs.values()))


def _call(module: nn.Module, x: Tensor, kwargs: Mapping[str, Tensor]) -> Callable[[], object]:
    return lambda: module(x, **kwargs)


def _joined_call(
    prefix: nn.Module, stitch: nn.Module, suffix: nn.Module, sent: ExampleBatch, received: ExampleBatch
) -> Callable[[], object]:
    return lambda: suffix(stitch(prefix(sent.x, **sent.kwargs)[0].float()), **received.kwargs)
