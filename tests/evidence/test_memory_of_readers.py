"""What readers read is counted in a bound on memory, and a large training pass is not kept whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting.layouts import Layout
from modelstitch.data.parts import PartName
from modelstitch.evidence import measure
from modelstitch.evidence.receiver_examples import ReceiverExamples
from modelstitch.evidence.units import Units, row_numbers
from modelstitch.evidence.within import ReceiverResiduals
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.side import Side
from modelstitch.runs.memory import affordable, fixed_bytes, reader_bytes, training_bytes
from modelstitch.runs.session import Session
from modelstitch.specs import CellSpec, EvidenceSpec, FitSpec

KEPT = EvidenceSpec(kinds=("kept",))


def n_bytes(*tensors: Tensor) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def test_what_readers_read_is_no_more_than_is_counted(session: Session) -> None:
    """The receiver into itself at its first cut, where most places follow."""
    side = session.pair.receiver
    examples = ReceiverExamples(side, 200)
    read = ReceiverResiduals(side, examples.residuals.heldout)
    name = side.cut(session.spec.receiver_cuts[0]).name

    def represent(part: PartName, rows: Tensor) -> Tensor:
        units = (read.training if part == "train" else read.heldout).units
        return side.represent((name,), part, units.indices[rows], torch.float32)[0]

    found = read.beside(name, side.later(name), nn.Identity(), represent)
    for part, stitched in (("train", [at.x_train for at in found]), ("held-out", [at.x for at in found])):
        own = [rows for (of, _), rows in read._own.items() if of == part]
        n = len(own[0])
        assert 0.3 * n * reader_bytes(session) < n_bytes(*own, *stitched) <= n * reader_bytes(session)
    assert len(found[0].x_train) == min(2000, len(side.data.train))
    counted = len(found[0].x_train) * reader_bytes(session)
    assert counted <= training_bytes(session, KEPT)


@pytest.mark.parametrize(
    ("layout", "numbers"),
    [
        (Layout("vector", (10,)), 10),
        (Layout("map2d", (16, 8, 8)), 1024),
        (Layout("map2d", (16, 32, 32)), 8192),
        (Layout("map2d", (4096, 8, 8)), 4 * 4096),
        (Layout("tokens", (197, 768), extra=1, grid=(14, 14)), 11 * 768),
    ],
)
def test_numbers_of_an_example_are_those_of_its_rows(layout: Layout, numbers: int, session: Session) -> None:
    data = session.pair.data
    units = Units(data.heldout, torch.arange(3), data.task, 3)
    rows = units.rows(torch.zeros(3, *layout.shape), layout, 0)
    assert rows[0].numel() == row_numbers(layout) == numbers


def test_a_bound_leaves_room_for_the_training_examples(session: Session) -> None:
    fixed, training = fixed_bytes(session), training_bytes(session, KEPT)
    room = affordable(session, KEPT, fixed + training + 10**7).n_examples
    assert room == affordable(session, KEPT, fixed + training + 10**7).n_examples
    assert affordable(session, EvidenceSpec(kinds=("errors",)), fixed + 10**7).n_examples > room > 80
    assert training_bytes(session, EvidenceSpec(kinds=("errors",))) == 0


@pytest.mark.parametrize("most_kept", [0, 2**27])
def test_large_representations_of_training_examples_are_computed_for_each_cell(
    session: Session, monkeypatch: pytest.MonkeyPatch, most_kept: int
) -> None:
    cells = [CellSpec(sender_cut="layers.2", receiver_cut=f"layers.{k}") for k in (2, 4)]
    stitches = {
        each.spec: each.stitch for each in fit_grid(session.pair, cells, FitSpec(steps=5), Budget(10**9))
    }
    expected = dict(measure.measure_cells(session.pair, stitches, dict.fromkeys(cells, ("kept",)), 200))
    asked: list[int] = []
    represented = measure._represented

    def counted(side: Side, cut: str, part: PartName, indices: Tensor) -> Tensor:
        if part == "train":
            asked.append(len(indices))
        return represented(side, cut, part, indices)

    monkeypatch.setattr(measure, "_represented", counted)
    monkeypatch.setattr(measure, "MOST_KEPT", most_kept)
    found = dict(measure.measure_cells(session.pair, stitches, dict.fromkeys(cells, ("kept",)), 200))
    n = min(2000, len(session.pair.data.train))
    if most_kept:
        assert asked == [n]
    else:
        assert sum(asked) == n * len(cells)
        assert max(asked) < n
    for cell in cells:
        for one, other in zip(found[cell], expected[cell], strict=True):
            assert one.value == pytest.approx(other.value, abs=1e-5)
