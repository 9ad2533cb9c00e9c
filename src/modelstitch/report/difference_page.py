"""Two runs side by side: as Markdown, and as a page in the form of a report."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from jinja2 import Environment
from markupsafe import Markup

from modelstitch.report.markdown import inert
from modelstitch.report.redaction import shown
from modelstitch.results.comparison import Comparison
from modelstitch.results.difference import RunDifference
from modelstitch.wording import Sentence, plain, say, translated

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""A heading, the names of columns, and rows."""

_PAGE = """<!doctype html>
<html lang="{{ lang }}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ title }} – modelstitch</title><style>{{ css }}</style></head>
<body><header><p class="brand">modelstitch</p><h1>{{ title }}</h1></header><main>
<section id="answer" class="answer"><ul class="said">
{% for line in said %}<li>{{ line }}</li>{% endfor %}</ul></section>
{% for heading, head, rows in tables %}<section><h2>{{ heading }}</h2><div class="scroll"><table>
<caption>{{ heading }}</caption>
<thead><tr>{% for name in head %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>
{%- for value in row %}<td>{{ value }}</td>{% endfor %}</tr>{% endfor %}</tbody>
</table></div></section>
{% endfor %}</main></body></html>
"""


def difference_sentences(found: RunDifference) -> list[Sentence]:
    """Return what changed, in words."""
    return [
        say("diff.choices", n=len(found.choices)) if found.choices else say("diff.same_choices"),
        say("diff.scores", n=len(found.moved), of=len(found.scores)),
        *([say("diff.only", before=found.only_before, after=found.only_after)] if _apart(found) else []),
        say("diff.verdicts", n=len(found.verdicts), of=found.n_verdicts),
    ]


def _apart(found: RunDifference) -> bool:
    return bool(found.only_before or found.only_after)


def difference_markdown(found: RunDifference, names: tuple[str, str], language: str = "en") -> str:
    """Return two runs side by side as Markdown."""
    lines = [f"### {plain('diff.title', language, before=inert(names[0]), after=inert(names[1]))}", ""]
    lines += [f"- {inert(translated(text, language))}" for text in difference_sentences(found)]
    for heading, head, rows in tables(found, language):
        lines += ["", f"**{heading}**", "", f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
        lines += [f"| {' | '.join(map(inert, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def difference_page(found: RunDifference, names: tuple[str, str], language: str = "en") -> str:
    """Return two runs side by side as one page that makes no network request."""
    css = resources.files("modelstitch.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        Environment(autoescape=True)
        .from_string(_PAGE)
        .render(
            lang=language,
            title=plain("diff.title", language, before=names[0], after=names[1]),
            css=Markup(css),
            said=[translated(text, language) for text in difference_sentences(found)],
            tables=tables(found, language),
        )
    )


def tables(found: RunDifference, language: str) -> list[Table]:
    """Return the tables of choices, scores and verdicts that changed; none that would be empty."""

    def t(key: str) -> str:
        return plain(key, language)

    before, after = t("diff.before"), t("diff.after")
    place = (t("page.sender"), t("page.receiver"), t("page.stitch"))
    every: Sequence[Table] = (
        (
            t("diff.of_choices"),
            (t("diff.choice"), before, after),
            [(name, shown(one, None), shown(other, None)) for name, one, other in found.choices],
        ),
        (
            t("diff.of_scores"),
            (*place, t("page.seed"), before, after, t("diff.change"), t("diff.noise")),
            [
                (
                    *map(str, one.key),
                    f"{one.before:.3f}",
                    f"{one.after:.3f}",
                    f"{one.after - one.before:+.3f}",
                    f"{one.noise:.3f}",
                )
                for one in found.moved
            ],
        ),
        (
            t("diff.of_verdicts"),
            (*place, before, after),
            [
                (
                    one.sender_cut,
                    one.receiver_cut,
                    one.stitch,
                    *("–" if word is None else t(f"verdict.{word}") for word in (one.before, one.after)),
                )
                for one in found.verdicts
            ],
        ),
    )
    return [one for one in every if one[2]]


def name_of(run: Comparison, folder: str) -> str:
    """Return what to call a run in a heading."""
    return f"{folder} ({run.sender} -> {run.receiver})"
