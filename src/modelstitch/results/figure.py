"""Pictures of a comparison: its grids beside each other, with their controls and their baselines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modelstitch.evidence.verdict import Thresholds
from modelstitch.results import plots, sentences
from modelstitch.results.verdict_cells import legend, verdict_cell, verdict_cells, verdicts_of_control
from modelstitch.specs import CONTROLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from modelstitch.results.comparison import Comparison


def heatmap(comparison: Comparison, ax: Axes | None, control: str, stitch: str | None) -> Axes:
    """Draw the matrix of one control; the main stitch where none is named."""
    chosen = stitch or comparison.main_stitch
    return plots.heatmap(
        comparison.matrix(control=control, stitch=chosen),
        ax,
        title(comparison, control, chosen),
        comparison.doubtful(control, chosen),
    )


def figure(comparison: Comparison) -> Figure:
    """Draw the maps of verdicts, then the matrices of all controls and stitches, on one scale each."""
    panels = [
        plots.ScoreMap(
            title=title(comparison, control, stitch),
            scores=comparison.matrix(control=control, stitch=stitch),
            doubtful=comparison.doubtful(control, stitch),
            below={
                place: verdict_cell(verdict, math.nan).word
                for place, verdict in verdicts_of_control(comparison, control, stitch).items()
            },
        )
        for stitch in comparison.stitches
        for control in comparison.controls
    ]
    kept = [drawn for stitch in comparison.stitches if (drawn := kept_map(comparison, stitch)) is not None]
    words = legend(comparison, comparison.main_stitch) if kept else ()
    return plots.sheet(panels, heading(comparison), comparison.score_name, kept, words)


def kept_map(comparison: Comparison, stitch: str) -> plots.KeptMap | None:
    """Return the map of verdicts on one stitch over all seeds; None where there is no verdict."""
    verdicts = comparison.cell_verdicts(stitch)
    if not verdicts:
        return None
    matrix = comparison.matrix(stitch=stitch)
    cells = verdict_cells(matrix, verdicts, stitch)
    kept = matrix.copy(data=[[math.nan if one.kept is None else one.kept for one in row] for row in cells])
    lines = Thresholds()
    return plots.KeptMap(
        title=f"verdicts{_which(comparison, stitch)}\nkept, and {comparison.score_name}",
        kept=kept,
        texts=[[f"{one.word}\n{one.score}" for one in row] for row in cells],
        lines=(lines.kept_low, lines.kept_high),
    )


def heading(comparison: Comparison) -> str:
    """Return what stands above all matrices: the pair, the data, and what weakens the numbers."""
    n_seeds = len({cell.seed for cell in comparison.cells})
    text = (
        f"{comparison.sender} into {comparison.receiver} on {comparison.data}: "
        f"{comparison.cells[0].n_heldout} held-out examples, "
        f"{n_seeds} fitting seed{'s' if n_seeds > 1 else ''}"
    )
    if comparison.failed:
        text += f"; {len(comparison.failed)} cells failed"
    if comparison.unconverged:
        text += f"; {len(comparison.unconverged)} cells marked ? had not converged"
    if len(comparison.controls) == 1:
        text += "\nno controls were run: a high value may be the stitch's own work"
    return text


def title(comparison: Comparison, control: str, stitch: str) -> str:
    """Return what stands above one matrix: the control, the stitch if there are several, the baselines."""
    absent = {"sender": CONTROLS[control].label_only, "receiver": CONTROLS[control].read_out}
    whole = ", ".join(
        f"whole {role} {_shown(comparison.baseline(role, control))}" for role in absent if not absent[role]
    )
    return f"{sentences.title(control)}{_which(comparison, stitch)}\n{whole}"


def _which(comparison: Comparison, stitch: str) -> str:
    return f" ({stitch})" if len(comparison.stitches) > 1 else ""


def _shown(value: float | None) -> str:
    return "has no such classes" if value is None else f"{value:.3f}"
