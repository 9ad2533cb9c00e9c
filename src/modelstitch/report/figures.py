"""Figures for a paper: the matrices, the verdicts, geometry beside function, the capacity curves."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from modelstitch.errors import RunError, SpecError
from modelstitch.report.limits import readable
from modelstitch.results import plots
from modelstitch.results.comparison import Comparison
from modelstitch.results.curve_figure import curves_figure
from modelstitch.results.figure import kept_map
from modelstitch.results.plots import COLOURS, readable_on
from modelstitch.results.verdict_cells import legend
from modelstitch.specs import CONTROLS, TRAINED
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.places import why_not_written
from modelstitch.wording import say

_INCH = 25.4
_LETTER = 1.35
"""Millimetres of a letter of a title."""

# Marks that fonts of papers lack.
_IN_FONT = {"✓": "+", "◐": "~", "✕": "×"}

_NARROWEST, _WIDEST = 40.0, 600.0

# Text stays text in the files, in a font that journals take.
_STYLE: dict[Any, Any] = {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "legend.fontsize": 6,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "axes.linewidth": 0.5,
}


def figures(comparison: Comparison, width: float = 140.0) -> dict[str, Figure]:
    """Return the figures of a run by name: ``accuracy``, and ``verdicts``, ``geometry``,
    ``capacity`` if the run has them.

    Sender cuts are rows and receiver cuts columns; names such as R1111 are set as the paper sets them.

    Args:
        comparison: what was run.
        width: of each, in millimetres; ``verdicts`` and ``geometry``, of one picture, are at most 90 wide.

    Raises:
        SpecError: a width that no page has.

    Source: Hernandez et al. 2022, figures 2 to 5.
    """
    if not _NARROWEST <= width <= _WIDEST:
        raise SpecError(f"expected a width of {_NARROWEST:g} to {_WIDEST:g} millimetres, got {width:g}")
    stitch = readable(comparison).main_stitch
    with matplotlib.rc_context(_STYLE):
        drawn = {"accuracy": _accuracy(comparison, stitch, width)}
        if TRAINED in comparison.controls:
            if comparison.cell_verdicts(stitch):
                drawn["verdicts"] = _verdicts(comparison, stitch, width)
            geometry = _geometry(comparison, stitch, width)
            if geometry is not None:
                drawn["geometry"] = geometry
        if comparison.has_curves and TRAINED in comparison.controls:
            drawn["capacity"] = curves_figure(comparison, width / _INCH)
    return drawn


def write_figures(drawn: Mapping[str, Figure], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write figures to a folder, each whole or not at all; return the files.

    Raises:
        RunError: they cannot be written.
    """
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in drawn.items():
            for kind in formats:
                path = folder / f"{name}.{kind}"
                # No date, so that the same run gives the same file.
                metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
                save = partial(figure.savefig, format=kind, dpi=300, metadata=metadata)
                with matplotlib.rc_context(_STYLE | {"svg.hashsalt": "modelstitch"}):
                    atomic_write(path, save)
                paths.append(path)
    except OSError as error:
        raise RunError(
            f"cannot write figures to {str(folder)!r}: {why_not_written(folder, error)}"
        ) from error
    return paths


def typeset(name: str) -> str:
    """Return a name for a figure: R1111 with its digits below the line, everything else as plain text.

    Example:
        >>> typeset("R1111 (width 16, seed 0)"), typeset("cost_$5")
        ('$R_{1111}$ (width 16, seed 0)', 'cost_\\\\$5')
    """
    return re.sub(r"\bR(\d{2,})\b", r"$R_{\1}$", name.replace("$", r"\$"))


def _grid(n: int, comparison: Comparison, width: float, columns: int) -> tuple[Figure, list[Axes]]:
    senders, receivers = (len(names) for names in comparison.cut_names(comparison.controls[0]))
    columns = min(columns, n)
    rows = -(-n // columns)
    panel = width / _INCH / columns
    height = panel * (0.35 + 0.65 * senders / receivers)
    figure = Figure(figsize=(width / _INCH, rows * min(height, 2 * panel) + 0.35), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, columns, squeeze=False).flatten())
    for ax in axes[n:]:
        ax.set_axis_off()
    return figure, axes[:n]


