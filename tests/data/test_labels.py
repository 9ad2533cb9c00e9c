"""Labels of any type become numbers and names, or are refused by their row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.data.labels import GivenLabels, numbered
from modelstitch.errors import DataError

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=9)


def of(values: Any, names: tuple[str, ...] | None = None) -> tuple[list[int], tuple[str, ...] | None]:
    found = numbered([GivenLabels(values, "here", names)])
    return found.parts[0].tolist(), found.classes


@pytest.mark.parametrize(
    "values",
    [
        [0, 2, 2],
        (0, 2, 2),
        torch.tensor([0, 2, 2]),
        torch.tensor([[0], [2], [2]]),
        torch.tensor([0, 2, 2], dtype=torch.uint8),
        np.array([0, 2, 2], ">i4"),
        np.array([0, 2, 2], np.uint64),
        [np.int64(0), np.uint8(2), torch.tensor(2)],
        [[0], [2], [2]],
        [np.array([0]), np.array(2), [2]],
        np.array([0, 2, 2], object),
    ],
    ids=str,
)
def test_whole_numbers_in_any_form(values: Any) -> None:
    assert of(values) == ([0, 2, 2], None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["b", "a", "b"], ([1, 0, 1], ("a", "b"))),
        (np.array(["b", "a", "b"]), ([1, 0, 1], ("a", "b"))),
        (np.array([b"b", b"a", b"b"]), ([1, 0, 1], ("a", "b"))),
        (np.array(["b", "a", "b"], object), ([1, 0, 1], ("a", "b"))),
        ([True, False, True], ([1, 0, 1], ("False", "True"))),
        (torch.tensor([True, False]), ([1, 0], ("False", "True"))),
        (np.array([True, True]), ([1, 1], ("False", "True"))),
        (["é", "z", "z"], ([1, 0, 0], ("z", "é"))),
        (["a", "A", "A"], ([1, 0, 0], ("A", "a"))),
    ],
    ids=str,
)
def test_names_and_truth_values(values: Any, expected: tuple[list[int], tuple[str, ...]]) -> None:
    assert of(values) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.rand(3), r"here: expected labels as whole numbers .*torch.float32 of shape \(3,\), such as 0"),
        (torch.rand(3).to(torch.bfloat16), "torch.bfloat16"),
        (torch.zeros(3, dtype=torch.complex64), "torch.complex64"),
        (torch.zeros(3, 2, dtype=torch.int64), r"torch.int64 of shape \(3, 2\)"),
        (torch.tensor(3), r"of shape \(\)"),
        (np.array(["2020-01-01"], "datetime64[D]"), "datetime64"),
        (None, "got object of shape"),
        (7, "got object of shape"),
        ("cat", "got object of shape"),
        ({0: 1}, "got object of shape"),
        ({0, 1}, "got object of shape"),
        ([0, 1, 0.5], "row 2 of here: expected labels .* got the real number 0.5"),
        ([0, [1, 2], 1], "row 1 of here: .* got a list of 2"),
        ([0, 1, {"a": 1}], "row 2 of here: .* got a dict of 1"),
        ([0, 1, b"\xff"], "row 2 of here: .* got bytes"),
        ([0, 1, object()], "row 2 of here: .* got object"),
        ([0, "a", 1], "got whole numbers and names: 0 in row 0, 'a' in row 1"),
        ([True, 1, 0], "got truth values and whole numbers: True in row 0, 1 in row 1"),
        ([0, 2**63, 1], "row 1 of here"),
        (np.array([2**63, 0, 0], np.uint64), "label 9223372036854775808 is outside"),
        ([0, 1, None], "1 labels are missing in here, the first in row 2"),
        (["a", "", "b"], "1 labels are missing in here, the first in row 1"),
        (np.array([0, np.nan]), "1 labels are missing in here, the first in row 1"),
        (
            [0, 1, -1, -1],
            "row 2 of here: label -1 is outside the 2 classes, expected 0 to 1; 2 rows have .*leave out",
        ),
        (["cat", "Cat", "dog", "dog"], "the classes 'Cat' and 'cat' differ in spaces or in case alone"),
        (["a", "b", "c"], "each of the 3 rows of here has a label of its own"),
        ([5, 9, 7, 2], "each of the 4 rows of here has a label of its own"),
    ],
)
def test_other_labels_are_refused_in_one_line(values: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        of(values)
    assert "\n" not in str(caught.value)


def test_names_of_the_metadata() -> None:
    names = ("cat", "dog", "emu")
    assert of([2, 0, 1], names) == ([2, 0, 1], names)  # a set with one example a class
    assert of(["emu", "cat", "emu"], names) == ([2, 0, 2], names)
    with pytest.raises(DataError, match="row 1 of here: label 3 is outside the 3 classes"):
        of([2, 3, 1], names)
    with pytest.raises(DataError, match="row 1 of here: label 'fox' is none of .*cat, dog, emu"):
        of(["emu", "fox", "emu"], names)
    with pytest.raises(DataError, match="expected each class name once, got 'a' 2 times"):
        numbered([GivenLabels([0, 1, 1], "here", ("a", "a")), GivenLabels([0], "there", ("a", "b"))])


def test_a_part_without_names_keeps_to_the_numbers_of_the_other() -> None:
    train, test = GivenLabels([0, 1, 1], "train", ("cat", "dog")), GivenLabels([1, 0], "test")
    for parts in ((train, test), (test, train)):
        found = numbered(parts)
        assert (found.classes, found.renumbered) == (("cat", "dog"), False)
        assert [part.tolist() for part in found.parts] == [list(part.values) for part in parts]
    with pytest.raises(DataError, match="row 0 of test: label 2 is outside the 2 classes"):
        numbered([train, GivenLabels([2], "test")])


@given(WORDS, WORDS)
def test_a_name_has_one_number_in_all_parts(train: list[str], test: list[str]) -> None:
    if len(set(train)) == len(train) > 2:
        train = train * 2
    found = numbered([GivenLabels(train, "train"), GivenLabels(test, "test")])
    assert found.classes is not None
    for words, part in zip((train, test), found.parts, strict=True):
        assert [found.classes[number] for number in part.tolist()] == words
    n_first = len(set(train))
    assert list(found.classes[:n_first]) == sorted(set(train))
    assert list(found.classes[n_first:]) == sorted(set(test) - set(train))


@given(st.data())
def test_names_that_differ_between_numberings(drawn: st.DataObject) -> None:
    orders = [tuple(drawn.draw(st.permutations(["a", "b", "c"]))) for _ in range(2)]
    labels = [drawn.draw(st.lists(st.integers(0, 2), min_size=1, max_size=6)) for _ in range(2)]
    found = numbered([GivenLabels(own, "part", names) for own, names in zip(labels, orders, strict=True)])
    assert found.classes == orders[0]
    assert found.renumbered == (orders[0] != orders[1])
    for own, names, part in zip(labels, orders, found.parts, strict=True):
        assert [found.classes[number] for number in part.tolist()] == [names[number] for number in own]
