"""What the numbers say, in sentences."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.context import PageContext

TEMPLATE = """
<section>
<h2>{{ t("page.said") }}</h2>
<ul class="said">{% for text in sentences %}<li>{{ text }}</li>{% endfor %}</ul>
</section>
"""


def section(context: PageContext) -> Markup:
    """Return the sentences on the matrix and its controls."""
    return context.fill(TEMPLATE, sentences=[context.text(text) for text in context.comparison.sentences()])
