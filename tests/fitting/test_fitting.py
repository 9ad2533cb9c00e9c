from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelstitch.fitting.coordinates import fold
from modelstitch.fitting.moments import ChannelMoments, channel_moments
from modelstitch.fitting.trained import batches, fit, rate
from modelstitch.specs import FitSpec, StitchSpec
from modelstitch.stitches import Affine, build


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5), st.integers(1, 40), st.floats(-1e4, 1e4), st.floats(1e-2, 1e3))
def test_moments_do_not_depend_on_batches_and_survive_an_offset(
    n_batches: int, n: int, offset: float, scale: float
) -> None:
    x = (torch.randn(n_batches * n, 3, 2, 2, dtype=torch.float64, generator=generator()) * scale) + offset
    (moments,) = channel_moments([(part,) for part in x.split(n)])
    torch.testing.assert_close(moments.mean, x.mean((0, 2, 3)).float())
    expected = x.var((0, 2, 3), unbiased=False).sqrt()
    torch.testing.assert_close(
        moments.std, expected.clamp_min(0.01 * expected.mean()).float(), rtol=1e-4, atol=1e-6
    )


def test_dead_channels_get_a_floor() -> None:
    x = torch.randn(100, 4, generator=generator())
    x[:, 2] = 0
    (moments,) = channel_moments([(x,)])
    others = x.double().std(0, unbiased=False)
    assert moments.std[2].item() == pytest.approx(0.01 * others.mean().item(), rel=1e-4)
    (constant,) = channel_moments([(torch.ones(5, 3),)])
    assert constant.std.tolist() == [1, 1, 1]


def moments_of(n: int, seed: int) -> ChannelMoments:
    return ChannelMoments(
        torch.randn(n, generator=generator(seed)), torch.rand(n, generator=generator(seed + 1)) + 0.1
    )


@pytest.mark.parametrize("stride", [1, 2])
def test_folding_equals_standardise_convolve_and_undo(stride: int) -> None:
    provided, expected = moments_of(3, 0), moments_of(5, 10)
    weight = torch.randn(5, 3, stride, stride, generator=generator(20))
    bias = torch.randn(5, generator=generator(21))
    x = torch.randn(4, 3, 6, 6, generator=generator(22)) * 3
    standard = (x - provided.mean[:, None, None]) / provided.std[:, None, None]
    y = F.conv2d(standard, weight, bias, stride=stride)
    wanted = y * expected.std[:, None, None] + expected.mean[:, None, None]
    folded = fold(weight, bias, provided, expected)
    torch.testing.assert_close(F.conv2d(x, *folded, stride=stride), wanted, rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 300), st.floats(0, 0.9))
def test_the_rate_rises_to_one_and_falls_to_zero(n_steps: int, share: float) -> None:
    rates = [rate(step, n_steps, share) for step in range(n_steps)]
    top = rates.index(max(rates))
    assert all(0 < each <= 1 for each in rates)
    assert max(rates) == 1
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert abs(top - n_steps * share) <= 1.5


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 50), st.integers(1, 20), st.integers(1, 12))
def test_batches_shuffle_without_repeats_within_a_pass(n: int, size: int, n_steps: int) -> None:
    drawn = list(batches(n, size, n_steps, generator()))
    size = min(size, n)
    assert [len(each) for each in drawn] == [size] * n_steps
    in_a_pass = n // size
    for first in range(0, n_steps, in_a_pass):
        seen = torch.cat(drawn[first : first + in_a_pass])
        assert len(seen.unique()) == len(seen)
    assert all(torch.equal(a, b) for a, b in zip(drawn, batches(n, size, n_steps, generator()), strict=True))


