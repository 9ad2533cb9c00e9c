"""How much memory this process has taken."""

from __future__ import annotations

import importlib
import sys


def peak_bytes() -> int | None:
    """Return the most resident bytes of this process so far, with those of its largest finished child.

    None on a system that does not count them.

    Example:
        >>> peak = peak_bytes()
        >>> peak is None or peak > 10**6
        True
    """
    try:
        resource = importlib.import_module("resource")
    except ModuleNotFoundError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    of = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(int(resource.getrusage(who).ru_maxrss) for who in of) * unit
