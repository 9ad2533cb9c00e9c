from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset, Subset, TensorDataset

from modelstitch.data.absent import Unscored
from modelstitch.data.in_memory import as_parts
from modelstitch.data.load import as_data, load_data
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec
from tests.made import Items


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield torch.rand(1, 2, 2), 0


def examples(n: int = 12) -> tuple[Tensor, Tensor]:
    return torch.rand(n, 1, 4, 5, generator=torch.Generator().manual_seed(n)), torch.arange(n) % 3


def read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    array = array.copy()
    array.flags.writeable = False
    return array


FORMS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "list": lambda x, y: [x, y],
    "labels as a list": lambda x, y: (x, y.tolist()),
    "labels of few bits": lambda x, y: (x, y.to(torch.uint8)),
    "labels of 32 bits": lambda x, y: (x, y.numpy().astype(np.int32)),
    "arrays": lambda x, y: (x.numpy(), y.numpy()),
    "doubles": lambda x, y: (x.double(), y),
    "read-only arrays": lambda x, y: (read_only(x.numpy()), read_only(y.numpy())),
    "stored backwards": lambda x, y: (np.flip(x.numpy()[..., ::-1].copy(), -1), y),
    "stored by columns": lambda x, y: (np.asfortranarray(x.numpy()), y),
    "with gradient": lambda x, y: (x.clone().requires_grad_(), y),
    "channels last": lambda x, y: (x.contiguous(memory_format=torch.channels_last), y),
    "Dataset of tensors": TensorDataset,
    "Dataset of a part": lambda x, y: Subset(TensorDataset(x, y), range(len(y))),
    "Dataset of numbers": lambda x, y: Items([(x[i], int(y[i])) for i in range(len(y))]),
    "Dataset of arrays of one": lambda x, y: Items([(x[i], y[i : i + 1].numpy()) for i in range(len(y))]),
    "Dataset of lists": lambda x, y: Items([[x[i], y[i], "more"] for i in range(len(y))]),
    "Dataset of grey arrays": lambda x, y: Items([(x[i, 0].numpy(), y[i]) for i in range(len(y))]),
    "Dataset of arrays": lambda x, y: Items([(x[i].permute(1, 2, 0).numpy(), y[i]) for i in range(len(y))]),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_examples_are_the_same_data_in_whatever_form(form: str) -> None:
    x, y = examples()
    assert as_data(FORMS[form](x, y)).digest == as_data((x, y)).digest


def test_pillow_images_and_their_pixels_are_the_same_data() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
    y = torch.arange(6) % 2
    pictures = Items([(Image.fromarray(each), label) for each, label in zip(pixels, y.tolist(), strict=True)])
    data = as_data(pictures)
    assert data.train.images.dtype == torch.uint8
    assert data.digest == as_data((pixels.transpose(0, 3, 1, 2), y)).digest


def test_vectors_of_a_dataset_stay_vectors() -> None:
    x = np.arange(24, dtype=np.float32).reshape(6, 4)
    data = as_data(Items([(each, i % 2) for i, each in enumerate(x)]))
    assert data.digest == as_data((x, np.arange(6) % 2)).digest
    assert data.train.images.shape == (4, 4)


@settings(deadline=None, max_examples=30)
@given(st.integers(6, 40), st.integers(0, 3))
def test_one_part_is_divided_without_loss(n: int, seed: int) -> None:
    x = torch.arange(n, dtype=torch.float32)[:, None]
    y = torch.arange(n) % 2
    data = as_data((x, y), DataSpec(source="here", seed=seed))
    both = torch.cat([data.train.images, data.heldout.images]).flatten()
    assert torch.equal(both.sort().values, x.flatten())
    for part in (data.train, data.heldout):
        assert torch.equal(part.images.flatten().long() % 2, part.labels)
    assert data.division == f"stratified split of one part, a third held out, seed {seed}"
    assert data.classes == ("0", "1")


def test_two_parts_stay_apart_and_limits_hold() -> None:
    (x, y), (held_x, held_y) = examples(12), examples(9)
    spec = DataSpec(source="here", limit=6, heldout_limit=3)
    data = as_data(((x, y), (held_x, held_y)), spec)
    assert (data.train.labels.bincount().tolist(), data.heldout.labels.bincount().tolist()) == (
        [2] * 3,
        [1] * 3,
    )
    assert {image.sum().item() for image in data.train.images} <= {image.sum().item() for image in x}
    assert {image.sum().item() for image in data.heldout.images} <= {image.sum().item() for image in held_x}
    assert data.division == "two parts as given"


@pytest.mark.parametrize("parts", [False, True])
def test_later_changes_of_the_callers_arrays_do_not_reach_the_data(parts: bool) -> None:
    x, y = examples()
    data = as_data(((x, y), (x, y)) if parts else (x, y))
    before = data.digest
    x.zero_()
    y.zero_()
    assert data.digest == before


def test_a_source_is_read_by_whatever_names_it() -> None:
    digits = load_data(DataSpec(source="digits"))
    assert as_data("digits").digest == as_data(DataSpec(source="digits")).digest == digits.digest
    assert as_data(digits) is digits


