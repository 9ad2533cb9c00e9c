"""Random starts from a seed, and global random states that stay as they were."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch

_NUMPY_SEEDS = 2**32


@contextlib.contextmanager
def kept_random_state() -> Iterator[None]:
    """Restore the global random states of torch, NumPy and Python behind the block."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(list(range(torch.cuda.device_count()))):
            yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from ``seed`` inside the block, and restore the global random states behind it."""
    with kept_random_state():
        torch.manual_seed(seed)
        np.random.seed(seed % _NUMPY_SEEDS)
        random.seed(seed)
        yield
