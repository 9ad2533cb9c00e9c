"""The verdict on cases whose truth is known by construction, and what the evidence does when a dose rises."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from modelstitch.controls.roles import Given, Plant
from modelstitch.data.parts import Data, PartName
from modelstitch.evidence.verdict import Thresholds
from modelstitch.grid.side import make_side
from modelstitch.known_answers import plants
from modelstitch.known_answers.cases import CASE_FAMILIES, Case, cases
from modelstitch.known_answers.evaluation import Outcome, derive, leave_one_family_out, report, run
from modelstitch.known_answers.plants import Ground
from modelstitch.models.load import load_model
from modelstitch.models.network import Network
from modelstitch.specs import FitSpec, ModelSpec
from modelstitch.specs.verdicts import VerdictName

CUTS = tuple(f"layers.{index}" for index in range(5))


@pytest.fixture(scope="module")
def trained(digits: Data) -> Network:
    from modelstitch.cli.selftest import trained

    return trained(digits, 0)


@pytest.fixture(scope="module")
def outcomes(trained: Network, digits: Data) -> list[Outcome]:
    return run([trained], digits, cases(1, CUTS, quick=True))


def test_every_family_has_ten_cases() -> None:
    everything = cases(2, CUTS)
    for family in CASE_FAMILIES:
        assert sum(case.family == family for case in everything) == 10
    assert {truth for truth, _ in CASE_FAMILIES.values()} == {
        VerdictName.INTERCHANGEABLE,
        VerdictName.DECODABLE_ONLY,
        VerdictName.INCOMPATIBLE,
    }


def test_the_verdict_passes_its_known_answers(outcomes: list[Outcome]) -> None:
    found = report(outcomes)
    assert len(found["cases"]) == len(cases(1, CUTS, quick=True)) == 28
    wrong = [
        case for case in found["cases"] if case["verdict"] not in (case["truth"], VerdictName.CANNOT_TELL)
    ]
    assert not wrong
    assert found["wrong_interchangeable"] == 0
    assert found["wrong_incompatible"] == 0
    assert found["cannot_tell_share"] <= 0.2
    assert min(found["correct_share"].values()) >= 0.8
    assert found["passed"]
    json.dumps(found, allow_nan=False)


def test_the_lines_of_the_package_lie_in_the_gaps(outcomes: list[Outcome]) -> None:
    derived, own = derive(outcomes), Thresholds()
    assert derived.kept_low == pytest.approx(own.kept_low, abs=0.12)
    assert derived.kept_high == pytest.approx(own.kept_high, abs=0.12)
    assert derived.score_low == pytest.approx(own.score_low, abs=0.12)


def test_a_bed_that_is_wrong_does_not_pass(outcomes: list[Outcome]) -> None:
    lied = [
        replace(o, case=replace(o.case, truth=VerdictName.DECODABLE_ONLY)) if o.case.family == "itself" else o
        for o in outcomes
    ]
    found = report(lied)
    assert found["wrong_interchangeable"] > 0
    assert not found["passed"]


def test_a_family_is_judged_without_itself(outcomes: list[Outcome]) -> None:
    # One family that reaches far down moves the lines of all others, and not its own.
    moved = [
        replace(o, verdict=replace(o.verdict, kept=0.5)) if o.case.family == "mixing" else o for o in outcomes
    ]
    lines = derive([o for o in moved if o.case.family != "mixing"])
    assert lines.kept_high > derive(moved).kept_high + 0.1
    assert len(leave_one_family_out(moved)) == len(moved)


@pytest.fixture
def ground(trained: Network, digits: Data) -> Ground:
    return Ground(make_side(trained, digits), "layers.2", 0)


def planted(ground: Ground, plant: Plant, part: PartName, indices: torch.Tensor) -> torch.Tensor:
    labels = ground.side.inputs.given[part].labels

    def genuine(some: torch.Tensor) -> torch.Tensor:
        return ground.side.represent((ground.cut,), part, some, torch.float32)[0]

    shape = ground.side.cut(ground.cut).shape
    return plant(Given(ground.cut, shape, part, indices, labels, 10, genuine))


@pytest.mark.parametrize("make", [plants.permutation, plants.rotation, plants.rescaling, plants.mixing])
def test_an_invertible_map_can_be_undone_exactly(ground: Ground, make: Callable[[Ground], Plant]) -> None:
    indices = torch.arange(100)
    own = planted(ground, plants.itself(ground), "train", indices)
    made = planted(ground, make(ground), "train", indices)
    assert made.shape == own.shape
    assert not torch.allclose(made, own)
    flat = made.transpose(1, -1).flatten(0, -2).double()
    flat = torch.cat([flat, torch.ones(len(flat), 1, dtype=torch.float64)], 1)
    target = own.transpose(1, -1).flatten(0, -2).double()
    found = torch.linalg.lstsq(flat, target, driver="gelsd").solution
    torch.testing.assert_close(flat @ found, target, rtol=0, atol=1e-4 * float(target.std()))


def test_another_of_the_class_is_another_and_of_the_class(ground: Ground) -> None:
    labels = ground.side.data.heldout.labels
    given = Given("layers.2", (), "held-out", torch.arange(len(labels)), labels, 10, lambda some: some)
    same = plants._others(given, 0, same_class=True)
    assert torch.equal(labels[same], labels)
    assert not (same == torch.arange(len(labels))).any()
    assert torch.equal(same.sort().values, torch.arange(len(labels)))
    anyone = plants._others(given, 0, same_class=False)
    assert not (anyone == torch.arange(len(labels))).any()
    assert 0.02 < float((labels[anyone] == labels).double().mean()) < 0.2


def test_the_removed_label_is_gone_and_the_image_is_not(ground: Ground) -> None:
    plant = plants.rank_within_class(ground)
    labels = ground.side.data.heldout.labels
    x = planted(ground, plant, "held-out", torch.arange(len(labels)))
    number = x.flatten(1)[:, 0]
    for label in range(10):
        mine = number[labels == label]
        assert abs(float(mine.mean())) < 1e-5 * float(number.abs().max()) + 1e-6
    assert number.std() > 0.1 * number.abs().max()


def dose(share: float, kind: str) -> Callable[[Ground], Plant]:
    """Return senders that keep ``share`` of what the receiver's own representation holds."""

    def make(ground: Ground) -> Plant:
        x, labels = ground.training(), ground.side.data.train.labels
        means = torch.stack([x[labels == label].mean(0) for label in range(10)])
        spread = x.std(0)

        def plant(given: Given) -> torch.Tensor:
            own = given.genuine(given.indices)
            if kind == "noise":
                # Noise that differs between positions averages out in later layers; this one does not.
                noise = given.noise(0).mean((2, 3), keepdim=True) * (spread.shape[1] * spread.shape[2]) ** 0.5
                noisy: torch.Tensor = own + (1 - share) * 4 * spread.mean((1, 2), keepdim=True) * noise
                return noisy
            if kind == "channels":
                kept = max(1, round(share * own.shape[1]))
                mask = torch.zeros(own.shape[1])
                mask[torch.randperm(own.shape[1], generator=ground.generator("kept"))[:kept]] = 1
                return own * mask[:, None, None]
            residual = own - means[given.own_labels]
            other = given.genuine(plants._others(given, 0, same_class=True)) - means[given.own_labels]
            mixed: torch.Tensor = means[given.own_labels] + share**0.5 * residual
            result: torch.Tensor = mixed + (1 - share) ** 0.5 * other
            return result

        return plant

    return make


