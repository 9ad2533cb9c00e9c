"""How long networks take, measured one after the other in turn, so that what slows the machine slows all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch

from modelstitch.adoption.candidates.candidate import Latency

ROUNDS = 30
_WARM, _FEWEST = 3, 10
_MOST_SECONDS = 60.0
"""After so long no further round begins, if the fewest are done: a busy machine, or large networks."""


def latencies(
    calls: Mapping[str, Callable[[], object]],
    device: torch.device,
    rounds: int = ROUNDS,
    most_seconds: float = _MOST_SECONDS,
) -> dict[str, Latency]:
    """Return how long each call takes.

    Each round makes every call once, in an order that turns by one, so that no call is always the first.

    Args:
        calls: by name.
        device: where they run; on a GPU a call counts until its work is done.
        rounds: number of measured rounds, at most.
        most_seconds: after which no further round begins, if 10 are done.
    """
    names = list(calls)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    begin = time.perf_counter()
    with torch.inference_mode():
        for number in range(_WARM + rounds):
            if number >= _WARM + _FEWEST and time.perf_counter() - begin > most_seconds:
                break
            turn = number % len(names)
            for name in (*names[turn:], *names[:turn]):
                start = time.perf_counter()
                calls[name]()
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                if number >= _WARM:
                    seconds[name].append(time.perf_counter() - start)
    return {
        name: Latency(1e3 * statistics.median(each), 1e3 * statistics.quantiles(each, n=20)[-1])
        for name, each in seconds.items()
    }
