"""The report: one self-contained HTML page from a finished run.

What the page shows is a table of sections, ``report/sections/__init__.py``, which says how to add one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from importlib import resources
from pathlib import Path

from markupsafe import Markup

from modelstitch.errors import RunError, SpecError, expect_one_of
from modelstitch.report.answer import findings_of
from modelstitch.report.beyond import BeyondRun
from modelstitch.report.context import PageContext
from modelstitch.report.first_lines import recommended
from modelstitch.report.limits import readable
from modelstitch.report.page_data import as_script, page_data
from modelstitch.report.recipes import recipes, stitch_words
from modelstitch.report.redaction import redacted
from modelstitch.report.sections import SECTIONS
from modelstitch.results.comparison import Comparison
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.places import why_not_written
from modelstitch.wording import LANGUAGES

BYTES = 499_000
"""Largest size of a page; evidence beyond it is left to evidence.csv."""


def page(
    comparison: Comparison,
    language: str = "en",
    *,
    strips: Mapping[str, str] | None = None,
    beyond: BeyondRun | None = None,
    folder: Path | None = None,
    paths: bool = False,
) -> str:
    """Return the report on a comparison as one HTML page that makes no network request.

    Args:
        comparison: what was run.
        language: ``en`` or ``ja``.
        strips: painted images by title, as ``data:`` addresses; see :mod:`modelstitch.report.strips`.
        beyond: what is known beyond the run: candidates, their records, their monitors.
        folder: the run folder; paths inside it are shown from there.
        paths: show the paths of the user's machine as they are.

    Raises:
        RunError: no cell is finished yet.
        SpecError: no such language.
    """
    expect_one_of("language", language, tuple(LANGUAGES), SpecError)
    comparison, beyond = readable(comparison), beyond or BeyondRun()
    if not paths:
        beyond = beyond.shortened(folder)
        comparison = Comparison.from_json(redacted(comparison.to_json(), folder))
    context = PageContext(comparison, language, strips or {}, beyond)
    sections = [section for make in SECTIONS.values() if (section := make(context)) is not None]
    fill = partial(
        context.fill,
        _part("page.html"),
        lang=language,
        css=Markup(_part("page.css")),
        script=Markup(_program()),
        sender=comparison.sender,
        receiver=comparison.receiver,
        data=comparison.data,
        n_heldout=comparison.cells[0].n_heldout,
        sections=Markup("").join(sections),
        version=comparison.facts.versions.modelstitch,
    )
    added = {"recipes": recipes(comparison.spec), "stitch_words": stitch_words(comparison.spec)}
    rest = fill(page_data=Markup(as_script(added)), left_out=1)
    first = recommended(findings_of(comparison, context.stitch), beyond)
    facts = page_data(comparison, language, BYTES - len(rest.encode()), first)
    return str(fill(page_data=Markup(as_script(facts | added)), left_out=facts["left_out"]))


def write_page(text: str, path: Path) -> None:
    """Write a page to a file as an atomic write.

    Raises:
        RunError: it cannot be written.
    """
    try:
        atomic_write(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8", errors="replace"))
    except OSError as error:
        raise RunError(f"cannot write {str(path)!r}: {why_not_written(path, error)}") from error


@cache
def _program() -> str:
    """Return the page's program without its comments: a page has a bound, and the evidence needs the room."""
    lines = _part("page.js").splitlines(keepends=True)
    return "".join(line for line in lines if not line.lstrip().startswith("//"))


@cache
def _part(name: str) -> str:
    return resources.files("modelstitch.report").joinpath(name).read_text(encoding="utf-8")
