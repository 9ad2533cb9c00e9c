"""What a reader recovers at every place, and whether it is more than the label: planted truths and nulls."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from calibrated_similarity import calibrate_layers
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from torch import Tensor

from modelstitch.evidence.kinds.kept import ORDERS, of_residuals, recovered
from modelstitch.evidence.material import Measurement, Residuals
from modelstitch.geometry.recovery import fit_reader, orders_within, residuals
from tests.evidence.kinds.made import classes, normal

seeds = st.integers(0, 10**6)


def at(
    x: Tensor, y: Tensor, labels: Tensor, place: str = "middle", examples: Tensor | None = None
) -> Residuals:
    """Residuals at one place: the first half of the rows (2 n, P, C) trains, the second is held out."""
    n = len(labels)
    parts = [residuals(rows[part], labels) for rows in (x, y) for part in (slice(n), slice(n, None))]
    return Residuals(
        place=place,
        x_train=parts[0],
        x=parts[1],
        y_train=parts[2],
        y=parts[3],
        labels=labels,
        examples=torch.arange(n) if examples is None else examples,
    )


def more_than_label(found: list[Measurement]) -> Measurement:
    (one,) = [each for each in found if each.name == "more_than_label"]
    return one


@settings(max_examples=20)
@given(st.integers(20, 80), st.integers(1, 3), st.integers(1, 6), st.integers(1, 4), seeds)
def test_the_share_is_that_of_the_errors_of_the_examples(n: int, p: int, c: int, e: int, seed: int) -> None:
    labels = classes(n, 3)
    here = at(normal(2 * n, p, c, seed=seed), normal(2 * n, p, e, seed=seed + 1), labels)
    share, read = recovered(here)
    direct = here.x @ fit_reader(here.x_train, here.y_train).weight.float()
    torch.testing.assert_close(read, direct)
    left = (here.y - direct).double().square().sum((1, 2))
    whole = here.y.double().square().sum((1, 2))
    assert share.value == pytest.approx(1 - float(left.sum() / whole.sum()), abs=1e-9)
    assert share.parts is not None
    assert share.parts.dtype == torch.float32
    torch.testing.assert_close(share.parts, (left / whole.mean()).float())
    assert (share.kind, share.name, share.where, share.n) == ("kept", "recovered", "middle", n)


def test_the_interval_of_a_share_is_that_of_the_bootstrap() -> None:
    n = 600
    x = normal(2 * n, 2, 4) * (1 + 2 * torch.rand(2 * n, 1, 1))  # examples of unequal weight
    here = at(x, x[:, :, :3] + normal(2 * n, 2, 3, seed=1), classes(n, 4))
    share, read = recovered(here)
    left = (here.y - read).double().square().sum((1, 2)).numpy()
    whole = here.y.double().square().sum((1, 2)).numpy()
    drawn = np.random.default_rng(0).integers(0, n, (4000, n))
    low, high = np.quantile(1 - left[drawn].sum(1) / whole[drawn].sum(1), [0.025, 0.975])
    width = high - low
    assert share.low is not None
    assert share.high is not None
    assert share.low == pytest.approx(low, abs=0.1 * width)
    assert share.high == pytest.approx(high, abs=0.1 * width)


def test_positions_of_one_example_are_one_example() -> None:
    """Copies of a position say nothing new: added up by example, the interval does not shrink."""
    n, copies = 200, 9
    labels = classes(n, 4)
    x = normal(2 * n, 1, 3)
    y = x + normal(2 * n, 1, 3, seed=1)
    once, _ = recovered(at(x, y, labels))
    many = labels.repeat_interleave(copies)
    repeated = at(x.repeat_interleave(copies, 0), y.repeat_interleave(copies, 0), many)
    owner = torch.arange(n).repeat_interleave(copies)
    together, _ = recovered(Residuals(**{**vars(repeated), "examples": owner}))
    assert together.value == pytest.approx(once.value, abs=1e-4)
    assert (together.low, together.high) == pytest.approx((once.low, once.high), abs=1e-3)
    assert together.parts is not None
    assert len(together.parts) == n
    assert together.n == n * copies
    apart, _ = recovered(repeated)
    assert apart.low is not None
    assert once.low is not None
    assert apart.value - apart.low < 0.5 * (once.value - once.low)


def test_nothing_is_said_where_nothing_can_be_read() -> None:
    labels, y = classes(40, 2), normal(80, 1, 3)
    flat = at(y, torch.ones_like(y), labels)
    broken = at(torch.full_like(y, torch.nan), y, labels)
    endless = at(torch.where(torch.arange(80)[:, None, None] == 50, torch.inf, y), y, labels)
    for here in (flat, broken, endless):
        share, _ = recovered(here)
        assert math.isnan(share.value)
        assert share.parts is None
        assert (share.low, share.high) == (None, None)
        missing = more_than_label(of_residuals([here]))
        assert math.isnan(missing.value)
        assert missing.parts is None
    # A place that can be read is read, whatever another place is like.
    found = of_residuals([flat, at(y, y, labels, "output")])
    assert [each.where for each in found] == ["middle", "output", "all"]
    assert found[1].value == pytest.approx(1, abs=1e-4)
    assert more_than_label(found).value == 1 / ORDERS


def test_a_label_alone_recovers_exactly_nothing_and_has_no_more_than_the_label() -> None:
    labels = classes(60, 3)
    here = at(normal(3, 2, 4)[torch.cat([labels, labels])], normal(120, 2, 5, seed=1), labels)
    found = of_residuals([here])
    assert found[0].value == 0
    assert more_than_label(found).value == 1


def test_content_within_classes_is_found_wherever_it_is() -> None:
    """A trace at one of two places is found; the other place counts alike and takes nothing away."""
    labels, y = classes(400, 4), normal(800, 1, 6)
    trace = at(y + 6 * normal(800, 1, 6, seed=1), y, labels)
    empty = at(normal(800, 1, 6, seed=2), y, labels, "output")
    assert more_than_label(of_residuals([trace])).value <= 0.01
    assert more_than_label(of_residuals([trace, empty])).value <= 0.05


def test_p_values_are_uniform_without_content_within_classes() -> None:
    """The label and noise, the same noise at both places: each p-value is as likely as any other."""
    labels = classes(60, 3)
    both = torch.cat([labels, labels])
    found = []
    for seed in range(300):
        y = normal(120, 1, 4, seed=3 * seed) + 5 * normal(3, 1, 4)[both]
        x = normal(120, 1, 4, seed=3 * seed + 1) + 5 * normal(3, 1, 4, seed=1)[both]
        later = torch.relu(x) + 0.1 * normal(120, 1, 4, seed=3 * seed + 2)
        found.append(more_than_label(of_residuals([at(x, y, labels), at(later, y, labels, "output")])).value)
    assert kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) <= 0.05) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


def test_the_p_value_is_that_of_calibrated_similarity() -> None:
    """The package permutes rows for all layers at once; given our permutations, it finds our p-value."""
    labels, y = classes(90, 3), normal(180, 1, 4)
    places = [
        at(y + noise * normal(180, 1, 4, seed=seed), y, labels, f"place {seed}")
        for seed, noise in ((1, 9.0), (2, 14.0))
    ]
    found = more_than_label(of_residuals(places))
    orders = orders_within(labels, ORDERS)
    reads = [recovered(here)[1].flatten(1) for here in places]
    expected = [here.y.flatten(1) for here in places]
    products = np.array(
        [[float((a * b[order]).sum()) for order in orders] for a, b in zip(reads, expected, strict=True)]
    )

    def mean_of_standardised(similarities: Tensor) -> Tensor:
        own = similarities.diagonal().numpy()
        return torch.tensor(((own - products.mean(1)) / products.std(1)).mean())

    rest = iter(orders[1:])
    _, p, _ = calibrate_layers(
        reads,
        expected,
        lambda a, b: float((a * b).sum()),
        agg=mean_of_standardised,
        K=ORDERS - 1,
        perm_fn=lambda n, device: next(rest),
    )
    assert 0.01 < found.value < 0.99
    assert found.value == pytest.approx(float(p), abs=1.5 / ORDERS)
