"""Senders that hold the label alone, the fixed read-out, shuffled labels, the self-stitch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from modelstitch.controls.label_only import write_labels
from modelstitch.controls.probe import ReadOut
from modelstitch.controls.roles import Given
from modelstitch.controls.shuffled_labels import shuffled
from modelstitch.data.parts import Data, PartName
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.pool import Pair
from modelstitch.grid.representations import Representations
from modelstitch.models.network import Network
from modelstitch.runs.prepare import prepare
from modelstitch.runs.session import Session
from modelstitch.specs import CellSpec, FitSpec


@pytest.fixture
def pair(networks: tuple[Network, Network], digits: Data) -> Pair:
    return Pair(*networks, digits)


def given(labels: list[int], indices: list[int], part: PartName = "train") -> Given:
    return Given(
        "cut",
        (3, 2, 2),
        part,
        torch.tensor(indices),
        torch.tensor(labels),
        4,
        lambda some: torch.zeros(len(some), 3, 2, 2),
    )


def test_noise_depends_on_the_example_and_not_on_its_batch() -> None:
    labels = [0, 1, 2, 3, 0]
    together = given(labels, [0, 1, 2, 3, 4]).noise(7)
    torch.testing.assert_close(given(labels, [4, 2]).noise(7), together[[4, 2]], rtol=0, atol=0)
    assert not torch.equal(given(labels, [0]).noise(8), together[:1])
    assert not torch.equal(given(labels, [0], part="held-out").noise(7), together[:1])


@pytest.mark.parametrize("control", ["clustered-noise", "one-hot"])
def test_a_label_only_sender_knows_the_label_and_no_image(
    networks: tuple[Network, Network], digits: Data, control: str
) -> None:
    others = replace(digits, heldout=replace(digits.heldout, images=digits.heldout.images.flip(0)))
    indices = torch.arange(40)
    made = []
    for data in (digits, others):
        sender, receiver = Pair(*networks, data).sides(control, 0)
        (x,) = sender.represent(("layers.2",), "held-out", indices, torch.float32)
        assert tuple(x.shape[1:]) == sender.cut("layers.2").shape
        assert receiver.network is networks[1]
        made.append(x)
    assert torch.equal(*made)
    means = torch.stack([made[0][digits.heldout.labels[:40] == c].mean(0).flatten() for c in range(10)])
    assert torch.cdist(means, means).add(1e9 * torch.eye(10)).min() > 1


def test_one_hot_labels_fit_into_few_channels() -> None:
    labels = torch.arange(10)
    for shape in ((16, 2, 2), (4, 3, 3), (3, 4), (10,), (1, 5, 5), (3,), (4, 1, 1)):
        x = write_labels(labels, shape, 10).flatten(1)
        assert len({tuple(row.tolist()) for row in x}) == 10, shape
        alone = torch.cat([write_labels(labels[i : i + 1], shape, 10) for i in range(10)]).flatten(1)
        assert torch.equal(alone, x), "a label is written alike whatever else is in its batch"


def test_a_planted_sender_is_fitted_and_scored_like_any_other(pair: Pair) -> None:
    cells = [
        CellSpec(sender_cut="layers.2", receiver_cut="layers.2", control=control)
        for control in ("clustered-noise", "one-hot")
    ]
    for fitted in fit_grid(pair, cells, FitSpec(steps=120), Budget(10**9)):
        assert fitted.accuracy > 0.8, fitted.spec


def test_a_planted_sender_gives_the_same_kept_or_not(pair: Pair) -> None:
    sender, _ = pair.sides("clustered-noise", 0)
    kept, computed = (
        Representations(sender, ("layers.2",), "train", storage).at("layers.2")
        for storage in ("device", "recompute")
    )
    some = torch.tensor([5, 3, 900])
    assert torch.equal(kept(some), computed(some))


def test_a_self_stitch_has_the_receiver_as_sender(pair: Pair) -> None:
    sender, receiver = pair.sides("self-stitch", 0)
    assert sender is receiver is pair.receiver


def test_a_self_stitch_of_another_architecture_has_the_receivers_cuts(digits: Data) -> None:
    session = prepare(
        "zoo:R1111(width=2, channels=1)",
        "zoo:R2222(width=2, channels=1)",
        digits,
        sender_cuts=("layers.0", "layers.1"),
        receiver_cuts=("layers.1", "layers.6"),
        controls=("self-stitch",),
        allow_untrained=True,
    )
    cells = [(c.sender_cut, c.receiver_cut) for c in session.cells if c.control == "self-stitch"]
    assert set(cells) == {
        ("layers.1", "layers.1"),
        ("layers.1", "layers.6"),
        ("layers.6", "layers.6"),
    }


def test_the_probe_reads_the_stitch_without_the_receiver(pair: Pair) -> None:
    _, receiver = pair.sides("probe", 0)
    assert receiver.accuracy() is None
    read_out = receiver.suffix("layers.2")
    assert isinstance(read_out, ReadOut)
    assert not list(read_out.parameters())
    (fitted,) = fit_grid(
        pair,
        [CellSpec(sender_cut="layers.4", receiver_cut="layers.2", control="probe")],
        FitSpec(steps=60),
        Budget(10**9),
    )
    assert fitted.accuracy > 0.8


@pytest.mark.parametrize("shape", [(16, 4, 4), (4, 3, 3), (12,), (3,)])
def test_every_class_has_a_score_of_its_own(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    out = ReadOut(shape, 10)(torch.randn(500, *shape))
    assert out.shape == (500, 10)
    assert torch.linalg.matrix_rank(out - out.mean(0)) == min(10, torch.Size(shape).numel())


def test_shuffled_labels_are_the_same_labels_in_another_order(digits: Data) -> None:
    other = shuffled(digits, 0)
    assert torch.equal(other.train.labels.sort().values, digits.train.labels.sort().values)
    assert (other.train.labels == digits.train.labels).float().mean() < 0.2
    assert other.heldout is digits.heldout
    assert torch.equal(shuffled(digits, 0).train.labels, other.train.labels)
    assert not torch.equal(shuffled(digits, 1).train.labels, other.train.labels)


def test_a_fit_to_shuffled_labels_is_at_chance(pair: Pair, session: Session) -> None:
    (fitted,) = fit_grid(
        pair,
        [CellSpec(sender_cut="layers.2", receiver_cut="layers.2", control="shuffled-labels")],
        FitSpec(steps=60),
        Budget(10**9),
    )
    assert fitted.accuracy < 0.25
