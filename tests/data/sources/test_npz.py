"""NumPy archives as data."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

Y = np.array([0, 1, 2] * 4)


def saved(path: Path, **arrays: Any) -> Data:
    np.savez(path / "set.npz", **arrays)
    return load_data(DataSpec(source=str(path / "set.npz")))


def draw(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (
        rng.integers(0, 256, shape, dtype=np.uint8) if dtype == np.uint8 else rng.random(shape).astype(dtype)
    )


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (draw(12, 3, 6, 5), (3, 6, 5)),
        (draw(12, 6, 5, 3), (3, 6, 5)),
        (draw(12, 6, 5, 1), (1, 6, 5)),
        (draw(12, 6, 5), (1, 6, 5)),
        (draw(12, 6, 50, dtype=np.float32), (6, 50)),
        (draw(12, 7, dtype=np.float64), (7,)),
    ],
)
def test_axes_are_brought_in_order(tmp_path: Path, x: np.ndarray, shape: tuple[int, ...]) -> None:
    data = saved(tmp_path, x=x, y=Y)
    assert data.train.images.shape[1:] == shape
    assert (len(data.train), len(data.heldout), len(data.classes)) == (8, 4, 3)
    values = {each.numpy().tobytes() for each in torch.cat([data.train.images, data.heldout.images])}
    assert len(values) == 12


def test_two_parts_and_class_names(tmp_path: Path) -> None:
    data = saved(
        tmp_path,
        x_train=draw(12, 6, 6, 3),
        y_train=Y[:, None],
        x_test=draw(3, 6, 6, 3),
        y_test=Y[:3, None],
        classes=np.array(["a", "b", "c"]),
    )
    assert data.classes == ("a", "b", "c")
    assert torch.equal(data.train.images, torch.from_numpy(draw(12, 6, 6, 3)).permute(0, 3, 1, 2))
    assert data.train.labels.tolist() == Y.tolist()
    assert data.division == "x_train and x_test as given"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": Y}, r"expected arrays x and y, or x_train, .*; got \['a'\]"),
        (
            {"x": draw(12, 4, 3).astype(np.int64), "y": Y},
            r"expected x in uint8 \(0-255\) or floating, or tokens \(N, T\) in whole numbers, "
            r"got int64 of shape \(12, 4, 3\)",
        ),
        ({"x": np.array(["a"] * 12), "y": Y}, "expected x as an array of numbers, got <U1"),
        ({"x": draw(12, 4), "y": Y[:5]}, "as many labels as images, got 5 labels"),
        ({"x": draw(12, 4), "y": Y.astype(float)}, "expected labels as whole numbers"),
        ({"x": np.full((12, 4), np.nan), "y": Y}, "hold NaN or infinity, the first is number 0"),
        ({"x": np.array([{"a": 1}] * 12, object), "y": Y}, "cannot read .*set.npz"),
    ],
)
def test_arrays_that_cannot_be_used(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        saved(tmp_path, **arrays)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04N.", b"hello"])
def test_files_that_are_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"cannot read '.*set\.npz'"):
        load_data(DataSpec(source=str(tmp_path / "set.npz")))


def test_one_array_alone_is_no_archive(tmp_path: Path) -> None:
    with (tmp_path / "set.npz").open("wb") as file:
        np.save(file, Y)
    with pytest.raises(DataError, match="one array alone"):
        load_data(DataSpec(source=str(tmp_path / "set.npz")))


def test_numbers_stored_the_other_way_round_are_read(tmp_path: Path) -> None:
    x = draw(12, 4, dtype=np.float32)
    swapped = saved(tmp_path, x=x.astype(">f4"), y=Y.astype(">i8"))
    assert torch.equal(swapped.train.images, saved(tmp_path, x=x, y=Y).train.images)


def test_a_crop_of_what_has_one_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected crop with image files alone, got 4 with data 'digits'"):
        load_data(DataSpec(source="digits", crop=4))


def test_a_number_that_is_none_is_found_where_it_stands_in_the_file(tmp_path: Path) -> None:
    x = draw(12, 4, dtype=np.float32)
    x[[7, 9], 1] = np.nan
    with pytest.raises(
        DataError,
        match=r"data '.*set.npz': 2 examples of x hold NaN or infinity, the first is number 7 of the array",
    ):
        saved(tmp_path, x=x, y=Y)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no data file '.*set\.npz'"):
        load_data(DataSpec(source=str(tmp_path / "set.npz")))


def test_an_array_that_declares_more_than_there_is_room_for_is_told(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue() + b"few bytes")
    with pytest.raises(DataError, match=r"cannot read .*set\.npz") as caught:
        load_data(DataSpec(source=str(tmp_path / "set.npz")))
    assert "\n" not in str(caught.value)
