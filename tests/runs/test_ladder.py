"""Whole runs over several stitches, of senders whose truth is known by construction."""

from __future__ import annotations

import copy
from typing import Any, final

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.results.curves import Curve
from modelstitch.specs.objectives import ObjectiveName
from tests.digit_nets import N_TRAINED, digit_images, digit_net, trained_digit_net

pytestmark = pytest.mark.slow

CUT, CHANNELS = "1", 16
WITHOUT_UNTRAINED = ("clustered-noise", "one-hot", "self-stitch")


@final
class Root(nn.Module):
    """The fifth root of the magnitude, with its sign: invertible, and far from affine."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sign() * x.abs() ** 0.2


@final
class Named(nn.Module):
    """The class that a network names, as one channel that is 1 at all positions."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        hot = nn.functional.one_hot(self.net(x).argmax(1), CHANNELS).float()
        return hot[:, :, None, None].expand(-1, -1, 4, 4).contiguous()


@pytest.fixture(scope="module")
def receiver() -> nn.Module:
    return trained_digit_net(0)


def followed_by(receiver: nn.Module, layer: nn.Module) -> nn.Module:
    """Return a copy of the receiver whose representation at the cut has passed another layer."""
    net = copy.deepcopy(receiver)
    assert isinstance(net, nn.Sequential)
    net[1] = nn.Sequential(net[1], layer)
    return net.eval()


def mixing(matrix: Tensor) -> nn.Module:
    layer = nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False)
    layer.weight.data = matrix[:, :, None, None]
    return layer


def curve(
    sender: nn.Module,
    receiver: nn.Module,
    stitch: list[str],
    objective: ObjectiveName = "match",
    steps: int | None = None,
    **options: Any,
) -> Curve:
    x, y = digit_images()
    comparison = ms.compare(
        sender,
        receiver,
        ((x[:N_TRAINED], y[:N_TRAINED]), (x[N_TRAINED:], y[N_TRAINED:])),
        cuts=[CUT],
        stitch=stitch,
        fit=ms.FitSpec(objective=objective, max_epochs=2, steps=steps),
        evidence=("kept",),
        **options,
    )
    (found,) = ms.capacity_curves(comparison)
    return found


def names(found: Curve) -> dict[str, str]:
    return {point.stitch: point.verdict.name for point in found.points if point.verdict is not None}


@pytest.mark.parametrize(
    ("change", "smallest"),
    [("nothing", "identity"), ("scale", "scale"), ("order", "orthogonal"), ("rotation", "orthogonal")],
)
def test_copies_of_the_receiver_are_interchangeable_from_the_family_on_that_undoes_the_change(
    receiver: nn.Module, change: str, smallest: str
) -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = {
        "nothing": torch.eye(CHANNELS),
        "scale": torch.diag(10 ** (2 * torch.rand(CHANNELS, generator=generator) - 1)),
        "order": torch.eye(CHANNELS)[torch.randperm(CHANNELS, generator=generator)],
        "rotation": torch.linalg.qr(torch.randn(CHANNELS, CHANNELS, generator=generator)).Q,
    }[change]
    sender = followed_by(receiver, mixing(matrix))
    stitches = ["identity", "scale", "orthogonal", "affine"]
    found = curve(sender, receiver, stitches, controls=WITHOUT_UNTRAINED)
    assert found.interchangeable is not None
    assert found.interchangeable.stitch == smallest
    judged = names(found)
    assert judged["affine"] == "interchangeable"
    assert all(judged[stitch] != "interchangeable" for stitch in stitches[: stitches.index(smallest)])


def test_an_invertible_map_that_is_not_affine_needs_the_family_that_is_not_affine(
    receiver: nn.Module,
) -> None:
    sender = followed_by(receiver, Root())
    # Of a fixed length: on some processors this fit gains a little more with every doubling.
    found = curve(sender, receiver, ["scale", "affine", "mlp(64)"], steps=150, controls=WITHOUT_UNTRAINED)
    assert names(found) == {"scale": "partly", "affine": "partly", "mlp(64)": "interchangeable"}
    assert found.interchangeable is not None
    assert found.interchangeable.stitch == "mlp(64)"


def test_one_rank_is_not_enough_even_for_the_receiver_itself(receiver: nn.Module) -> None:
    found = curve(
        copy.deepcopy(receiver), receiver, ["lowrank(1)", "affine"], "task", controls=WITHOUT_UNTRAINED
    )
    judged = names(found)
    assert judged["lowrank(1)"] in ("partly", "decodable only")
    assert judged["affine"] == "interchangeable"


def test_a_sender_that_knows_the_label_alone_is_never_interchangeable(receiver: nn.Module) -> None:
    # The label that the receiver itself names is within no class, so nothing is left of it there.
    later = list(copy.deepcopy(receiver).children())[2:]
    sender = nn.Sequential(nn.Identity(), Named(copy.deepcopy(receiver)), *later).eval()
    found = curve(sender, receiver, ["scale", "affine", "conv(3)"], "task", controls=WITHOUT_UNTRAINED)
    assert found.interchangeable is None
    assert found.ahead is None
    assert found.caught_up_by == "label-only"
    affine = next(point for point in found.points if point.stitch == "affine")
    assert affine.score > 0.8, "its score alone would say otherwise"


def test_a_trained_sender_is_ahead_and_an_untrained_one_is_caught_up_by_others_like_it(
    receiver: nn.Module,
) -> None:
    stitches = ["identity", "orthogonal", "affine"]
    found = curve(trained_digit_net(1), receiver, stitches)
    assert found.ahead is not None
    assert found.ahead.stitch == "affine"
    assert found.caught_up is None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        untrained = digit_net().eval()
    found = curve(untrained, receiver, stitches)
    assert found.ahead is None
    assert found.caught_up is not None
    assert found.caught_up_by == "untrained"
    assert found.untrained, "others like it were drawn"
