"""Train a network: one-cycle SGD, label smoothing, flips and translations, all data on the device."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modelstitch.cutting.layouts import channels_last
from modelstitch.data.ranges import range_like
from modelstitch.data.views import show
from modelstitch.errors import SpecError
from modelstitch.fitting.schedules import rate
from modelstitch.models.zoo.augment import draw, pad
from modelstitch.specs import View
from modelstitch.specs.training import Recipe
from modelstitch.tasks import is_correct, mean_score
from modelstitch.util.narrow_convolutions import right_gradients


@dataclass(frozen=True)
class Trained:
    """The outcome of a training: held-out accuracy, last mean training loss, wall-clock seconds."""

    accuracy: float
    loss: float
    seconds: float


def channel_view(images: Tensor, channels: int) -> View:
    """Return the view that standardises each channel of ``images`` to mean 0 and standard deviation 1."""
    shown = show(images, View(channels=channels))
    std, mean = torch.std_mean(shown.double(), (0, 2, 3))
    if not (std > 0).all():
        raise SpecError("expected images that differ from each other, got one constant colour")
    return View(
        size=(shown.shape[2], shown.shape[3]),
        channels=channels,
        mean=tuple(round(value, 6) for value in mean.tolist()),
        std=tuple(round(value, 6) for value in std.tolist()),
        range=range_like(images),
    )


def train(
    module: nn.Module,
    view: View,
    images: Tensor,
    labels: Tensor,
    heldout: tuple[Tensor, Tensor],
    recipe: Recipe,
    on_epoch: Callable[[int, float], None] | None = None,
) -> Trained:
    """Train ``module`` in place and leave it in eval mode.

    Args:
        module: untrained, on the device of the images.
        view: of the network.
        images, labels: (N, C, H, W) and (N,), the training part.
        heldout: images and labels, scored once, at the end.
        recipe: the schedule.
        on_epoch: called with the number of the epoch and its mean loss.

    Raises:
        SpecError: fewer images than one batch, images too small for the translation, or a loss that is not
            finite.
    """
    start = time.perf_counter()
    if len(images) < recipe.batch_size:
        raise SpecError(
            f"expected at least one batch of {recipe.batch_size} training images, got {len(images)}; "
            "give a smaller batch size"
        )
    shown = show(images, view)
    if recipe.translate >= min(shown.shape[2:]):
        raise SpecError(
            f"expected translate below the images' height and width {tuple(shown.shape[2:])}, got "
            f"{recipe.translate}"
        )
    channels_last(module).train()
    with right_gradients(module.parameters()):
        loss = _fit(module, pad(shown, recipe.translate), labels, recipe, on_epoch)
    module.eval()
    return Trained(_accuracy(module, view, *heldout), loss, time.perf_counter() - start)


def _fit(
    module: nn.Module,
    padded: Tensor,
    labels: Tensor,
    recipe: Recipe,
    on_epoch: Callable[[int, float], None] | None,
) -> float:
    """Train on padded images (N, H', W', C); return the mean loss of the last epoch."""
    optimiser = _optimiser(module, recipe)
    generator = torch.Generator().manual_seed(recipe.seed)
    n_batches = len(padded) // recipe.batch_size
    n_steps = recipe.epochs * n_batches
    # Half precision pays on tensor cores; weights and norms stay in float32.
    half: contextlib.AbstractContextManager[object] = (
        torch.autocast("cuda", torch.bfloat16) if padded.is_cuda else contextlib.nullcontext()
    )
    step, loss = 0, float("nan")
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(padded), generator=generator)
        losses = []
        for indices in order[: n_batches * recipe.batch_size].split(recipe.batch_size):
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * rate(step, n_steps, recipe.warmup_share)
            x = draw(padded, indices, recipe.translate, recipe.flip, generator)
            with half:
                outputs = module(x)
            value = F.cross_entropy(
                outputs.float(),
                labels[indices.to(labels.device)],
                label_smoothing=recipe.label_smoothing,
            )
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            optimiser.step()
            losses.append(value.detach())
            step += 1
        loss = torch.stack(losses).mean().item()
        if not math.isfinite(loss):
            raise SpecError(
                f"the loss of epoch {epoch + 1} is not finite: expected a learning rate below "
                f"{recipe.learning_rate}"
            )
        if on_epoch is not None:
            on_epoch(epoch + 1, loss)
    return loss


def _optimiser(module: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """Return SGD with weight decay on matrices and kernels alone, not on biases and norms."""
    groups: list[dict[str, Any]] = [
        {"params": [p for p in module.parameters() if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in module.parameters() if p.ndim <= 1]},
    ]
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True)


def _accuracy(module: nn.Module, view: View, images: Tensor, labels: Tensor) -> float:
    correct = []
    with torch.inference_mode():
        for some_images, some_labels in zip(images.split(256), labels.split(256), strict=True):
            correct.append(is_correct(module(show(some_images, view)), some_labels))
    return mean_score(torch.cat(correct))
