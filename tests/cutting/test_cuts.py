"""Which cuts are found, against an oracle that knows nothing of graphs; what the search leaves behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from modelstitch.cutting import GraphCutModel, cuts
from modelstitch.cutting.capture import eval_mode
from modelstitch.errors import CutError
from modelstitch.models import zoo
from tests.cutting import models as m


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models of a few hundred numbers gain nothing from more, and lose much where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


IMAGES = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
VECTORS = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))


def functional_resnet(wrap: Callable[[nn.Module], nn.Module] = lambda net: net) -> nn.Module:
    """Stem with a functional ReLU, two stages of blocks, a head."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.layer1 = nn.Sequential(*[zoo.resnet.BasicBlock(4, 4, 1) for _ in range(2)])
            self.layer2 = nn.Sequential(zoo.resnet.BasicBlock(4, 8, 2))
            self.head = nn.Linear(8, 5)

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x)))))
            output: Tensor = self.head(y.mean((2, 3)))
            return output

    return wrap(Net())


def run(model: nn.Module, x: Tensor, hook: Callable[..., Any], modules: list[nn.Module]) -> list[Tensor]:
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        return [leaf for leaf in pytree.tree_leaves(model(x)) if isinstance(leaf, Tensor)]
    finally:
        for handle in handles:
            handle.remove()


def legal_by_detaching(model: nn.Module, x: Tensor) -> tuple[set[str], set[str]]:
    """Find by autograd where a model can be cut: detach one module's output and ask for the input's gradient.

    Returns:
        The modules after which nothing reaches the output any more, and all that were tried. Those are called
        once, and their output is one tensor, neither their input nor the model's output.
    """
    calls: Counter[nn.Module] = Counter()
    outputs: dict[nn.Module, Any] = {}
    passed_on: set[nn.Module] = set()

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        calls[module] += 1
        outputs[module] = output
        if any(output is each for each in inputs):
            passed_on.add(module)

    def detach(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        return output.detach()

    with eval_mode(model):
        leaves = run(model, x, note, list(model.modules()))
        tried = {
            name
            for name, module in model.named_modules()
            if calls[module] == 1
            and isinstance(outputs[module], Tensor)
            and module not in passed_on
            and not any(outputs[module] is leaf for leaf in leaves)
        }
        legal = set()
        for name in tried:
            source = x.clone().requires_grad_()
            total = sum(leaf.sum() for leaf in run(model, source, detach, [model.get_submodule(name)]))
            assert isinstance(total, Tensor)
            # Not a zero but no gradient at all: a branch that starts at zero still is one.
            (gradient,) = (
                torch.autograd.grad(total, source, allow_unused=True) if total.requires_grad else (None,)
            )
            if gradient is None:
                legal.add(name)
    return legal, tried


@pytest.mark.parametrize(
    ("build", "inputs"),
    [
        (lambda: zoo.build("R1111", width=2), IMAGES),
        (functional_resnet, IMAGES),
        (lambda: m.seeded(m.FunctionalResNet), IMAGES),
        (lambda: m.seeded(m.ZeroBranch), IMAGES),
        (lambda: m.seeded(m.UNet), IMAGES),
        (lambda: m.seeded(m.Dense), IMAGES),
        (lambda: m.seeded(m.Trained), IMAGES),
        (lambda: m.seeded(m.Tokens), IMAGES),
        (lambda: m.seeded(m.Side), IMAGES),
        (lambda: m.seeded(m.Pair), IMAGES),
        (lambda: m.seeded(m.Filled), VECTORS),
        (lambda: m.seeded(m.FeaturesToo), VECTORS),
    ],
    ids=[
        "zoo",
        "resnet",
        "strided",
        "zero",
        "unet",
        "dense",
        "trained",
        "tokens",
        "side",
        "pair",
        "filled",
        "features",
    ],
)
def test_a_module_is_a_cut_where_detaching_its_output_cuts_the_gradient(
    build: Callable[[], nn.Module], inputs: Tensor
) -> None:
    model = build()
    legal, tried = legal_by_detaching(model, inputs)
    found = {name for cut in cuts(model, inputs) for name in (cut.name, *cut.aliases)}
    assert legal
    assert found & tried == legal


def test_cuts_are_those_of_the_class_and_in_order() -> None:
    model = nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Unflatten(1, (7, 1)), nn.Flatten(), nn.Linear(7, 5))
    found = cuts(model, VECTORS)
    assert tuple(found) == GraphCutModel(model, VECTORS).cuts
    assert [(cut.name, str(cut.layout), cut.shape) for cut in found] == [
        ("0", "vector", (7,)),
        ("1", "vector", (7,)),
        ("2", "tokens", (7, 1)),
        ("3", "vector", (7,)),
    ]


