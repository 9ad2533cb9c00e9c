from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.data.parts import PartName
from modelstitch.grid.inputs import NetworkInputs
from modelstitch.grid.representations import STORAGES, Representations, Storage, plan_passes
from modelstitch.runs.session import Session

CPU = torch.device("cpu")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=9), st.integers(1, 60))
def test_no_pass_exceeds_the_budget_and_every_cut_has_its_place(sizes: list[int], budget: int) -> None:
    named = {f"cut{index}": size for index, size in enumerate(sizes)}
    planned = plan_passes(named, budget, CPU)
    assert [name for each in planned for name in each.names] == list(named)
    for each in planned:
        assert each.bytes == sum(named[name] for name in each.names)
        assert (each.storage == "recompute") == (each.bytes > budget)
    for one, other in pairwise(planned):
        if "recompute" not in (one.storage, other.storage):
            assert one.bytes + named[other.names[0]] > budget


@pytest.mark.parametrize("storage", STORAGES)
def test_a_forced_place_is_used_whatever_the_budget(storage: Storage) -> None:
    planned = plan_passes({"a": 5, "b": 5}, 1, CPU, storage)
    assert {each.storage for each in planned} == {storage}


@pytest.mark.parametrize("storage", STORAGES)
def test_every_place_gives_the_same_representations(session: Session, storage: Storage) -> None:
    side = session.pair.sender
    names = ("layers.0", "layers.2", "layers.4")
    found = Representations(side, names, "held-out", storage)
    indices = torch.tensor([5, 0, 598, 5])
    images = side.inputs.images("held-out", indices)
    for name in names:
        got = found.at(name)(indices)
        (wanted,) = side.halves.prefix(name)(images)
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
        assert got.shape == (4, *side.cut(name).shape)


def test_all_cuts_come_from_one_pass(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    side = session.pair.sender
    calls: list[int] = []
    images = NetworkInputs.images

    def counted(self: NetworkInputs, part: PartName, indices: torch.Tensor) -> torch.Tensor:
        calls.append(len(indices))
        return images(self, part, indices)

    side.halves.fast_prefix(("layers.0", "layers.4"), torch.float32)
    monkeypatch.setattr(NetworkInputs, "images", counted)
    Representations(side, ("layers.0", "layers.4"), "held-out")
    assert sum(calls) == len(side.data.heldout)


def test_bfloat16_representations_are_half_the_size(session: Session) -> None:
    side = session.pair.sender
    kept = Representations(side, ("layers.2",), "held-out", dtype=torch.bfloat16).at("layers.2")
    exact = Representations(side, ("layers.2",), "held-out").at("layers.2")
    indices = torch.arange(20)
    assert kept(indices).dtype == torch.bfloat16
    torch.testing.assert_close(kept(indices).float(), exact(indices), rtol=0.05, atol=0.05)


def test_what_lies_on_disk_goes_with_its_owner(session: Session) -> None:
    side = session.pair.sender
    found = Representations(side, ("layers.2",), "held-out", "disk")
    folder = found._folder
    assert folder is not None
    assert list(folder.iterdir())
    del found
    assert not folder.exists()
