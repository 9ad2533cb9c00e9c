"""Where models come from: the zoo, a checkpoint of ours, timm, torchvision, Hugging Face, or a factory of the user's own with a weights file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from torch import nn

from modelstitch.cutting.layouts import channels_last
from modelstitch.errors import ModelError, expect_one_of
from modelstitch.models import zoo
from modelstitch.models.factory import build_from_factory
from modelstitch.models.hubs import HUBS, build_from_hub, view_of_hub
from modelstitch.models.hugging_face import PREFIX, build_from_hugging_face, revision_of, view_of_hugging_face
from modelstitch.models.network import Network
from modelstitch.models.seeding import seeded
from modelstitch.models.weights import load_weights
from modelstitch.models.zoo.checkpoint import read_card
from modelstitch.specs import ModelSpec, View
from modelstitch.util.calls import parse_call


def load_model(spec: ModelSpec) -> Network:
    """Load the model that ``spec`` names, on the CPU, in eval mode.

    Raises:
        ModelError: an unknown source, or a model that cannot be built.
        WeightsError: weights that cannot be read or do not fit.

    Example:
        >>> load_model(ModelSpec(source="zoo:R1111(width=4)")).name
        'zoo:R1111(width=4), untrained (seed 0)'
    """
    is_path = spec.source.endswith(".safetensors")  # whose name may hold brackets
    target, arguments = (spec.source, {}) if is_path else parse_call(spec.source)
    view, name = View(), spec.source
    seen: list[str] | None = None
    build: Callable[[], nn.Module]
    trained: Callable[[], nn.Module] | None = None
    weights = spec.weights
    untrained = weights is None and target.startswith("zoo:")
    if target.startswith("zoo:"):
        network = target.removeprefix("zoo:")
        expect_one_of("zoo network", network.replace("_", ""), zoo.STAGES, ModelError)
        expect_arguments(target, arguments)
        architecture = zoo.describe(network, **arguments)

        def build() -> nn.Module:
            return zoo.build(network, **arguments)
    elif target.endswith(".safetensors") or Path(target).is_file():
        card = read_card(target) if Path(target).is_file() else None
        if card is None:
            reason = "is not a checkpoint of ours" if Path(target).is_file() else "does not exist"
            raise ModelError(
                f"model {target!r} {reason}: a weights file alone says no architecture; "
                "give zoo:NAME or package.module:factory, and the file as its weights (a checkpoint of ours that was cut short looks the same)"
            )
        if arguments:
            raise ModelError(
                f"model {target!r} is a checkpoint, which knows its arguments: expected none, got {arguments}"
            )
        view, weights, name = card.view, weights or target, card.label
        card_network, card_arguments = card.network, card.arguments
        architecture = zoo.describe(card_network, **card_arguments)

        def build() -> nn.Module:
            return zoo.build(card_network, **card_arguments)
    elif target.startswith(PREFIX):
        architecture = f"{target}({arguments})"
        untrained = weights is None and not arguments.get("pretrained")
        trained = partial(build_from_hugging_face, target, arguments)
        view_of = view_of_hugging_face

        def build() -> nn.Module:
            return build_from_hugging_face(target, {**arguments, "pretrained": False})
    elif target.partition(":")[0] in HUBS:
        architecture = f"{target}({arguments})"
        untrained = weights is None and not arguments.get("pretrained")
        fresh = {key: value for key, value in arguments.items() if key != "pretrained"}
        trained = partial(build_from_hub, target, arguments)
        view_of = view_of_hub

        def build() -> nn.Module:
            return build_from_hub(target, fresh)
    elif ":" in target and importlib_name(target.partition(":")[0]):
        architecture = f"{target}({arguments})"

        def build() -> nn.Module:
            return build_from_factory(target, arguments)
    else:
        raise ModelError(
            f"unknown model {spec.source!r}: expected zoo:NAME (such as zoo:R1111), timm:NAME, torchvision:NAME, hf:NAME or hf:FOLDER, the path of a "
            "checkpoint that modelstitch train wrote, or package.module:factory"
        )
    with seeded(spec.seed):
        module = build() if trained is None else trained()
    if trained is not None:
        view = view_of(target, module, arguments)
        commit = revision_of(module)
        name = f"{name}, commit {commit[:12]}" if commit else name
    if untrained:
        name = f"{name}, untrained (seed {spec.seed})"
    if weights is not None:
        left = load_weights(module, weights, spec.source, spec.partial)
        if left:
            name = f"{name}, {len(left)} of {len(module.state_dict())} keys untrained"
        card = read_card(weights)
        if card is not None:
            view = card.view
            seen = card.data.get("fingerprint")
    return Network(
        module=channels_last(module.eval()),
        name=name,
        view=merge(view, spec.view),
        rebuild=build,
        architecture=architecture,
        trained_on=None if seen is None else tuple(seen),
        layouts=spec.layouts,
    )


def importlib_name(name: str) -> bool:
    """Tell whether ``name`` could be the dotted name of a Python module."""
    return all(part.isidentifier() for part in name.split("."))


def expect_arguments(target: str, arguments: dict[str, object]) -> None:
    """Raise ModelError where a zoo network is given an argument that it does not take."""
    for argument in arguments:
        expect_one_of(f"argument of {target}", argument, ("width", "classes", "channels"), ModelError)


def merge(view: View, over: View) -> View:
    """Return ``view`` with the fields that ``over`` sets."""
    changes = {name: value for name, value in vars(over).items() if value is not None}
    return replace(view, **changes)