def test_the_cuts_of_a_model_are_a_sequence() -> None:
    names = ["0", "1", "2"]
    found = cuts(nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 7), nn.Tanh()), VECTORS)
    assert isinstance(found, Sequence)
    assert len(found) == 3
    assert [cut.name for cut in found] == [found[place].name for place in range(3)] == names
    assert [cut.name for cut in reversed(found)] == names[::-1]
    assert [cut.name for cut in found[1:]] == names[1:]
    assert found[-1] is found[2]
    assert found.index(found[1]) == 1
    assert found.find("1") is found[1]
    inside: list[object] = ["1", found[1]]
    outside: list[object] = ["3", 1]
    assert all(cut in found for cut in inside)
    assert not any(cut in found for cut in outside)
    assert replace(found[1], name="3") not in found
    assert found.boundaries == tuple(found)
    assert repr(found) == "CutList of Sequential: 0, 1, 2"
    with pytest.raises(IndexError):
        found[3]
    with pytest.raises(CutError, match=r"no cut '3' in model model: its output is the model's output"):
        found.find("3")


def test_a_cut_list_finds_aliases() -> None:
    found = cuts(functional_resnet(), IMAGES)
    aliases = [(cut, alias) for cut in found for alias in cut.aliases]
    assert aliases
    assert all(found.find(alias) is cut for cut, alias in aliases)


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda net: net, ""),
        (m.Wrapper, "net."),
        (lambda net: m.Wrapper(m.Wrapper(net)), "net.net."),
        (nn.DataParallel, "module."),
        (lambda net: torch.compile(net, backend="eager"), "_orig_mod."),
    ],
    ids=["plain", "wrapped", "wrapped twice", "DataParallel", "compiled"],
)
def test_a_wrapper_changes_no_boundary(wrap: Callable[[nn.Module], nn.Module], path: str) -> None:
    cutting = GraphCutModel(functional_resnet(wrap), IMAGES)
    assert [cut.name for cut in cutting.boundaries] == [
        path + name for name in ("bn1+relu", "layer1.0", "layer1.1", "layer2.0")
    ]


def test_without_blocks_every_module_is_a_boundary_and_no_operation() -> None:
    cutting = GraphCutModel(m.seeded(m.Tied), VECTORS)
    assert [cut.name for cut in cutting.boundaries] == ["first", "middle"]


def test_bytes_of_all_that_a_suffix_makes() -> None:
    cutting = GraphCutModel(
        nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 5)).double(), VECTORS.double()
    )
    assert {cut.name: cutting.activation_bytes(cut.name) for cut in cutting.cuts} == {
        "0": 8 * (7 + 7 + 5),
        "1": 8 * (7 + 5),
    }


class Marked(nn.Module):
    """Refuses to be captured, in the middle of its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5))
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        if y.sum() > 0:
            y = -y
        output: Tensor = self.head(y)
        return output


def test_a_model_that_cannot_be_captured_is_given_back_as_it_was() -> None:
    model = Marked()
    model.train()
    model.get_submodule("body.1").eval()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CutError, match="cannot be captured as a graph"):
        GraphCutModel(model, VECTORS)
    assert cuts(model, VECTORS)  # by hooks
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("reassign", [False, True])
def test_a_buffer_that_changes_in_eval_mode_is_given_back(reassign: bool) -> None:
    class Counts(nn.Module):
        calls: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.first, self.head = nn.Linear(6, 6), nn.Linear(6, 5)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            if reassign:
                self.calls = self.calls + 1
            else:
                self.calls.add_(1)
            output: Tensor = self.head(self.first(x) * self.calls)
            return output

    model = Counts()
    buffer = model.calls
    with pytest.raises(CutError, match=r"changes its own buffers in eval mode \(calls\)"):
        cuts(model, VECTORS)
    assert model.calls is buffer
    assert buffer == 0


def test_the_example_is_left_as_it_was() -> None:
    example = VECTORS.clone()
    with pytest.raises(CutError, match="changes its input in place"):
        cuts(m.seeded(m.WritesInput), example)
    assert torch.equal(example, VECTORS)


def test_finding_cuts_leaves_no_gradient_and_no_hook() -> None:
    model = m.seeded(m.FunctionalResNet)
    cuts(model, IMAGES)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert torch.backends.mha.get_fastpath_enabled()
