from __future__ import annotations

import pytest
import torch
from torch import nn

from modelstitch.cutting import GraphCutModel
from modelstitch.errors import CutError
from modelstitch.models import zoo
from tests.cutting import models as m


def cutting(model: nn.Module) -> GraphCutModel:
    return GraphCutModel(model, torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)))


def boundaries(model: nn.Module) -> list[str]:
    return [cut.name for cut in cutting(model).boundaries]


@pytest.fixture(scope="module")
def small() -> GraphCutModel:
    return cutting(zoo.build("R1111", width=4))


def test_layers_of_the_zoo_are_numbered_as_in_the_paper(small: GraphCutModel) -> None:
    assert [cut.name for cut in small.boundaries] == [f"layers.{i}" for i in range(5)]
    assert [cut.shape for cut in small.boundaries] == [
        (4, 8, 8),
        (4, 8, 8),
        (8, 4, 4),
        (16, 2, 2),
        (32, 1, 1),
    ]
    assert len(small.cuts) == 13
    longest = cutting(zoo.build("R2222", width=4))
    assert [cut.name for cut in longest.boundaries] == [f"layers.{i}" for i in range(9)]


def test_aliases_name_the_same_tensor(small: GraphCutModel) -> None:
    assert small.find("layers") is small.find("layers.4")
    assert small.find("layers.4.relu@1") is small.find("layers.4")
    assert small.find("layers.0.2") is small.find("layers.0")


def test_functional_values_are_named_after_the_module_before_them() -> None:
    found = [cut.name for cut in m.captured(m.FunctionalResNet).cuts]
    assert found == ["conv1", "bn1", "bn1+relu", "bn2+add", "bn2+relu", "bn2+reshape"]


def test_calls_of_one_module_are_numbered() -> None:
    found = [cut.name for cut in m.captured(m.Reused).cuts]
    assert found == ["first", "act@0", "again@0", "act@1", "again@1", "act@2", "act@2+mean"]


def test_plain_models_are_cut_after_every_module() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 7), nn.ReLU(), nn.Linear(7, 5))
    assert boundaries(model) == ["0", "1", "2"]


def test_the_input_of_the_first_block_is_a_boundary_whoever_computed_it() -> None:
    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.stage = nn.Sequential(*[zoo.resnet.BasicBlock(4, 4, 1) for _ in range(2)])
            self.head = nn.Linear(4, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.stage(torch.relu(self.bn1(self.conv1(x))))
            output: torch.Tensor = self.head(y.mean((2, 3)))
            return output

    assert boundaries(Foreign()) == ["bn1+relu", "stage.0", "stage.1"]


def test_a_bypass_is_named(small: GraphCutModel) -> None:
    with pytest.raises(
        CutError, match=r"no cut 'layers\.1\.conv1'.*around it, through layers\.0 -> layers\.1\.bn2\+add"
    ):
        small.find("layers.1.conv1")
    with pytest.raises(CutError, match="around it, through"):
        m.captured(m.ZeroBranch).find("branch")
    with pytest.raises(CutError, match=r"around it, through \w+\+relu -> \w+\+cat"):
        m.captured(m.UNet).find("middle")


def test_other_reasons_are_named_too(small: GraphCutModel) -> None:
    with pytest.raises(CutError, match=r"no module of this name; nearest legal cuts: layers\."):
        small.find("layer.2")
    with pytest.raises(CutError, match="its output is the model's output"):
        small.find("head.2")
    with pytest.raises(CutError, match="does not lie on the path"):
        m.captured(m.Side).find("unused")
    with pytest.raises(CutError, match="called several times, expected one of act@0, act@1, act@2"):
        m.captured(m.Reused).find("act")


def test_layouts() -> None:
    layouts = {cut.name: str(cut.layout) for cut in m.captured(m.Tokens).cuts}
    assert layouts["patch"] == "map2d"
    assert layouts["blocks.0"] == "tokens 2x2"
    assert layouts["blocks.1+mean" if "blocks.1+mean" in layouts else list(layouts)[-1]] == "vector"


class FeedForward(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.LayerNorm(6), nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6))


