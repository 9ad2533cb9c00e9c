"""A run on a handful of held-out examples measures what it can, and names what it cannot."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

import modelstitch as ms
from modelstitch.evidence.kinds import KINDS
from modelstitch.results.cautions import lacking, of_few, of_row
from modelstitch.specs import EVIDENCE

X = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(30) % 3


def net(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 2, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))


def compared(labels: list[int], out: Path | None = None) -> ms.Comparison:
    x = torch.rand(len(labels), 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return ms.compare(
        net(0),
        net(1),
        ((X, Y), (x, torch.tensor(labels))),
        cuts=["1"],
        controls=["self-stitch"],
        evidence="all",
        fit=ms.FitSpec(steps=1, batch_size=16),
        out=out,
        allow_untrained=True,
    )


@pytest.mark.parametrize(
    "labels", [[0], [0, 1], [0, 1, 2], [1] * 5, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0], [0, 1, 2] * 4, [2] * 20]
)
def test_a_run_on_few_examples_ends_and_says_what_is_missing(labels: list[int]) -> None:
    run = compared(labels)
    n = len(labels)
    assert {row.kind for row in run.evidence} == set(EVIDENCE) - {"label-sets"}
    n_within = sum(labels.count(label) for label in set(labels) if labels.count(label) >= 4)
    for row in run.evidence:
        definition = KINDS[row.kind].definitions[row.name]
        counted = n_within if definition.within else n
        assert (row.n == counted) or row.kind in ("selectivity", "distribution", "rank")
        if row.n < definition.least:
            assert (row.value, row.low, row.high) == (None, None, None)
            assert lacking(row) == definition
            assert f"{row.n} example" in str(of_row(row))
        elif row.value is not None:
            assert math.isfinite(row.value)
            assert of_row(row) is None
    said = [text for text in run.sentences() if "too few held-out examples for some evidence" in text]
    assert len(said) == (1 if n_within < 10 or n < 11 else 0)
    if n < 10:
        kinds = ("errors", "similarity", "trajectory", "distribution", "information")
        assert all(f"{kind} ({n} of 10)" in said[0] for kind in kinds)
        assert "robustness" not in said[0]
    frame = run.evidence_frame()
    assert ((frame["note"] != "") == frame["value"].isna()).all()
    for verdict in run.verdicts().values():
        assert verdict.sentence == f"{n} held-out examples are too few, 100 are needed"


def test_the_page_and_the_table_say_it_by_name(tmp_path: Path) -> None:
    compared([0, 1, 2, 0, 1, 2, 0, 1, 2, 0], tmp_path)
    page = (tmp_path / "report.html").read_text()
    said = "similarity.within_cka (4 of 10 in classes of at least four)"
    assert said in page
    assert "geometry.mutual_knn (10 of 11)" in page
    table = (tmp_path / "evidence.csv").read_text()
    assert '"4 examples in classes of at least four, 10 are needed"' in table
    run = ms.load(tmp_path)
    few = of_few(run.evidence)
    assert few is not None
    assert said in few
    assert "similarity.within_cka（四件以上あるクラスのものが10件必要、4件）" in few.in_language("ja")


def test_a_verdict_needs_examples_in_classes_of_four() -> None:
    """Of 120 held-out examples in 40 classes, 8 are in classes of at least four."""
    x, y = torch.rand(80, 6, generator=torch.Generator().manual_seed(0)), torch.arange(80) % 40
    labels = torch.tensor([0] * 4 + [1] * 4 + [2 + row % 38 for row in range(112)])
    held = torch.rand(120, 6, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    one, other = (nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 40)) for _ in range(2))
    run = ms.compare(
        one,
        other,
        ((x, y), (held, labels)),
        cuts=["1"],
        controls=["self-stitch"],
        evidence=["kept"],
        fit=ms.FitSpec(steps=1, batch_size=16),
        allow_untrained=True,
    )
    (verdict,) = run.verdicts().values()
    n = sum(int(count) for count in labels.bincount() if count >= 4)
    assert n == 8
    assert verdict.reason is ms.Reason.TOO_FEW_IN_CLASSES
    assert verdict.because.n == 8
    assert "8 of the held-out examples that were measured are in classes of at least four" in verdict.sentence
