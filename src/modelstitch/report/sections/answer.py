"""The first screen: the recommendation, what weakens the run, and what to know and to do."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.answer import answer
from modelstitch.report.context import PageContext
from modelstitch.report.limits import limits
from modelstitch.results.colours import MARKS

TEMPLATE = """
<section id="answer" class="answer {{ recommendation }}">
<p class="headline"><strong class="badge">{{ t("recommend." + recommendation) }}</strong> {{ headline }}</p>
{% if counts %}<ul class="counts">
{%- for name, look in looks.items() -%}
<li><span class="mark" aria-hidden="true">{{ look }}</span>
{#- #} <b>{{ counts.get(name, 0) }}</b> {{ t("verdict." + name) }}</li>
{%- endfor -%}
</ul>{% endif %}
{% if limits %}<div class="limits" role="note"><h2>{{ t("page.limits") }}</h2><ul>
{%- for text in limits %}<li>{{ text }}</li>{% endfor %}</ul></div>{% endif %}
<div class="points">
{% for key, lines in points %}<div class="point {{ key }}"><h2>{{ t("page." + key) }}</h2><ul>
{%- for line in lines %}<li>{{ line }}</li>{% endfor %}</ul></div>
{% endfor %}</div>
</section>
"""


def section(context: PageContext) -> Markup:
    """Return the first screen."""
    facts = answer(context.comparison, context.stitch)
    points = {
        "tried": facts.tried,
        "stand_in": facts.stand_in,
        "sure": facts.sure,
        "not_meant": facts.not_meant,
        "next": facts.next_steps,
    }
    return context.fill(
        TEMPLATE,
        recommendation=facts.recommendation.value,
        headline=context.text(facts.headline),
        counts=facts.counts,
        looks=MARKS,
        limits=[context.text(text) for text in limits(context.comparison)],
        points=[(key, [context.text(text) for text in texts]) for key, texts in points.items()],
    )
