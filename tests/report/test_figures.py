"""Figures for a paper: files of the kinds that were asked for, at the width that was asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelstitch.errors import RunError, SpecError
from modelstitch.report.figures import figures, write_figures
from tests.report.made import run, with_stitches


def test_what_is_drawn_follows_from_the_run() -> None:
    assert set(figures(run())) == {"accuracy", "verdicts", "geometry"}
    assert set(figures(run(controls=("trained",)))) == {"accuracy", "geometry"}
    assert set(figures(run(controls=("random-sender",)))) == {"accuracy"}


def test_the_map_of_verdicts_has_both_numbers_and_its_legend_in_signs_that_fonts_have() -> None:
    comparison = run(2, 3, kept=0.65, lead=0.0)
    facts = replace(comparison.facts, yardstick=(0.59, 0.56, 0.62))
    figure = figures(replace(comparison, facts=facts))["verdicts"]
    ax = figure.axes[0]
    assert [text.get_text() for text in ax.texts] == ["~ 65 %\n0.93 u"] * 6
    assert ax.images[0].get_array().tolist() == [[0.65] * 3] * 2  # type: ignore[union-attr]
    legend = figure.get_supxlabel().replace("\n", " ")
    assert "+ = interchangeable, ~ = partly, L = decodable only, × = incompatible" in legend
    assert "the sender's outputs recover 59 % (56 to 62)" in legend


def test_the_matrices_of_a_run_begin_with_its_map_of_verdicts() -> None:
    drawn = [ax for ax in run(2, 3).figure().axes if ax.images]
    assert [ax.get_title().split("\n")[0] for ax in drawn[:2]] == [
        "verdicts",
        "trained sender, trained receiver",
    ]
    assert [text.get_text() for text in drawn[0].texts] == ["✓ 95 %\n0.93"] * 6
    assert {text.get_text() for text in drawn[1].texts} == {"0.93"}
    # Beside the pair stand its controls with what they keep.
    assert {text.get_text() for text in drawn[2].texts} == {"0.50\n◐ 40 %"}


def test_width_is_kept_and_refused_where_no_page_has_it() -> None:
    several = with_stitches(run(), {"identity": (0, 0.1), "scale": (2, 0.5)})
    widths = {name: figure.get_size_inches()[0] * 25.4 for name, figure in figures(several, 85).items()}
    assert widths == {name: pytest.approx(85) for name in ("accuracy", "verdicts", "geometry", "capacity")}
    widths = {name: figure.get_size_inches()[0] * 25.4 for name, figure in figures(several, 170).items()}
    assert widths["accuracy"] == widths["capacity"] == pytest.approx(170)
    assert widths["verdicts"] == widths["geometry"] == pytest.approx(90)
    with pytest.raises(SpecError, match="40 to 600 millimetres, got 7"):
        figures(run(), 7)


def test_files_are_whole_the_same_each_time_and_hold_text(tmp_path: Path) -> None:
    drawn = figures(run(names=("R1111", "R$1", "D")))
    paths = write_figures(drawn, tmp_path / "a", ("svg", "pdf", "png"))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(path.name for path in paths)
    again = write_figures(figures(run(names=("R1111", "R$1", "D"))), tmp_path / "b", ("svg", "pdf"))
    for path in again:
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()
    svg = (tmp_path / "a" / "accuracy.svg").read_text()
    assert "receiver cut" in svg
    assert ">.93<" in svg.replace("\n", "").replace(" ", "")
    assert (tmp_path / "a" / "accuracy.pdf").read_bytes().startswith(b"%PDF")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write figures"):
        write_figures(figures(run()), tmp_path / "file", ("pdf",))
