"""The truth of planted senders, beside formulas that know nothing of how it is computed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modelstitch.evidence.receiver_examples import ReceiverExamples
from modelstitch.grid.planted import planted
from modelstitch.grid.side import Side
from modelstitch.known_answers.families import PLANT_FAMILIES
from modelstitch.known_answers.ground import Ground
from modelstitch.known_answers.plants.low_rank import kept_directions
from modelstitch.known_answers.truth import Truth, truth_of


def truth(ground: Ground, family: str, dose: float = 1.0, receiver: Side | None = None) -> Truth:
    side = receiver or ground.side
    here = ground if receiver is None else Ground(receiver, ground.cut, ground.seed)
    sender = planted(side, PLANT_FAMILIES[family].make(here, dose))
    return truth_of(sender, side, ground.cut, ReceiverExamples(side, 2000).residuals)


def heldout(ground: Ground) -> tuple[Tensor, Tensor]:
    """Return held-out representations as they are and less the means of their classes, in float64."""
    data = ground.side.data.heldout
    (x,) = ground.side.represent((ground.cut,), "held-out", torch.arange(len(data)), torch.float32)
    left = x.double().clone()
    for label in data.labels.unique():
        left[data.labels == label] -= left[data.labels == label].mean(0)
    return x.double(), left


def covariance(rows: Tensor) -> Tensor:
    flat = rows.transpose(0, 1).flatten(1)
    return flat @ flat.T / flat.shape[1]


def share_read(signal: Tensor, other: Tensor) -> float:
    r"""Return the Wiener share: of :math:`y` from :math:`y + n`, :math:`tr(C (C + N)^{-1} C) / tr(C)`."""
    return float((signal @ torch.linalg.pinv(signal + other) @ signal).trace() / signal.trace())


@pytest.mark.parametrize("family", ["itself", "permutation", "rotation", "rescaling", "mixing"])
def test_what_can_be_undone_comes_across_whole(ground: Ground, family: str) -> None:
    found = truth(ground, family)
    assert set(found.places) == {"layers.2", "layers.3", "layers.4", "output"}
    assert min(found.places.values()) > 0.995


@pytest.mark.parametrize(
    "family", ["one-hot", "class mean and noise", "clustered noise", "another of the class", "label and hash"]
)
def test_of_the_label_nothing_comes_across(ground: Ground, family: str) -> None:
    assert truth(ground, family).value < 0.01


@pytest.mark.parametrize("dose", [0.5, 1.0, 2.0])
def test_noise_leaves_the_wiener_share(ground: Ground, dose: float) -> None:
    _, left = heldout(ground)
    noise = torch.diag((dose * ground.spread.flatten().double()) ** 2)
    assert truth(ground, "noise added", dose).places[ground.cut] == pytest.approx(
        share_read(covariance(left), noise), abs=0.02
    )


@pytest.mark.parametrize("dose", [0.1, 0.3, 0.5])
def test_mixing_with_another_leaves_the_wiener_share(ground: Ground, dose: float) -> None:
    x, left = heldout(ground)
    # The other image is of whatever class: its variance within and between classes is noise. A map that is
    # the same at every position does not see that the classes differ in their means by position.
    means = x.mean(0)
    signal = (1 - dose) ** 2 * covariance(left)
    other = dose**2 * covariance(x - means)
    assert truth(ground, "mixed with another image", dose).places[ground.cut] == pytest.approx(
        share_read(signal, other), abs=0.04
    )


@pytest.mark.parametrize("dose", [0.25, 0.5, 0.75])
def test_deleting_channels_leaves_what_the_others_tell_of_them(ground: Ground, dose: float) -> None:
    _, left = heldout(ground)
    order = torch.randperm(ground.n_channels, generator=ground.generator("deleted"))
    kept = order[round(dose * ground.n_channels) :]
    c = covariance(left)
    told = c[:, kept] @ torch.linalg.pinv(c[kept][:, kept]) @ c[kept]
    expected = float(told.trace() / c.trace())
    assert truth(ground, "channels deleted", dose).places[ground.cut] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("dose", [0.9, 0.6, 0.2])
def test_low_rank_leaves_the_variance_of_the_directions(last: Ground, dose: float) -> None:
    _, left = heldout(last)
    flat, basis = left.flatten(1), kept_directions(last, dose).double()
    expected = float((flat @ basis).square().sum() / flat.square().sum())
    # At the last cut of this network there is one position, so that the map can mix all of it.
    assert left.shape[2:] == (1, 1)
    found = truth(last, "low rank", dose).places[last.cut]
    # What is outside the directions can be told in part from what is inside, on other examples.
    assert expected - 0.02 < found < expected + 0.12


def test_garbage_costs_what_it_stands_on(ground: Ground) -> None:
    _, left = heldout(ground)
    directions = ground.channel_directions[1].double()
    values = (directions.T @ covariance(left) @ directions).diagonal()
    expected = float(values[: -max(1, ground.n_channels // 8)].sum() / values.sum())
    # The directions that are left can tell something of those that are not.
    assert truth(ground, "removable garbage", 10.0).places[ground.cut] == pytest.approx(expected, abs=0.03)


def test_a_dominating_number_comes_across_at_the_cut_alone(ground: Ground) -> None:
    family = PLANT_FAMILIES["dominating number"]
    assert family.alters is not None
    found = truth(ground, "dominating number", 100.0, family.alters(ground, 100.0))
    assert found.places[ground.cut] > 0.95
    assert found.value < 0.1


def test_what_a_sender_has_not_cannot_come_across(ground: Ground) -> None:
    assert truth(ground, "constant").value == 0
    assert truth(ground, "noise alone").value < 0.01
