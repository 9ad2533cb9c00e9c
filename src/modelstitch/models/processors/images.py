"""The view that an image processor of transformers describes, checked against the processor itself."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from modelstitch.data.views import show
from modelstitch.errors import InputError, first_line
from modelstitch.specs import INTERPOLATIONS, View
from modelstitch.specs.framing import final_size

INERT = frozenset(
    {
        "_valid_kwargs_names",
        "_valid_processor_keys",
        "auto_map",
        "backend",
        "data_format",
        "default_to_square",
        "device",
        "disable_grouping",
        "do_reduce_labels",
        "feature_extractor_type",
        "image_processor_type",
        "input_data_format",
        "model_input_names",
        "processor_class",
        "reduce_labels",
        "return_tensors",
        "use_fast",
    }
)
"""Keys of a processor's file that change no picture, or change it by way of another key."""

_READ = frozenset(
    {
        "crop_pct",
        "crop_size",
        "do_center_crop",
        "do_convert_rgb",
        "do_flip_channel_order",
        "do_normalize",
        "do_pad",
        "do_rescale",
        "do_resize",
        "image_mean",
        "image_std",
        "include_top",
        "max_size",
        "pad_size",
        "resample",
        "rescale_factor",
        "rescale_offset",
        "resize_short",
        "size",
        "size_divisor",
    }
)
"""Keys that this module reads."""

_SHARES = (0.0, 1.0)
"""The range of floating values where mean and std do not say it."""

_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""Pillow's numbers of its filters."""

assert set(_FILTERS.values()) == set(INTERPOLATIONS)

_MOST_LEVELS, _MOST_MEAN = 16.0, 0.6
"""Largest difference to a processor, of one value and on average, in levels of 255. The average tells filters
and values apart; at a sharp edge a processor that scales columns before rows cuts off more, or less."""


class UnreadError(Exception):
    """A processor does something that a view cannot say; the message names it."""


