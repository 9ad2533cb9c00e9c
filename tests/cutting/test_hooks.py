"""Cuts by hooks: exact where no graph can be captured, and never legal where the graph says they are not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import certify, cut_model, split
from modelstitch.cutting.hook_halves import HookPrefix, HookSuffix
from modelstitch.cutting.hooks import HookCutModel
from modelstitch.cutting.leaks import outputs_behind
from modelstitch.errors import CutError
from tests.cutting import models as m

IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
VECTORS = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))


def hooked(model: nn.Module, example: Tensor) -> HookCutModel:
    return HookCutModel(model, example, "model", "this is a test")


@pytest.mark.parametrize(
    "build",
    [
        m.FunctionalResNet,
        m.DroppedInPlace,
        m.Reused,
        m.ZeroBranch,
        m.UNet,
        m.Dense,
        m.Side,
        m.SharedBlock,
        m.Tokens,
    ],
)
def test_every_cut_by_hooks_is_one_of_the_graph_and_exact(build: type[nn.Module]) -> None:
    graph = m.captured(build)
    model = graph.model
    found = hooked(model, IMAGES)
    assert found.cuts
    for cut in found.cuts:
        assert graph.find(cut.name).shape == cut.shape
        prefix, suffix = found.prefix(cut.name), found.suffix(cut.name)
        assert certify(model, prefix, suffix, IMAGES, cut.name) == 0
    # Module outputs alone: what the graph offers under a module's plain name, hooks offer too.
    modules = {name for name, _ in model.named_modules()}
    wanted = {cut.name for cut in graph.cuts if cut.name in modules}
    offered = {name for cut in found.cuts for name in (cut.name, *cut.aliases)}
    # The module's result is dropped, since it also stands in its input: hooks have no output to replace.
    assert wanted - offered == ({"relu"} if build is m.DroppedInPlace else set())


def test_a_branch_that_starts_at_zero_is_seen() -> None:
    graph = m.captured(m.ZeroBranch)
    model = graph.model
    found = hooked(model, IMAGES)
    offered = {cut.name for cut in found.cuts}
    for name, module in model.named_modules():
        if name and name not in offered and not list(module.children()):
            with pytest.raises(CutError):
                found.find(name)
    assert offered <= {name for cut in graph.cuts for name in (cut.name, *cut.aliases)}


def test_between_the_skips_nothing_is_legal() -> None:
    found = hooked(m.seeded(m.UNet), IMAGES)
    for name in ("down", "middle", "up"):
        with pytest.raises(
            CutError,
            match=rf"no cut '{name}' in model model: data also flows around it, through \w+; nearest",
        ):
            found.find(name)


class WritesPast(nn.Module):
    """Data reach the output through a tensor that is written to after the cut."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x)).clone()
        y.add_(x)
        output: Tensor = self.head(y)
        return output


def test_what_is_written_past_a_cut_is_seen() -> None:
    model = m.seeded(WritesPast).eval()
    for path in ("first", "second"):
        assert outputs_behind(model, VECTORS, path, 0) == "data also flows around it"
    with pytest.raises(CutError, match="data also flows around it"):
        hooked(model, VECTORS)


