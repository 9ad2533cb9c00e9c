"""Both halves at every cut of models with further habits, and the same halves for another model's weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from modelstitch import cutting as cutting_room
from modelstitch.cutting import GraphCutModel, certify, cut_model, cuts, graph, split
from modelstitch.cutting.capture import eval_mode, no_fused_attention
from modelstitch.cutting.certify import relative_difference
from modelstitch.errors import CutError, TruthError
from modelstitch.models import zoo
from tests.cutting import models as m


def images(n: int) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(n))


def vectors(n: int) -> Tensor:
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(n))


def words(n: int) -> Tensor:
    return torch.randint(0, 11, (n, 5), generator=torch.Generator().manual_seed(n))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.GELU(), nn.Flatten(), nn.Linear(144, 5), nn.Softmax(1)
    )


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 7), nn.ReLU(inplace=True), nn.Linear(7, 7), nn.Tanh(), nn.Linear(7, 5))


def training() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout(0.5), nn.Linear(7, 5))


def double() -> nn.Module:
    return mlp().double()


def compiled() -> nn.Module:
    model = torch.compile(training(), backend="eager")
    assert isinstance(model, nn.Module)
    return model


def compiled_to_kernels() -> nn.Module:
    """Compile as users do: with the compiler's autograd function, and its kernels if it can make any."""
    model = torch.compile(training(), backend="aot_eager")
    assert isinstance(model, nn.Module)
    return model


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Tensor]]] = {
    "cnn": (cnn, images),
    "mlp": (mlp, vectors),
    "double": (double, lambda n: vectors(n).double()),
    "training": (training, vectors),
    "DataParallel": (lambda: nn.DataParallel(training()), vectors),
    "compiled": (compiled, vectors),
    "compiled to kernels": (compiled_to_kernels, vectors),
    "R2111": (lambda: zoo.build("R2111", width=2), images),
    "FunctionalResNet": (m.FunctionalResNet, images),
    "DroppedInPlace": (m.DroppedInPlace, images),
    "Reused": (m.Reused, images),
    "Dense": (m.Dense, images),
    "UNet": (m.UNet, images),
    "Tokens": (m.Tokens, images),
    "Pair": (m.Pair, images),
    "SharedBlock": (m.SharedBlock, images),
    "Words": (m.Words, words),
    "FeaturesToo": (m.FeaturesToo, vectors),
    "Tied": (m.Tied, vectors),
    "PlainTensor": (m.PlainTensor, vectors),
    "Rows": (m.Rows, vectors),
    "Filled": (m.Filled, vectors),
    "Recurrent": (m.Recurrent, vectors),
}


def built(name: str, seed: int) -> nn.Module:
    """Build a model; draw every parameter and running statistic from ``seed``, so that none is 0 or 1."""
    build, _ = CASES[name]
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        model = build()
        for key, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.is_floating_point():
                value.uniform_(0.5, 1.5) if key.endswith("running_var") else value.normal_(0, 0.4)
    return model


@cache
def cutting_of(name: str) -> GraphCutModel:
    return GraphCutModel(built(name, 0), CASES[name][1](3), name)


