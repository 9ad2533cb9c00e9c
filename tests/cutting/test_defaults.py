"""Every model with legal cuts has default ones; what is no cut is told by what the model computes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import GraphCutModel
from modelstitch.cutting.hooks import HookCutModel
from modelstitch.errors import CutError

VECTORS = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))


class Weights(nn.Module):
    """Its weights stand in a list of parameters: no module has a name."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList([torch.randn(6, 6) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        for weight in self.weights:
            x = (x @ weight).tanh()
        return torch.matmul(x, self.weights[0])


class Leaves(nn.Module):
    """Residuals around plain layers, or one layer called again and again."""

    def __init__(self, loop: bool) -> None:
        super().__init__()
        self.loop = loop
        self.stem = nn.Linear(6, 6)
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        for layer in self.layers:
            y = y + (self.layers[0] if self.loop else layer)(y).tanh()
        output: Tensor = self.head(y)
        return output


class Part(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(6, 6), nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x + self.linear(x))
        return y


class Layer(nn.Module):
    """A layer whose two parts end in a norm, as in ALBERT."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.output = Part(), Part()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.output(self.attention(x))
        return y


class Shared(nn.Module):
    """One layer called three times."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer()])
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.layers[0](x)
        output: Tensor = self.head(x)
        return output


class Sum(nn.Module):
    """Two branches, and one cut where they meet, which no module gives."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.one(x) + self.two(x))
        return output


class Half(nn.Module):
    """Its blocks run in another precision."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*[Part() for _ in range(2)])
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.body(x)
        output: Tensor = self.head(y.float())
        return output


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (Weights, ["input+tanh", "input+tanh#2", "input+tanh#3"]),
        (lambda: Leaves(False), ["stem", "layers.0+add", "layers.1+add", "layers.2+add"]),
        (lambda: Leaves(True), ["stem", "layers.0@0+add", "layers.0@1+add", "layers.0@2+add"]),
        (Shared, ["layers.0@0", "layers.0@1", "layers.0@2"]),
        (Sum, ["two+add"]),
        (Half, ["body.0", "body.1"]),
    ],
)
def test_a_model_with_cuts_has_default_ones(build: Callable[[], nn.Module], expected: list[str]) -> None:
    assert [cut.name for cut in GraphCutModel(build(), VECTORS).boundaries] == expected


class Twins(nn.Module):
    """One network for two inputs; the second is a further input."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
        self.handed = nn.Identity()
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        output: Tensor = self.head((self.handed(self.net(x)) - self.net(other)).abs())
        return output


def test_a_call_is_found_by_its_number_and_is_nearest_to_what_hands_it_on() -> None:
    cutting = GraphCutModel(Twins(), VECTORS, kwargs={"other": VECTORS.flip(0)})
    cut = cutting.find("net")
    assert cutting.find("net@0") is cut
    with pytest.raises(CutError, match=r"or is its input unchanged; nearest legal cuts: net, "):
        cutting.find("handed")
    with pytest.raises(CutError, match="no cut 'net@1'.*it is computed from further inputs alone"):
        cutting.find("net@1")


def test_the_nearest_cuts_are_nearest_in_the_computation() -> None:
    cutting = GraphCutModel(Leaves(False), VECTORS)
    with pytest.raises(CutError, match=r"nearest legal cuts: layers\.0\+add, layers\.1\+add, stem \("):
        cutting.find("layers.1")
    with pytest.raises(CutError, match=r"no module of this name; nearest legal cuts: layers\.\d\+add"):
        cutting.find("layers.7")


def test_hooks_name_what_data_flows_through() -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.inner, self.last = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
            self.head = nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.first(x)
            output: Tensor = self.head(self.last(self.inner(y) + y))
            return output

    cutting = HookCutModel(Around(), VECTORS, "mine", "this is a test")
    with pytest.raises(
        CutError, match=r"no cut 'inner' .*flows around it, through last; nearest legal cuts: first, last \("
    ):
        cutting.find("inner")