@pytest.mark.parametrize(
    ("build", "example", "reason"),
    [
        (m.DataDependent, IMAGES, "cannot be captured as a graph"),
        (m.CustomBackward, IMAGES, "custom autograd function"),
        (m.StopsPart, VECTORS, "switches gradients off"),
        (m.StopsAll, VECTORS, "switches gradients off"),
        (m.BatchBranch, VECTORS, "fixes the size of its batch, or does something else"),
    ],
)
def test_what_no_graph_can_hold_is_cut_by_hooks(
    build: type[nn.Module], example: Tensor, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    model = m.seeded(build)
    cutting = cut_model(model, example)
    assert capfd.readouterr().err == ""
    assert isinstance(cutting, HookCutModel)
    assert cutting.technique.startswith("module hooks, which run the receiver's first layers too, since")
    assert reason in cutting.technique
    for cut in cutting.cuts:
        assert certify(model, cutting.prefix(cut.name), cutting.suffix(cut.name), example, cut.name) == 0
        # A batch of another size, and one larger than the example that is kept.
        many = torch.cat([example] * 3)[:7]
        got = cutting.suffix(cut.name)(cutting.prefix(cut.name)(many)[0])
        model.eval()
        torch.testing.assert_close(got, model(many), rtol=0, atol=0)
        model.train()


class Views(nn.Module):
    """A view right after the cut, which wants the strides that the model's own tensor has."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate, self.head = nn.Conv2d(3, 4, 3), nn.Linear(144, 8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        z = self.gate(y.view(len(y), -1))
        if z.sum() > 1e6:
            z = z / 2
        output: Tensor = self.head(z)
        return output


def test_a_representation_with_other_strides_goes_in() -> None:
    model = m.seeded(Views)
    cutting = cut_model(model, IMAGES)
    (y,) = cutting.prefix("conv")(IMAGES)
    assert str(cutting.find("conv").layout) == "map2d"
    got = cutting.suffix("conv")(y.contiguous(memory_format=torch.channels_last))
    assert torch.equal(got, model(IMAGES))


def test_signals_and_tokens_are_told_by_the_layer_that_ran_last() -> None:
    class Signal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act, self.lin = nn.Conv1d(3, 4, 3), nn.ReLU(), nn.Linear(4, 5)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.lin(self.act(self.conv(x)).transpose(1, 2)).mean(1)
            return output

    found = hooked(m.seeded(Signal), torch.randn(4, 3, 9))
    assert {cut.name: str(cut.layout) for cut in found.cuts} == {
        "conv": "map1d",
        "act": "map1d",
        "lin": "tokens",
    }


def test_a_cut_behind_a_branch_is_found_by_comparing_values() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            y = self.first(x)
            if y.sum() > 0:
                y = -y
            output: Tensor = self.head(self.second(y).relu())
            return output

    cutting = cut_model(m.seeded(Early), VECTORS)
    assert [(cut.name, cut.by_values) for cut in cutting.cuts] == [("first", False), ("second", True)]
    for cut in cutting.cuts:
        prefix, suffix = cutting.prefix(cut.name), cutting.suffix(cut.name)
        assert certify(cutting.model, prefix, suffix, VECTORS, cut.name) == 0


def test_a_fixed_batch_is_refused_all_the_same() -> None:
    with pytest.raises(CutError, match=r"fixes the size of its batch.*and it does not run on 1 inputs"):
        cut_model(m.seeded(m.FixedBatch), VECTORS[:3])


def test_a_frozen_half_has_no_gradient_but_passes_one() -> None:
    model = m.seeded(m.CustomBackward)
    cutting = cut_model(model, IMAGES)
    (y,) = cutting.prefix("conv", frozen=True)(IMAGES)
    assert not y.requires_grad
    leaf = y.clone().requires_grad_()
    cutting.suffix("conv", frozen=True)(leaf).square().sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in model.parameters())
    assert [module.training for module in model.modules()] == [True] * len(list(model.modules()))


def test_later_cuts_and_other_models_of_the_same_architecture() -> None:
    class Three(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(3))
            self.head = nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x)
            output: Tensor = self.head(x)
            return output

    first, second = m.seeded(Three), m.seeded(Three, 1)
    cutting = hooked(first, VECTORS)
    assert [cut.name for cut in cutting.boundaries] == ["layers.0", "layers.1", "layers.2"]
    assert cutting.cuts[1].aliases == ("layers.0.1",)
    assert cutting.later("layers.0") == ("layers.1", "layers.2")
    (y,) = cutting.prefix("layers.0")(VECTORS)
    one, two = cutting.suffix("layers.0", later=("layers.1", "layers.2"))(y)
    wanted = cutting.prefix("layers.1", "layers.2")(VECTORS)
    assert torch.equal(one, wanted[0])
    assert torch.equal(two, wanted[1])
    other = cutting.bind(second)
    got = other.suffix("layers.1")(other.prefix("layers.1")(VECTORS)[0])
    assert torch.equal(got, second(VECTORS))
    before, behind = cutting.find("layers.0"), cutting.find("layers.2")
    assert (before.before.parameters, before.after.parameters) == (42, 161 - 42)
    assert before.before.share.parameters == pytest.approx(42 / 161)
    assert (behind.before.multiply_adds, behind.after.multiply_adds) == (108, 30)


def test_split_says_nothing_else_than_the_two_halves() -> None:
    model = m.seeded(m.CustomBackward)
    prefix, suffix = split(model, "conv", IMAGES)
    model.eval()
    assert torch.equal(suffix(prefix(IMAGES)), model(IMAGES))


class Clipped(nn.Module):
    """A branch that depends on values, which no graph can be captured of."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 2 if float(x.detach().abs().sum()) > 1e9 else x


class Counted(nn.Linear):
    """Counts how often it is run."""

    runs = 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        return super().forward(x)


def test_of_a_chain_the_modules_after_the_cut_alone_are_run() -> None:
    torch.manual_seed(0)
    first = Counted(6, 7)
    inner = nn.Sequential(nn.Linear(7, 5), nn.Tanh(), Clipped())
    model = nn.Sequential(first, nn.ReLU(), inner, nn.Linear(5, 3)).eval()
    cutting = cut_model(model, VECTORS)
    assert cutting.technique.startswith("module hooks, nothing computed twice, since ")
    expected = model(VECTORS)
    for cut in cutting.cuts:
        prefix, suffix = cutting.prefix(cut.name), cutting.suffix(cut.name)
        (y,) = prefix(VECTORS)
        before = first.runs
        assert torch.equal(suffix(y), expected)
        assert first.runs == before
        assert len(list(suffix.parameters())) == len(list(model.parameters()))
    assert cutting.find("2.1") in cutting.cuts


@pytest.mark.parametrize("nested", [False, True])
def test_a_chain_with_a_module_twice_is_no_chain(nested: bool) -> None:
    torch.manual_seed(0)
    twice, last = nn.Tanh(), nn.Linear(6, 3)
    inner = [nn.Linear(6, 6), twice, Clipped()]
    rest = [nn.Sequential(*inner)] if nested else inner
    model = nn.Sequential(nn.Linear(6, 6), twice, *rest, last).eval()
    cutting = cut_model(model, VECTORS)
    assert "which run the receiver's first layers too" in cutting.technique
    assert len(cutting.cuts) > 2
    for cut in cutting.cuts:
        (y,) = cutting.prefix(cut.name)(VECTORS)
        assert torch.equal(cutting.suffix(cut.name)(y), model(VECTORS))


def test_a_chain_around_something_else_says_that_something_runs_twice() -> None:
    torch.manual_seed(0)

    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.b(self.a(x).relu())
            return output

    model = nn.Sequential(Inner(), Clipped(), nn.Linear(6, 3)).eval()
    assert "which run the receiver's first layers too" in cut_model(model, VECTORS).technique


class SequenceFirst(nn.Module):
    """A sequence first, and a branch that depends on values."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 8)
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 16) for _ in range(2))
        self.clipped = Clipped()
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.embed(x).transpose(0, 1)
        for block in self.blocks:
            y = block(y)
        output: Tensor = self.head(self.clipped(y).mean(0))
        return output


@pytest.mark.parametrize("n", [3, 5])
def test_a_sequence_that_comes_first_is_cut_by_hooks_even_where_it_is_as_long_as_the_batch(n: int) -> None:
    torch.manual_seed(0)
    model, x = SequenceFirst().eval(), torch.randn(n, 5, 6)
    cutting = cut_model(model, x)
    assert cutting.technique.startswith("module hooks, which run")
    names = [cutting.find(name).name for name in ("embed", "blocks.0", "blocks.1")]
    assert all(cut.shape == (5, 8) and str(cut.layout) == "tokens" for cut in cutting.cuts)
    kwargs = torch.randn(7, 5, 6)
    for name in names:
        (y,) = cutting.prefix(name)(kwargs)
        assert y.shape == (7, 5, 8)
        assert torch.equal(cutting.suffix(name)(y), model(kwargs))
    (later,) = cutting.suffix("embed", later=("blocks.1",))(cutting.prefix("embed")(kwargs)[0])
    assert torch.equal(later, cutting.prefix("blocks.1")(kwargs)[0])


class TakesAWay(nn.Module):
    """Goes through one of two layers, by the sign of its first example."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down, self.head = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(x) if x[0, 0].item() > 0 else self.down(x)
        output: Tensor = self.head(torch.relu(y))
        return output


def test_a_half_says_where_the_model_takes_another_way_than_through_the_cut() -> None:
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    model = TakesAWay().eval()
    prefix = HookPrefix(model, [("up", 0)], frozen=False)
    with pytest.raises(CutError, match="does not come to 'up' on these inputs"):
        prefix(-x)
    suffix = HookSuffix(model, -x, ("up", 0), False, None, {("up", 0): 0}, (True,))
    with pytest.raises(CutError, match="does not come to 'up' on these inputs"):
        suffix(torch.zeros(2, 4))
