"""The paper's tables of errors between representations."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.context import PageContext
from modelstitch.specs import CONTROLS
from modelstitch.wording import plain

TEMPLATE = """
<section><h2>{{ t("page.errors") }}</h2><p>{{ t("page.errors_text") }}</p>
{#- #}<details><summary>{{ t("page.as_table") }}</summary>
{{- table(head, rows, t("page.errors")) }}</details></section>
"""

_HEAD = ("grid", "stitch", "error", "part", "minimum", "mean", "maximum", "deviation")


def _part(context: PageContext, part: str) -> str:
    return plain(f"part.{part}", context.language)


def section(context: PageContext) -> Markup | None:
    """Return the table of errors; None where they were not measured."""
    frame = context.comparison.error_table()
    if not len(frame):
        return None
    rows = [
        [
            context.t(CONTROLS[row["control"]].title),
            row["stitch"],
            row["error"],
            f"{_part(context, row['cells'])} ({row['n']})",
            *(f"{row[name]:.3g}" for name in ("minimum", "mean", "maximum", "standard_deviation")),
        ]
        for row in frame.to_dict("records")
    ]
    return context.fill(TEMPLATE, head=[context.t(f"page.{name}") for name in _HEAD], rows=rows)
