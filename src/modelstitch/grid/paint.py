"""Stitch into the receiver's *input*: pictures of what a representation holds.

A task-fitted stitch may paint whatever makes the receiver give the right class; a match-fitted one paints the
image itself, as well as an affine map can. Source: Hernandez et al. 2022, section 5.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from modelstitch.cutting import Cut, CutModel
from modelstitch.cutting.cost import CutWork
from modelstitch.cutting.layouts import recognise
from modelstitch.errors import DataError
from modelstitch.fitting.schedules import spread
from modelstitch.grid.frozen_halves import FrozenHalves
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.pool import Pair
from modelstitch.grid.side import Side
from modelstitch.specs import CellSpec, FitSpec, ObjectiveName, View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUT = "input"
PAINTED: tuple[ObjectiveName, ...] = ("match", "task")


@final
class InputCut(CutModel):
    """A network whose only cut is its own input: an empty prefix, and the whole network as suffix.

    Args:
        model: the network.
        name: what to call it.
        shape: of one input.
    """

    technique = "whole network"

    def __init__(self, model: nn.Module, name: str, shape: tuple[int, ...]) -> None:
        self.model, self.name = model, name
        self.cuts = (Cut(INPUT, (), recognise(shape), True),)

    def _why_not(self, name: str) -> str:
        return "it is cut at its input alone"

    def _place(self, name: str) -> int | None:
        return None

    def prefix(self, *names: str, frozen: bool = False) -> nn.Module:
        """Return what gives its input once for each name."""
        return _Same(len(names))

    def suffix(self, name: str, frozen: bool = False, later: tuple[str, ...] | None = None) -> nn.Module:
        """Return the whole network; where ``frozen``, a copy without gradients of its parameters."""
        whole = copy.deepcopy(self.model).eval() if frozen else self.model
        if frozen:
            whole.requires_grad_(False)
        return whole

    def outputs_after(self, name: str) -> tuple[bool, ...]:
        """Raise: the whole network gives what it gives, and no half is checked against it."""
        raise NotImplementedError

    def activation_bytes(self, name: str) -> int:
        """Raise: paintings are not estimated."""
        raise NotImplementedError

    def _work(self) -> dict[str, CutWork]:
        """Raise: paintings are not estimated."""
        raise NotImplementedError


@final
class _Same(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: Tensor, **kwargs: Tensor) -> tuple[Tensor, ...]:
        return (x,) * self.n


def at_input(side: Side) -> Side:
    """Return a receiver that is cut at its own input."""
    shape = tuple(side.inputs.images("train", torch.arange(1)).shape[1:])
    cutting = InputCut(side.network.module, side.network.name, shape)
    halves = FrozenHalves(cutting, side.halves.few, side.inputs.dtype, side.reading)
    inputs = replace(side.inputs, again=None)
    return replace(side, inputs=inputs, halves=halves, source=halves, completion=halves)


@final
class _IntoInput:
    """A pair stitched into the receiver's input."""

    def __init__(self, pair: Pair) -> None:
        self.pool, self.sender = pair.pool, pair.sender
        self._receiver = at_input(pair.receiver)

    def sides(self, control: str, seed: int, draw: int = 0) -> tuple[Side, Side]:
        return self.sender, self._receiver


def paint(
    pair: Pair, sender_cuts: Sequence[str], fit: FitSpec, budget: Budget, n_images: int = 8, seed: int = 0
) -> dict[str, Tensor]:
    """Fit a stitch from every sender cut into the receiver's input, and run held-out images through it.

    Args:
        pair: the two networks and the data, which must be images.
        sender_cuts: where the sender is cut.
        fit: how; its objective is replaced by ``match`` and by ``task``.
        budget: of memory.
        n_images: how many held-out images, spread evenly.
        seed: of the fits.

    Returns:
        Pictures (n_images, C, H, W) in 0-1 by title: ``original``, then ``match, CUT (ACCURACY)`` and
        ``task, CUT (ACCURACY)``.

    Raises:
        DataError: the examples are not images.
    """
    heldout = pair.data.heldout
    if heldout.images.ndim != 4:
        raise DataError(
            f"data {pair.data.name}: expected images (N, C, H, W) to paint, got {tuple(heldout.images.shape)}"
        )
    few = spread(torch.arange(len(heldout)), n_images)
    into = _IntoInput(pair)
    view = pair.receiver.network.view
    pictures = {"original": unshow(pair.receiver.inputs.images("held-out", few), view)}
    for objective in PAINTED:
        cells = [
            CellSpec(sender_cut=cut, receiver_cut=INPUT, objective=objective, seed=seed)
            for cut in sender_cuts
        ]
        fits = fit_grid(into, cells, replace(fit, objective=objective), budget)
        painted = {fitted.spec.sender_cut: fitted for fitted in fits}
        for cut in sender_cuts:
            fitted = painted[cut]
            (x,) = pair.sender.represent((cut,), "held-out", few, torch.float32)
            with torch.no_grad():
                pictures[f"{objective}, {cut} ({fitted.accuracy:.2f})"] = unshow(fitted.stitch(x), view)
    return pictures


def unshow(x: Tensor, view: View) -> Tensor:
    """Bring what a view shows back to 0-1, and clip; see :func:`modelstitch.data.views.show`.

    Example:
        >>> from modelstitch.data.views import show
        >>> view = View(mean=(0.5,), std=(0.25,))
        >>> unshow(show(torch.full((1, 1, 2, 2), 0.75), view), view).unique().tolist()
        [0.75]
    """
    x = x.flip(1) if view.bgr else x
    if view.mean is not None and view.std is not None:
        mean, std = x.new_tensor(view.mean), x.new_tensor(view.std)
        x = x * std[:, None, None] + mean[:, None, None]
    low, high = view.range or (0.0, 1.0)
    return ((x - low) / (high - low)).clamp(0, 1)


def contact_sheet(
    pictures: dict[str, Tensor], heading: str, words: Mapping[str, Sequence[str]] | None = None
) -> Figure:
    """Draw one row a title.

    Args:
        pictures: (n, C, H, W) in 0-1 by title, such as a kind of picture, the originals first; a row may have
            fewer than the first.
        heading: above all of them.
        words: below each picture, by title.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n = len(next(iter(pictures.values())))
    height = 0.95 if words is None else 1.35
    figure = Figure(figsize=(0.9 * n + 2.4, height * len(pictures) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(pictures), n, squeeze=False)
    for row, (title, images) in zip(axes, pictures.items(), strict=True):
        for ax in row[len(images) :]:
            ax.axis("off")
        for ax, image in zip(row, images, strict=False):
            shown = image[:3].permute(1, 2, 0).cpu().numpy() if len(image) >= 3 else image[0].cpu().numpy()
            ax.imshow(shown, vmin=0, vmax=1, cmap="gray", interpolation="nearest")
            ax.set_xticks([])
            ax.set_yticks([])
        for ax, text in zip(row, () if words is None else words[title], strict=False):
            ax.set_xlabel(text, fontsize=6)
        row[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
    figure.suptitle(heading, fontsize=10)
    return figure
