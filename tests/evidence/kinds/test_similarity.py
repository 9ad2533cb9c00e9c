"""Similarity of stitched and expected: against other formulas, and on planted representations."""

from __future__ import annotations

import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.metrics import r2_score

from modelstitch.evidence.kinds import similarity
from tests.evidence.kinds.made import by_name, classes, material, normal, residuals, u_centred_cka, values

LABELS = classes(150, 3)
EXPECTED = normal(150, 6) + 3 * normal(3, 6, seed=1)[LABELS]


def test_they_are_what_other_formulas_say() -> None:
    stitched = EXPECTED @ normal(6, 6, seed=2) + normal(150, 6, seed=3)
    found = values(similarity.measure(material(LABELS, EXPECTED, stitched)))
    assert set(found) == set(similarity.DEFINITIONS)
    x, y = stitched.double().numpy(), EXPECTED.double().numpy()
    within_x, within_y = residuals(stitched, LABELS), residuals(EXPECTED, LABELS)
    assert found["cka"] == pytest.approx(u_centred_cka(x, y), abs=1e-5)
    assert found["within_cka"] == pytest.approx(u_centred_cka(within_x, within_y, LABELS), abs=1e-5)
    a, b = x - x.mean(0), y - y.mean(0)
    rotation, _ = orthogonal_procrustes(a, b)
    cosine = ((a @ rotation) * b).sum() / ((a**2).sum() * (b**2).sum()) ** 0.5
    assert found["procrustes"] == pytest.approx(cosine, abs=1e-5)
    assert found["r2"] == pytest.approx(r2_score(y, x, multioutput="variance_weighted"), rel=1e-4)
    assert found["within_r2"] == pytest.approx(
        r2_score(within_y, within_x, multioutput="variance_weighted"), rel=1e-4
    )


def test_a_stitch_that_keeps_the_label_alone_is_alike_and_has_nothing_within_classes() -> None:
    means = torch.stack([EXPECTED[label == LABELS].mean(0) for label in range(3)])
    stitched = means[LABELS] + 0.3 * normal(150, 6, seed=4)
    found = by_name(similarity.measure(material(LABELS, EXPECTED, stitched)))
    assert found["cka"].value > 0.7
    assert abs(found["within_cka"].value) < 0.1
    assert found["within_r2"].value < 0


def test_a_rotation_is_seen_by_the_error_alone() -> None:
    rotation = torch.linalg.qr(normal(6, 6, seed=5)).Q
    found = values(similarity.measure(material(LABELS, EXPECTED, EXPECTED @ rotation)))
    for name in ("cka", "within_cka", "procrustes"):
        assert found[name] == pytest.approx(1, abs=1e-5)
    assert found["r2"] < 0.9
