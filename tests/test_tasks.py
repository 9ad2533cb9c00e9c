from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.tasks import CLASSIFICATION, accuracy


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_accuracy_is_the_share_of_true_values(correct: list[bool]) -> None:
    assert accuracy(torch.tensor(correct)) == sum(correct) / len(correct)


def test_extra_outputs_of_the_receiver_count_as_wrong_answers() -> None:
    outputs = torch.tensor([[0.0, 1.0, 2.0], [0.0, 3.0, 2.0]])
    assert CLASSIFICATION.correct(outputs, torch.tensor([1, 1])).tolist() == [False, True]


def test_outputs_that_are_not_numbers_are_wrong() -> None:
    outputs = torch.tensor([[float("nan")] * 3, [float("inf"), 0, 0]])
    assert CLASSIFICATION.correct(outputs, torch.tensor([0, 0])).tolist() == [False, False]
