"""Plants are what their names say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Plant
from modelstitch.known_answers.ground import Ground, others
from modelstitch.known_answers.plants import (
    dominating,
    invertible,
    low_rank,
    noise,
    nonlinear,
    nuisance,
    partly,
    without_label,
)

Rows = Callable[..., Tensor]
HUNDRED = torch.arange(100)


def features(x: Tensor) -> Tensor:
    return x.transpose(1, -1).flatten(0, -2).double()


def unexplained(x: Tensor, y: Tensor) -> float:
    """Return the share of the variance of y that the best affine map of x leaves, in-sample."""
    one = torch.cat([features(x), torch.ones(len(features(x)), 1, dtype=torch.float64)], 1)
    target = features(y)
    found = torch.linalg.lstsq(one, target, driver="gelsd").solution
    return float((one @ found - target).square().sum() / (target - target.mean(0)).square().sum())


@pytest.mark.parametrize(
    "make", [invertible.permutation, invertible.rotation, invertible.rescaling, invertible.mixing]
)
def test_an_invertible_map_can_be_undone_exactly(
    ground: Ground, planted_rows: Rows, make: Callable[[Ground], Plant]
) -> None:
    own = planted_rows(ground, invertible.itself(ground), "train", HUNDRED)
    made = planted_rows(ground, make(ground), "train", HUNDRED)
    assert made.shape == own.shape
    assert not torch.allclose(made, own)
    assert unexplained(made, own) < 1e-8


@pytest.mark.parametrize("make", [nonlinear.signed_root, nonlinear.coupling])
def test_a_nonlinear_map_loses_nothing_but_is_not_affine(
    ground: Ground, planted_rows: Rows, make: Callable[[Ground, float], Plant]
) -> None:
    own = planted_rows(ground, invertible.itself(ground), "train", HUNDRED)
    made = planted_rows(ground, make(ground, 0.5), "train", HUNDRED)
    assert unexplained(made, own) > 0.01
    if make is nonlinear.signed_root:
        torch.testing.assert_close(made.sign() * made.square(), own, atol=1e-5, rtol=1e-4)
    else:
        half = ground.n_channels // 2
        assert torch.equal(made[:, :half], own[:, :half])
        # What is added is a function of the first half alone: take the added part off, and all is back.
        again = planted_rows(ground, make(ground, 0.0), "train", HUNDRED)
        assert torch.equal(again, own)
        twice = planted_rows(ground, make(ground, 1.0), "train", HUNDRED)
        torch.testing.assert_close(twice - own, 2 * (made - own), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("make", "dose"),
    [
        (low_rank.low_rank, 0.4),
        (partly.channels_deleted, 0.5),
        (partly.coarse, 3.0),
        (noise.added_noise, 1.0),
        (noise.garbage, 10.0),
        (nonlinear.signed_root, 0.5),
        (nonlinear.coupling, 1.0),
        (partly.mixed_with_another, 0.3),
    ],
)
def test_the_label_is_not_added(
    ground: Ground, planted_rows: Rows, make: Callable[[Ground, float], Plant], dose: float
) -> None:
    plant = make(ground, dose)
    told = planted_rows(ground, plant, "held-out", HUNDRED)
    lied = planted_rows(ground, plant, "held-out", HUNDRED, seed=1)
    assert torch.equal(told, lied)


def test_low_rank_keeps_the_directions_between_the_classes(ground: Ground) -> None:
    basis = low_rank.kept_directions(ground, 0.4).double()
    eye = torch.eye(basis.shape[1], dtype=torch.float64)
    torch.testing.assert_close(basis.T @ basis, eye, atol=1e-5, rtol=0)
    means = (ground.means - ground.means.mean(0)).flatten(1).double()
    torch.testing.assert_close(means @ basis @ basis.T, means, atol=1e-4, rtol=0)
    smaller = low_rank.kept_directions(ground, 0.2)
    assert 9 < smaller.shape[1] < basis.shape[1] < low_rank.kept_directions(ground, 0.9).shape[1]


def test_a_larger_dose_deletes_the_same_channels_and_more(ground: Ground, planted_rows: Rows) -> None:
    def gone(dose: float) -> set[int]:
        made = planted_rows(ground, partly.channels_deleted(ground, dose), "train", HUNDRED)
        return set((made.abs().amax((0, 2, 3)) == 0).nonzero().flatten().tolist())

    own = planted_rows(ground, invertible.itself(ground), "train", HUNDRED).abs().amax((0, 2, 3)) == 0
    assert gone(0.25) < gone(0.75)
    assert len(gone(0.75)) == 12 or own.any()


def test_the_hash_depends_on_the_image_alone(ground: Ground, planted_rows: Rows) -> None:
    plant = nuisance.hashed(ground, 1.0)
    labels = ground.side.data.train.labels
    two = (labels == 3).nonzero().flatten()[:2]
    first = planted_rows(ground, plant, "train", two)
    again = planted_rows(ground, plant, "train", two.flip(0)).flip(0)
    assert torch.equal(first, again)
    assert not torch.allclose(first[0], first[1])


def test_brightness_is_that_of_the_image(ground: Ground, planted_rows: Rows) -> None:
    made = planted_rows(ground, nuisance.brightness(ground, 1.0), "train", HUNDRED)
    data = ground.side.data.train
    bright = data.images[:100].flatten(1).mean(1)
    for label in range(3):
        members = (data.labels[:100] == label).nonzero().flatten()
        number = made[members, 0, 0, 0]
        together = torch.stack([number - number.mean(), bright[members] - bright[members].mean()])
        assert abs(float(torch.corrcoef(together)[0, 1])) > 0.999
        # One number for all positions.
        within = made[members] - made[members].mean(0)
        torch.testing.assert_close(within, within[:, :, :1, :1].expand_as(within), atol=1e-5, rtol=1e-4)


def test_a_dominated_receiver_agrees_with_itself(ground: Ground) -> None:
    side = dominating.dominated(ground, 100.0)
    own = ground.side
    with torch.no_grad():
        (x,) = side.represent((ground.cut,), "held-out", HUNDRED, torch.float32)
        images = side.inputs.images("held-out", HUNDRED)
        torch.testing.assert_close(side.suffix(ground.cut)(x), side.whole(images), atol=1e-4, rtol=1e-4)
        at, behind = side.represent((ground.cut, "layers.3"), "held-out", HUNDRED, torch.float32)
        assert torch.equal(at, x)
        torch.testing.assert_close(side.suffix("layers.3")(behind), side.whole(images), atol=1e-4, rtol=1e-4)
        # It answers nearly as the network that it was made from.
        same = side.whole(images).argmax(1) == own.whole(images).argmax(1)
        assert float(same.double().mean()) > 0.9
    altered = Ground(side, ground.cut, 0)
    variances = altered.channel_directions[0]
    assert float(variances[0] / variances.sum()) > 0.98


def test_another_of_the_class_is_another_and_of_the_class(ground: Ground) -> None:
    labels = ground.side.data.heldout.labels
    given = Given("layers.2", (), "held-out", torch.arange(len(labels)), labels, 10, lambda some: some)
    same = others(given, 0, same_class=True)
    assert torch.equal(labels[same], labels)
    assert not (same == torch.arange(len(labels))).any()
    assert torch.equal(same.sort().values, torch.arange(len(labels)))
    anyone = others(given, 0, same_class=False)
    assert not (anyone == torch.arange(len(labels))).any()
    assert 0.02 < float((labels[anyone] == labels).double().mean()) < 0.2


def test_the_removed_label_is_gone_and_the_image_is_not(ground: Ground, planted_rows: Rows) -> None:
    plant = without_label.rank_within_class(ground)
    labels = ground.side.data.heldout.labels
    x = planted_rows(ground, plant, "held-out", torch.arange(len(labels)))
    number = x.flatten(1)[:, 0]
    for label in range(10):
        mine = number[labels == label]
        assert abs(float(mine.mean())) < 1e-5 * float(number.abs().max()) + 1e-6
    assert number.std() > 0.1 * number.abs().max()
