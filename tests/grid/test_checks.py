"""Every truth check passes on a sound run, and fails when its one thing is broken."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from modelstitch.data.parts import Data
from modelstitch.errors import TruthError
from modelstitch.fitting.trained import Fitted
from modelstitch.grid import checks
from modelstitch.grid.side import Side, make_side
from modelstitch.models.network import Network

CUTS = ("layers.0", "layers.3")


@pytest.fixture
def side(networks: tuple[Network, Network], digits: Data) -> Side:
    return make_side(networks[0], digits)


def damage(network: Network, amount: float) -> None:
    with torch.no_grad():
        network.module.get_parameter("layers.4.conv2.weight")[0, 0] += amount


def test_sound_cuts_reproduce_to_the_bit(side: Side) -> None:
    assert checks.cuts_reproduce(side, CUTS) == 0
    assert checks.identity_reproduces(side, CUTS) == 512


def test_cuts_of_another_network_do_not_reproduce_this_one(
    side: Side, networks: tuple[Network, Network]
) -> None:
    side = replace(side, network=networks[1])
    with pytest.raises(TruthError, match=r"do not reproduce the model at cut 'layers.0' of R1111"):
        checks.cuts_reproduce(side, CUTS)
    with pytest.raises(TruthError, match=r"at 'layers.0' changes \d+ of 512 answers"):
        checks.identity_reproduces(side, CUTS)


def test_a_changed_parameter_is_noticed(side: Side) -> None:
    checks.still_frozen(side, "a -> b")
    damage(side.network, 1e-6)
    with pytest.raises(TruthError, match=r"cell a -> b: parameters or buffers of R1111 .* changed"):
        checks.still_frozen(side, "a -> b")


def test_a_changed_buffer_is_noticed(side: Side) -> None:
    side.network.module.train()
    side.network.module(torch.rand(4, 1, 8, 8))
    side.network.module.eval()
    with pytest.raises(TruthError, match="changed while a stitch was fitted"):
        checks.still_frozen(side, "a -> b")


def test_an_unchanged_stitch_is_noticed() -> None:
    sound = Fitted(loss=1.0, steps=3, seconds=0.0)
    checks.stitch_changed(sound, "a -> b")
    with pytest.raises(TruthError, match="cell a -> b: fitting left bias of the stitch"):
        checks.stitch_changed(replace(sound, unchanged=("bias",)), "a -> b")


def test_outputs_that_are_not_numbers_never_pass(side: Side) -> None:
    head = side.network.module.get_submodule("head.2")
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        side.cutting.model.get_parameter("head.2.bias")[:] = float("nan")
    with pytest.raises(
        TruthError, match="expected numbers from the model itself at cut .layers.0.*got NaN for some of 5"
    ):
        checks.cuts_reproduce(side, CUTS)
