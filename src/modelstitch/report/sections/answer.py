"""The first screen: the decision word, what comes across, what weakens the run, what to know and to do."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.answer import answer
from modelstitch.report.commands import command_of
from modelstitch.report.context import PageContext
from modelstitch.report.first_word import first_word
from modelstitch.report.limits import limits
from modelstitch.results.colours import MARKS
from modelstitch.wording import Sentence

TEMPLATE = """
<section id="answer" class="answer {{ word }}">
<p class="headline"><strong class="badge">{{ t("decision.word." + word) }}</strong> {{ decided[0] }}</p>
{% for text in decided[1:] %}<p>{{ text }}</p>
{% endfor %}<p class="across"><b>{{ t("page.across") }}:</b> {{ headline }}</p>
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
{%- for line, command in lines %}<li>{{ line }}{% if command %} <code>{{ command }}</code>{% endif %}</li>
{%- endfor %}</ul></div>
{% endfor %}</div>
</section>
"""


def _command(context: PageContext, text: str) -> str:
    """Return the command that does what a sentence advises; empty where none does."""
    return command_of(text, context.comparison, context.beyond) if isinstance(text, Sentence) else ""


def section(context: PageContext) -> Markup:
    """Return the first screen."""
    facts = answer(context.comparison, context.stitch)
    first = first_word(context.comparison, context.beyond)
    points = {
        "tried": facts.tried,
        "stand_in": facts.stand_in,
        "sure": facts.sure,
        "not_meant": facts.not_meant,
        "next": first.steps or facts.next_steps,
    }
    return context.fill(
        TEMPLATE,
        word=first.word.value,
        decided=[context.text(text) for text in first.said],
        headline=context.text(facts.headline),
        counts=facts.counts,
        looks=MARKS,
        limits=[context.text(text) for text in limits(context.comparison)],
        points=[
            (key, [(context.text(text), _command(context, text)) for text in texts])
            for key, texts in points.items()
        ],
    )
