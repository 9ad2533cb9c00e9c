"""A model that writes plain attributes: what its outputs depend on is named, what they do not is let pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import cuts, split
from modelstitch.cutting.attributes import changed, prints_of
from modelstitch.cutting.certify import certify
from modelstitch.errors import ModelError, TruthError

X = torch.rand(4, 6, generator=torch.Generator().manual_seed(0))


class Writes(nn.Module):
    """Two layers, with what ``write`` does in each call to the attributes of the second one.

    Args:
        write: takes the module and its input, and returns what is added to the output.
        **attributes: of the module.
    """

    def __init__(self, write: Callable[[Any, Tensor], Any], **attributes: Any) -> None:
        super().__init__()
        self.layer, self.write = nn.Linear(6, 6), write
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        added = self.write(self, x)
        y: Tensor = self.layer(x) + added
        return y


class State:
    calls = 0


def counted(module: Any) -> int:
    module.calls += 1
    return int(module.calls)


def late(module: Any, x: Tensor) -> float:
    return 1.0 if counted(module) > 300 else 0.0


def slow(module: Any, x: Tensor) -> float:
    return 1e-7 * counted(module)


def in_dictionary(module: Any, x: Tensor) -> float:
    module.state["calls"] += 1
    return 1.0 if module.state["calls"] > 300 else 0.0


def in_object(module: Any, x: Tensor) -> float:
    module.state.calls += 1
    return 1.0 if module.state.calls > 300 else 0.0


def in_list(module: Any, x: Tensor) -> float:
    module.state[0] += 1
    return 1.0 if module.state[0] > 300 else 0.0


def in_tensor(module: Any, x: Tensor) -> Tensor:
    module.step = module.step + 1
    reached: Tensor = (module.step > 300).float()
    return reached


def remembers(module: Any, x: Tensor) -> Tensor:
    before: Tensor = module.last
    module.last = x.mean()
    return before


def averages(module: Any, x: Tensor) -> Tensor:
    module.mean = 0.9 * module.mean + 0.1 * x[0].mean()
    return module.mean  # type: ignore[no-any-return]


def draws(module: Any, x: Tensor) -> Tensor:
    return torch.randn(x.shape, generator=module.source)


DEPENDS: dict[str, tuple[Callable[[Any, Tensor], Any], dict[str, Any], str]] = {
    "a number that matters late": (late, {"calls": 0}, r"1\.calls"),
    "a number that matters little": (slow, {"calls": 0}, r"1\.calls"),
    "a number in a dictionary": (in_dictionary, {"state": {"calls": 0}}, r"1\.state\['calls'\]"),
    "a number of an object": (in_object, {"state": State()}, r"1\.state\.calls"),
    "a number in a list": (in_list, {"state": [0]}, r"1\.state\[0\]"),
    "a number as a tensor": (in_tensor, {"step": torch.zeros(())}, r"1\.step"),
    "the last input": (remembers, {"last": torch.zeros(())}, r"1\.last"),
    "a mean over calls": (averages, {"mean": torch.zeros(())}, r"1\.mean"),
    "a source of noise": (draws, {"source": torch.Generator()}, r"1\.source"),
}


@pytest.mark.parametrize("kind", DEPENDS)
def test_an_attribute_that_outputs_depend_on_is_named(kind: str) -> None:
    write, attributes, name = DEPENDS[kind]
    model = nn.Sequential(nn.Linear(6, 6), Writes(write, **attributes))
    with pytest.raises(ModelError, match=rf"model model .*its attributes? {name}[:, ]"):
        cuts(model, X)


def harmless(module: Any, x: Tensor) -> float:
    counted(module)
    module.seen.append(tuple(x.shape))
    module.last = x.detach()
    module.names["shape"] = str(x.shape)
    return 0.0


def cached(module: Any, x: Tensor) -> Tensor:
    if module.length != x.shape[1]:
        module.length, module.table = x.shape[1], torch.arange(x.shape[1]).float()
    return module.table  # type: ignore[no-any-return]


HARMLESS: dict[str, tuple[Callable[[Any, Tensor], Any], dict[str, Any]]] = {
    "counts and remembers what it never reads": (harmless, {"calls": 0, "seen": [], "names": {}}),
    "a cache": (cached, {"length": 0, "table": None}),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_an_attribute_that_no_output_depends_on_is_let_pass(kind: str) -> None:
    write, attributes = HARMLESS[kind]
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), Writes(write, **attributes)).eval()
    prefix, suffix = split(model, "1", X)
    assert torch.equal(suffix(prefix(X)), model(X))


def test_a_failed_truth_check_names_what_each_call_changes() -> None:
    model = nn.Sequential(nn.Linear(6, 6), Writes(slow, calls=10**6)).eval()
    half = nn.Sequential(nn.Identity())
    with pytest.raises(TruthError, match=r"do not reproduce .*; each call changes its attribute 1\.calls"):
        certify(model, lambda x: (x,), half, X, "cut '0'")  # type: ignore[arg-type]


def test_a_fingerprint_is_of_the_content() -> None:
    model = Writes(late, calls=0, table=torch.zeros(3), nested={"a": [1, (2, torch.ones(2))]})
    before = prints_of(model)
    model.table = torch.zeros(3)
    model.nested = {"a": [1, (2, torch.ones(2))]}  # type: ignore[assignment]
    assert changed(before, prints_of(model)) == ()
    model.nested["a"][1][1][0] = 5  # type: ignore[index]
    assert changed(before, prints_of(model)) == ("nested",)
