"""Which cells have to do as well as the receiver itself, and how many steps they get for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from modelstitch.fitting.trained import Least
from modelstitch.grid import grid
from modelstitch.grid.cell import CellInputs, divide_validation
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.runs.session import Session
from modelstitch.specs import CellSpec, FitSpec, StitchSpec

REAL = CellSpec(sender_cut="layers.2", receiver_cut="layers.4")
HOT, NOISE = (replace(REAL, control=name) for name in ("one-hot", "clustered-noise"))
RANDOM, OWN = (replace(REAL, control=name) for name in ("random-sender", "self-stitch"))


def given(
    monkeypatch: pytest.MonkeyPatch,
    session: Session,
    cells: Sequence[CellSpec],
    fit: FitSpec,
    known: Mapping[CellSpec, int] | None = None,
) -> dict[CellSpec, Least | None]:
    """Return what each cell has to reach, where the real cell takes 70 steps."""
    found: dict[CellSpec, Least | None] = {}

    def fit_cell(cell: CellSpec, sender: Any, receiver: Any, inputs: CellInputs, spec: FitSpec) -> Any:
        found[cell] = inputs.least
        return SimpleNamespace(spec=cell, fitted=SimpleNamespace(total_steps=70))

    monkeypatch.setattr(grid, "fit_cell", fit_cell)
    list(fit_grid(session.pair, cells, fit, Budget(10**9), known))
    return found


def test_a_label_only_sender_has_to_do_as_well_as_the_receiver_in_three_times_the_steps(
    monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    # The order in which cells are asked for has no influence.
    found = given(monkeypatch, session, [HOT, RANDOM, NOISE, OWN, REAL], FitSpec(precision="float32"))
    assert {cell for cell, least in found.items() if least is not None} == {HOT, NOISE}
    receiver = session.pair.receiver
    _, validation = divide_validation(len(receiver.data.train), automatic=True)
    with torch.no_grad():
        outputs = receiver.network.module(receiver.inputs.images("train", validation))
    right = outputs.argmax(1) == receiver.data.train.labels[validation]
    for cell in (HOT, NOISE):
        least = found[cell]
        assert least is not None
        assert least.most_steps == 210
        assert torch.equal(least.scores, right.float())


def test_a_resumed_run_knows_the_steps_of_the_real_cell(
    monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    fit = FitSpec(precision="float32")
    least = given(monkeypatch, session, [HOT], fit, {REAL: 40})[HOT]
    assert least is not None
    assert least.most_steps == 120
    assert given(monkeypatch, session, [HOT], fit)[HOT] is None


@pytest.mark.parametrize("stitch", ["lowrank(2)", "scale", "orthogonal", "affine by logits"])
def test_a_stitch_that_cannot_or_need_not_is_not_bound(
    monkeypatch: pytest.MonkeyPatch, session: Session, stitch: str
) -> None:
    spec = StitchSpec.parse(stitch)
    objective = spec.objective or "task"
    cells = [
        replace(cell, stitch=spec, objective=objective, sender_cut="layers.4", receiver_cut="layers.4")
        for cell in (REAL, HOT)
    ]
    found = given(monkeypatch, session, cells, FitSpec(precision="float32"))
    assert set(found.values()) == {None}


def test_a_fit_of_fixed_length_is_not_bound(monkeypatch: pytest.MonkeyPatch, session: Session) -> None:
    assert given(monkeypatch, session, [REAL, HOT], FitSpec(steps=3, precision="float32"))[HOT] is None
