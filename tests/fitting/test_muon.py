from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelstitch.fitting.muon import Muon, orthogonalise


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def frame(rows: int, columns: int, seed: int) -> Tensor:
    basis, _ = torch.linalg.qr(normal(rows, columns, seed=seed))
    assert isinstance(basis, Tensor)
    return basis


sides = st.integers(1, 9)


@settings(deadline=None, max_examples=40)
@given(sides, sides, st.integers(0, 99), st.floats(-6, 6), st.data())
def test_singular_values_come_near_one_and_their_vectors_stay(
    rows: int, columns: int, seed: int, size: float, data: st.DataObject
) -> None:
    rank = min(rows, columns)
    planted = torch.tensor(
        data.draw(st.lists(st.floats(1, 50), min_size=rank, max_size=rank)), dtype=torch.float64
    )
    left, right = frame(rows, rank, seed), frame(columns, rank, seed + 1)
    found = orthogonalise(10**size * (left * planted) @ right.T)
    assert found.dtype == torch.float64
    assert found.shape == (rows, columns)
    singular = torch.linalg.svdvals(found)
    assert 0.5 <= singular.min() <= singular.max() <= 1.35
    seen = left.T @ found @ right
    torch.testing.assert_close(seen, torch.diag(seen.diagonal()), rtol=0, atol=1e-8)
    assert (seen.diagonal() > 0).all()


def test_single_precision_stays_single_and_no_gradient_is_no_move() -> None:
    assert orthogonalise(normal(4, 3).float()).dtype == torch.float32
    assert torch.equal(orthogonalise(torch.zeros(4, 3)), torch.zeros(4, 3))


@pytest.mark.parametrize("shape", [(6, 6), (3, 8), (8, 3)])
def test_a_decaying_rate_converges_to_a_planted_matrix(shape: tuple[int, int]) -> None:
    planted, matrix = normal(*shape, seed=1), nn.Parameter(torch.zeros(shape, dtype=torch.float64))
    stretch = torch.logspace(0, 2, shape[1], dtype=torch.float64)
    optimiser = Muon([matrix], lr=0.1, momentum=0.8)
    for step in range(300):
        optimiser.param_groups[0]["lr"] = 0.1 * (1 - step / 300)
        matrix.grad = (matrix.detach() - planted) * stretch
        optimiser.step()
    assert (matrix - planted).norm() < 0.01 * planted.norm()


@pytest.mark.parametrize(("shape", "size"), [((4, 4), 0.1), ((3, 9), 0.1), ((8, 2), 0.2)])
def test_a_step_has_the_size_of_the_rate_in_every_direction(shape: tuple[int, int], size: float) -> None:
    """A tall matrix moves further, by the root of its tallness, so that each output moves as much."""
    matrix = nn.Parameter(torch.zeros(shape, dtype=torch.float64))
    matrix.grad = normal(*shape)
    Muon([matrix], lr=0.1).step()
    singular = torch.linalg.svdvals(matrix.detach())
    assert 0.5 * size <= singular.min() <= singular.max() <= 1.35 * size
    assert (matrix.detach() * matrix.grad).sum() < 0


def test_momentum_of_a_matrix_looks_ahead() -> None:
    matrix, (first, second) = nn.Parameter(normal(4, 6)), normal(2, 4, 6, seed=1)
    optimiser = Muon([matrix], lr=0.1, momentum=0.8)
    expected = matrix.detach().clone()
    for gradient, velocity in ((first, first), (second, 0.8 * first + second)):
        matrix.grad = gradient.clone()
        optimiser.step()
        expected -= 0.1 * orthogonalise(gradient + 0.8 * velocity)
    torch.testing.assert_close(matrix.detach(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.8, 0.0), (0.9, 0.1)])
def test_vectors_follow_adam(momentum: float, weight_decay: float) -> None:
    start = normal(5)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    muon = Muon([ours], lr=0.05, momentum=momentum, weight_decay=weight_decay)
    adam = torch.optim.Adam([theirs], lr=0.05, betas=(momentum, 0.99), weight_decay=weight_decay)
    for step in range(5):
        gradient = normal(5, seed=step + 1)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        muon.step()
        adam.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    assert (ours - start).abs().min() > 1e-3


def test_a_convolution_moves_like_its_matrix() -> None:
    kernel, matrix = (nn.Parameter(normal(*shape)) for shape in ((4, 3, 2, 2), (4, 12)))
    optimiser = Muon([kernel, matrix], lr=0.1)
    for step in range(3):
        gradient = normal(4, 12, seed=step)
        kernel.grad, matrix.grad = gradient.view(4, 3, 2, 2).clone(), gradient.clone()
        optimiser.step()
    moved = kernel.flatten(1) - normal(4, 3, 2, 2).flatten(1)
    torch.testing.assert_close(moved, matrix - normal(4, 12), rtol=1e-12, atol=1e-12)
    assert moved.norm() > 0.1


def test_weight_decay_pulls_a_matrix_towards_zero_and_no_gradient_leaves_it() -> None:
    pulled, left = nn.Parameter(normal(3, 3)), nn.Parameter(normal(3, 3))
    optimiser = Muon([pulled, left], lr=0.01, weight_decay=1.0)
    pulled.grad = torch.zeros_like(pulled)
    optimiser.step()
    assert pulled.norm() < normal(3, 3).norm()
    assert torch.equal(left, normal(3, 3))
