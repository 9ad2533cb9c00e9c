"""How large a stitch is needed: for each cell the smallest that is interchangeable, and what is real."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.context import PageContext
from modelstitch.results.curves import Curve, CurvePoint, capacity_curves

TEMPLATE = """
<section><h2>{{ t("page.curves") }}</h2><p>{{ t("page.curves_text") }}</p>
{{- table(headings, rows, t("page.curves")) -}}
</section>
"""


def section(context: PageContext) -> Markup | None:
    """Return the table of curves; None without enough stitches for a curve."""
    if not context.comparison.has_curves or not context.has_trained_grid:
        return None
    rows = [_row(context, curve) for curve in capacity_curves(context.comparison) if curve.points]
    keys = ("page.cell", "page.interchangeable_from", "page.ahead", "page.caught_up")
    return context.fill(TEMPLATE, headings=[context.t(key) for key in keys], rows=rows) if rows else None


def _row(context: PageContext, curve: Curve) -> list[str]:
    cell = f"{curve.sender_cut} → {curve.receiver_cut}"
    if not curve.is_judged:
        return [cell, *[context.t("page.not_judged")] * 3]
    caught = _stitch(context, curve.caught_up)
    if curve.caught_up_by is not None:
        sender = context.t(f"page.by_{curve.caught_up_by.replace('-', '_')}")
        caught = context.t("page.caught_up_by", stitch=caught, sender=sender)
    return [cell, _stitch(context, curve.interchangeable), _stitch(context, curve.ahead), caught]


def _stitch(context: PageContext, point: CurvePoint | None) -> str:
    if point is None:
        return context.t("page.never")
    named = context.t("page.parameters", stitch=point.stitch, n=point.n_parameters)
    if point.verdict is None or point.verdict.kept != point.verdict.kept:
        return named
    ends = {name: 100 * getattr(point.verdict, name) for name in ("kept", "kept_low", "kept_high")}
    kept = context.t("page.with_range", kept=ends["kept"], low=ends["kept_low"], high=ends["kept_high"])
    return context.t("page.with_kept", stitch=named, kept=kept)
