"""How many cores this process may use: those of its affinity, of its container, and of torch's own count."""

from __future__ import annotations

import math
import os
from pathlib import Path

import torch

_GROUPS = Path("/sys/fs/cgroup")


def n_cores(groups: Path = _GROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Return the number of cores that this process may use, at least 1.

    It is the least of three: the cores of its affinity, the quota of its control group (a container's limit),
    and torch's own thread count, which a user lowers by ``OMP_NUM_THREADS`` or ``torch.set_num_threads``.

    Args:
        groups: where the control groups of version 2 are.
        own: the file that names the group of this process.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(groups, own)
    known = [allowed, torch.get_num_threads(), *([] if quota is None else [math.ceil(quota)])]
    return max(1, min(known))


def _quota(groups: Path, own: Path) -> float | None:
    """Return the least quota in cores of a process's control group and of those around it."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    path = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
    inner = groups / path.lstrip("/")
    quotas = []
    # Inside a container the group is named from outside: the limit then stands at the top.
    for folder in {inner, *inner.parents, groups}:
        if folder != groups and groups not in folder.parents:
            continue
        try:
            limit, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            continue
        if limit != "max":
            quotas.append(int(limit) / int(period))
    return min(quotas, default=None)
