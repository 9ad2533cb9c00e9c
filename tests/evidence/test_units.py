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
