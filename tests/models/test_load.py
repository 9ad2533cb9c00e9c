from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from modelstitch.cutting.layouts import channels_last
from modelstitch.errors import InputError, ModelError, WeightsError
from modelstitch.models import zoo
from modelstitch.models.load import load_model, merge
from modelstitch.models.network import digest, wrap
from modelstitch.models.zoo.checkpoint import Card, read_card, save_checkpoint
from modelstitch.specs import ModelSpec, View
from modelstitch.util.calls import parse_call


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
    """A module of the user in the current folder; another name in each test, since imports are cached."""
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


def small(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2))


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_the_digest_sees_every_number_of_every_tensor(data: st.DataObject) -> None:
    module = small()
    before = digest(module)
    state = module.state_dict()
    values = state[data.draw(st.sampled_from(sorted(state)))].view(-1)
    place = data.draw(st.integers(0, len(values) - 1))
    old = values[place].clone()
    values[place] += 1
    assert digest(module) != before
    values[place] = old
    assert digest(module) == before


def test_the_digest_sees_names_types_and_shapes_but_not_how_a_tensor_is_stored() -> None:
    before = digest(small())
    assert digest(channels_last(small())) == before
    assert digest(small().train()) == digest(small().eval()) == before
    assert digest(small().double()) != before
    assert digest(small(1)) != before
    assert digest(nn.Sequential(*reversed(small()))) != before
    flat, upright = nn.Linear(2, 3, bias=False), nn.Linear(3, 2, bias=False)
    upright.load_state_dict({"weight": flat.weight.detach().reshape(2, 3)})
    assert digest(flat) != digest(upright)
    assert digest(nn.Flatten()) == digest(nn.ReLU())


sizes = st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9))
channels = st.none() | st.integers(1, 4)


@settings(deadline=None, max_examples=30)
@given(sizes, channels, sizes, channels)
def test_a_view_over_another_changes_only_what_it_sets(
    size: tuple[int, int] | None, channel: int | None, over: tuple[int, int] | None, over_channel: int | None
) -> None:
    own = View(size=size, channels=channel, mean=(0.5,), std=(0.25,))
    merged = merge(own, View(size=over, channels=over_channel))
    assert (merged.mean, merged.std) == ((0.5,), (0.25,))
    assert merged.size == (size if over is None else over)
    assert merged.channels == (channel if over_channel is None else over_channel)
    assert merge(own, View()) == own
    assert merge(View(), own) == own


def checkpoint(path: Path, **arguments: int) -> nn.Module:
    arguments = {"width": 1, "classes": 3, "channels": 2, **arguments}
    module = zoo.build("R1111", **arguments)
    save_checkpoint(module, Card(network="R1111", arguments=arguments, view=View(channels=2), seed=5), path)
    return module


@pytest.mark.parametrize(
    "name", ["net.safetensors", "net (1).safetensors", "net(width=2).safetensors", "net"]
)
def test_a_checkpoint_may_have_any_name(tmp_path: Path, name: str) -> None:
    module = checkpoint(tmp_path / name)
    network = load_model(ModelSpec(source=str(tmp_path / name)))
    assert (network.name, network.view) == ("R1111 (width 1, seed 5)", View(channels=2))
    assert digest(network.module) == digest(module)


def test_a_checkpoint_takes_no_arguments(tmp_path: Path) -> None:
    checkpoint(tmp_path / "net.safetensors")
    with pytest.raises(ModelError, match=r"is a checkpoint, .*: expected none, got \{'width': 2\}"):
        load_model(ModelSpec(source=f"{tmp_path}/net.safetensors(width=2)"))


def test_another_checkpoints_weights_bring_their_view(tmp_path: Path) -> None:
    checkpoint(tmp_path / "a.safetensors")
    other = checkpoint(tmp_path / "b.safetensors")
    spec = ModelSpec(source=str(tmp_path / "a.safetensors"), weights=str(tmp_path / "b.safetensors"))
    assert digest(load_model(spec).module) == digest(other)
    spec = ModelSpec(
        source="zoo:R1111(width=1, classes=3, channels=2)", weights=str(tmp_path / "b.safetensors")
    )
    network = load_model(spec)
    assert network.view == View(channels=2)
    assert network.rebuild is not None
    assert digest(network.rebuild()) != digest(other)
    assert network.architecture == load_model(ModelSpec(source=str(tmp_path / "a.safetensors"))).architecture


def test_a_damaged_or_foreign_checkpoint_is_refused_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    checkpoint(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.raises(ModelError, match=r"net\.safetensors' is not a checkpoint of ours: .* give zoo:NAME"):
        load_model(ModelSpec(source=str(path)))
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(ModelError, match="is not a checkpoint of ours"):
        load_model(ModelSpec(source=str(path)))
    save_file({"a": torch.ones(1)}, path, metadata={"modelstitch": "{}"})
    with pytest.raises(WeightsError, match=r"cannot read the card of checkpoint '.*net\.safetensors'"):
        load_model(ModelSpec(source=str(path)))
    path.unlink()
    path.mkdir()
    with pytest.raises(ModelError, match=r"net\.safetensors' does not exist"):
        load_model(ModelSpec(source=str(path)))


def test_weights_that_do_not_fit_name_file_and_model(tmp_path: Path) -> None:
    checkpoint(tmp_path / "net.safetensors")
    spec = ModelSpec(source="zoo:R1111(width=2)", weights=str(tmp_path / "net.safetensors"))
    with pytest.raises(
        WeightsError, match=r"net\.safetensors' do not fit model zoo:R1111\(width=2\): .* of another shape"
    ):
        load_model(spec)
    with pytest.raises(WeightsError, match=r"no weights file '.*gone\.pt'; the folder '.*' holds net\.saf"):
        load_model(ModelSpec(source="zoo:R1111(width=2)", weights=str(tmp_path / "gone.pt")))


def test_a_network_of_the_zoo_without_weights() -> None:
    network = load_model(ModelSpec(source="zoo:R_1121(width=2, classes=4)", view=View(channels=3)))
    assert network.name == "zoo:R_1121(width=2, classes=4), untrained (seed 0)"
    assert network.architecture == "zoo:R1121(width=2, classes=4, channels=3)"
    assert network.view == View(channels=3)
    assert not network.module.training
    assert network.module(torch.zeros(1, 3, 8, 8)).shape == (1, 4)
    assert network.rebuild is not None
    assert network.rebuild().state_dict().keys() == network.module.state_dict().keys()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "unknown model ''"),
        (":f", "unknown model ':f'"),
        ("a b:f", "unknown model 'a b:f': expected zoo:NAME .* or package.module:factory"),
        ("https://example.org/net.pt", "cannot import 'https' for model"),
        ("zoo:", "unknown zoo network ''"),
        ("zoo:R1111(channels=0)", "channels to be a whole number of at least 1, got 0"),
        ("zoo:R1111(width='wide')", "width to be a whole number of at least 1, got 'wide'"),
    ],
)
def test_sources_that_name_nothing(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_model(ModelSpec(source=source))


@pytest.mark.parametrize("training", [True, False])
def test_wrapping_changes_nothing(training: bool) -> None:
    module = small().train(training)
    before = digest(module)
    network = wrap(module, "mine")
    assert network.module is module
    assert (network.name, network.view, network.rebuild, network.architecture) == ("mine", View(), None, None)
    assert module.training == training
    assert digest(module) == before
    assert wrap(module, "mine", View(channels=1)).view == View(channels=1)
