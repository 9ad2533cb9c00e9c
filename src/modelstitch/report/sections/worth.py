"""What stands beside the candidates: rivals for the same cost, money with all its assumptions, chains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from modelstitch.report.context import PageContext
from modelstitch.results.beside_tables import MoneyTable, RivalRow, RivalTableRows
from modelstitch.wording import Sentence, say

TEMPLATE = """
<section id="worth">
{% if rivals %}<h2>{{ t("road.rivals") }}</h2>
<p>{{ rivals.said[0] }}</p>
<p class="note">{{ rivals.text }}</p>
{{ table(rivals.head, rivals.rows, t("road.rivals")) }}
{% for text in rivals.rule %}<p class="note">{{ text }}</p>{% endfor %}
{% if further %}<ul class="said">{% for text in further %}<li>{{ text }}</li>{% endfor %}</ul>{% endif %}
{% endif %}
{% if money %}<h2>{{ t("road.money") }}</h2>
<ul class="said">{% for text in money.said %}<li>{{ text }}</li>{% endfor %}</ul>
{{ table(money.head, money.rows, t("road.money")) }}
<details><summary>{{ t("road.changed") }}</summary>
{{ table(money.changed_head, money.changed, t("road.changed")) }}</details>
<h3>{{ t("road.assumptions") }}</h3>
<ul class="said">{% for text in money.assumptions %}<li>{{ text }}</li>{% endfor %}</ul>
{% endif %}
{% if chains %}<h2>{{ t("road.chains") }}</h2>
<ul class="said">{% for text in chains %}<li>{{ text }}</li>{% endfor %}</ul>{% endif %}
</section>
"""


def section(context: PageContext) -> Markup | None:
    """Return what was asked for beside the candidates; None where nothing was."""
    found = context.beyond.table
    if found is None or not (found.rivals or found.money or found.said):
        return None

    def said(name: str) -> list[str]:
        return [context.text(one) for one in found.said.get(name, ())]

    return context.fill(
        TEMPLATE,
        rivals=None if found.rivals is None else _rivals(context, found.rivals, said("rivals")),
        further=said("further_rivals"),
        money=None
        if found.money is None
        else _money(context, found.money) | {"said": said("money"), "assumptions": said("assumptions")},
        chains=said("chains"),
    )


def _rivals(context: PageContext, found: RivalTableRows, said: Sequence[str]) -> dict[str, Any]:
    names = ("rival", "score", "against", "rival_cost", "stands")
    place = {"sender": found.sender_cut, "receiver": found.receiver_cut}
    return {
        "said": said or [""],
        "rule": said[1 + len(found.rows) :],
        "text": context.t("road.rivals_text", n=found.n, **place),
        "head": [context.t("page.score" if name == "score" else f"road.{name}") for name in names],
        "rows": [_rival(context, row) for row in found.rows],
    }


def _rival(context: PageContext, row: RivalRow) -> list[str]:
    name = context.t(f"rival.title.{row.name}")
    if row.score is None or row.difference is None or row.cost is None:
        return [name, "", "", "", context.t("road.not_run")]
    middle, low, high = (100 * end for end in row.difference)
    difference = context.t("road.difference", middle=middle, low=low, high=high)
    stands = context.t(f"rival.standing.{row.standing}")
    return [name, f"{row.score:.3f}", difference, f"{row.cost:.2f}x", stands]


def _money(context: PageContext, found: MoneyTable) -> dict[str, Any]:
    def amount(value: float) -> str:
        return (
            f"{value:,.0f} {found.currency}".strip()
            if abs(value) >= 100
            else f"{value:,.2f} {found.currency}".strip()
        )

    def cheapest(name: str, factor: float) -> str:
        one = next((each for each in found.changed if each[:2] == (name, factor)), None)
        if one is None:
            return ""
        return context.text(_cheapest(one[2], amount(one[3])))

    numbers = list(dict.fromkeys(name for name, *_ in found.changed))
    return {
        "head": [
            *(context.t(f"road.{name}") for name in ("choice", "once", "monthly")),
            context.t("road.total", months=found.months),
        ],
        "rows": [
            [context.t(f"money.choice.{choice}"), *map(amount, cost)] for choice, cost in found.costs.items()
        ],
        "changed_head": [context.t(f"road.{name}") for name in ("number", "halved", "doubled")],
        "changed": [
            [context.t(f"money.number.{name}"), cheapest(name, 0.5), cheapest(name, 2.0)] for name in numbers
        ],
    }


def _cheapest(choice: str, amount: str) -> Sentence:
    return say("road.cheapest", choice=say(f"money.choice.{choice}"), amount=amount)
