"""How to build one model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from modelstitch.models.watched import watched_loads
from modelstitch.models.weights.fit import Misfit
from modelstitch.specs import View


def _no_view(module: nn.Module) -> View:
    return View()


def _no_classes(module: nn.Module) -> tuple[str, ...] | None:
    return None


def _no_revision(module: nn.Module) -> str | None:
    return None


@dataclass(frozen=True)
class Built:
    """A model with the weights of its source, if there are any.

    Attributes:
        module: the model.
        misfit: what of the weights did not fit it; empty where the source loaded none.
    """

    module: nn.Module
    misfit: Misfit


@dataclass(frozen=True)
class Blueprint:
    """How to build a model of one source.

    Attributes:
        architecture: the call that builds it, with its arguments.
        build: makes an untrained copy.
        build_trained: makes the model with weights that come from its source, if there are any; what does not
            fit is loaded as far as it does, and told.
        weights: file of its weights, if it comes with one.
        name: what to call it; by default as the user wrote it.
        is_untrained: whether it is random until a weights file is loaded; False if unknown.
        view_of: gives the view of a built module.
        classes_of: gives the name of the class of each output of a built module, if it is known.
        revision_of: gives the commit of the hub that a built module came from, if the hub told it.
    """

    architecture: str
    build: Callable[[], nn.Module]
    build_trained: Callable[[], Built] | None = None
    weights: str | None = None
    name: str | None = None
    is_untrained: bool = False
    view_of: Callable[[nn.Module], View] = _no_view
    classes_of: Callable[[nn.Module], tuple[str, ...] | None] = _no_classes
    revision_of: Callable[[nn.Module], str | None] = _no_revision


def built_watched(build: Callable[[], nn.Module]) -> Built:
    """Build a model, and see what its builder's own loading of weights leaves out."""
    with watched_loads() as loads:
        module = build()
    return Built(module, loads.misfit(module))


def of_hub(
    target: str,
    arguments: dict[str, Any],
    build: Callable[[str, dict[str, Any], bool], nn.Module],
    view_of: Callable[[nn.Module], View],
    classes_of: Callable[[bool, nn.Module], tuple[str, ...] | None],
) -> Blueprint:
    """Return how to build a model of a hub, where the argument ``pretrained=True`` loads its weights.

    Args:
        target: hub and name.
        arguments: of the hub's own builder, and ``pretrained``.
        build: takes the target, the other arguments, and whether to load weights.
        view_of: gives the view of a built module.
        classes_of: takes whether weights were loaded and a built module, and gives the class of each output.
    """
    pretrained = bool(arguments.get("pretrained", False))

    def build_trained() -> Built:
        return built_watched(partial(build, target, own, pretrained))

    own = {key: value for key, value in arguments.items() if key != "pretrained"}
    return Blueprint(
        architecture=f"{target}({arguments})",
        build=partial(build, target, own, False),
        build_trained=build_trained,
        is_untrained=not pretrained,
        view_of=view_of,
        classes_of=partial(classes_of, pretrained),
    )
