"""Networks of the zoo that an experiment trains itself: each once, kept as a checkpoint in its folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.errors import RunError, SpecError
from modelstitch.models import zoo
from modelstitch.models.zoo.checkpoint import read_card, save_checkpoint
from modelstitch.models.zoo.recipe import channel_view, train
from modelstitch.models.zoo.training import train_network
from modelstitch.specs import DataSpec, ModelSpec
from modelstitch.specs.training import Recipe, TrainSpec
from modelstitch.util.calls import parse_call
from modelstitch.util.progress import Progress

MODELS = "models"
"""Folder of the checkpoints, in that of the experiment."""

_PREFIX = "zoo:"
_TIMED_STEPS, _TIMED_IMAGES = 3, 32


@dataclass(frozen=True)
class TrainedModels:
    """The models of an experiment once those that have to be are trained.

    Attributes:
        models: by name, with checkpoints as their sources.
        left: names of those that are not trained yet.
    """

    models: Mapping[str, ModelSpec]
    left: tuple[str, ...] = ()


def is_trained_here(spec: ModelSpec) -> bool:
    """Tell whether a model is a network of the zoo without weights.

    Example:
        >>> is_trained_here(ModelSpec(source="zoo:R1111")), is_trained_here(ModelSpec(source="a.safetensors"))
        (True, False)
    """
    return spec.source.startswith(_PREFIX) and spec.weights is None


def training_data(data: DataSpec, spec: TrainSpec) -> Data:
    """Return what networks are trained on: all images of the data, whatever stitches are fitted to."""
    return load_data(replace(data, limit=spec.limit, heldout_limit=None))


def with_checkpoints(models: Mapping[str, ModelSpec], spec: TrainSpec, home: Path) -> TrainedModels:
    """Return the models with the checkpoints that a folder holds already.

    Raises:
        RunError: a checkpoint was trained otherwise.
    """
    found, left = {}, []
    for name, model in models.items():
        found[name] = model
        if not is_trained_here(model):
            continue
        path = _path(home, name)
        card = read_card(path) if path.is_file() else None
        if card is None:
            left.append(name)
            continue
        target, arguments = _network(model)
        asked = (target, arguments.get("width", 64), asdict(_recipe(spec, model)), spec.limit)
        there = (card.network, card.arguments["width"], card.recipe, card.data.get("limit"))
        if asked != there:
            raise RunError(
                f"cannot use checkpoint {str(path)!r} for model {name}: it is {card.label} by another recipe "
                "or on other images; choose another folder, or take the checkpoint away to train it anew"
            )
        found[name] = replace(model, source=str(path))
    return TrainedModels(found, tuple(left))


def train_left(
    models: Mapping[str, ModelSpec],
    data: DataSpec,
    spec: TrainSpec,
    home: Path,
    device: torch.device,
    progress: Progress,
) -> Mapping[str, ModelSpec]:
    """Train the networks whose checkpoints a folder lacks; return all models with their checkpoints.

    Raises:
        InputError: a network cannot be trained on these data, or the folder cannot be written.
    """
    state = with_checkpoints(models, spec, home)
    if not state.left:
        return state.models
    images = training_data(data, spec).to(device)
    for number, name in enumerate(state.left, 1):
        progress.stage(f"training {name}, {number} of {len(state.left)} networks")
        target, arguments = _network(models[name])
        module, card, _ = train_network(
            target, images, _recipe(spec, models[name]), arguments.get("width", 64)
        )
        # What was asked for: data may hold fewer images than the limit.
        card = replace(card, data={**card.data, "limit": spec.limit})
        save_checkpoint(module, card, _path(home, name))
    return with_checkpoints(models, spec, home).models


def training_seconds(spec: TrainSpec, models: Mapping[str, ModelSpec], images: Data) -> float:
    """Return how long the training of some networks takes.

    A few steps of the smallest network of each width are timed, on part of a batch. The blocks of a network
    of the zoo cost alike, whatever their stage, so that the others cost as much for each block.
    """
    networks = [_network(model) for model in models.values()]
    recipe = replace(spec.recipe, epochs=1, batch_size=min(spec.recipe.batch_size, _TIMED_IMAGES))
    few = images.train.images[: _TIMED_STEPS * recipe.batch_size]
    labels = images.train.labels[: len(few)]
    channels = few.shape[1]
    seconds: dict[int, float] = {}
    for target, arguments in sorted(networks, key=lambda one: sum(zoo.STAGES[one[0]])):
        width = arguments.get("width", 64)
        if width not in seconds:
            module = zoo.build(target, width, len(images.classes), channels).to(few.device)
            begin = time.perf_counter()
            train(module, channel_view(few, channels), few, labels, (few[:2], labels[:2]), recipe)
            seconds[width] = (time.perf_counter() - begin) / len(few) / (1 + sum(zoo.STAGES[target]))
    n_images = spec.recipe.epochs * len(images.train)
    return n_images * sum(
        seconds[arguments.get("width", 64)] * (1 + sum(zoo.STAGES[target])) for target, arguments in networks
    )


def _network(model: ModelSpec) -> tuple[str, dict[str, int]]:
    target, arguments = parse_call(model.source)
    for name in arguments:
        if name != "width":
            raise SpecError(
                f"expected the argument width alone of a network that is trained here, got {name} in "
                f"{model.source!r}: classes and channels are those of the data"
            )
    return target.removeprefix(_PREFIX).replace("_", ""), arguments


def _recipe(spec: TrainSpec, model: ModelSpec) -> Recipe:
    return replace(spec.recipe, seed=model.seed)


def _path(home: Path, name: str) -> Path:
    return home / MODELS / f"{name}.safetensors"
