from __future__ import annotations

from pathlib import Path

import pytest
import torch

from modelstitch.errors import InputError, ModelError
from modelstitch.sources.models import digest, load_model
from modelstitch.sources.models.calls import parse_call
from modelstitch.specs import ModelSpec, View
from modelstitch.zoo.checkpoint import read_card


def test_a_checkpoint_loads_from_its_path_alone(checkpoints: tuple[Path, Path]) -> None:
    card = read_card(checkpoints[1])
    assert card is not None
    network = load_model(ModelSpec(source=str(checkpoints[1])))
    assert network.name == "R1111 (width 4, seed 1)"
    assert network.view == card.view
    assert network.architecture == "zoo:R1111(width=4, classes=10, channels=1)"
    assert not network.module.training
    again = load_model(ModelSpec(source="zoo:R_1111(width=4, channels=1)", weights=str(checkpoints[1])))
    assert digest(again.module) == digest(network.module)
    assert again.view == network.view
    assert again.architecture == network.architecture


def test_the_users_view_wins(checkpoints: tuple[Path, Path]) -> None:
    view = View(mean=(0.5,), std=(0.25,))
    network = load_model(ModelSpec(source=str(checkpoints[0]), view=view))
    assert (network.view.mean, network.view.std) == ((0.5,), (0.25,))
    assert network.view.size == (8, 8)


def test_the_digest_sees_one_bit_of_a_buffer(checkpoints: tuple[Path, Path]) -> None:
    network = load_model(ModelSpec(source=str(checkpoints[0])))
    before = digest(network.module)
    buffer = network.module.get_buffer("layers.0.1.running_mean")
    buffer[0] = torch.nextafter(buffer[0], torch.tensor(9.0))
    assert digest(network.module) != before


FACTORY = """
import torch
from torch import nn

def small(width=2, bias=True):
    return nn.Sequential(nn.Conv2d(1, width, 3, bias=bias), nn.Flatten(), nn.Linear(width * 36, 10))

def wrong():
    return 3
"""


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A module of the user's own in the current folder; each test has another name, since imports are cached."""
    name = f"mine_{abs(hash(request.node.nodeid))}"
    (tmp_path / f"{name}.py").write_text(FACTORY)
    (tmp_path / f"broken_{name}.py").write_text("import not_installed_anywhere\n")
    monkeypatch.chdir(tmp_path)
    return name


def test_a_factory_of_the_current_folder(in_folder: str) -> None:
    network = load_model(ModelSpec(source=f"{in_folder}:small(width=5, bias=False)"))
    assert network.module.get_parameter("0.weight").shape[0] == 5
    assert network.rebuild is not None
    assert digest(network.rebuild()) != digest(network.module)


def test_a_factory_with_weights(in_folder: str, tmp_path: Path) -> None:
    source = f"{in_folder}:small"
    first = load_model(ModelSpec(source=source))
    torch.save({"state_dict": first.module.state_dict()}, tmp_path / "w.pt")
    second = load_model(ModelSpec(source=source, weights="w.pt"))
    assert digest(first.module) == digest(second.module)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("{}:smal", r"unknown factory in .* 'smal': expected one of .*did you mean 'small'"),
        ("{}:small(with=3)", "cannot read"),
        ("{}:small(depth=3)", r"cannot build .* with \{'depth': 3\}: .*unexpected keyword argument 'depth'"),
        ("{}:small(3)", r"expected target\(name=value, ...\)"),
        ("{}:small(width=open('x'))", r"expected target\(name=value, ...\)"),
        ("{}:wrong", r"returned int: expected a torch\.nn\.Module"),
        ("broken_{}:small", "cannot import .*not_installed_anywhere"),
    ],
)
def test_factories_that_do_not_work(in_folder: str, call: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_model(ModelSpec(source=call.format(in_folder)))


def test_calls_hold_values_only() -> None:
    assert parse_call("a.b:c(x=1, y=[1, 2], z='s', t=None, f=-0.5)") == (
        "a.b:c",
        {"x": 1, "y": [1, 2], "z": "s", "t": None, "f": -0.5},
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("zoo:R1113", "unknown zoo network 'R1113'"),
        ("zoo:R1111(width=0)", "width to be a whole number of at least 1, got 0"),
        ("zoo:R1111(clases=4)", "did you mean 'classes'"),
        ("resnet50", "unknown model 'resnet50': expected zoo:NAME"),
        ("gone.safetensors", r"model 'gone\.safetensors' does not exist"),
    ],
)
def test_sources_that_do_not_exist(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_model(ModelSpec(source=source))


def test_a_weights_file_alone_says_no_architecture(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "w.pt")
    with pytest.raises(
        ModelError, match=r"is not a checkpoint of ours: a weights file alone says no architecture"
    ):
        load_model(ModelSpec(source=str(tmp_path / "w.pt")))
