"""The order of positions is measured: patches laid in any order, learnt tokens anywhere."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import GraphCutModel
from modelstitch.cutting.layouts import Layout

WIDTH = 8
Lay = Callable[[Tensor], Tensor]


class Block(nn.Module):
    """A transformer's block with its residual inside."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.norm, self.qkv = nn.LayerNorm(width), nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        weights = (q @ k.transpose(-1, -2)).softmax(-1)
        y: Tensor = x + self.out(weights @ v)
        return y


class Laid(nn.Module):
    """Patches 4 x 4 of an image 16 x 24, laid by a function of (N, H, W, D), then two blocks."""

    def __init__(self, lay: Lay, blocks: type[nn.Module] = Block) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 4, stride=4)
        self.lay = lay
        self.learnt = nn.Parameter(torch.randn(1, 3, WIDTH))
        self.blocks = nn.ModuleList(blocks() for _ in range(2))
        self.head = nn.Linear(WIDTH, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.lay(self.patch(x).permute(0, 2, 3, 1))
        if y.ndim == 3 and y.shape[-1] == WIDTH:
            y = self.place(y)
        for block in self.blocks:
            y = block(y)
        output: Tensor = self.head(y.flatten(1, -2).mean(1))
        return output

    def place(self, y: Tensor) -> Tensor:
        return y


IMAGES = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
HEIGHT, WIDE = 4, 6
RASTER = torch.arange(HEIGHT * WIDE).reshape(HEIGHT, WIDE)


def shuffled(n: int, seed: int = 0) -> list[int]:
    order = list(range(n))
    random.Random(seed).shuffle(order)
    return order


def windows(y: Tensor) -> Tensor:
    """(N, 4, 6, D) as windows of 2 x 3, one after another."""
    n, _, _, d = y.shape
    return y.reshape(n, 2, 2, 2, 3, d).permute(0, 1, 3, 2, 4, 5)


LAID: dict[str, Lay] = {
    "rows": lambda y: y.flatten(1, 2),
    "columns": lambda y: y.transpose(1, 2).flatten(1, 2),
    "windows": lambda y: windows(y).flatten(1, 4),
    "windows apart": lambda y: windows(y).flatten(1, 2).flatten(2, 3),
    "windows, all axes": windows,
    "upside down": lambda y: y.flip(1).flatten(1, 2),
    "snake": lambda y: torch.cat([y[:, i].flip(1) if i % 2 else y[:, i] for i in range(4)], 1),
    "any": lambda y: y.flatten(1, 2)[:, shuffled(24)],
}
TEXTS = {
    "rows": "tokens 4x6",
    "columns": "tokens 4x6 as w6 h4",
    "windows": "tokens 4x6 as h2 w2 h2 w3",
    "windows apart": "tokens 4x6 as h2 w2 h2 w3",
    "windows, all axes": "tokens 4x6 as h2 w2 h2 w3",
    "upside down": "tokens 4x6 order 18-23/12-17/6-11/0-5",
    "snake": "tokens 4x6 order 0-5/11-6/12-17/23-18",
}


def layouts(model: nn.Module, example: Tensor) -> dict[str, Layout]:
    return {cut.name: cut.layout for cut in GraphCutModel(model, example).cuts}


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


@pytest.mark.parametrize("name", LAID)
def test_the_order_of_patches_is_measured(name: str) -> None:
    found = layouts(seeded(lambda: Laid(LAID[name])), IMAGES)
    layout = found["blocks.0"]
    assert layout == found["blocks.1"]
    if name in TEXTS:
        assert str(layout) == TEXTS[name]
    # What is laid like the patches, and read by the layout, is the picture again.
    grid, extra = layout.to_grid(LAID[name](RASTER[None, :, :, None].expand(1, -1, -1, WIDTH)))
    assert extra is None
    assert torch.equal(grid[0, 0], RASTER)


class Learnt(Laid):
    """With learnt tokens at some places of the row: ``n`` in front, ``m`` behind, and one in the middle."""

    def __init__(self, n: int, m: int, middle: bool = False, lay: str = "rows") -> None:
        super().__init__(LAID[lay])
        self.n, self.m, self.middle = n, m, middle

    def place(self, y: Tensor) -> Tensor:
        learnt = self.learnt.expand(len(y), -1, -1)
        parts = [y[:, :9], learnt[:, :1], y[:, 9:]] if self.middle else [y]
        return torch.cat([learnt[:, : self.n], *parts, learnt[:, 3 - self.m :]], 1)


@pytest.mark.parametrize(
    ("build", "text", "extra"),
    [
        (lambda: Learnt(2, 0), "tokens+2 4x6", (0, 1)),
        (lambda: Learnt(0, 1), "tokens+1 4x6 from 0", (24,)),
        (lambda: Learnt(1, 2), "tokens+3 4x6 from 1", (0, 25, 26)),
        (lambda: Learnt(0, 1, lay="columns"), "tokens+1 4x6 from 0 as w6 h4", (24,)),
        (lambda: Learnt(0, 0, middle=True), "tokens+1 4x6 order 0-8/10-24", (9,)),
    ],
)
def test_learnt_tokens_are_found_wherever_they_stand(
    build: Callable[[], nn.Module], text: str, extra: tuple[int, ...]
) -> None:
    layout = layouts(seeded(build), IMAGES)["blocks.1"]
    assert str(layout) == text
    assert layout.extra_tokens == extra


class Halves(nn.Module):
    """The left half of the picture before the right one, behind a class token."""

    def __init__(self, features_first: bool) -> None:
        super().__init__()
        self.features_first = features_first
        self.patch, self.other = (nn.Conv2d(3, WIDTH, 4, stride=4) for _ in range(2))
        self.class_token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.head = nn.Linear(WIDTH, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = (self.patch(x).tanh() + self.other(x).sigmoid()).permute(0, 2, 3, 1)
        y = torch.cat([y[:, :, :3].flatten(1, 2), y[:, :, 3:].flatten(1, 2)], 1)
        y = torch.cat([self.class_token.expand(x.shape[0], -1, -1), y], 1)
        y = (y.transpose(1, 2) if self.features_first else y).tanh()
        output: Tensor = self.head(y.mean(2 if self.features_first else 1))
        return output


@pytest.mark.parametrize("features_first", [False, True])
def test_learnt_tokens_are_found_also_with_the_features_first(features_first: bool) -> None:
    found = GraphCutModel(seeded(lambda: Halves(features_first)), IMAGES).cuts
    layout = [cut.layout for cut in found if len(cut.shape) == 2][-1]
    assert layout.extra_tokens == (0,)
    assert layout.grid == (4, 6)
    halves = torch.cat([RASTER[:, :3].flatten(), RASTER[:, 3:].flatten()])
    assert layout.order == tuple(halves.argsort().add(1).tolist())
    assert layout.first == features_first


def measured(name: str, model: nn.Module, example: Tensor) -> str:
    return str(layouts(seeded(lambda: model), example)[name])


class Signal(nn.Module):
    """Patches of a signal (N, C, L), with a class token, or laid in another order."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.embed = nn.Linear(8, WIDTH)
        self.class_token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.block, self.head = Block(), nn.Linear(WIDTH, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.embed(x.unfold(2, 4, 4).transpose(1, 2).flatten(2))
        if self.kind == "class":
            y = torch.cat([self.class_token.expand(x.shape[0], -1, -1), y], 1)
        elif self.kind == "even first":
            y = torch.cat([y[:, ::2], y[:, 1::2]], 1)
        elif self.kind == "mixed":
            y = y + y.mean(1, keepdim=True) * 1e3
        y = self.block(y)
        output: Tensor = self.head(y.mean(1))
        return output


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("plain", "tokens"),
        ("class", "tokens+1"),
        ("even first", "tokens 1x6 as w2:1 w3:2"),
        ("mixed", "tokens"),
    ],
)
def test_patches_of_a_signal_lie_in_a_line(kind: str, text: str) -> None:
    assert measured("block", Signal(kind), torch.randn(2, 2, 24)) == text


class Pixels(nn.Module):
    """Patches cut out by reshapes alone, of an image with its channels last or first, or of a film."""

    def __init__(self, n_features: int, axes: int) -> None:
        super().__init__()
        self.axes = axes
        self.embed, self.block, self.head = nn.Linear(n_features, WIDTH), Block(), nn.Linear(WIDTH, 5)

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        if self.axes == 2:  # (N, H, W, C)
            y = x.reshape(n, 4, 2, 3, 2, 3).permute(0, 1, 3, 2, 4, 5).reshape(n, 12, 12)
        else:  # (N, T, C, H, W), the time innermost
            y = x.reshape(n, 2, 3, 2, 4, 2, 4).permute(0, 3, 5, 1, 2, 4, 6).reshape(n, 8, 48)
        y = self.block(self.embed(y))
        output: Tensor = self.head(y.mean(1))
        return output


@pytest.mark.parametrize(
    ("model", "shape", "text"),
    [
        (lambda: Pixels(12, 2), (8, 6, 3), "tokens 4x3"),
        (lambda: Pixels(48, 3), (2, 3, 8, 8), "tokens 2x2x2 as h2 w2 d2"),
    ],
)
def test_places_are_found_on_every_axis_of_the_input(
    model: Callable[[], nn.Module], shape: tuple[int, ...], text: str
) -> None:
    assert measured("block", seeded(model), torch.randn(2, *shape)) == text


class Queries(nn.Module):
    """Learnt queries that see the whole picture: they have no places."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 4, stride=4)
        self.queries = nn.Parameter(torch.randn(1, 16, WIDTH))
        self.block, self.head = Block(), nn.Linear(WIDTH, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(x).flatten(2).transpose(1, 2)
        seen = (self.queries @ y.transpose(1, 2) * 0.1).softmax(-1) @ y
        output: Tensor = self.head(self.block(seen).mean(1))
        return output


def test_what_has_no_place_is_a_sequence() -> None:
    assert measured("block", Queries(), torch.randn(2, 3, 16, 16)) == "tokens"


class Pooled(Laid):
    """Windows of patches that are pooled: a position sees four places."""

    def __init__(self) -> None:
        super().__init__(lambda y: windows(y).flatten(1, 4))
        self.wide = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks[0](self.lay(self.patch(x).permute(0, 2, 3, 1)))
        y = self.wide(y).reshape(x.shape[0], 4, 2, 3, WIDTH).amax(2)
        y = self.blocks[1](y.flatten(1, 2))
        output: Tensor = self.head(y.mean(1))
        return output


def test_pooled_windows_keep_their_places() -> None:
    # Of each window of 2 x 3 the two rows are pooled.
    assert measured("blocks.1", Pooled(), IMAGES) == "tokens 2x6"
