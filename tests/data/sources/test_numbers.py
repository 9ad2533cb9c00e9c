"""The numbers 00 to 99: what is drawn, from which scans, and that the same seed draws the same."""

from __future__ import annotations

import pytest
import torch

from modelstitch.data.load import load_data
from modelstitch.data.sources import numbers
from modelstitch.specs import DataSpec


def drawn(seed: int = 0) -> torch.Tensor:
    return load_data(DataSpec(source="numbers", seed=seed)).train.images


def test_a_number_is_named_by_its_two_digits() -> None:
    data = load_data(DataSpec(source="numbers"))
    assert data.classes[7] == "07"
    assert [(one.name, one.label_of[42]) for one in data.label_sets] == [("tens", 4), ("units", 2)]
    assert data.train.images.shape == (6000, 1, 10, 20)
    assert data.heldout.images.dtype == torch.uint8
    assert data.train.labels.unique().tolist() == list(range(100))


def test_a_seed_draws_the_same_again_and_another_seed_another_set() -> None:
    assert torch.equal(drawn(), drawn())
    assert not torch.equal(drawn(), drawn(seed=1))


def test_no_scan_stands_in_both_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without turning and moving, each half of an image is a scan as it is, with a frame of one pixel."""
    monkeypatch.setattr(numbers, "MOST_DEGREES", 0.0)
    monkeypatch.setattr(numbers, "MOST_PIXELS", 0.0)
    data = load_data(DataSpec(source="numbers"))
    scans = load_data(DataSpec(source="digits"))
    halves = {
        name: {half.numpy().tobytes() for image in part.images for half in image[0].split(10, 1)}
        for name, part in (("train", data.train), ("held-out", data.heldout))
    }
    assert halves["train"].isdisjoint(halves["held-out"])
    first = data.heldout.images[0, 0, 1:-1, 1:9].float() / 255
    near = (scans.heldout.images[:, 0] - first).abs().flatten(1).amax(1)
    found = int(near.argmin())
    assert near[found] < 0.01
    assert int(scans.heldout.labels[found]) == int(data.heldout.labels[0]) // 10


def test_a_limit_chooses_some_of_every_class() -> None:
    data = load_data(DataSpec(source="numbers", limit=500))
    assert len(data.train) == 500
    assert data.train.labels.bincount().min() >= 3
