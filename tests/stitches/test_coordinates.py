from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call

from modelstitch.fitting.closed_form import coordinates_of
from modelstitch.fitting.gram import of_rows
from modelstitch.specs import StitchSpec
from modelstitch.stitches import Stitch, Values, build
from modelstitch.stitches.coordinates import SHRINKAGE, Coordinates, output_scale, whitening

FAMILIES = ("scale", "orthogonal", "pooled", "lowrank(2)", "affine", "conv(3)", "mlp(4)")
NORMED = ("pooled+batch", "lowrank(2)+batch", "affine+batch", "conv(3)+batch", "mlp(4)+batch")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)


def covariance(width: int, seed: int) -> Tensor:
    mixing = normal(width, width, seed=seed)
    return mixing @ mixing.T + 0.1 * torch.eye(width, dtype=torch.float64)


def spectrum(matrix: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh(matrix)
    return values.clamp_min(0), vectors


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 7), st.integers(0, 99), st.sampled_from([0.0, 0.1, SHRINKAGE, 1.0]))
def test_whitening_whitens_the_shrunk_covariance(width: int, seed: int, shrinkage: float) -> None:
    matrix, unit = covariance(width, seed), torch.eye(width, dtype=torch.float64)
    white, colour = whitening(spectrum(matrix), shrinkage)
    shrunk = matrix + shrinkage * matrix.trace() / width * unit
    close(white @ shrunk @ white, unit)
    close(white @ colour, unit)
    close(white, white.T)


@pytest.mark.parametrize("shrinkage", [0.0, SHRINKAGE])
def test_constant_features_are_harmless(shrinkage: float) -> None:
    matrix = torch.zeros(5, 5, dtype=torch.float64)
    matrix[:3, :3] = covariance(3, 0)
    white, colour = whitening(spectrum(matrix), shrinkage)
    assert white.isfinite().all()
    assert white.abs().max() <= 1.01e6 / (matrix.trace() / 5).sqrt()
    torch.testing.assert_close(white @ colour, torch.eye(5, dtype=torch.float64), rtol=1e-6, atol=1e-6)
    varying = whitening(spectrum(matrix[:3, :3]), shrinkage * 3 / 5)[0]
    close(white[:3, :3], varying)


def test_where_nothing_varies_nothing_is_changed() -> None:
    white, colour = whitening((torch.zeros(3), torch.eye(3)))
    assert torch.equal(white, torch.eye(3))
    assert torch.equal(colour, torch.eye(3))


def test_output_scales_have_a_floor() -> None:
    assert output_scale(torch.tensor([9.0, 1.0, 0.0, -1e-9])).tolist() == pytest.approx([3, 1, 0.01, 0.01])
    assert output_scale(torch.zeros(3)).tolist() == [1, 1, 1]


def coordinates(stitch: Stitch, seed: int) -> Coordinates:
    width, n_targets = stitch.n_features, stitch.expected[0]
    white, colour = whitening(spectrum(covariance(width, seed)))
    scale_out = normal(n_targets, seed=seed + 2).abs() + 0.1
    return Coordinates(normal(width, seed=seed), white, colour, normal(n_targets, seed=seed + 1), scale_out)


def random_values(stitch: Stitch, seed: int) -> Values:
    named = dict(stitch.named_parameters())
    return {name: normal(*value.shape, seed=seed + i) for i, (name, value) in enumerate(named.items())}


def stitch_of(spec: str) -> Stitch:
    provided, expected = (3, 4, 4), (3 if spec in ("scale", "identity") else 2, 2, 2)
    if spec == "identity":
        expected = provided
    return build(StitchSpec.parse(spec), provided, expected, torch.Generator().manual_seed(0)).double()


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(("identity", *FAMILIES, *NORMED)), st.integers(0, 999))
def test_plain_and_whitened_parameters_are_one_to_one(spec: str, seed: int) -> None:
    stitch = stitch_of(spec)
    values, change = random_values(stitch, seed), coordinates(stitch, seed + 50)
    there_and_back = stitch.to_plain(stitch.from_plain(values, change), change)
    back_and_there = stitch.from_plain(stitch.to_plain(values, change), change)
    assert set(there_and_back) == set(back_and_there) == set(values)
    for name, value in values.items():
        close(there_and_back[name], value)
        close(back_and_there[name], value)


