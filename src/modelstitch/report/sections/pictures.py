"""The images that stitches into the receiver's input paint."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.context import PageContext

TEMPLATE = """
<section><h2>{{ t("page.pictures") }}</h2><p>{{ t("page.pictures_text") }}</p>
{%- for title, uri in strips.items() -%}
<figure class="strip"><figcaption>{{ title }}</figcaption><img src="{{ uri }}" alt="{{ title }}"></figure>
{%- endfor -%}
</section>
"""


def section(context: PageContext) -> Markup | None:
    """Return the painted strips; None where nothing was painted."""
    return context.fill(TEMPLATE, strips=context.strips) if context.strips else None
