"""The scale of *kept* for stitches that are too narrow for the receiver's own representation."""

from __future__ import annotations

import numpy as np
import pytest

from modelstitch.results.kept import ExampleParts, kept_rows
from modelstitch.results.rows import CellKey
from modelstitch.specs import StitchSpec

KEY = CellKey("a", "b", "lowrank(1)", 0)


def parts(error: float) -> ExampleParts:
    return ExampleParts({"b": np.full(50, error), "output": np.full(50, error)})


MEASURED = {
    ("trained", KEY): parts(0.8),
    ("self-stitch", KEY._replace(sender_cut="b")): parts(0.8),
    ("one-hot", KEY): parts(1.0),
}


def test_what_a_narrow_stitch_cannot_carry_is_charged() -> None:
    assert kept_rows(MEASURED)[0].kept == pytest.approx(1.0), "fitted alike, nothing is lost to the sender"
    narrow = {row.control: row for row in kept_rows(MEASURED, narrow={("b", "lowrank(1)")})}
    assert narrow["trained"].kept == pytest.approx(0.2)
    assert narrow["trained"].own == 1.0
    assert narrow["self-stitch"].kept == pytest.approx(0.2)
    assert kept_rows(MEASURED, narrow={("c", "lowrank(1)"), ("b", "lowrank(2)")})[0].kept == pytest.approx(
        1.0
    )


@pytest.mark.parametrize(
    ("stitch", "passes"),
    [
        ("identity", True),
        ("scale", True),
        ("affine+batch", True),
        ("conv(3)", True),
        ("lowrank(15)", False),
        ("lowrank(16)", True),
        ("mlp(31)", False),
        ("mlp(32)", True),
    ],
)
def test_which_stitches_pass_sixteen_channels_whole(stitch: str, passes: bool) -> None:
    assert StitchSpec.parse(stitch).passes_whole(16) is passes
