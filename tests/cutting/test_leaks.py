"""Models that route by values: what is legal behind a branch is found by comparing values, and says so."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import certify
from modelstitch.cutting.hooks import HookCutModel
from modelstitch.errors import CutError

VECTORS = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
TOKENS = torch.randint(1, 9, (4, 5), generator=torch.Generator().manual_seed(0))


class Experts(nn.Module):
    """Sends every row to one of two experts."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(6, 2)
        self.experts = nn.ModuleList(nn.Linear(6, 6) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, 6)
        chosen, y = self.router(rows).argmax(-1), torch.zeros_like(rows)
        for number, expert in enumerate(self.experts):
            here = (chosen == number).nonzero().flatten()
            y = y.index_add(0, here, expert(rows[here]))
        return x + y.reshape(x.shape)


class Mixture(nn.Module):
    """Experts in a row; with ``around``, a branch that has learnt nothing yet leads past them."""

    def __init__(self, around: bool = False) -> None:
        super().__init__()
        self.stem = nn.Linear(6, 6)
        self.blocks = nn.ModuleList(Experts() for _ in range(3))
        self.late = nn.Linear(6, 6) if around else None
        self.head = nn.Linear(6, 2)
        if self.late is not None:
            nn.init.zeros_(self.late.weight)
            nn.init.zeros_(self.late.bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        for block in self.blocks:
            y = block(y)
        if self.late is not None:
            y = y + self.late(x)
        output: Tensor = self.head(y)
        return output


class Routed(nn.Module):
    """Takes a branch behind a cut by what stands before it, or by the cut's own values."""

    def __init__(self, by_input: bool) -> None:
        super().__init__()
        self.by_input = by_input
        self.words, self.first = nn.Embedding(9, 6), nn.Linear(6, 6)
        self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, ids: Tensor) -> Tensor:
        y = self.words(ids).mean(1)
        if y.sum().item() > 0:
            y = -y
        y = self.first(y)
        z = self.second(y)
        output: Tensor = self.head(z.relu() if (ids if self.by_input else z).sum() % 2 > 1e-3 else z)
        return output


def hooked(model: nn.Module, example: Tensor) -> HookCutModel:
    torch.manual_seed(0)
    return HookCutModel(model.eval(), example, "mine", "this is a test")


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 6)])
def test_blocks_behind_experts_are_legal_and_exact(shape: tuple[int, ...]) -> None:
    model, x = Mixture().eval(), torch.randn(shape, generator=torch.Generator().manual_seed(1))
    cutting = hooked(model, x)
    assert [cut.name for cut in cutting.boundaries] == ["blocks.0", "blocks.1", "blocks.2"]
    assert {cut.name: cut.by_values for cut in cutting.cuts} == {
        "stem": False,
        "blocks.0": True,
        "blocks.1": True,
        "blocks.2": True,
    }
    for cut in cutting.cuts:
        assert certify(model, cutting.prefix(cut.name), cutting.suffix(cut.name), x, cut.name) == 0


def test_a_branch_around_experts_is_seen_though_it_starts_at_zero() -> None:
    model = Mixture(around=True).eval()
    with pytest.raises(
        CutError, match="model mine has no cut: this is a test, and with hooks data also flows"
    ):
        hooked(model, VECTORS)
    assert not bool(model.get_parameter("late.weight").any())


def test_a_branch_by_the_input_is_no_cut_and_one_by_the_representation_is() -> None:
    own = hooked(Routed(by_input=False), TOKENS)
    assert {cut.name for cut in own.cuts} == {"words", "first", "second"}
    assert own.find("second").by_values
    with pytest.raises(CutError, match="model mine has no cut"):
        hooked(Routed(by_input=True), TOKENS)


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.WARNING):
        hooked(Mixture(), VECTORS)
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")
