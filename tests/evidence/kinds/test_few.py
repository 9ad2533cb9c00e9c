"""Every kind of evidence on few examples: a number, or none where fewer than the stated least are there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelstitch.evidence.kinds import KINDS
from modelstitch.evidence.kinds.distribution import summarise
from modelstitch.evidence.material import LEAST, FinestScores, Material
from modelstitch.evidence.residuals import Rows
from tests.evidence.kinds.made import material, normal

SIZES = [1, 2, 3, 4, 5, 9, 10, 11, 12, 20]
LABELS: dict[str, Callable[[int], Tensor]] = {
    "one class": lambda n: torch.zeros(n, dtype=torch.int64),
    "two classes": lambda n: (torch.arange(n) >= n // 2).long(),
    "classes of one": lambda n: torch.arange(n),
    "classes of four and the rest": lambda n: torch.arange(n) // 4,
}


def few(
    labels: Tensor, seed: int, *, constant: bool, n_train: int, shape: tuple[int, ...] = (3, 2, 2)
) -> Material:
    """Everything that a kind reads, of few examples; constant: all representations are equal."""
    n = len(labels)
    expected, stitched, provided, moved = (
        normal(n, *shape, seed=seed + k) * (0.0 if constant else 1.0) for k in range(4)
    )
    scores = [normal(n, max(3, n), seed=seed + k) for k in range(4, 8)]
    train = normal(n_train, *shape, seed=seed + 8)
    given: dict[str, Any] = {
        "provided": provided,
        "later": {"later": (normal(n, 5, seed=seed + 9), normal(n, 5, seed=seed + 10))},
        "matched": Rows(normal(n, *shape, seed=seed + 11), labels),
        "outputs": scores[0],
        "receiver_outputs": scores[1],
        "sender_outputs": scores[2],
        "genuine": summarise(train, torch.arange(n_train) % 2),
        "moved": Rows(moved, labels),
        "pixels": normal(n, 1, 4, 4, seed=seed + 12),
        "is_image": True,
        "finest": FinestScores(labels, scores[0], scores[1], {"all": (0,) * max(3, n)}),
        "changed": lambda change: (scores[3], scores[1]),
        "train_right": lambda: torch.ones(n_train, dtype=torch.bool),
        "weight": normal(4, 3, seed=seed + 13),
        "train": (train, normal(n_train, *shape, seed=seed + 14)),
    }
    return material(labels, expected, stitched, **given)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(
    n=st.sampled_from(SIZES),
    of=st.sampled_from(sorted(LABELS)),
    constant=st.booleans(),
    n_train=st.sampled_from([1, 2, 12]),
    seed=st.integers(0, 10**6),
)
def test_below_the_least_number_there_is_none_and_never_an_error(
    kind: str, n: int, of: str, constant: bool, n_train: int, seed: int
) -> None:
    labels = LABELS[of](n)
    definitions = KINDS[kind].definitions
    counts = labels.bincount()
    n_within = int(counts[counts >= 4].sum())
    for number in KINDS[kind].measured(few(labels, seed, constant=constant, n_train=n_train)):
        definition = definitions[number.name]
        if definition.within:
            assert number.n == n_within
        if number.n < definition.least:
            assert math.isnan(number.value)
            assert (number.low, number.high) == (None, None)
        # No end of an interval without a value.
        if math.isnan(number.value):
            assert all(end is None or math.isnan(end) for end in (number.low, number.high))


@pytest.mark.parametrize("kind", KINDS)
def test_from_the_least_number_on_every_number_has_a_value(kind: str) -> None:
    """Twelve random examples in one class of ten and one of two, twelve training examples."""
    labels = torch.tensor([0] * 10 + [1] * 2)
    found = KINDS[kind].measured(few(labels, 0, constant=False, n_train=12, shape=(3, 2, 2)))
    missing = {number.name for number in found if math.isnan(number.value)}
    # One coarse label for all examples has no score above chance.
    allowed = {"share_by"} if kind == "label-sets" else set()
    assert missing <= allowed
    assert found


@pytest.mark.parametrize("kind", KINDS)
def test_one_example_less_than_the_least_has_no_value(kind: str) -> None:
    for number in KINDS[kind].measured(
        few(torch.zeros(LEAST - 1, dtype=torch.int64), 0, constant=False, n_train=9)
    ):
        least = KINDS[kind].definitions[number.name].least
        assert math.isnan(number.value) == (least >= LEAST), number.name
        assert number.n in (LEAST - 1, *(range(LEAST) if kind == "label-sets" else ()))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_named(kind: str) -> None:
    """The same numbers are listed with three examples as with twenty."""
    names = [
        {
            (number.name, number.where)
            for number in KINDS[kind].measured(few(torch.arange(n) % 2, 0, constant=False, n_train=12))
        }
        for n in (3, 20)
    ]
    assert names[0] == names[1]


def test_leasts_are_those_that_the_formulas_need() -> None:
    leasts = {
        f"{kind}.{name}": definition.least
        for kind, row in KINDS.items()
        for name, definition in row.definitions.items()
        if definition.least != LEAST
    }
    assert leasts.pop("geometry.mutual_knn") == leasts.pop("geometry.mutual_knn_null") == 11
    shares = {name for name, least in leasts.items() if least == 1}
    assert {name.split(".")[0] for name in shares} == {"agreement", "robustness", "selectivity", "label-sets"}
    assert {name for name, least in leasts.items() if least == 0} == {
        "rank.effective_rank_stitch",
        "rank.rank_95_stitch",
        "geometry-pooled.features_provided",
        "geometry-pooled.features_expected",
    }
