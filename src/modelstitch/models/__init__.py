"""Where models come from: the zoo, a checkpoint of ours, timm, torchvision, Hugging Face, or a factory of the user's own with a weights file."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from modelstitch.cutting.layouts import channels_last
from modelstitch.errors import ModelError, expect_one_of
from modelstitch.models import zoo
from modelstitch.models.factory import build_from_factory
from modelstitch.models.hubs import HUBS, build_from_hub, view_of_hub
from modelstitch.models.hugging_face import PREFIX, build_from_hugging_face, revision_of, view_of_hugging_face
from modelstitch.models.weights import load_weights
from modelstitch.models.zoo.checkpoint import read_card
from modelstitch.specs import ModelSpec, View
from modelstitch.util.calls import parse_call

__all__ = ["Network", "digest", "load_model", "seeded", "taken", "wrap"]


@dataclass(frozen=True)
class Network:
    """A loaded model with its own view of an image.

    Attributes:
        module: the model, in eval mode.
        name: what to call it.
        view: how it wants to see an image.
        rebuild: makes an untrained copy, or None where only the module itself is known.
        layouts: pairs of a cut and the layout to read it in, instead of the one that is recognised.
        trained_on: fingerprint of the examples it was trained on, where its checkpoint has one.
        architecture: equal for networks built by the same call, whose captured graphs are the same; None if unknown.
    """

    module: nn.Module
    name: str
    view: View
    rebuild: Callable[[], nn.Module] | None = None
    architecture: str | None = None
    trained_on: tuple[str, ...] | None = None
    layouts: tuple[tuple[str, str], ...] = ()


def taken(module: nn.Module, names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the further inputs called ``names`` that a model takes, by the arguments of its ``forward``.

    Example:
        >>> taken(nn.TransformerEncoderLayer(4, 2), ["src_key_padding_mask", "attention_mask"])
        ('src_key_padding_mask',)
    """
    parameters = inspect.signature(module.forward).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return tuple(names)
    known = [each.name for each in parameters][1:]
    return tuple(name for name in names if name in known)


def digest(module: nn.Module) -> str:
    """Return the SHA-256 of all parameters and buffers, by name, type, shape and bytes."""
    hasher = hashlib.sha256()
    for name, held in sorted(module.state_dict().items()):
        # Quantised layers hold their weight and its scale as one packed thing.
        for value in (held,) if isinstance(held, Tensor) else pytree.tree_leaves(held):
            if not isinstance(value, Tensor):
                hasher.update(f"{name}:{value!r}".encode())
                continue
            hasher.update(f"{name}:{value.dtype}:{tuple(value.shape)}".encode())
            plain = (
                (value.dequantize() if value.is_quantized else value).detach().cpu().contiguous().reshape(-1)
            )
            hasher.update(plain.view(torch.uint8).numpy().tobytes())
    return hasher.hexdigest()


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


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from ``seed`` inside the block, and leave the global random state as it was."""
    with torch.random.fork_rng(list(range(torch.cuda.device_count()))):
        torch.manual_seed(seed)
        yield


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


def wrap(module: nn.Module, name: str, view: View | None = None) -> Network:
    """Make a Network of a module that the caller built; nothing about the module is changed."""
    return Network(module=module, name=name, view=view or View())