@pytest.mark.parametrize(
    ("given_data", "message"),
    [
        ((examples()[0], examples()[1][:9]), r"got 9 labels and images of shape \(12, 1, 4, 5\)"),
        (
            (examples()[0][:9], examples()[1]),
            r"as many labels as images, got 12 labels and images of shape \(9,",
        ),
        ((np.float32(3), np.array([0, 1])), r"got 2 labels and images of shape \(\)"),
        (
            (examples()[0], examples()[1] + 0.5),
            r"labels as whole numbers of shape \(N,\), .* got torch\.float32 of shape \(12,\), such as 0.5",
        ),
        ((examples()[0], ["cat"] * 11), "got 11 labels and images"),
        ((np.array([1.0, None]), np.array([0, 1])), "expected images as an array of numbers"),
        (((np.zeros((2, 1)), [[1], [1, 2]])), "row 1 of data in memory: expected labels .* got a list of 2"),
        (
            (examples()[0].mul(255).long(), examples()[1]),
            r"in uint8 \(0-255\) or floating \(0-1\), or tokens .*; got torch\.int64",
        ),
        ((examples()[0][:0], examples()[1][:0]), "at least 2 examples, got 0"),
        ((examples()[0][:1], examples()[1][:1]), "at least 2 examples, got 1"),
        (
            (torch.rand(6, 2), torch.tensor([0, 1, 0, 1, -1, 0])),
            "label -1 is outside the 2 classes, expected 0 to 1",
        ),
        ((torch.full((6, 2), float("nan")), torch.arange(6) % 2), "4 examples hold NaN or infinity"),
        (Items([]), "at least one example, got an empty Dataset"),
        (Items([(torch.rand(2), 0.5)] * 4), "row 0 .* labels as whole numbers .* got the real number 0.5"),
        (Items([(torch.rand(2), float("nan"))] * 4), "4 labels are missing in data in memory, .* row 0"),
        (Items([(torch.rand(2), None)] * 4), "4 labels are missing"),
        (Items([(torch.rand(2), torch.zeros(2, dtype=torch.int64))] * 4), "row 0 .* got a list of 2"),
        (Items([(torch.rand(2), 0), torch.rand(2)]), r"pairs \(image, label\), got Tensor as example 1"),
        (Items([{"image": torch.rand(2), "stars": 0}] * 3), r"the label could be 'stars' \(whole numbers\)"),
        (Items([("picture.png", 0)] * 3), "expected images as an array of numbers"),
        (TensorDataset(torch.rand(4, 2)), r"pairs \(image, label\), got tuple as example 0"),
        (Items([(torch.rand(2), 0), (torch.rand(3), 0)]), r"images of one shape, got \[\(2,\), \(3,\)\]"),
        (Stream(), r"expected \(x, y\) or a map-style Dataset with a length, got Stream"),
        ({"x": 1}, "with a length, got dict"),
        (None, "with a length, got NoneType"),
        (examples(4)[0], "with a length, got Tensor"),
    ],
)
def test_what_cannot_be_used_is_named(given_data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_data(given_data)


def test_two_empty_parts_are_refused() -> None:
    nothing = (torch.rand(0, 2), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(DataError, match="training part: .* at least one, got 0 images and 0 labels"):
        as_data((nothing, nothing))
    with pytest.raises(DataError, match="held-out part: .* at least one, got 0 images and 0 labels"):
        as_data(((torch.rand(2, 2), torch.tensor([0, 1])), nothing))


def test_classes_without_a_training_example_take_no_part_and_keep_the_numbers_of_the_others() -> None:
    train, heldout = (
        (torch.rand(4, 2), torch.tensor([0, 3, 0, 3])),
        (torch.rand(3, 2), torch.tensor([3, 4, 0])),
    )
    found = as_data((train, heldout))
    assert (found.classes, found.numbers) == (("0", "3"), (0, 3))
    assert found.train.labels.tolist() == [0, 1, 0, 1]
    assert found.heldout.labels.tolist() == [1, 0]
    assert torch.equal(found.heldout.images, heldout[0][[0, 2]])
    assert found.unscored == Unscored(n_classes=3, of=5, first=("1", "2", "4"), n_heldout=1)
    with pytest.raises(DataError, match=r"held-out examples of the classes .* \(2 of 5\), got none"):
        as_data((train, (heldout[0][1:2], heldout[1][1:2])))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("digit", "unknown data 'digit': expected one of digits, .*; did you mean 'digits'?"),
        (
            "somewhere/else",
            "cannot read data 'somewhere/else': no such file or folder; there is no folder 'somewhere'",
        ),
        ("gone.parquet", r"no data file 'gone\.parquet'"),
        (
            "notes.txt",
            r"data 'notes\.txt' have no targets for the task classification: .* serve the tasks next-token",
        ),
        (
            "notes.csv",
            r"cannot read data 'notes\.csv' .*: "
            r"a file ending in \.csv is not read; .* FILE\.npz, FILE\.parquet, a folder with train\*",
        ),
    ],
)
def test_sources_that_do_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("notes.txt", "notes.csv"):
        (tmp_path / name).write_text("hello")
    for form in (source, DataSpec(source=source), Path(source)):
        with pytest.raises(DataError, match=message):
            as_data(form)


def test_labels_and_images_are_read_without_a_copy() -> None:
    x, y = examples()
    part = as_parts([(x.numpy(), y.numpy())], "D", DataSpec(source="D")).parts[0]
    assert part.images.data_ptr() == x.data_ptr()
