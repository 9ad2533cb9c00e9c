"""The score in training, with scipy's interval."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import binomtest

from modelstitch.evidence.kinds import selectivity
from tests.evidence.kinds.made import classes, material


def test_it_is_the_share_of_training_examples_that_are_right() -> None:
    right = torch.arange(200) % 8 != 0
    labels = classes(60, 3)
    (found,) = selectivity.measure(material(labels, torch.zeros(60, 2), train_right=lambda: right.float()))
    assert found.name in selectivity.DEFINITIONS
    assert found.value == 175 / 200
    assert found.n == 200
    interval = binomtest(175, 200).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-4)
