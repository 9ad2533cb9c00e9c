"""Checkpoints that ``modelstitch train`` wrote: the file says its architecture."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from modelstitch.errors import ModelError
from modelstitch.models import zoo
from modelstitch.models.blueprint import Blueprint
from modelstitch.models.zoo.checkpoint import read_card
from modelstitch.util.places import neighbours
from modelstitch.wording import say


def recognises(target: str) -> bool:
    """Tell whether ``target`` is a file, or ends in ``.safetensors``."""
    return target.endswith(".safetensors") or Path(target).is_file()


def blueprint(target: str, arguments: dict[str, Any]) -> Blueprint:
    """Return how to build the network of a checkpoint.

    Raises:
        ModelError: no such file, a file of weights alone, or arguments, which the checkpoint has itself.
    """
    card = read_card(target) if Path(target).is_file() else None
    if card is None:
        if not Path(target).is_file():
            raise ModelError(
                f"model {target!r} does not exist{neighbours(target)}; expected a checkpoint of ours, "
                "zoo:NAME, hf:NAME, timm:NAME, torchvision:NAME or package.module:factory"
            )
        reason = "is not a checkpoint of ours"
        raise ModelError(
            f"model {target!r} {reason}: a weights file alone says no architecture; give zoo:NAME or "
            "package.module:factory, and the file as its weights (a checkpoint of ours that was cut short "
            "looks the same)"
        )
    if arguments:
        raise ModelError(
            f"model {target!r} is a checkpoint, which knows its arguments: expected none, got {arguments}"
        )
    return Blueprint(
        architecture=zoo.describe(card.network, **card.arguments),
        build=partial(zoo.build, card.network, **card.arguments),
        weights=target,
        name=card.label,
    )


def names(folder: str) -> dict[str, str]:
    """Return the checkpoints in a folder, or one file, and the network that each holds."""
    path = Path(folder)
    files = sorted(path.rglob("*.safetensors")) if path.is_dir() else [path]
    cards = {str(file): read_card(str(file)) for file in files}
    return {
        name: say("choice.file", network=zoo.describe(card.network, **card.arguments))
        for name, card in cards.items()
        if card is not None
    }
