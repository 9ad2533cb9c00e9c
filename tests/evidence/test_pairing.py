from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modelstitch.evidence.pairing import Pairing
from modelstitch.evidence.rows import Rows


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


LABELS = torch.arange(120) % 3


def test_residuals_have_no_class_mean_left() -> None:
    found = Rows(drawn(120, 2, 3, 3) + 100 * LABELS[:, None, None, None], LABELS)
    for index in range(3):
        assert found.residuals(index).mean(0).abs().max() < 1e-4
        assert len(found.class_grams[index]) == 40
    assert float(found.centred.mean(0).abs().max()) < 1e-4


def test_a_representation_that_only_rounds_differently_is_constant_within_its_class() -> None:
    x = drawn(3, 50)[LABELS]
    noisy = x * (1 + 1e-7 * drawn(120, 50, seed=1))
    found = Rows(noisy, LABELS)
    assert all(float(each.abs().sum()) == 0 for each in found.class_grams)
    assert any(float(each.abs().sum()) > 0 for each in Rows(x + 1e-2 * drawn(120, 50), LABELS).class_grams)


def test_small_classes_are_left_out() -> None:
    labels = torch.tensor([0] * 10 + [1] * 3)
    assert [len(each) for each in Rows(drawn(13, 4), labels).members] == [10]


def test_a_representation_beside_itself() -> None:
    x = Rows(drawn(120, 8), LABELS)
    pair = Pairing(x, x)
    assert pair.error() == 0
    assert pair.within_error() == pytest.approx(0, abs=1e-9)
    assert pair.cka()[0] == pytest.approx(1, abs=1e-6)
    assert pair.within_cka() == pytest.approx((1, 1, 1), abs=1e-6)
    assert pair.retrieval()[0] == 1
    assert pair.retrieval_chance == pytest.approx(3 / 120)


def test_errors_are_shares_of_the_expected_variance() -> None:
    e = drawn(120, 4, seed=1)
    moved = e + torch.tensor([3.0, 0, 0, 0])
    pair = Pairing(Rows(moved, LABELS), Rows(e, LABELS))
    variance = float((e - e.mean(0)).square().sum())
    assert pair.error() == pytest.approx(9 * 120 / variance, rel=1e-5)
    assert pair.within_error() == pytest.approx(0, abs=1e-6)
    doubled = Pairing(Rows(2 * e, LABELS), Rows(e, LABELS))
    assert doubled.within_error() == pytest.approx(1, rel=1e-5)


def test_intervals_cover_the_truth_and_shrink() -> None:
    wide: list[float] = []
    narrow: list[float] = []
    truth = 1 / (1 + 0.25 * 8 / 8)
    covered = 0
    for seed in range(30):
        for n, found in ((90, wide), (360, narrow)):
            labels = torch.arange(n) % 3
            x = drawn(n, 200, seed=seed)
            y = x + 0.5 * drawn(n, 200, seed=seed + 1000)
            _, low, high = Pairing(Rows(x, labels), Rows(y, labels)).within_cka()
            found.append(high - low)
            covered += low <= truth**0.5 + 0.02 and high >= truth - 0.05
    assert sum(narrow) < sum(wide)
    assert covered > 50
