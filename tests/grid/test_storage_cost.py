"""Where representations are kept, and how a bound on memory is divided."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from modelstitch.errors import SpecError
from modelstitch.grid.grid import Budget, fit_grid, passes
from modelstitch.grid.representations import STORAGES, Storage, plan_passes
from modelstitch.grid.storage_cost import costs, disk_bytes_per_second
from modelstitch.report.limits import limits
from modelstitch.runs.memory import (
    affordable,
    fixed_bytes,
    needed_bytes,
    representation_bytes,
    training_bytes,
    working_bytes,
)
from modelstitch.runs.run import run
from modelstitch.runs.session import Session
from modelstitch.specs import CellSpec, EvidenceSpec, FitSpec
from modelstitch.util.progress import Progress

CPU = torch.device("cpu")


def fixed(**seconds: float) -> Callable[[str, int], dict[Storage, float]]:
    chosen = {storage: seconds[storage] for storage in STORAGES if storage in seconds}
    return lambda name, size: chosen


@pytest.mark.parametrize(
    ("seconds", "storage"),
    [({"recompute": 3.0, "disk": 1.0}, "disk"), ({"recompute": 1.0, "disk": 3.0, "host": 2.0}, "recompute")],
)
def test_what_does_not_fit_goes_where_it_costs_least(seconds: dict[str, float], storage: Storage) -> None:
    found = plan_passes({"a": 5, "b": 50}, 10, CPU, costs=fixed(**seconds))
    assert [(each.storage, each.names) for each in found] == [("device", ("a",)), (storage, ("b",))]
    assert dict(found[1].costs) == seconds
    assert found[0].costs == ()


def test_costs_are_timed_only_where_something_does_not_fit() -> None:
    def refuse(name: str, size: int) -> dict[Storage, float]:
        raise AssertionError("nothing to choose here")

    plan_passes({"a": 5, "b": 5}, 10, CPU, costs=refuse)
    plan_passes({"a": 50}, 10, CPU, "recompute", refuse)


def test_looking_up_more_costs_more(session: Session) -> None:
    side = session.pair.sender
    once = costs(side, "layers.2", 10**6, 1000, 1000, torch.float32)
    often = costs(side, "layers.2", 10**6, 1000, 100_000, torch.float32)
    assert often["recompute"] > 20 * once["recompute"] > 0
    assert set(once) == {"recompute", "disk"}
    assert often["disk"] > once["disk"]
    assert 10**6 < disk_bytes_per_second() < 10**12


def test_a_full_disk_is_no_place(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    found = costs(session.pair.sender, "layers.2", 10**6, 1000, 1000, torch.float32)
    assert set(found) == {"recompute"}


def test_a_grid_is_the_same_wherever_its_representations_were_put(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [CellSpec(sender_cut="layers.2", receiver_cut="layers.2")]
    fit = FitSpec(steps=5, precision="float32")
    weights: list[Any] = []
    for seconds in ({"disk": 1.0, "recompute": 2.0}, {"disk": 2.0, "recompute": 1.0}):
        monkeypatch.setattr("modelstitch.grid.grid.costs", lambda *given, chosen=seconds: chosen)
        planned = passes(session.pair.sender, cells, fit, Budget(0))
        assert planned[0].storage == min(seconds, key=lambda place: seconds[place])
        (fitted,) = fit_grid(session.pair, cells, fit, Budget(0))
        weights.append(fitted.stitch.state_dict()["weight"])
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-6)


def test_a_bound_is_divided_alike_whenever_it_is_asked(session: Session) -> None:
    assert representation_bytes(session, 10**8) == 0
    kwargs, less = (representation_bytes(session, extra) for extra in (3 * 10**9, 2 * 10**9))
    assert kwargs - less == 10**9
    assert less == 2 * 10**9 - fixed_bytes(session) - working_bytes(session)


class Heard(Progress):
    """Keeps the warnings of a run."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)


def test_a_bound_that_cannot_be_kept_is_said_before_the_first_fit_and_what_was_taken_after_the_last(
    session: Session,
) -> None:
    one = replace(session, cells=session.cells[:1])
    needed = needed_bytes(session)
    for bound, said in ((needed - 1, 1), (needed, 0)):
        heard = Heard()
        none = EvidenceSpec.parse(("none",))
        found = run(one, budget=Budget(0, total=bound), evidence=none, progress=heard)
        assert len([text for text in heard.said if "cannot be kept" in text]) == said
        memory = found.facts.memory
        assert memory is not None
        assert (memory.bound, memory.needed) == (bound, needed)
        assert (memory.peak or 0) > 10**8
        tight = replace(found, facts=replace(found.facts, memory=replace(memory, bound=10**8)))
        assert any("and the bound was 0.10 GB" in text for text in limits(tight))


def test_evidence_takes_fewer_examples_or_is_refused(session: Session) -> None:
    spec = EvidenceSpec()
    assert affordable(session, spec, None) == spec
    assert affordable(session, spec, 10**11) == spec
    fixed = fixed_bytes(session) + training_bytes(session, spec)
    some = affordable(session, spec, fixed + 4 * 10**6)
    assert 80 <= some.n_examples < 599
    assert affordable(session, spec, fixed + 4 * 10**6) == some
    with pytest.raises(
        SpecError,
        match=(
            r"room for evidence on 8 held-out examples a class, got room for 0 in all: "
            r"give --memory \d\.\dGB"
        ),
    ):
        affordable(session, spec, fixed)
    assert affordable(session, EvidenceSpec(kinds=()), 10**8).kinds == ()