def plain_output(stitch: Stitch, values: Values, change: Coordinates, x: Tensor) -> Tensor:
    """Output as (N, P, D), of the stitch that has the plain parameters of ``values``."""
    with torch.no_grad():
        output = functional_call(stitch.eval(), stitch.to_plain(values, change), (x,))
    assert isinstance(output, Tensor)
    return output.flatten(2).transpose(1, 2)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(("pooled", "lowrank(2)", "affine", "conv(3)", "mlp(4)")), st.integers(0, 999))
def test_whitened_parameters_see_white_features_and_scaled_targets(spec: str, seed: int) -> None:
    stitch = stitch_of(spec)
    values, change = random_values(stitch, seed), coordinates(stitch, seed + 50)
    x = normal(4, 3, 4, 4, seed=seed + 90)
    white = (stitch.features(x) - change.mean_in) @ change.white.T
    matrices = {name: value.flatten(1) for name, value in values.items() if value.ndim > 1}
    if spec.startswith("mlp"):
        hidden = (white @ matrices["in_weight"].T + values["in_bias"]).clamp_min(0)
        seen = hidden @ matrices["out_weight"].T
    elif spec.startswith("lowrank"):
        seen = white @ matrices["down_weight"].T @ matrices["up_weight"].T
    else:
        seen = white @ matrices["weight"].T
    expected = change.mean_out + change.scale_out * (seen + values["bias"])
    close(plain_output(stitch, values, change, x), expected)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 999))
def test_a_scale_is_only_rescaled_in_each_channel(seed: int) -> None:
    stitch = stitch_of("scale")
    values, change = random_values(stitch, seed), coordinates(stitch, seed + 50)
    x = normal(4, 3, 4, 4, seed=seed + 90)
    seen = change.white.diagonal() * (stitch.features(x) - change.mean_in)
    expected = change.mean_out + change.scale_out * (values["scale"] * seen + values["bias"])
    close(plain_output(stitch, values, change, x), expected)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 999))
def test_a_rotation_is_rescaled_as_a_whole_and_stays_one(seed: int) -> None:
    stitch = stitch_of("orthogonal")
    change = coordinates(stitch, seed + 50)
    values = stitch.project(random_values(stitch, seed))
    x = normal(4, 3, 4, 4, seed=seed + 90)
    common = change.white.diagonal().mean() * change.scale_out.mean()
    turned = (stitch.features(x) - change.mean_in) @ values["weight"].flatten(1).T
    expected = change.mean_out + common * turned + change.scale_out * values["bias"]
    close(plain_output(stitch, values, change, x), expected)
    plain = stitch.to_plain(values, change)["weight"].flatten(1)
    gram = plain @ plain.T
    close(gram, gram[0, 0] * torch.eye(len(gram), dtype=gram.dtype))


@pytest.mark.parametrize("spec", ["affine", "conv(3)", "affine+batch"])
def test_coordinates_of_moments_whiten_their_features(spec: str) -> None:
    stitch = stitch_of(spec)
    features = stitch.features(normal(300, 3, 4, 4) * 2 + 1).flatten(0, 1)
    targets = 5 + 3 * normal(len(features), 2, seed=1)
    found = coordinates_of(stitch, of_rows(features, targets), torch.device("cpu"), torch.float32)
    assert {each.dtype for each in vars(found).values()} == {torch.float32}
    cov = torch.cov(features.T, correction=0)
    if spec == "affine+batch":
        by_channel = features.reshape(len(features), 3, 4).transpose(1, 2).reshape(-1, 3)
        std = (by_channel.var(0, correction=0) + 1e-5).sqrt().repeat_interleave(4)
        cov = cov / torch.outer(std, std)
        assert found.mean_in.tolist() == [0] * 12
        assert (found.mean_out.tolist(), found.scale_out.tolist()) == ([0, 0], [1, 1])
    else:
        torch.testing.assert_close(found.mean_in, features.mean(0).float(), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found.mean_out, targets.mean(0).float(), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found.scale_out, targets.std(0, correction=0).float(), rtol=1e-5, atol=0)
    unit = torch.eye(len(cov), dtype=torch.float64)
    white = found.white.double()
    shrunk = cov + SHRINKAGE * cov.diagonal().mean() * unit
    torch.testing.assert_close(white @ shrunk @ white, unit, rtol=1e-5, atol=1e-5)
