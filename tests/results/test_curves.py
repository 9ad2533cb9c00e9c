from __future__ import annotations

from dataclasses import replace

from modelstitch.results.comparison import Comparison
from modelstitch.results.curves import capacity_curves, curves_figure
from modelstitch.results.facts import RunFacts
from modelstitch.results.rows import Baseline
from tests.made import cell_row, run_spec, with_stitch

ROW = cell_row()
REAL = {"identity": (0, 0.1), "lowrank(1)": (5, 0.5), "affine": (20, 0.88), "conv(3)": (90, 0.89)}
CONTROL = {"identity": (0, 0.02), "lowrank(1)": (5, 0.1), "affine": (20, 0.3), "conv(3)": (90, 0.885)}


def comparison(real: dict[str, tuple[int, float]], control: dict[str, tuple[int, float]]) -> Comparison:
    cells = [
        with_stitch(ROW, stitch, n_parameters=n, score=score, control=name)
        for name, curve in (("trained", real), ("random-sender", control))
        for stitch, (n, score) in curve.items()
    ]
    baselines = tuple(
        Baseline(role=role, control="trained", seed=0, score=0.9, digest="x")
        for role in ("sender", "receiver")
    )
    return Comparison(
        sender="s",
        receiver="r",
        data="d",
        spec=run_spec(["a"], ["b"]),
        cells=tuple(cells),
        baselines=baselines,
        facts=RunFacts(n_classes=10, chance=0.1),
    )


def test_the_smallest_sufficient_stitch_and_where_the_control_catches_up() -> None:
    (curve,) = capacity_curves(comparison(REAL, CONTROL))
    assert [point.n_parameters for point in curve.points] == [0, 5, 20, 90]
    assert curve.sufficient is not None
    assert curve.sufficient.stitch == "affine"
    assert curve.caught_up is not None
    assert curve.caught_up.stitch == "conv(3)"
    (lower,) = capacity_curves(comparison(REAL, CONTROL), share=0.5)
    assert lower.sufficient is not None
    assert lower.sufficient.stitch == "lowrank(1)"


def test_nothing_sufficient_and_no_control_that_catches_up() -> None:
    weak = {name: (n, score / 2) for name, (n, score) in REAL.items()}
    (curve,) = capacity_curves(comparison(weak, {"affine": (20, 0.1)}))
    assert curve.sufficient is None
    assert curve.caught_up is None
    assert list(curve.controls) == ["random-sender"]


def test_seeds_are_averaged_and_failed_cells_left_out() -> None:
    found = comparison(REAL, CONTROL)
    extra = (
        with_stitch(ROW, "affine", n_parameters=20, score=0.80, seed=1),
        with_stitch(ROW, "mlp(64)", n_parameters=99, score=None, failure="loss nan"),
    )
    (curve,) = capacity_curves(replace(found, cells=(*found.cells, *extra)))
    by_name = {point.stitch: point.score for point in curve.points}
    assert by_name["affine"] == (0.88 + 0.80) / 2
    assert "mlp(64)" not in by_name


def test_the_figure_has_a_panel_for_every_pair_of_cuts() -> None:
    figure = curves_figure(comparison(REAL, CONTROL))
    assert [ax.get_title() for ax in figure.axes] == ["a -> b"]
