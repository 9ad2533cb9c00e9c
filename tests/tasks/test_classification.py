from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.tasks import CLASSIFICATION, by_label_set, mean_score


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_accuracy_is_the_share_of_true_values(correct: list[bool]) -> None:
    assert mean_score(torch.tensor(correct)) == sum(correct) / len(correct)


def test_extra_outputs_of_the_receiver_count_as_wrong_answers() -> None:
    outputs = torch.tensor([[0.0, 1.0, 2.0], [0.0, 3.0, 2.0]])
    assert CLASSIFICATION.score(outputs, torch.tensor([1, 1])).tolist() == [False, True]


def test_outputs_that_are_not_numbers_are_wrong() -> None:
    outputs = torch.tensor([[float("nan")] * 3, [float("inf"), 0, 0]])
    assert CLASSIFICATION.score(outputs, torch.tensor([0, 0])).tolist() == [False, False]


LABEL_OF = (0, 1, 1, 2, 0)


@given(st.integers(0, 10**6), st.integers(0, 3))
def test_coarser_labels_are_scored_by_added_probabilities(seed: int, n_beyond: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = 3 * torch.randn(7, 5 + n_beyond, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 3, (7,), generator=generator)
    chances = outputs.softmax(1)
    added = torch.stack(
        [sum((chances[:, k] for k in range(5) if LABEL_OF[k] == each), torch.zeros(7)) for each in range(3)],
        1,
    )
    task = by_label_set(LABEL_OF)
    torch.testing.assert_close(task.loss(outputs, labels), -added[range(7), labels].log().mean())
    beyond = chances[:, 5:].sum(1)
    expected = (added.argmax(1) == labels) & (added.max(1).values > beyond)
    assert task.score(outputs, labels).tolist() == expected.tolist()


def test_outputs_for_the_coarser_labels_themselves_are_read_as_they_are() -> None:
    outputs, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    task = by_label_set(LABEL_OF)
    assert torch.equal(task.loss(outputs, labels), CLASSIFICATION.loss(outputs, labels))
    assert torch.equal(task.score(outputs, labels), CLASSIFICATION.score(outputs, labels))


def test_coarser_labels_do_not_hide_numbers_that_are_none() -> None:
    outputs = torch.full((1, 5), float("nan"))
    assert by_label_set(LABEL_OF).score(outputs, torch.tensor([0])).tolist() == [False]
