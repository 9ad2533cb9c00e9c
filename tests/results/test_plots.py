from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib import colors
from matplotlib import pyplot as plt
from PIL import Image

from modelstitch.results import plots
from modelstitch.results.plots import Line


@pytest.fixture(autouse=True)
def without_a_screen() -> Iterator[None]:
    mpl.use("Agg")
    yield
    plt.close("all")


def matrix(values: np.ndarray) -> xr.DataArray:
    rows, columns = values.shape
    return xr.DataArray(
        values,
        dims=("sender_cut", "receiver_cut"),
        coords={
            "sender_cut": [f"s{i}" for i in range(rows)],
            "receiver_cut": [f"r{i}" for i in range(columns)],
        },
    )


def luminance(colour: object) -> float:
    red, green, blue = colors.to_rgb(colour)  # type: ignore[arg-type]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_value_stands_in_its_cell_and_can_be_read() -> None:
    values = np.linspace(0, 1, 24).reshape(4, 6)
    ax = plots.heatmap(matrix(values), title="T")
    image = ax.images[0]
    assert image.get_clim() == (0, 1)
    assert len(ax.texts) == 24
    for text in ax.texts:
        column, row = (round(float(each)) for each in text.get_position())
        assert text.get_text() == f"{values[row, column]:.2f}"
        background = luminance(image.cmap(float(values[row, column]))[:3])
        foreground = luminance(text.get_color())
        low, high = sorted((background, foreground))
        # WCAG 2.2 asks 4.5 : 1 of small text; the middle of any scale cannot do much better.
        assert (high + 0.05) / (low + 0.05) >= 4.5
    assert [label.get_text() for label in ax.get_yticklabels()] == ["s0", "s1", "s2", "s3"]


def test_a_transposed_matrix_is_drawn_the_same_way_round() -> None:
    values = np.array([[0.1, 0.2, 0.3]])
    ax = plots.heatmap(matrix(values).transpose("receiver_cut", "sender_cut"))
    assert ax.images[0].get_array().shape == (1, 3)  # type: ignore[union-attr]


def test_a_failed_cell_is_a_dash() -> None:
    ax = plots.heatmap(matrix(np.array([[0.5, np.nan]])))
    assert [text.get_text() for text in ax.texts] == ["0.50", "–"]


def test_the_given_axes_are_used_and_returned() -> None:
    _, ax = plt.subplots()
    assert plots.heatmap(matrix(np.eye(2)), ax) is ax


def test_a_value_that_had_not_converged_has_a_question_mark() -> None:
    values = np.array([[0.25, 0.5]])
    ax = plots.heatmap(matrix(values), doubtful=matrix(values) > 0.3)
    assert [text.get_text() for text in ax.texts] == ["0.25", "0.50?"]


def test_a_map_of_verdicts_has_its_colours_from_kept_and_its_texts_as_given() -> None:
    kept = matrix(np.array([[0.0, 0.5, np.nan]]))
    drawn = plots.KeptMap("T", kept, [["L 0 %\n0.9", "◐ 50 %\n0.8", "?\n0.7"]], (0.175, 0.8))
    figure, ax = plt.subplots()
    plots.kept_map(drawn, ax)
    image = ax.images[0]
    assert image.get_clim() == (0, 1)
    assert image.cmap.name == plots.KEPT_COLOURS != plots.COLOURS
    assert [text.get_text() for text in ax.texts] == ["L 0 %\n0.9", "◐ 50 %\n0.8", "?\n0.7"]
    # What is not known has a grey of its own, with black on it, and no colour of the scale.
    values = image.get_array()
    assert values is not None
    shown = image.to_rgba(values, bytes=True)[0, :, :3]
    assert tuple(shown[2]) == (0xD0, 0xD3, 0xDA)
    assert ax.texts[2].get_color() == "black"
    for text, colour in zip(ax.texts, shown, strict=True):
        low, high = sorted((luminance(colour / 255), luminance(text.get_color())))
        assert (high + 0.05) / (low + 0.05) >= 4.5
    plots.kept_bar(figure, ax, drawn.lines, "kept")
    bar = figure.axes[-1]
    assert [label.get_text() for label in bar.get_yticklabels()] == ["0 %", "17.5 %", "80 %", "100 %"]
    drawn_at = {round(float(line.get_ydata()[0]), 3) for line in bar.lines if len(set(line.get_ydata())) == 1}  # type: ignore[index,arg-type]
    assert drawn_at == {0.175, 0.8}


def test_further_text_stands_below_its_score() -> None:
    ax = plots.heatmap(matrix(np.array([[0.25, 0.5]])), below={("s0", "r1"): "18 %"})
    assert [text.get_text() for text in ax.texts] == ["0.25", "0.50\n18 %"]


def test_curves_have_their_lines_levels_and_intervals() -> None:
    lines = {
        "real": Line([0, 10, 100], [0.2, 0.6, 0.8], [0.1, 0.5, 0.7], [0.3, 0.7, 0.9]),
        "control": Line([10, 100], [0.1, 0.2], dotted=True),
    }
    figure = plots.capacity([("a -> b", lines), ("a -> c", {"control": lines["control"]})], [0.9], "H")
    first, second = figure.axes
    assert [len(line.get_xdata()) for line in first.lines] == [3, 2, 2]  # type: ignore[arg-type]
    assert first.lines[0].get_xdata()[0] == 0.5  # type: ignore[index]
    assert set(first.lines[2].get_ydata()) == {0.9}  # type: ignore[arg-type]
    assert [line.get_linestyle() for line in first.lines[:2]] == ["-", ":"]
    assert len(first.collections) == 1
    assert second.lines[0].get_color() == first.lines[1].get_color(), "one colour for one name"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["real", "control"]


@pytest.mark.parametrize("n_panels", [1, 2, 3, 4])
def test_all_panels_share_one_scale(n_panels: int, tmp_path: Path) -> None:
    panels = [plots.ScoreMap(f"panel {i}", matrix(np.full((2, 3), i / 4))) for i in range(n_panels)]
    figure = plots.sheet(panels, "H")
    drawn = [ax for ax in figure.axes if ax.images]
    assert len(drawn) == n_panels
    assert {ax.images[0].get_clim() for ax in drawn} == {(0, 1)}
    figure.savefig(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.size[0] > 300
