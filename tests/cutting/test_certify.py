from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from modelstitch.cutting.certify import certify, relative_difference
from modelstitch.errors import CutError, TruthError


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
