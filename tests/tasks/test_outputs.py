"""Which of several outputs is scored: the one that is asked for, named or that alone fits."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from modelstitch.errors import ModelError
from modelstitch.tasks import CLASSIFICATION, RETRIEVAL, TOKENS, Task
from modelstitch.tasks.outputs import choose, named_outputs, pick

N, K = 4, 10


def o(*shape: int) -> Tensor:
    return torch.zeros(N, *shape)


@dataclass
class Detected:
    boxes: Tensor
    classes: Tensor


Pair = namedtuple("Pair", ["embedding", "classes"])


class Plain:
    def __init__(self) -> None:
        self.hidden, self.answer = o(7), o(K)


CHOSEN: list[tuple[Any, str]] = [
    (o(K), ""),
    ((o(K),), "0"),
    ((o(64), o(K)), "1"),  # embedding and scores
    ((o(4), o(K)), "1"),  # boxes and scores
    ([o(K), o(4), o(4)], "0"),
    ((o(K), None, 0.5), "0"),
    ((o(K), torch.tensor(0.3)), "0"),  # a loss beside them
    ((o(K), torch.zeros(N, dtype=torch.int64)), "0"),
    ({"boxes": o(4), "p": o(K)}, "p"),
    (Detected(o(4), o(K)), "classes"),
    (Pair(o(64), o(K)), "classes"),
    (Plain(), "answer"),
    ((o(16, 3, 3), (o(4), {"scores": o(K)})), "1.1.scores"),
    ({"hidden": o(5), "logits": o(K)}, "logits"),
    ({"logits": o(K), "cls_logits": o(K), "distillation_logits": o(K)}, "logits"),
    ({"scores": o(K), "logits": o(K)}, "logits"),
    ({"out": o(K), "aux": o(K)}, "out"),
    ({"logits": o(2), "answers": o(K)}, "answers"),  # of another question
    ((o(1000), o(K)), "1"),
    ({"logits": o(1000), "features": o(64)}, "logits"),
    ({"logits": o(1000), "hidden_states": (o(5, 3), o(5, 3))}, "logits"),
]


def chosen(output: Any, asked: str | None = None, task: Task = CLASSIFICATION) -> str:
    return choose(output, task, N, exact=lambda n: n == K, takes=lambda n: n >= K, asked=asked)


@pytest.mark.parametrize(("output", "name"), CHOSEN)
def test_one_output_alone_fits_or_is_named(output: Any, name: str) -> None:
    assert chosen(output) == name
    assert pick(output, name, CLASSIFICATION).shape[1] in (K, 1000)


@pytest.mark.parametrize(
    ("output", "listed"),
    [
        ((o(K), o(K)), "several may be meant: 0 (N, 10), 1 (N, 10);"),
        ((o(4), o(5)), "several may be meant: 0 (N, 4), 1 (N, 5);"),
        ((o(512), o(4)), "several may be meant: 0 (N, 512), 1 (N, 4);"),
        ((o(1000), o(512)), "several may be meant: 0 (N, 1000), 1 (N, 512);"),
        ({"a": o(K), "b": o(K)}, "several may be meant: a (N, 10), b (N, 10);"),
        ({"output": o(K), "class_probabilities": o(K)}, "several may be meant: output (N, 10), class_"),
        ({"logits": o(1000), "coarse": o(K)}, "several may be meant: logits (N, 1000), coarse (N, 10);"),
        ((o(3, 8, 8), o(4, 8, 8)), "none of them can be scored: 0 (N, 3, 8, 8), 1 (N, 4, 8, 8);"),
    ],
)
def test_several_that_may_be_meant_are_refused_with_all_of_them(output: Any, listed: str) -> None:
    with pytest.raises(ModelError) as caught:
        chosen(output)
    assert listed in str(caught.value)
    assert "--sender-output or --receiver-output NAME_OR_NUMBER" in str(caught.value)


def test_the_one_that_is_asked_for_is_taken() -> None:
    assert chosen((o(K), o(K)), "1") == "1"
    assert chosen({"logits": o(K), "heads": [o(3), o(5)]}, "heads.1") == "heads.1"
    assert chosen(o(K), "0") == ""
    with pytest.raises(ModelError, match=r"no output '2': expected one of 0 \(N, 10\), 1 \(N, 10\)"):
        chosen((o(K), o(K)), "2")
    with pytest.raises(ModelError, match="expected class scores, one row for each example, got output '1'"):
        chosen((o(K), o(3, 8, 8)), "1")
    with pytest.raises(ModelError, match="got output '1'"):
        chosen((o(K), torch.zeros(N, K, dtype=torch.int64)), "1")


def test_other_tasks_have_other_axes_and_names() -> None:
    language_model = (o(6, 50), ((o(2, 6, 8), o(2, 6, 8)),))
    assert chosen(language_model, task=TOKENS) == "0"
    both = {"logits": o(K), "embedding": o(64)}
    assert chosen(both) == "logits"
    assert choose(both, RETRIEVAL, N, exact=lambda n: False, takes=lambda n: True) == "embedding"
    with pytest.raises(ModelError, match="several may be meant"):
        choose((o(K), o(64)), RETRIEVAL, N, exact=lambda n: False, takes=lambda n: True)


def test_an_output_without_tensors_is_told() -> None:
    with pytest.raises(ModelError, match="expected class scores, one row for each example, got dict with a"):
        chosen({"a": 1})
    assert named_outputs({"a": 1}) == {}
