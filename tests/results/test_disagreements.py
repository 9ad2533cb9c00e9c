"""Where two networks answer differently: planted answers, by class and by example; scores of torchmetrics."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, mean_absolute_error
from torch import Tensor

from modelstitch.adoption.score_intervals import difference_interval
from modelstitch.errors import MissingExtraError, SpecError
from modelstitch.geometry.intervals import paired_interval
from modelstitch.results.answers import Answered
from modelstitch.results.disagreements import disagreements
from modelstitch.results.extra_scores import extra_scores
from tests.report.made import run

CLASSES = ("cat", "dog", "cow")


def scores_of(answers: list[int], n: int = 4) -> Tensor:
    return 5 * torch.nn.functional.one_hot(torch.tensor(answers), n).float()


def answers(labels: list[int], receiver: list[int], stitched: list[int], **changes: Any) -> Answered:
    values = {
        "task": "classification",
        "classes": CLASSES,
        "targets": torch.tensor(labels),
        "receiver": scores_of(receiver),
        "stitched": scores_of(stitched),
        "images": torch.rand(len(labels), 1, 4, 4, generator=torch.Generator().manual_seed(0)),
    }
    return Answered(**{**values, **changes})


#                      lost        same  gained other none of the classes
LABELS, OWN, THEIRS = [0, 0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 0, 0, 2], [1, 1, 0, 1, 1, 1, 3]
PLANTED = disagreements(answers(LABELS, OWN, THEIRS), "a -> b")


def test_each_example_is_lost_gained_or_other() -> None:
    frame = PLANTED.examples()
    assert frame["example"].tolist() == [0, 1, 4, 5, 6]
    assert frame["kind"].tolist() == ["lost", "lost", "gained", "other", "lost"]
    assert frame["stitched"].tolist() == ["dog", "dog", "dog", "dog", "(no class)"]
    assert PLANTED.examples("gained")["label"].tolist() == ["dog"]
    assert PLANTED.share == pytest.approx(5 / 7)
    assert repr(PLANTED) == "Disagreements(a -> b: 71.4 % of 7 examples; 3 lost, 1 gained, 1 other)"
    assert PLANTED.confused().iloc[0].tolist() == ["cat", "dog", 4]


def test_the_class_that_loses_most_comes_first() -> None:
    rows = PLANTED.by_class()
    assert rows["class"].tolist() == ["cat", "cow", "dog"]
    assert rows[["n", "lost", "gained"]].to_numpy()[0].tolist() == [3, 2, 0]
    assert rows["change"].tolist()[0] == pytest.approx(-2 / 3)
    assert rows[["receiver", "stitched"]].to_numpy()[2].tolist() == [0.5, 1.0]
    assert (rows["low"] < rows["change"]).all()
    assert (rows["change"] < rows["high"]).all()
    empty = disagreements(answers([0], [0], [1]), "a -> b").by_class()
    assert dict(zip(empty["class"], empty["change"].isna(), strict=True)) == {
        "cat": False,
        "cow": True,
        "dog": True,
    }


@settings(max_examples=40)
@given(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=60))
def test_classes_together_are_the_whole(rows: list[tuple[int, int, int]]) -> None:
    labels, own, other = (list(each) for each in zip(*rows, strict=True))
    found = disagreements(answers(labels, own, other), "a -> b")
    table, n = found.by_class(), len(labels)
    known = table[table["n"] > 0]
    for column, answered in (("receiver", own), ("stitched", other)):
        accuracy = np.mean(np.array(answered) == np.array(labels))
        assert (known[column] * known["n"]).sum() / n == pytest.approx(accuracy)
    assert len(found.examples("lost")) == table["lost"].sum()
    assert len(found.examples("gained")) == table["gained"].sum()


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 60))
def test_tangos_interval_is_one_definition_and_turns_with_the_sign(b: int, c: int, more: int) -> None:
    n = b + c + more
    low, high = paired_interval(b, c, n)
    assert -1 <= low < (b - c) / n < high <= 1
    assert paired_interval(c, b, n) == pytest.approx((-high, -low))
    first = torch.tensor([True] * b + [False] * (n - b))
    second = torch.tensor([False] * b + [True] * c + [False] * more)
    assert difference_interval(first, second)[1:] == pytest.approx((low, high), abs=1e-4)


def test_a_contact_sheet_has_the_pictures_asked_for_with_their_words() -> None:
    many = disagreements(answers([0] * 20, [0] * 20, [1] * 20), "a -> b")
    sheet = many.contact_sheet(most=10)
    texts = [ax.get_xlabel() for ax in sheet.axes if ax.get_xlabel()]
    assert texts == ["cat\ncat → dog"] * 10
    assert len(PLANTED.contact_sheet("other").axes) == 1
    shown = [ax.images[0].get_array() for ax in PLANTED.contact_sheet("other").axes]
    assert PLANTED.images is not None
    assert np.allclose(cast(Any, shown[0]), PLANTED.images[5, 0])


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (lambda: PLANTED.examples("worse"), "unknown kind of disagreement 'worse'"),  # type: ignore[arg-type]
        (lambda: PLANTED.contact_sheet(most=0), "at least one picture, got 0"),
        (lambda: disagreements(answers([0], [0], [0]), "x").contact_sheet(), "'lost', got none in 1"),
        (lambda: disagreements(answers([0], [0], [1], images=None), "x").contact_sheet(), "expected images"),
        (lambda: disagreements(answers([0], [0], [1], classes=()), "x"), "one class for each example"),
        (lambda: run(1, 1).disagreements("c0"), r"cell as \(sender cut, receiver cut\), got 'c0'"),
        (lambda: run(1, 1).disagreements(("c0", "c0"), "c0"), "expected a cell, or a sender cut and"),
        (lambda: run(1, 1).disagreements(("c0", "c9")), "unknown receiver cut of this run 'c9'"),
    ],
)
def test_what_cannot_be_shown_is_refused(refused: Any, expected: str) -> None:
    with pytest.raises(SpecError, match=expected):
        refused()


class MulticlassF1Score:
    """That of torchmetrics, as far as it is called; the number is scikit-learn's."""

    def __init__(
        self,
        num_classes: int,
        top_k: int = 1,
        average: str | None = "macro",
        multidim_average: str = "global",
        ignore_index: int | None = None,
        validate_args: bool = True,
        zero_division: float = 0,
        **kwargs: Any,
    ) -> None:
        self.n = num_classes

    def __call__(self, preds: Tensor, target: Tensor) -> Tensor:
        assert preds.shape[1] == self.n
        assert torch.allclose(preds.sum(1), torch.ones(len(preds)))  # probabilities
        return torch.tensor(f1_score(target, preds.argmax(1), average="macro", zero_division=0))


