"""Random starts from a seed."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch

from modelstitch.util.random_state import kept_random_state

_NUMPY_SEEDS = 2**32


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from ``seed`` inside the block, and restore the global random states behind it."""
    with kept_random_state(), torch.random.fork_rng(list(range(torch.cuda.device_count()))):
        torch.manual_seed(seed)
        np.random.seed(seed % _NUMPY_SEEDS)
        random.seed(seed)
        yield
