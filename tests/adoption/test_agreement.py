"""A form that is off by more than a share of 1e-4, or in one answer, does not hold."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modelstitch.adoption.folder.agreement import Compared, agreement, difference
from modelstitch.errors import ModelError
from modelstitch.tasks import CLASSIFICATION, OutputReading, regression

READING = OutputReading(CLASSIFICATION)
OUTPUTS = torch.tensor([[1.0, 0.0, -4.0], [0.0, 5.0, 4.9999]])


def compared(outputs: Tensor) -> Compared:
    return Compared(inputs={"x": torch.zeros(2, 1)}, outputs={"y": outputs}, targets=torch.zeros(2).long())


@pytest.mark.parametrize(
    ("shift", "holds"), [(0.0, True), (4.9e-4, True), (5.1e-4, False), (-5.1e-4, False), (torch.nan, False)]
)
def test_the_largest_difference_decides(shift: float, holds: bool) -> None:
    other = OUTPUTS.clone()
    other[0, 2] += shift
    found = agreement("form", lambda inputs: {"y": other}, [compared(OUTPUTS)], READING)
    assert found.holds is holds


def test_another_answer_is_counted_also_where_the_difference_is_small() -> None:
    other = OUTPUTS.clone()
    other[1, 2] = 5.0001
    found = agreement("form", lambda inputs: {"y": other}, [compared(OUTPUTS)], READING)
    assert found.difference < 1e-4
    assert (found.answers, found.n, found.holds) == (1, 2, False)


@pytest.mark.parametrize("outputs", [{}, {"z": OUTPUTS}, {"y": OUTPUTS[:1]}, {"y": OUTPUTS, "z": OUTPUTS}])
def test_other_outputs_or_shapes_never_hold(outputs: dict[str, Tensor]) -> None:
    found = agreement("form", lambda inputs: outputs, [compared(OUTPUTS)], READING)
    assert found.difference == float("inf")
    assert not found.holds


def test_every_output_has_its_own_scale() -> None:
    large, small = torch.tensor([1000.0]), torch.tensor([1.0])
    off = {"a": large, "b": small + 0.01}
    assert difference(off, {"a": large, "b": small}) == pytest.approx(0.01, rel=1e-3)


def test_a_score_between_is_another_answer_from_a_thousandth_on() -> None:
    task = regression(torch.linspace(-1, 1, 50)[:, None])
    reading, targets, outputs = OutputReading(task), torch.zeros(4, 1), torch.full((4, 1), 0.5)
    batch = Compared(inputs={"x": outputs}, outputs={"y": outputs}, targets=targets)
    same = agreement("form", lambda inputs: {"y": outputs * (1 + 1e-6)}, [batch], reading)
    other = agreement("form", lambda inputs: {"y": outputs * 1.5}, [batch], reading)
    assert (same.answers, other.answers) == (0, 4)


def test_an_original_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ModelError, match="got NaN or infinity in y"):
        agreement("form", lambda inputs: {"y": OUTPUTS}, [compared(OUTPUTS / 0)], READING)
