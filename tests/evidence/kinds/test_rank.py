"""Ranks against scipy's entropy of singular values, and of planted directions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from torch import Tensor

from modelstitch.evidence.kinds import rank
from tests.evidence.kinds.made import classes, material, normal, values

LABELS = classes(120, 3)


def by_scipy(x: Tensor, centred: bool = True) -> tuple[float, int]:
    rows = x.double().flatten(1).numpy()
    energy = np.linalg.svd(rows - rows.mean(0) if centred else rows, compute_uv=False) ** 2
    shares = energy / energy.sum()
    return float(np.exp(entropy(shares))), int(np.searchsorted(shares.cumsum(), 0.95) + 1)


def test_they_are_those_of_the_singular_values() -> None:
    expected, stitched, provided = (
        normal(120, 9),
        normal(120, 4, seed=1) @ normal(4, 9, seed=2),
        normal(120, 200),
    )
    weight = normal(9, 200, seed=3)
    found = values(rank.measure(material(LABELS, expected, stitched, provided=provided, weight=weight)))
    assert set(found) == set(rank.DEFINITIONS)
    for side, x in (("expected", expected), ("stitched", stitched), ("provided", provided)):
        effective, most = by_scipy(x)
        assert found[f"effective_rank_{side}"] == pytest.approx(effective, rel=1e-4)
        assert found[f"rank_95_{side}"] == most
    effective, most = by_scipy(weight, centred=False)
    assert found["effective_rank_stitch"] == pytest.approx(effective, rel=1e-9)
    assert found["rank_95_stitch"] == most


def test_the_label_alone_has_one_direction_less_than_classes() -> None:
    stitched = 5 * torch.nn.functional.one_hot(LABELS).float()
    found = values(rank.measure(material(LABELS, normal(120, 9), stitched)))
    assert found["effective_rank_stitched"] == pytest.approx(2, abs=1e-5)
    assert found["rank_95_stitched"] == 2
    assert "rank_95_stitch" not in found
