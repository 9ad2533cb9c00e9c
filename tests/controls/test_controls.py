from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from modelstitch.controls import roles_of
from modelstitch.controls.random_receiver import RECEIVER_OFFSET
from modelstitch.controls.reinitialise import untrained
from modelstitch.data.parts import Data
from modelstitch.data.views import show
from modelstitch.errors import ModelError
from modelstitch.models import zoo
from modelstitch.models.load import load_model
from modelstitch.models.network import Network, digest, wrap
from modelstitch.specs import CONTROLS, ModelSpec, View


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


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_is_what_its_row_says(
    networks: tuple[Network, Network], digits: Data, control: str
) -> None:
    info, (sender, receiver) = CONTROLS[control], networks
    roles = roles_of(control)(sender, receiver, digits, 0)
    assert (roles.sender is sender) == (info.sender in ("own", "label"))
    assert (roles.sender is receiver) == (roles.sender is roles.receiver) == info.self_stitch
    assert (roles.receiver is receiver) == (info.receiver in ("own", "read-out"))
    assert (roles.plant is not None) == info.label_only
    assert roles.read_out == info.read_out
    assert (roles.label_seed is not None) == info.shuffled
    assert info.calibrated == any("calibrated" in network.name for network in (roles.sender, roles.receiver))


@pytest.mark.parametrize(
    ("control", "new_sender", "new_receiver"),
    [
        ("trained", False, False),
        ("random-sender", True, False),
        ("random-receiver", False, True),
        ("random-both", True, True),
    ],
)
def test_a_control_changes_what_it_says(
    networks: tuple[Network, Network], digits: Data, control: str, new_sender: bool, new_receiver: bool
) -> None:
    roles = roles_of(control)(*networks, digits, 0)
    assert (roles.sender is not networks[0]) == new_sender
    assert (roles.receiver is not networks[1]) == new_receiver
    assert (roles.plant, roles.read_out, roles.label_seed) == (None, False, None)


def test_two_copies_of_one_architecture_are_not_the_same_network(
    networks: tuple[Network, Network], digits: Data
) -> None:
    roles = roles_of("random-both")(networks[0], networks[0], digits, 0)
    sender, receiver = roles.sender, roles.receiver
    assert digest(sender.module) != digest(receiver.module)


def test_a_module_that_cannot_reset_itself_is_named() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(3))

    model = nn.Sequential(nn.Linear(2, 3), Own())
    with pytest.raises(ModelError, match=r"copy of mine: 1 of 3 .* 1\.token \(Own\) stays as it is"):
        untrained(wrap(model, "mine"), 0)


def build(seed: int, channels: int = 1) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return zoo.build("R1111", width=1, classes=3, channels=channels).eval()


def network(seed: int, channels: int = 1) -> Network:
    return Network(
        build(seed, channels),
        f"net {seed}",
        View(channels=channels, mean=(0.5,), std=(0.5,)),
        rebuild=lambda: zoo.build("R1111", width=1, classes=3, channels=channels),
        architecture="R1111",
    )


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_an_untrained_copy_is_what_its_seed_builds(seed: int) -> None:
    original = network(77)
    copied = untrained(original, seed)
    assert digest(copied.module) == digest(build(seed))
    assert copied.name == f"net 77, untrained (seed {seed})"
    assert (copied.view, copied.architecture, copied.rebuild) == (
        original.view,
        original.architecture,
        original.rebuild,
    )


def test_a_copy_is_frozen_and_the_original_is_not_touched() -> None:
    original = network(77)
    original.module.train()
    before = digest(original.module)
    copied = untrained(original, 0)
    assert not any(parameter.requires_grad for parameter in copied.module.parameters())
    assert not copied.module.training
    assert all(parameter.requires_grad for parameter in original.module.parameters())
    assert original.module.training
    for parameter in copied.module.parameters():
        parameter.data.zero_()
    assert digest(original.module) == before


