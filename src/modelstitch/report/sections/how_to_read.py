"""How to read the verdicts."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.evidence.verdict import Thresholds
from modelstitch.report.context import PageContext
from modelstitch.results.colours import VERDICTS
from modelstitch.specs.verdicts import VerdictName

TEMPLATE = """
<section>
<h2>{{ t("page.how") }}</h2>
<dl class="how">
{%- for name, look in looks.items() -%}
<dt><span class="mark" style="background:{{ look[0] }};color:{{ look[1] }}"
 aria-hidden="true">{{ look[2] }}</span>
{#- #} {{ t("verdict." + name) }}</dt><dd>{{ how[name] }}</dd>
{%- endfor -%}
</dl>
</section>
"""


def section(context: PageContext) -> Markup:
    """Return what each verdict means, with the thresholds."""
    lines, t = Thresholds(), context.t
    how = {
        VerdictName.INTERCHANGEABLE: t("page.how_interchangeable", high=100 * lines.kept_high),
        VerdictName.PARTLY: t("page.how_partly", low=100 * lines.kept_low, high=100 * lines.kept_high),
        VerdictName.DECODABLE_ONLY: t("page.how_decodable", low=100 * (1 - lines.kept_low)),
        VerdictName.INCOMPATIBLE: t("page.how_incompatible"),
        VerdictName.CANNOT_TELL: t("page.how_unknown"),
    }
    return context.fill(TEMPLATE, looks=VERDICTS, how=how)
