from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from modelstitch.cutting import GraphCutModel
from modelstitch.data.parts import Data
from modelstitch.fitting.trained import paired_gain
from modelstitch.grid.cell import FittedCell, divide_validation
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.pool import Pair
from modelstitch.grid.representations import Storage
from modelstitch.models.network import Network
from modelstitch.runs.session import Session
from modelstitch.specs import CellSpec, FitSpec, ObjectiveName, StitchSpec

FIT = FitSpec(steps=6, batch_size=128, precision="float32")
GIGABYTE, NOTHING = Budget(10**9), Budget(0)


def cell(
    sender: int, receiver: int, control: str = "trained", seed: int = 0, family: str = "affine"
) -> CellSpec:
    return CellSpec(
        sender_cut=f"layers.{sender}",
        receiver_cut=f"layers.{receiver}",
        control=control,
        seed=seed,
        stitch=StitchSpec(family=family),
    )


def weights(fitted: FittedCell) -> list[torch.Tensor]:
    return list(fitted.stitch.state_dict().values())


def test_a_cell_does_not_depend_on_the_others_or_on_what_is_kept(session: Session) -> None:
    cells = [cell(0, 2), cell(2, 0), cell(2, 4, "random-sender"), cell(4, 2, "random-both")]
    together = {each.spec: each for each in fit_grid(session.pair, cells, FIT, GIGABYTE)}
    for one in cells:
        (alone,) = fit_grid(session.pair, [one], FIT, NOTHING)
        assert torch.equal(alone.correct, together[one].correct)
        for a, b in zip(weights(alone), weights(together[one]), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_same_cell_twice_is_the_same_to_the_bit(session: Session) -> None:
    runs = [next(fit_grid(session.pair, [cell(2, 2)], FIT, GIGABYTE)) for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*map(weights, runs), strict=True))
    (other,) = fit_grid(session.pair, [cell(2, 2, seed=1)], FIT, GIGABYTE)
    assert not torch.equal(weights(runs[0])[0], weights(other)[0])


def test_a_self_stitch_by_identity_is_the_network(networks: tuple[Network, Network], digits: Data) -> None:
    pair = Pair(networks[0], networks[0], digits)
    cells = [cell(i, i, family="identity") for i in range(5)]
    own = pair.sender.accuracy()
    assert own is not None
    assert own > 0.9
    for fitted in fit_grid(pair, cells, FIT, GIGABYTE):
        assert fitted.accuracy == own
        assert fitted.fitted.steps == 0


def test_identity_between_two_seeds_does_not_work(session: Session) -> None:
    (fitted,) = fit_grid(session.pair, [cell(2, 2, family="identity")], FIT, GIGABYTE)
    assert fitted.accuracy < 0.6


def test_controls_share_their_untrained_copies(session: Session) -> None:
    random_sender = session.pair.sides("random-sender", 0)
    random_receiver = session.pair.sides("random-receiver", 0)
    both = session.pair.sides("random-both", 0)
    assert random_sender[1] is session.pair.receiver
    assert random_receiver[0] is session.pair.sender
    assert both == (random_sender[0], random_receiver[1])
    assert random_sender[0].digest not in (session.pair.sender.digest, both[1].digest)
    assert session.pair.sides("random-sender", 1)[0].digest != random_sender[0].digest


def test_two_seeds_of_one_architecture_share_one_capture(session: Session) -> None:
    sender, receiver = session.pair.sender.cutting, session.pair.receiver.cutting
    assert isinstance(sender, GraphCutModel)
    assert isinstance(receiver, GraphCutModel)
    assert sender._captured is receiver._captured