class Branching(nn.Module):
    """A branch on the values of the input: no graph can be captured."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 7), nn.Linear(7, 7), nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x))
        output: Tensor = self.head(y if y.abs().max() < 1000 else y / y.abs().max())
        return output


def count_calls(monkeypatch: pytest.MonkeyPatch, *functions: tuple[Any, str]) -> Counter[str]:
    """Count from now on the calls of functions, each given as a module and a name in it."""
    counts: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            counts[name] += 1
            return function(*arguments, **named)

        return call

    for module, name in functions:
        monkeypatch.setattr(module, name, counted(name, vars(module)[name]))
    return counts


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models of a few hundred numbers gain nothing from more, and lose much where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def same_bits(got: Any, expected: Any) -> bool:
    ours, structure = pytree.tree_flatten(got)
    theirs, wanted = pytree.tree_flatten(expected)
    return structure == wanted and all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_every_cut_gives_the_models_bits_and_its_gradient(name: str) -> None:
    cutting, inputs = cutting_of(name), CASES[name][1]
    assert len(cutting.cuts) >= 2
    with eval_mode(cutting.model), no_fused_attention():
        for cut in cutting.cuts:
            prefix, suffix = cutting.prefix(cut.name), cutting.suffix(cut.name)
            for n in (1, 2, 5):
                (representation,) = prefix(inputs(n))
                assert representation.shape == (n, *cut.shape)
                assert same_bits(suffix(representation), cutting.model(inputs(n))), (cut.name, n)
                frozen = [half(cut.name, frozen=True) for half in (cutting.prefix, cutting.suffix)]
                with torch.no_grad():
                    (representation,) = frozen[0](inputs(n))
                    assert representation.shape == (n, *cut.shape)
                    got, expected = frozen[1](representation), cutting.model(inputs(n))
                # Without gradients some kernels of attention differ in the last bit.
                assert relative_difference(got, expected) <= 1e-6, (cut.name, n)
            assert certify(cutting.model, prefix, suffix, inputs(5), cut.name) == 0


@pytest.mark.parametrize("name", CASES)
def test_bound_cuts_are_those_of_the_other_model(name: str) -> None:
    cutting, inputs, other = cutting_of(name), CASES[name][1], built(name, 1)
    bound = cutting.bind(other)
    assert bound.cuts == cutting.cuts
    own = {id(parameter) for parameter in other.parameters()}
    with eval_mode(other), eval_mode(cutting.model), no_fused_attention():
        expected = other(inputs(4))
        assert not same_bits(cutting.model(inputs(4)), expected)
        for cut in cutting.cuts:
            prefix, suffix = bound.prefix(cut.name), bound.suffix(cut.name)
            assert same_bits(suffix(prefix(inputs(4))[0]), expected), cut.name
            assert {id(each) for half in (prefix, suffix) for each in half.parameters()} <= own
            with torch.no_grad():
                first, second = (half(cut.name, frozen=True) for half in (bound.prefix, bound.suffix))
                got, wanted = second(first(inputs(4))[0]), other(inputs(4))
            if name == "Recurrent":  # without gradients the model itself takes another kernel
                assert relative_difference(got, wanted) <= 1e-6, cut.name
            else:
                assert same_bits(got, wanted), cut.name


@pytest.mark.parametrize("name", CASES)
def test_halves_hold_all_parameters_of_the_model_and_no_copies(name: str) -> None:
    cutting = cutting_of(name)
    own = {id(parameter) for parameter in cutting.model.parameters()}
    for cut in cutting.cuts:
        before, after = (
            {id(parameter) for parameter in half.parameters()}
            for half in (cutting.prefix(cut.name), cutting.suffix(cut.name))
        )
        assert before | after == own
        # Only what is called on both sides of a cut, or tied across it, is in both halves.
        if name not in ("Reused", "SharedBlock", "Tied"):
            assert before & after == set()


@pytest.mark.parametrize("name", CASES)
def test_a_name_stands_for_one_tensor_and_every_name_is_found(name: str) -> None:
    cutting = cutting_of(name)
    every = [each for cut in cutting.cuts for each in (cut.name, *cut.aliases)]
    assert len(set(every)) == len(every)
    for cut in cutting.cuts:
        assert all(cutting.find(each) is cut for each in (cut.name, *cut.aliases))


def test_a_tied_weight_is_one_parameter_in_both_halves() -> None:
    cutting = cutting_of("Tied")
    weight = cutting.model.get_parameter("first.weight")
    for half in (cutting.prefix("middle"), cutting.suffix("middle")):
        assert sum(each is weight for each in half.parameters()) == 1


@pytest.mark.parametrize("name", ["mlp", "training", "Tied", "Words"])
def test_frozen_halves_let_gradients_through_but_not_into_parameters(name: str) -> None:
    cutting, inputs = cutting_of(name), CASES[name][1]
    middle = cutting.cuts[len(cutting.cuts) // 2].name
    prefix, suffix = cutting.prefix(middle, frozen=True), cutting.suffix(middle, frozen=True)
    (representation,) = prefix(inputs(4))
    assert not representation.requires_grad
    representation.requires_grad_(True)
    suffix(representation).square().sum().backward()
    assert representation.grad is not None
    assert representation.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in cutting.model.parameters())
    assert all(parameter.requires_grad for parameter in cutting.model.parameters())


@pytest.mark.parametrize("frozen", [False, True])
def test_halves_follow_the_model_when_its_weights_change(frozen: bool) -> None:
    model = built("training", 0)
    cutting = GraphCutModel(model, vectors(3))
    prefix, suffix = cutting.prefix("1", frozen=frozen), cutting.suffix("1", frozen=frozen)
    model.eval()
    before = model(vectors(4))
    with torch.no_grad():
        for value in [*model.parameters(), model.get_buffer("1.running_mean")]:
            value.mul_(1.5)
    assert not torch.equal(model(vectors(4)), before)
    assert torch.equal(suffix(prefix(vectors(4))[0]), model(vectors(4)))


def test_a_frozen_parameter_stays_frozen_and_the_others_do_not() -> None:
    model = built("mlp", 0)
    model.get_parameter("0.weight").requires_grad_(False)
    prefix, suffix = split(model, "1", vectors(4))
    assert [parameter.requires_grad for parameter in prefix.parameters()] == [False, True]
    suffix(prefix(vectors(4))).sum().backward()
    assert [name for name, each in model.named_parameters() if each.grad is None] == ["0.weight"]
    assert not model.get_parameter("0.weight").requires_grad


class Convolutions(TorchDispatchMode):
    """Counts the convolutions that are really run."""

    n: int

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.n = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.n += "convolution" in str(func)
        return func(*args, **(kwargs or {}))


def convolutions(module: nn.Module, x: Tensor) -> int:
    count = Convolutions()
    with count, torch.no_grad():
        module(x)
    return count.n


def test_no_convolution_is_run_twice_or_in_vain() -> None:
    cutting = cutting_of("R2111")
    with eval_mode(cutting.model):
        total = convolutions(cutting.model, images(2))
    counts = []
    for cut in cutting.cuts:
        prefix, suffix = cutting.prefix(cut.name), cutting.suffix(cut.name)
        (representation,) = prefix(images(2))
        counts.append(convolutions(prefix, images(2)))
        assert counts[-1] + convolutions(suffix, representation) == total
    assert counts == sorted(counts)
    # The stem; then two convolutions a block, and one in the shortcut of each block that changes the shape.
    at = {cut.name: n for cut, n in zip(cutting.cuts, counts, strict=True)}
    assert [at[f"layers.{i}"] for i in range(6)] == [1, 3, 5, 8, 11, total]
    assert total == 14


def test_many_cuts_cost_no_more_than_the_deepest() -> None:
    cutting = cutting_of("R2111")
    names = ("layers.3", "layers.0", "layers.3", "layers.1.relu@1")
    together = cutting.prefix(*names)
    assert convolutions(together, images(2)) == 8
    representations = together(images(2))
    assert len(representations) == len(names)
    for name, representation in zip(names, representations, strict=True):
        assert torch.equal(representation, cutting.prefix(name)(images(2))[0])


def test_split_gives_the_representation_itself() -> None:
    model = built("mlp", 0)
    prefix, suffix = split(model, "1", vectors(4))
    representation = prefix(vectors(4))
    assert torch.equal(representation, model[:2](vectors(4)))  # type: ignore[index]
    assert torch.equal(suffix(representation), model(vectors(4)))


@pytest.mark.parametrize("name", ["mlp", "R2111", "Words", "by hooks"])
def test_cuts_found_once_split_at_all_of_them_without_a_second_capture(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Branching() if name == "by hooks" else built(name, 0)
    inputs = vectors if name == "by hooks" else CASES[name][1]
    finding = count_calls(monkeypatch, (graph, "capture"), (cutting_room, "HookCutModel"))
    found = cuts(model, inputs(4))
    assert finding["HookCutModel"] == (name == "by hooks")
    captured_apart = None if name == "by hooks" else cutting_of(name)  # another capture, the same weights
    finding.clear()
    halves = {cut.name: found.split(cut) for cut in found}
    again = {cut.name: found.split(cut.name) for cut in found}
    assert not finding
    assert len(halves) >= 2
    with eval_mode(model), no_fused_attention():
        for cut in found:
            prefix, suffix = halves[cut.name]
            representation = prefix(inputs(5))
            assert representation.shape == (5, *cut.shape)
            assert same_bits(suffix(representation), model(inputs(5)))
            assert same_bits(representation, again[cut.name][0](inputs(5)))
            if captured_apart is not None:
                assert same_bits(representation, captured_apart.prefix(cut.name)(inputs(5))[0])
        assert not finding
        for cut in (found[0], found[len(found) // 2], found[-1]):
            assert same_bits(halves[cut.name][0](inputs(5)), split(model, cut, inputs(4))[0](inputs(5)))
    assert finding


def test_a_split_of_a_cut_list_is_checked_against_the_model() -> None:
    model = built("mlp", 0)
    found = cuts(model, vectors(4))
    with pytest.raises(CutError, match="no cut 'nowhere'"):
        found.split("nowhere")
    assert isinstance(model, nn.Sequential)
    model[3] = nn.Identity()  # no longer what was captured
    with pytest.raises(TruthError, match="do not reproduce the model at cut '1'"):
        found.split("1")


def test_a_representation_may_be_stored_in_another_order() -> None:
    """A stitch may hand over channels last: a view of the model must then be a reshape."""
    cutting = cutting_of("FunctionalResNet")
    (representation,) = cutting.prefix("bn2+relu")(images(4))
    stored = representation.contiguous(memory_format=torch.channels_last)
    assert stored.stride() != representation.stride()
    suffix = cutting.suffix("bn2+relu")
    torch.testing.assert_close(suffix(stored), suffix(representation))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (lambda: nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 5)), "2.bias, 2.weight, 4.bias"),
        (training, "1.bias, 1.num_batches_tracked, 1.running_mean"),
        (lambda: nn.Sequential(mlp()), "0.0.bias, 0.0.weight, 0.2.bias"),
    ],
)
def test_a_model_of_another_architecture_cannot_be_bound(other: Callable[[], nn.Module], named: str) -> None:
    with pytest.raises(CutError, match=f"expected the same architecture and shapes, but {named} differ"):
        cutting_of("mlp").bind(other())


def test_a_compiled_model_is_captured_as_it_was_written() -> None:
    model = compiled_to_kernels()
    cutting = cut_model(model, vectors(3))
    assert isinstance(cutting, GraphCutModel)
    assert [cut.name for cut in cutting.boundaries] == [f"_orig_mod.{index}" for index in range(4)]
    with torch.no_grad():
        for cut in cutting.cuts:
            got = cutting.suffix(cut.name)(cutting.prefix(cut.name)(vectors(3))[0])
            torch.testing.assert_close(got, model.eval()(vectors(3)), rtol=1e-5, atol=1e-6)
