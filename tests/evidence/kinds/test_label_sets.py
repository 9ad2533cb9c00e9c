"""Scores by finer and coarser labels, on answers whose truth is planted."""

from __future__ import annotations

import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score
from torch import Tensor

from modelstitch.evidence.kinds import label_sets
from modelstitch.evidence.material import FinestScores, Material, Measurement

SETS = {"class": (0, 0, 0, 0, 1, 1, 1, 1), "turned": (0, 1, 1, 1) * 2}
LABELS = torch.arange(8).repeat(250)


def measured(outputs: Tensor, receiver: Tensor) -> dict[tuple[str, str], Measurement]:
    material = Material.__new__(Material)
    material.finest = FinestScores(LABELS, outputs, receiver, SETS)
    found = label_sets.measure(material)
    assert {each.name for each in found} == set(label_sets.DEFINITIONS)
    return {(each.name, each.where): each for each in found}


def knows(keep: Tensor) -> Tensor:
    """Class scores of a network that knows which of ``keep`` (8, 8) a label is among, and guesses there."""
    generator = torch.Generator().manual_seed(0)
    return 10 * keep[LABELS].float() + 0.1 * torch.randn(len(LABELS), 8, generator=generator)


ALL = knows(torch.eye(8))
CLASS = knows(torch.block_diag(torch.ones(4, 4), torch.ones(4, 4)))


def test_a_stitch_that_passes_the_class_alone_guesses_the_rest() -> None:
    found = measured(CLASS, ALL)
    assert found["score_by", "labels class"].value == 1
    assert found["share_by", "labels class"].value == 1
    assert 0.15 < found["score_by", "labels finest"].value < 0.35
    share = found["share_by", "labels finest"]
    assert share.low is not None
    assert share.high is not None
    assert share.low < (0.25 - 0.125) / (1 - 0.125) < share.high
    assert found["finest_if_right", "labels class"].value == found["score_by", "labels finest"].value
    assert found["receiver_finest_if_right", "labels class"].value == 1


def test_a_stitch_that_passes_everything_scores_as_the_receiver_by_every_set() -> None:
    found = measured(ALL, ALL)
    for labels in ("finest", *SETS):
        for name in ("score_by", "receiver_score_by", "share_by"):
            assert found[name, f"labels {labels}"].value == 1


def test_the_commonest_label_is_chance() -> None:
    always_turned = torch.zeros(len(LABELS), 8)
    always_turned[:, 1] = 1
    found = measured(always_turned, ALL)
    assert found["score_by", "labels turned"].value == 0.75
    assert abs(found["share_by", "labels turned"].value) < 1e-9


def test_scores_and_chance_are_those_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(1)
    outputs = 3 * torch.eye(8)[LABELS] + torch.randn(len(LABELS), 8, generator=generator)
    receiver = 5 * torch.eye(8)[LABELS] + torch.randn(len(LABELS), 8, generator=generator)
    found = measured(outputs, receiver)
    own, theirs = (accuracy_score(LABELS, x.argmax(1)) for x in (outputs, receiver))
    assert found["score_by", "labels finest"].value == own
    assert found["receiver_score_by", "labels finest"].value == theirs
    guess = (
        DummyClassifier(strategy="most_frequent").fit(LABELS[:, None], LABELS).score(LABELS[:, None], LABELS)
    )
    share = (own - guess) / (theirs - guess)
    assert found["share_by", "labels finest"].value == pytest.approx(share, rel=1e-12)
    right = torch.tensor(SETS["class"])[outputs.argmax(1)] == torch.tensor(SETS["class"])[LABELS]
    assert found["score_by", "labels class"].value == pytest.approx(float(right.double().mean()), abs=0.03)


def test_nothing_is_right_nothing_is_finer() -> None:
    wrong = knows(torch.eye(8).roll(4, 0))
    found = measured(wrong, ALL)
    assert found["finest_if_right", "labels class"].n == 0
    assert found["finest_if_right", "labels class"].value != found["finest_if_right", "labels class"].value


def test_one_set_of_labels_gives_nothing() -> None:
    material = Material.__new__(Material)
    material.finest = None
    assert label_sets.measure(material) == []
