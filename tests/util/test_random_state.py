"""No verb changes the global random states, whatever draws from them in the models that it is given."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.runs.prepare import prepare
from modelstitch.runs.run import run
from modelstitch.specs import EVIDENCE, EvidenceSpec, FitSpec
from modelstitch.stitches import build
from modelstitch.stitches.ladder import LADDER
from modelstitch.util.random_state import kept_random_state


def of_torch_and_numpy() -> tuple[bytes, bytes]:
    # The checks of types in these tests draw from Python's state, so that outside of a verb it says nothing.
    numpy: Any = np.random.get_state()
    return torch.random.get_rng_state().numpy().tobytes(), numpy[1].tobytes()


def states() -> tuple[Any, ...]:
    return *of_torch_and_numpy(), random.getstate()


def draw() -> float:
    return float(torch.rand(())) + np.random.rand() + random.random()


class Drawing(nn.Module):
    """Two layers; each call draws from every global state, and uses nothing of it."""

    def __init__(self, n_out: int = 2) -> None:
        super().__init__()
        self.first, self.act, self.last = nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, n_out)

    def forward(self, x: Tensor) -> Tensor:
        draw()
        y: Tensor = self.last(self.act(self.first(x)))
        return y


def model(n_out: int = 2) -> nn.Module:
    """Return a model whose own making leaves no trace."""
    with kept_random_state():
        return Drawing(n_out)


X = torch.randn(150, 8, generator=torch.Generator().manual_seed(0))
DATA = ((X[:40], (X[:40, 0] > 0).long()), (X[40:], (X[40:, 0] > 0).long()))
CHOICES: dict[str, Any] = {"cuts": ["act"], "fit": FitSpec(steps=2), "evidence": ()}


def compared(folder: Path) -> None:
    ms.compare(
        model(),
        model(),
        DATA,
        **{**CHOICES, "evidence": EVIDENCE},
        out=folder,
        seeds=[0, 1],
        allow_untrained=True,
    )


def compared_all(folder: Path) -> None:
    models = {name: model() for name in ("a", "b")}
    ms.compare_all(
        models, DATA, **CHOICES, controls=["random-both-bn", "shuffled-labels", "probe"], allow_untrained=True
    )


def stitched(folder: Path) -> None:
    ms.stitch(model(), "act", model(), "act", DATA, fit=FitSpec(steps=2), allow_untrained=True)


def divided(folder: Path) -> None:
    ms.cuts(model(), X[:4]).split("act")
    ms.split(model(), "act", X[:4])


def reported(folder: Path) -> None:
    result = ms.compare(model(), model(), DATA, **CHOICES, controls=(), allow_untrained=True)
    after = states()
    ms.write_report(result, folder / "page.html")
    assert of_torch_and_numpy() == after[:2]
    random.setstate(after[2])


def failed(folder: Path) -> None:
    with pytest.raises(ms.InputError):
        ms.compare(model(), model(3), DATA, cuts=["nowhere"], allow_untrained=True)


@pytest.mark.parametrize("use", [compared, compared_all, stitched, divided, reported, failed])
def test_no_verb_changes_the_global_random_states(use: Callable[[Path], None], tmp_path: Path) -> None:
    before = states()
    use(tmp_path)
    assert states() == before


def test_the_library_itself_draws_from_no_global_state() -> None:
    sender, receiver = (nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2)) for _ in range(2))
    before = of_torch_and_numpy()
    session = prepare(
        sender,
        receiver,
        DATA,
        cuts=["1"],
        stitches=["affine", "lowrank(2)", "mlp(4)", "orthogonal", "scale", "identity"],
        fit=FitSpec(steps=2),
        controls=["random-sender", "random-receiver-bn", "clustered-noise", "shuffled-labels"],
        allow_untrained=True,
    )
    run(session, evidence=EvidenceSpec(kinds=("errors", "trajectory")))
    assert of_torch_and_numpy() == before


@pytest.mark.parametrize("spec", LADDER, ids=lambda spec: spec.label)
def test_a_start_that_nobody_chose_is_always_the_same(spec: ms.StitchSpec) -> None:
    before = of_torch_and_numpy()
    one, other = (build(spec, (8, 4, 4), (8, 4, 4)).state_dict() for _ in range(2))
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert of_torch_and_numpy() == before