def test_several_objectives_in_one_grid_are_several_grids(session: Session) -> None:
    wanted: tuple[ObjectiveName, ...] = ("task", "match", "logits", "latent")
    cells = [
        replace(cell(2, 2), stitch=StitchSpec(objective=None if each == "task" else each), objective=each)
        for each in wanted
    ]
    together = {each.spec.objective: each for each in fit_grid(session.pair, cells, FIT, GIGABYTE)}
    for one in cells:
        alone_spec = replace(one, stitch=StitchSpec())
        (alone,) = fit_grid(session.pair, [alone_spec], replace(FIT, objective=one.objective), GIGABYTE)
        for a, b in zip(weights(alone), weights(together[one.objective]), strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(weights(together["task"])[0], weights(together["match"])[0])


@pytest.mark.parametrize("objective", ["task", "logits", "latent", "match"])
@pytest.mark.parametrize("family", ["affine", "lowrank(2)", "conv(3)", "mlp(8)", "affine+batch", "scale"])
def test_every_family_and_objective_runs_through_the_grid(
    session: Session, objective: ObjectiveName, family: str
) -> None:
    spec = FitSpec(steps=3, objective=objective)
    one = replace(cell(2, 2), stitch=StitchSpec.parse(family), objective=objective)
    (fitted,) = fit_grid(session.pair, [one], spec, GIGABYTE)
    assert fitted.fitted.failure is None
    assert 0 <= fitted.accuracy <= 1
    closed = objective == "match" and family not in ("mlp(8)", "affine+batch")
    assert fitted.fitted.total_steps == (0 if closed else 3)
    assert fitted.fitted.start == ("closed form" if closed else fitted.fitted.start)


@pytest.mark.parametrize("objective", ["task", "logits", "latent", "match"])
def test_a_stitch_without_parameters_is_scored_under_every_objective(
    session: Session, objective: ObjectiveName
) -> None:
    one = cell(2, 2, family="identity")
    (by_task,) = fit_grid(session.pair, [one], FIT, GIGABYTE)
    (fitted,) = fit_grid(session.pair, [replace(one, objective=objective)], FIT, GIGABYTE)
    assert fitted.fitted.total_steps == 0
    assert torch.equal(fitted.correct, by_task.correct)


def test_each_field_of_a_fit_decides_one_thing(session: Session) -> None:
    """Acceleration changes no number beyond rounding; without least squares, match is fitted by gradient."""
    runs = [
        next(fit_grid(session.pair, [cell(2, 2)], replace(FIT, accelerate=accelerate), GIGABYTE))
        for accelerate in (True, False)
    ]
    for a, b in zip(*map(weights, runs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    matched = replace(cell(4, 4), objective="match")
    by_gradient = replace(FIT, least_squares=False)
    losses = []
    for scale_errors in (True, False):
        spec = replace(by_gradient, scale_errors=scale_errors)
        (fitted,) = fit_grid(session.pair, [matched], spec, GIGABYTE)
        assert fitted.fitted.total_steps == FIT.steps
        losses.append(fitted.fitted.loss)
    with torch.no_grad():
        images = session.pair.receiver.inputs.images("train", torch.arange(256))
        (expected,) = session.pair.receiver.halves.prefix("layers.4")(images)
    assert losses[1] / losses[0] == pytest.approx(float(expected.var()), rel=0.1)


def test_a_matched_stitch_needs_no_step_and_works_on_the_diagonal(session: Session) -> None:
    spec = FitSpec(objective="match")
    cells = [replace(cell(i, i), objective="match") for i in (0, 4)]
    for fitted in fit_grid(session.pair, cells, spec, GIGABYTE):
        assert (fitted.fitted.start, fitted.fitted.steps, fitted.fitted.converged) == ("closed form", 0, True)
        assert fitted.accuracy > 0.6


def test_the_closed_form_is_least_squares_over_all_training_examples(session: Session) -> None:
    spec = FitSpec(objective="match", precision="float32")
    (fitted,) = fit_grid(session.pair, [replace(cell(4, 2), objective="match")], spec, GIGABYTE)
    sender, receiver = session.pair.sender, session.pair.receiver
    everything = torch.arange(len(sender.data.train))
    with torch.no_grad():
        (x,) = sender.halves.prefix("layers.4")(sender.inputs.images("train", everything))
        (e,) = receiver.halves.prefix("layers.2")(receiver.inputs.images("train", everything))
        own = (fitted.stitch(x) - e).square().mean()
        features, targets = fitted.stitch.features(x).flatten(0, 1), fitted.stitch.targets(e).flatten(0, 1)
        design = torch.cat([features, torch.ones(len(features), 1)], 1).double()
        best = torch.linalg.lstsq(design, targets.double()).solution
        predicted = (design @ best).float().view(len(x), 1, 1, -1).permute(0, 3, 1, 2)
        direct = (fitted.stitch.bridge.enlarge(predicted) - e).square().mean()
    assert own.item() == pytest.approx(direct.item(), rel=1e-3)


def test_bfloat16_and_float32_agree_within_three_standard_errors(session: Session) -> None:
    cells = [cell(0, 2), cell(2, 2), cell(4, 0)]
    scores = {}
    for precision in ("bfloat16", "float32"):
        spec = FitSpec(steps=150, precision=precision)
        scores[precision] = [each.correct.float() for each in fit_grid(session.pair, cells, spec, GIGABYTE)]
    for one, other in zip(*scores.values(), strict=True):
        gain, noise = paired_gain(one, other)
        assert abs(gain) <= max(1.5 * noise, 0.01)


@pytest.mark.parametrize("keep", ["host", "disk", "recompute"])
def test_where_representations_lie_changes_no_weight(session: Session, keep: Storage) -> None:
    one = cell(0, 2)
    (ordinary,) = fit_grid(session.pair, [one], FIT, GIGABYTE)
    (other,) = fit_grid(session.pair, [one], FIT, Budget(10**9, keep))
    for a, b in zip(weights(ordinary), weights(other), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_tenth_of_the_training_part_is_kept_aside_and_never_fitted() -> None:
    fit, validation = divide_validation(1198, automatic=True)
    assert (len(fit), len(validation)) == (1078, 120)
    assert sorted([*fit.tolist(), *validation.tolist()]) == list(range(1198))
    assert len(divide_validation(50_000, automatic=True)[1]) == 1000
    assert len(divide_validation(1198, automatic=False)[1]) == 0


def test_moments_of_a_sender_are_gathered_once_for_several_receivers(session: Session) -> None:
    sender, moments = session.pair.sender, session.pair.pool.moments
    moments.clear()
    list(fit_grid(session.pair, [cell(2, 4)], FIT, GIGABYTE))
    grams = moments.grams_of(sender)
    assert grams
    list(fit_grid(session.pair, [cell(2, 4, "random-receiver")], FIT, GIGABYTE))
    again = moments.grams_of(sender)
    assert all(again[name] is gram for name, gram in grams.items())
    assert len(again) == len(grams)
