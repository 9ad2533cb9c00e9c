from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from modelstitch import load
from modelstitch.errors import RunError, SpecError
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import RunFacts
from modelstitch.results.rows import Baseline
from tests.made import cell_row, run_spec, with_stitch

CUTS = ["c0", "c1", "c2"]


def comparison(
    scores: dict[str, list[list[float | None]]], n_heldout: int = 1000, seeds: tuple[int, ...] = (0,)
) -> Comparison:
    """A comparison with planted scores: rows are sender cuts, columns receiver cuts."""
    cells = [
        cell_row(
            sender_cut=CUTS[i],
            receiver_cut=CUTS[j],
            control=control,
            seed=seed,
            score=None if value is None else value + 0.01 * seed,
            loss=None if value is None else 0.5,
            steps=4,
            seconds=0.1,
            n_heldout=n_heldout,
            failure="loss nan at step 2 of 4" if value is None else None,
            **({"standard_error": None} if value is None else {}),
        )
        for control, rows in scores.items()
        for seed in seeds
        for i, row in enumerate(rows)
        for j, value in enumerate(row)
    ]
    baselines = [
        Baseline(role=role, control=control, seed=0, score=value, digest="d")
        for control in scores
        for role, value in (("sender", 0.93), ("receiver", 0.95))
    ]
    return Comparison(
        sender="A",
        receiver="B",
        data="D",
        spec=run_spec(CUTS, CUTS),
        cells=tuple(cells),
        baselines=tuple(baselines),
        facts=RunFacts(n_classes=10, chance=0.1),
    )


TRIANGLE: list[list[float | None]] = [[0.9, 0.4, 0.3], [0.9, 0.9, 0.4], [0.9, 0.9, 0.9]]
LOW: list[list[float | None]] = [[0.2] * 3] * 3


def test_rows_are_senders_and_columns_receivers() -> None:
    matrix = comparison({"trained": TRIANGLE}).matrix()
    assert matrix.dims == ("sender_cut", "receiver_cut")
    assert matrix.sel(sender_cut="c0", receiver_cut="c2").item() == 0.3
    assert matrix.sel(sender_cut="c2", receiver_cut="c0").item() == 0.9


def test_the_mean_over_seeds_and_one_seed() -> None:
    result = comparison({"trained": TRIANGLE}, seeds=(0, 2))
    assert result.matrix().sel(sender_cut="c0", receiver_cut="c1").item() == pytest.approx(0.41)
    assert result.matrix(seed=2).sel(sender_cut="c0", receiver_cut="c1").item() == pytest.approx(0.42)


def test_unknown_choices_are_named() -> None:
    result = comparison({"trained": TRIANGLE})
    with pytest.raises(SpecError, match="unknown control 'random-sender': expected one of trained"):
        result.matrix("random-sender")
    with pytest.raises(SpecError, match="unknown seed '4': expected one of 0"):
        result.matrix(seed=4)
    with pytest.raises(SpecError, match="unknown stitch 'identity'"):
        result.matrix(stitch="identity")


def test_several_stitches_need_a_choice() -> None:
    result = comparison({"trained": TRIANGLE})
    both = (*result.cells, *[with_stitch(cell, "identity") for cell in result.cells])
    with pytest.raises(SpecError, match="several were fitted: affine, identity"):
        replace(result, cells=both).matrix()


def test_the_frame_has_penalty_against_the_own_receiver() -> None:
    frame = comparison({"trained": TRIANGLE, "random-sender": LOW}).to_frame()
    assert len(frame) == 18
    first = frame.iloc[1]
    assert (first.sender_cut, first.receiver_cut, first.control) == ("c0", "c1", "trained")
    assert first.penalty == pytest.approx(0.55)
    assert set(asdict(comparison({"trained": LOW}).cells[0])) < set(frame.columns)