class MulticlassConfusionMatrix(MulticlassF1Score):
    def __call__(self, preds: Tensor, target: Tensor) -> Tensor:
        return torch.zeros(self.n, self.n)


class MeanAbsoluteError:
    """That of torchmetrics, as far as it is called."""

    def __init__(self, num_outputs: int = 1, **kwargs: Any) -> None: ...

    def __call__(self, preds: Tensor, target: Tensor) -> Tensor:
        return torch.tensor(mean_absolute_error(target, preds))


@pytest.fixture
def torchmetrics(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("torchmetrics")
    module.MeanAbsoluteError = MeanAbsoluteError  # type: ignore[attr-defined]
    classification: Any = SimpleNamespace(
        MulticlassF1Score=MulticlassF1Score, MulticlassConfusionMatrix=MulticlassConfusionMatrix
    )
    module.classification = classification  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchmetrics", module)


@pytest.mark.parametrize("name", ["f1", "F1", "F1Score", "MulticlassF1Score"])
def test_a_score_is_found_by_every_name_that_it_has(name: str, torchmetrics: None) -> None:
    row = extra_scores(answers(LABELS, OWN, THEIRS), [name]).iloc[0]
    for column, answered in (("receiver", OWN), ("stitched", THEIRS)):
        expected = f1_score(LABELS, answered, average="macro", zero_division=0)
        assert row[column] == pytest.approx(expected)
    assert row["change"] == pytest.approx(row["stitched"] - row["receiver"])


def test_a_task_without_classes_has_the_scores_of_its_own(torchmetrics: None) -> None:
    targets, own, other = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1)
    given = Answered("regression", (), targets, own, other, None)
    row = extra_scores(given, ["MeanAbsoluteError"]).iloc[0]
    assert row[["receiver", "stitched", "change"]].tolist() == [0.5, 1.5, 1.0]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["f2"], "unknown score of torchmetrics for classification 'f2'"),
        (["F1Scor"], "did you mean 'F1Score'"),
        (["ConfusionMatrix"], "a score that is one number, got 'ConfusionMatrix'"),
        (["MeanAbsoluteError"], "unknown score"),
        ([], "at least one score"),
    ],
)
def test_what_is_no_score_is_refused(names: list[str], expected: str, torchmetrics: None) -> None:
    with pytest.raises(SpecError, match=expected):
        extra_scores(answers(LABELS, OWN, THEIRS), names)


def test_without_torchmetrics_the_command_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    with pytest.raises(MissingExtraError, match=r'pip install "modelstitch\[torchmetrics\]"'):
        extra_scores(answers(LABELS, OWN, THEIRS), ["f1"])
