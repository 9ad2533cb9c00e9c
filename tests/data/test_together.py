from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.data.parts import DataPart
from modelstitch.data.together import alike, alike_files, expect_apart, group_values, joined, numbered
from modelstitch.errors import DataError

numbers = st.lists(st.integers(0, 4), min_size=1, max_size=12)


@given(st.data(), st.integers(1, 12))
def test_joined_sets_are_the_closure_of_both(data: st.DataObject, n: int) -> None:
    one, other = (data.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)) for _ in range(2))
    # The closure by Warshall's rule, as an oracle.
    linked = np.equal.outer(one, one) | np.equal.outer(other, other)
    for k in range(n):
        linked |= np.outer(linked[:, k], linked[k])
    found = joined(numbered(one), numbered(other))
    assert found is not None
    assert np.array_equal(np.equal.outer(found.numpy(), found.numpy()), linked)


def test_one_alone_is_left_as_it_is() -> None:
    assert joined(None, None) is None
    some = torch.tensor([0, 1, 0])
    assert joined(some, None) is joined(None, some) is some


def test_examples_are_alike_by_all_their_inputs() -> None:
    x = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    part = DataPart(x, torch.zeros(4, dtype=torch.int64), kwargs={"m": torch.tensor([0, 0, 1, 0])})
    assert alike(part).tolist() == [0, 0, 1, 2]


def test_a_number_of_each_example_does_not_make_it_another_one() -> None:
    x = torch.tensor([[1.0], [1.0], [2.0]])
    part = DataPart(x, torch.zeros(3, dtype=torch.int64), kwargs={"id": torch.tensor([7, 8, 9])})
    assert alike(part).tolist() == [0, 0, 1]


def test_nan_is_like_nothing() -> None:
    assert alike(DataPart(torch.full((3, 2), torch.nan), torch.zeros(3))).tolist() == [0, 1, 2]


def test_files_are_alike_by_their_content(tmp_path: Path) -> None:
    contents = {"a": b"one", "b": b"two", "c": b"one", "d": b"longer", "e": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in contents]
    assert alike_files(paths).tolist() == [0, 1, 0, 2, 3]
    with pytest.raises(DataError, match="cannot read .*missing"):
        alike_files([tmp_path / "missing"])


def test_groups_are_whole_numbers_or_names() -> None:
    assert group_values(torch.tensor([3, 3, 1]), 3, "groups") == [3, 3, 1]
    assert group_values([1.0, 2.0], 2, "groups") == [1, 2]
    assert group_values(np.array(["a", "b"]), 2, "groups") == ["a", "b"]
    for given_values, message in (
        ([1, 2], "groups: a group for each of 3 examples, got 2"),
        ([[1], [2], [3]], r"a group for each of 3 examples, got an array of shape \(3, 1\)"),
        ([1.0, 2.5, 3.0], "whole numbers or names, got 2.5 of type float for example number 1"),
        ([1.0, np.nan, 3.0], "whole numbers or names, got nan"),
        (["a", None, "b"], "whole numbers or names, got None of type NoneType for example number 1"),
    ):
        with pytest.raises(DataError, match=message):
            group_values(given_values, 3, "groups")


def test_a_group_in_both_parts_is_refused_by_name() -> None:
    expect_apart([["a", "b"], ["c"]], "patient", "D")
    message = r"data D: expected each group of 'patient' in one part, got 2 in both \('a', 'b'\), with 3 of 4"
    with pytest.raises(DataError, match=message):
        expect_apart([["a", "b", "x"], ["b", "a", "a", "c"]], "patient", "D")
