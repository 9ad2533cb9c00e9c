"""What keeping representations in each storage would cost a run, from a few timed operations."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch

from modelstitch.grid.representations import Storage
from modelstitch.grid.side import Side

_TRIAL_BYTES, _ROW_BYTES = 2**25, 2**14
_TRIAL_EXAMPLES = 64
_DISK_MARGIN = 2


def costs(
    side: Side, name: str, n_bytes: int, n_examples: int, n_lookups: int, dtype: torch.dtype
) -> dict[Storage, float]:
    """Return the seconds that a run would spend on one cut's representations, by storage.

    Args:
        side: the network.
        name: the cut.
        n_bytes: of the representations of all examples.
        n_examples: number of examples; a storage that keeps them computes each once.
        n_lookups: how many examples are looked up, repeats counted.
        dtype: in which the prefix runs.

    Returns:
        ``recompute`` always; ``disk`` where the folder for temporary files has room; ``host`` on a GPU.
    """
    device = side.data.train.images.device
    few = torch.arange(min(_TRIAL_EXAMPLES, len(side.data.train)))
    one = timed(lambda: side.represent((name,), "train", few, dtype), device) / len(few)
    moved = n_bytes * (1 + n_lookups / max(1, n_examples))
    seconds: dict[Storage, float] = {"recompute": one * n_lookups}
    if shutil.disk_usage(tempfile.gettempdir()).free > _DISK_MARGIN * n_bytes:
        seconds["disk"] = one * n_examples + moved / disk_bytes_per_second()
    if device.type == "cuda":
        seconds["host"] = one * n_examples + moved / _host_bytes_per_second(device)
    return seconds


@lru_cache(maxsize=1)
def disk_bytes_per_second() -> float:
    """Return the rate of writing a temporary file and reading its rows in random order."""
    n_rows = _TRIAL_BYTES // _ROW_BYTES
    with tempfile.TemporaryDirectory(prefix="modelstitch-") as folder:
        path = Path(folder) / "trial.bin"
        kept = torch.from_file(str(path), shared=True, size=_TRIAL_BYTES, dtype=torch.uint8)
        begin = time.perf_counter()
        kept.fill_(1)
        order = torch.randperm(n_rows, generator=torch.Generator().manual_seed(0))
        kept.view(n_rows, _ROW_BYTES).index_select(0, order)
        return 2 * _TRIAL_BYTES / (time.perf_counter() - begin)


def _host_bytes_per_second(device: torch.device) -> float:
    host = torch.empty(_TRIAL_BYTES, dtype=torch.uint8, pin_memory=True)
    return _TRIAL_BYTES / timed(lambda: host.to(device), device)


def timed(run: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that ``run`` takes when it is warm."""
    times = []
    for _ in range(3):
        _synchronise(device)
        start = time.perf_counter()
        with torch.no_grad():
            run()
        _synchronise(device)
        times.append(time.perf_counter() - start)
    return min(times)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
