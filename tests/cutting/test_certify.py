from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from modelstitch.cutting import GraphCutModel, cuts, split
from modelstitch.cutting.certify import certify, relative_difference
from modelstitch.errors import CutError, ModelError, TruthError
from tests.cutting import models as m


def halves() -> tuple[nn.Sequential, nn.Module, nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))

    class Prefix(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            return (model[0](x),)

    return model, Prefix(), model[1:]


X = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))


def test_true_halves_pass() -> None:
    assert certify(*halves(), X, "here") == 0


def test_a_wrong_value_fails() -> None:
    model, prefix, suffix = halves()
    wrong = nn.Sequential(nn.Hardtanh(), suffix[1])  # type: ignore[index]
    with pytest.raises(
        TruthError, match="do not reproduce the model at here: relative difference .* at batch 6"
    ):
        certify(model, prefix, wrong, X, "here")


def test_a_wrong_gradient_alone_fails() -> None:
    model, prefix, suffix = halves()

    class Detached(nn.Module):
        def forward(self, y: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = suffix(0.5 * y + 0.5 * y.detach())
            return output

    with pytest.raises(TruthError, match="do not have the model's gradient at here"):
        certify(model, prefix, Detached(), X, "here")


def test_no_gradient_at_all_fails() -> None:
    model, prefix, suffix = halves()

    class Cut(nn.Module):
        def forward(self, y: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = suffix(y.detach())
            return output

    with pytest.raises(TruthError, match="no gradient passes through the cut at here"):
        certify(model, prefix, Cut(), X, "here")


def test_a_model_that_cannot_be_differentiated_is_named() -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x.relu()
            y.mul_(2)
            return y

    with pytest.raises(CutError, match="cannot be differentiated.*modified by an inplace operation"):
        certify(Broken(), Broken(), Broken(), X, "here")


def test_the_second_batch_size_counts() -> None:
    model, prefix, suffix = halves()

    class OnlyWhole(nn.Module):
        def forward(self, y: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = suffix(y if len(y) == len(X) else 2 * y)
            return output

    with pytest.raises(TruthError, match="do not reproduce the model at here: .* at batch 3, expected"):
        certify(model, prefix, OnlyWhole(), X, "here")


def test_a_gradient_that_the_model_stops_fails() -> None:
    model = m.seeded(m.StopsAll)
    backbone, head = model.get_submodule("backbone"), model.get_submodule("head")

    class Prefix(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            return (backbone(x),)

    with pytest.raises(TruthError, match="a gradient that the model stops passes through the cut"):
        certify(model, Prefix(), nn.Sequential(nn.ReLU(), head), torch.randn(4, 6), "here")


def test_a_backward_lost_behind_an_embedding_fails() -> None:
    words = torch.randint(0, 11, (4, 5), generator=torch.Generator().manual_seed(0))
    model = m.seeded(m.CustomBackwardOnWords)
    graph = GraphCutModel(model, words)
    with pytest.raises(TruthError, match="do not have the model's gradient at here"):
        certify(model, graph.prefix("embedding"), graph.suffix("embedding"), words, "here")
    split(model, "embedding", words)  # by hooks, which keep it
    cutting = GraphCutModel(m.seeded(m.Words), words)
    assert certify(cutting.model, cutting.prefix("block"), cutting.suffix("block"), words, "here") == 0


def test_a_model_that_is_random_in_eval_mode_fails() -> None:
    with pytest.raises(ModelError, match="gives something else for the same inputs when it is run again"):
        split(m.seeded(m.RandomInEval), "first", torch.randn(4, 6))


def test_labels_have_no_gradient_and_still_must_agree() -> None:
    model = m.seeded(m.Labels)
    cutting = GraphCutModel(model, torch.randn(4, 6))
    x = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    prefix, suffix = cutting.prefix("first"), cutting.suffix("first")
    assert certify(model, prefix, suffix, x, "here") == 0
    other = cutting.bind(m.seeded(m.Labels, 1)).suffix("first")
    with pytest.raises(TruthError, match="do not reproduce the model at here"):
        certify(model, prefix, other, x, "here")


def test_a_check_leaves_no_trace_even_where_it_fails() -> None:
    model, prefix, suffix = halves()
    model[1].train(False)
    x = X.clone()
    certify(model, prefix, suffix, x, "here")
    with pytest.raises(TruthError):
        certify(model, prefix, nn.Sequential(nn.Hardtanh(), model[2]), x, "here")
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(x, X)
    assert not x.requires_grad


@pytest.mark.parametrize(
    ("got", "expected", "difference"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.0], [1.0, -2.0], 2.0),
        ([0.0], [0.0], 0.0),
        ([1.0], [0.0], math.inf),
        ([math.nan], [1.0], math.inf),
        ([1.0, 1.0], [math.nan, 1.0], math.inf),
    ],
)
def test_relative_difference(got: list[float], expected: list[float], difference: float) -> None:
    assert relative_difference(torch.tensor(got), torch.tensor(expected)) == difference


class _Big(nn.Module):
    """Words in a large embedding, and small layers behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.norm = nn.Embedding(2**13, 16), nn.LayerNorm(16)
        self.linear, self.head = nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.head(self.linear(self.norm(self.words(ids))).mean(1))
        return output


def _calls_of(model: nn.Module) -> list[tuple[int, bool, list[str]]]:
    """Note from now on the size of each call, whether it has gradients, and at which parameters."""
    calls: list[tuple[int, bool, list[str]]] = []

    def note(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        having = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
        calls.append((len(given[0]), torch.is_grad_enabled(), having))

    model.register_forward_pre_hook(note)
    return calls


def test_gradients_are_those_of_the_activation_never_of_all_parameters() -> None:
    model, ids = _Big(), torch.randint(0, 2**13, (4, 6))
    model.head.requires_grad_(False)
    before = [parameter.requires_grad for parameter in model.parameters()]
    cutting = GraphCutModel(model, ids)
    calls = _calls_of(model)
    assert certify(model, cutting.prefix("norm"), cutting.suffix("norm"), ids, "here") == 0
    part, whole = calls
    assert whole[:2] == (4, False)
    assert part == (2, True, ["norm.weight", "norm.bias"])
    assert [parameter.requires_grad for parameter in model.parameters()] == before


def test_what_the_model_gives_is_measured_once_for_all_splits_and_again_when_it_has_changed() -> None:
    model, ids = _Big(), torch.randint(0, 2**13, (4, 6))
    found = cuts(model, ids)
    found.split("norm")
    calls = _calls_of(model)
    found.split("norm")
    assert calls == []
    with torch.no_grad():
        model.head.weight.add_(1)
    prefix, suffix = found.split("norm")
    assert len(calls) == 2
    assert torch.equal(suffix(prefix(ids)), model(ids))


def test_a_difference_is_found_wherever_it_stands() -> None:
    expected = torch.ones(3, 2**20)
    for place in (0, 2**20, 3 * 2**20 - 1):
        got = expected.clone()
        got.view(-1)[place] = 1.5
        assert relative_difference(got, expected) == 0.5
        got.view(-1)[place] = math.nan
        assert relative_difference(got, expected) == math.inf