class Rows(nn.Module):
    """Residuals that are added outside of the blocks, one or two to an element of a list."""

    def __init__(self, n_blocks: int, n_parts: int, scaled: bool) -> None:
        super().__init__()
        self.stem = nn.Linear(192, 6)
        parts = [[FeedForward() for _ in range(n_parts)] for _ in range(n_blocks)]
        self.layers = nn.ModuleList(each[0] if n_parts == 1 else nn.ModuleList(each) for each in parts)
        self.scale = nn.Parameter(torch.ones(n_blocks)) if scaled else None
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.stem(x.flatten(1))
        for number, layer in enumerate(self.layers):
            for part in [layer] if isinstance(layer, FeedForward) else layer.children():
                added = self.drop(part(y))
                y = y + (added if self.scale is None else self.scale[number] * added)
        output: torch.Tensor = self.head(y)
        return output


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("n_parts", [1, 2])
def test_a_block_ends_where_its_residual_is_added_by_whoever_calls_it(n_parts: int, scaled: bool) -> None:
    found = cutting(Rows(2, n_parts, scaled))
    assert [cut.name for cut in found.boundaries] == ["stem", "layers.0", "layers.1"]
    assert len(found.cuts) == 2 + 2 * n_parts
    last = found.find("layers.1")
    assert last is found.cuts[-1]
    assert any("+add" in alias for alias in last.aliases)
    x = torch.rand(2, 3, 8, 8)
    model = found.model.eval()
    for cut in found.cuts:
        assert torch.equal(found.suffix(cut.name)(found.prefix(cut.name)(x)[0]), model(x))


def test_a_single_block_with_a_residual_is_no_list_of_blocks() -> None:
    assert boundaries(Rows(1, 1, scaled=False)) == ["stem", "drop+add"]


class Joined(nn.Module):
    """Pairs of blocks beside each other, whose outputs are added."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(192, 6)
        self.blocks = nn.ModuleList(FeedForward() for _ in range(4))
        self.head = nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.stem(x.flatten(1))
        y = self.blocks[0](y) + self.blocks[1](y)
        output: torch.Tensor = self.head(self.blocks[2](y) + self.blocks[3](y))
        return output


def test_what_two_blocks_give_together_has_the_name_of_neither() -> None:
    found = cutting(Joined())
    assert [cut.name for cut in found.boundaries] == ["stem", "blocks.1.3+add", "blocks.3.3+add"]
    assert not any(cut.name.startswith("blocks.") and cut.name[7:].isdigit() for cut in found.cuts)


class Layer(nn.Module):
    """A transformer's layer whose parts end in cuts too."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.output = FeedForward(), FeedForward()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.output(self.attention(x))
        return y


def test_parts_of_a_repeated_block_are_no_default_cuts() -> None:
    layers = nn.Sequential(
        nn.Flatten(), nn.Linear(192, 6), nn.Sequential(*[Layer() for _ in range(2)]), nn.Linear(6, 5)
    )
    found = cutting(layers)
    assert [cut.name for cut in found.boundaries] == ["1", "2.0", "2.1"]
    assert found.find("2.0.output").name == "2.0"
    assert not found.find("2.0.attention").boundary


class UnderAutocast(nn.Module):
    """Blocks that run in another precision, in place, and a head that reads them flat."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()) for _ in range(2))
        self.act, self.flatten, self.head = nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(192, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for block in self.blocks:
                x = block(x)
        y: torch.Tensor = self.head(self.flatten(self.act(x.float() + 0)))
        return y


def test_values_under_autocast_and_views_behind_writes_have_the_names_of_their_modules() -> None:
    found = cutting(UnderAutocast())
    assert [cut.name for cut in found.boundaries] == ["blocks.0", "blocks.1"]
    assert found.find("flatten").shape == (192,)
