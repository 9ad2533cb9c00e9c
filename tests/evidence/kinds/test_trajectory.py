"""What becomes of a difference at later cuts, where it is planted; single numbers against scikit-learn."""

from __future__ import annotations

import pytest
from sklearn.metrics import r2_score
from sklearn.metrics.pairwise import cosine_similarity

from modelstitch.evidence.kinds import trajectory
from tests.evidence.kinds.made import CUT, classes, material, normal, residuals, u_centred_cka, values

LABELS = classes(120, 4)
EXPECTED = normal(120, 8)
STITCHED = EXPECTED + normal(120, 8, seed=1)


def test_numbers_at_a_cut_are_those_of_scikit_learn() -> None:
    found = values(trajectory.measure(material(LABELS, EXPECTED, STITCHED)))
    assert set(found) == set(trajectory.DEFINITIONS)
    x, y = STITCHED.numpy(), EXPECTED.numpy()
    within_x, within_y = residuals(STITCHED, LABELS), residuals(EXPECTED, LABELS)
    assert found["error"] == pytest.approx(1 - r2_score(y, x, multioutput="variance_weighted"), rel=1e-5)
    assert found["within_error"] == pytest.approx(
        1 - r2_score(within_y, within_x, multioutput="variance_weighted"), rel=1e-5
    )
    assert found["within_cka"] == pytest.approx(u_centred_cka(within_x, within_y, LABELS), abs=1e-5)
    hits = 0
    for label in range(4):
        members = LABELS.eq(label).numpy()
        nearest = cosine_similarity(within_x[members], within_y[members]).argmax(1)
        hits += sum(int(k == i) for i, k in enumerate(nearest))
    assert found["retrieval"] == hits / 120


def test_a_difference_that_heals_and_one_that_grows() -> None:
    later = {"healed": (EXPECTED, EXPECTED), "lost": (EXPECTED, normal(120, 8, seed=2))}
    found = trajectory.measure(material(LABELS, EXPECTED, STITCHED, later=later))
    here, healed, lost = (values(found, where) for where in (CUT, "healed", "lost"))
    assert healed["error"] == pytest.approx(0, abs=1e-6)
    assert healed["retrieval"] == 1
    assert healed["within_cka"] == pytest.approx(1, abs=1e-5)
    assert 0.5 < here["error"] < 1.5 < lost["error"]
    assert lost["retrieval"] < 0.15 < here["retrieval"] < 1
    assert abs(lost["within_cka"]) < 0.2 < here["within_cka"] < 1
