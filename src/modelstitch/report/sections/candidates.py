"""The candidates of a run: what each saves, costs, loses and risks, and its next step."""

from __future__ import annotations

from markupsafe import Markup

from modelstitch.report.context import PageContext
from modelstitch.report.first_word import next_steps
from modelstitch.results.decision import ConditionState, DecisionWord
from modelstitch.results.decision_sentences import open_phrases, risk_sentences, saved_phrase
from modelstitch.results.reuse_table import ReuseRow, ReuseTable
from modelstitch.wording import Listed, Sentence, say

TEMPLATE = """
<section id="candidates">
<h2>{{ t("road.candidates") }}</h2>
<p>{{ text }}</p>
{% if not cards %}<p>{{ t("road.none") }}</p>{% endif %}
<div class="cards">
{% for card in cards %}<article class="card {{ card.word }}">
<h3>{{ card.place }}</h3>
<p><strong class="badge">{{ t("decision.word." + card.word) }}</strong>
<span class="note">{{ card.instead }}</span></p>
<dl>
{%- for name, lines in card.points -%}
<dt>{{ t("road." + name) }}</dt><dd>{% for line in lines %}<span>{{ line }}</span> {% endfor %}</dd>
{%- endfor -%}
</dl>
</article>
{% endfor %}</div>
{% if elsewhere %}<p class="note">{{ elsewhere }}</p>{% endif %}
</section>
"""


def section(context: PageContext) -> Markup | None:
    """Return one card a candidate; None for a run that nobody asked for candidates."""
    table = context.beyond.table
    if table is None:
        return None
    text = say(
        "road.candidates_text", choose=table.n_choose, confirm=table.n_confirm, margin=100 * table.margin
    )
    cards = [
        {
            "word": context.beyond.word_of_row(row).value,
            "place": context.text(say("road.place", sender=row.sender_cut, receiver=row.receiver_cut)),
            "instead": context.text(say("road.replaces", role=say(f"role.{row.replaces}"))),
            "points": [
                (name, [context.text(line) for line in lines])
                for name, lines in _points(context, table, row).items()
                if lines
            ],
        }
        for row in table.rows
    ]
    others = context.text(say("road.elsewhere", **table.elsewhere)) if any(table.elsewhere.values()) else ""
    return context.fill(TEMPLATE, text=context.text(text), cards=cards, elsewhere=others)


def _points(context: PageContext, table: ReuseTable, row: ReuseRow) -> dict[str, list[Sentence]]:
    undecided, left = row.word is DecisionWord.UNDECIDED, row.word is DecisionWord.LEAVE
    return {
        "saves": [say("list.one", items=saved_phrase(row))],
        "cost": [_cost(row)],
        "loses": [_loses(table, row)],
        "risk": risk_sentences(row),
        "open": [say("road.open_text", open=Listed(open_phrases(row, table.margin), "list.and"))]
        if undecided
        else [],
        "fails": _fails(row) if left else [],
        "next": list(next_steps(row, context.beyond)),
    }


def _cost(row: ReuseRow) -> Sentence:
    labels = say("road.no_labels") if row.labels_needed is None else say("road.labels", n=row.labels_needed)
    times = [
        say("road.time", batch=batch, ms=row.latency[batch], whole=row.whole_latency[batch])
        for batch in sorted(row.latency)
        if batch in row.whole_latency
    ]
    return say(
        "road.cost_text",
        trained=row.trained_parameters,
        labels=labels,
        times=Listed(times, "list.comma") if times else say("road.no_time"),
    )


def _loses(table: ReuseTable, row: ReuseRow) -> Sentence:
    if row.lost is None:
        return say("road.loses_unknown")
    lost, low, high = (100 * end for end in row.lost)
    score, score_low, score_high = row.score
    return say(
        "road.loses_text",
        lost=lost,
        low=low,
        high=high,
        score=score,
        score_low=score_low,
        score_high=score_high,
        name=say("page.score") if table.score_name == "accuracy" else table.score_name,
    )


def _fails(row: ReuseRow) -> list[Sentence]:
    if row.misses:
        return [say("road.misses", what=Listed(row.misses, "list.comma"))]
    failed = [
        name
        for name in ("no_worse", "saves", "partly")
        if getattr(row.conditions, name) is ConditionState.FAILS
    ]
    return [say("list.one", items=Listed([say(f"road.fails.{name}") for name in failed], "list.comma"))]
