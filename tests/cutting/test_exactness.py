"""Every cut of every model: prefix and suffix reproduce it, bit for bit, with its gradient.

Further models are held to the same in ``test_split.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import GraphCutModel, certify, cut_model, cuts, split
from modelstitch.cutting.capture import eval_mode, no_fused_attention
from modelstitch.cutting.certify import relative_difference
from modelstitch.errors import CutError, ModelError, TruthError
from modelstitch.models import zoo
from tests.cutting import models as m

BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "zoo": lambda: zoo.build("R1112", width=4),
    **{each.__name__: partial(m.seeded, each) for each in (m.ZeroBranch, m.Trained, m.LengthOfBatch, m.Side)},
}


def images(n: int) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(n))


@cache
def cutting_of(name: str) -> GraphCutModel:
    return GraphCutModel(BUILDERS[name](), images(3), name)


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("frozen", [False, True])
def test_every_cut_is_exact_at_other_batch_sizes(name: str, frozen: bool) -> None:
    cutting = cutting_of(name)
    assert cutting.cuts
    with eval_mode(cutting.model), no_fused_attention(), torch.no_grad():
        for cut in cutting.cuts:
            prefix, suffix = cutting.prefix(cut.name, frozen=frozen), cutting.suffix(cut.name, frozen=frozen)
            for n in (1, 2, 5):
                (representation,) = prefix(images(n))
                assert representation.shape == (n, *cut.shape)
                got, expected = suffix(representation), cutting.model(images(n))
                # Without gradients some kernels of attention differ in the last bit; shared ones never do.
                assert relative_difference(got, expected) <= (1e-6 if frozen else 0)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_cut_is_certified_with_its_gradient(name: str) -> None:
    cutting = cutting_of(name)
    for cut in cutting.cuts:
        worst = certify(
            cutting.model, cutting.prefix(cut.name), cutting.suffix(cut.name), images(5), cut.name
        )
        assert worst == 0


@pytest.mark.parametrize("name", BUILDERS)
def test_halves_share_parameters_or_only_their_memory(name: str) -> None:
    cutting = cutting_of(name)
    own = {id(parameter): key for key, parameter in cutting.model.named_parameters()}
    memory = {parameter.data_ptr() for parameter in cutting.model.parameters()}
    middle = cutting.cuts[len(cutting.cuts) // 2].name
    for half in (cutting.prefix(middle), cutting.suffix(middle)):
        assert all(id(parameter) in own for parameter in half.parameters())
    assert any(True for _ in cutting.prefix(middle).parameters())
    for half in (cutting.prefix(middle, frozen=True), cutting.suffix(middle, frozen=True)):
        assert list(half.parameters()) == []
        assert {buffer.data_ptr() for buffer in half.buffers() if buffer.requires_grad} == set()
        weights = [buffer for buffer in half.buffers() if buffer.ndim > 1]
        assert all(buffer.data_ptr() in memory for buffer in weights)


def test_a_prefix_computes_nothing_after_its_cut() -> None:
    cutting = cutting_of("zoo")

    def convolutions(half: nn.Module) -> int:
        body = half.get_submodule("body")
        assert isinstance(body, torch.fx.GraphModule)
        return sum("conv2d" in str(node.target) for node in body.graph.nodes)

    counts = [
        (convolutions(cutting.prefix(c)), convolutions(cutting.suffix(c))) for c in ("layers.0", "layers.2")
    ]
    # The stem has 1, block 1 has 2, block 2 has 3 with its shortcut, the whole network 14.
    assert counts == [(1, 13), (6, 8)]


def test_one_pass_gives_the_representations_at_many_cuts() -> None:
    cutting = cutting_of("zoo")
    names = ["layers.3", "layers.0", "layers.5"]
    together = cutting.prefix(*names)(images(2))
    for name, representation in zip(names, together, strict=True):
        assert torch.equal(representation, cutting.prefix(name)(images(2))[0])


def test_another_model_of_the_same_architecture_is_bound_without_a_capture() -> None:
    first, second = (m.seeded(m.FunctionalResNet, seed) for seed in (1, 2))
    bound = GraphCutModel(first, images(3)).bind(second)
    for cut in bound.cuts:
        assert certify(second, bound.prefix(cut.name), bound.suffix(cut.name), images(4), cut.name) == 0
    with pytest.raises(TruthError, match="do not reproduce the model at bn1"):
        certify(first, bound.prefix("bn1"), bound.suffix("bn1"), images(4), "bn1")


def test_the_model_keeps_its_modes_and_statistics() -> None:
    model = m.seeded(m.Trained)
    model.train()
    model.get_submodule("body.3").eval()
    modes = {name: module.training for name, module in model.named_modules()}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    split(model, "body.1", images(4))
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_halves_stay_in_eval_mode_whatever_is_called_on_them() -> None:
    model = m.seeded(m.Trained)
    prefix, suffix = split(model, "body.0", images(4))
    prefix.train()
    suffix.train()
    with eval_mode(model):
        assert torch.equal(suffix(prefix(images(6))), model(images(6)))


def test_gradients_reach_the_shared_parameters() -> None:
    model = m.seeded(m.FunctionalResNet)
    prefix, suffix = split(model, "bn1+relu", images(4))
    suffix(prefix(images(4))).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_lost_custom_backward_is_noticed() -> None:
    model = m.seeded(m.CustomBackward)
    graph = GraphCutModel(model, images(4))
    with pytest.raises(TruthError, match=r"do not have the model's gradient.*custom autograd function"):
        certify(model, graph.prefix("conv"), graph.suffix("conv"), images(4), "here")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (m.Counting, r"changes its own buffers in eval mode \(calls\)"),
        (
            m.Bypass,
            r"has no cut between input and head: around conv\+mean "
            r"data also flows through conv\+sigmoid -> conv\+mean",
        ),
    ],
)
def test_models_that_cannot_be_cut_say_why(build: type[nn.Module], message: str) -> None:
    with pytest.raises(CutError, match=message):
        cuts(m.seeded(build), images(3))


def test_inputs_that_do_not_fit() -> None:
    model = m.seeded(m.FunctionalResNet)
    with pytest.raises(ModelError, match=r"cannot take inputs of shape \(1, 8, 8\).*channels"):
        cuts(model, torch.rand(3, 1, 8, 8))
    with pytest.raises(CutError, match="at least 2 inputs, got shape"):
        cut_model(model, torch.rand(1, 3, 8, 8))


def test_a_constant_output_has_no_cut() -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value = nn.Parameter(torch.ones(5))

        def forward(self, x: Tensor) -> Tensor:
            return self.value.expand(x.shape[0], 5)

    with pytest.raises(CutError, match="output does not depend on its input"):
        cuts(Constant(), images(3))


def test_a_suffix_can_be_exported_again() -> None:
    model = m.seeded(m.FunctionalResNet)
    prefix, suffix = split(model, "bn1", images(4))
    representation = prefix(images(4)).detach()
    again = torch.export.export(suffix, (representation,)).module()
    assert torch.equal(again(representation), suffix(representation))
