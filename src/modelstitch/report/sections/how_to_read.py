"""How to read the verdicts: what kept is, the words of both answers, and what the intervals hold for."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.evidence.verdict import Thresholds
from modelstitch.report.context import PageContext
from modelstitch.results.colours import LEARNT_MARKS, MARKS
from modelstitch.specs.verdicts import Learnt, VerdictName

TEMPLATE = """
<section>
<h2>{{ t("page.how") }}</h2>
<dl class="how">
{%- for term, text in terms -%}
<dt>{{ term }}</dt><dd>{{ text }}</dd>
{%- endfor -%}
</dl>
<h3>{{ t("ui.across") }}</h3>
<dl class="how">
{%- for name, mark in marks.items() -%}
<dt><span class="mark" aria-hidden="true">{{ mark }}</span> {{ t("verdict." + name) }}</dt>
{#- #}<dd>{{ how[name] }}</dd>
{%- endfor -%}
</dl>
<h3>{{ t("ui.was_learnt") }}</h3>
<dl class="how">
{%- for name, mark in learnt_marks.items() -%}
<dt>{% if mark %}<span class="mark" aria-hidden="true">{{ mark }}</span> {% endif -%}
{{ t("learnt." + name) }}</dt><dd>{{ learnt[name] }}</dd>
{%- endfor -%}
</dl>
</section>
"""


def section(context: PageContext) -> Markup:
    """Return what kept is and what each word means, with the thresholds."""
    lines, t = Thresholds(), context.t
    low, high, line = 100 * lines.kept_low, 100 * lines.kept_high, 100 * lines.learnt
    how = {
        VerdictName.INTERCHANGEABLE: t("page.how_interchangeable", high=high),
        VerdictName.PARTLY: t("page.how_partly", low=low, high=high),
        VerdictName.DECODABLE_ONLY: t("page.how_decodable", low=low),
        VerdictName.INCOMPATIBLE: t("page.how_incompatible", share=100 * lines.score_low),
        VerdictName.CANNOT_TELL: t("page.how_unknown"),
    }
    learnt = {
        Learnt.LEARNT: t("page.how_learnt", line=line),
        Learnt.NOT_LEARNT: t("page.how_not_learnt", line=line),
        Learnt.UNCLEAR: t("page.how_unclear"),
        Learnt.NOT_ASKED: t("page.how_not_asked"),
    }
    terms = [
        (t("page.term_kept"), t("page.how_kept")),
        (t("page.term_smallest"), t("page.how_smallest")),
        (t("page.term_head"), t("page.how_head")),
        (t("page.term_yardstick"), t("page.how_yardstick")),
        (t("page.term_intervals"), t("page.how_intervals")),
    ]
    return context.fill(TEMPLATE, terms=terms, marks=MARKS, how=how, learnt_marks=LEARNT_MARKS, learnt=learnt)
