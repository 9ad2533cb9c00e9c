"""Sets of the packages datasets and torchvision, made or saved here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from options import usable_torchvision
from PIL import Image

from modelstitch.data.load import load_data
from modelstitch.data.texts import decoded
from modelstitch.errors import DataError, MissingExtraError
from modelstitch.specs import DataSpec


def images(n: int, key: str = "image") -> datasets.Dataset:
    """Rows of images, with a label that has names."""
    kinds = datasets.Features(
        {key: datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog", "owl"])}
    )
    rows = [Image.fromarray(np.full((4, 4, 3), index, np.uint8)) for index in range(n)]
    return datasets.Dataset.from_dict({key: rows, "label": [k % 3 for k in range(n)]}, features=kinds)


def test_a_saved_set_of_images_is_read_with_its_parts_and_names(tmp_path: Path) -> None:
    datasets.DatasetDict({"train": images(30), "test": images(12, "image")}).save_to_disk(tmp_path / "set")
    data = load_data(DataSpec(source=f"hf:{tmp_path / 'set'}", limit=9))
    assert data.classes == ("cat", "dog", "owl")
    assert (len(data.train), len(data.heldout), data.division) == (9, 12, "the parts train and test")
    assert tuple(data.train.images.shape[1:]) == (3, 4, 4)
    values = data.train.images[:, 0, 0, 0].tolist()
    assert [value % 3 for value in values] == data.train.labels.tolist()


def test_one_part_is_split(tmp_path: Path) -> None:
    images(30, "img").save_to_disk(tmp_path / "set")
    data = load_data(DataSpec(source=f"hf:{tmp_path / 'set'}"))
    assert (len(data.train), len(data.heldout)) == (20, 10)


def test_texts_are_read_as_texts(tmp_path: Path) -> None:
    parts = {
        part: datasets.Dataset.from_dict(
            {"text": [f"{part} {k}" for k in range(n)], "label": [k % 2 for k in range(n)]}
        )
        for part, n in (("train", 20), ("validation", 6))
    }
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "set")
    data = load_data(DataSpec(source=f"hf:{tmp_path / 'set'}"))
    assert data.is_text
    assert decoded(data.heldout.images)[:2] == ["validation 0", "validation 1"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"text": ["a", " "], "label": [0, 1]}, "row 1 of data set holds no text"),
        (
            {"text": ["a", "b"], "stars": [0, 1]},
            "no label column in data set: .* 'text' .texts., 'stars' .whole numbers.; .* --label-column",
        ),
        ({"n": [0.5, 0.5], "label": [0, 1]}, "no column of images or texts in data set"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, rows: dict[str, Any], message: str) -> None:
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "set")
    with pytest.raises(DataError, match=message):
        load_data(DataSpec(source=f"hf:{tmp_path / 'set'}"))


def test_parts_that_are_missing_and_folders_that_hold_no_set(tmp_path: Path) -> None:
    datasets.DatasetDict({"test": images(6)}).save_to_disk(tmp_path / "set")
    with pytest.raises(DataError, match=r"expected the parts train and test \(or validation\), got test"):
        load_data(DataSpec(source=f"hf:{tmp_path / 'set'}"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot load data 'hf:.*empty'") as caught:
        load_data(DataSpec(source=f"hf:{tmp_path / 'empty'}"))
    assert "\n" not in str(caught.value)


def test_a_set_of_torchvision_by_name() -> None:
    usable_torchvision()
    data = load_data(DataSpec(source="torchvision:FakeData(size=30, image_size=(3, 8, 8), num_classes=3)"))
    assert tuple(data.train.images.shape[1:]) == (3, 8, 8)
    assert (len(data.train), len(data.heldout)) == (20, 10)
    with pytest.raises(DataError, match="unknown data of torchvision 'CIFAR11'.*did you mean 'CIFAR10'"):
        load_data(DataSpec(source="torchvision:CIFAR11(root='x')"))
    with pytest.raises(DataError, match="cannot load data 'torchvision:CIFAR10'"):
        load_data(DataSpec(source="torchvision:CIFAR10(root='/no/such')"))


def test_without_the_package_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r'pip install "modelstitch\[datasets\]"'):
        load_data(DataSpec(source="hf:someone/something"))
    assert torch.is_grad_enabled()
