from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import torch

from modelstitch.util.cores import n_cores
from modelstitch.util.workers import GoOn, StoppedError, Workers, side_by_side, threads_of_torch


def test_jobs_run_at_the_same_time_and_on_their_own_threads() -> None:
    meeting = threading.Barrier(2, timeout=20)

    def job(go_on: GoOn) -> tuple[int, str]:
        meeting.wait()  # passes where two jobs are there together
        return torch.get_num_threads(), threading.current_thread().name

    with threads_of_torch(3):
        found = list(side_by_side([job] * 4, Workers(count=2, threads=1)))
        assert torch.get_num_threads() == 3
    assert [threads for threads, _ in found] == [1] * 4
    assert {name for _, name in found} <= {"modelstitch_0", "modelstitch_1"}


def test_without_workers_jobs_run_in_order_in_the_callers_thread() -> None:
    def job(go_on: GoOn, number: int) -> tuple[int, threading.Thread]:
        return number, threading.current_thread()

    jobs = [lambda go_on, number=number: job(go_on, number) for number in range(3)]
    for workers in (None, Workers(1, 2)):
        assert list(side_by_side(jobs, workers)) == [(n, threading.current_thread()) for n in range(3)]


@pytest.mark.parametrize("how", ["a job fails", "the caller stops"])
def test_where_one_ends_the_others_are_stopped(how: str) -> None:
    stopped: list[int] = []
    begun = threading.Event()

    def endless(go_on: GoOn) -> int:
        begun.set()
        try:
            while True:
                go_on()
                time.sleep(0.001)
        except StoppedError:
            stopped.append(1)
            raise

    def first(go_on: GoOn) -> int:
        assert begun.wait(20)
        if how == "a job fails":
            raise ValueError("this one fails")
        return 1

    found = side_by_side([first, endless, endless, endless], Workers(count=2))
    if how == "a job fails":
        with pytest.raises(ValueError, match="this one fails"):
            next(found)
    else:
        assert next(found) == 1
        found.close()  # type: ignore[attr-defined]
    assert 1 <= len(stopped) <= 2
    assert not [one for one in threading.enumerate() if one.name.startswith("modelstitch_")]


def group(folder: Path, name: str, limit: str) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "cpu.max").write_text(limit, encoding="utf-8")


@pytest.mark.parametrize(
    ("own", "limits", "expected"),
    [
        ("/a/b", {"a/b": "max 100000", "a": "150000 100000"}, 2),  # a limit around it, rounded up
        ("/a/b", {"a/b": "50000 100000", "a": "300000 100000"}, 1),
        ("/of/the/host", {".": "300000 100000"}, 3),  # a container sees its own group at the top
        ("/../a", {"a": "damaged", ".": "max 100000"}, 4),
    ],
)
def test_the_quota_of_a_container_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: str, limits: dict[str, str], expected: int
) -> None:
    for name, limit in limits.items():
        group(tmp_path / "groups", name, limit)
    named = tmp_path / "cgroup"
    named.write_text(f"1:cpu:/old\n0::{own}\n", encoding="utf-8")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    with threads_of_torch(4):
        assert n_cores(tmp_path / "groups", named) == expected
        assert n_cores(tmp_path / "groups", tmp_path / "none") == 4
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {5}, raising=False)
    with threads_of_torch(4):
        assert n_cores(tmp_path / "groups", tmp_path / "none") == 1
