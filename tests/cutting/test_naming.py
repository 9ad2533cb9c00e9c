"""Whole lists of names: what a user reads when a model is listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import Cut, GraphCutModel, cuts
from modelstitch.models import zoo
from tests.cutting import models as m


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models of a few hundred numbers gain nothing from more, and lose much where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


IMAGES = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
VECTORS = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))


def spelled(found: Iterable[Cut]) -> list[str]:
    return [cut.name for cut in found]


def test_every_name_of_the_smallest_network_of_the_paper() -> None:
    found = cuts(zoo.build("R1111", width=2), IMAGES)
    assert [(cut.name, cut.aliases, cut.shape, cut.boundary) for cut in found] == [
        ("layers.0.0", (), (2, 8, 8), False),
        ("layers.0.1", (), (2, 8, 8), False),
        ("layers.0", ("layers.0.2",), (2, 8, 8), True),
        ("layers.1.bn2+add", (), (2, 8, 8), False),
        ("layers.1", ("layers.1.relu@1",), (2, 8, 8), True),
        ("layers.2.shortcut.1+add", (), (4, 4, 4), False),
        ("layers.2", ("layers.2.relu@1",), (4, 4, 4), True),
        ("layers.3.shortcut.1+add", (), (8, 2, 2), False),
        ("layers.3", ("layers.3.relu@1",), (8, 2, 2), True),
        ("layers.4.shortcut.1+add", (), (16, 1, 1), False),
        ("layers.4", ("layers", "layers.4.relu@1"), (16, 1, 1), True),
        ("head.0", (), (16, 1, 1), False),
        ("head.1", (), (16,), False),
    ]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (
            m.DroppedInPlace,
            [("conv", "map2d"), ("conv+mul", "map2d"), ("relu", "map2d"), ("relu+mean", "vector")],
        ),
        (m.Dense, [("stem", "map2d"), ("one+cat", "map2d"), ("two+cat", "map2d"), ("transition", "map2d")]),
        (m.UNet, [("stem", "map2d"), ("stem+relu", "map2d"), ("up+cat", "map2d"), ("out", "map2d")]),
    ],
)
def test_the_first_names_of_a_model(build: type[nn.Module], expected: list[tuple[str, str]]) -> None:
    found = cuts(m.seeded(build), IMAGES)
    assert [(cut.name, str(cut.layout)) for cut in found][: len(expected)] == expected


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (m.Tied, ["first", "first+relu", "middle", "middle+relu"]),
        (m.FeaturesToo, ["body", "body+tanh"]),
        (m.Recurrent, ["input+unsqueeze", "lift", "cells", "cells+slice", "cells+select"]),
        # Between the two reshapes three rows belong to one example.
        (m.Rows, ["second+reshape", "second+relu"]),
    ],
)
def test_all_names_of_a_model(build: type[nn.Module], expected: list[str]) -> None:
    assert spelled(cuts(m.seeded(build), VECTORS)) == expected


def test_one_operation_twice_after_one_module_is_counted() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.head = nn.Linear(6, 6), nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.head(self.first(x).tanh().tanh())
            return output

    assert spelled(cuts(Twice(), VECTORS)) == ["first", "first+tanh", "first+tanh#2"]


def test_calls_of_a_block_number_its_children_too() -> None:
    cutting = GraphCutModel(m.seeded(m.SharedBlock), IMAGES)
    assert [(cut.name, cut.aliases) for cut in cutting.cuts] == [
        ("stem", ()),
        ("block.0@0", ()),
        ("block@0", ("block.1@0",)),
        ("block.0@1", ()),
        ("block@1", ("block.1@1",)),
        ("block.1@1+mean", ()),
    ]
    assert [cut.name for cut in cutting.boundaries] == ["stem", "block@0", "block@1"]
    assert cutting.find("block.1@0") is cutting.find("block@0")
