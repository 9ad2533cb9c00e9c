"""The three parts of the held-out examples."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.adoption.division import Division, divide, divide_heldout, groups_of
from modelstitch.data.from_arrays import data_from
from modelstitch.errors import DataError


def test_digits_are_divided_as_the_documents_say() -> None:
    parts = divide(599, "digits")
    assert [len(part) for part in (parts.choose, parts.confirm, parts.calibrate)] == [299, 180, 120]


@given(n=st.integers(10, 300), seed=st.integers(0, 5))
def test_every_example_lies_in_one_part(n: int, seed: int) -> None:
    parts = divide(n, "any", seed)
    together = torch.cat([parts.choose, parts.confirm, parts.calibrate])
    assert torch.equal(together.sort().values, torch.arange(n))
    assert all(
        torch.equal(part, part.sort().values) for part in (parts.choose, parts.confirm, parts.calibrate)
    )
    assert (len(parts.confirm), len(parts.calibrate)) == (round(0.3 * n), round(0.2 * n))


def test_the_division_is_that_of_fingerprint_and_seed_and_of_nothing_else() -> None:
    torch.manual_seed(1)
    one = divide(40, "a")
    torch.manual_seed(2)
    again = divide(40, "a")
    assert torch.equal(one.choose, again.choose)
    # Written down once: another version of anything must divide the same examples in the same way.
    assert one.calibrate.tolist() == [4, 7, 9, 16, 18, 23, 36, 39]
    assert not torch.equal(one.choose, divide(40, "b").choose)
    assert not torch.equal(one.choose, divide(40, "a", 1).choose)


@given(sizes=st.lists(st.integers(1, 9), min_size=30, max_size=60), seed=st.integers(0, 3))
def test_a_group_lies_in_one_part(sizes: list[int], seed: int) -> None:
    groups = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    groups = groups[torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed))]
    parts = divide(len(groups), "any", seed, groups)
    held = [set(groups[part].tolist()) for part in (parts.choose, parts.confirm, parts.calibrate)]
    assert sum(map(len, held)) == len(sizes)
    # A part misses its share by no more than half of the largest group at each of its two ends.
    assert abs(len(parts.confirm) - 0.3 * len(groups)) <= max(sizes) + 1


@pytest.mark.parametrize("given", ["one part", "two parts"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_groups_that_the_data_name_are_kept_whole(given: str, task: str) -> None:
    patients = torch.arange(600) // 4
    x = torch.randn(600, 3, generator=torch.Generator().manual_seed(0))
    y = torch.arange(600) % 2 if task == "classification" else x[:, 0]
    if given == "one part":
        data = data_from(x, y, task=task, keep_together=patients)
    else:
        heldout = (x[400:], y[400:])
        data = data_from(
            x[:400], y[:400], task=task, heldout=heldout, keep_together=patients, heldout_limit=180
        )
    division = divide_heldout(data)
    of = {tuple(row.tolist()): int(patient) for row, patient in zip(x, patients, strict=True)}
    patient = torch.tensor([of[tuple(row.tolist())] for row in data.heldout.images])
    held = [set(patient[part].tolist()) for part in (division.choose, division.confirm, division.calibrate)]
    assert all(held)
    assert sum(map(len, held)) == len(set(patient.tolist()))
    groups = groups_of(data, division.confirm)
    assert groups is not None
    assert len(groups.unique()) == len(held[1])
    # Without groups the division is that of single examples, as it was.
    plain = replace(data, heldout=replace(data.heldout, groups=None), train=replace(data.train, groups=None))
    assert groups_of(plain, division.confirm) is None
    assert torch.equal(divide_heldout(plain).confirm, divide(len(plain.heldout), plain.digest).confirm)


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(DataError, match="expected held-out examples that choose, .* got 1, 0, 0"):
        divide(1, "any")
    with pytest.raises(DataError, match="or smaller groups"):
        divide(20, "any", groups=torch.zeros(20, dtype=torch.int64))
    with pytest.raises(DataError, match="a group for each of 20 examples, got 3"):
        divide(20, "any", groups=torch.zeros(3, dtype=torch.int64))
    with pytest.raises(DataError, match="share no example"):
        Division(torch.tensor([0, 1]), torch.tensor([1]), torch.tensor([2]))
