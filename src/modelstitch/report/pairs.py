"""One page about every ordered pair of several models: similarities, a tree, the verdicts of each pair."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import xarray as xr
from markupsafe import Markup

from modelstitch.errors import RunError, SpecError, expect_one_of
from modelstitch.results.pair_overview import Overview, PairRow, overview
from modelstitch.results.pair_pictures import as_html, dendrogram, draw_gaps, draw_map, heatmap, text_of
from modelstitch.results.pair_similarity import distances
from modelstitch.results.pairs import Comparisons, pair_name
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.places import why_not_written
from modelstitch.wording import LANGUAGES, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = (
    "body{font-family:system-ui,'Noto Sans CJK JP','Hiragino Sans','Yu Gothic',sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem;line-height:1.5}table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.3rem .7rem;text-align:left}caption{text-align:left;font-weight:600}img{max-width:100%}"
)

MOST_IN_TABLE = 40
"""Models up to which the page has similarities as a table, beside the picture."""

MOST_ROWS = 2000
"""Pairs that the page lists; ``verdicts.csv`` has all."""


def write_pairs(pairs: Comparisons, path: Path, language: str = "en") -> None:
    """Write the page: HTML, or Markdown if ``path`` ends in ``.md``.

    Raises:
        SpecError: no such language.
        RunError: the file cannot be written.
    """
    text = pairs_text(pairs, path.parent, language, markdown=path.suffix == ".md")
    try:
        atomic_write(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot write {str(path)!r}: {why_not_written(path, error)}") from error


def pairs_text(
    pairs: Comparisons,
    folder: Path,
    language: str = "en",
    *,
    markdown: bool = False,
    lead: str = "",
    linked: Collection[str] = (),
) -> str:
    """Return the page: HTML that leads to the pages of the pairs below ``folder``, or Markdown.

    Args:
        pairs: each is read once.
        folder: of the experiment.
        language: of the page.
        markdown: whether to return Markdown.
        lead: HTML that stands below the title.
        linked: names of pairs that have a page although no file of theirs is there.

    Raises:
        SpecError: no such language.
    """
    expect_one_of("language", language, LANGUAGES, SpecError)
    found = overview(pairs)
    title = plain("pairs.title", language, n=len(pairs.models), pairs=len(pairs), data=found.data)
    return (
        _markdown(found, title, language) if markdown else _html(found, title, language, folder, lead, linked)
    )


def _notes(table: xr.DataArray, language: str) -> list[str]:
    return [each.in_language(language) for each in table.attrs.values()]


def _counts(row: PairRow, language: str) -> str:
    """Return in words how many cells of a pair have which verdict."""
    words = [f"{plain(f'verdict.{name}', language)} {n}" for name, n in row.verdicts.items()]
    return plain("ui.comma", language).join(words) or "–"


def _gap_words(found: Overview, language: str) -> str:
    correlation = found.gap_correlation()
    if math.isnan(correlation):
        return plain("pairs.gap_few", language)
    return plain("pairs.gap_correlation", language, r=correlation)


def _picture(draw: Callable[[], Axes], words: str) -> Markup:
    from matplotlib import pyplot as plt

    file = io.BytesIO()
    figure = draw().get_figure()
    assert figure is not None
    figure.savefig(file, format="png", dpi=110)  # type: ignore[union-attr]
    plt.close(figure)  # type: ignore[arg-type]
    data = base64.b64encode(file.getvalue()).decode()
    return Markup('<p><img src="data:image/png;base64,{}" alt="{}"></p>').format(data, words)


def _table_parts(table: xr.DataArray, language: str) -> list[Markup]:
    """Return a table of similarities, its picture, and the tree and the map of its distances."""
    value, n = str(table.name), len(table["sender"])
    words = f"{value}: {plain('pairs.in_words', language)}"
    parts = [Markup("<h2>{}</h2>").format(words), _picture(partial(heatmap, table), words)]
    if n <= MOST_IN_TABLE:
        noted = table.assign_attrs(dict(zip(table.attrs, _notes(table, language), strict=True)))
        parts.insert(1, Markup(as_html(words, noted)))
    if n <= 2:
        return parts
    if table.isnull().to_numpy()[~np.eye(n, dtype=bool)].any():
        return [*parts, Markup("<p>{}</p>").format(plain("pairs.no_tree", language, value=value))]
    apart = distances(table)
    for key, draw in (("pairs.tree", dendrogram), ("pairs.map", draw_map)):
        title = plain(key, language, value=value)
        parts += [Markup("<h3>{}</h3>").format(title), _picture(partial(draw, apart), title)]
    return parts


def _gap_parts(found: Overview, language: str) -> list[Markup]:
    points = found.points
    if not points:
        return []
    title = plain("pairs.gap", language)
    drawn = _picture(partial(draw_gaps, [gap for gap, _ in points], [each for _, each in points]), title)
    words = Markup("<p>{}</p>").format(_gap_words(found, language))
    return [Markup("<h2>{}</h2>").format(title), words, drawn]


def _row(row: PairRow, folder: Path, language: str, linked: Collection[str]) -> Markup:
    name = pair_name(row.sender, row.receiver)
    link = Markup("")
    if name in linked or (folder / name / "report.html").is_file():
        link = Markup('<a href="{}">{}</a>').format(
            f"{quote(name)}/report.html", plain("pairs.page", language)
        )
    numbers = ["–" if each is None else f"{each:+.3f}" for each in (row.gap, row.penalty)]
    return Markup("<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>").format(
        name, _counts(row, language), *numbers, link
    )


def _html(
    found: Overview, title: str, language: str, folder: Path, lead: str, linked: Collection[str]
) -> str:
    parts = [part for table in found.tables.values() for part in _table_parts(table, language)]
    parts += _gap_parts(found, language)
    heads = [
        plain(key, language) for key in ("pairs.pair", "pairs.verdicts", "pairs.own_gap", "pairs.penalty")
    ]
    rows = [Markup("<tr>{}<th></th></tr>").format(Markup("").join(map(Markup("<th>{}</th>").format, heads)))]
    rows += [_row(row, folder, language, linked) for row in found.rows[:MOST_ROWS]]
    left = len(found.rows) - MOST_ROWS
    more = Markup("<p>{}</p>").format(plain("pairs.more", language, n=left)) if left > 0 else ""
    return str(
        Markup(
            '<!doctype html><html lang="{}"><head><meta charset="utf-8"><title>{}</title>'
            '<meta name="viewport" content="width=device-width"><style>{}</style></head><body><h1>{}</h1>{}{}'
            "<h2>{}</h2><table>{}</table>{}</body></html>\n"
        ).format(
            language,
            title,
            Markup(STYLE),
            title,
            Markup(lead),
            Markup("").join(parts),
            plain("pairs.verdicts", language),
            Markup("").join(rows),
            more,
        )
    )


def _markdown(found: Overview, title: str, language: str) -> str:
    lines = [f"# {_safe(title)}", ""]
    for table in found.tables.values():
        names = [_safe(str(name)) for name in table["sender"].to_numpy()]
        lines += [f"## {table.name}: {plain('pairs.in_words', language)}", ""]
        lines += [f"| | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
        for row, name in enumerate(names):
            cells = [text_of(table, row, column).replace("\n", " (") for column in range(len(names))]
            shown = [f"{cell})" if "(" in cell else cell for cell in cells]
            lines.append(f"| **{name}** | {' | '.join(shown)} |")
        lines += ["", *(f"- {note}" for note in _notes(table, language)), ""]
    lines += [f"## {plain('pairs.gap', language)}", "", _gap_words(found, language), ""]
    lines += [f"## {plain('pairs.verdicts', language)}", ""]
    lines += [
        f"- {_safe(pair_name(row.sender, row.receiver))}: {_counts(row, language)}" for row in found.rows
    ]
    return "\n".join(lines) + "\n"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
