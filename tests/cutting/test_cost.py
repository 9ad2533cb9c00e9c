"""Parameters and multiply-adds on both sides of a cut, against formulas and counts by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelstitch.cutting import Cut, CutModel, GraphCutModel
from modelstitch.cutting.cost import counter, per_example
from modelstitch.cutting.hooks import HookCutModel
from modelstitch.cutting.layouts import recognise
from modelstitch.errors import CutError
from modelstitch.models.zoo.resnet import SmallResNet
from tests.cutting.test_axes import ClassTokens


def multiply_adds(run: Callable[..., object], *inputs: Tensor) -> int:
    """Return what is counted of one of several examples."""
    counted = counter()
    with torch.no_grad(), counted:
        run(*inputs)
    return per_example(counted.get_total_flops(), len(inputs[0]))


@given(
    groups=st.integers(1, 3),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.integers(0, 2),
)
@settings(max_examples=15)
def test_a_convolution(groups: int, kernel: int, stride: int, dilation: int, padding: int) -> None:
    layer = nn.Conv2d(2 * groups, 3 * groups, kernel, stride, padding, dilation, groups)
    length = (9 + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    wanted = length**2 * 3 * groups * 2 * kernel**2
    assert multiply_adds(layer, torch.zeros(2, 2 * groups, 9, 9)) == wanted


_MASK = torch.ones(3, 1, 7, 5, dtype=torch.bool)


@pytest.mark.parametrize(
    ("run", "shapes", "wanted"),
    [
        (nn.Linear(5, 4), [(3, 7, 5)], 7 * 5 * 4),
        (nn.Conv1d(4, 6, 3), [(3, 4, 9)], 7 * 6 * 4 * 3),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), [(3, 4, 5, 5)], 25 * 4 * 3 * 9),
        (F.scaled_dot_product_attention, [(3, 2, 7, 8), (3, 2, 5, 8), (3, 2, 5, 6)], 2 * 7 * 5 * (8 + 6)),
        (
            lambda q, k: F.scaled_dot_product_attention(q, k, k, attn_mask=_MASK),
            [(3, 2, 7, 8), (3, 2, 5, 8)],
            2 * 7 * 5 * 16,
        ),
        (nn.LSTM(6, 4, num_layers=2, batch_first=True), [(3, 7, 6)], 7 * 16 * (6 + 4 + 4 + 4)),
        (nn.LSTM(6, 4, bidirectional=True, batch_first=True), [(3, 7, 6)], 2 * 7 * 16 * (6 + 4)),
        (nn.GRU(6, 4, batch_first=True), [(3, 7, 6)], 7 * 12 * (6 + 4)),
        (nn.Bilinear(3, 4, 5), [(3, 3), (3, 4)], 5 * 3 * 4),
        (lambda x: torch.mv(x, torch.zeros(5)), [(3, 5)], 5),
        (lambda x: torch.dot(x[0], x[0]), [(3, 6)], 2),
    ],
)  # fmt: skip
def test_an_operator(run: Callable[..., object], shapes: list[tuple[int, ...]], wanted: int) -> None:
    assert multiply_adds(run, *(torch.zeros(shape) for shape in shapes)) == wanted


class Attention(nn.Module):
    """Attention of tokens to each other and a head, by one of the two ways in torch."""

    def __init__(self, *, weights: bool) -> None:
        super().__init__()
        self.weights = weights
        self.first, self.head = nn.Linear(16, 16), nn.Linear(16, 3)
        self.attend = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        attended, _ = self.attend(x, x, x, need_weights=self.weights)
        output: Tensor = self.head(attended.mean(1))
        return output


@pytest.mark.parametrize("weights", [True, False])
def test_attention_of_a_module(weights: bool) -> None:
    x = torch.randn(3, 5, 16)
    attention = 4 * 5 * 16 * 16 + 2 * 5 * 5 * 16
    model = Attention(weights=weights).eval()
    cuttings: list[CutModel] = [GraphCutModel(model, x), HookCutModel(model, x, "model", "asked for")]
    for cutting in cuttings:
        first = cutting.find("first")
        assert first.before.multiply_adds == 5 * 16 * 16
        assert first.after.multiply_adds == attention + 16 * 3
        assert first.after.parameters == 3 * 16 * 16 + 3 * 16 + 16 * 16 + 16 + 16 * 3 + 3


class Block(nn.Module):
    """A block of ResNet-20 with the shortcut that has no parameters."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, after // before, 1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        if x.shape[1] < y.shape[1]:
            more = y.shape[1] - x.shape[1]
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more // 2, more // 2))
        output: Tensor = (x + y).relu()
        return output


