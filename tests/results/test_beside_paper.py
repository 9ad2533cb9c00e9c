"""An experiment beside the paper's numbers: planted matrices that repeat its findings, and that do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelstitch.report.paper import paper_html, paper_markdown
from modelstitch.results.beside_paper import BesidePaper, beside_paper
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import RunFacts
from modelstitch.results.pairs import Comparisons
from modelstitch.results.rows import Baseline, EvidenceRow
from modelstitch.specs.paper import paper_numbers
from tests.made import cell_row, run_spec

NUMBERS = paper_numbers()
VANILLA = np.array(NUMBERS["vanilla"]["scores"])
SIMILARITY = np.full((5, 5), 0.1)
SIMILARITY[0, 0] = 0.25
CORNER = np.full((5, 6), 0.4)
CORNER[:3, 0] = NUMBERS["untrained_sender"]["scores"]
BOTTOM = np.repeat([0.3, 0.3, 0.4, 0.9, 0.9], 5).reshape(5, 5)
TALL = np.where(np.arange(5)[:, None] / 4 >= np.arange(6)[None, :] / 5, 0.9, 0.4)
ERRORS = {"trained": (0.044, 0.015, 0.023), "random-receiver": (1e5, 1e4, 1e5)}


def network(sender: str, receiver: str, grids: dict[tuple[str, str], np.ndarray]) -> Comparison:
    """A comparison with planted scores by control and stitch, and the paper's errors about vanilla cells."""
    rows, columns = next(iter(grids.values())).shape
    cuts = [f"layers.{index}" for index in range(max(rows, columns))]
    cells, evidence = [], []
    for (control, stitch), scores in grids.items():
        for (i, j), score in np.ndenumerate(scores):
            place = {"sender_cut": cuts[i], "receiver_cut": cuts[j], "control": control}
            cells.append(cell_row(**place, stitch=stitch, score=float(score)))
            for name, value in zip(("ev", "es", "sv"), ERRORS.get(control, ()), strict=False):
                about: dict[str, Any] = {**place, "stitch": stitch, "seed": 0, "where": cuts[j], "n": 9}
                row = EvidenceRow(**about, kind="errors", name=name, value=value, low=None, high=None)
                evidence += [row] if stitch == "affine" else []
    controls = tuple(dict.fromkeys(control for control, _ in grids))
    baselines = [
        Baseline(
            role=role, control=control, seed=0, digest="d", score=0.1 if control == f"random-{role}" else 0.93
        )
        for role in ("sender", "receiver")
        for control in controls
    ]
    return Comparison(
        sender=sender,
        receiver=receiver,
        data="CIFAR-10",
        spec=run_spec(cuts[:rows], cuts[:columns], controls=controls),
        cells=tuple(cells),
        baselines=tuple(baselines),
        evidence=tuple(evidence),
        facts=RunFacts(n_classes=10, chance=0.1),
    )


def experiment(vanilla: np.ndarray = VANILLA, similarity: np.ndarray = SIMILARITY) -> BesidePaper:
    own = network(
        "R1111",
        "R1111",
        {
            ("trained", "affine"): vanilla,
            ("trained", "affine by match"): similarity,
            ("random-receiver", "affine"): BOTTOM if vanilla is VANILLA else BOTTOM[::-1],
        },
    )
    other = network("R1111", "R1112", {("trained", "affine"): TALL, ("random-sender", "affine"): CORNER})
    return beside_paper(Comparisons({("R1111", "R1111"): own, ("R1111", "R1112"): other}), NUMBERS)


def holds(found: BesidePaper) -> dict[str, bool | None]:
    return {each.what.key.removeprefix("paper."): each.holds for each in found.findings}


def test_the_papers_own_numbers_come_out_again() -> None:
    found = experiment()
    assert set(holds(found).values()) == {True}
    first = found.triangles[0]
    inside = VANILLA[np.tril_indices(5)]
    assert (first.below, first.above) == pytest.approx((inside.mean(), (VANILLA.sum() - inside.sum()) / 10))
    told = {each.what.key: str(each.ours) for each in found.findings}
    assert told["paper.matrix"].startswith("rank correlation 1.00; ")
    assert "the largest difference is 0.00" in told["paper.matrix"]
    sums = found.errors["trained", "ev", "all"]
    assert (sums.n, sums.mean, sums.deviation) == pytest.approx((25 + 30, 0.044, 0.0))
    far = found.errors["random-receiver", "ev", "all"]
    assert (far.n, far.maximum) == (25, 1e5)


def test_other_numbers_do_not() -> None:
    found = experiment(VANILLA.T.copy(), np.full((5, 5), 0.6))
    outcome = holds(found)
    assert [outcome[name] for name in ("triangle", "matrix", "similarity", "receiver")] == [False] * 4
    largest = np.abs(VANILLA.T / 0.93 - VANILLA / 0.93)
    row, column = np.unravel_index(largest.argmax(), largest.shape)
    told = next(str(each.ours) for each in found.findings if each.what.key == "paper.matrix")
    assert f"largest difference is {largest.max():.2f} (layer {row} into {column})" in told


def test_what_was_not_run_is_not_judged(tmp_path: Any) -> None:
    found = beside_paper(
        Comparisons({("R18", "R34"): network("R18", "R34", {("trained", "affine"): TALL})}), NUMBERS
    )
    outcome = holds(found)
    assert outcome["triangle"] is True
    assert [name for name, each in outcome.items() if each is None] == [
        *("whole", "matrix", "sender", "receiver", "similarity", "errors_diagonal", "far")
    ]
    text, page = paper_markdown(found), paper_html(found, tmp_path, "ja")
    assert "2 of 2 findings came out again, 7 were not run." in text
    assert "| R18 → R34 | 0.90 | 0.40 | 1.00 |" in text
    assert 'lang="ja"' in page
    assert "実行していない" in page
