from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from modelstitch.data.fingerprint import fingerprint
from modelstitch.data.parts import Data, DataPart
from modelstitch.errors import DataError, ModelError, RunError, SpecError
from modelstitch.models import zoo
from modelstitch.models.zoo.augment import draw, pad
from modelstitch.models.zoo.checkpoint import Card, read_card, save_checkpoint
from modelstitch.models.zoo.recipe import channel_view
from modelstitch.models.zoo.training import train_network
from modelstitch.specs import View
from modelstitch.specs.training import Recipe


def test_the_sixteen_networks_and_two_more() -> None:
    assert len(zoo.STAGES) == 18
    assert zoo.STAGES["R1221"] == (1, 2, 2, 1)


@pytest.mark.parametrize("name", zoo.STAGES)
def test_shapes_are_the_papers(name: str) -> None:
    network = zoo.build(name, width=2).eval()
    representation = torch.zeros(2, 3, 32, 32)
    sizes = []
    for layer in network.layers:
        representation = layer(representation)
        sizes.append(tuple(representation.shape[1:]))
    a, b, c, d = zoo.STAGES[name]
    assert sizes == [(2, 32, 32)] * (1 + a) + [(4, 16, 16)] * b + [(8, 8, 8)] * c + [(16, 4, 4)] * d
    assert network.head(representation).shape == (2, 10)


def test_r18_counts_the_parameters_of_a_cifar_resnet_18() -> None:
    # 11,173,962 is what the CIFAR form of ResNet-18 has (3 x 3 stem, no max-pool, projection shortcuts).
    assert sum(p.numel() for p in zoo.build("R18").parameters()) == 11_173_962