@pytest.mark.parametrize("known", [True, False])
def test_a_copy_has_the_type_of_its_original(known: bool) -> None:
    original = network(77)
    original.module.double()
    copied = untrained(original if known else replace(original, rebuild=None), 0)
    assert {parameter.dtype for parameter in copied.module.parameters()} == {torch.float64}


@pytest.mark.parametrize("seed", [0, 3])
def test_the_copies_of_both_random_are_those_of_the_other_two(seed: int, digits: Data) -> None:
    sender, receiver = network(77), network(78, channels=3)
    both = roles_of("random-both")(sender, receiver, digits, seed)
    first = roles_of("random-sender")(sender, receiver, digits, seed)
    second = roles_of("random-receiver")(sender, receiver, digits, seed)
    assert digest(both.sender.module) == digest(first.sender.module) == digest(build(seed))
    assert (
        digest(both.receiver.module)
        == digest(second.receiver.module)
        == digest(build(seed + RECEIVER_OFFSET, channels=3))
    )
    assert first.receiver is receiver
    assert second.sender is sender
    plain = roles_of("trained")(sender, receiver, digits, seed)
    assert (plain.sender, plain.receiver) == (sender, receiver)


def test_a_source_that_brings_its_own_weights_gives_no_control(digits: Data) -> None:
    trained = build(77)
    original = Network(trained, "pretrained", View(), rebuild=lambda: copy.deepcopy(trained))
    for control in ("random-sender", "random-receiver", "random-both"):
        with pytest.raises(
            ModelError,
            match="untrained copy of pretrained: its source builds the same parameters whatever the seed",
        ):
            roles_of(control)(original, original, digits, 0)


def test_a_source_that_sets_its_own_seed_gives_no_control() -> None:
    def seeded() -> nn.Module:
        torch.manual_seed(3)
        return nn.Linear(2, 2)

    with torch.random.fork_rng():
        original = Network(seeded(), "seeded", View(), rebuild=seeded)
    with pytest.raises(ModelError, match="give a factory that loads no weights and sets no seed"):
        untrained(original, 0)


def test_a_seed_in_common_is_no_reason_to_refuse() -> None:
    assert digest(untrained(network(0), 0).module) == digest(build(0))


def test_a_source_of_the_zoo_with_weights_is_built_again_without_them() -> None:
    loaded = load_model(ModelSpec(source="zoo:R1111(width=1, classes=3, channels=1)"))
    loaded.module.load_state_dict(build(77).state_dict())
    assert digest(untrained(loaded, 5).module) == digest(build(5))


def test_a_module_without_parameters_has_nothing_to_reset() -> None:
    copied = untrained(wrap(nn.Sequential(nn.Flatten(), nn.ReLU()), "plain"), 0)
    assert copied.module(torch.tensor([[[-1.0, 2.0]]])).tolist() == [[0.0, 2.0]]


class Positions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("place", torch.arange(3.0))


def test_attention_and_constants_that_are_not_saved_are_no_obstacle() -> None:
    class Causal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2)
            self.register_buffer("ahead", torch.ones(3, 3).triu(1), persistent=False)

    module = Causal()
    copy = untrained(wrap(module, "mine"), 0).module
    assert not torch.equal(copy.attention.in_proj_weight, module.attention.in_proj_weight)  # type: ignore[union-attr, arg-type]
    assert torch.equal(copy.ahead, module.ahead)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("module", "where"),
    [
        (Positions(), r"place \(Positions\)"),
        (nn.Sequential(nn.Linear(2, 2), nn.Sequential(Positions())), r"1\.0\.place \(Positions\)"),
    ],
)
def test_the_submodule_that_cannot_be_reset_is_named(module: nn.Module, where: str) -> None:
    before = digest(module)
    with pytest.raises(
        ModelError, match=f"untrained copy of mine: .*: {where} stays .*give the model as package.module"
    ):
        untrained(wrap(module, "mine"), 0)
    assert digest(module) == before
