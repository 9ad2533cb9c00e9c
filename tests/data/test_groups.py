"""Groups of examples, and what becomes of held-out examples whose group has no training example."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import modelstitch as ms
from modelstitch.data.from_arrays import data_from
from modelstitch.errors import DataError
from modelstitch.tasks import IGNORED, Task


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs[:, 0] - targets).square().mean()


def _score(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs[:, 0] - targets).abs() < 0.5


PITCH = Task(name="pitch", loss=_loss, score=_score)


def pitches() -> tuple[Tensor, Tensor]:
    """Training pitches 0 to 39, and 300 held-out ones of which 38 have 23 pitches of their own."""
    train = torch.arange(600) % 40
    heldout = torch.arange(300) % 40
    heldout[:38] = 100 + torch.arange(38) % 23
    return train, heldout


def test_a_task_of_ones_own_with_unseen_targets_asks_for_groups() -> None:
    train, heldout = pitches()
    x, held = normal(600, 4), normal(300, 4, seed=1)
    message = (
        r"data in memory: 38 of 300 held-out examples stand in 23 groups without a training example "
        r"\('100', '101', '102', '103', '104', ...\).*groups= of data_from, --within-column NAME"
    )
    with pytest.raises(DataError, match=message):
        data_from(x, train, task=PITCH, heldout=(held, heldout))
    octaves = torch.cat([train, heldout]) % 12
    data = data_from(x, train, task=PITCH, heldout=(held, heldout), groups=octaves)
    assert data.classes == tuple(map(str, range(12)))
    assert torch.equal(data.heldout.labels, heldout % 12)
    assert torch.equal(data.heldout.targets, heldout)


def test_names_are_groups_too() -> None:
    train, heldout = pitches()
    names = np.array([f"note {pitch % 3}" for pitch in [*train.tolist(), *heldout.tolist()]])
    data = data_from(normal(600, 4), train, task=PITCH, heldout=(normal(300, 4), heldout), groups=names)
    assert data.classes == ("note 0", "note 1", "note 2")
    assert torch.equal(data.train.labels, train % 3)


def test_groups_are_of_the_examples_that_are_left() -> None:
    """Examples without a target are dropped, and their groups with them."""
    x = torch.randint(1, 9, (12, 5), generator=torch.Generator().manual_seed(0))
    y = torch.full_like(x, IGNORED)
    y[::2, 1] = x[::2, 1]
    data = data_from(x, y, task="masked-token", heldout=(x, y), groups=torch.arange(24) % 12 // 2)
    assert torch.equal(data.train.labels, torch.arange(6))
    with pytest.raises(DataError, match="a group for each of 24 examples, got 6"):
        data_from(x, y, task="masked-token", heldout=(x, y), groups=torch.arange(6))


def test_a_tenth_without_training_examples_joins_its_neighbour() -> None:
    # Numbers 0 to 99, ten to a tenth; those from 30 to 39 are in the held-out part alone.
    numbers = torch.arange(100.0)
    rest = torch.cat([numbers[:30], numbers[40:]])
    train, heldout = rest.repeat(7), torch.cat([rest.repeat(3), numbers[30:40]])
    given: dict[str, Any] = {"task": "regression", "heldout": (normal(len(heldout), 3), heldout)}
    data = data_from(normal(len(train), 3), train, **given)
    bounds = torch.quantile(
        torch.cat([train, heldout]).double(), torch.linspace(0, 1, 11, dtype=torch.float64)[1:-1]
    )
    tenths = [torch.bucketize(part.double(), bounds) for part in (train, heldout)]
    absent = set(tenths[1].tolist()) - set(tenths[0].tolist())
    names = [int(name.removeprefix("tenth ")) - 1 for name in data.classes]
    assert sorted(set(tenths[0].tolist())) == names
    for number, tenth, label in zip(heldout.tolist(), tenths[1].tolist(), data.heldout.labels, strict=True):
        moved = abs(names[int(label)] - tenth)
        assert moved == (1 if tenth in absent else 0), number


def test_held_out_numbers_beyond_the_training_part_are_refused() -> None:
    train, heldout = torch.linspace(0, 1, 200), torch.linspace(2, 3, 100)
    with pytest.raises(DataError, match=r"90 of 100 held-out examples stand in 3 groups .*'tenth 10'"):
        data_from(normal(200, 3), train, task="regression", heldout=(normal(100, 3), heldout))
    every = [0] * 300
    data = data_from(
        normal(200, 3), train, task="regression", heldout=(normal(100, 3), heldout), groups=every
    )
    assert data.classes == ("0",)


def combination(*rows: tuple[int, int]) -> Tensor:
    """Labels (N, 4): for each pair, a number of rows of the binary digits of a number."""
    numbers = torch.tensor([number for number, times in rows for _ in range(times)])
    return (numbers[:, None] >> torch.arange(4)) & 1


@pytest.mark.parametrize(
    ("train", "heldout", "expected"),
    [
        # Combination 3 is frequent, but not in the training part: one of the others, of which there are some.
        ([(0, 50), (1, 50), (8, 5)], [(0, 80), (1, 80), (3, 12)], 12),
        (
            [(0, 50), (1, 50), (8, 5)],
            [(0, 80), (1, 80), (3, 30)],
            "30 of 190 held-out examples stand in 1 group",
        ),
        # No training example is one of the others.
        ([(0, 50), (1, 50)], [(0, 80), (1, 80), (3, 12)], r"12 of 172 .* in 1 group .*\('0\+1'\)"),
        ([(0, 50), (1, 50)], [(0, 80), (1, 80), (3, 2)], r"2 of 162 .* in 1 group .*\('other'\)"),
    ],
)
def test_combinations_without_a_training_example_are_others(
    train: list[tuple[int, int]], heldout: list[tuple[int, int]], expected: int | str
) -> None:
    y, held = combination(*train), combination(*heldout)
    given: dict[str, Any] = {"task": "multi-label", "heldout": (normal(len(held), 3), held)}
    if isinstance(expected, str):
        with pytest.raises(DataError, match=expected):
            data_from(normal(len(y), 3), y, **given)
        return
    data = data_from(normal(len(y), 3), y, **given)
    assert data.classes == ("none", "0", "other")
    assert (data.heldout.labels == 2).sum() == expected
    assert torch.equal(data.heldout.labels == 2, (held == combination((3, 1))).all(1))


def test_labels_of_a_retrieval_without_a_training_example_are_refused() -> None:
    y, held = torch.arange(60) % 3, torch.arange(30) % 3 + 3
    with pytest.raises(DataError, match=r"30 of 30 held-out examples stand in 3 groups .*'3', '4', '5'"):
        data_from(normal(60, 3), y, task="retrieval", heldout=(normal(30, 3), held))


def test_classes_are_the_groups_of_classification() -> None:
    with pytest.raises(DataError, match="expected groups with another task than classification"):
        data_from(normal(60, 3), torch.arange(60) % 3, groups=torch.arange(60))


def test_groups_that_stay_in_one_part() -> None:
    patients = [f"p{row // 5}" for row in range(60)]
    for task, y in (("classification", torch.arange(60) % 3), ("regression", torch.rand(60))):
        data = data_from(torch.arange(60.0)[:, None], y, task=task, keep_together=patients)
        train, held = ({int(x) // 5 for x in part.images[:, 0]} for part in (data.train, data.heldout))
        assert not train & held
        assert (len(train), len(held)) == (8, 4)
    x = torch.arange(60.0)[:, None]
    message = r"expected each group of 'keep_together' in one part, got 1 in both \('p7'\), with 5 of 20"
    with pytest.raises(DataError, match=message):
        data_from(
            x[:40],
            torch.arange(40) % 3,
            heldout=(x[40:], torch.arange(20) % 3),
            keep_together=[*patients[:40], *["p7"] * 5, *patients[45:]],
        )


def test_copies_come_into_one_part_for_every_task() -> None:
    x = normal(30, 4).repeat(3, 1)  # each example three times
    tokens = torch.randint(1, 9, (30, 6), generator=torch.Generator().manual_seed(0)).repeat(3, 1)
    for data in (
        data_from(x, torch.arange(90) % 3),
        data_from(x, torch.rand(90), task="regression"),
        data_from(tokens, task="next-token"),
        ms.data_from(x, torch.arange(90) % 2, task="retrieval"),
    ):
        theirs = set(map(tuple, data.train.images.tolist()))
        assert not theirs & set(map(tuple, data.heldout.images.tolist()))
        assert len(data.heldout) in (29, 30)
