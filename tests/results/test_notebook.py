"""What a notebook shows of a comparison: static, small, inert."""

from __future__ import annotations

import re
from dataclasses import replace

from modelstitch.results.colours import shade
from modelstitch.results.plots import KEPT_COLOURS
from tests.report.made import run


def test_verdicts_stand_before_the_scores_in_their_colours() -> None:
    html = run(2, 3)._repr_html_()
    captions = re.findall(r"<caption>(.*?)</caption>", html)
    assert captions[0] == "verdicts: kept, accuracy, was it learnt"
    assert captions[1].startswith("trained sender, trained receiver: ")
    assert len(captions) == 6
    assert html.count(">interchangeable, 95 %; 0.93; learnt<") == 6
    assert html.count(f"background:{shade(0.95, KEPT_COLOURS)[0]}") == 6
    assert "<script" not in html
    assert "url(" not in html


def test_names_cannot_become_markup() -> None:
    name = "<img src=x onerror=alert(1)>\"'"
    html = run(names=(name, name, name), prefix=name)._repr_html_()
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_it_is_small() -> None:
    assert len(run(9, 17)._repr_html_()) < 150_000


def test_values_that_had_not_converged_or_failed_are_marked() -> None:
    assert "0.930?" in run(2, 2, converged=False)._repr_html_()
    comparison = run(2, 2)
    cells = (replace(comparison.cells[0], score=None, failure="loss nan"), *comparison.cells[1:])
    assert replace(comparison, cells=cells)._repr_html_().count(">–</td>") == 1
