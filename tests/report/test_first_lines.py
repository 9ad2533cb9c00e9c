"""The first lines of the page: their order, how sure, what is saved, who ran it; classes and grey cells."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modelstitch.report import page
from modelstitch.report.answer import findings_of
from modelstitch.report.beyond import BeyondRun
from modelstitch.report.first_lines import from_line, is_unsure, recommended, sure_sentence
from modelstitch.report.page_data import page_data
from modelstitch.results.class_table import changes_of, read_changes, write_changes
from modelstitch.results.facts import RunMade
from tests.report.made import run


def test_the_first_lines_stand_in_their_order() -> None:
    made = run()
    made = replace(made, facts=replace(made.facts, made=RunMade(by="Ann <b>", when="2026-01-31 12:00")))
    for language, words in (("en", "What is saved"), ("ja", "節約できるもの")):
        text = page(made, language)
        parts = (
            'class="badge"',
            'class="how-sure"',
            f">{words}<",
            'class="point next"',
            'class="point tried"',
        )
        order = [text.index(part) for part in parts]
        assert order == sorted(order)
        assert text.index('class="point tried"') < text.index('class="across"')
        assert "2026-01-31 12:00" in text
        assert "Ann &lt;b&gt;" in text


@pytest.mark.parametrize(("kept", "unsure"), [(0.95, False), (0.5, False), (0.215, True)])
def test_amber_is_for_low_confidence(kept: float, unsure: bool) -> None:
    made = run(kept=kept)
    findings = findings_of(made, "affine")
    place = recommended(findings, BeyondRun())
    assert place in findings.verdicts
    assert is_unsure(findings, place) == unsure
    assert ("answer undecided unsure" in page(made)) == unsure
    verdict = findings.verdicts[place]  # type: ignore[index]
    lines = (17.5, 80.0)
    apart = min(max(100 * verdict.kept_low - line, line - 100 * verdict.kept_high) for line in lines)
    assert from_line(verdict) == pytest.approx(max(0.0, apart))
    word = {False: "", True: "Low: "}[unsure]
    assert str(sure_sentence(findings, place)).startswith(word)


def test_the_recommended_cell_is_in_the_page_of_the_run() -> None:
    made = run()
    place = recommended(findings_of(made, "affine"), BeyondRun())
    assert page_data(made, "en", recommended=place)["recommended"] == list(place or ())
    assert page_data(made, "en")["recommended"] is None


def test_grey_cells_are_divided_by_reason() -> None:
    text = page(run(converged=False))
    assert "Why cells are grey" in text
    assert "The fit had not converged in 6 places." in text
    assert "Why cells are grey" not in page(run())


def test_classes_gained_and_lost_come_back_from_their_file_and_stand_on_the_page(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 200)
    whole, stitched = (generator.random(200) < share for share in (0.8, 0.7))
    made = run()
    place = recommended(findings_of(made, "affine"), BeyondRun())
    assert place is not None
    rows = changes_of((*place, "affine", 0), ["a", "b,c", "<d>"], labels, whole, stitched)
    for label, row in enumerate(rows):
        mine = labels == label
        assert row.n == mine.sum()
        assert row.net == (stitched & mine).sum() - (whole & mine).sum()
    write_changes(rows, tmp_path / "classes.csv")
    assert read_changes(tmp_path) == tuple(rows)
    text = page(made, beyond=BeyondRun(classes=tuple(rows)))
    assert re.search(r"<td>b,c</td><td>\d+</td><td>\d+</td><td>\d+</td><td>[+-]\d+</td>", text)
    assert "<td>&lt;d&gt;</td>" in text
    (tmp_path / "classes.csv").write_text("name\nx\n", encoding="utf-8")
    assert read_changes(tmp_path) == ()


def test_less_than_a_point_from_the_line_is_said_so() -> None:
    made = run(kept=0.65)
    findings = findings_of(made, "affine")
    place = recommended(findings, BeyondRun())
    assert place is not None
    for low, said, japanese in (
        (0.1, "less than 1 point from", "1ポイント未満"),
        (0.796, "less than 1 point from", "1ポイント未満"),
        (0.812, "1 point from", "から1ポイント。"),
        (0.823, "2 points from", "から2ポイント。"),
    ):
        near = replace(findings.verdicts[place], kept_low=low, kept_high=0.9)
        sentence = sure_sentence(replace(findings, verdicts={place: near}), place)
        assert said in sentence
        assert japanese in sentence.in_language("ja")
        assert "0 points" not in sentence
