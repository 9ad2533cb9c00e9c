"""One page that sets an experiment beside the paper's: findings, matrix, triangle, errors, pictures."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from modelstitch.errors import RunError, SpecError, expect_one_of
from modelstitch.report.pairs import STYLE
from modelstitch.results.beside_paper import ALIKE, CLEAR, COMBINATIONS, BesidePaper
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.places import why_not_written
from modelstitch.wording import LANGUAGES, plain

PAGE = "paper.html"
"""Name of the page in the folder of the experiment."""

PaperTable = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, heads and rows."""


def write_paper(found: BesidePaper, folder: Path, language: str = "en") -> Path:
    """Write the page, and the same as Markdown; return the page.

    Raises:
        SpecError: no such language.
        RunError: a file cannot be written.
    """
    page = folder / PAGE
    for path, text in (
        (page, paper_html(found, folder, language)),
        (page.with_suffix(".md"), paper_markdown(found, language)),
    ):
        try:
            atomic_write(path, _writer(text))
        except OSError as error:
            raise RunError(f"cannot write {str(path)!r}: {why_not_written(path, error)}") from error
    return page


def _writer(text: str) -> Callable[[Path], object]:
    return lambda unfinished: unfinished.write_text(text, encoding="utf-8")


def paper_markdown(found: BesidePaper, language: str = "en") -> str:
    """Return the page as Markdown."""
    lines = [f"# {_title(found, language)}", ""]
    for text in _lead(found, language):
        lines += [text, ""]
    for title, heads, rows in _tables(found, language):
        lines += [f"## {title}", "", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def paper_html(found: BesidePaper, folder: Path, language: str = "en") -> str:
    """Return the page, with the pictures of the pairs below ``folder``.

    Raises:
        SpecError: no such language.
    """
    expect_one_of("language", language, LANGUAGES, SpecError)
    title = _title(found, language)
    parts = [Markup("<h1>{}</h1>").format(title)]
    parts += [Markup("<p>{}</p>").format(text) for text in _lead(found, language)]
    for name, heads, rows in _tables(found, language):
        head = Markup("").join(Markup("<th>{}</th>").format(text) for text in heads)
        body = Markup("").join(
            Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(text) for text in row))
            for row in rows
        )
        parts.append(Markup("<h2>{}</h2><table><tr>{}</tr>{}</table>").format(name, head, body))
    for picture in sorted(folder.glob("*/pictures.png")):
        data = base64.b64encode(picture.read_bytes()).decode()
        name = plain("paper.pictures", language, pair=picture.parent.name)
        parts.append(
            Markup('<h2>{}</h2><p><img src="data:image/png;base64,{}" alt="{}"></p>').format(name, data, name)
        )
    return str(
        Markup(
            '<!doctype html><html lang="{}"><head><meta charset="utf-8"><title>{}</title>'
            '<meta name="viewport" content="width=device-width"><style>{}</style></head>'
            "<body>{}</body></html>\n"
        ).format(language, title, Markup(STYLE), Markup("").join(parts))
    )


def _title(found: BesidePaper, language: str) -> str:
    return plain("paper.title", language, pairs=found.n_pairs, cells=found.n_cells)


def _lead(found: BesidePaper, language: str) -> list[str]:
    judged = [each.holds for each in found.findings if each.holds is not None]
    left = len(found.findings) - len(judged)
    return [
        plain("paper.counts", language, holds=sum(judged), judged=len(judged), left=left),
        plain("paper.source", language, source=found.source),
        plain("paper.rules", language, clear=CLEAR, alike=ALIKE),
    ]


def _tables(found: BesidePaper, language: str) -> list[PaperTable]:
    """Return all tables of the page."""

    def words(*keys: str) -> list[str]:
        return [plain(f"paper.{key}", language) for key in keys]

    outcome = {True: "holds", False: "holds_not", None: "not_run"}
    findings = [
        [
            each.what.in_language(language),
            each.paper.in_language(language),
            each.ours.in_language(language),
            *words(outcome[each.holds]),
        ]
        for each in found.findings
    ]
    tables: list[PaperTable] = [
        (words("findings")[0], words("finding", "paper", "ours", "outcome"), findings)
    ]
    if found.matrices is not None:
        theirs, ours = found.matrices
        rows = [
            [str(row), *(f"{a:.2f} / {_number(b)}" for a, b in zip(theirs[row], ours[row], strict=True))]
            for row in range(len(theirs))
        ]
        tables.append((words("matrices")[0], ["", *map(str, range(theirs.shape[1]))], rows))
    if found.triangles:
        numbers = [(each.below, each.above, each.explained) for each in found.triangles]
        named = [f"{each.sender} → {each.receiver}" for each in found.triangles]
        rows = [[name, *map(_number, each)] for name, each in zip(named, numbers, strict=True)]
        rows.append([*words("overall"), *map(_number, np.nanmean(np.array(numbers), axis=0))])
        tables.append((words("triangles")[0], words("pair", "inside", "outside", "explained"), rows))
    if found.errors:
        rows = [
            [
                *words(f"combination.{control}"),
                error.upper(),
                *words(part),
                str(sums.n),
                *(f"{each:.3g}" for each in (sums.minimum, sums.mean, sums.maximum, sums.deviation)),
            ]
            for control in COMBINATIONS
            for part in ("diagonal", "all")
            for error in ("ev", "es", "sv")
            if (sums := found.errors.get((control, error, part))) is not None
        ]
        heads = words("combination", "error", "cells")
        heads += ["n", *words("minimum", "mean", "maximum", "deviation")]
        tables.append((words("errors")[0], heads, rows))
    return tables


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
