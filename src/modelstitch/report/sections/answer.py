"""The first screen: the decision word, what comes across, what weakens the run, what to know and to do."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from modelstitch.report.answer import answer, findings_of
from modelstitch.report.commands import command_of
from modelstitch.report.context import PageContext
from modelstitch.report.first_lines import (
    is_unsure,
    made_lines,
    recommended,
    saved_lines,
    sure_sentence,
)
from modelstitch.report.first_word import first_word
from modelstitch.report.limits import limits
from modelstitch.results.colours import MARKS
from modelstitch.wording import Sentence

TEMPLATE = """
<section id="answer" class="answer {{ word }}{% if unsure %} unsure{% endif %}">
<p class="headline"><strong class="badge">{{ t("decision.word." + word) }}</strong> {{ decided[0] }}</p>
{% for text in decided[1:] %}<p>{{ text }}</p>
{% endfor %}<dl class="first">
<dt>{{ t("page.how_sure") }}</dt><dd class="how-sure">{{ sure }}</dd>
<dt>{{ t("page.saved") }}</dt><dd>{% for line in saved %}{{ line }}{{ t("list.sentence") }}{% endfor %}</dd>
<dt>{{ t("page.next") }}</dt><dd class="point next"><ul>
{%- for line, command in next %}<li>{{ line }}{% if command %} <code>{{ command }}</code>{% endif %}</li>
{%- endfor %}</ul></dd>
<dt>{{ t("page.tried") }}</dt><dd class="point tried"><ul>
{%- for line in tried %}<li>{{ line }}</li>{% endfor %}</ul></dd>
</dl>
<p class="note made">{% for line in made %}{{ line }}{{ t("list.sentence") }}{% endfor %}</p>
<div class="rest">
<p class="across"><b>{{ t("page.across") }}{{ t("ui.colon") }}</b>{{ headline }}</p>
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
</div>
</section>
"""


def _command(context: PageContext, text: str) -> str:
    """Return the command that does what a sentence advises; empty where none does."""
    return command_of(text, context.comparison, context.beyond) if isinstance(text, Sentence) else ""


def section(context: PageContext) -> Markup:
    """Return the first screen: the word, how sure, what is saved, what next, what was tried; then more."""
    comparison, beyond = context.comparison, context.beyond
    facts, findings = answer(comparison, context.stitch), findings_of(comparison, context.stitch)
    first, place = first_word(comparison, beyond), recommended(findings, beyond)
    points = {"stand_in": facts.stand_in, "sure": facts.sure, "not_meant": facts.not_meant}

    def told(texts: Iterable[str]) -> list[str]:
        return [context.text(text) for text in texts]

    return context.fill(
        TEMPLATE,
        word=first.word.value,
        unsure=is_unsure(findings, place),
        decided=told(first.said),
        sure=context.text(sure_sentence(findings, place)),
        saved=told(saved_lines(beyond)),
        next=[(context.text(text), _command(context, text)) for text in first.steps or facts.next_steps],
        tried=told(facts.tried),
        made=told(made_lines(comparison)),
        headline=context.text(facts.headline),
        counts=facts.counts,
        looks=MARKS,
        limits=told(limits(comparison)),
        points=[(key, told(texts)) for key, texts in points.items()],
    )
