"""Views of image processors, against the processors themselves, on real pictures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from options import usable_torchvision
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor

usable_torchvision()  # which transformers looks at when it is imported

import transformers  # noqa: E402
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES  # noqa: E402
from transformers.models.auto.modeling_auto import (  # noqa: E402
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
)

from modelstitch.data.load import as_data  # noqa: E402
from modelstitch.data.ranges import expect_in_range  # noqa: E402
from modelstitch.data.views import show  # noqa: E402
from modelstitch.errors import SpecError  # noqa: E402
from modelstitch.models.processors.images import view_of  # noqa: E402
from modelstitch.specs import View  # noqa: E402

ELSEWHERE = {
    "TimmWrapperImageProcessor",  # reads a configuration of timm: tests/models/sources
    "Gemma3ImageProcessor",  # of a model that reads texts too
}
UNREAD = {"ImageGPTImageProcessor", "Siglip2ImageProcessor"}
"""Processors that make something else of a picture than a smaller picture."""


def class_names(backend: str) -> list[str]:
    """Return the processors that transformers names for its image classifiers."""
    found = {
        processors[backend]
        for model in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
        if backend in (processors := IMAGE_PROCESSOR_MAPPING_NAMES.get(model, {}))
    }
    return sorted(found - ELSEWHERE)


READ = [name for name in class_names("torchvision") if name not in UNREAD]

SMALL: dict[str, dict[str, Any]] = {
    "ConvNextImageProcessor": {"size": {"shortest_edge": 48}},
    "DonutImageProcessor": {"size": {"height": 96, "width": 80}},
    "EfficientNetImageProcessor": {"size": {"height": 96, "width": 90}},
    "SegformerImageProcessor": {"size": {"height": 96, "width": 90}},
    "TextNetImageProcessor": {"size": {"shortest_edge": 100}},
}
"""Smaller pictures than the classes' own, for time."""

CHANGES: tuple[dict[str, Any], ...] = (
    {"do_resize": False},
    {"resample": 0},
    {"resample": 1},
    {"resample": 5},
    {"size": {"height": 64, "width": 49}},
    {"size": {"shortest_edge": 61}},
    {"size": {"shortest_edge": 64, "longest_edge": 80}},
    {"size": {"max_height": 64, "max_width": 50}},
    {"size": 60},
    {"do_center_crop": True, "crop_size": {"height": 48, "width": 41}},
    {"do_center_crop": True, "crop_size": 333},
    {"do_center_crop": False},
    {"crop_pct": 0.8},
    {"resize_short": 70, "size_divisor": 16},
    {"do_rescale": False},
    {"rescale_factor": 1 / 127.5},
    {"rescale_factor": 1 / 127.5, "rescale_offset": True},
    {"rescale_offset": True},
    {"include_top": False},
    {"do_normalize": False},
    {"do_normalize": True, "image_mean": [0.1, 0.5, 0.9], "image_std": [0.2, 0.5, 0.7]},
    {"image_mean": 0.4, "image_std": 0.3},
    {"do_flip_channel_order": False},
    {"do_flip_channel_order": True},
    {"do_convert_rgb": True},
    {"do_reduce_labels": True},
    {"do_pad": True, "pad_size": {"height": 600, "width": 700}},
)


@pytest.fixture(scope="module")
def pictures() -> list[Tensor]:
    """A portrait of odd sides, a landscape, and a small one."""
    china, flower = (torch.from_numpy(image.copy()).permute(2, 0, 1) for image in load_sample_images().images)
    return [flower[:, 100:397, 100:311], china[:, 30:241, 10:307], china[:, 100:190, 200:260]]


def made_by(processor: Any, picture: Tensor) -> Tensor:
    array = picture.permute(1, 2, 0).squeeze(-1).numpy()
    made: Tensor = processor(images=[Image.fromarray(array)], return_tensors="pt")["pixel_values"]
    return made


def expect_same(view: View, processor: Any, picture: Tensor) -> None:
    assert view.unread is None
    ours, theirs = show(picture[None], view), made_by(processor, picture)
    assert ours.shape == theirs.shape
    std = ours.new_tensor(view.std or (1.0,))
    levels = (ours - theirs).abs() * 255 * (std.flip(0) if view.bgr else std)[:, None, None]
    # The fast processors scale with weights of 16 bits, twice.
    assert levels.max() < 2.01
    assert levels.mean() < 0.3


def test_every_class_that_image_classifiers_name_is_tried() -> None:
    assert len(READ) >= 18
    assert set(READ) >= {"ConvNextImageProcessor", "MobileViTImageProcessor", "PerceiverImageProcessor"}


@pytest.mark.parametrize("name", READ)
def test_a_class_as_it_comes_makes_the_same_of_real_pictures(name: str, pictures: list[Tensor]) -> None:
    processor = getattr(transformers, name)(**(SMALL[name] if name == "DonutImageProcessor" else {}))
    view = view_of(processor, processor.to_dict(), 3)
    for picture in pictures:
        expect_same(view, processor, picture)


