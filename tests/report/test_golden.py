"""A small real run (three cuts of the demo's two networks), kept so that the page cannot rot unseen."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from modelstitch.report import markdown, page
from modelstitch.report.figures import figures
from modelstitch.results.comparison import Comparison
from tests.report.test_page import Reader


@pytest.fixture(scope="module")
def golden() -> Comparison:
    packed = (Path(__file__).parent / "golden.json.gz").read_bytes()
    return Comparison.from_json(json.loads(gzip.decompress(packed)))


def test_the_page_says_what_it_said(golden: Comparison) -> None:
    text = Reader(page(golden)).text
    for sentence in (
        "Worth a pilot. In 1 of 9 places, the evidence says that the parts can be exchanged.",
        "up to layers.2 can replace R1111 (width 16, seed 1) up to layers.2. "
        "It keeps 85 % of what the receiver knows",
        "(95 % interval 82 to 88), and 100 % of the score. Confidence: low.",
        "A sender that knows only the label scored 1.00 here.",
        "The evidence decides in 3 of 9 places.",
        "about 100 % are from the sender's training set and 100 % are from the receiver's training set",
    ):
        assert sentence in text
    # The verdict map, row by row, as anyone reads it.
    picture = page(golden).split('data-map="verdict"')[1].split("</svg>")[0]
    marks = re.findall(r"<rect[^>]*/><text[^>]*>([^<]*)</text>", picture)
    assert [mark.split()[0] for mark in marks] == ["?", "?", "L", "?", "✓", "?", "L", "?", "?"]


def test_its_markdown_and_its_figures(golden: Comparison) -> None:
    assert "| layers.2 | 0.99 ? 72 % | 0.99 ✓ 85 % | 0.99 ? 76 % |" in markdown(golden)
    assert set(figures(golden)) == {"accuracy", "verdicts", "geometry"}


def test_it_is_the_same_run_in_both_languages(golden: Comparison) -> None:
    english, japanese = (page(golden, language) for language in ("en", "ja"))

    def numbers(text: str) -> list[str]:
        return re.findall(r"<rect[^>]*/><text[^>]*>([^<]*)</text>", text)

    assert numbers(english) == numbers(japanese)
