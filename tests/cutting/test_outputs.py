"""A model is cut for one output; its caches, and what does not follow from a cut, are left out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.cutting.hooks import HookCutModel
from modelstitch.cutting.outputs import caches_off, leaves, scored_leaf, with_none_for, without_caches
from modelstitch.errors import ModelError

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))


class Cache:
    """What a language model keeps of its layers, an object that torch does not know."""

    def __init__(self) -> None:
        self.layers: list[Tensor] = []


class Pair(NamedTuple):
    logits: Tensor
    past_key_values: Any


@dataclass
class Config:
    use_cache: bool = True


class Blocks(nn.Module):
    """Three blocks and a head, which gives more than its logits, in one of several forms."""

    def __init__(self, form: str, branch: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(3))
        self.head, self.form, self.branch, self.config = nn.Linear(6, 3), form, branch, Config()

    def forward(self, x: Tensor) -> Any:
        hidden, cache = [], Cache()
        for block in self.blocks:
            x = block(x)
            hidden.append(x)
            cache.layers.append(x)
        # A branch on values: no graph of it can be captured.
        logits = self.head(-x if self.branch and x.sum() > 1e6 else x)
        if self.form == "hidden":
            return {"hidden": tuple(hidden), "logits": logits}
        if self.form == "cache":
            return {"logits": logits, "past_key_values": cache}
        if self.form == "old cache":
            return {"logits": logits, "past_key_values": tuple((h, h) for h in hidden)}
        if self.form == "tuple":
            return logits, cache, hidden[0]
        return Pair(logits, cache)


def test_a_cache_is_what_it_is_called() -> None:
    plain = torch.zeros(2)
    assert list(without_caches({"logits": plain, "past_key_values": (plain,), "mems": [plain]})) == ["logits"]
    kept = OrderedDict(logits=plain, hidden=(plain, plain))
    assert without_caches(kept) is kept
    assert without_caches((plain, Cache())) == (plain, None)
    assert without_caches(Pair(plain, plain)) == Pair(plain, None)
    assert leaves({"scores": plain, "cache_params": Cache()}) == [plain]


@pytest.mark.parametrize("branch", [False, True], ids=["graph", "hooks"])
@pytest.mark.parametrize("form", ["hidden", "cache", "old cache", "tuple", "named"])
def test_every_block_is_a_cut_whatever_else_a_model_gives(form: str, branch: bool) -> None:
    model = Blocks(form, branch)
    model_cuts = ms.cuts(model, X)
    assert ("hooks" in model_cuts.technique) == branch
    unknown = branch and form == "tuple"  # nothing says which one is scored, and hooks do not show it
    model_cuts = ms.cuts(model, X, output="0") if unknown else model_cuts
    assert [cut.name for cut in model_cuts.boundaries] == [f"blocks.{k}" for k in range(3)]
    prefix, suffix = model_cuts.split("blocks.1")
    got, expected = suffix(prefix(X)), model(X)
    if form == "hidden":
        assert torch.equal(got["logits"], expected["logits"])
        assert [part is None for part in got["hidden"]] == [True, False, False]
        assert torch.equal(got["hidden"][2], expected["hidden"][2])
    elif form in ("cache", "old cache"):
        assert list(got) == ["logits"]
        assert torch.equal(got["logits"], expected["logits"])
    else:
        assert torch.equal(got[0], expected[0])
        assert list(got[1:]) == [None] * (len(expected) - 1)
    assert model.config.use_cache
    assert "forward" not in vars(model)


def test_an_output_before_the_cut_never_comes_from_the_kept_example() -> None:
    model = Blocks("hidden", branch=True)
    found = HookCutModel(model, X, "model", "of a branch")
    suffix = found.suffix("blocks.2")
    got = suffix(torch.randn(4, 6))
    assert [part is None for part in got["hidden"]] == [True, True, False]
    assert found.outputs_after("blocks.2") == (False, False, True, True)


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.a, self.b = nn.Linear(6, 5), nn.Linear(5, 4), nn.Linear(5, 3)
        self.deep = nn.Sequential(nn.ReLU(), nn.Linear(4, 2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.trunk(x)
        return self.deep(self.a(h)), self.b(h)


def test_the_output_that_is_asked_for_decides_which_cuts_there_are() -> None:
    model = TwoHeads()
    assert {cut.name for cut in ms.cuts(model, X)} == {"trunk", "a", "deep.0"}
    assert {cut.name for cut in ms.cuts(model, X, output="1")} == {"trunk"}
    prefix, suffix = ms.split(model, "a", X)
    scored, other = suffix(prefix(X))
    assert torch.equal(scored, model(X)[0])
    assert other is None
    prefix, suffix = ms.split(model, "trunk", X, output="1")
    assert all(torch.equal(*pair) for pair in zip(suffix(prefix(X)), model(X), strict=True))
    with pytest.raises(ModelError, match="no output '7'.*0 \\(N, 2\\), 1 \\(N, 3\\)"):
        ms.cuts(model, X, output="7")


def test_the_scored_leaf_is_found_by_name_before_place() -> None:
    one, other = torch.zeros(2, 3), torch.zeros(2, 3)
    assert scored_leaf((torch.tensor(1.0), torch.zeros(2, dtype=torch.int64), one)) == 2
    assert scored_leaf((None, one, other)) is None
    assert scored_leaf((None, one, other), "2") == 1
    assert scored_leaf({"b": one, "last_hidden_state": other}) == 1
    assert scored_leaf({"b": one, "scores": other}, "b") == 0
    assert scored_leaf({"n": 3}) is None
    assert with_none_for({"b": 1, "c": [2, 3]}, (True, False, True)) == {"b": 1, "c": [None, 3]}


def test_the_switch_of_caches_is_put_back_also_after_an_error() -> None:
    model = Blocks("cache")

    def fails() -> None:
        with caches_off(model):
            assert not model.config.use_cache
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert model.config.use_cache
    assert "forward" not in vars(model)
