"""The heat maps of the page as plain values: what stands in each cell, in which colours.

The page's program makes each cell a button with a description. Without the program a map is one picture,
and the table below it says the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from modelstitch.evidence.verdict import Thresholds
from modelstitch.results.colours import palette, shade
from modelstitch.results.comparison import Comparison
from modelstitch.results.plots import KEPT_COLOURS
from modelstitch.results.verdict_cells import legend, score_in_words, verdict_cells
from modelstitch.specs import CONTROLS
from modelstitch.wording import plain, translated


@dataclass(frozen=True)
class Square:
    """One cell of a map: its place, the text in it, its colours, and a second line of text."""

    row: int
    column: int
    text: str
    fill: str
    ink: str
    second: str = ""

    @property
    def in_table(self) -> str:
        """Both lines as one."""
        return f"{self.text} · {self.second}" if self.second else self.text


@dataclass(frozen=True)
class Bar:
    """The colour bar of the map of verdicts.

    Attributes:
        shades: from 0 to 1.
        lines: shares at which the rule draws its lines.
    """

    shades: tuple[str, ...]
    lines: tuple[float, ...]


@dataclass(frozen=True)
class Map:
    """One heat map.

    Attributes:
        name: ``verdict``, or the control whose grid it shows.
        title, note: above it.
        rows, columns: names of the sender's and of the receiver's cuts.
        squares: row by row.
        width, height: of the picture, in its own units.
        left, top: where the squares begin.
        side: of a square, width and height.
        legend: sentences below it.
        bar: its colour bar; None for a map on the common scale.
    """

    name: str
    title: str
    note: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    squares: tuple[Square, ...]
    side: tuple[int, int] = (54, 34)
    legend: tuple[str, ...] = ()
    bar: Bar | None = None

    @property
    def left(self) -> int:
        # Names of columns lean to the left below the squares, so that the first of them may need room too.
        rows, columns = (max(map(len, map(short, names))) for names in (self.rows, self.columns))
        return 14 + round(max(6.6 * rows, 5.4 * columns - self.side[0] / 2))

    @property
    def top(self) -> int:
        return 12

    @property
    def bottom(self) -> int:
        return 24 + round(4.8 * max(map(len, map(short, self.columns))))

    @property
    def width(self) -> int:
        return self.left + self.side[0] * len(self.columns) + 8

    @property
    def height(self) -> int:
        return self.top + self.side[1] * len(self.rows) + self.bottom


def short(name: str, longest: int = 26) -> str:
    """Return a name cut to ``longest`` characters, its end kept, since that is what tells cuts apart.

    Example:
        >>> short("backbone.features.stage.3.block.2.out", 12)
        '….block.2.out'
    """
    return name if len(name) <= longest else "…" + name[-longest:]


def accuracy_map(comparison: Comparison, control: str, stitch: str, language: str) -> Map:
    """Return the map of accuracies of one control, the mean over its seeds."""
    matrix = comparison.matrix(control=control, stitch=stitch)
    moved = comparison.doubtful(control, stitch).to_numpy()
    values = matrix.to_numpy()
    squares = []
    for i, j in np.ndindex(values.shape):
        value = None if math.isnan(values[i, j]) else float(values[i, j])
        text = "–" if value is None else f"{value:.2f}{'?' if moved[i, j] else ''}"
        squares.append(Square(i, j, text, *shade(value)))
    whole = comparison.baseline("receiver", control)
    note = "" if whole is None or CONTROLS[control].read_out else plain("page.whole", language, value=whole)
    return Map(control, plain(CONTROLS[control].title, language), note, *_names(matrix), tuple(squares))


def verdict_map(comparison: Comparison, stitch: str, language: str) -> Map | None:
    """Return the map of verdicts over all seeds, or None where none was reached."""
    verdicts = comparison.cell_verdicts(stitch)
    if not verdicts:
        return None
    matrix = comparison.matrix(stitch=stitch)
    percent = plain("ui.percent", language).replace("\u00a0", " ")
    squares = tuple(
        Square(i, j, cell.word.replace(" %", percent), *shade(cell.kept, KEPT_COLOURS), cell.score)
        for i, row in enumerate(verdict_cells(matrix, verdicts, stitch))
        for j, cell in enumerate(row)
    )
    lines = Thresholds()
    return Map(
        "verdict",
        plain("page.verdicts", language),
        plain(
            "page.verdicts_note", language, score=translated(score_in_words(comparison.score_name), language)
        ),
        *_names(matrix),
        squares,
        side=(70, 42),
        legend=tuple(translated(text, language) for text in legend(comparison, stitch)),
        bar=Bar(tuple(palette(KEPT_COLOURS)), (lines.kept_low, lines.kept_high)),
    )


def _names(matrix: xr.DataArray) -> tuple[tuple[str, ...], tuple[str, ...]]:
    senders, receivers = (
        tuple(str(name) for name in matrix[axis].to_numpy()) for axis in ("sender_cut", "receiver_cut")
    )
    return senders, receivers
