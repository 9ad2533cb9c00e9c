"""A control and a family, added by one file and one row each, work in every verb without another change."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.controls.roles import Given, Roles
from modelstitch.cutting.layouts import Shaped
from modelstitch.data.parts import Data
from modelstitch.errors import StitchError
from modelstitch.models.network import Network
from modelstitch.report import page
from modelstitch.specs import controls, families
from modelstitch.specs.controls import ControlInfo
from modelstitch.specs.families import FamilyInfo
from modelstitch.stitches.base import Stitch
from modelstitch.wording import LANGUAGES

CONTROL, FAMILY = "scrambled-label", "shift"


def scrambled_label(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return a sender that gives the label as one number at every position."""

    def plant(given: Given) -> Tensor:
        numbers = given.own_labels.float().reshape(-1, *[1] * len(given.shape))
        return numbers.expand(-1, *given.shape) + given.noise(seed)

    return Roles(sender, receiver, plant=plant)


class Shift(Stitch):
    """An offset for each channel."""

    def __init__(self, spec: ms.StitchSpec, provided_layout: Shaped, expected_layout: Shaped) -> None:
        super().__init__(spec, provided_layout, expected_layout)
        if self.provided[0] != self.expected[0]:
            raise StitchError("a shift needs as many channels on both sides")
        self.offset = nn.Parameter(torch.zeros(self.provided[0]))

    def transform(self, x: Tensor) -> Tensor:
        return x + self.offset.view(-1, 1, 1)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """One file (a module), one row of each table, and the sentences."""
    module = ModuleType("an_added_file")
    module.scrambled_label, module.Shift = scrambled_label, Shift  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "an_added_file", module)
    row = ControlInfo(
        name=CONTROL,
        code="an_added_file:scrambled_label",
        sender="label",
        ought_to="fail",
        evidence=("trajectory",),
    )
    monkeypatch.setitem(controls._TABLE, CONTROL, row)
    family = FamilyInfo(
        name=FAMILY, code="an_added_file:Shift", closed_form=False, needs_equal="channels", within=("affine",)
    )
    monkeypatch.setitem(families._TABLE, FAMILY, family)
    for sentences in LANGUAGES.values():
        monkeypatch.setitem(sentences, row.title, "the label as one number")
        monkeypatch.setitem(sentences, row.phrase, "one number of the label")


def test_a_control_and_a_family_are_one_file_and_one_row_each(
    added: None, checkpoints: tuple[Path, Path], digits: Data
) -> None:
    found = ms.compare(
        str(checkpoints[0]),
        str(checkpoints[1]),
        digits,
        cuts=("layers.2", "layers.3"),
        stitch=(FAMILY, "affine"),
        controls=("self-stitch", CONTROL),
        evidence=ms.EvidenceSpec(n_examples=100),
        fit=ms.FitSpec(steps=5),
    )
    assert found.controls == ("trained", "self-stitch", CONTROL)
    assert found.stitches == (FAMILY, "affine")
    shifted = {(cell.sender_cut, cell.receiver_cut) for cell in found.cells if cell.family == FAMILY}
    assert shifted == {("layers.2", "layers.2"), ("layers.3", "layers.3")}
    assert not found.failed
    measured = {row.kind for row in found.evidence if row.control == CONTROL}
    assert measured == {"trajectory"}
    # It holds the label alone: a verdict is read against it, and the sentences name it.
    reasons = " ".join(verdict.reason for verdict in found.verdicts().values())
    assert "no label-only sender was run" not in reasons
    assert any("one number of the label" in sentence for sentence in found.sentences())
    assert "the label as one number" in page(found)
