"""What a stitch from each sender cut into the receiver's *input* paints: pictures of what the representation holds.

Source: Hernandez et al. 2022, section 5, who generated images in this way. The task-fitted stitch may paint whatever makes the receiver say
the right class; the match-fitted one paints the image itself as well as an affine map can.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from modelstitch.cutting import Cut
from modelstitch.cutting.layouts import recognise
from modelstitch.data.parts import DataPart
from modelstitch.errors import DataError
from modelstitch.fitting.schedules import spread
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.pool import Pair
from modelstitch.grid.side import Side
from modelstitch.specs import CellSpec, FitSpec, View
from modelstitch.tasks import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUT = "input"
OBJECTIVES = ("match", "task")


class InputSide(Side):
    """A receiver whose only cut is its own input.

    Args:
        like: the receiver.
    """

    def __init__(self, like: Side) -> None:
        super().__init__(like.network, like.data, like=like)
        shape = tuple(self.images(self.data.train, torch.arange(1)).shape[1:])
        self._input = Cut(INPUT, (), recognise(shape), True)
        frozen = copy.deepcopy(self.network.module).eval()
        for parameter in frozen.parameters():
            parameter.requires_grad_(False)
        self._whole = frozen

    def cut(self, name: str) -> Cut:
        return self._input

    def represent(
        self,
        names: Sequence[str],
        split: DataPart,
        indices: Tensor,
        dtype: torch.dtype,
        *,
        plain: bool = False,
    ) -> tuple[Tensor, ...]:
        return tuple(self.images(split, indices).to(dtype) for _ in names)

    def prefix(self, *names: str) -> nn.Module:
        return _Same(len(names))

    def fast_prefix(self, names: tuple[str, ...], dtype: torch.dtype) -> nn.Module:
        return _Same(len(names))

    def suffix(self, name: str) -> nn.Module:
        return self._scoring(self._whole)

    def fast_suffix(self, name: str, dtype: torch.dtype, later: tuple[str, ...] | None = None) -> nn.Module:
        return _InFloat32(self._whole, self.data.task)


class _Same(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: Tensor, **more: Tensor) -> tuple[Tensor, ...]:
        return (x,) * self.n


class _InFloat32(nn.Module):
    def __init__(self, module: nn.Module, task: Task) -> None:
        super().__init__()
        self.module, self.task = module, task

    def forward(self, x: Tensor, **more: Tensor) -> Tensor:
        return self.task.outputs_of(self.module(x.float(), **more))


class _IntoInput(Pair):
    """A pair stitched into the receiver's input."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair.sender.network, pair.receiver.network, pair.data, pair.pool)
        self._painted = InputSide(self.receiver)

    def sides(self, control: str, seed: int) -> tuple[Side, Side]:
        return self.sender, self._painted


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
        Pictures (n_images, C, H, W) in 0-1, by what they are: ``original``, then ``match, CUT`` and ``task, CUT`` with the accuracy.

    Raises:
        DataError: the examples are no images.
    """
    heldout = pair.data.heldout
    if heldout.images.ndim != 4:
        raise DataError(
            f"data {pair.data.name}: expected images (N, C, H, W) to paint, got {tuple(heldout.images.shape)}"
        )
    few = spread(torch.arange(len(heldout)), n_images)
    into = _IntoInput(pair)
    view = pair.receiver.network.view
    found = {"original": unshow(pair.receiver.images(heldout, few), view)}
    for objective in OBJECTIVES:
        cells = [
            CellSpec(sender_cut=cut, receiver_cut=INPUT, objective=objective, seed=seed)  # type: ignore[arg-type]
            for cut in sender_cuts
        ]
        painted = {
            each.spec.sender_cut: each
            for each in fit_grid(into, cells, replace(fit, objective=objective), budget)  # type: ignore[arg-type]
        }
        for cut in sender_cuts:
            each = painted[cut]
            (x,) = pair.sender.represent((cut,), heldout, few, torch.float32)
            with torch.no_grad():
                found[f"{objective}, {cut} ({each.accuracy:.2f})"] = unshow(each.stitch(x), view)
    return found


def unshow(x: Tensor, view: View) -> Tensor:
    """Undo the standardisation of a view and clip to 0-1; see :func:`modelstitch.data.views.show`.

    Example:
        >>> from modelstitch.data.views import show
        >>> view = View(mean=(0.5,), std=(0.25,))
        >>> unshow(show(torch.full((1, 1, 2, 2), 0.75), view), view).unique().tolist()
        [0.75]
    """
    if view.mean is not None and view.std is not None:
        mean, std = x.new_tensor(view.mean), x.new_tensor(view.std)
        x = x * std[:, None, None] + mean[:, None, None]
    return x.clamp(0, 1)


def contact_sheet(pictures: dict[str, Tensor], heading: str) -> Figure:
    """Draw one row a kind of picture, the originals first.

    Args:
        pictures: (n, C, H, W) in 0-1 by title.
        heading: above all of them.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n = len(next(iter(pictures.values())))
    figure = Figure(figsize=(0.9 * n + 2.4, 0.95 * len(pictures) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(pictures), n, squeeze=False)
    for row, (title, images) in zip(axes, pictures.items(), strict=True):
        for ax, image in zip(row, images, strict=True):
            shown = image[:3].permute(1, 2, 0).cpu().numpy() if len(image) >= 3 else image[0].cpu().numpy()
            ax.imshow(shown, vmin=0, vmax=1, cmap="gray", interpolation="nearest")
            ax.set_xticks([])
            ax.set_yticks([])
        row[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
    figure.suptitle(heading, fontsize=10)
    return figure
