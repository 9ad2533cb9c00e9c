from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelstitch.data.parts import Data, DataPart
from modelstitch.errors import DataError


def split(n: int = 6, dtype: torch.dtype = torch.float32) -> DataPart:
    pixels = torch.randint(0, 256, (n, 2, 3, 4), generator=torch.Generator().manual_seed(n))
    return DataPart(
        (pixels / 255).to(dtype) if dtype.is_floating_point else pixels.to(dtype), torch.arange(n) % 3
    )


def data(train: DataPart | None = None, heldout: DataPart | None = None, **changes: Any) -> Data:
    values: dict[str, Any] = {"classes": ("a", "b", "c"), "name": "D", "division": "made here", **changes}
    return Data(train or split(6), heldout or split(3), **values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"images": split().images.long()},
            r"expected images \(N, ...\) in uint8 .* got torch\.int64 of shape",
        ),
        (
            {"images": split().images > 0.5},
            r"in uint8 \(0-255\) or floating \(0-1\), or tokens .*; got torch\.bool",
        ),
        ({"images": split().images.to(torch.complex64)}, r"got torch\.complex64"),
        ({"images": torch.rand(6)}, r"expected images \(N, ...\) .* got torch\.float32 of shape \(6,\)"),
        ({"labels": split().labels.float()}, r"expected labels \(N,\) in torch\.int64, got torch\.float32"),
        ({"labels": split().labels.int()}, r"expected labels \(N,\) in torch\.int64, got torch\.int32"),
        ({"labels": split().labels[:, None]}, r"got torch\.int64 of shape \(6, 1\)"),
        ({"images": split(5).images}, "at least one, got 5 images and 6 labels"),
    ],
)
@pytest.mark.parametrize("part", ["training", "held-out"])
def test_a_part_of_the_wrong_kind_is_named(part: str, change: dict[str, Tensor], message: str) -> None:
    wrong = replace(split(), **change)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=f"data D, {part} part: .*{message}"):
        data(**{"train" if part == "training" else "heldout": wrong})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_examples_that_are_not_finite_are_counted_once_each(value: float, dtype: torch.dtype) -> None:
    part = split(6, dtype)
    part.images[2, 0, 0, :] = value
    part.images[5, 1, 2, 3] = value
    with pytest.raises(
        DataError,
        match="held-out part: 2 examples hold NaN or infinity, the first is number 2; expected finite values",
    ):
        data(heldout=part)


def test_a_label_outside_of_the_held_out_part_is_named() -> None:
    part = split(4)
    part.labels[1] = 3
    with pytest.raises(DataError, match="held-out part: label 3 is outside the 3 classes, expected 0 to 2"):
        data(heldout=part)
    part.labels[2] = -5
    with pytest.raises(DataError, match="label -5 is outside"):
        data(heldout=part)


def test_classes_without_a_training_example_are_counted_and_five_named() -> None:
    with pytest.raises(
        DataError,
        match=(
            r"7 of 10 classes have no training example \('3', '4', '5', '6', '7'\); "
            r"expected at least one of each"
        ),
    ):
        data(classes=tuple("0123456789"))
    part = split(3)
    part.labels[:] = 0
    assert data(heldout=part).heldout.labels.tolist() == [0, 0, 0]


def test_a_part_of_other_pixels_is_refused() -> None:
    other = DataPart(split(3).images[..., :2], split(3).labels)
    with pytest.raises(
        DataError, match=r"got \(2, 3, 4\) in the training part and \(2, 3, 2\) in the held-out part"
    ):
        data(heldout=other)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([torch.uint8, torch.float16, torch.float32]), st.booleans(), st.data())
def test_the_digest_sees_every_pixel_and_every_label(
    dtype: torch.dtype, in_train: bool, draw: st.DataObject
) -> None:
    parts = {"train": split(6, dtype), "heldout": split(4, dtype)}
    before = data(**parts).digest
    part = parts["train" if in_train else "heldout"]
    place = draw.draw(st.integers(0, part.images.numel() - 1))
    pixel = part.images.view(-1)[place].item()
    part.images.view(-1)[place] = 1 - pixel if dtype.is_floating_point else (pixel + 1) % 256
    if part.images.view(-1)[place] != pixel:  # one half is one minus itself
        assert data(**parts).digest != before
    part.images.view(-1)[place] = pixel
    assert data(**parts).digest == before
    first, other = draw.draw(st.permutations(range(len(part))))[:2]
    if part.labels[first] != part.labels[other]:
        part.labels[[first, other]] = part.labels[[other, first]].clone()
        assert data(**parts).digest != before


def test_the_digest_is_of_the_content_alone() -> None:
    original = data()
    assert replace(original, name="E", division="otherwise").digest == original.digest
    stored_otherwise = DataPart(
        original.train.images.contiguous(memory_format=torch.channels_last), original.train.labels
    )
    assert replace(original, train=stored_otherwise).digest == original.digest
    assert replace(original, classes=("a", "b", "d")).digest != original.digest
    assert (
        replace(original, classes=("a", "bc", "")).digest != replace(original, classes=("a", "b", "c")).digest
    )
    assert replace(original, train=split(7)).digest != original.digest
    bytes_ = data(split(6, torch.uint8), split(3, torch.uint8))
    assert bytes_.digest != original.digest
    swapped = data(split(6), split(6))
    assert replace(swapped, train=split(9)).digest != replace(swapped, heldout=split(9)).digest


def test_examples_are_taken_in_the_order_asked_for() -> None:
    part = split()
    taken = part.take(torch.tensor([4, 0, 4]))
    assert len(taken) == 3
    assert taken.labels.tolist() == [1, 0, 1]
    assert torch.equal(taken.images[0], part.images[4])
    assert torch.equal(taken.images[1], part.images[0])


def test_data_is_moved_whole_and_frozen() -> None:
    original = data()
    moved = original.to(torch.device("cpu"))
    assert (moved.digest, moved.name, moved.division) == (original.digest, "D", "made here")
    with pytest.raises(FrozenInstanceError):
        moved.name = "E"  # type: ignore[misc]


def test_images_that_are_all_one_colour_are_refused() -> None:
    grey = DataPart(torch.full((12, 1, 4, 4), 7, dtype=torch.uint8), torch.arange(12) % 2)
    with pytest.raises(DataError, match="all 12 examples hold nothing but the value 7"):
        Data(grey, grey, ("a", "b"), "D", "as given")


def test_data_are_shown_in_one_line_without_their_tensors() -> None:
    assert repr(data()) == (
        "Data(D: 6 training and 3 held-out examples of shape (2, 3, 4) in torch.float32, "
        "3 classes; made here)"
    )
    assert repr(data().train) == "DataPart(images torch.float32 (6, 2, 3, 4), labels torch.int64 (6,))"
