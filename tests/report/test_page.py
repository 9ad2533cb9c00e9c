"""The page without its program: what stands in it, and that nothing in a run can become markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from modelstitch.errors import RunError, SpecError
from modelstitch.report import markdown, page, read_strips, sections, write_page
from modelstitch.report.context import PageContext
from modelstitch.report.limits import limits
from modelstitch.report.sections import SECTIONS
from modelstitch.report.strips import FILE
from modelstitch.results.comparison import Comparison
from modelstitch.specs import DataSpec, ModelSpec
from modelstitch.util.atomic_files import atomic_write
from modelstitch.wording import plain
from tests.made import run_spec
from tests.report.made import run, with_stitches

HOSTILE = """<script>alert(1)</script>"'&amp;{{7*7}}<img src=x onerror=alert(1)>"""


class Reader(HTMLParser):
    """Collects elements, their attributes, and the text that a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data

    def count(self, tag: str) -> int:
        return sum(each == tag for each, _ in self.elements)


def test_the_first_screen_and_every_map_with_its_table() -> None:
    found = Reader(page(run(2, 3)))
    assert "In 6 of 6 places, the evidence says that the parts can be exchanged." in found.text
    assert "There is one fitting seed." in found.text
    maps = [
        attributes["data-map"]
        for tag, attributes in found.elements
        if tag == "figure" and "data-map" in attributes
    ]
    assert maps == ["verdict", "trained", "random-sender", "clustered-noise", "one-hot", "self-stitch"]
    # Every map has its squares and one table; the page's program makes the squares buttons.
    assert found.count("rect") == 5 * 6 + 9
    assert found.count("table") >= len(maps) + 3


def test_every_file_of_a_section_has_its_row_and_every_row_its_place() -> None:
    folder = Path(sections.__file__).parent
    assert set(SECTIONS) == {path.stem for path in folder.glob("*.py")} - {"__init__"}
    context = PageContext(run(2, 3), "en")
    made = {name: make(context) for name, make in SECTIONS.items()}
    beyond = {"candidates", "worth", "record", "monitors"}
    assert {name for name, section in made.items() if section is None} == {
        "classes",
        "examples",
        "curves",
        "pictures",
    } | beyond
    text = page(run(2, 3))
    places = [text.index(str(section).strip()) for section in made.values() if section is not None]
    assert places == sorted(places)


def test_what_a_run_says_is_text_never_markup() -> None:
    comparison = run(names=("<b>A</b>", "{{ 7 * 7 }}", "D"))
    text = page(comparison)
    assert "<b>A</b>" not in text
    assert "{{ 7 * 7 }}" in Reader(text).text


def test_nothing_is_asked_of_the_network() -> None:
    text = page(run())
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:)""", text)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket", text)
    assert set(re.findall(r"https?://[\w.]+", text)) == {"http://www.w3.org"}
    assert "default-src 'none'" in text


def test_hostile_names_stay_text() -> None:
    clean, hostile = run(), run(names=(HOSTILE, HOSTILE, HOSTILE), prefix=HOSTILE, bridge=HOSTILE)
    for language in ("en", "ja"):
        seen, known = Reader(page(hostile, language)), Reader(page(clean, language))
        assert seen.count("script") == known.count("script") == 2
        assert seen.count("img") == 0
        assert not any(name.startswith("on") for _, attributes in seen.elements for name in attributes)
        assert "alert(1)" in seen.text
        assert "49" not in Reader(page(run(names=("{{7*7}}", "B", "D")))).text.split("tested on")[0]
    assert "<script" not in markdown(hostile)
    assert "<img" not in markdown(hostile)


def test_paths_are_shown_only_when_asked(tmp_path: Path) -> None:
    spec = run_spec(
        ["c0", "c1"],
        ["c0", "c1", "c2"],
        sender=ModelSpec(source="/home/zoe/secret/a.pt", weights="qhidden/w.pt"),
        receiver=ModelSpec(source=str(tmp_path / "models" / "b.pt")),
        data=DataSpec(source="/mnt/qprivate/images"),
    )
    comparison = run(spec=spec)
    text = page(comparison, folder=tmp_path)
    assert not any(word in text for word in ("zoe", "secret", "qhidden", "mnt", "qprivate", str(tmp_path)))
    assert "…/a.pt" in text
    assert "models/b.pt" in text
    assert "/home/zoe/secret/a.pt" in page(comparison, folder=tmp_path, paths=True)
    assert "secret" not in markdown(comparison)


