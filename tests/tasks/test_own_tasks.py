"""Tasks of one's own: told apart by what they compute, given whole batches if they ask, and found by name."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.cli import main
from modelstitch.data.from_arrays import data_from
from modelstitch.data.load import load_data
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec
from modelstitch.tasks import Batch, Task, at, joined
from modelstitch.tasks.fingerprint import fingerprint

N, D, K = 240, 6, 3
X = torch.randn(N, D, generator=torch.Generator().manual_seed(0))
Y = (X @ torch.randn(D, K, generator=torch.Generator().manual_seed(1))).argmax(1)
SURE = (torch.arange(N) % 3 > 0).float()
"""Which labels are to be believed: two of three."""


def right(outputs: Tensor, y: Tensor) -> Tensor:
    return outputs.argmax(1) == y


PLAIN = Task(name="mine", loss=F.cross_entropy, score=right)
OF_BATCHES = Task(
    name="mine",
    loss=lambda outputs, batch: F.cross_entropy(outputs, batch["y"]),
    score=lambda outputs, batch: right(outputs, batch["y"]),
    takes_batch=True,
)


def weighted(outputs: Tensor, batch: Batch) -> Tensor:
    each = F.cross_entropy(outputs, batch["y"], reduction="none")
    return (each * batch["sure"]).sum() / batch["sure"].sum().clamp_min(1)


def where_sure(outputs: Tensor, batch: Batch) -> Tensor:
    """Score doubtful examples as right: they take no part."""
    return right(outputs, batch["y"]) | (batch["sure"] == 0)


WEIGHTED = Task(name="weighted", loss=weighted, score=where_sure, takes_batch=True)


def model(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(D, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, K))


def stitched(data: ms.Data, **options: Any) -> ms.Comparison:
    fit = ms.FitSpec(steps=20, batch_size=32)
    return ms.compare(
        model(0),
        model(1),
        data,
        cuts=("1", "3"),
        controls=(),
        evidence=(),
        fit=fit,
        **options,
        allow_untrained=True,
    )


@pytest.mark.parametrize("objective", ["task", "logits", "match", "latent"])
def test_a_task_of_batches_that_reads_y_alone_is_the_task_of_y(objective: str) -> None:
    found = [
        stitched(data_from(X, Y, task=task), stitch=(ms.StitchSpec(objective=objective),))  # type: ignore[arg-type]
        for task in (PLAIN, OF_BATCHES)
    ]
    assert torch.equal(torch.tensor(found[0].matrix().values), torch.tensor(found[1].matrix().values))
    assert [cell.loss for cell in found[0].cells] == [cell.loss for cell in found[1].cells]


def test_what_a_loss_gives_no_weight_moves_no_weight() -> None:
    wrong = torch.where(SURE > 0, Y, (Y + 1) % K)
    networks = [
        ms.stitch(
            model(0),
            "1",
            model(1),
            "3",
            data_from(X, y, task=WEIGHTED, kwargs={"sure": SURE}, groups=Y),
            allow_untrained=True,
        )
        for y in (Y, wrong)
    ]
    one, other = (torch.cat([p.flatten() for p in each.stitch.parameters()]) for each in networks)
    assert torch.equal(one, other)
    assert networks[0].accuracy == networks[1].accuracy
    plain = [
        ms.stitch(
            model(0),
            "1",
            model(1),
            "3",
            data_from(X, y, task=OF_BATCHES, kwargs={"sure": SURE}, groups=Y),
            allow_untrained=True,
        )
        for y in (Y, wrong)
    ]
    one, other = (torch.cat([p.flatten() for p in each.stitch.parameters()]) for each in plain)
    assert not torch.equal(one, other)


def test_a_batch_holds_everything_of_its_examples_by_name() -> None:
    seen: list[Batch] = []

    def score(outputs: Tensor, batch: Batch) -> Tensor:
        seen.append(batch)
        return right(outputs, batch["y"])

    task = Task(name="looking", loss=weighted, score=score, takes_batch=True)
    data = data_from(X, Y, task=task, kwargs={"sure": SURE})
    stitched(data)
    assert seen
    for batch in seen:
        assert list(batch) == ["x", "y", "sure"]
        places = [int((row == X).all(1).nonzero()) for row in batch["x"]]
        assert torch.equal(batch["y"], Y[places])
        assert torch.equal(batch["sure"], SURE[places])
    with pytest.raises(DataError, match="rename the further input 'y'"):
        stitched(data_from(X, Y, task=task, kwargs={"sure": SURE, "y": SURE}))


def test_batches_are_taken_apart_and_joined() -> None:
    batch = {"x": X, "y": Y}
    parts = [at(batch, slice(0, 100)), at(batch, torch.arange(100, N))]
    back = joined(parts)
    assert isinstance(back, dict)
    assert all(torch.equal(back[name], batch[name]) for name in batch)
    assert WEIGHTED.losses(torch.zeros(4, K), {"x": X[:4], "y": Y[:4], "sure": SURE[:4]}).shape == (4,)


class Shifted:
    def __init__(self, by: float) -> None:
        self.by = by

    def __call__(self, outputs: Tensor, y: Tensor) -> Tensor:
        return outputs - self.by

    def method(self, outputs: Tensor, y: Tensor) -> Tensor:
        return outputs - self.by


class Perceptual(nn.Module):
    """A loss with a setting in a list, where no print of a module shows it."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factors = [factor]

    def forward(self, outputs: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(outputs * self.factors[0], y)


class Other(Perceptual):
    def forward(self, outputs: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(outputs * self.factors[0], y)


def closed(weight: Any) -> Any:
    return lambda outputs, y: F.cross_entropy(outputs, y, weight=weight)


def test_functions_are_told_apart_by_what_they_do() -> None:
    def recursive(depth: int) -> int:
        return depth if depth == 0 else recursive(depth - 1)

    functions = [
        lambda o, y: F.l1_loss(o, y),
        lambda o, y: F.mse_loss(o, y),
        lambda o, y: o + 1,
        lambda o, y: o + 2,
        lambda o, y, k=1: o + k,
        lambda o, y, k=2: o + k,
        lambda o, y: o if y in {"a", "b"} else y,
        lambda o, y: [each for each in o],  # noqa: C416
        closed(torch.ones(3)),
        closed(torch.tensor([1.0, 1.0, 2.0])),
        partial(right, y=Y[:2]),
        partial(right, y=Y[1:3]),
        Shifted(1.0),
        Shifted(2.0),
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(weight=torch.ones(3)),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        recursive,
        max,
        min,
        F.l1_loss,
        F.mse_loss,
        Perceptual(1.0),
        Perceptual(2.0),
        Other(1.0),
        Shifted(1.0).method,
        Shifted(2.0).method,
        closed(Perceptual(1.0)),
        closed(Perceptual(2.0)),
        closed(np.ones(3)),
        closed(np.zeros(3)),
        closed(partial(right, y=Y[:1])),
        closed(partial(right, y=Y[1:2])),
    ]
    one = data_from(X, Y, task=PLAIN).digest
    assert one != data_from(X, Y, task=OF_BATCHES).digest
    names = [fingerprint(each) for each in functions]
    assert len(set(names)) == len(names)
    assert fingerprint(F.cross_entropy) == "torch.nn.functional.cross_entropy"
    assert data_from(X, Y, task=Task(name="mine", loss=F.mse_loss, score=right)).digest != one


def test_the_variables_and_functions_that_a_function_names_are_part_of_it() -> None:
    def made(factor: float, helper: str) -> Any:
        space: dict[str, Any] = {"FACTOR": factor, "__name__": "own_module"}
        exec(f"def helper(x):\n    return {helper}\ndef loss(o, y):\n    return helper(o) * FACTOR\n", space)
        return space["loss"]

    one = fingerprint(made(1.0, "x + 1"))
    assert one == fingerprint(made(1.0, "x + 1"))
    assert len({one, fingerprint(made(2.0, "x + 1")), fingerprint(made(1.0, "x + 2"))}) == 3


SOURCE = """
import torch
from functools import partial
import modelstitch as ms

WEIGHT = torch.tensor([1.0, 2.0])

def closed(weight):
    def loss(outputs, y):
        if y.dtype in {torch.int64, torch.int32} or outputs in ("a", "b") or outputs in {"c", "d", "e"}:
            return [o for o in outputs]
        return torch.nn.functional.cross_entropy(outputs, y, weight=weight)
    return loss

def right(outputs, y):
    return outputs.argmax(1) == y

mine = ms.Task(name="mine", loss=closed(WEIGHT), score=partial(right))
no_task = 3
"""


def test_a_function_is_told_alike_in_every_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_task.py").write_text(SOURCE)
    other = subprocess.run(
        [sys.executable, "-c", "import own_task; print(own_task.mine.identity)"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "1"},  # here it is drawn at random
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_task", raising=False)
    assert importlib.import_module("own_task").mine.identity == other.strip()
    assert "mine|" in other


def test_a_task_is_found_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"task_{tmp_path.name}".replace("-", "_")
    source = SOURCE.replace("loss=closed(WEIGHT)", "loss=torch.nn.functional.cross_entropy")
    net = (
        "\ndef net(seed=0):\n    torch.manual_seed(seed)\n    "
        "return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))\n"
    )
    (tmp_path / f"{name}.py").write_text(source + net)
    np.savez(tmp_path / "set.npz", x=X.numpy(), y=Y.numpy())
    monkeypatch.chdir(tmp_path)
    data = load_data(DataSpec(source="set.npz", task=f"{name}:mine"))
    assert data.task.name == "mine"
    both = [f"{name}:net", f"{name}:net(seed=1)"]
    usual = ["--data", "set.npz", "--cuts", "1", "--controls", "none", "--evidence", "none", "--steps", "5"]
    assert (
        main(["compare", "--allow-untrained", *both, *usual, "--task", f"{name}:mine", "--out", "run"]) == 0
    )
    assert ms.load("run").facts.task == "mine"
    for target, message in (
        (f"{name}:min", "unknown task in .* 'min'.*mine"),
        (f"{name}:no_task", "to be a modelstitch.Task, got int"),
        ("no_such_module:mine", "cannot import 'no_such_module' for task 'no_such_module:mine'"),
    ):
        with pytest.raises(DataError, match=message):
            load_data(DataSpec(source="set.npz", task=target))
    capsys.readouterr()
    assert (
        main(["compare", "--allow-untrained", *both, *usual, "--task", f"{name}:min", "--out", "other"]) == 2
    )
    assert "mine" in capsys.readouterr().err


def test_a_function_that_fails_is_told_what_it_was_given() -> None:
    by_name = Task(name="mine", loss=WEIGHTED.loss, score=where_sure)
    with pytest.raises((TypeError, IndexError)) as caught:
        stitched(data_from(X, Y, task=by_name, kwargs={"sure": SURE}))
    assert "takes_batch=True gives them the whole batch, by name" in caught.value.__notes__[0]
    mistyped = Task(name="mine", loss=lambda o, batch: batch["wieght"], score=where_sure, takes_batch=True)
    with pytest.raises(KeyError) as missing:
        mistyped.mean_loss(torch.zeros(2, K), {"x": X[:2], "y": Y[:2], "sure": SURE[:2]})
    assert missing.value.__notes__ == [
        "task mine: its functions are given outputs and a batch with x, y, sure"
    ]
