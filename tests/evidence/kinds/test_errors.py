"""EV, ES and SV against scikit-learn, and on stitches whose errors are known."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import mean_squared_error, r2_score

from modelstitch.evidence.kinds import errors
from modelstitch.evidence.residuals import Rows
from tests.evidence.kinds.made import classes, material, normal, values

LABELS = classes(120, 3)
EXPECTED = normal(120, 4, 5) + LABELS[:, None, None]
STITCHED = EXPECTED + 0.5 * normal(120, 4, 5, seed=1) + 0.2
MATCHED = EXPECTED + 0.1 * normal(120, 4, 5, seed=2)


def test_they_are_the_mean_squared_errors_of_scikit_learn() -> None:
    found = values(errors.measure(material(LABELS, EXPECTED, STITCHED, matched=Rows(MATCHED, LABELS))))
    assert set(found) == set(errors.DEFINITIONS)
    e, v, s = (x.flatten(1).numpy() for x in (EXPECTED, STITCHED, MATCHED))
    for name, truth, guess in (("ev", e, v), ("es", e, s), ("sv", v, s)):
        assert found[name] == pytest.approx(mean_squared_error(truth, guess), rel=1e-5)
    for name, guess in (("ev_share", v), ("es_share", s)):
        assert found[name] == pytest.approx(1 - r2_score(e, guess, multioutput="variance_weighted"), rel=1e-5)
    assert found["sv_share"] == pytest.approx(found["sv"] / e.var(0).mean(), rel=1e-5)


def test_planted_errors() -> None:
    moved = EXPECTED + 0.5
    found = values(errors.measure(material(LABELS, EXPECTED, moved, matched=Rows(EXPECTED, LABELS))))
    assert found["ev"] == pytest.approx(0.25, rel=1e-5)
    assert found["es"] == pytest.approx(0, abs=1e-9)
    assert found["sv"] == pytest.approx(0.25, rel=1e-5)


def test_without_a_matched_stitch_or_a_variance_there_is_no_number() -> None:
    found = values(errors.measure(material(LABELS, EXPECTED, STITCHED)))
    assert found["ev"] > 0
    assert all(math.isnan(found[name]) for name in ("es", "sv", "es_share", "sv_share"))
    constant = values(errors.measure(material(LABELS, torch.ones(120, 3), normal(120, 3))))
    assert math.isnan(constant["ev_share"])
