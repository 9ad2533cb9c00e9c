"""What a network's answers say of how labels are numbered, on planted numberings."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.tasks import numbering


def answers(
    labels: torch.Tensor, output_of: list[int], right: float, n_outputs: int, seed: int
) -> torch.Tensor:
    """Answers that are ``output_of`` the label for a share of the examples, and any output for the rest."""
    generator = torch.Generator().manual_seed(seed)
    given = torch.tensor(output_of)[labels]
    wrong = torch.rand(len(labels), generator=generator) >= right
    given[wrong] = torch.randint(n_outputs, (int(wrong.sum()),), generator=generator)
    return given


@settings(max_examples=25)
@given(st.permutations(list(range(6))), st.integers(0, 10**6), st.booleans())
def test_a_planted_numbering_is_found_and_none_where_there_is_none(
    output_of: list[int], seed: int, in_order: bool
) -> None:
    labels = torch.arange(1200) % 6
    labels = labels.sort().values if in_order else labels
    found = numbering(answers(labels, output_of, 0.8, 6, seed), labels, 6)
    moved = tuple((label, output) for label, output in enumerate(output_of) if label != output)
    assert found.moved == moved
    assert found.is_likely_wrong == bool(moved)
    assert found.best == pytest.approx(0.8 + 0.2 / 6, abs=0.06)
    still = sum(label == output for label, output in enumerate(output_of)) / 6
    assert found.as_given == pytest.approx(0.8 * still + 0.2 / 6, abs=0.06)


def test_labels_after_a_missing_class_are_found_shifted() -> None:
    labels = torch.arange(900) % 9
    shifted = [label if label < 3 else label + 1 for label in range(9)]
    found = numbering(answers(labels, shifted, 0.95, 10, 0), labels, 10)
    assert found.moved == tuple((label, label + 1) for label in range(3, 9))
    assert found.is_likely_wrong


@pytest.mark.parametrize("n_outputs", [10, 1000])
def test_a_network_that_knows_nothing_is_not_taken_for_another_numbering(n_outputs: int) -> None:
    labels = torch.arange(500) % 10
    guesses = torch.randint(n_outputs, (500,), generator=torch.Generator().manual_seed(0))
    few_answers = (labels * 7 % 3) % n_outputs
    assert not numbering(guesses, labels, n_outputs).is_likely_wrong
    assert numbering(few_answers, labels, n_outputs).best < 0.45


def test_two_swapped_classes_are_found() -> None:
    labels = torch.arange(200) % 2
    found = numbering(1 - labels, labels, 2)
    assert (found.as_given, found.best, found.moved, found.is_likely_wrong) == (
        0.0,
        1.0,
        ((0, 1), (1, 0)),
        True,
    )
