"""Geometry beside function: similarity before any stitch against the score of the stitched network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from modelstitch.report.context import PageContext
from modelstitch.specs import TRAINED

TEMPLATE = """
<section><h2>{{ t("page.geometry") }}</h2><p>{{ t("page.geometry_text") }}</p>
{#- #}<div id="scatter" data-measures="{{ scatter.measures | join('|') }}"><figure>
<svg viewBox="0 0 420 300" role="img" aria-label="{{ t("page.geometry") }}">
{#- #}<path class="axis" d="M50 10V260H410"/>
{%- for y, text in y_ticks -%}
<text class="name" x="44" y="{{ y }}" text-anchor="end">{{ text }}</text>
{%- endfor %}
{%- for x, text in x_ticks -%}
<text class="name" x="{{ x }}" y="276" text-anchor="middle">{{ text }}</text>
{%- endfor -%}
<text class="name" x="230" y="294" text-anchor="middle">{{ scatter.measures[0] }}</text>
{%- for x, y in scatter.points %}<circle cx="{{ x }}" cy="{{ y }}" r="5"/>{% endfor -%}
</svg></figure></div><details><summary>{{ t("page.as_table") }}</summary>
{{- table([t("page.cell"), scatter.measures[0], t("page.score")], scatter.rows, t("page.geometry")) -}}
</details></section>
"""

_KINDS = ("geometry", "geometry-pooled")
_FIRST = "geometry.cka"
_TICKS = ((0.0, "0"), (0.5, "0.5"), (1.0, "1"))


@dataclass(frozen=True)
class Scatter:
    """The picture without the page's program: points in its own units, and the same as a table.

    Attributes:
        measures: names; the first is drawn, the program offers the others.
        points: centres (x, y).
        rows: cell, value and score.
    """

    measures: list[str]
    points: list[tuple[float, float]]
    rows: list[list[str]]


def section(context: PageContext) -> Markup | None:
    """Return the scatter; None without a measure of geometry."""
    scatter = _scatter(context)
    if scatter is None:
        return None
    y_ticks = [(_y(share) + 4, text) for share, text in _TICKS]
    x_ticks = [(_x(share), text) for share, text in _TICKS]
    return context.fill(TEMPLATE, scatter=scatter, x_ticks=x_ticks, y_ticks=y_ticks)


def _scatter(context: PageContext) -> Scatter | None:
    measured = _measured(context)
    if not measured:
        return None
    first = _FIRST if _FIRST in measured else next(iter(measured))
    matrix = context.comparison.matrix(stitch=context.stitch)
    points, rows = [], []
    for (sender, receiver), values in measured[first].items():
        score = float(matrix.sel(sender_cut=sender, receiver_cut=receiver))
        value = sum(values) / len(values)
        if math.isnan(score):
            continue
        points.append((round(_x(min(1.0, max(0.0, value))), 1), round(_y(score), 1)))
        rows.append([f"{sender} → {receiver}", f"{value:.3f}", f"{score:.3f}"])
    return Scatter([first, *(name for name in measured if name != first)], points, rows)


def _measured(context: PageContext) -> dict[str, dict[tuple[str, str], list[float]]]:
    """Return by measure and cell the values of all seeds."""
    measured: dict[str, dict[tuple[str, str], list[float]]] = {}
    if not context.has_trained_grid:
        return measured
    for row in context.comparison.evidence:
        shown = row.kind in _KINDS and row.control == TRAINED and row.stitch == context.stitch
        if shown and row.value is not None and not row.name.endswith("_null"):
            cells = measured.setdefault(f"{row.kind}.{row.name}", {})
            cells.setdefault((row.sender_cut, row.receiver_cut), []).append(row.value)
    return measured


def _x(share: float) -> float:
    return 50 + 350 * share


def _y(share: float) -> float:
    return 260 - 240 * share
