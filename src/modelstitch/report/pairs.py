"""One page about every ordered pair of several models: similarities, a tree, the verdicts of each pair."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import xarray as xr
from markupsafe import Markup, escape

from modelstitch.errors import RunError, SpecError, expect_one_of
from modelstitch.results.pair_pictures import as_html, dendrogram, heatmap, text_of
from modelstitch.results.pairs import Comparisons, pair_name
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.places import why_not_written
from modelstitch.wording import LANGUAGES, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLE = (
    "body{font-family:system-ui,'Noto Sans CJK JP','Hiragino Sans','Yu Gothic',sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem;line-height:1.5}table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.3rem .7rem;text-align:left}caption{text-align:left;font-weight:600}img{max-width:100%}"
)


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


def pairs_text(pairs: Comparisons, folder: Path, language: str = "en", *, markdown: bool = False) -> str:
    """Return the page: HTML that leads to the pages of the pairs below ``folder``, or Markdown.

    Raises:
        SpecError: no such language.
    """
    expect_one_of("language", language, LANGUAGES, SpecError)
    measured = [value for value in ("kept", "score") if any(value in each.dataset for each in pairs.values())]
    stitch = next(iter(pairs.values())).main_stitch
    tables = [pairs.similarity(value, stitch=stitch) for value in measured]
    form = _markdown if markdown else _html
    return form(pairs, tables, language, folder)


def _title(pairs: Comparisons, language: str) -> str:
    data = next(iter(pairs.values())).data
    return plain("pairs.title", language, n=len(pairs.models), pairs=len(pairs), data=data)


def _notes(table: xr.DataArray, language: str) -> list[str]:
    return [each.in_language(language) for each in table.attrs.values()]


def _verdicts(pairs: Comparisons, language: str) -> list[tuple[str, str]]:
    """Return for each pair how many cells have which verdict."""
    rows = []
    for pair, comparison in pairs.items():
        counts = Counter(
            verdict.name for verdict in comparison.cell_verdicts(comparison.main_stitch).values()
        )
        words = [f"{plain(f'verdict.{name}', language)} {n}" for name, n in counts.most_common()]
        rows.append((pair_name(*pair), plain("ui.comma", language).join(words) or "–"))
    return rows


def _html(pairs: Comparisons, tables: list[xr.DataArray], language: str, folder: Path) -> str:
    stitch = next(iter(pairs.values())).main_stitch

    def picture(draw: Callable[[], Axes], words: str) -> Markup:
        axes = draw()
        file = io.BytesIO()
        figure = axes.get_figure()
        assert figure is not None
        figure.savefig(file, format="png", dpi=110)  # type: ignore[union-attr]
        from matplotlib import pyplot as plt

        plt.close(figure)  # type: ignore[arg-type]
        data = base64.b64encode(file.getvalue()).decode()
        return Markup('<p><img src="data:image/png;base64,{}" alt="{}"></p>').format(data, words)

    parts = []
    for table in tables:
        value = str(table.name)
        words = f"{value}: {plain('pairs.in_words', language)}"
        noted = table.assign_attrs(dict(zip(table.attrs, _notes(table, language), strict=True)))
        parts += [Markup(as_html(words, noted)), picture(partial(heatmap, table), words)]
        if len(pairs.models) <= 2:
            continue
        if table.isnull().to_numpy()[~np.eye(len(pairs.models), dtype=bool)].any():
            parts.append(Markup("<p>{}</p>").format(plain("pairs.no_tree", language, value=value)))
        else:
            tree = plain("pairs.tree", language, value=value)
            parts += [
                Markup("<h2>{}</h2>").format(tree),
                picture(partial(dendrogram, pairs.dissimilarity(value, stitch=stitch)), tree),
            ]
    rows = []
    for name, counts in _verdicts(pairs, language):
        page = folder / name / "report.html"
        link = (
            Markup('<a href="{}">{}</a>').format(f"{quote(name)}/report.html", plain("pairs.page", language))
            if page.is_file()
            else ""
        )
        rows.append(Markup("<tr><th>{}</th><td>{}</td><td>{}</td></tr>").format(name, counts, link))
    title = escape(_title(pairs, language))
    return str(
        Markup(
            '<!doctype html><html lang="{}"><head><meta charset="utf-8"><title>{}</title>'
            '<meta name="viewport" content="width=device-width"><style>{}</style></head><body><h1>{}</h1>{}'
            "<h2>{}</h2><table>{}</table></body></html>\n"
        ).format(
            language,
            title,
            Markup(_STYLE),
            title,
            Markup("").join(parts),
            plain("pairs.verdicts", language),
            Markup("").join(rows),
        )
    )


def _markdown(pairs: Comparisons, tables: list[xr.DataArray], language: str, folder: Path) -> str:
    lines = [f"# {_safe(_title(pairs, language))}", ""]
    for table in tables:
        names = [_safe(str(name)) for name in table["sender"].to_numpy()]
        lines += [f"## {table.name}: {plain('pairs.in_words', language)}", ""]
        lines += [f"| | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
        for row, name in enumerate(names):
            cells = [text_of(table, row, column).replace("\n", " (") for column in range(len(names))]
            shown = [f"{cell})" if "(" in cell else cell for cell in cells]
            lines.append(f"| **{name}** | {' | '.join(shown)} |")
        lines += ["", *(f"- {note}" for note in _notes(table, language)), ""]
    lines += [f"## {plain('pairs.verdicts', language)}", ""]
    lines += [f"- {_safe(name)}: {counts}" for name, counts in _verdicts(pairs, language)]
    return "\n".join(lines) + "\n"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
