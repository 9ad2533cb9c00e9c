"""What the closed form loads into a stitch: the stitch's own output on whole representations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from modelstitch.fitting.closed_form import solve
from modelstitch.fitting.gram import Moments, of_rows
from modelstitch.specs import StitchSpec
from modelstitch.stitches import Stitch, Values, build

BRIDGES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "same": ((3, 4, 4), (2, 4, 4)),
    "stride 2": ((3, 4, 4), (2, 2, 2)),
    "pool": ((3, 5, 5), (2, 3, 3)),
    "nearest": ((3, 2, 2), (2, 4, 4)),
    "linear": ((3, 3, 3), (2, 5, 5)),
    "stride and nearest": ((3, 4, 2), (2, 2, 6)),
    "nearest and linear": ((3, 2, 2), (2, 4, 3)),
    "stride and linear": ((3, 4, 2), (2, 2, 3)),
    "pool and stride": ((3, 5, 4), (2, 3, 2)),
    "vector": ((5,), (3,)),
    "vector to map": ((5,), (2, 3, 3)),
    "map to vector": ((3, 3, 3), (4,)),
}
bridges = pytest.mark.parametrize("bridge", BRIDGES)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Problem:
    """A stitch, what its sender provides, and an expected representation that has something to do with it."""

    stitch: Stitch
    x: Tensor
    e: Tensor

    @property
    def moments(self) -> Moments:
        return of_rows(self.stitch.features(self.x).flatten(0, 1), self.stitch.targets(self.e).flatten(0, 1))

    def output(self, values: Values) -> Tensor:
        found = functional_call(self.stitch, values, (self.x,))
        assert isinstance(found, Tensor)
        return found

    def error(self, values: Values) -> float:
        return float((self.output(values) - self.e).square().mean())

    def solution(self) -> Values:
        found = solve(self.stitch, self.moments, self.moments, refit=False)
        assert found is not None
        return found


def problem(spec: str, bridge: str, n: int = 60) -> Problem:
    provided, expected = BRIDGES[bridge]
    if spec == "scale":
        expected = (provided[0], *expected[1:])
    stitch = build(StitchSpec.parse(spec), provided, expected, torch.Generator().manual_seed(0)).double()
    x = normal(n, *provided, seed=1) * 2 + 1
    hidden = build(StitchSpec(), provided, expected, torch.Generator().manual_seed(2)).double()
    with torch.no_grad():
        e = 10 * hidden(x.sin()) + 5 * normal(n, *expected, seed=3)
    return Problem(stitch, x, e)


def unit_outputs(stitch: Stitch, x: Tensor) -> Tensor:
    """What every single parameter adds to the output of a stitch that is linear in its parameters."""
    zeros = {name: torch.zeros_like(value) for name, value in stitch.named_parameters()}
    columns = []
    for name, value in zeros.items():
        for index in range(value.numel()):
            unit = torch.zeros(value.numel(), dtype=value.dtype)
            unit[index] = 1
            with torch.no_grad():
                output = functional_call(stitch, {**zeros, name: unit.view_as(value)}, (x,))
            columns.append(output.flatten())
    return torch.stack(columns, 1)


@bridges
@pytest.mark.parametrize("spec", ["scale", "pooled", "affine", "conv(3)"])
def test_the_loaded_stitch_is_the_direct_least_squares_of_its_outputs(spec: str, bridge: str) -> None:
    case = problem(spec, bridge)
    design = unit_outputs(case.stitch, case.x).numpy()
    direct = np.linalg.lstsq(design, case.e.flatten().numpy())[0]
    oracle = torch.from_numpy(design @ direct).view_as(case.e)
    found = case.output(case.solution())
    assert (oracle - case.e).norm() > 0.1 * case.e.norm()
    assert (found - oracle).norm() <= 1e-6 * oracle.norm()
    least = float((oracle - case.e).square().mean())
    assert case.error(case.solution()) == pytest.approx(least, rel=1e-6)


def moved(values: Values, size: float, seed: int) -> Values:
    return {
        name: value + size * normal(*value.shape, seed=seed + index)
        for index, (name, value) in enumerate(values.items())
    }


def turned(values: Values, size: float, seed: int) -> Values:
    weight = values["weight"].flatten(1)
    left, right = (
        torch.linalg.matrix_exp(size * (skew - skew.T))
        for skew in (normal(length, length, seed=seed + length) for length in weight.shape)
    )
    scale = 1 + size * normal(1, seed=seed)
    bias = values["bias"] + size * normal(len(weight), seed=seed + 1)
    return {"weight": (scale * left @ weight @ right).view_as(values["weight"]), "bias": bias}


@bridges
@pytest.mark.parametrize(
    ("spec", "move"), [("lowrank(2)", moved), ("lowrank(1)", moved), ("orthogonal", turned)]
)
def test_no_move_within_the_family_lowers_the_error(
    spec: str, bridge: str, move: Callable[[Values, float, int], Values]
) -> None:
    case = problem(spec, bridge)
    solution = case.solution()
    least = case.error(solution)
    with torch.no_grad():
        errors = [case.error(move(solution, 10.0 ** -(seed % 4), 10 * seed)) for seed in range(60)]
    assert min(errors) >= least * (1 - 1e-9)
    assert max(errors) > 1.01 * least


@pytest.mark.parametrize("spec", ["scale", "orthogonal"])
def test_rows_kept_aside_are_fitted_only_where_that_is_asked(spec: str) -> None:
    case = problem(spec, "same")
    first, second = (Problem(case.stitch, case.x[part], case.e[part]) for part in (slice(40), slice(40, 60)))
    for refit, oracle in ((True, case.solution()), (False, first.solution())):
        found = solve(case.stitch, first.moments, second.moments, refit=refit)
        assert found is not None
        for name, value in oracle.items():
            torch.testing.assert_close(found[name], value, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("spec", ["affine", "lowrank(2)"])
def test_rows_kept_aside_choose_the_ridge(spec: str) -> None:
    case = problem(spec, "stride 2", n=8)
    fresh = problem(spec, "stride 2", n=200)
    validation = Problem(case.stitch, fresh.x[8:], normal(192, 2, 2, 2, seed=9))
    found = solve(case.stitch, case.moments, validation.moments, refit=False)
    assert found is not None
    assert validation.error(found) < validation.error(case.solution())


@pytest.mark.parametrize("spec", ["identity", "mlp(4)"])
def test_a_family_without_a_closed_form_has_none(spec: str) -> None:
    shape = (2, 3, 3)
    case = Problem(build(StitchSpec.parse(spec), shape, shape), normal(5, *shape), normal(5, *shape, seed=1))
    assert solve(case.stitch, case.moments, case.moments, refit=True) is None


def test_a_solution_comes_in_the_stitchs_own_precision_and_leaves_the_stitch_alone() -> None:
    case = problem("affine", "same")
    single = Problem(case.stitch.float(), case.x.float(), case.e.float())
    before = {name: value.clone() for name, value in single.stitch.state_dict().items()}
    assert {value.dtype for value in single.solution().values()} == {torch.float32}
    assert all(torch.equal(before[name], value) for name, value in single.stitch.state_dict().items())


def settled(stitch: Stitch, values: Values, x: Tensor) -> Tensor:
    stitch.load_state_dict(values, strict=False)
    for norm in stitch.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        stitch.train()(x)
        found = stitch.eval()(x)
    assert isinstance(found, Tensor)
    return found


@pytest.mark.parametrize("bridge", ["same", "stride 2", "pool", "nearest", "vector", "vector to map"])
@pytest.mark.parametrize("spec", ["pooled", "affine", "lowrank(2)"])
def test_batch_norms_change_nothing_of_the_solution(spec: str, bridge: str) -> None:
    plain, normed = problem(spec, bridge, n=2000), problem(f"{spec}+batch", bridge, n=2000)
    oracle = plain.output(plain.solution())
    found = settled(normed.stitch, normed.solution(), normed.x)
    assert (found - oracle).norm() <= 1e-3 * oracle.norm()


def test_batch_norms_change_nothing_where_means_differ_within_a_patch_and_outputs_are_small() -> None:
    plain, normed = problem("affine", "stride 2", n=2000), problem("affine+batch", "stride 2", n=2000)
    shift = torch.zeros_like(plain.x)
    shift[:, 0, ::2] = 20
    plain, normed = (Problem(case.stitch, case.x + shift, case.e * 1e-2) for case in (plain, normed))
    oracle = plain.output(plain.solution())
    found = settled(normed.stitch, normed.solution(), normed.x)
    assert (found - oracle).norm() <= 1e-4 * oracle.norm()


@pytest.mark.parametrize(("spec", "bridge"), [("conv(3)+batch", "same"), ("affine+batch", "linear")])
def test_where_norms_see_something_else_than_the_moments_there_is_no_closed_form(
    spec: str, bridge: str
) -> None:
    case = problem(spec, bridge)
    assert solve(case.stitch, case.moments, case.moments, refit=True) is None
