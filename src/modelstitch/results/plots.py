"""Pictures of labelled matrices; every function takes an Axes and returns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from modelstitch.util.atomic_files import atomic_write

COLOURS = "viridis"
"""Colour map of every picture of scores."""

KEPT_COLOURS = "plasma"
"""Colour map of what is kept: another one, so that the two are not taken for each other."""


@dataclass(frozen=True)
class ScoreMap:
    """A map of scores.

    Attributes:
        title: above it.
        scores: by ``sender_cut`` and ``receiver_cut``.
        doubtful: true where a value had not converged.
        below: further text of a cell, by (sender cut, receiver cut).
    """

    title: str
    scores: xr.DataArray
    doubtful: xr.DataArray | None = None
    below: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class KeptMap:
    """A map of verdicts.

    Attributes:
        title: above it.
        kept: colours, by ``sender_cut`` and ``receiver_cut``; NaN leaves a cell grey.
        texts: what stands in each cell, row by row.
        lines: shares at which the rule draws its lines; they are marked on the colour bar.
    """

    title: str
    kept: xr.DataArray
    texts: Sequence[Sequence[str]]
    lines: Sequence[float]


def heatmap(
    matrix: xr.DataArray,
    ax: Axes | None = None,
    title: str = "",
    doubtful: xr.DataArray | None = None,
    below: Mapping[tuple[str, str], str] | None = None,
) -> Axes:
    """Draw a matrix of scores, sender cuts in rows and receiver cuts in columns, on the colour scale 0-1.

    Args:
        matrix: dimensions ``sender_cut`` and ``receiver_cut``, values in 0-1; NaN where a cell failed or
            does not exist.
        ax: where to draw; a new figure without it.
        title: above the picture.
        doubtful: true where a value had not converged; it gets a question mark.
        below: further text by (sender cut, receiver cut).

    Returns:
        The Axes.
    """
    if ax is None:
        from matplotlib import pyplot as plt

        _, ax = plt.subplots(figsize=_size(matrix), layout="constrained")
    matrix = matrix.transpose("sender_cut", "receiver_cut")
    values = matrix.to_numpy()
    marked = (
        np.zeros(values.shape, dtype=bool)
        if doubtful is None
        else doubtful.transpose("sender_cut", "receiver_cut").to_numpy()
    )
    image = ax.imshow(values, vmin=0, vmax=1, cmap=COLOURS, aspect="auto")
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        text = "–" if np.isnan(value) else f"{value:.2f}{'?' if marked[row, column] else ''}"
        place = (str(matrix["sender_cut"].to_numpy()[row]), str(matrix["receiver_cut"].to_numpy()[column]))
        text += f"\n{below[place]}" if below and place in below else ""
        _write(ax, image, (row, column), text, 9 if max(values.shape) <= 10 else 6)
    _name(ax, matrix, title)
    return ax


def kept_map(drawn: KeptMap, ax: Axes, size: float = 9) -> Axes:
    """Draw a map of verdicts: colour by what is kept, and the text of each cell.

    Args:
        drawn: what to draw.
        ax: where to draw it.
        size: of the text in points.

    Returns:
        The Axes; its first image has the colours.
    """
    kept = drawn.kept.transpose("sender_cut", "receiver_cut")
    colours = colormaps[KEPT_COLOURS].with_extremes(bad=_GREY)
    image = ax.imshow(np.ma.masked_invalid(kept.to_numpy()), vmin=0, vmax=1, cmap=colours, aspect="auto")
    for row, column in np.ndindex(kept.shape):
        _write(ax, image, (row, column), drawn.texts[row][column], size)
    _name(ax, kept, drawn.title)
    return ax


def kept_bar(figure: Figure, ax: Axes, lines: Sequence[float], label: str, **options: Any) -> None:
    """Draw the colour bar of a map of verdicts, with the lines of the rule on it.

    Args:
        figure: where to draw.
        ax: of the map.
        lines: shares.
        label: beside the bar.
        options: of ``Figure.colorbar``.
    """
    bar = figure.colorbar(ax.images[0], ax=ax, label=label, **options)
    ticks = sorted({0.0, 1.0, *lines})
    bar.set_ticks(ticks, labels=[f"{100 * share:g} %" for share in ticks])
    for share in lines:
        bar.ax.axhline(share, color="white", linewidth=2)
        bar.ax.axhline(share, color="black", linewidth=1)


_GREY = "#d0d3da"


def _write(ax: Axes, image: AxesImage, at: tuple[int, int], text: str, size: float) -> None:
    """Write a text into a cell in an ink that is readable on its colour."""
    row, column = at
    value = image.get_array()[row, column]  # type: ignore[index]
    known = not np.ma.is_masked(value) and not np.isnan(value)
    ink = readable_on(image.cmap(float(value))) if known else "black"
    ax.text(column, row, text, ha="center", va="center", fontsize=size, color=ink)


def _name(ax: Axes, matrix: xr.DataArray, title: str) -> None:
    """Write the names of the cuts and of the axes, and the title."""
    receivers = [str(name) for name in matrix["receiver_cut"].to_numpy()]
    senders = [str(name) for name in matrix["sender_cut"].to_numpy()]
    long = max(map(len, receivers)) * len(receivers) > 60
    ax.set_xticks(
        range(len(receivers)), receivers, rotation=35 if long else 0, ha="right" if long else "center"
    )
    ax.set_yticks(range(len(senders)), senders)
    ax.set_xlabel("receiver cut: the layers after it are used")
    ax.set_ylabel("sender cut: the layers up to it are used")
    ax.set_title(title, fontsize=10)


def readable_on(colour: tuple[float, ...]) -> str:
    """Choose black or white, whichever has the higher contrast (relative luminance of WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "white"


def _size(matrix: xr.DataArray) -> tuple[float, float]:
    return 2.2 + 0.75 * matrix.sizes["receiver_cut"], 1.8 + 0.55 * matrix.sizes["sender_cut"]


def sheet(
    panels: Sequence[ScoreMap],
    heading: str,
    score_name: str = "accuracy",
    kept: Sequence[KeptMap] = (),
    legend: Sequence[str] = (),
) -> Figure:
    """Draw several matrices in one figure, two in a row, with one colour scale 0-1 for all.

    Maps of verdicts come first. They have a colour scale of their own.

    Args:
        panels: maps of scores, at least one.
        heading: above all of them.
        score_name: what the values are.
        kept: maps of verdicts.
        legend: of these, a line each below everything.
    """
    columns = min(2, len(kept) + len(panels))
    rows = -(-(len(kept) + len(panels)) // columns)
    width, height = _size(panels[0].scores)
    beside = 1.4 if kept else 0.0
    size = (columns * width + 1.0 + beside, rows * (height + 0.3) + 0.6 + 0.16 * len(legend))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, columns, squeeze=False).flatten())
    maps, scores, rest = axes[: len(kept)], axes[len(kept) : len(kept) + len(panels)], axes
    for ax, drawn in zip(maps, kept, strict=True):
        kept_map(drawn, ax, 8 if max(drawn.kept.shape) <= 10 else 5)
        kept_bar(figure, ax, drawn.lines, "kept", shrink=0.9)
    for ax, panel in zip(scores, panels, strict=True):
        heatmap(panel.scores, ax, panel.title, panel.doubtful, panel.below)
    for ax in rest[len(kept) + len(panels) :]:
        ax.set_axis_off()
    label = f"held-out {score_name} of the stitched network"
    figure.colorbar(scores[0].images[0], ax=scores, label=label, shrink=0.8)
    figure.suptitle(heading, fontsize=11)
    if legend:
        lines = [fill(line, round(14 * size[0])) for line in legend]
        figure.supxlabel("\n".join(lines), fontsize=8, ha="left", x=0.01)
    return figure