@pytest.mark.parametrize("kind", ["noise", "channels", "within-class"])
def test_evidence_falls_as_a_dose_rises(trained: Network, digits: Data, kind: str) -> None:
    shares = (1.0, 0.5, 0.0)
    todo = [
        Case(VerdictName.INTERCHANGEABLE, f"{kind} {share}", 0, "layers.2", dose(share, kind))
        for share in shares
    ]
    found = run([trained], digits, todo, fit=FitSpec(steps=80))
    kept = [outcome.facts.within[0] for outcome in found]
    assert kept[0] > 0.8
    assert all(before > after - 0.01 for before, after in itertools.pairwise(kept)), kept
    assert kept[-1] < kept[0] - 0.3


def test_a_model_file_can_stand_in_the_bed(checkpoints: tuple[object, object], digits: Data) -> None:
    network = load_model(ModelSpec(source=str(checkpoints[0])))
    told: list[str] = []
    (outcome,) = run(
        [network],
        digits,
        [Case(VerdictName.INTERCHANGEABLE, "itself", 0, "layers.4", plants.itself)],
        fit=FitSpec(steps=20),
        on_outcome=lambda each: told.append(each.case.name),
    )
    assert told == ["itself, network 0, layers.4"]
    assert outcome.verdict.name in (VerdictName.INTERCHANGEABLE, VerdictName.CANNOT_TELL)