def test_saved_and_loaded_is_equal(tmp_path: Path) -> None:
    result = comparison({"trained": [[None, 0.4, 0.3], *TRIANGLE[1:]], "random-both": LOW})
    path = tmp_path / "result.json"
    result.save(path)
    assert load(path) == result
    assert json.loads(path.read_text())["receiver_accuracy"] == 0.95
    assert sorted(each.name for each in tmp_path.iterdir()) == ["result.json"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "other"}'])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(RunError, match="cannot read comparison"):
        load(path)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run folder or saved comparison"):
        load(tmp_path / "none.json")
    with pytest.raises(RunError, match=r"expected a folder with run\.sqlite"):
        load(tmp_path)


def test_dataset_is_labelled_and_a_failed_cell_is_nan() -> None:
    result = comparison({"trained": [[None, 0.4, 0.3], *TRIANGLE[1:]]})
    assert isinstance(result.dataset, xr.Dataset)
    assert np.isnan(result.dataset["score"].sel(sender_cut="c0", receiver_cut="c0").item())
    assert len(result.failed) == 1


def test_html_escapes_names() -> None:
    result = replace(comparison({"trained": TRIANGLE}), sender="<script>alert(1)</script>")
    assert "<script>" not in result._repr_html_()
    assert "0.400" in result._repr_html_()


def sentences(accuracies: dict[str, Any], n_heldout: int = 1000) -> str:
    return " ".join(comparison(accuracies, n_heldout).sentences())


def test_sentences_see_the_triangle_and_the_strongest_control() -> None:
    text = sentences({"trained": TRIANGLE, "random-sender": LOW, "random-both": [[0.1] * 3] * 3})
    assert "score 0.90 on average (the whole receiver: 0.95) where the receiver cut is no deeper" in text
    assert "They score 0.37 where it is deeper." in text
    assert "No random control reaches the trained pair in any of the 9 cells" in text
    assert "0.90 against 0.20 with a random sender" in text
    assert "little difference" not in text


def test_sentences_admit_that_controls_do_as_well() -> None:
    text = sentences({"trained": TRIANGLE, "random-sender": TRIANGLE})
    assert "A random control scores as well as the trained pair in all cells (9 of 9)" in text
    assert "do not show that the two networks learnt something alike" in text


def test_sentences_count_the_cells_that_a_control_reaches() -> None:
    control = [[0.9, 0.1, 0.1], [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]]
    text = sentences({"trained": TRIANGLE, "random-receiver": control})
    assert "A random control does as well as the trained pair in 1 of 9 cells" in text
    assert "(1 with a random receiver)" in text
    assert "The trained pair does better in the other 8 cells" in text


def test_few_examples_make_the_margin_wide() -> None:
    close = [[0.9 - 0.03] * 3] * 3
    flat = [[0.9] * 3] * 3
    assert "in all cells (9 of 9)" in sentences({"trained": flat, "random-sender": close}, n_heldout=100)
    assert "in any of the 9 cells" in sentences({"trained": flat, "random-sender": close}, n_heldout=100_000)


def test_sentences_without_controls_say_so() -> None:
    assert "No control was run" in sentences({"trained": TRIANGLE})


def test_sentences_leave_failed_cells_out_and_say_so() -> None:
    text = sentences({"trained": [[None, 0.4, 0.3], *TRIANGLE[1:]], "random-sender": LOW})
    assert "1 cell of the pair failed. These sentences leave it out." in text
    assert "nan" not in text


def test_a_matrix_the_other_way_round_is_called_so() -> None:
    turned: list[list[float | None]] = [[0.3, 0.9, 0.9], [0.3, 0.3, 0.9], [0.3, 0.3, 0.3]]
    assert "the reverse of the paper's lower-left triangle" in sentences({"trained": turned})
    assert "the reverse" not in sentences({"trained": TRIANGLE})


def test_a_flat_matrix_is_called_flat() -> None:
    assert "little difference" in sentences({"trained": [[0.9] * 3] * 3})
