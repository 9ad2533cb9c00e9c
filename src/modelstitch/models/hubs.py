"""Models of timm and torchvision by name, with the view that each wants."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from torch import nn

from modelstitch.errors import MissingExtraError, ModelError, expect_one_of
from modelstitch.specs import View

HUBS = ("timm", "torchvision")


def build_from_hub(target: str, arguments: dict[str, Any]) -> nn.Module:
    """Build ``timm:NAME`` or ``torchvision:NAME``; ``pretrained=True`` loads the hub's own weights.

    Args:
        target: hub and name.
        arguments: what the hub's own builder takes, such as ``num_classes`` (and for timm ``img_size``).

    Raises:
        MissingExtraError: the hub's package is not installed.
        ModelError: no such model, arguments that it does not take, or weights that cannot be had.
    """
    hub, _, name = target.partition(":")
    library = _imported(hub, target)
    known = library.list_models() if hub == "timm" else library.models.list_models()
    pretrained = bool(arguments.get("pretrained", False))
    # timm writes the weights' tag behind a dot.
    expect_one_of(f"model of {hub}", name.partition(".")[0], known, ModelError)
    own = {key: value for key, value in arguments.items() if key != "pretrained"}
    try:
        if hub == "timm":
            module = library.create_model(name, pretrained=pretrained, **own)
        else:
            module = library.models.get_model(name, weights="DEFAULT" if pretrained else None, **own)
    except (TypeError, ValueError, AssertionError, RuntimeError, OSError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelError(f"cannot build {target!r} with {arguments}: {first_line}") from error
    assert isinstance(module, nn.Module)
    return module


def view_of_hub(target: str, module: nn.Module, arguments: dict[str, Any]) -> View:
    """Return how a model of a hub wants to see an image: that of its pretrained weights, where the hub says it.

    Args:
        target: hub and name.
        module: what was built.
        arguments: what it was built with.

    Raises:
        ModelError: a model that does not take one image and give class scores.
    """
    hub, _, name = target.partition(":")
    library = _imported(hub, target)
    if hub == "timm":
        config = library.data.resolve_model_data_config(module)
        channels, height, width = config["input_size"]
        # The configuration is that of the pretrained weights, whatever the model was built with.
        asked = arguments.get("img_size", (height, width))
        height, width = (asked, asked) if isinstance(asked, int) else asked
        channels = arguments.get("in_chans", channels)
        if channels != config["input_size"][0]:
            return View(size=(height, width), channels=channels)
        return View(
            size=(height, width), channels=channels, mean=tuple(config["mean"]), std=tuple(config["std"])
        )
    weights = library.models.get_model_weights(name)
    if not len(weights):
        return View()
    shown = weights.DEFAULT.transforms()
    if not hasattr(shown, "crop_size"):
        raise ModelError(
            f"cannot use {target!r}: expected a network that gives class scores for one image, and this one is for another task"
        )
    size = shown.crop_size[0]
    return View(size=(size, size), channels=3, mean=tuple(shown.mean), std=tuple(shown.std))


def _imported(hub: str, target: str) -> ModuleType:
    try:
        return importlib.import_module(hub)
    except ImportError as error:
        raise MissingExtraError(
            f"model {target!r} needs the package {hub}, which cannot be imported ({error}): "
            f'pip install "modelstitch[{hub}]"'
        ) from error
    except RuntimeError as error:
        # What torchvision says when its compiled part was built for another torch.
        raise MissingExtraError(
            f"model {target!r} needs the package {hub}, which does not load ({str(error).splitlines()[0]}): torch and torchvision are "
            "of different builds; reinstall both from one place, as in pip install --force-reinstall torch torchvision"
        ) from error
