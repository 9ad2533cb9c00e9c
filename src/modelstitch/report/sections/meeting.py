"""Six sentences for a meeting, filled from the run; and what the page may not be used for."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.context import PageContext
from modelstitch.report.six_sentences import six_sentences

TEMPLATE = """
<section id="meeting">
<h2>{{ t("meeting.title") }}</h2>
<ol class="said">{% for text in sentences %}<li>{{ text }}</li>{% endfor %}</ol>
<h2>{{ t("not_for.title") }}</h2>
<ul class="said">
<li>{{ t("not_for.leave_to_use") }}</li>
<li>{{ t("not_for.other_data", data=data) }}</li>
<li>{{ t("not_for.alike") }}</li>
<li>{{ t("not_for.safety") }}</li>
<li>{{ t("not_for.people") }}</li>
</ul>
</section>
"""


def section(context: PageContext) -> Markup:
    """Return the six sentences, and what the page may not be used for."""
    sentences = [
        context.text(text) for text in six_sentences(context.comparison, context.stitch, context.beyond)
    ]
    return context.fill(TEMPLATE, sentences=sentences, data=context.comparison.data)
