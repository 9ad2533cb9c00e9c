"""Several jobs side by side, each on threads of torch of its own.

A small operation gains little from a second thread, and waits for it where the machine does other things too.
A job on one thread gives the same bits however many jobs run beside it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import torch

T = TypeVar("T")

GoOn = Callable[[], None]
"""A job calls it now and then; it raises where the job is no longer wanted."""


@dataclass(frozen=True)
class Workers:
    """How many jobs run at once, and on how many threads of torch each.

    Attributes:
        count: jobs at once.
        threads: of each job.
    """

    count: int = 1
    threads: int = 1

    @property
    def n_threads(self) -> int:
        """Threads of all jobs together."""
        return self.count * self.threads


class StoppedError(Exception):
    """A job is no longer wanted."""


@contextlib.contextmanager
def threads_of_torch(n: int) -> Iterator[None]:
    """Let torch use ``n`` threads inside the block, in this thread and in those that start in it.

    Example:
        >>> before = torch.get_num_threads()
        >>> with threads_of_torch(1):
        ...     torch.get_num_threads()
        1
        >>> torch.get_num_threads() == before
        True
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(jobs: Sequence[Callable[[GoOn], T]], workers: Workers | None) -> Iterator[T]:
    """Yield what the jobs return, each as it is done; with one worker, or without, in their order.

    Jobs start in their order. Where the caller stops, or one job fails, the others are stopped: those that
    run, at their next call of :data:`GoOn`.

    Args:
        jobs: each is called with a function to call now and then.
        workers: how many at once; None for one, in this thread.

    Example:
        >>> sorted(side_by_side([lambda go_on, i=i: i * i for i in range(4)], Workers(count=2)))
        [0, 1, 4, 9]
    """
    if workers is None or workers.count == 1 or len(jobs) < 2:
        for job in jobs:
            yield job(_always)
        return
    stopped = threading.Event()

    def go_on() -> None:
        if stopped.is_set():
            raise StoppedError

    with (
        threads_of_torch(workers.threads),
        ThreadPoolExecutor(workers.count, "modelstitch", torch.set_num_threads, (workers.threads,)) as pool,
    ):
        waiting = iter(jobs)
        running: set[Future[T]] = set()

        def start(n: int) -> None:
            for job in islice(waiting, n):
                running.add(pool.submit(job, go_on))

        start(workers.count)
        try:
            while running:
                done = wait(running, return_when=FIRST_COMPLETED).done
                running -= done
                start(len(done))  # before the caller works on what is done
                for future in done:
                    yield future.result()
        finally:
            stopped.set()


def _always() -> None:
    """A job in the caller's own thread is stopped as any call is."""
