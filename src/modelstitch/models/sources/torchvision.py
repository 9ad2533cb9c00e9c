"""Models of torchvision: ``torchvision:NAME(pretrained=..., num_classes=...)``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import partial
from types import ModuleType
from typing import Any

from torch import nn

from modelstitch.errors import ModelError, expect_one_of, first_line
from modelstitch.models.blueprint import Blueprint, of_hub
from modelstitch.models.sources import timm
from modelstitch.specs import View
from modelstitch.util.optional import optional_package

PREFIX = "torchvision:"


def recognises(target: str) -> bool:
    """Tell whether ``target`` begins with ``torchvision:``."""
    return target.startswith(PREFIX)


def blueprint(target: str, arguments: dict[str, Any]) -> Blueprint:
    """Return how to build a model of torchvision; ``pretrained=True`` loads the hub's weights."""
    return of_hub(target, arguments, _build, partial(_view, target), partial(_classes, target))


def _build(target: str, arguments: dict[str, Any], pretrained: bool) -> nn.Module:
    """Build the model.

    Raises:
        MissingExtraError: torchvision is not installed.
        ModelError: no such model, arguments that it does not take, or weights that cannot be loaded.
    """
    models, name = _torchvision(target).models, target.removeprefix(PREFIX)
    expect_one_of("model of torchvision", name, models.list_models(), ModelError)
    try:
        module = models.get_model(name, weights="DEFAULT" if pretrained else None, **arguments)
    except (TypeError, ValueError, AssertionError, RuntimeError, OSError) as error:
        raise ModelError(f"cannot build {target!r} with {arguments}: {first_line(error)}") from error
    assert isinstance(module, nn.Module)
    return module


def _view(target: str, module: nn.Module) -> View:
    """Return the view of the pretrained weights, if there are any.

    Raises:
        ModelError: a model that does not give class scores of one image.
    """
    weights = _torchvision(target).models.get_model_weights(target.removeprefix(PREFIX))
    if not len(weights):
        return View()
    transforms = weights.DEFAULT.transforms()
    if not hasattr(transforms, "crop_size"):
        raise ModelError(
            f"cannot use {target!r}: expected a network that gives class scores for one image, and this one "
            "is for another task"
        )
    size, shorter = transforms.crop_size[0], transforms.resize_size[0]
    interpolation = str(transforms.interpolation.value)
    return View(
        size=(size, size),
        channels=3,
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        framing=(f"shorter {shorter}", f"crop {size}x{size} rounded"),
        interpolation=None if interpolation == "bilinear" else interpolation,
    )


def _classes(target: str, pretrained: bool, module: nn.Module) -> tuple[str, ...] | None:
    """Return the categories of the pretrained weights."""
    if not pretrained:
        return None
    weights = _torchvision(target).models.get_model_weights(target.removeprefix(PREFIX))
    categories = weights.DEFAULT.meta.get("categories") if len(weights) else None
    return None if categories is None else tuple(map(str, categories))


def _torchvision(target: str) -> ModuleType:
    return optional_package("torchvision", "torchvision", f"model {target!r}")


def names(pattern: str) -> dict[str, str]:
    """Return the models of torchvision that fit a pattern, and the names of their pretrained weights.

    Raises:
        MissingExtraError: torchvision is not installed.
    """
    models = _torchvision(f"{PREFIX}{pattern}").models
    return {
        f"{PREFIX}{name}": timm.pretrained([each.name for each in models.get_model_weights(name)])
        for name in models.list_models()
        if fnmatchcase(name, pattern)
    }
