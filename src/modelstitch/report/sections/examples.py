"""Examples that the cell of the first screen answers otherwise than the whole receiver: pictures or texts."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.context import PageContext
from modelstitch.results.disagreements import KINDS, NO_CLASS

TEMPLATE = """
<section id="examples"><h2>{{ t("examples.title") }}</h2><p>{{ text }}</p>
{% if answers %}{{ table(head, answers, t("examples.answers")) }}{% endif %}
{%- for kind, some in pictures -%}
<h3>{{ t("examples." ~ kind) }}</h3><div class="sheet">
{%- for one in some -%}
<figure><img src="{{ one.picture }}" alt="{{ t("examples.one", number=one.example) }}">
<figcaption>{{ one.label }}<br>{{ name(one.receiver) }} → {{ name(one.stitched) }}</figcaption></figure>
{%- endfor -%}
</div>
{%- endfor -%}
{% if rows %}{{ table(row_head, rows, t("examples.rows")) }}{% endif %}
<p class="note">{{ note }} <code>{{ command }}</code></p></section>
"""


def section(context: PageContext) -> Markup | None:
    """Return the contact sheet, or a table of texts; None where the run has none."""
    beyond = context.beyond
    found = beyond.examples
    if found is None or not sum(found.counts.values()):
        return None
    examples = found.examples if beyond.shows_examples else ()
    pictures = [
        (kind, some)
        for kind in KINDS
        if (some := [each for each in examples if each.kind == kind and each.picture])
    ]

    def name(answer: str) -> str:
        return context.t("examples.no_class") if answer == NO_CLASS else answer

    rows = [
        (each.example, context.t(f"examples.{each.kind}"), each.label)
        + (name(each.receiver), name(each.stitched))
        + ((each.text,) if each.text else ())
        for each in examples
        if not each.picture
    ]
    has_texts = any(each.text for each in examples)
    head = ("number", "kind", "label", "receiver", "stitched", *(("text",) if has_texts else ()))
    return context.fill(
        TEMPLATE,
        text=context.t(
            "examples.text",
            sender=found.sender_cut,
            receiver=found.receiver_cut,
            n=found.n,
            different=sum(found.counts.values()),
            **{kind: found.counts[kind] for kind in KINDS},
        ),
        head=[context.t(f"examples.head.{name}") for name in ("receiver", "stitched", "n")],
        answers=[(name(one), name(other), n) for one, other, n in found.answers],
        pictures=pictures,
        name=name,
        rows=rows,
        row_head=[context.t(f"examples.head.{name}") for name in head],
        note=context.t("examples.are_here" if examples else "examples.left_out"),
        command=f"modelstitch report {beyond.run} --examples {'never' if examples else 'always'}",
    )
