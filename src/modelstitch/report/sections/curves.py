"""How large a stitch is needed: for each cell the smallest that suffices, and the smallest of a control."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.context import PageContext
from modelstitch.results.curves import CurvePoint, capacity_curves

TEMPLATE = """
<section><h2>{{ t("page.curves") }}</h2><p>{{ t("page.curves_text") }}</p>
{{- table([t("page.cell"), t("page.sufficient"), t("page.caught_up")], rows, t("page.curves")) -}}
</section>
"""


def section(context: PageContext) -> Markup | None:
    """Return the table of curves; None without enough stitches for a curve."""
    if not context.comparison.has_curves or not context.has_trained_grid:
        return None

    def stitch(point: CurvePoint | None) -> str:
        if point is None:
            return context.t("page.never")
        return context.t("page.parameters", stitch=point.stitch, n=point.n_parameters)

    rows = [
        [f"{curve.sender_cut} → {curve.receiver_cut}", stitch(curve.sufficient), stitch(curve.caught_up)]
        for curve in capacity_curves(context.comparison)
        if curve.points
    ]
    return context.fill(TEMPLATE, rows=rows) if rows else None
