"""Layouts read from the graph: which axis holds the features, which tokens stand for no position."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modelstitch.cutting import GraphCutModel, cuts
from modelstitch.errors import StitchError


class ClassTokens(nn.Module):
    """A vision transformer with learnt tokens in front of the patches."""

    def __init__(self, n_extra: int = 1, width: int = 16, n_blocks: int = 2) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, stride=4)
        self.extra = nn.Parameter(torch.randn(1, n_extra, width))
        self.position = nn.Parameter(torch.randn(1, 16 + n_extra, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 2, 32, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(n_blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.extra.expand(y.shape[0], -1, -1), y], dim=1) + self.position
        for block in self.blocks:
            y = block(y)
        output: Tensor = self.head(self.norm(y[:, 0]))
        return output


class FeaturesLast(nn.Module):
    """Blocks that work on (H, W, C), as Swin's do; C is H, so that no size tells the axes apart."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.one = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.GELU())
        self.two = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.GELU())
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x).permute(0, 2, 3, 1)
        y = y + self.one(y)
        y = y + self.two(y)
        output: Tensor = self.head(y.mean((1, 2)))
        return output


class Waves(nn.Module):
    """A convolutional network on signals; one stage has as many channels as positions."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv1d(2, 8, 4, stride=4)
        self.two = nn.Sequential(nn.Conv1d(8, 6, 3, padding=1), nn.BatchNorm1d(6), nn.ReLU())
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.one(x)) * 0.5
        output: Tensor = self.head(self.two(y).mean(2))
        return output


class Steps(nn.Module):
    """A recurrent network on sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(4, 6)
        self.rnn = nn.GRU(6, 7, batch_first=True)
        self.head = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.rnn(self.embed(x).relu())[0])
        return output.mean(1)


def layouts(model: nn.Module, example: Tensor) -> dict[str, str]:
    torch.manual_seed(0)
    return {cut.name: str(cut.layout) for cut in cuts(model.eval(), example)}


@pytest.mark.parametrize("n_extra", [1, 4])
def test_learnt_tokens_in_front_of_patches_are_found(n_extra: int) -> None:
    found = layouts(ClassTokens(n_extra), torch.randn(2, 3, 16, 16))
    assert found["patch"] == "map2d"
    assert found["blocks.0"] == found["blocks.1"] == f"tokens+{n_extra} 4x4"
    assert found["norm"] == "vector"


@pytest.mark.parametrize("n_extra", [1, 3])
def test_learnt_tokens_of_a_sequence_that_comes_first_are_found(n_extra: int) -> None:
    from tests.cutting import models as m

    found = layouts(m.LengthOfBatch(n_extra), torch.randn(2, 3, 16, 16))
    assert found["blocks.0"] == found["blocks.1"] == f"tokens+{n_extra} 4x4"


def test_patches_without_class_token_lie_on_a_grid() -> None:
    from tests.cutting import models as m

    found = layouts(m.seeded(m.Tokens), torch.randn(2, 3, 16, 16))
    assert found["blocks.0"] == found["blocks.1"] == "tokens 4x4"


def test_features_on_the_last_axis_of_a_map() -> None:
    found = layouts(FeaturesLast(), torch.randn(2, 3, 32, 32))
    maps = {name: layout for name, layout in found.items() if layout.startswith("map")}
    assert maps.pop("stem") == "map2d"
    assert maps
    assert set(maps.values()) == {"map2d last"}


def test_channels_of_a_signal_are_no_tokens() -> None:
    found = layouts(Waves(), torch.randn(2, 2, 32))
    assert {layout for name, layout in found.items() if layout != "vector"} == {"map1d"}
    assert found["one"] == "map1d"


def test_steps_of_a_sequence_are_tokens_without_a_grid() -> None:
    found = layouts(Steps(), torch.randn(2, 9, 4))
    assert found["embed"] == "tokens"
    assert {layout for layout in found.values() if layout != "vector"} == {"tokens"}


def test_a_layout_that_does_not_fit_names_cut_and_model() -> None:
    cutting = GraphCutModel(ClassTokens().eval(), torch.randn(2, 3, 16, 16), "mine")
    assert str(cutting.read_as({"blocks.0": "tokens"}).find("blocks.0").layout) == "tokens"
    with pytest.raises(StitchError, match=r"cannot read mine as blocks\.0=map2d: expected 3 axes"):
        cutting.read_as({"blocks.0": "map2d"})


def test_a_cut_knows_its_shape_from_its_layout() -> None:
    cutting = GraphCutModel(ClassTokens().eval(), torch.randn(2, 3, 16, 16))
    block = cutting.find("blocks.0")
    assert block.shape == (17, 16)
    assert (block.layout.extra, block.layout.grid) == (1, (4, 4))


class Rows(nn.Module):
    """One module flattens a map's positions, another swaps its axes, as in torchvision's transformer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 8, stride=8)
        self.lay = nn.Flatten(2)
        self.mix = nn.Linear(width, width)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        row = self.lay(self.patch(x))
        output: Tensor = self.head(self.mix(row.transpose(1, 2)).mean(1))
        return output


@pytest.mark.parametrize("width", [16, 24])  # 16 channels and 16 positions: no size tells them apart
def test_a_map_laid_in_a_row_keeps_its_features_first_until_they_are_moved(width: int) -> None:
    found = {cut.name: cut.layout for cut in cuts(Rows(width), torch.zeros(2, 3, 32, 32))}
    assert str(found["patch"]) == "map2d"
    assert (str(found["lay"]), found["lay"].shape) == ("map1d", (width, 16))
    swapped = next(layout for name, layout in found.items() if name.startswith("lay+"))
    assert (swapped.kind, swapped.shape) == ("tokens", (16, width))
    assert found["mix"].kind == "tokens"


class Merged(nn.Module):
    """Blocks that lay a (H, W, C) map in a row, work on it, and lay it out again, as timm's Swin does."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.mix = nn.Linear(8, 8)
        self.join = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x).permute(0, 2, 3, 1)
        row = self.mix(y.reshape(y.shape[0], 64, 8))
        back = row.reshape(row.shape[0], 8, 8, 8)
        corners = back.reshape(back.shape[0], 4, 2, 4, 2, 8).permute(0, 1, 3, 2, 4, 5).flatten(3)
        output: Tensor = self.join(corners).mean((1, 2))
        return output


def test_a_row_laid_out_again_has_its_features_where_they_were() -> None:
    found = {cut.name: str(cut.layout) for cut in cuts(Merged(), torch.zeros(2, 3, 32, 32))}
    assert found["mix"].startswith("tokens")
    assert next(layout for name, layout in found.items() if name.startswith("mix+")) == "map2d last"


def test_the_class_token_counts_where_it_is_put_in() -> None:
    found = {cut.name: str(cut.layout) for cut in cuts(ClassTokens(), torch.zeros(2, 3, 16, 16))}
    assert found["patch+cat"] == "tokens+1 4x4"
