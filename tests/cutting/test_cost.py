"""Shares of parameters and multiply-adds before a cut, against counts by hand."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import GraphCutModel
from modelstitch.models.zoo.resnet import SmallResNet
from tests.cutting.test_axes import ClassTokens


def test_counts_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(48, 5))
    work = GraphCutModel(model, torch.randn(2, 2, 4, 4)).work_before()
    convolution, linear = 2 * 3 * 9 + 3, 48 * 5 + 5
    products = 16 * 2 * 3 * 9, 48 * 5
    for name in ("0", "1", "2"):
        assert work[name].parameters == pytest.approx(convolution / (convolution + linear))
        assert work[name].multiply_adds == pytest.approx(products[0] / sum(products))


def test_a_parameter_used_twice_counts_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.head(self.shared(self.shared(x).relu()).relu())
            return output

    cutting = GraphCutModel(Twice(), torch.randn(3, 4))
    work = cutting.work_before()
    first, last = cutting.cuts[0].name, cutting.cuts[-1].name
    assert work[first].parameters == work[last].parameters == pytest.approx(20 / 30)
    assert work[first].multiply_adds == pytest.approx(16 / 40)
    assert work[last].multiply_adds == pytest.approx(32 / 40)


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (SmallResNet((1, 1, 1, 1), width=4, classes=10, channels=3), torch.randn(2, 3, 16, 16)),
        (ClassTokens(), torch.randn(2, 3, 16, 16)),
    ],
)
def test_shares_rise_from_cut_to_cut(model: nn.Module, example: Tensor) -> None:
    cutting = GraphCutModel(model.eval(), example)
    work = [cutting.work_before()[cut.name] for cut in cutting.cuts]
    for one, other in itertools.pairwise(work):
        assert 0 <= one.parameters <= other.parameters <= 1
        assert 0 <= one.multiply_adds <= other.multiply_adds <= 1
    assert work[-1].multiply_adds > 0.9