class Planted:
    """A suffix with a known job, and a sender whose representation is a known affine map of what it expects."""

    def __init__(self, scale: float) -> None:
        self.expected = torch.randn(600, 4, 4, 4, generator=generator(0)).relu()
        mixing = torch.linalg.qr(torch.randn(4, 4, generator=generator(1))).Q
        self.provided = scale * (torch.einsum("nchw,dc->ndhw", self.expected, mixing) + 1.5)
        self.inverse = torch.linalg.inv(mixing) / scale
        self.suffix = nn.Sequential(nn.Flatten(), nn.Linear(64, 5)).eval()
        for parameter, seed in zip(self.suffix.parameters(), (2, 3), strict=True):
            parameter.data = torch.randn(parameter.shape, generator=generator(seed))
            parameter.requires_grad_(False)
        self.labels = self.suffix(self.expected).argmax(1)

    def moments(self) -> tuple[ChannelMoments, ChannelMoments]:
        provided, expected = channel_moments([(self.provided, self.expected)])
        return provided, expected

    def accuracy(self, stitch: Callable[[Tensor], Tensor]) -> float:
        correct = self.suffix(stitch(self.provided)).argmax(1) == self.labels
        return float(correct.float().mean())


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_planted_mixing_is_undone_whatever_its_scale(scale: float) -> None:
    planted = Planted(scale)
    stitch = build(StitchSpec(), (4, 4, 4), (4, 4, 4), generator())
    assert planted.accuracy(stitch) < 0.5
    spec = FitSpec(steps=400, batch_size=128, learning_rate=3e-2)
    fitted = fit(
        stitch,
        planted.suffix,
        planted.provided.__getitem__,
        planted.labels,
        F.cross_entropy,
        spec,
        generator(),
        planted.moments(),
    )
    assert planted.accuracy(stitch) > 0.95
    assert fitted.steps == 400
    assert fitted.failure is None
    assert fitted.unchanged == ()


def test_the_perfect_stitch_is_a_fixed_point_of_the_planted_problem() -> None:
    planted = Planted(2.0)
    stitch = build(StitchSpec(), (4, 4, 4), (4, 4, 4), generator())
    assert isinstance(stitch, Affine)
    assert stitch.bias is not None
    with torch.no_grad():
        stitch.weight.copy_(planted.inverse[:, :, None, None])
        stitch.bias.copy_(-(planted.inverse * 2.0 * 1.5).sum(1))
    assert planted.accuracy(stitch) == 1.0


@pytest.mark.parametrize("protocol", ["default", "paper"])
def test_the_suffix_is_not_touched(protocol: str) -> None:
    planted = Planted(1.0)
    before = copy.deepcopy(planted.suffix.state_dict())
    stitch = build(StitchSpec(), (4, 4, 4), (4, 4, 4), generator())
    spec = FitSpec.named(protocol, steps=5)
    arguments = (planted.labels, F.cross_entropy, spec, generator(), planted.moments())
    fit(stitch, planted.suffix, planted.provided.__getitem__, *arguments)
    assert all(torch.equal(value, before[name]) for name, value in planted.suffix.state_dict().items())
    assert all(parameter.grad is None for parameter in planted.suffix.parameters())


def test_a_loss_that_is_not_finite_ends_the_fit_with_its_reason() -> None:
    planted = Planted(1.0)
    stitch = build(StitchSpec(), (4, 4, 4), (4, 4, 4), generator())

    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(outputs, labels) * float("inf")

    spec = FitSpec(steps=9)
    arguments = (planted.labels, loss, spec, generator(), planted.moments())
    fitted = fit(stitch, planted.suffix, planted.provided.__getitem__, *arguments)
    assert fitted.failure == "loss inf at step 1 of 9"
    assert math.isnan(fitted.loss)


def test_a_parameter_that_no_gradient_reaches_is_named() -> None:
    planted = Planted(1.0)
    stitch = build(StitchSpec(), (4, 4, 4), (4, 4, 4), generator())

    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        return outputs.sum() * 0

    spec = FitSpec(steps=3)
    arguments = (planted.labels, loss, spec, generator(), planted.moments())
    fitted = fit(stitch, planted.suffix, planted.provided.__getitem__, *arguments)
    assert fitted.unchanged == ("weight", "bias")


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    planted = Planted(1.0)
    weights = []
    for seed in (0, 0, 1):
        stitch = build(StitchSpec(), (4, 4, 4), (4, 4, 4), generator(seed))
        spec = FitSpec(steps=10, batch_size=64)
        arguments = (planted.labels, F.cross_entropy, spec, generator(seed), planted.moments())
        fit(stitch, planted.suffix, planted.provided.__getitem__, *arguments)
        weights.append(stitch.get_parameter("weight").detach())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