def test_japanese_page_says_the_same_in_japanese() -> None:
    text = Reader(page(run(2, 3), "ja")).text
    assert "判断保留" in text
    assert "置き換え可能" in text
    assert "6か所のうち6か所" in text
    # Names and code stay; whole English sentences do not.
    prose = re.sub(r"\{.*\}", "", text, flags=re.DOTALL)
    assert not re.search(r"(?:\b[a-z]{3,}\b ){5}", prose.split("再現のための情報")[0])


def test_a_language_that_is_not_there() -> None:
    with pytest.raises(SpecError, match="'fr'"):
        page(run(), "fr")


def cut_short(comparison: Comparison, n: int) -> Comparison:
    """Return what a run holds that was stopped after ``n`` cells: no baselines and no evidence yet."""
    facts = replace(comparison.facts, n_cells=len(comparison.cells))
    return replace(comparison, cells=comparison.cells[:n], baselines=(), evidence=(), kept=(), facts=facts)


def test_a_run_that_was_cut_short_says_so_at_the_top() -> None:
    text = Reader(page(cut_short(run(2, 3), 4))).text
    assert "This run is not finished: 4 of 33 cells are done." in text
    assert "No control was run" in text
    assert "This run is not finished" in markdown(cut_short(run(2, 3), 4))
    with pytest.raises(RunError, match="no cell of this run is finished yet"):
        page(cut_short(run(2, 3), 0))
    with pytest.raises(RunError, match="no cell of this run is finished yet"):
        markdown(cut_short(run(2, 3), 0))


@pytest.mark.parametrize(
    "comparison",
    [
        cut_short(run(2, 3), 1),
        cut_short(run(2, 3), 7),
        cut_short(run(2, 3, seeds=(0, 1)), 30),
        run(controls=("trained",)),
        run(controls=("random-sender",)),
        run(score=0.5, converged=False),
        run(1, 1),
        run(seeds=(0, 1)),
    ],
)
def test_weak_runs_have_a_page_all_the_same(comparison: Comparison) -> None:
    for language in ("en", "ja"):
        text = Reader(page(comparison, language)).text
        assert (plain("page.limits", language) in text) == bool(limits(comparison))
        for wrong in ("-1.00", "undefined", "nan"):
            assert wrong not in text, wrong
    assert "nan" not in markdown(comparison)


def test_of_several_stitches_the_page_speaks_of_the_papers_and_shows_what_each_takes() -> None:
    several = with_stitches(run(2, 3), {"scale": (2, 0.5), "identity": (0, 0.15)})
    assert several.stitches == ("scale", "identity", "affine")
    text = Reader(page(several)).text
    assert "In 6 of 6 places, the evidence says that the parts can be exchanged." in text
    assert "affine, 10 parameters" in text
    # Where the largest is another, that one.
    large = with_stitches(run(2, 3), {"scale": (2, 0.5)})
    without = Comparison(
        **{**vars(large), "cells": tuple(cell for cell in large.cells if cell.family == "scale")}
    )
    assert without.main_stitch == "scale"


def test_strips_stand_in_the_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = {"original": rng.integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)}
    with (tmp_path / FILE).open("wb") as file:
        np.savez_compressed(file, **pictures)  # type: ignore[arg-type]
    strips = read_strips(tmp_path)
    text = page(run(), strips=strips)
    assert '<img src="data:image/jpeg;base64,' in text
    assert read_strips(tmp_path / "elsewhere") == {}
    whole = (tmp_path / FILE).read_bytes()
    for damaged in (b"PK broken", whole[: len(whole) // 2], whole[:200] + b"x" * 50 + whole[250:], b""):
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(RunError, match=r"cannot read the pictures.*painted\.npz"):
            read_strips(tmp_path)


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_page("<p>é</p>", tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == "<p>é</p>"
    with pytest.raises(RunError, match="cannot write"):
        write_page("x", tmp_path / "no" / "a.html")
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


def test_what_could_not_be_written_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        atomic_write(tmp_path / "a.html", half)
    assert list(tmp_path.iterdir()) == []


def test_markdown_has_the_answer_the_limits_and_the_table() -> None:
    text = markdown(run(2, 3))
    assert "**Undecided.** Not decided. This run shows what comes across" in text
    assert "In 6 of 6 places, the evidence says that the parts can be exchanged." in text
    assert "> - There is one fitting seed." in text
    assert "| c0 | ✓ 95 % · 0.93 | ✓ 95 % · 0.93 | ✓ 95 % · 0.93 |" in text
    assert "- Per cent: kept, the share of what the receiver knows" in text
    assert "- u: not learnt, an untrained sender does as well" in text
    assert "Colour" not in text
    assert "判定" not in text
    assert "**判断保留.**" in markdown(run(), "ja")