def view_of(
    processor: Any, written: Mapping[str, Any], channels: int, *, other_channels: bool = False
) -> View:
    """Return the view of an image processor.

    Every key of its file must be one that this module reads, one of the processor's own arguments, or inert.
    The view then has to make of pictures what the processor makes of them, within the rounding of the scaled
    levels.

    Args:
        processor: of transformers.
        written: the values in its file.
        channels: that the model takes.
        other_channels: whether the user gave the model another number of channels; mean and std are left out
            then where they do not fit.

    Returns:
        The view; with ``unread``, what it does not hold.
    """
    name = class_name(processor)
    try:
        _expect_known_keys(processor, written, name)
        view = _framed(processor, name)
        mean, std = _mean_and_std(processor, name)
        if len(mean) not in (1, channels) or len(std) not in (1, channels):
            if not other_channels:
                raise UnreadError(
                    f"{max(len(mean), len(std))} values of image_mean and image_std for {channels} channels "
                    f"in {name}"
                )
            return replace(view, channels=channels, range=_SHARES)
        if (mean, std) != ((0.0,), (1.0,)):
            n = max(len(mean), len(std))
            view = replace(view, mean=mean * (n // len(mean)), std=std * (n // len(std)))
        else:
            view = replace(view, range=_SHARES)
        view = replace(view, channels=channels, bgr=_is_bgr(processor, name) or None)
        if not other_channels:
            _expect_same_pictures(view, processor, name)
    except UnreadError as error:
        return View(channels=channels, unread=str(error))
    except (InputError, AttributeError, KeyError, TypeError, ValueError) as error:  # values of no known form
        return View(channels=channels, unread=f"{name} ({first_line(error)})")
    return view


def class_name(processor: Any) -> str:
    """Return the name of a processor's class without the ending of its backend.

    Example:
        >>> class ViTImageProcessorFast: pass
        >>> class_name(ViTImageProcessorFast())
        'ViTImageProcessor'
    """
    return type(processor).__name__.removesuffix("Fast").removesuffix("Pil")


def _own_keys(processor: Any) -> set[str]:
    """Return the keys that a processor's class takes; it passes over all others in its file."""
    return {
        *getattr(getattr(processor, "valid_kwargs", None), "__annotations__", ()),
        *inspect.signature(type(processor).__init__).parameters,
    }


def _expect_known_keys(processor: Any, written: Mapping[str, Any], name: str) -> None:
    own = _own_keys(processor)
    # A switch that is off changes nothing, whatever it would do.
    unknown = sorted(
        key
        for key, value in written.items()
        if key not in {*own, *INERT, *_READ} and value not in (None, False)
    )
    if unknown:
        raise UnreadError(f"the key {', '.join(map(repr, unknown))} of {name}")


# Sizes.


def _framed(processor: Any, name: str) -> View:
    """Return a view with nothing but size, framing and interpolation."""
    steps = _FRAMES.get(name, _plain)(processor)
    resample = getattr(processor, "resample", None)
    number = 2 if resample is None else int(resample)
    if number not in _FILTERS:
        raise UnreadError(f"resample {resample!r} of {name}")
    interpolation = None if _FILTERS[number] == "bilinear" else _FILTERS[number]
    return view_of_steps(steps, interpolation)


def view_of_steps(steps: tuple[str, ...], interpolation: str | None) -> View:
    """Return a view of steps of framing; a single scaling of the whole image is a size.

    Example:
        >>> view_of_steps(("resize 8x6",), None).size
        (8, 6)
    """
    if not steps:
        return View()
    size = final_size(steps)
    is_whole = len(steps) == 1 and steps[0].startswith("resize")
    return View(size=size, framing=None if is_whole else steps, interpolation=interpolation)


def _plain(processor: Any) -> tuple[str, ...]:
    return (*_scaled(processor), *_cropped(processor), *_padded(processor))


def _without_border(processor: Any) -> tuple[str, ...]:
    return (*_scaled(processor), *_cropped(processor))


def _scaled(processor: Any) -> tuple[str, ...]:
    return (_scale(processor, _sides(processor.size)),) if _on(processor, "do_resize") else ()


def _scale(processor: Any, size: Mapping[str, int]) -> str:
    if {"shortest_edge", "longest_edge"} <= size.keys():
        return f"shorter {size['shortest_edge']} at most {size['longest_edge']}"
    if "shortest_edge" in size:
        return f"shorter {size['shortest_edge']}"
    if {"max_height", "max_width"} <= size.keys():
        return f"within {size['max_height']}x{size['max_width']}"
    if {"height", "width"} <= size.keys():
        return f"resize {_by(size)}"
    raise UnreadError(f"size {dict(size)} of {class_name(processor)}")


def _cropped(processor: Any) -> tuple[str, ...]:
    return (f"crop {_by(_sides(processor.crop_size))}",) if _on(processor, "do_center_crop") else ()


def _padded(processor: Any) -> tuple[str, ...]:
    size = _sides(getattr(processor, "pad_size", None))
    return (f"pad {_by(size)}",) if _on(processor, "do_pad") and size else ()


def _convnext(processor: Any) -> tuple[str, ...]:
    if not _on(processor, "do_resize"):
        return _cropped(processor)
    side = _shortest(processor)
    if side >= 384:  # the class scales the whole image from here on
        return (f"resize {side}x{side}", *_cropped(processor))
    return (f"shorter {int(side / processor.crop_pct)}", f"crop {side}x{side}", *_cropped(processor))


def _levit(processor: Any) -> tuple[str, ...]:
    size = _sides(processor.size)
    if _on(processor, "do_resize") and "shortest_edge" in size:
        step = f"shorter {int((256 / 224) * size['shortest_edge'])}"
        return (step, *_cropped(processor), *_padded(processor))
    return _plain(processor)


def _poolformer(processor: Any) -> tuple[str, ...]:
    share, size = processor.crop_pct, _sides(processor.size)
    if share is None or not _on(processor, "do_resize"):
        return _plain(processor)
    if "shortest_edge" in size:
        step = f"shorter {int(size['shortest_edge'] / share)}"
    elif size["height"] == size["width"]:
        step = f"shorter {int(size['height'] / share)}"
    else:
        step = f"resize {int(size['height'] / share)}x{int(size['width'] / share)}"
    return (step, *_cropped(processor), *_padded(processor))


def _perceiver(processor: Any) -> tuple[str, ...]:
    steps = _scaled(processor)
    if _on(processor, "do_center_crop"):
        size, crop = _sides(processor.size), _sides(processor.crop_size)
        shares = "x".join(repr(float(size[side] / crop[side])) for side in ("height", "width"))
        steps = (f"middle {shares}", *steps)
    return steps


def _textnet(processor: Any) -> tuple[str, ...]:
    if not _on(processor, "do_resize"):
        return _plain(processor)
    step = f"shorter {_shortest(processor)} by {processor.size_divisor}"
    return (step, *_cropped(processor), *_padded(processor))


def _pp_lcnet(processor: Any) -> tuple[str, ...]:
    if processor.resize_short is None or not _on(processor, "do_resize"):
        return (*_scaled(processor), *_cropped(processor))
    by = "" if processor.size_divisor is None else f" by {processor.size_divisor}"
    return (f"shorter {processor.resize_short} rounded{by}", *_cropped(processor))


def _donut(processor: Any) -> tuple[str, ...]:
    size = _sides(processor.size)
    steps = (f"shorter {min(size.values())}",) if _on(processor, "do_resize") else ()
    if _on(processor, "do_thumbnail"):
        steps = (*steps, f"thumbnail {_by(size)}")
    if _on(processor, "do_pad"):
        steps = (*steps, f"crop {_by(size)}")
    return (*steps, *_cropped(processor))


_FRAMES: dict[str, Callable[[Any], tuple[str, ...]]] = {
    "BeitImageProcessor": _without_border,
    "ConvNextImageProcessor": _convnext,
    "DonutImageProcessor": _donut,
    "EfficientNetImageProcessor": _without_border,
    "LevitImageProcessor": _levit,
    "MobileNetV2ImageProcessor": _without_border,
    "MobileViTImageProcessor": _without_border,
    "PPLCNetImageProcessor": _pp_lcnet,
    "PerceiverImageProcessor": _perceiver,
    "PoolFormerImageProcessor": _poolformer,
    "SegformerImageProcessor": _scaled,
    "TextNetImageProcessor": _textnet,
}
"""The steps of the classes that have rules of their own; every other class is tried with the usual ones."""


def _sides(size: Any) -> dict[str, int]:
    """Return a size in the form of a dictionary, which older files write as a number or two."""
    if size is None:
        return {}
    if isinstance(size, int):
        return {"height": size, "width": size}
    if isinstance(size, list | tuple):
        return dict(zip(("height", "width"), size, strict=True))
    return {key: int(value) for key, value in dict(size).items() if value is not None}


def _shortest(processor: Any) -> int:
    size = _sides(processor.size)
    if "shortest_edge" not in size:
        raise UnreadError(f"size {size} of {class_name(processor)}")
    return size["shortest_edge"]


def _by(size: Mapping[str, int]) -> str:
    return f"{size['height']}x{size['width']}"


def _on(processor: Any, switch: str) -> bool:
    return switch in _own_keys(processor) and bool(getattr(processor, switch, None))


# Values.


def _mean_and_std(processor: Any, name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std of values in 0-1 that do what the processor does with levels from 0 to 255."""
    factor = float(processor.rescale_factor) if _on(processor, "do_rescale") else 1.0
    offset = -1.0 if _on(processor, "do_rescale") and _on(processor, "rescale_offset") else 0.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    if _on(processor, "do_normalize") and name != "MobileViTImageProcessor":  # which never does it
        mean, std = _values(processor.image_mean), _values(processor.image_std)
    if name == "EfficientNetImageProcessor" and _on(processor, "include_top"):
        top = _values(processor.image_std)
        n = max(len(std), len(top))
        std = tuple(a * b for a, b in zip(std * (n // len(std)), top * (n // len(top)), strict=True))
    scale = 255 * factor
    if math.isclose(scale, 1, rel_tol=1e-6):  # so that the written mean and std stay as they are
        scale = 1.0
    return tuple((value - offset) / scale for value in mean), tuple(value / scale for value in std)


def _values(given: Any) -> tuple[float, ...]:
    return tuple(map(float, given)) if isinstance(given, list | tuple) else (float(given),)


def _is_bgr(processor: Any, name: str) -> bool:
    return name == "PPLCNetImageProcessor" or _on(processor, "do_flip_channel_order")


# The check.


def _expect_same_pictures(view: View, processor: Any, name: str) -> None:
    """Raise unless the view makes of pictures what the processor makes of them."""
    from PIL import Image

    # Odd sides have no places halfway between two pixels, which processors round in different ways.
    side = min(512, max(view.size or (64, 64))) | 1
    for height, width in ((47, 63), (side * 3 // 2 | 1, side + 6)):
        picture = _picture(view.channels or 3, height, width)
        array = picture.permute(1, 2, 0).squeeze(-1).numpy()
        try:
            made = processor(images=[Image.fromarray(array)], return_tensors="pt")["pixel_values"]
        except Exception as error:  # any code of the processor's may run here
            raise UnreadError(f"{name} ({first_line(error)})") from error
        ours = show(picture[None], view)
        if not isinstance(made, Tensor) or made.shape != ours.shape:
            shape = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
            raise UnreadError(f"{name} (it makes {shape} of a picture, not {tuple(ours.shape)})")
        std = ours.new_tensor(view.std or (1.0,))
        levels = (ours - made.float()).abs() * 255 * (std.flip(0) if view.bgr else std)[:, None, None]
        if not (levels.max() <= _MOST_LEVELS and levels.mean() <= _MOST_MEAN):
            raise UnreadError(
                f"{name} (what it makes of a picture of {height} x {width} differs by up to "
                f"{float(levels.max()):.0f} levels of 255)"
            )


def _picture(channels: int, height: int, width: int) -> Tensor:
    """Return a picture (C, H, W) in bytes: a slope of its own in each channel, a bright block, and noise."""
    generator = torch.Generator().manual_seed(0)
    down, across = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    rows = [90 + 60 * math.cos(c) * down + 60 * math.sin(c + 1) * across for c in range(channels)]
    picture = torch.stack(rows) + 40 * torch.rand(channels, height, width, generator=generator)
    picture[:, height // 5 : height // 3, width // 6 : width // 2] = 250
    return picture.clamp(0, 255).to(torch.uint8)
