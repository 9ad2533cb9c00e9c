"""Class names: read from files of every form, and matched as people write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.data.class_names import matched, nearest, read_class_names, renamed
from modelstitch.data.from_arrays import data_from
from modelstitch.data.load import as_data, load_data
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

NAMES = ("cat", "dog", "night snake")


@pytest.mark.parametrize(
    "text",
    [
        "cat\ndog\nnight snake\n",
        "\ufeffcat\r\ndog \r\n\r\nnight snake",
        json.dumps(list(NAMES)),
        json.dumps({"2": "night snake", "0": "cat", "1": "dog"}),
        json.dumps({"dog": 1, "cat": 0, "night snake": 2}),
        json.dumps({"model_type": "vit", "id2label": {"0": "cat", "1": "dog", "2": "night snake"}}),
    ],
)
def test_names_are_read_in_every_form(tmp_path: Path, text: str) -> None:
    path = tmp_path / "classes"
    path.write_bytes(text.encode())
    assert read_class_names(path) == NAMES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least two classes in .*, got 0"),
        ("cat\n", "at least two classes in .*, got 1"),
        ("cat\ndog\ncat\n", "each class name once in .*, got 'cat' 2 times"),
        ('["cat", 3]', "expected JSON with a list of names"),
        ('{"0": "cat", "2": "dog"}', r"expected the numbers 0 to 1, got \[0, 2\]"),
        ('{"a": "cat"', "expected JSON with a list of names"),
        ('["cat", " "]', "a name for each class in .*, got ' ' for class 1"),
    ],
)
def test_files_that_give_no_names_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "classes.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_class_names(path)
    with pytest.raises(DataError, match="cannot read the class names in .*none.txt"):
        read_class_names(tmp_path / "none.txt")


@given(st.permutations(list(range(6))))
def test_every_order_of_the_outputs_is_found(order: list[int]) -> None:
    classes = ["Tench", "black swan", "night_snake", "O-ring", "crane", "zebra"]
    outputs = ["tench, Tinca tinca", "Black Swan, Cygnus atratus", "night snake", "o ring", "Crane", "ZEBRA"]
    assert matched(classes, [outputs[place] for place in order]) == tuple(order.index(k) for k in range(6))


def test_what_is_not_one_to_one_is_refused_and_what_is_unknown_has_no_place() -> None:
    assert matched(["cat", "cow"], ["dog", "cat"]) == (1, None)
    with pytest.raises(DataError, match="one output for class 'crane', got 2 of that name: 0 'crane, bird'"):
        matched(["crane"], ["crane, bird", "crane, machine"])
    assert matched(["crane"], ["crane", "crane, machine"]) == (0,)
    with pytest.raises(DataError, match="one class for output 0 'cat, kitty', got 'cat' and 'kitty'"):
        matched(["cat", "kitty"], ["cat, kitty", "dog"])
    assert nearest("dogs", ["cat", "Dog"]) == "Dog"
    assert nearest("xyz", ["cat"]) is None


def test_data_are_renamed_by_number_also_where_classes_are_absent(tmp_path: Path) -> None:
    x, y = torch.rand(12, 3), torch.tensor([0, 2] * 6)
    path = tmp_path / "names.txt"
    path.write_text("a\nb\nc\nd\n")
    for names in (str(path), path, ("a", "b", "c", "d")):
        found = data_from(x, y, data_classes=names)
        assert (found.classes, found.numbers) == (("a", "c"), (0, 2))
        assert found.unscored is not None
        assert (found.unscored.first, found.unscored.n_classes, found.unscored.of) == (("b", "d"), 2, 4)
    with pytest.raises(DataError, match=r"the names of 3 classes .* \(labels 0 to 2\), got 2: a, b"):
        data_from(x, y, data_classes=("a", "b"))
    with pytest.raises(DataError, match="class names with the task classification alone"):
        data_from(x, y.float(), task="regression", data_classes=("a", "b"))
    found = load_data(
        DataSpec(source="digits", data_classes=str(_file(tmp_path, [f"n{k}" for k in range(10)])))
    )
    assert found.classes[3] == "n3"
    named = renamed(as_data((x, y)), ("a", "b", "c"))
    with pytest.raises(DataError, match="the names of 3 classes"):
        renamed(named, ("a", "b", "c", "d"))


def _file(folder: Path, names: Any) -> Path:
    path = folder / "classes.json"
    path.write_text(json.dumps(names))
    return path