@pytest.mark.parametrize("name", READ)
def test_every_key_of_every_class_is_honoured(name: str, pictures: list[Tensor]) -> None:
    tried = 0
    for change in CHANGES:
        keys = {**SMALL.get(name, {}), **change}
        processor = getattr(transformers, name)(**keys)
        try:
            made_by(processor, pictures[2])
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
            continue  # the class does not take this form of the key
        view = view_of(processor, {**processor.to_dict(), **keys}, 3)
        if "pad_size" in change and view.unread is not None:
            continue  # a picture beyond the border, which only some classes have
        expect_same(view, processor, pictures[2])
        tried += 1
    assert tried >= len(CHANGES) // 2


@pytest.mark.parametrize("name", sorted(UNREAD))
def test_what_makes_no_picture_is_named_and_refused(name: str, pictures: list[Tensor]) -> None:
    clusters = {"clusters": [[-1.0, -1, -1], [1, 1, 1]]} if name == "ImageGPTImageProcessor" else {}
    processor = getattr(transformers, name)(**clusters)
    view = view_of(processor, processor.to_dict(), 3)
    with pytest.raises(SpecError, match=f"cannot show images .*{name}.* is not known here"):
        show(pictures[2][None], view)


def test_a_rule_that_is_not_known_is_found_by_trying(pictures: list[Tensor]) -> None:
    class Turned(transformers.ViTImageProcessor):  # type: ignore[misc]
        def resize(self, image: Tensor, *arguments: Any, **options: Any) -> Tensor:
            return super().resize(image.flip(-1), *arguments, **options)  # type: ignore[no-any-return]

    processor = Turned(size={"height": 32, "width": 32})
    view = view_of(processor, processor.to_dict(), 3)
    assert view.unread is not None
    assert view.unread.startswith("Turned (what it makes of a picture of 47 x 63 differs by up to ")


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ({"do_sharpen": True}, "the key 'do_sharpen' of ViTImageProcessor"),
        ({"gamma": 2.2, "contrast": 0.5}, "the key 'contrast', 'gamma' of ViTImageProcessor"),
        ({"do_sharpen": False, "gamma": None}, None),
        ({"feature_extractor_type": "ViTFeatureExtractor", "processor_class": "X"}, None),
    ],
)
def test_an_unknown_key_is_refused_by_name(written: dict[str, Any], named: str | None) -> None:
    processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    assert view_of(processor, {**processor.to_dict(), **written}, 3).unread == named


def test_grey_models_and_values_of_another_number_of_channels() -> None:
    processor = transformers.ViTImageProcessor(
        size={"height": 8, "width": 8}, image_mean=[0.25], image_std=[0.5]
    )
    view = view_of(processor, {}, 1)
    assert view == View(size=(8, 8), channels=1, mean=(0.25,), std=(0.5,))
    grey = (torch.rand(1, 20, 31, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    expect_same(view, processor, grey)
    coloured = transformers.ViTImageProcessor(size={"height": 8, "width": 8})
    assert (
        view_of(coloured, {}, 1).unread
        == "3 values of image_mean and image_std for 1 channels in ViTImageProcessor"
    )
    chosen = view_of(coloured, {}, 1, other_channels=True)
    assert (chosen.mean, chosen.unread, chosen.size) == (None, None, (8, 8))


def test_values_that_a_processor_shifts_beyond_the_range_are_no_mistake(pictures: list[Tensor]) -> None:
    size = {"height": 32, "width": 32}
    processor = transformers.EfficientNetImageProcessor(size=size, rescale_offset=True)
    view = view_of(processor, processor.to_dict(), 3)
    assert view.mean == (1.5, 1.5, 1.5)
    expect_same(view, processor, pictures[2])
    images = torch.stack([pictures[0][:, :40, :40], pictures[1][:, :40, :40]] * 6)
    data = as_data(((images[:8], torch.arange(8) % 2), (images[8:], torch.arange(4) % 2)))
    expect_in_range(data, view, "efficientnet")


def test_plain_processors_differ_by_rounding_alone(pictures: list[Tensor]) -> None:
    for name in class_names("pil"):
        if name.removesuffix("Pil") in UNREAD or "Donut" in name or not name.endswith("Pil"):
            continue
        processor = getattr(transformers, name)(**SMALL.get(name.removesuffix("Pil"), {}))
        view = view_of(processor, processor.to_dict(), 3)
        assert view == view_of(
            getattr(transformers, name.removesuffix("Pil"))(**SMALL.get(name.removesuffix("Pil"), {})),
            processor.to_dict(),
            3,
        )


def test_a_processor_without_mean_and_std_says_the_range_all_the_same() -> None:
    """Floating values of 0 to 255 are refused then, too."""
    plain = transformers.ViTImageProcessor(do_normalize=False)
    assert (view_of(plain, {}, 3).mean, view_of(plain, {}, 3).range) == (None, (0, 1))
    other = transformers.ViTImageProcessor()
    assert view_of(other, {}, 3).range is None  # mean and std say it
    assert view_of(other, {}, 1, other_channels=True).range == (0, 1)
