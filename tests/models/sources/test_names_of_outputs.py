"""Every source says which class each output of its models stands for, where it knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from options import usable_torchvision

from modelstitch.data.class_names import matched
from modelstitch.models.load import load_model
from modelstitch.models.sources import timm, torchvision
from modelstitch.specs import ModelSpec

IMAGENETTE = {
    "tench": 0,
    "English springer": 217,
    "cassette_player": 482,
    "chain saw": 491,
    "church": 497,
    "French horn": 566,
    "garbage truck": 569,
    "gas pump": 571,
    "golf ball": 574,
    "parachute": 701,
}
"""Classes of a small set that others made of ImageNet, with their numbers among its 1,000 classes."""


def test_the_configuration_of_a_hubs_model_names_its_outputs(tmp_path: Path) -> None:
    usable_torchvision()
    from transformers import ResNetConfig, ResNetForImageClassification

    def saved(**names: object) -> str:
        config = ResNetConfig(
            num_channels=1, embedding_size=4, hidden_sizes=[4], depths=[1], layer_type="basic", **names
        )
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        ResNetForImageClassification(config).save_pretrained(folder)
        return f"hf:{folder}(pretrained=True)"

    labels = {0: "cat", 1: "dog", 2: "emu"}
    named = saved(id2label=labels, label2id={name: number for number, name in labels.items()})
    assert load_model(ModelSpec(source=named)).classes == ("cat", "dog", "emu")
    assert load_model(ModelSpec(source=saved(num_labels=3))).classes is None
    path = tmp_path / "names.json"
    path.write_text(json.dumps({"x": 0, "y": 1, "z": 2}))
    assert load_model(ModelSpec(source=named, classes=str(path))).classes == ("x", "y", "z")


@pytest.mark.parametrize("source", [torchvision, timm], ids=["torchvision", "timm"])
def test_weights_of_imagenet_name_their_outputs(source: object) -> None:
    usable_torchvision()
    module = load_model(ModelSpec(source=f"{source.PREFIX}resnet18")).module  # type: ignore[attr-defined]
    names = source._classes(f"{source.PREFIX}resnet18", True, module)  # type: ignore[attr-defined]
    assert len(names) == 1000
    assert matched(list(IMAGENETTE), names) == tuple(IMAGENETTE.values())
    assert source._classes(f"{source.PREFIX}resnet18", False, module) is None  # type: ignore[attr-defined]
    other = load_model(ModelSpec(source=f"{source.PREFIX}resnet18(num_classes=10)"))  # type: ignore[attr-defined]
    assert other.classes is None


def test_a_checkpoint_names_the_classes_it_was_trained_on(checkpoints: tuple[Path, Path]) -> None:
    assert load_model(ModelSpec(source=str(checkpoints[0]))).classes == tuple("0123456789")
    assert load_model(ModelSpec(source="zoo:R1111(width=2)")).classes is None
