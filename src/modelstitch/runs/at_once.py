"""How many cells of a run are fitted at once, and on how many threads: from cores and from memory."""

from __future__ import annotations

from modelstitch.grid.grid import Budget
from modelstitch.runs.memory import measuring_bytes, working_bytes
from modelstitch.runs.session import Session
from modelstitch.specs import EvidenceSpec
from modelstitch.util.workers import Workers

_MOST_BYTES = 2 * 2**30
"""What the steps of all cells that are fitted at once may take together."""


def workers_of(session: Session, n_cores: int, budget: Budget) -> Workers:
    """Return how a run divides its cores: one thread for each of as many cells as there are cores.

    Fewer cells at once, on more threads each, where there are fewer cells than cores, or where the steps of
    so many cells take more than 2 GiB. One at a time on a GPU, and under a bound on the memory, which counts
    one step.

    Args:
        session: what to run.
        n_cores: that this process may use.
        budget: of memory.
    """
    on_gpu = session.pair.data.train.images.device.type != "cpu"
    if on_gpu or budget.total is not None:
        return Workers(1, n_cores)
    most = max(1, _MOST_BYTES // max(1, working_bytes(session)))
    count = max(1, min(n_cores, len(session.cells), most))
    return Workers(count, max(1, n_cores // count))


def measuring_workers(session: Session, evidence: EvidenceSpec, workers: Workers) -> Workers:
    """Return how many cells are measured at once: as many as are fitted, while they take at most 2 GiB."""
    most = max(1, _MOST_BYTES // max(1, measuring_bytes(session, evidence)))
    count = min(workers.count, most)
    return Workers(count, workers.n_threads // count)