def _label(ax: Axes, senders: Sequence[str], receivers: Sequence[str], title: str, width: float) -> None:
    """Name the cuts and the axes; ``width`` is that of the panel in millimetres."""
    ax.set_xticks(range(len(receivers)), [typeset(name) for name in receivers], rotation=40, ha="right")
    ax.set_yticks(range(len(senders)), [typeset(name) for name in senders])
    ax.set_xlabel("receiver cut")
    ax.set_ylabel("sender cut")
    ax.tick_params(length=2)
    ax.set_title("\n".join(textwrap.wrap(title, max(12, round(width / _LETTER)))))


def _fitting(width: float, n_columns: int, letters: int) -> float:
    """Return the font size in points at which ``letters`` fit a cell.

    Args:
        width: of the panel in millimetres; cells take 0.6 of it.
        n_columns: cells side by side.
        letters: of the longest text.
    """
    cell = 0.6 * width / _INCH * 72 / n_columns
    return max(2.5, min(6.0, 0.9 * cell / (0.62 * letters)))


def _accuracy(comparison: Comparison, stitch: str, width: float) -> Figure:
    figure, axes = _grid(len(comparison.controls), comparison, width, 3)
    panel = 0.88 * width / min(3, len(comparison.controls))
    for ax, control in zip(axes, comparison.controls, strict=True):
        values = comparison.matrix(control=control, stitch=stitch).to_numpy()
        moved = comparison.doubtful(control, stitch).to_numpy()
        image = ax.imshow(values, vmin=0, vmax=1, cmap=COLOURS, aspect="auto")
        size = _fitting(panel, values.shape[1], 4)
        for i, j in np.ndindex(values.shape):
            value = values[i, j]
            text = "–" if math.isnan(value) else f"{value:.2f}".lstrip("0").replace("1.00", "1")
            text += "?" if moved[i, j] else ""
            ink = "black" if math.isnan(value) else readable_on(image.cmap(float(value)))
            ax.text(j, i, text, ha="center", va="center", color=ink, fontsize=size)
        _label(ax, *comparison.cut_names(control), say(CONTROLS[control].title), panel)
    figure.colorbar(
        axes[0].images[0], ax=axes, label=f"held-out {comparison.score_name}", shrink=0.8, aspect=30
    )
    figure.suptitle(
        f"{typeset(comparison.sender)} into {typeset(comparison.receiver)}, {typeset(comparison.data)}",
        fontsize=8,
    )
    return figure


def _verdicts(comparison: Comparison, stitch: str, width: float) -> Figure:
    drawn = kept_map(comparison, stitch)
    assert drawn is not None
    senders, receivers = comparison.cut_names(TRAINED)
    width = min(width, 90.0)
    wrapped = [textwrap.wrap(line, round(0.8 * width)) for line in legend(comparison, stitch)]
    words = "\n".join(line for lines in wrapped for line in lines)
    figure, (ax,) = _grid(1, comparison, width, 1)
    below = 0.13 * (words.count("\n") + 1)
    figure.set_size_inches(width / _INCH, figure.get_size_inches()[1] + below)
    texts = [[_in_font(text) for text in row] for row in drawn.texts]
    plots.kept_map(replace(drawn, texts=texts), ax, _fitting(0.8 * width, len(receivers), 7))
    plots.kept_bar(figure, ax, drawn.lines, "kept", shrink=0.9, aspect=30)
    title = f"{comparison.sender} into {comparison.receiver}, {comparison.data}"
    _label(ax, senders, receivers, typeset(title), 0.8 * width)
    figure.supxlabel(_in_font(words), fontsize=5.5, ha="left", x=0.01)
    return figure


def _in_font(text: str) -> str:
    return "".join(_IN_FONT.get(letter, letter) for letter in text)


def _geometry(comparison: Comparison, stitch: str, width: float) -> Figure | None:
    rows = [
        row
        for row in comparison.evidence
        if (row.kind, row.name, row.control, row.stitch) == ("geometry", "cka", TRAINED, stitch)
        and row.value is not None
    ]
    if not rows:
        return None
    scores = {
        (cell.sender_cut, cell.receiver_cut, cell.seed): cell.score
        for cell in comparison.cells
        if cell.control == TRAINED and cell.stitch == stitch and cell.score is not None
    }
    points = [
        (row.value or 0.0, scores[place])
        for row in rows
        if (place := (row.sender_cut, row.receiver_cut, row.seed)) in scores
    ]
    side = min(width, 90.0) / _INCH
    figure = Figure(figsize=(side, 0.8 * side), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.scatter([x for x, _ in points], [y for _, y in points], s=10, alpha=0.7, linewidths=0)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("debiased linear CKA of provided and expected representation")
    ax.set_ylabel(f"held-out {comparison.score_name} of the stitched network")
    return figure
