"""Data of any task, from arrays and from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import modelstitch as ms
from modelstitch.data.from_arrays import data_from
from modelstitch.data.load import load_data
from modelstitch.errors import DataError, SpecError
from modelstitch.specs import DataSpec
from modelstitch.tasks import IGNORED, Task

X = torch.rand(60, 4, generator=torch.Generator().manual_seed(0))
TOKENS = torch.randint(1, 9, (60, 5), generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(60) % 3


@given(st.integers(0, 10**6))
def test_numbers_are_grouped_by_tenths(seed: int) -> None:
    y = torch.randn(60, 2, generator=torch.Generator().manual_seed(seed))
    data = data_from(X, y, task="regression")
    assert data.classes == tuple(f"tenth {k}" for k in range(1, 11))
    both = [(part.labels, part.targets[:, 0]) for part in (data.train, data.heldout)]
    labels, first = (torch.cat(each) for each in zip(*both, strict=True))
    order = first.argsort()
    assert torch.equal(labels[order], labels.sort().values)
    assert labels.bincount().tolist() == [6] * 10
    assert len(data.train) == 40


def test_equal_numbers_are_one_group() -> None:
    data = data_from(X, torch.tensor([0.0] * 50 + [1.0] * 10), task="regression")
    assert 1 <= len(data.classes) <= 2


def test_combinations_of_labels_are_groups_and_rare_ones_are_one() -> None:
    y = torch.zeros(60, 3, dtype=torch.int64)
    y[20:40, 0] = 1
    y[40:58, 1] = 1
    y[58] = torch.tensor([1, 1, 1])
    y[59] = torch.tensor([0, 0, 1])
    data = data_from(X, y, task="multi-label")
    assert data.classes == ("none", "1", "0", "other")
    for part in (data.train, data.heldout):
        for label, row in zip(part.labels.tolist(), part.targets.tolist(), strict=True):
            expected = {(0, 0, 0): "none", (1, 0, 0): "0", (0, 1, 0): "1"}.get(tuple(row), "other")
            assert data.classes[label] == expected


def test_the_next_token_needs_nothing_but_the_tokens() -> None:
    mask = torch.ones_like(TOKENS)
    mask[:30, 3:] = 0
    data = data_from(TOKENS, task="next-token", kwargs={"attention_mask": mask})
    for part in (data.train, data.heldout):
        assert part.present is not None
        assert torch.equal(part.targets[:, :-1] == IGNORED, ~part.present[:, 1:])
        assert (part.targets[:, -1] == IGNORED).all()
    assert (data.task.name, data.classes) == ("next-token", ("all",))
    assert data.task.takes(9, data.train.targets)
    assert not data.task.takes(8, data.train.targets)


def test_a_task_of_ones_own_is_grouped_by_what_it_wants() -> None:
    task = Task(name="mine", loss=lambda o, w: o.mean(), score=lambda o, w: o[:, 0])
    assert data_from(X, LABELS, task=task).classes == ("0", "1", "2")
    assert data_from(X, torch.rand(60), task=task).classes[0] == "tenth 1"
    assert data_from(X, torch.rand(60, 2, 2), task=task).classes == ("all",)
    assert data_from(X, torch.rand(60, 2, 2), task=task, groups=LABELS + 5).classes == ("5", "6", "7")


def test_limits_choose_and_two_parts_stay_apart() -> None:
    data = data_from(X, torch.rand(60), task="regression", limit=20, heldout_limit=5)
    assert (len(data.train), len(data.heldout)) == (20, 5)
    other = data_from(X[:40], LABELS[:40], task="retrieval", heldout=(X[40:], LABELS[40:]))
    assert (len(other.train), len(other.heldout), other.division) == (40, 20, "two parts as given")
    assert torch.equal(other.train.images, X[:40])


def test_classes_with_further_inputs() -> None:
    mask = torch.ones(60, 5)
    data = data_from(TOKENS, LABELS, kwargs={"attention_mask": mask})
    assert data.scored_by is None
    assert tuple(data.train.kwargs) == ("attention_mask",)
    assert len(data.train.kwargs["attention_mask"]) == len(data.train)
    held = data_from(
        TOKENS[:40],
        LABELS[:40],
        kwargs={"m": mask[:40]},
        heldout=(TOKENS[40:], LABELS[40:], {"m": mask[40:]}),
    )
    assert len(held.heldout.kwargs["m"]) == 20


def test_targets_decide_the_digest() -> None:
    y = torch.rand(60)
    one = data_from(X, y, task="regression", groups=LABELS)
    assert one.digest == data_from(X, y.clone(), task="regression", groups=LABELS).digest
    assert one.digest != data_from(X, y + 1, task="regression", groups=LABELS).digest
    masked = data_from(X, y, task="regression", groups=LABELS, kwargs={"m": torch.zeros(60, 1)})
    assert len({one.digest, masked.digest}) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"x": X, "y": LABELS, "task": "clasification"},
            "unknown task 'clasification'.*did you mean 'classification'",
        ),
        (
            {"x": X, "task": "regression"},
            "expected a target for each example for the task regression, got nothing",
        ),
        ({"x": X, "y": LABELS[:5], "task": "retrieval"}, "as many targets as examples, got 5 and 60"),
        (
            {"x": X, "y": LABELS, "task": "multi-label"},
            r"labels \(N, K\) of 0 and 1 .*got torch.int64 of shape \(60,\)",
        ),
        ({"x": X, "y": torch.full((60, 2), 2), "task": "multi-label"}, r"labels \(N, K\) of 0 and 1"),
        ({"x": X, "y": torch.rand(60, 2, 2), "task": "regression"}, r"numbers \(N,\) or \(N, K\)"),
        ({"x": X, "y": torch.full((60,), torch.nan), "task": "regression"}, "NaN"),
        ({"x": X, "task": "next-token"}, r"tokens \(N, T\) in int64 .*got torch.float32 of shape \(60, 4\)"),
        ({"x": TOKENS, "y": TOKENS[:, :2], "task": "masked-token"}, r"a token for every position \(60, 5\)"),
        (
            {"x": TOKENS, "y": torch.full_like(TOKENS, -100), "task": "masked-token"},
            "some target tokens, got none",
        ),
        (
            {"x": X, "y": torch.rand(60), "task": "retrieval"},
            r"labels \(N,\) for the task retrieval, got torch.float32",
        ),
        (
            {"x": X, "y": torch.rand(60), "task": "regression", "groups": [1, 2]},
            "a group for each of 60 examples, got 2",
        ),
        (
            {"x": X, "y": torch.rand(60), "task": "regression", "kwargs": {"m": X[:5]}},
            r"further inputs of each .*m \(5, 4\)",
        ),
    ],
)
def test_arrays_that_do_not_fit_the_task(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        data_from(arguments.pop("x"), arguments.pop("y", None), **arguments)


def test_a_file_of_any_task(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    y = np.random.default_rng(0).random(60).astype(np.float32)
    np.savez(path, x=X.numpy(), y=y)
    data = load_data(DataSpec(source=str(path), task="regression"))
    assert (data.task.name, tuple(data.train.targets.shape)) == ("regression", (40, 1))
    np.savez(path, x=TOKENS.numpy(), attention_mask=np.ones((60, 5), np.int64))
    data = load_data(DataSpec(source=str(path), task="next-token", limit=10))
    assert (data.task.name, len(data.train), tuple(data.train.kwargs)) == (
        "next-token",
        10,
        ("attention_mask",),
    )
    tokens, labels, mask = TOKENS.numpy(), LABELS.numpy(), np.ones((60, 5))
    train = {"x_train": tokens, "y_train": labels, "mask_train": mask}
    np.savez(path, x_test=tokens, y_test=labels, mask_test=mask, **train)  # type: ignore[arg-type]
    data = load_data(DataSpec(source=str(path)))
    assert (data.task.name, tuple(data.heldout.kwargs)) == ("classification", ("mask",))
    assert load_data(DataSpec(source=str(path), task="retrieval")).task.name == "retrieval"
    np.savez(path, x=X.numpy())
    with pytest.raises(DataError, match="expected arrays x and y"):
        load_data(DataSpec(source=str(path), task="regression"))


def test_tasks_and_sources_that_do_not_fit() -> None:
    with pytest.raises(
        DataError, match="data 'digits' have no targets for the task regression: expected FILE.npz"
    ):
        load_data(DataSpec(source="digits", task="regression"))
    assert load_data(DataSpec(source="digits", task="retrieval")).task.name == "retrieval"
    with pytest.raises(SpecError, match="labels and rotations with the task classification alone"):
        DataSpec(source="digits", task="retrieval", labels="parity")
    with pytest.raises(SpecError, match="unknown task 'regresion'"):
        DataSpec(source="digits", task="regresion")
    with pytest.raises(DataError, match="coarser labels with classification alone"):
        load_data(DataSpec(source="digits", task="retrieval")).by("parity")


def test_a_receiver_with_another_number_of_outputs_is_refused() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    for data, expected in (
        (
            data_from(X, torch.rand(60), task="regression"),
            "needs 1 output for the task regression, but receiver .* has 3",
        ),
        (
            data_from(X, torch.randint(0, 2, (60, 2)), task="multi-label"),
            "needs 2 outputs for the task multi-label",
        ),
    ):
        with pytest.raises(DataError, match=expected):
            ms.compare(model, model, data, cuts=("0",), controls=(), evidence=(), allow_untrained=True)


def test_the_name_of_a_further_input_is_part_of_the_digest() -> None:
    y, kwargs = torch.rand(60), torch.zeros(60, 4)
    one, other = (data_from(X, y, task="regression", kwargs={name: kwargs}) for name in ("scale", "shift"))
    assert one.digest != other.digest


def test_examples_without_a_target_are_left_out() -> None:
    targets = torch.where(
        torch.rand(60, 5, generator=torch.Generator().manual_seed(3)) < 0.3, TOKENS, IGNORED
    )
    data = data_from(TOKENS, targets, task="masked-token")
    kept = int((targets != IGNORED).any(1).sum())
    assert len(data.train) + len(data.heldout) == kept < 60


def test_labels_for_retrieval_may_be_any_whole_numbers() -> None:
    data = data_from(X, LABELS * 10**12 - 7, task="retrieval")
    assert sorted(set(data.train.targets.tolist())) == [0, 1, 2]
    with pytest.raises(DataError, match="expected some labels that two examples share"):
        data_from(X, torch.arange(60), task="retrieval")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"kwargs": {"m": X}, "heldout": (X, LABELS)},
            r"m of the same shape in both parts, got \(4,\) .* and nothing",
        ),
        (
            {"kwargs": {"m": X}, "heldout": (X, LABELS, {"m": X[:, :2]})},
            r"got \(4,\) in the training part and \(2,\)",
        ),
        ({"kwargs": {"m": X[:3]}}, "further inputs of each of the examples"),
        ({"kwargs": {"m": torch.tensor(1.0)}}, "further inputs of each of the examples"),
        ({"kwargs": {"m": torch.full((60,), torch.nan)}}, "NaN or infinity in m, the first is number 0"),
    ],
)
def test_further_inputs_that_do_not_fit(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        data_from(X, LABELS, **arguments)


def test_arrays_that_are_no_numbers_are_no_inputs(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, x=X.numpy(), y=LABELS.numpy(), names=np.array(["a"] * 60))
    assert not load_data(DataSpec(source=str(path))).train.kwargs


def test_targets_that_are_no_tokens_are_told() -> None:
    below = TOKENS.clone()
    below[0, 0] = -1
    with pytest.raises(DataError, match="tokens from 0 on, or -100 where there is no target, got -1"):
        data_from(TOKENS, below, task="masked-token")
    mine = Task(name="mine", loss=lambda o, w: o.mean(), score=lambda o, w: o[:, 0], by_position=True)
    with pytest.raises(
        DataError, match=r"expected a token \(N, T\) in int64 for every position, got torch.float32"
    ):
        data_from(X, torch.rand(60, 4), task=mine)
    with pytest.raises(DataError, match=r"targets of one shape in both parts, got \(2,\) and \(3,\)"):
        data_from(X, torch.rand(60, 2), task="regression", heldout=(X, torch.rand(60, 3)))


@pytest.mark.parametrize("end", ["", "_train"])
def test_an_array_that_is_not_there_for_each_example_is_told(tmp_path: Path, end: str) -> None:
    path, y = tmp_path / "set.npz", np.random.default_rng(0).random(60)
    arrays: dict[str, Any] = {f"x{end}": X.numpy(), f"y{end}": y, f"sure{end}": y[:40]}
    if end:
        arrays |= {"x_test": X.numpy(), "y_test": y, "sure_test": y}
    np.savez(path, **arrays)
    with pytest.raises(
        DataError, match=rf"set.npz': expected a value of sure{end} for each of 60 examples, got 40"
    ):
        load_data(DataSpec(source=str(path), task="regression"))
