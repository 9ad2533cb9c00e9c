"""Models of timm and torchvision, built from their configuration."""

from __future__ import annotations

import sys

import pytest
import torch
from options import usable_torchvision

from modelstitch.cutting import GraphCutModel
from modelstitch.errors import MissingExtraError, ModelError
from modelstitch.models.load import load_model
from modelstitch.specs import ModelSpec, View


@pytest.fixture(autouse=True, scope="module")
def torchvision() -> None:
    usable_torchvision()


def test_a_timm_model_comes_with_its_view() -> None:
    network = load_model(ModelSpec(source="timm:vit_tiny_patch16_224(num_classes=10, depth=2)"))
    assert network.name == "timm:vit_tiny_patch16_224(num_classes=10, depth=2), untrained (seed 0)"
    assert network.view == View(size=(224, 224), channels=3, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    assert not network.module.training
    assert network.rebuild is not None
    other = load_model(ModelSpec(source="timm:vit_tiny_patch16_224(num_classes=10, depth=2)", seed=1))
    assert network.architecture == other.architecture
    assert not torch.equal(
        network.module.get_parameter("head.weight"), other.module.get_parameter("head.weight")
    )


def test_a_transformer_of_timm_is_cut_at_its_blocks() -> None:
    network = load_model(
        ModelSpec(source="timm:vit_tiny_patch16_224(num_classes=10, depth=2, img_size=32, patch_size=8)")
    )
    assert network.view.size == (32, 32)
    cutting = GraphCutModel(network.module, torch.randn(2, 3, 32, 32), network.name)
    layouts = {cut.name: str(cut.layout) for cut in cutting.boundaries}
    assert layouts["blocks.0"] == layouts["blocks.1"] == "tokens+1 4x4"


def test_a_view_follows_what_the_model_was_built_with() -> None:
    grey = load_model(ModelSpec(source="timm:resnet18(in_chans=1)")).view
    assert (grey.channels, grey.mean) == (1, None)


def test_networks_for_other_tasks_are_refused() -> None:
    with pytest.raises(ModelError, match="expected a network that gives class scores"):
        load_model(ModelSpec(source="torchvision:lraspp_mobilenet_v3_large(weights_backbone=None)"))


def test_a_torchvision_model_comes_with_the_view_of_its_weights() -> None:
    network = load_model(ModelSpec(source="torchvision:resnet18(num_classes=10)"))
    assert network.view.size == (224, 224)
    assert network.view.mean == (0.485, 0.456, 0.406)
    cutting = GraphCutModel(network.module, torch.randn(2, 3, 64, 64), network.name)
    assert [cut.name for cut in cutting.boundaries if cut.name.startswith("layer")] == [
        f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2)
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("timm:resnet19", "unknown model of timm 'resnet19'.*did you mean 'resnet1"),
        ("torchvision:resnet19", "unknown model of torchvision 'resnet19'.*did you mean 'resnet1"),
        (
            "torchvision:resnet18(num_clases=10)",
            "cannot build 'torchvision:resnet18' with {'num_clases': 10}",
        ),
        ("timm:resnet18(num_clases=10)", "cannot build 'timm:resnet18' with {'num_clases': 10}"),
    ],
)
def test_what_a_hub_does_not_have_is_named(source: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_model(ModelSpec(source=source))


@pytest.mark.parametrize("hub", ["timm", "torchvision"])
def test_a_missing_package_is_one_line_that_installs_it(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, hub, None)
    with pytest.raises(MissingExtraError, match=rf'pip install "modelstitch\[{hub}\]"'):
        load_model(ModelSpec(source=f"{hub}:resnet18"))
