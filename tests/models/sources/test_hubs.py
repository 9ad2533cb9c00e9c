"""Models of timm and torchvision, built from their configuration."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from options import usable_torchvision
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor

from modelstitch.cutting import GraphCutModel
from modelstitch.data.views import show
from modelstitch.errors import MissingExtraError, ModelError
from modelstitch.models.load import load_model
from modelstitch.models.sources.timm import view_of_config
from modelstitch.specs import ModelSpec, View


@pytest.fixture(autouse=True, scope="module")
def torchvision() -> None:
    usable_torchvision()


def test_a_timm_model_comes_with_its_view() -> None:
    network = load_model(ModelSpec(source="timm:vit_tiny_patch16_224(num_classes=10, depth=2)"))
    assert network.name == "timm:vit_tiny_patch16_224(num_classes=10, depth=2), untrained (seed 0)"
    assert network.view == View(
        size=(224, 224),
        channels=3,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        framing=("shorter 248", "crop 224x224 rounded"),
        interpolation="bicubic",
    )
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
    assert (network.view.size, network.view.framing) == ((32, 32), None)
    cutting = GraphCutModel(network.module, torch.randn(2, 3, 32, 32), network.name)
    layouts = {cut.name: str(cut.layout) for cut in cutting.boundaries}
    assert layouts["blocks.0"] == layouts["blocks.1"] == "tokens+1 4x4"


def test_a_view_follows_what_the_model_was_built_with() -> None:
    grey = load_model(ModelSpec(source="timm:resnet18(in_chans=1)")).view
    assert (grey.channels, grey.mean, grey.range) == (1, None, (0, 1))


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


@pytest.fixture(scope="module")
def pictures() -> list[Tensor]:
    china, flower = (torch.from_numpy(image.copy()).permute(2, 0, 1) for image in load_sample_images().images)
    return [flower[:, 100:397, 100:311], china[:, 30:241, 10:307], china[:, 100:190, 200:260]]


def expect_same(view: View, transform: Any, picture: Tensor) -> None:
    """Compare a view with what a hub's own transform makes of the same picture."""
    theirs = transform(Image.fromarray(picture.permute(1, 2, 0).numpy()))[None]
    ours = show(picture[None], view)
    assert ours.shape == theirs.shape
    levels = (ours - theirs).abs() * 255 * ours.new_tensor(view.std)[:, None, None]
    # Pillow scales columns before rows where that is less work: another overshoot at a sharp edge.
    assert levels.max() < 8.01
    assert levels.mean() < 0.3


TIMM = {
    "input_size": (3, 64, 64),
    "mean": (0.4, 0.5, 0.6),
    "std": (0.2, 0.3, 0.25),
    "interpolation": "bicubic",
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"crop_pct": 1.0, "interpolation": "bilinear"},
        {"crop_pct": 0.95, "interpolation": "lanczos"},
        {"crop_pct": 0.9, "input_size": (3, 64, 50)},
        {"crop_mode": "squash", "crop_pct": 0.9},
        {"crop_mode": "squash", "crop_pct": 1.0, "input_size": (3, 50, 64)},
    ],
)
def test_every_key_of_timm_is_honoured_on_real_pictures(
    changes: dict[str, Any], pictures: list[Tensor]
) -> None:
    from timm import data as timm_data

    of_timm: Any = timm_data

    config = of_timm.resolve_data_config(pretrained_cfg={**TIMM, **changes})
    for picture in pictures:
        expect_same(view_of_config(config), of_timm.create_transform(**config, is_training=False), picture)


def test_a_rule_of_timm_that_is_not_known_is_named() -> None:
    assert view_of_config({**TIMM, "crop_mode": "border"}).unread == "crop_mode 'border' of timm"
    random = view_of_config({**TIMM, "interpolation": "random"})
    assert random.unread == "interpolation 'random' of timm"


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b1", "swin_v2_t"])
def test_a_view_of_torchvision_makes_the_same_of_real_pictures(name: str, pictures: list[Tensor]) -> None:
    from torchvision.models import get_model_weights

    from modelstitch.models.sources import torchvision

    view = torchvision._view(f"torchvision:{name}", torch.nn.Identity())
    for picture in pictures:
        expect_same(view, get_model_weights(name).DEFAULT.transforms(), picture)


def test_a_size_of_the_users_takes_the_place_of_scaling_and_cutting() -> None:
    source = "timm:vit_tiny_patch16_224(num_classes=10, depth=1)"
    view = load_model(ModelSpec(source=source, view=View(size=(48, 48)))).view
    assert (view.size, view.framing, view.interpolation) == ((48, 48), None, "bicubic")
    view = load_model(ModelSpec(source=source, view=View(framing=("crop 8x8",)))).view
    assert (view.size, view.framing) == (None, ("crop 8x8",))
