"""Residuals of stitched and expected representations: of the right examples, places and features."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from modelstitch.data.parts import PartName
from modelstitch.evidence.kinds.kept import recovered
from modelstitch.evidence.material import Residuals
from modelstitch.evidence.receiver_examples import ReceiverExamples
from modelstitch.evidence.units import Units
from modelstitch.evidence.within import OUTPUT, PartUnits, ReceiverResiduals
from modelstitch.evidence.yardstick import yardstick
from modelstitch.geometry.recovery import residuals
from modelstitch.grid.side import Side
from modelstitch.runs.prepare import prepare
from modelstitch.runs.session import Session


def receiver_residuals(side: Side, n: int = 1000) -> ReceiverResiduals:
    return ReceiverExamples(side, n).residuals


def through(own: ReceiverResiduals, name: str, later: tuple[str, ...], stitch: nn.Module) -> list[Residuals]:
    """Residuals of the receiver's own representations at a cut, passed through a stitch."""
    side = own.side

    def represent(part: PartName, places: Tensor) -> Tensor:
        units = own.training.units if part == "train" else own.heldout.units
        return side.represent((name,), part, units.indices[places], torch.float32)[0].clone()

    return own.beside(name, later, stitch, represent)


def class_means(rows: Tensor, labels: Tensor) -> Tensor:
    return torch.stack([rows[labels == label].mean(0) for label in labels.unique()])


@pytest.fixture
def receiver(session: Session) -> Side:
    return session.pair.receiver


def test_a_receiver_through_itself_leaves_what_is_expected_at_every_place(receiver: Side) -> None:
    places = through(receiver_residuals(receiver, 300), "layers.2", ("layers.3", "layers.4"), nn.Identity())
    assert [at.place for at in places] == ["layers.2", "layers.3", "layers.4", OUTPUT]
    for at in places:
        assert len(at.x) == len(at.y) == len(at.labels) == len(at.examples) == 300
        assert len(at.x_train) == len(at.y_train) == min(2000, len(receiver.data.train))
        assert at.x.dtype == at.y.dtype == torch.float32
        scale = float(at.y.abs().max())
        torch.testing.assert_close(at.x, at.y, atol=1e-4 * scale, rtol=1e-4)
        torch.testing.assert_close(at.x_train, at.y_train, atol=1e-4 * scale, rtol=1e-4)
        assert float(class_means(at.y, at.labels).abs().max()) < 1e-5 * scale
        assert recovered(at)[0].value > 0.99


def test_the_residuals_are_those_of_the_examples_of_their_labels(receiver: Side) -> None:
    own = receiver_residuals(receiver, 300)
    (at,) = [each for each in through(own, "layers.4", (), nn.Identity()) if each.place == OUTPUT]
    units = own.heldout.units
    outputs = torch.cat([rows for rows, _ in receiver.outputs("held-out", receiver.whole, units.indices)])
    assert torch.equal(receiver.data.heldout.labels[units.indices], units.labels)
    for row in (0, 150, 299):
        members = units.labels == units.labels[row]
        expected = outputs[row] - outputs[members].mean(0)
        torch.testing.assert_close(at.y[row, 0], expected, atol=1e-4, rtol=1e-4)


def test_expected_residuals_are_computed_once(receiver: Side) -> None:
    own = receiver_residuals(receiver, 200)
    first = through(own, "layers.3", ("layers.4",), nn.Identity())
    again = through(own, "layers.4", (), nn.Identity())
    by_place = {at.place: at for at in first}
    for at in again:
        assert at.y is by_place[at.place].y
        assert at.y_train is by_place[at.place].y_train


def test_classes_of_fewer_than_four_are_left_out(receiver: Side) -> None:
    heldout = receiver.data.heldout
    indices = torch.cat(
        [(heldout.labels == label).nonzero()[:count, 0] for label, count in ((7, 3), (2, 4), (5, 9))]
    )
    units = Units(heldout, indices, receiver.data.task, 16)
    own = ReceiverResiduals(receiver, PartUnits("held-out", units))
    at, _ = through(own, "layers.4", (), nn.Identity())
    assert own.heldout.units.labels.unique().tolist() == [2, 5, 7]
    assert at.labels.tolist() == [2] * 4 + [5] * 9
    assert len(at.x) == len(at.y) == len(at.examples) == 13


class Wide(nn.Module):
    """Positions of 600 features, of which a few directions matter."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.widen, self.head = nn.Linear(8, 600), nn.Linear(600, 3)
        for layer in (self.widen, self.head):
            layer.weight.data = torch.randn(layer.weight.shape, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.widen(x))
        return output


def test_more_than_512_features_are_read_in_the_largest_directions_of_the_expected_ones() -> None:
    x = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    y = torch.arange(400) % 3
    data = ((x[:250], y[:250]), (x[250:], y[250:]))
    session = prepare(Wide(0).eval(), Wide(1).eval(), data, cuts=["widen"], controls=(), allow_untrained=True)
    own = receiver_residuals(session.pair.receiver)
    at, output = through(own, "widen", (), nn.Identity())
    assert at.x.shape[1:] == (1, 250)  # no more directions than training examples
    assert at.x_train.shape == (250, 1, 250)
    assert output.y.shape[2] == 3
    whole = residuals(
        torch.cat(
            [
                session.pair.receiver.represent(
                    ("widen",), "train", own.training.units.indices, torch.float32
                )[0]
            ]
        )[:, None],
        own.training.units.labels,
    )
    # Eight directions hold all variance, and the projection keeps it.
    assert float(at.y_train.square().sum()) == pytest.approx(float(whole.square().sum()), rel=1e-4)
    assert recovered(at)[0].value == pytest.approx(1, abs=1e-3)


def test_the_yardstick_of_a_network_and_itself_is_all(session: Session) -> None:
    receiver = session.pair.receiver
    value, low, high = yardstick(receiver, receiver, 300) or (0, 0, 0)
    assert low <= value <= high
    assert value == pytest.approx(1, abs=1e-3)
    other, _, _ = yardstick(session.pair.sender, receiver, 300) or (0, 0, 0)
    assert 0.1 < other < 0.95
