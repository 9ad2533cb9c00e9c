"""All cells of the pair as one table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from modelstitch.evidence.verdict import Verdict
from modelstitch.report.context import PageContext
from modelstitch.results.rows import CellRow
from modelstitch.results.verdict_cells import percent
from modelstitch.specs import TRAINED
from modelstitch.specs.verdicts import Learnt

TEMPLATE = """
<section>
<h2>{{ t("page.cells") }}</h2>
<details><summary>{{ t("page.as_table") }}</summary>{{ table(head, rows, t("page.cells")) }}</details>
{% if left_out %}<p>{{ t("page.cells_left_out", n=left_out) }}</p>{% endif %}
</section>
"""

MOST_ROWS = 400
"""Rows of the table; cells.csv has all."""

_COLUMNS = (
    *("sender", "receiver", "stitch", "seed", "score"),
    *("interval", "penalty", "converged", "verdict", "kept", "learnt"),
)
_CONVERGED = {True: "page.yes", False: "page.no", None: "page.fixed"}


def section(context: PageContext) -> Markup:
    """Return the table of cells."""
    cells = [cell for cell in context.comparison.cells if cell.control == TRAINED]
    shown = _shown(cells, context.stitch)
    verdicts = context.comparison.verdicts()
    rows = [_row(context, cell, verdicts.get(cell.key)) for cell in shown]
    # A column that says the same in every row says nothing.
    varies = {
        "stitch": len({cell.stitch for cell in shown}) > 1,
        "seed": len({cell.seed for cell in shown}) > 1,
    }
    columns = [name for name in _COLUMNS if varies.get(name, True)]
    return context.fill(
        TEMPLATE,
        head=[context.t(f"page.{name}") for name in columns],
        rows=[[row[name] for name in columns] for row in rows],
        left_out=len(cells) - len(shown),
    )


def _shown(cells: Sequence[CellRow], stitch: str) -> Sequence[CellRow]:
    """Return the cells that the table has room for: at worst the main stitch with its first seed."""
    if len(cells) > MOST_ROWS:
        cells = [cell for cell in cells if cell.stitch == stitch]
    if len(cells) > MOST_ROWS:
        cells = [cell for cell in cells if cell.seed == cells[0].seed]
    return cells


def _row(context: PageContext, cell: CellRow, verdict: Verdict | None) -> dict[str, str | int]:
    comparison, score = context.comparison, cell.score
    whole = comparison.baseline("receiver", cell.control)
    row: dict[str, str | int] = {
        "sender": cell.sender_cut,
        "receiver": cell.receiver_cut,
        "stitch": cell.stitch,
        "seed": cell.seed,
        "score": "–",
        "interval": "–",
        "penalty": "–",
        "converged": context.t(_CONVERGED[cell.converged]),
        "verdict": "–",
        "kept": "–",
        "learnt": "–",
    }
    if score is not None:
        low, high = cell.interval or (math.nan, math.nan)
        row["score"] = f"{score:.4f}"
        row["interval"] = f"{low:.3f} – {high:.3f}"
        if whole is not None:
            row["penalty"] = f"{whole - score:+.4f}"
    if verdict is not None:
        row["verdict"] = context.t(f"verdict.{verdict.name}")
        if not math.isnan(verdict.kept):
            ends = context.t("ui.between", low=percent(verdict.kept_low), high=percent(verdict.kept_high))
            row["kept"] = f"{percent(verdict.kept)}{context.t('ui.percent')}{ends}"
        if verdict.learnt is not Learnt.NOT_ASKED:
            row["learnt"] = context.t(f"learnt.{verdict.learnt}")
    return row
