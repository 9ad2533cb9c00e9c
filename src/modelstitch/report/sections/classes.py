"""Classes that the cell of the first screen gains and loses against the whole receiver."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.answer import findings_of
from modelstitch.report.context import PageContext
from modelstitch.report.first_lines import recommended

TEMPLATE = """
<section id="classes"><h2>{{ t("page.classes") }}</h2><p>{{ text }}</p>
{{ table(head, rows, t("page.classes")) }}</section>
"""

_MOST = 20
_HEAD = ("class", "n_examples", "gained", "lost", "net")


def section(context: PageContext) -> Markup | None:
    """Return the table of classes, the largest change first; None where it is not known."""
    place = recommended(findings_of(context.comparison, context.stitch), context.beyond)
    if place is None:
        return None
    of_cell = [
        row
        for row in context.beyond.classes
        if (row.sender_cut, row.receiver_cut, row.stitch) == (*place, context.stitch)
    ]
    first = min((row.seed for row in of_cell), default=0)
    rows = sorted((row for row in of_cell if row.seed == first), key=lambda row: (row.net, row.name))
    if not rows:
        return None
    shown = rows if len(rows) <= _MOST else [*rows[: _MOST // 2], *rows[-_MOST // 2 :]]
    return context.fill(
        TEMPLATE,
        text=context.t("page.classes_text", sender=place[0], receiver=place[1]),
        head=[context.t(f"page.{name}") for name in _HEAD],
        rows=[(row.name, row.n, row.gained, row.lost, f"{row.net:+d}") for row in shown],
    )
