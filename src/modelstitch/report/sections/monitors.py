"""What the monitors of candidates in use have seen."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.context import PageContext

TEMPLATE = """
<section id="monitors">
<h2>{{ t("monitor.title") }}</h2>
{% for name, one in monitors %}<h3>{{ t("monitor.of", name=name) }}</h3>
<p><strong class="badge">{{ t("monitor.alarm") if one.alarm else t("monitor.quiet") }}</strong></p>
<ul class="said">{% for text in one.said %}<li>{{ text }}</li>{% endfor %}</ul>
{% if one.picture %}<figure class="evidence">
<img src="{{ one.picture }}" alt="{{ t("monitor.evidence") }}"></figure>{% endif %}
{% endfor %}</section>
"""


def section(context: PageContext) -> Markup | None:
    """Return what each monitor says; None where no candidate is monitored."""
    monitors = [
        (
            folder.name,
            {"alarm": one.alarm, "picture": one.picture, "said": [context.text(text) for text in one.said]},
        )
        for folder in context.beyond.folders
        for one in folder.monitors
    ]
    return context.fill(TEMPLATE, monitors=monitors) if monitors else None
