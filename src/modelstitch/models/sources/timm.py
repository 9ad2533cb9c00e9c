"""Models of timm: ``timm:NAME(pretrained=..., num_classes=..., img_size=...)``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

from torch import nn

from modelstitch.errors import ModelError, expect_one_of, first_line
from modelstitch.models.blueprint import Blueprint, of_hub
from modelstitch.specs import INTERPOLATIONS, View
from modelstitch.util.optional import optional_package
from modelstitch.wording import Listed, say

PREFIX = "timm:"

_CROP_SHARE = 0.875
"""What timm takes of an image where nothing is said."""


def recognises(target: str) -> bool:
    """Tell whether ``target`` begins with ``timm:``."""
    return target.startswith(PREFIX)


def blueprint(target: str, arguments: dict[str, Any]) -> Blueprint:
    """Return how to build a model of timm; ``pretrained=True`` loads the hub's weights."""
    return of_hub(target, arguments, _build, partial(_view, target, arguments), partial(_classes, target))


def _build(target: str, arguments: dict[str, Any], pretrained: bool) -> nn.Module:
    """Build the model.

    Raises:
        MissingExtraError: timm is not installed.
        ModelError: no such model, arguments that it does not take, or weights that cannot be loaded.
    """
    timm, name = _timm(target), target.removeprefix(PREFIX)
    # timm writes the tag of the weights behind a dot.
    expect_one_of("model of timm", name.partition(".")[0], timm.list_models(), ModelError)
    try:
        module = timm.create_model(name, pretrained=pretrained, **arguments)
    except (TypeError, ValueError, AssertionError, RuntimeError, OSError) as error:
        raise ModelError(f"cannot build {target!r} with {arguments}: {first_line(error)}") from error
    assert isinstance(module, nn.Module)
    return module


def _view(target: str, arguments: dict[str, Any], module: nn.Module) -> View:
    """Return the view of the pretrained weights, at the size and channels that the model was built with."""
    config = dict(_timm(target).data.resolve_model_data_config(module))
    own_channels, height, width = config["input_size"]
    size = arguments.get("img_size", (height, width))
    height, width = (size, size) if isinstance(size, int) else size
    channels = arguments.get("in_chans", own_channels)
    view = view_of_config({**config, "input_size": (channels, height, width)})
    if (height, width) != tuple(config["input_size"][1:]):
        # The user built the model for another size than that of its weights, so nothing is cut off.
        view = replace(view, framing=None)
    # Without mean and std, the range says that values of 0 to 1 are meant.
    return view if channels == own_channels else replace(view, mean=None, std=None, range=(0.0, 1.0))


def view_of_config(config: Mapping[str, Any]) -> View:
    """Return the view of a data configuration of timm, as its transforms for inference use it.

    Args:
        config: as ``timm.data.resolve_data_config`` returns it.

    Example:
        >>> values = {"input_size": (3, 224, 224), "mean": (0.5,) * 3, "std": (0.5,) * 3}
        >>> view_of_config({**values, "interpolation": "bicubic", "crop_pct": 0.9}).framing
        ('shorter 248', 'crop 224x224 rounded')
    """
    channels, height, width = config["input_size"]
    share, mode = config.get("crop_pct") or _CROP_SHARE, config.get("crop_mode") or "center"
    interpolation = config.get("interpolation") or "bilinear"
    unread = [f"crop_mode {mode!r}"] if mode not in ("center", "squash") else []
    unread += [f"interpolation {interpolation!r}"] if interpolation not in INTERPOLATIONS else []
    if unread:
        return View(size=(height, width), channels=channels, unread=f"{' and '.join(unread)} of timm")
    tall, wide = math.floor(height / share), math.floor(width / share)
    if mode == "squash":
        first = f"resize {tall}x{wide}"
    else:
        first = f"shorter {tall}" if tall == wide else f"cover {tall}x{wide}"
    is_whole = mode == "squash" and (tall, wide) == (height, width)
    return View(
        size=(height, width),
        channels=channels,
        mean=tuple(map(float, config["mean"])),
        std=tuple(map(float, config["std"])),
        framing=None if is_whole else (first, f"crop {height}x{width} rounded"),
        interpolation=None if interpolation == "bilinear" else interpolation,
    )


def _classes(target: str, pretrained: bool, module: nn.Module) -> tuple[str, ...] | None:
    """Return the descriptions of the classes that the weights were trained on, if timm knows them."""
    config = getattr(module, "pretrained_cfg", None) or {}
    n_outputs = getattr(module, "num_classes", None)
    if not pretrained or n_outputs is None or n_outputs != config.get("num_classes"):
        return None  # the head is not the one that was trained
    if config.get("label_descriptions"):
        return tuple(map(str, config["label_descriptions"].values()))
    if config.get("label_names"):
        return tuple(map(str, config["label_names"]))
    data = _timm(target).data
    subset = data.infer_imagenet_subset(module)
    if subset is None:
        return None
    info = data.ImageNetInfo(subset)
    return tuple(info.index_to_description(index) for index in range(info.num_classes()))


def _timm(target: str) -> ModuleType:
    return optional_package("timm", "timm", f"model {target!r}")


def names(pattern: str) -> dict[str, str]:
    """Return the models of timm that fit a pattern, and the tags of their pretrained weights.

    Raises:
        MissingExtraError: timm is not installed.
    """
    timm = _timm(f"{PREFIX}{pattern}")
    tags: dict[str, list[str]] = {name: [] for name in timm.list_models(pattern)}
    for whole in timm.list_pretrained(pattern):
        name, _, tag = whole.partition(".")
        if name in tags and tag:
            tags[name].append(tag)
    return {f"{PREFIX}{name}": pretrained(found) for name, found in tags.items()}


def pretrained(names: Sequence[str]) -> str:
    """Return in one line which pretrained weights a model has."""
    return say("choice.pretrained", names=Listed(list(names))) if names else say("choice.untrained")