def test_unknown_names_and_numbers() -> None:
    with pytest.raises(ModelError, match="unknown zoo network 'R11111'.*did you mean 'R1111'"):
        zoo.build("R11111")
    with pytest.raises(SpecError, match="classes to be a whole number of at least 1, got 2.5"):
        zoo.build("R1111", classes=2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("flip", [False, True])
def test_augmented_images_are_windows_of_the_padded_ones(flip: bool) -> None:
    images = torch.rand(6, 2, 5, 7, generator=torch.Generator().manual_seed(0))
    padded = pad(images, 2)
    indices = torch.tensor([4, 0, 4, 5])
    drawn = draw(padded, indices, 2, flip, torch.Generator().manual_seed(1))
    assert drawn.shape == (4, 2, 5, 7)
    assert drawn.is_contiguous(memory_format=torch.channels_last)
    for image, index in zip(drawn, indices, strict=True):
        source = padded[index].permute(2, 0, 1)
        windows = [source[:, r : r + 5, c : c + 7] for r in range(5) for c in range(5)]
        if flip:
            windows += [window.flip(2) for window in windows]
        assert any(torch.equal(image, window) for window in windows)


def test_without_augmentation_images_pass_unchanged() -> None:
    images = torch.rand(3, 1, 4, 4)
    drawn = draw(pad(images, 0), torch.arange(3), 0, False, torch.Generator())
    assert torch.equal(drawn, images)


def test_every_shift_and_both_flips_are_drawn() -> None:
    padded = pad(torch.arange(16.0).view(1, 1, 4, 4), 1)
    drawn = draw(padded, torch.zeros(2000, dtype=torch.int64), 1, True, torch.Generator().manual_seed(0))
    assert len(drawn.unique(dim=0)) == 18


def test_the_view_standardises_each_channel(digits: Data) -> None:
    images = torch.cat([digits.train.images, digits.train.images * 0.5 + 0.2], 1)
    view = channel_view(images, 2)
    assert view.mean == pytest.approx(images.mean((0, 2, 3)).tolist(), abs=1e-5)
    assert view.std == pytest.approx(images.std((0, 2, 3)).tolist(), abs=1e-5)
    with pytest.raises(SpecError, match="got one constant colour"):
        channel_view(torch.ones(4, 1, 2, 2), 1)


QUICK = Recipe(epochs=1, batch_size=128, learning_rate=0.1, translate=1, flip=False)


def test_training_is_a_function_of_data_recipe_and_seed(digits: Data) -> None:
    state = torch.random.get_rng_state()
    results = [train_network("R1111", digits, replace(QUICK, seed=seed), width=2) for seed in (0, 0, 1)]
    assert torch.equal(torch.random.get_rng_state(), state)
    heads = [module.get_parameter("head.2.weight") for module, _, _ in results]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    assert results[0][2].accuracy == results[1][2].accuracy


def test_a_training_begins_with_the_weights_of_another_network(digits: Data) -> None:
    first, card, _ = train_network("R1111", digits, QUICK, width=2)
    before = {name: value.clone() for name, value in first.state_dict().items()}
    still = replace(QUICK, learning_rate=1e-12, seed=1)
    second, further, _ = train_network("R1111", digits, still, width=2, start=first)
    for name, value in first.named_parameters():
        assert torch.allclose(second.get_parameter(name), value, atol=1e-6)
    for name, value in first.state_dict().items():
        assert torch.equal(value, before[name])
    assert (card.label, further.label) == (
        "R1111 (width 2, seed 0)",
        "R1111 (width 2, seed 1, trained further)",
    )


def test_a_trained_network_has_learnt(checkpoints: tuple[Path, Path]) -> None:
    for path in checkpoints:
        card = read_card(path)
        assert card is not None
        assert card.accuracy is not None
        assert card.accuracy > 0.85


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs > 0, got 0"),
        ({"label_smoothing": 1.0}, r"label smoothing in \[0, 1\), got 1.0"),
        ({"translate": -1}, "translate >= 0, got -1"),
    ],
)
def test_wrong_recipes(changes: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Recipe(**changes)  # type: ignore[arg-type]


def test_a_diverging_training_is_refused(digits: Data) -> None:
    with pytest.raises(
        SpecError, match="loss of epoch 1 is not finite: expected a learning rate below 1e\\+20"
    ):
        train_network("R1111", digits, replace(QUICK, learning_rate=1e20), width=2)


def test_a_checkpoint_tells_where_it_comes_from(tmp_path: Path, digits: Data) -> None:
    module, card, trained = train_network("R_1111", digits, QUICK, width=2)
    path = tmp_path / "folder" / "net.safetensors"
    save_checkpoint(module, card, path)
    assert read_card(path) == card
    assert [each.name for each in path.parent.iterdir()] == ["net.safetensors"]
    with safe_open(path, framework="pt") as file:
        plain = json.loads(file.metadata()["modelstitch"])
    assert plain["network"] == "R1111"
    assert plain["accuracy"] == trained.accuracy
    assert plain["data"] == {
        "name": "digits",
        "division": digits.division,
        "n_train": 1198,
        "content": digits.digest,
        "fingerprint": fingerprint(digits.train.images),
    }
    assert plain["recipe"]["learning_rate"] == 0.1
    assert plain["classes"] == list("0123456789")


def test_other_files_have_no_card(tmp_path: Path) -> None:
    save_file({"x": torch.ones(1)}, tmp_path / "foreign.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    for name in ("foreign", "text", "gone"):
        assert read_card(tmp_path / f"{name}.safetensors") is None


def test_a_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    card = Card(network="R1111", arguments={"width": 1}, view=View())
    with pytest.raises(RunError, match="cannot write .*file/net.safetensors"):
        save_checkpoint(nn.Linear(1, 1), card, tmp_path / "file" / "net.safetensors")


def test_vectors_are_no_images() -> None:
    part = DataPart(torch.rand(20, 5), torch.arange(20) % 2)
    data = Data(part, part, ("a", "b"), "D", "same twice")
    with pytest.raises(DataError, match=r"expected images \(N, C, H, W\), got shape \(20, 5\)"):
        train_network("R1111", data, QUICK)
