"""A small real run (three cuts of the demo's two networks), kept so that the page cannot rot unseen."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from modelstitch.report import markdown, page
from modelstitch.report.figures import figures
from modelstitch.results.colours import shade
from modelstitch.results.comparison import Comparison
from modelstitch.results.plots import KEPT_COLOURS
from tests.report.test_page import Reader


@pytest.fixture(scope="module")
def golden() -> Comparison:
    packed = (Path(__file__).parent / "golden.json.gz").read_bytes()
    return Comparison.from_json(json.loads(gzip.decompress(packed)))


def test_the_page_says_what_it_said(golden: Comparison) -> None:
    text = Reader(page(golden)).text
    for sentence in (
        "In 5 of 9 places, part of what the receiver knows beyond the label comes across: 47 % at best "
        "(46 to 48).",
        "layers.0 -> layers.0: 47 % kept (46 to 48), 100 % of the score; confidence high. Untrained senders "
        "keep 38 %: it was learnt.",
        "A sender that knows only the label scored 1.00 here.",
        "The evidence decides in 9 of 9 places.",
        "Of the 5 cells that are at least partly, against untrained senders: 4 learnt, 1 not learnt.",
        "the sender's outputs recover 32 % (28 to 36) of the receiver's outputs within classes",
        "about 100 % are from the sender's training set and 100 % are from the receiver's training set",
    ):
        assert sentence in text
    # The verdict map, row by row, as anyone reads it: kept above, the score below.
    picture = page(golden).split('data-map="verdict"')[1].split("</svg>")[0]
    assert re.findall(r"<rect[^>]*/><text[^>]*>([^<]*)</text><text[^>]*>([^<]*)</text>", picture) == [
        *(("◐ 47 %", "0.98"), ("◐ 21 %", "0.96 u"), ("L 20 %", "0.99")),
        *(("L 10 %", "0.95"), ("◐ 22 %", "0.98"), ("◐ 27 %", "0.99")),
        *(("L 0 %", "0.97"), ("L 2 %", "0.98"), ("◐ 40 %", "0.98")),
    ]


def test_the_map_is_coloured_by_what_is_kept_and_has_its_yardstick(golden: Comparison) -> None:
    text = page(golden)
    figure = text.split('data-map="verdict"')[1].split("</figure>")[0]
    verdicts = golden.cell_verdicts("affine").values()
    assert re.findall(r'<rect fill="(#\w+)"/>', figure) == [
        shade(verdict.kept, KEPT_COLOURS)[0] for verdict in verdicts
    ]
    # The lines of the rule stand on the colour bar.
    assert re.findall(r'<b style="left:([\d.]+)%"></b>', figure) == ["17.5", "80.0"]
    assert "Yardstick: of two whole networks" in figure
    without = replace(golden, facts=replace(golden.facts, yardstick=None))
    assert "Yardstick" not in page(without).split('data-map="verdict"')[1].split("</figure>")[0]


def test_its_markdown_and_its_figures(golden: Comparison) -> None:
    assert "| layers.0 | ◐ 47 % · 0.98 | ◐ 21 % · 0.96 u | L 20 % · 0.99 |" in markdown(golden)
    assert set(figures(golden)) == {"accuracy", "verdicts", "geometry"}


def test_both_answers_stand_in_the_table_of_verdicts(golden: Comparison) -> None:
    table = {
        (row["control"], row["sender_cut"], row["receiver_cut"]): row
        for row in golden.verdict_frame().to_dict("records")
    }
    row = table["trained", "layers.0", "layers.2"]
    assert (row["name"], row["learnt"]) == ("partly", "not learnt")
    assert row["untrained_control"] == "random-sender-bn"
    assert row["lead_low"] < row["lead"] < row["lead_high"] < 0.05
    assert row["kept_low"] < row["kept"] < row["kept_high"]
    assert table["trained", "layers.4", "layers.0"]["untrained_control"] == ""


def test_it_is_the_same_run_in_both_languages(golden: Comparison) -> None:
    english, japanese = (page(golden, language) for language in ("en", "ja"))

    def numbers(text: str) -> list[str]:
        found = re.findall(r"<text(?: class=\"second\")?(?: style=[^>]*)?>([^<]*)</text>", text)
        return [one.replace(" %", "%") for one in found]  # each language writes a per cent in its own way

    assert numbers(english) == numbers(japanese)
    assert "0.96 u" in numbers(english)
