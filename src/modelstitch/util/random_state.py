"""The global random states, kept as a caller had them."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np
import torch

P = ParamSpec("P")
R = TypeVar("R")


@contextlib.contextmanager
def kept_random_state() -> Iterator[None]:
    """Restore the global random states of torch, NumPy and Python behind the block.

    A model or a data set of a caller may draw from them in any call.

    Example:
        >>> before = torch.random.get_rng_state()
        >>> with kept_random_state():
        ...     drawn = torch.rand(3)
        >>> torch.equal(torch.random.get_rng_state(), before)
        True
    """
    of_python, of_numpy = random.getstate(), np.random.get_state()
    # A GPU that nobody has used yet has no state to keep, and asking for it would start it.
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def keeping_random_state(verb: Callable[P, R]) -> Callable[P, R]:
    """Leave the global random states behind a verb as they were."""

    @wraps(verb)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        with kept_random_state():
            return verb(*arguments, **named)

    return call
