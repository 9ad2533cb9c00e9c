from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from modelstitch.evidence.pairing import Pairing
from modelstitch.evidence.residuals import Rows


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


LABELS = torch.arange(120) % 3


def test_residuals_have_no_class_mean_left() -> None:
    found = Rows(drawn(120, 2, 3, 3) + 100 * LABELS[:, None, None, None], LABELS)
    for index in range(3):
        assert found.residuals[found.slices[index]].mean(0).abs().max() < 1e-4
        assert len(found.class_grams[index]) == 40
    x = drawn(120, 2, 3, 3) + 100 * LABELS[:, None, None, None]
    order = LABELS.argsort(stable=True)
    torch.testing.assert_close(found.raw((2, 3, 3)), x[order], rtol=0, atol=1e-4)
    centred = (x - x.mean(0)).double()
    assert found.variance == pytest.approx(float(centred.square().sum()), rel=1e-5)


def test_what_is_given_is_not_written_to_unless_told() -> None:
    x, labels = drawn(12, 3), torch.arange(12) // 4
    before = x.clone()
    Rows(x, labels)
    assert torch.equal(x, before)
    Rows(x, labels, own=True)
    assert not torch.equal(x, before)


def test_a_representation_that_only_rounds_differently_is_constant_within_its_class() -> None:
    x = drawn(3, 50)[LABELS]
    noisy = x * (1 + 1e-7 * drawn(120, 50, seed=1))
    found = Rows(noisy, LABELS)
    assert all(float(each.abs().sum()) == 0 for each in found.class_grams)
    assert any(float(each.abs().sum()) > 0 for each in Rows(x + 1e-2 * drawn(120, 50), LABELS).class_grams)


def test_small_classes_are_left_out() -> None:
    labels = torch.tensor([0] * 10 + [1] * 3)
    assert [len(each) for each in Rows(drawn(13, 4), labels).members] == [10]
    few = Rows(drawn(6, 4), torch.arange(6))
    pair = Pairing(few, few)
    assert few.members == []
    assert all(math.isnan(each) for each in (*pair.retrieval(), *pair.within_cka(), pair.retrieval_chance))
    assert math.isnan(pair.within_error())
    assert pair.error() == 0


def test_the_first_rows_are_centred_among_themselves() -> None:
    found = Rows(drawn(120, 8) + torch.arange(120)[:, None], LABELS)
    assert found.first(30).sum().abs() < 1e-2 * found.first(30).abs().sum()
    values, vectors = found.spectrum(30)
    torch.testing.assert_close((vectors * values) @ vectors.T, found.first(30), rtol=1e-4, atol=1e-2)


def test_a_constant_has_no_similarity() -> None:
    constant = Rows(torch.full((120, 50), 0.1) * (1 + 1e-7 * drawn(120, 50)), LABELS)
    assert math.isnan(Pairing(constant, Rows(drawn(120, 8), LABELS)).cka()[0])


def test_a_representation_beside_itself() -> None:
    x = Rows(drawn(120, 8), LABELS)
    pair = Pairing(x, x)
    assert pair.error() == pytest.approx(0, abs=1e-9)
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
    truth = 1 / (
        1 + 0.5**2
    )  # of rows with independent noise of half their size: tr(C)^2 over that and the noise's
    covered = 0
    for seed in range(30):
        for n, found in ((90, wide), (360, narrow)):
            labels = torch.arange(n) % 3
            x = drawn(n, 200, seed=seed)
            y = x + 0.5 * drawn(n, 200, seed=seed + 1000)
            _, low, high = Pairing(Rows(x, labels), Rows(y, labels)).within_cka()
            found.append(high - low)
            covered += low <= truth <= high
    assert sum(narrow) < sum(wide)
    assert covered >= 48
