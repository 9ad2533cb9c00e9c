from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from modelstitch.controls import CONTROL_PAIRS
from modelstitch.controls.reinitialise import untrained
from modelstitch.errors import ModelError
from modelstitch.sources.data import Data
from modelstitch.sources.models import Network, digest, wrap
from modelstitch.views import show


def differs(a: nn.Module, b: nn.Module) -> set[str]:
    other = b.state_dict()
    return {name for name, value in a.state_dict().items() if not torch.equal(value, other[name])}


@pytest.mark.parametrize("known", [True, False])
def test_every_parameter_and_buffer_starts_anew(networks: tuple[Network, Network], known: bool) -> None:
    network = networks[0] if known else replace(networks[0], rebuild=None)
    before = digest(network.module)
    state = torch.random.get_rng_state()
    copy = untrained(network, seed=0)
    assert digest(network.module) == before
    assert torch.equal(torch.random.get_rng_state(), state)
    assert differs(network.module, copy.module) == set(network.module.state_dict())
    for module in copy.module.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.running_mean == 0).all()  # type: ignore[union-attr]
            assert (module.running_var == 1).all()  # type: ignore[union-attr]
    assert copy.view == network.view
    assert not copy.module.training


def test_built_again_and_reset_are_the_same_network(networks: tuple[Network, Network]) -> None:
    reset = untrained(replace(networks[0], rebuild=None), seed=3)
    built = untrained(networks[0], seed=3)
    assert differs(reset.module, built.module) == set()


def test_the_seed_decides(networks: tuple[Network, Network]) -> None:
    one, again, two = (digest(untrained(networks[0], seed).module) for seed in (0, 0, 1))
    assert one == again != two


def test_an_untrained_copy_is_at_chance(networks: tuple[Network, Network], digits: Data) -> None:
    copy = untrained(networks[0], seed=0)
    with torch.no_grad():
        outputs = copy.module(show(digits.heldout.images, copy.view))
    accuracy = (outputs.argmax(1) == digits.heldout.labels).float().mean().item()
    assert accuracy < 0.35


@pytest.mark.parametrize(
    ("control", "new_sender", "new_receiver"),
    [
        ("none", False, False),
        ("random-sender", True, False),
        ("random-receiver", False, True),
        ("random-both", True, True),
    ],
)
def test_a_control_changes_what_it_says(
    networks: tuple[Network, Network], control: str, new_sender: bool, new_receiver: bool
) -> None:
    sender, receiver = CONTROL_PAIRS[control](*networks, 0)
    assert (sender is not networks[0]) == new_sender
    assert (receiver is not networks[1]) == new_receiver


def test_two_copies_of_one_architecture_are_not_the_same_network(networks: tuple[Network, Network]) -> None:
    sender, receiver = CONTROL_PAIRS["random-both"](networks[0], networks[0], 0)
    assert digest(sender.module) != digest(receiver.module)


def test_a_module_that_cannot_reset_itself_is_named() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(3))

    model = nn.Sequential(nn.Linear(2, 3), Own())
    with pytest.raises(ModelError, match=r"untrained copy of mine: 1 \(Own\) holds parameters"):
        untrained(wrap(model, "mine"), 0)
