"""Units of evidence: examples, or single positions of them."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.cutting.layouts import Layout, recognise
from modelstitch.data.parts import DataPart
from modelstitch.evidence.units import Units
from modelstitch.tasks import CLASSIFICATION, IGNORED, TOKENS

N, T, V = 30, 6, 3


def tokens(seed: int) -> DataPart:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, V, (N, T), generator=generator)
    targets[torch.rand(N, T, generator=generator) < 0.4] = IGNORED
    return DataPart(torch.zeros(N, T, dtype=torch.int64), torch.zeros(N, dtype=torch.int64), targets)


@given(st.integers(0, 10**6), st.integers(5, 60))
def test_a_position_is_the_same_in_representations_outputs_and_labels(seed: int, n_units: int) -> None:
    split, indices = tokens(seed), torch.arange(N)
    units = Units(split, indices, TOKENS, n_units)
    # Every value says where it comes from.
    place = torch.arange(N * T).float().view(N, T, 1)
    first = Layout("map1d", (1, T))
    rows = units.of(place, recognise((T, 1)))
    assert torch.equal(units.of(place.transpose(1, 2), first), rows)
    assert torch.equal(units.outputs(place.split(7)), rows)
    assert len(units) == len(rows) <= n_units
    where = rows[:, 0].long()
    assert torch.equal(split.targets.flatten()[where], units.labels)
    assert (units.labels != IGNORED).all()
    assert torch.equal(units.labels, units.labels.sort().values)
    assert len(where.unique()) == len(where)
    assert torch.equal(units.tokens(torch.arange(N * T).view(N, T))[:, 0], where)


def test_rare_tokens_are_left_out_where_common_ones_are_there() -> None:
    split = tokens(0)
    targets = split.targets.clone()
    targets[0, 0] = 7
    units = Units(DataPart(split.images, split.labels, targets), torch.arange(N), TOKENS, 1000)
    assert 7 not in units.labels


def test_representations_without_a_value_for_every_position_do_not_fit() -> None:
    units = Units(tokens(0), torch.arange(N), TOKENS, 100)
    assert units.fits(recognise((T, 8)))
    assert not units.fits(recognise((T // 2, 8)))
    assert not units.fits(recognise((8,)))
    assert not units.fits(Layout("tokens", (T + 1, 8), extra=1))
    assert Units(tokens(0), torch.arange(N), CLASSIFICATION, 100).fits(recognise((8,)))


def test_padding_is_zero_in_the_units_of_examples() -> None:
    present = torch.arange(T)[None] < torch.tensor([2, 6] * (N // 2))[:, None]
    labels = torch.arange(N) % 2
    split = DataPart(torch.zeros(N, T), labels, kwargs={"attention_mask": present.long()})
    units = Units(split, torch.arange(N), CLASSIFICATION, N)
    found = units.of(torch.ones(N, T, 4), recognise((T, 4)))
    assert torch.equal(found[:, :, 0] != 0, present[units.indices])
    assert units.of(torch.ones(N, 4), recognise((4,))).all()


@given(st.sampled_from([(3,), (5, 4, 4), (7, 6)]), st.integers(1, 12))
def test_rows_are_the_values_of_every_position_batch_by_batch(shape: tuple[int, ...], batch: int) -> None:
    units = Units(DataPart(torch.zeros(N, 1), torch.arange(N) % 3), torch.arange(N), CLASSIFICATION, N)
    x = torch.randn(N, *shape, generator=torch.Generator().manual_seed(0))
    layout = recognise(shape)
    firsts = range(0, N, batch)
    rows = units.in_order([units.rows(x[first : first + batch], layout, first) for first in firsts])
    expected = layout.features_first(x).reshape(N, layout.n_features, -1).transpose(1, 2)
    assert torch.equal(rows, expected)
    assert torch.equal(units.examples, torch.arange(N))


def test_rows_keep_extra_tokens_and_few_positions_of_large_maps() -> None:
    units = Units(DataPart(torch.zeros(4, 1), torch.arange(4)), torch.arange(4), CLASSIFICATION, 4)
    tokens = Layout("tokens", (2 + 40, 1024), extra=2)
    place = torch.arange(42.0)[None, :, None].expand(4, 42, 1024)
    kept = units.rows(place, tokens, 0)
    assert kept.shape == (4, 2 + 8, 1024)  # 8 positions of 1,024 numbers make 8,192
    assert kept[0, :2, 0].tolist() == [0, 1]
    others = kept[0, 2:, 0]
    assert torch.equal(others, others.unique())
    assert torch.equal(units.rows(place, tokens, 0), kept)
    wide = Layout("tokens", (42, 4096))
    assert units.rows(torch.zeros(4, 42, 4096), wide, 0).shape == (4, 4, 4096)  # never fewer than four
    assert units.rows(torch.zeros(4, 1, 9), recognise((1, 9)), 0).shape == (4, 1, 9)


def test_rows_of_padding_are_zero() -> None:
    present = torch.arange(T)[None] < torch.tensor([2, 6] * (N // 2))[:, None]
    split = DataPart(torch.zeros(N, T), torch.arange(N) % 2, kwargs={"attention_mask": present.long()})
    units = Units(split, torch.arange(N), CLASSIFICATION, N)
    batches = [
        units.rows(torch.ones(7, T, 4)[: N - first], recognise((T, 4)), first) for first in range(0, N, 7)
    ]
    assert torch.equal(units.in_order(batches)[:, :, 0] != 0, present[units.indices])


@given(st.integers(0, 10**6), st.integers(5, 60), st.integers(1, 12))
def test_rows_of_positions_with_their_own_targets_are_those_positions(
    seed: int, n_units: int, batch: int
) -> None:
    units = Units(tokens(seed), torch.arange(N), TOKENS, n_units)
    place = torch.arange(N * T).float().view(N, T, 1)
    for layout in (recognise((T, 1)), None):  # a representation, and outputs
        batches = [units.rows(place[first : first + batch], layout, first) for first in range(0, N, batch)]
        rows = units.in_order(batches)
        assert rows.shape == (len(units), 1, 1)
        assert torch.equal(rows[:, 0], units.outputs(place.split(7)))
        assert torch.equal(rows[:, 0, 0].long() // T, units.examples)
