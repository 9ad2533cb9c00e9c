"""Every source of models is one file and one row; each builds what it recognises."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from modelstitch.errors import ModelError
from modelstitch.models import sources, zoo
from modelstitch.models.load import blueprint_of, load_model
from modelstitch.models.network import digest
from modelstitch.models.sources.table import MODEL_SOURCES
from modelstitch.models.zoo.checkpoint import Card, save_checkpoint
from modelstitch.specs import ModelSpec, View

ARGUMENTS = {"width": 2, "classes": 10, "channels": 3}
TARGETS = {
    "zoo": "zoo:R1111",
    "timm": "timm:resnet18",
    "torchvision": "torchvision:resnet18",
    "hugging_face": "hf:someone/something",
    "checkpoint": "net.safetensors",
    "factory": "package.module:build",
}


def test_every_file_has_a_row_and_every_row_a_file() -> None:
    files = {path.stem for path in Path(sources.__path__[0]).glob("*.py")} - {"__init__", "table"}
    assert [source.file for source in MODEL_SOURCES] == list(TARGETS)
    assert files == set(TARGETS)


@pytest.mark.parametrize(("file", "target"), TARGETS.items())
def test_the_first_row_that_recognises_a_target_is_its_own(file: str, target: str) -> None:
    assert next(source.file for source in MODEL_SOURCES if source.recognises(target)) == file


def test_an_unknown_model_is_answered_with_the_names_of_the_table() -> None:
    with pytest.raises(ModelError, match="unknown model 'nowhere': expected ") as caught:
        load_model(ModelSpec(source="nowhere"))
    for source in MODEL_SOURCES:
        assert all(name in str(caught.value) for name in source.written)


def test_a_checkpoint_builds_the_architecture_and_the_weights_of_its_card(tmp_path: Path) -> None:
    module = zoo.build("R1111", **ARGUMENTS)
    path = str(tmp_path / "net.safetensors")
    save_checkpoint(module, Card(network="R1111", arguments=ARGUMENTS, view=View(channels=3)), path)
    blueprint = blueprint_of(path)
    assert blueprint.weights == path
    assert blueprint.architecture == blueprint_of("zoo:R1111(width=2)").architecture
    assert digest(load_model(ModelSpec(source=path)).module) == digest(module)


class Hub:
    """A package with one network, whose weights are all one when it is pretrained."""

    def __init__(self) -> None:
        self.models = self
        self.data = SimpleNamespace(
            resolve_model_data_config=lambda module: {
                "input_size": (3, 8, 8),
                "mean": (0.5, 0.5, 0.5),
                "std": (0.2, 0.2, 0.2),
            }
        )

    def list_models(self) -> list[str]:
        return ["small"]

    def build(self, pretrained: bool, **arguments: Any) -> nn.Module:
        module = nn.Linear(3, arguments.get("num_classes", 2))
        if pretrained:
            nn.init.ones_(module.weight)
        return module

    def create_model(self, name: str, pretrained: bool, **arguments: Any) -> nn.Module:
        return self.build(pretrained, **arguments)

    def get_model(self, name: str, weights: str | None, **arguments: Any) -> nn.Module:
        return self.build(weights == "DEFAULT", **arguments)

    def get_model_weights(self, name: str) -> Any:
        transforms = SimpleNamespace(
            crop_size=[8],
            resize_size=[9],
            interpolation=SimpleNamespace(value="bilinear"),
            mean=[0.5, 0.5, 0.5],
            std=[0.2, 0.2, 0.2],
        )

        class Weights(list[str]):
            DEFAULT = SimpleNamespace(transforms=lambda: transforms, meta={})

        return Weights(["DEFAULT"])


@pytest.mark.parametrize("hub", ["timm", "torchvision"])
def test_a_hub_builds_pretrained_and_untrained_models(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, hub, Hub())
    fresh = load_model(ModelSpec(source=f"{hub}:small(num_classes=4)", seed=1))
    assert fresh.name == f"{hub}:small(num_classes=4), untrained (seed 1)"
    framing = ("shorter 9", "crop 8x8 rounded")
    assert fresh.view == View(
        size=(8, 8), channels=3, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2), framing=framing
    )
    trained = load_model(ModelSpec(source=f"{hub}:small(pretrained=True, num_classes=4)"))
    assert trained.name == f"{hub}:small(pretrained=True, num_classes=4)"
    assert torch.equal(trained.module.get_parameter("weight"), torch.ones(4, 3))
    assert trained.rebuild is not None
    assert not torch.equal(trained.rebuild().get_parameter("weight"), torch.ones(4, 3))
    with pytest.raises(ModelError, match=f"unknown model of {hub} 'smal'.*did you mean 'small'"):
        load_model(ModelSpec(source=f"{hub}:smal"))