def test_resnet_20_by_hand() -> None:
    stages = [Block(16, 16) for _ in range(3)]
    stages += [Block(16, 32), Block(32, 32), Block(32, 32), Block(32, 64), Block(64, 64), Block(64, 64)]
    stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    model = nn.Sequential(stem, *stages, head).eval()
    cutting = GraphCutModel(model, torch.randn(2, 3, 32, 32))
    # He et al. 2016, section 4.2: 6n + 2 layers with n = 3; 1 + 6 + 6 + 6 convolutions and one linear layer.
    kernels = [3 * 16] + 6 * [16 * 16] + [16 * 32] + 5 * [32 * 32] + [32 * 64] + 5 * [64 * 64]
    pixels = 7 * [32 * 32] + 6 * [16 * 16] + 6 * [8 * 8]
    norms = 2 * (7 * 16 + 6 * 32 + 6 * 64)
    parameters = 9 * sum(kernels) + norms + 64 * 10 + 10
    products = 9 * sum(k * p for k, p in zip(kernels, pixels, strict=True)) + 64 * 10
    assert (parameters, products) == (269_722, 40_551_040)
    for cut in cutting.cuts:
        assert cut.before.parameters + cut.after.parameters == parameters
        assert cut.before.multiply_adds + cut.after.multiply_adds == products
    third = cutting.find("3")  # behind the last block with 16 channels
    assert third.before.parameters == 9 * sum(kernels[:7]) + 2 * 7 * 16
    assert third.before.multiply_adds == 9 * 1024 * sum(kernels[:7])
    assert third.after.share.multiply_adds == pytest.approx(1 - third.before.multiply_adds / products)


def test_a_parameter_of_both_sides_counts_on_both() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared, self.head, self.unread = nn.Linear(4, 4), nn.Linear(4, 2), nn.Linear(1, 5)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.head(self.shared(self.shared(x).relu()).relu())
            return output

    cutting = GraphCutModel(Twice(), torch.randn(3, 4))
    first, last = cutting.cuts[0], cutting.cuts[-1]
    assert (first.before.parameters, first.after.parameters) == (20, 20 + 10)
    assert (last.before.parameters, last.after.parameters) == (20, 10)
    assert (first.before.multiply_adds, last.before.multiply_adds) == (16, 32)
    # What no side reads counts in the whole model alone.
    assert first.before.share.parameters == pytest.approx(20 / 40)


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (SmallResNet((1, 1, 1, 1), width=4, classes=10, channels=3), torch.randn(2, 3, 16, 16)),
        (ClassTokens(), torch.randn(2, 3, 16, 16)),
    ],
)
def test_shares_rise_from_cut_to_cut(model: nn.Module, example: Tensor) -> None:
    work = [cut.before.share for cut in GraphCutModel(model.eval(), example).cuts]
    for one, other in itertools.pairwise(work):
        assert 0 <= one.parameters <= other.parameters <= 1
        assert 0 <= one.multiply_adds <= other.multiply_adds <= 1
    assert work[-1].multiply_adds > 0.9


def test_a_cut_of_no_model_has_no_work() -> None:
    with pytest.raises(CutError, match="a cut of a model to count its work, got 'a' alone"):
        _ = Cut("a", (), recognise((3,)), True).before
