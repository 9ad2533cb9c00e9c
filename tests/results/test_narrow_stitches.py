"""The scale of *kept* for stitches that are too narrow for the receiver's own representation."""

from __future__ import annotations

import numpy as np
import pytest

from modelstitch.results.kept import ExampleParts, kept_rows
from modelstitch.results.rows import CellKey
from modelstitch.specs import StitchSpec
from modelstitch.specs.verdicts import KeptScale

KEY = CellKey("a", "b", "lowrank(1)", 0)


def parts(error: float) -> ExampleParts:
    return ExampleParts({"b": np.full(50, error), "output": np.full(50, error)})


def measured(error: float) -> dict[tuple[str, CellKey], ExampleParts]:
    """What a stitch loses that loses as much of the sender as of the receiver itself."""
    return {
        ("trained", KEY): parts(error),
        ("self-stitch", KEY._replace(sender_cut="b")): parts(error),
        ("one-hot", KEY): parts(1.0),
    }


MEASURED = measured(0.4)


def test_what_a_narrow_stitch_cannot_carry_is_charged() -> None:
    assert kept_rows(MEASURED)[0].kept == pytest.approx(1.0), "fitted alike, nothing is lost to the sender"
    narrow = {row.control: row for row in kept_rows(MEASURED, narrow={("b", "lowrank(1)")})}
    assert narrow["trained"].kept == pytest.approx(0.6)
    assert narrow["trained"].own == 1.0
    assert narrow["trained"].scaled_by is KeptScale.RECEIVER
    assert narrow["self-stitch"].kept == pytest.approx(0.6)
    assert kept_rows(MEASURED, narrow={("c", "lowrank(1)"), ("b", "lowrank(2)")})[0].kept == pytest.approx(
        1.0
    )


def test_a_wide_stitch_that_loses_more_than_half_is_charged_at_the_low_end() -> None:
    row = kept_rows(measured(0.8))[0]
    assert row.scaled_by is KeptScale.BOTH
    assert (row.kept, row.low, row.high) == pytest.approx((0.2, 0.2, 1.0))
    assert kept_rows(measured(0.8), narrow={("b", "lowrank(1)")})[0].high == pytest.approx(0.2)


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
