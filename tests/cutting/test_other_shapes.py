"""Halves take inputs of other lengths and sizes, exactly, where the model does; else one line says why."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.errors import CutError, ModelError


class Reader(nn.Module):
    """Two layers over at most eight tokens, which reads the last one that is no padding."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(9, 4), nn.Embedding(8, 4)
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        self.head = nn.Linear(4, 3)

    def forward(self, ids: Tensor) -> Tensor:
        y = self.words(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            y = block(y - y.mean(1, keepdim=True))
        last = (ids != 0).sum(1) - 1
        output: Tensor = self.head(y)[torch.arange(len(y), device=y.device), last]
        return output


class Resizing(nn.Module):
    """Gives an image as large as its input, through a map of one size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.pool, self.out = nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(2), nn.Conv2d(2, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(self.out(self.pool(self.stem(x))), size=x.shape[-2:])


def ids(n: int, length: int) -> Tensor:
    return torch.randint(1, 9, (n, length), generator=torch.Generator().manual_seed(0))


def test_texts_of_another_length_are_run_as_the_model_runs_them() -> None:
    torch.manual_seed(0)
    model = Reader().eval()
    prefix, suffix = ms.split(model, "blocks.0", ids(3, 5))
    x = ids(1, 7)
    with torch.no_grad():
        assert torch.equal(suffix(prefix(x), ids=x), model(x))
    with pytest.raises(ModelError, match=r"cannot take inputs of shape \(9,\): index out of range"):
        prefix(ids(2, 9))


@pytest.mark.filterwarnings("ignore:.*LeafSpec")  # torch about its own tree
def test_a_copy_takes_the_shape_of_the_capture_alone_and_says_so() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))
    prefix, suffix = ms.split(model, "1", torch.randn(2, 1, 8, 8))
    copied = pickle.loads(pickle.dumps(suffix))
    with pytest.raises(CutError, match=r"expected inputs of shape \(2, 6, 6\), .*got \(2, 7, 7\).*a copy"):
        copied(torch.randn(2, 2, 7, 7))
    with pytest.raises(ModelError, match=r"cannot take inputs of shape \(1, 9, 9\)"):
        prefix(torch.randn(2, 1, 9, 9))


def test_images_of_another_size_are_refused_where_one_representation_would_stand_for_both_sizes() -> None:
    torch.manual_seed(0)
    model, x, larger = Resizing().eval(), torch.randn(2, 1, 8, 8), torch.randn(2, 1, 9, 10)
    prefix, suffix = ms.split(model, "stem", x)
    with torch.no_grad():
        assert torch.equal(suffix(prefix(larger)), model(larger))
    prefix, _ = ms.split(model, "pool", x)
    with pytest.raises(CutError, match="behind which the model goes on otherwise"):
        prefix(larger)


def test_a_suffix_alone_finds_the_size_of_the_input_or_asks_for_it() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    _, suffix = ms.split(model, "1", torch.randn(2, 1, 8, 8))
    y = torch.randn(2, 2, 6, 5)
    assert torch.equal(suffix(y), y.mean((2, 3)))
    with pytest.raises(CutError, match="run the prefix on inputs of that size first"):
        suffix(torch.randn(2, 3))
