"""What is decided about a cell from the verdicts on its stitches, the smallest first."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from modelstitch.cli.terminal import print_curves
from modelstitch.report import page
from modelstitch.results.comparison import Comparison
from modelstitch.results.curve_figure import curves_figure
from modelstitch.results.curve_sentences import of_curves
from modelstitch.results.curves import Curve, capacity_curves
from modelstitch.results.facts import RunFacts
from modelstitch.results.rows import Baseline, CellRow, EvidenceRow, KeptRow
from tests.made import cell_row, run_spec, with_stitch

SIZES = {"identity": 0, "lowrank(1)": 5, "affine": 20, "conv(3)": 90}
CONTROLS = ("random-sender", "clustered-noise", "self-stitch")

Keeps = Mapping[str, tuple[float, float | None]]
"""Kept, and kept of untrained senders, by stitch."""


def cells(control: str, score: float, seed: int = 0) -> list[CellRow]:
    row = cell_row(control=control, score=score, n_heldout=2000, converged=True, seed=seed)
    row = replace(row, sender_cut="b" if control == "self-stitch" else "a")
    return [with_stitch(row, stitch, n_parameters=n) for stitch, n in SIZES.items()]


def kept_row(cell: CellRow, kept: float, untrained: float | None) -> KeptRow:
    lead = None if untrained is None else kept - untrained
    return KeptRow(
        **cell.key._asdict(),
        control=cell.control,
        kept=kept,
        low=kept - 0.02,
        high=kept + 0.02,
        where="output",
        head=kept,
        head_low=None,
        head_high=None,
        recovered=kept,
        own=1.0,
        label=0.0,
        p_label=0.002,
        lead=lead,
        lead_low=None if lead is None else lead - 0.02,
        lead_high=None if lead is None else lead + 0.02,
        untrained=() if untrained is None else (untrained,),
        n=2000,
    )


def measured(cell: CellRow) -> EvidenceRow:
    return EvidenceRow(
        **cell.key._asdict(),
        control=cell.control,
        kind="kept",
        name="recovered",
        where="output",
        value=0.5,
        low=None,
        high=None,
        n=2000,
    )


def comparison(keeps: Keeps, controls: tuple[str, ...] = CONTROLS, seed: int = 0) -> Comparison:
    real = [cell for cell in cells("trained", 0.88, seed) if cell.stitch in keeps]
    others = [cell for name in controls for cell in cells(name, 0.89, seed)]
    known = [kept_row(cell, *keeps[cell.stitch]) for cell in real if not math.isnan(keeps[cell.stitch][0])]
    return Comparison(
        sender="s",
        receiver="r",
        data="d",
        spec=run_spec(["a"], ["b"]),
        cells=(*real, *others),
        baselines=tuple(
            Baseline(role=role, control="trained", seed=0, score=0.9, digest="x")
            for role in ("sender", "receiver")
        ),
        facts=RunFacts(n_classes=10, chance=0.1),
        evidence=tuple(measured(cell) for cell in (*real, *others)),
        kept=tuple(known),
    )


def curve(keeps: Keeps, controls: tuple[str, ...] = CONTROLS) -> Curve:
    curves = capacity_curves(comparison(keeps, controls))
    return next(each for each in curves if each.sender_cut == "a")


def decided(found: Curve) -> tuple[str | None, ...]:
    points = (found.interchangeable, found.ahead, found.caught_up)
    return (*(None if point is None else point.stitch for point in points), found.caught_up_by)


GROWING = {"identity": (0.0, None), "lowrank(1)": (0.4, 0.1), "affine": (0.9, 0.3)}


def test_the_smallest_interchangeable_stitch_and_up_to_where_it_is_real() -> None:
    found = curve({**GROWING, "conv(3)": (0.95, 0.93)})
    assert [point.n_parameters for point in found.points] == [0, 5, 20, 90]
    assert [point.kept for point in found.untrained] == [0.1, 0.3, 0.93]
    assert decided(found) == ("affine", "affine", "conv(3)", "untrained")


def test_nobody_catches_up() -> None:
    assert decided(curve({**GROWING, "conv(3)": (0.95, 0.5)})) == ("affine", "conv(3)", None, None)


def test_a_label_only_sender_catches_up_where_no_more_than_the_label_comes_across() -> None:
    falling = {"identity": (0.5, 0.1), "affine": (0.1, None), "conv(3)": (0.1, None)}
    assert decided(curve(falling)) == (None, "identity", "affine", "label-only")
    nothing = dict.fromkeys(SIZES, (0.0, None))
    assert decided(curve(nothing)) == (None, None, "identity", "label-only")


def test_an_untrained_sender_that_is_level_from_the_start_is_named_where_something_comes_across() -> None:
    level = {"identity": (0.0, None), "lowrank(1)": (0.5, 0.5), "affine": (0.9, 0.89), "conv(3)": (0.9, 0.9)}
    assert decided(curve(level)) == ("affine", None, "lowrank(1)", "untrained")


def test_what_is_unclear_is_not_ahead_and_a_later_lead_is() -> None:
    unclear = {"affine": (0.5, 0.46), "conv(3)": (0.6, 0.3)}
    assert decided(curve(unclear)) == (None, "conv(3)", None, None)
    assert decided(curve({"affine": (0.5, 0.3), "conv(3)": (0.6, 0.56)}))[1:3] == ("affine", "conv(3)")


def test_without_untrained_senders_the_label_alone_is_compared() -> None:
    found = curve({stitch: (kept, None) for stitch, (kept, _) in GROWING.items()}, CONTROLS[1:])
    assert decided(found) == ("affine", "affine", None, None)
    asked = curve({stitch: (kept, None) for stitch, (kept, _) in GROWING.items()})
    assert decided(asked)[1:] == (None, "identity", "label-only"), "draws that failed say nothing"


def test_accuracy_alone_decides_nothing() -> None:
    unknown = curve(dict.fromkeys(SIZES, (math.nan, None)))
    assert not unknown.is_judged
    assert decided(unknown) == (None, None, None, None)
    assert of_curves([unknown]) == []


def test_seeds_are_averaged_and_failed_cells_left_out() -> None:
    one, two = comparison(GROWING), comparison({**GROWING, "affine": (0.7, 0.1)}, seed=1)
    failed = with_stitch(one.cells[0], "mlp(64)", n_parameters=99, score=None, failure="loss nan")
    both = replace(
        one,
        cells=(*one.cells, *two.cells, failed),
        evidence=(*one.evidence, *two.evidence),
        kept=(*one.kept, *two.kept),
    )
    (found,) = (each for each in capacity_curves(both) if each.sender_cut == "a")
    affine = next(point for point in found.points if point.stitch == "affine")
    assert affine.kept == pytest.approx((0.9 + 0.7) / 2)
    assert affine.verdict is not None
    assert affine.verdict.name == "partly", "seeds that disagree by one word: the weaker"
    assert "mlp(64)" not in {point.stitch for point in found.points}


def test_the_table_has_a_row_for_each_stitch_and_says_what_it_decides() -> None:
    frame = comparison({**GROWING, "conv(3)": (0.95, 0.93)}).capacity_frame()
    frame = frame[frame["sender_cut"] == "a"].set_index("stitch")
    assert list(frame.index) == list(SIZES)
    assert list(frame.index[frame["is_smallest_interchangeable"]]) == ["affine"]
    assert list(frame.index[frame["is_largest_ahead"]]) == ["affine"]
    assert frame["caught_up_by"].tolist() == ["", "", "", "untrained"]
    assert frame.loc["conv(3)", "untrained"] == 0.93
    assert (frame.loc["affine", "name"], frame.loc["affine", "learnt"]) == ("interchangeable", "learnt")


def test_the_sentences_count_stitches_in_both_languages() -> None:
    first, second = of_curves([curve(GROWING), curve(dict.fromkeys(SIZES, (0.0, None)))])
    assert first == "Smallest stitch that is interchangeable, in 2 cells: affine in 1, none in 1."
    assert "affine in 1, none in 1. Above it" in second
    assert "a label-only one in 1; in 1 none does" in second
    assert "affineが1件、なしが1件" in first.in_language("ja")


def test_without_untrained_senders_the_sentence_claims_nothing_about_them() -> None:
    keeps: Keeps = {stitch: (kept, None) for stitch, (kept, _) in GROWING.items()}
    (_, second) = of_curves([curve(keeps, CONTROLS[1:])])
    assert second.startswith("Up to this stitch more than the label comes across: affine in 1. Above it")
    assert "No untrained sender was compared" in second


def test_the_page_and_the_terminal_name_the_stitches(capsys: pytest.CaptureFixture[str]) -> None:
    made = comparison({**GROWING, "conv(3)": (0.95, 0.93)})
    plain = re.sub(r"<[^>]+>", " ", page(made))
    assert re.search(r"a → b\s+affine, 20 parameters: 90 % kept \(88 to 92\)", plain)
    assert "conv(3), 90 parameters: 95 % kept (93 to 97), by an untrained sender" in plain
    japanese = re.sub(r"<[^>]+>", " ", page(made, language="ja"))
    assert "conv(3)（パラメータ90個）、保持率95%（93〜97%）（未学習の送り手）" in japanese
    print_curves(made)
    printed = " ".join(capsys.readouterr().out.split())
    assert "affine (20)" in printed
    unknown = comparison(dict.fromkeys(SIZES, (math.nan, None)))
    assert re.search(r"a → b\s+cannot tell\s+cannot tell", re.sub(r"<[^>]+>", " ", page(unknown)))
    print_curves(unknown)
    assert "cannot tell" in capsys.readouterr().out


def test_the_figure_shows_kept_and_scores_and_only_scores_without_kept() -> None:
    def lines(keeps: Keeps) -> list[str]:
        ax = curves_figure(comparison(keeps)).axes[0]
        assert ax.get_title() == "a -> b"
        return [str(line.get_label()) for line in ax.lines if not str(line.get_label()).startswith("_")]

    kept = ["trained, kept", "untrained, kept", "label only, kept"]
    assert lines(GROWING) == [*kept, "trained, accuracy", "clustered-noise, accuracy"]
    assert lines(dict.fromkeys(SIZES, (math.nan, None)))[0] == "trained sender, trained receiver"
