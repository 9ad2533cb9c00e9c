"""Accelerated halves compute what the plain ones compute."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import GraphCutModel
from modelstitch.cutting.accelerate import Cache, accelerate, has_fast_bfloat16
from modelstitch.cutting.certify import relative_difference
from modelstitch.models.zoo import build


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lived_in(model: nn.Module) -> nn.Module:
    """Give batch norms statistics and weights that are not their start."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for name, value in (*module.named_parameters(), *module.named_buffers()):
                if value.is_floating_point():
                    value.data = torch.rand(value.shape, generator=generator(len(name))) + 0.5
    return model.eval()


def norms_in(part: nn.Module) -> int:
    graph = part.get_submodule("body").graph
    return sum("batch_norm" in str(node.target) for node in graph.nodes)  # type: ignore[union-attr]


def test_all_batch_norms_of_a_resnet_are_folded_and_the_function_stays() -> None:
    model = lived_in(build("R2111", width=4))
    x = torch.randn(4, 3, 16, 16, generator=generator())
    cutting = GraphCutModel(model, x)
    cache: Cache = {}
    for name in ("layers.0", "layers.2", "layers.4"):
        prefix = cutting.prefix(name, frozen=True)
        suffix = cutting.suffix(name, frozen=True)
        (representation,) = prefix(x)
        fast = accelerate(suffix, torch.float32, cache)
        assert norms_in(suffix) > 0 or name == "layers.5"
        assert norms_in(fast) == 0
        assert relative_difference(fast(representation), suffix(representation)) < 1e-5
        assert relative_difference(accelerate(prefix, torch.float32, cache)(x), (representation,)) < 1e-5


def test_the_gradient_stays_and_the_input_is_not_written_to() -> None:
    model = lived_in(build("R1111", width=4))
    x = torch.randn(3, 3, 16, 16, generator=generator())
    suffix = GraphCutModel(model, x).suffix("layers.1", frozen=True)
    fast = accelerate(suffix, torch.float32, {})
    representation = torch.randn(3, 4, 16, 16, generator=generator(1))
    kept = representation.clone()
    gradients = []
    for half in (suffix, fast):
        leaf = representation.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(half(leaf).square().sum(), leaf)
        gradients.append(gradient)
    with torch.no_grad():
        fast(representation)
    assert torch.equal(representation, kept)
    assert relative_difference(gradients[1], gradients[0]) < 1e-4


def test_the_model_itself_is_not_changed() -> None:
    model = lived_in(build("R1111", width=4))
    before = copy.deepcopy(model.state_dict())
    cutting = GraphCutModel(model, torch.randn(2, 3, 16, 16, generator=generator()))
    accelerate(cutting.suffix("layers.0", frozen=True), torch.bfloat16, {})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert {value.dtype for value in model.parameters()} == {torch.float32}


def test_halves_of_one_model_share_their_tensors() -> None:
    model = lived_in(build("R1111", width=4))
    cutting = GraphCutModel(model, torch.randn(2, 3, 16, 16, generator=generator()))
    cache: Cache = {}
    first, second = (
        accelerate(cutting.suffix(name, frozen=True), torch.float32, cache)
        for name in ("layers.0", "layers.1")
    )
    ours = {value.data_ptr() for value in first.state_dict().values()}
    assert {value.data_ptr() for value in second.state_dict().values()} <= ours


class Twice(nn.Module):
    """A convolution whose output goes to a batch norm and around it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.head((self.norm(y) + y).relu().mean((2, 3)))  # type: ignore[no-any-return]


class AfterLinear(nn.Module):
    """A linear layer with a batch norm after it, and one batch norm with nothing before it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.linear = nn.BatchNorm1d(5), nn.Linear(5, 6)
        self.norm, self.head = nn.BatchNorm1d(6, affine=False), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.linear(self.first(x))).relu())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("model", "shape", "left"),
    [(Twice(), (3, 3, 6, 6), 1), (AfterLinear(), (3, 5), 1)],
    ids=["twice", "linear"],
)
def test_a_norm_that_cannot_be_folded_is_left(model: nn.Module, shape: tuple[int, ...], left: int) -> None:
    model = lived_in(model)
    x = torch.randn(shape, generator=generator())
    cutting = GraphCutModel(model, x)
    whole = cutting.prefix(cutting.cuts[-1].name, frozen=True)
    fast = accelerate(whole, torch.float32, {})
    assert norms_in(fast) == left
    assert relative_difference(fast(x), whole(x)) < 1e-5


def test_bfloat16_is_close_and_other_types_stay() -> None:
    model = lived_in(build("R1111", width=4))
    x = torch.randn(4, 3, 16, 16, generator=generator())
    suffix = GraphCutModel(model, x).suffix("layers.1", frozen=True)
    fast = accelerate(suffix, torch.bfloat16, {})
    representation = torch.rand(4, 4, 16, 16, generator=generator())
    got = fast(representation.bfloat16())
    assert got.dtype == torch.bfloat16
    assert relative_difference(got, suffix(representation)) < 0.05


def test_a_device_that_is_not_known_has_no_fast_bfloat16() -> None:
    assert not has_fast_bfloat16(torch.device("meta"))
    assert isinstance(has_fast_bfloat16(torch.device("cpu")), bool)
