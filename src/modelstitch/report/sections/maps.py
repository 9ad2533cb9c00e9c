"""The heat maps: verdicts and accuracies of the pair, accuracies of the controls."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.answer import findings_of, grey_sentences
from modelstitch.report.commands import command_of
from modelstitch.report.context import PageContext
from modelstitch.report.maps import accuracy_map, verdict_map
from modelstitch.specs import TRAINED

TEMPLATE = """
<section id="maps">
<h2>{{ t("page.maps") }}</h2>
<p>{{ t("page.maps_text") }}</p>
<form id="switches" hidden></form>
<div class="stage">
<div>
<div class="panels main">{% for m in pair %}{{ map(m, t, True) }}{% endfor %}</div>
{% if controls %}<h3>{{ t("page.controls") }}</h3>
<div class="panels">{% for m in controls %}{{ map(m, t) }}{% endfor %}</div>{% endif %}
<p id="legend" class="legend" hidden></p>
{% if grey %}<div id="grey"><h3>{{ t("page.grey") }}</h3><ul class="said">
{%- for line, command in grey %}<li>{{ line }}{% if command %} <code>{{ command }}</code>{% endif %}</li>
{%- endfor %}</ul></div>{% endif %}
</div>
<aside id="detail" hidden></aside>
<p id="status" class="unseen" role="status"></p>
</div>
</section>
"""


def section(context: PageContext) -> Markup:
    """Return the maps."""
    comparison, stitch, language = context.comparison, context.stitch, context.language
    pair = []
    if context.has_trained_grid:
        verdicts = verdict_map(comparison, stitch, language)
        accuracies = accuracy_map(comparison, TRAINED, stitch, language)
        pair = [accuracies] if verdicts is None else [verdicts, accuracies]
    controls = [
        accuracy_map(comparison, control, stitch, language)
        for control in comparison.controls
        if control != TRAINED
    ]
    grey = [
        (context.text(text), command_of(text, comparison, context.beyond))
        for text in grey_sentences(findings_of(comparison, stitch))
    ]
    return context.fill(TEMPLATE, pair=pair, controls=controls, grey=grey)
