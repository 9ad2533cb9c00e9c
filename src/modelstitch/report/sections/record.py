"""Who did what with each exported candidate, and who checked it: its ledger, and what was accepted."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.beyond import CandidateFolder
from modelstitch.report.context import PageContext

TEMPLATE = """
<section id="record">
<h2>{{ t("record.title") }}</h2>
{% if not folders %}<p>{{ nobody }}</p>{% else %}<p>{{ t("record.text") }}</p>{% endif %}
{% set head = [t("record.when"), t("record.by"), t("record.what"), t("record.why")] %}
{% for one in folders %}<h3>{{ one.name }} <span class="note">{{ one.stage }}</span></h3>
{% if one.risk %}<div class="limits" role="note"><p><b>{{ one.risk }}</b></p>
{% if one.reasons %}<p>{{ t("record.shows_not") }}</p>
<ul>{% for text in one.reasons %}<li>{{ text }}</li>{% endfor %}</ul>{% endif %}</div>
{% endif %}{{ table(head, one.lines, one.name) }}
{% if one.steps %}<p><b>{{ t("road.next") }}{{ t("ui.colon") }}</b>
{%- for text in one.steps %}{{ text }}{{ t("list.sentence") }}{% endfor %}</p>{% endif %}
{% endfor %}</section>
"""


def section(context: PageContext) -> Markup | None:
    """Return the record of each exported candidate; None for a run that nobody asked for candidates."""
    if context.beyond.table is None and not context.beyond.folders:
        return None
    return context.fill(
        TEMPLATE,
        nobody=context.t("record.none", run=context.beyond.run),
        folders=[_of(context, folder) for folder in context.beyond.folders],
    )


def _of(context: PageContext, folder: CandidateFolder) -> dict[str, object]:
    stage = context.t(f"record.stage.{folder.record.stage}")
    return {
        "name": folder.name,
        "stage": context.t("record.stage", stage=stage),
        "risk": context.t("record.accepted", why=folder.accepted_risk) if folder.accepted_risk else "",
        "reasons": folder.risk_reasons,
        "lines": [
            [
                line.when.replace("T", " ").replace("+00:00", " UTC"),
                line.by,
                context.text(line.what),
                line.reason,
            ]
            for line in folder.lines
        ],
        "steps": [context.text(step) for step in folder.next_steps],
    }
