"""Checkpoints: safetensors with a card of architecture, view, data, recipe, seed and accuracy."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from modelstitch.errors import RunError, SpecError, WeightsError
from modelstitch.specs import View
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.places import why_not_written

_KEY = "modelstitch"

TRAINED_FURTHER = "trained_further"
"""In the recipe of a network whose training began with the weights of another one."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """Metadata of a checkpoint.

    Attributes:
        network: name in the zoo.
        arguments: width, classes, channels.
        view: of the network.
        data, recipe: of its training, as plain values.
        seed: of the initial weights and of the order of examples.
        accuracy: share of correct held-out examples.
        n_heldout: number of held-out examples.
        classes: names of the classes.
    """

    network: str
    arguments: dict[str, int]
    view: View
    data: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    accuracy: float | None = None
    n_heldout: int = 0
    classes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The network in short: name, width and seed, and whether its training began with another network."""
        further = ", trained further" if self.recipe.get(TRAINED_FURTHER) else ""
        return f"{self.network} (width {self.arguments['width']}, seed {self.seed}{further})"


def save_checkpoint(module: nn.Module, card: Card, path: str | Path) -> None:
    """Write weights and card to ``path`` atomically.

    Raises:
        RunError: the file cannot be written.
    """
    path = Path(path)
    state = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    metadata = {_KEY: json.dumps(asdict(card))}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, lambda unfinished: save_file(state, unfinished, metadata=metadata))
    except OSError as error:
        raise RunError(f"cannot write {str(path)!r}: {why_not_written(path, error)}") from error
    except SafetensorError as error:
        raise RunError(f"cannot write {str(path)!r}: {error}") from error


def read_card(path: str | Path) -> Card | None:
    """Return the card of a checkpoint; None if the file is not one of ours.

    Raises:
        WeightsError: a card that is damaged, or of another version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (OSError, SafetensorError):
        return None
    if text is None:
        return None
    try:
        values = json.loads(text)
        view: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in values["view"].items()
        }
        card = Card(**{**values, "view": View(**view), "classes": tuple(values["classes"])})
        if not isinstance(card.network, str) or set(card.arguments) != {"width", "classes", "channels"}:
            raise ValueError(f"network {card.network!r} with {card.arguments!r}")
    except (ValueError, KeyError, TypeError, AttributeError, SpecError) as error:
        raise WeightsError(
            f"cannot read the card of checkpoint {str(path)!r}, expected what modelstitch train writes: "
            f"{error!r}"
        ) from error
    return card