_NARROWEST = 1.8
"""Inches that a picture of curves takes at least, where the width of the figure is given."""


@dataclass(frozen=True)
class Line:
    """One line of a picture of curves.

    Attributes:
        parameters, values: of its points.
        low, high: ends of the intervals of the values; None without them.
        dotted: whether it is drawn thin and dotted.
    """

    parameters: Sequence[float]
    values: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    dotted: bool = False


def capacity(
    panels: Sequence[tuple[str, Mapping[str, Line]]],
    levels: Sequence[float],
    heading: str,
    width: float | None = None,
    label: str = "accuracy",
) -> Figure:
    """Draw values against the number of parameters: one picture for each cell.

    Args:
        panels: title of each, and its lines by name.
        levels: heights of dashed lines, such as the score of the whole receiver.
        heading: above all of them.
        width: of the figure in inches; the natural width of the pictures without it.
        label: what the values are.
    """
    columns = min(5 if width is None else max(1, int(width / _NARROWEST)), len(panels))
    rows = -(-len(panels) // columns)
    inches = max(7.0, 2.6 * columns + 1.0) if width is None else width  # heading and legend need room too
    height = rows * max(1.6, 0.85 * (inches - 1) / columns) + 1.2
    figure = Figure(figsize=(inches, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).flatten()
    names = list(dict.fromkeys(name for _, lines in panels for name in lines))
    for ax, (title, lines) in zip(axes, panels, strict=False):
        for name, line in lines.items():
            _draw(ax, name, line, f"C{names.index(name) % 10}")
        for level in levels:
            ax.axhline(level, linestyle="--", color="grey", linewidth=0.8)
        ax.set_xscale("log")
        ax.set_ylim(-0.05, 1.05)
        ax.set_title(title, fontsize=8)
        ax.tick_params(labelsize=7)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    # A label of the whole figure would lie under the legend.
    for ax in axes[max(0, len(panels) - columns) : len(panels)]:
        ax.set_xlabel("parameters (0.5: none)", fontsize=7)
    shown = {
        name: handle for ax in axes for handle, name in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    figure.supylabel(label, fontsize=9)
    figure.legend(
        shown.values(), shown.keys(), loc="outside lower center", ncols=int(inches / 1.8), fontsize=7
    )
    figure.suptitle(heading, fontsize=min(11, 1.5 * inches))
    return figure


def _draw(ax: Axes, name: str, line: Line, colour: str) -> None:
    # An identity has no parameters, and a logarithmic axis no zero.
    parameters = [max(0.5, n) for n in line.parameters]
    style = {"linestyle": ":", "linewidth": 1.0} if line.dotted else {"marker": "o", "markersize": 3}
    ax.plot(parameters, line.values, color=colour, label=name, **style)  # type: ignore[arg-type]
    if line.low is not None and line.high is not None:
        ax.fill_between(parameters, line.low, line.high, color=colour, alpha=0.2, linewidth=0)


def save(figure: Figure, path: Path) -> None:
    """Write ``figure`` to ``path`` as PNG, whole or not at all."""
    atomic_write(path, lambda unfinished: figure.savefig(unfinished, format="png", dpi=150))
