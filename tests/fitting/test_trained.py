from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelstitch.fitting import objectives
from modelstitch.fitting.closed_form import coordinates_of, solve
from modelstitch.fitting.gram import Moments, of_rows
from modelstitch.fitting.objectives import Criterion, TargetsOf
from modelstitch.fitting.schedules import averaged_rate, batches, rate, spread
from modelstitch.fitting.trained import Fit, Fitted, paired_gain
from modelstitch.specs import FitSpec, StitchSpec
from modelstitch.stitches import Affine, Stitch, build
from modelstitch.tasks import CLASSIFICATION, is_correct

SHAPE = (4, 4, 4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 300), st.floats(0, 0.9))
def test_the_cosine_rises_to_one_and_falls_to_zero(n_steps: int, share: float) -> None:
    rates = [rate(step, n_steps, share) for step in range(n_steps)]
    top = rates.index(max(rates))
    assert all(0 < each <= 1 for each in rates)
    assert max(rates) == 1
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert abs(top - n_steps * share) <= 1.5


def test_the_averaged_schedule_warms_up_and_stays() -> None:
    rates = [averaged_rate(step) for step in range(50)]
    assert rates[:8] == sorted(rates[:8])
    assert set(rates[7:]) == {1.0}


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 50), st.integers(1, 20), st.integers(1, 12))
def test_batches_shuffle_without_repeats_within_a_pass(n: int, size: int, n_steps: int) -> None:
    examples = torch.arange(n) * 3
    drawn = list(islice(batches(examples, size, generator()), n_steps))
    size = min(size, n)
    assert [len(each) for each in drawn] == [size] * n_steps
    in_a_pass = n // size
    for first in range(0, n_steps, in_a_pass):
        seen = torch.cat(drawn[first : first + in_a_pass])
        assert len(seen.unique()) == len(seen)
        assert set(seen.tolist()) <= set(examples.tolist())
    again = islice(batches(examples, size, generator()), n_steps)
    assert all(torch.equal(a, b) for a, b in zip(drawn, again, strict=True))


def test_paired_noise_is_two_standard_errors_of_the_difference() -> None:
    before, after = torch.rand(500, generator=generator()), torch.rand(500, generator=generator(1))
    gain, noise = paired_gain(after, before)
    assert gain == pytest.approx((after - before).mean().item(), abs=1e-6)
    assert noise == pytest.approx(2 * (after - before).std().item() / 500**0.5, rel=1e-5)
    assert paired_gain(torch.ones(1), torch.zeros(1))[1] == math.inf


def test_spread_covers_the_whole_range() -> None:
    assert spread(torch.arange(5), 9).tolist() == [0, 1, 2, 3, 4]
    chosen = spread(torch.arange(1000), 11)
    assert chosen[0] == 0
    assert chosen[-1] == 999
    assert len(chosen.unique()) == 11


def wants(labels: Tensor) -> TargetsOf:
    return lambda indices: labels if indices is None else labels[indices]


class Planted:
    """A suffix with a known job; the sender's representation is a known affine map of the expected one."""

    def __init__(self, scale: float = 1.0, dtype: torch.dtype = torch.float32) -> None:
        self.expected = torch.randn(600, *SHAPE, generator=generator(0)).relu().to(dtype)
        mixing = torch.linalg.qr(torch.randn(4, 4, generator=generator(1))).Q.to(dtype)
        self.provided = scale * (torch.einsum("nchw,dc->ndhw", self.expected, mixing) + 1.5)
        self.suffix = nn.Sequential(nn.Flatten(), nn.Linear(64, 5)).to(dtype).eval()
        for parameter, seed in zip(self.suffix.parameters(), (2, 3), strict=True):
            parameter.data = torch.randn(parameter.shape, generator=generator(seed)).to(dtype)
            parameter.requires_grad_(False)
        self.labels = self.suffix(self.expected).argmax(1)

    def moments(self, stitch: Stitch) -> tuple[Moments, Moments]:
        rows = stitch.features(self.provided), stitch.targets(self.expected)
        fit, validation = [
            [values[some].flatten(0, 1) for values in rows] for some in (slice(500), slice(500, 600))
        ]
        return of_rows(*fit), of_rows(*validation)

    def accuracy(self, stitch: Callable[[Tensor], Tensor]) -> float:
        return float((self.suffix(stitch(self.provided)).argmax(1) == self.labels).float().mean())

    def objective(self) -> Criterion:
        return objectives.task(self.answers, wants(self.labels), CLASSIFICATION)

    def answers(self, y: Tensor, indices: Tensor) -> Tensor:
        outputs: Tensor = self.suffix(y)
        return outputs

    def score(self, y: Tensor, indices: Tensor) -> Tensor:
        return is_correct(self.suffix(y), self.labels[indices]).float()

    def fit(
        self,
        spec: FitSpec,
        family: str = "affine",
        seed: int = 0,
        objective: Criterion | None = None,
        closed: bool = True,
        micro_batch: int | None = None,
    ) -> tuple[Stitch, Fitted]:
        stitch = build(StitchSpec.parse(family), SHAPE, SHAPE, generator(seed)).to(self.provided.dtype)
        moments = self.moments(stitch)
        coordinates = coordinates_of(stitch, moments[0], torch.device("cpu"), self.provided.dtype)
        fitted = Fit(
            stitch,
            objective or self.objective(),
            self.provided.__getitem__,
            torch.arange(500) if spec.automatic else torch.arange(600),
            torch.arange(500, 600) if spec.automatic else torch.arange(0),
            spec,
            generator(seed),
            coordinates if spec.coordinates == "whitened" else None,
            solve(stitch, *moments, refit=False) if closed else None,
            micro_batch,
        ).run()
        return stitch, fitted


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_planted_mixing_is_undone_from_a_random_start_whatever_its_scale(scale: float) -> None:
    planted = Planted(scale)
    untouched = build(StitchSpec(), SHAPE, SHAPE, generator())
    assert planted.accuracy(untouched) < 0.6
    stitch, fitted = planted.fit(FitSpec(steps=200, start="random"))
    assert planted.accuracy(stitch) > 0.9
    assert (fitted.start, fitted.steps, fitted.total_steps) == ("random", 200, 200)
    assert fitted.failure is None
    assert fitted.unchanged == ()
    assert fitted.converged is None


def test_where_the_closed_form_is_perfect_it_is_kept_and_the_fit_has_converged() -> None:
    planted = Planted()
    stitch, fitted = planted.fit(FitSpec())
    assert planted.accuracy(stitch) > 0.98
    assert fitted.start == "closed form"
    assert fitted.converged is True
    assert fitted.total_steps <= 160


def test_a_stitch_is_computed_in_full_precision_whatever_its_halves_run_in() -> None:
    planted = Planted()
    # Features are nearly equal. Only their differences carry the targets, so the weights must be large.
    nearly_one = 1 + 0.02 * torch.linalg.qr(torch.randn(4, 4, generator=generator(5))).Q
    planted.provided = torch.einsum("nchw,dc->ndhw", planted.expected, nearly_one)
    stitch = build(StitchSpec(), SHAPE, SHAPE, generator())
    moments = planted.moments(stitch)
    closed = solve(stitch, *moments, refit=False)
    assert closed is not None
    assert closed["weight"].abs().max() > 10
    fit = Fit(
        stitch,
        planted.objective(),
        planted.provided.__getitem__,
        torch.arange(500),
        torch.arange(500, 600),
        FitSpec(),
        generator(),
        coordinates_of(stitch, moments[0], torch.device("cpu"), torch.float32),
        closed,
    )
    values = fit._from_plain(closed)
    x = planted.provided[:50].bfloat16()
    y, exact = fit._stitched(values, x), fit._stitched(values, x.float())
    assert y.dtype == torch.bfloat16
    # No more is lost than by writing the result down in bfloat16.
    assert (y.float() - exact).abs().max() <= 0.005 * exact.abs().max()


def test_a_random_start_that_leads_nowhere_gives_way_to_the_closed_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planted = Planted()
    monkeypatch.setattr(Fit, "_start", lambda self: ("random", self.stitch.random_start(self.generator)))
    stitch, fitted = planted.fit(FitSpec(learning_rate=1e-6))
    assert fitted.start == "closed form"
    assert planted.accuracy(stitch) > 0.98
    # Who asks for a random start gets it, and the stitch that was kept is the one that is in place.
    stitch, fitted = planted.fit(FitSpec(learning_rate=1e-6, start="random"))
    assert fitted.start == "random"
    assert planted.accuracy(stitch) < 0.6


def test_doubling_goes_on_while_it_gains_and_says_where_it_had_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planted = Planted()
    spec = FitSpec(start="random", first_steps=8, learning_rate=0.05)
    with monkeypatch.context() as patch:
        patch.setattr(FitSpec, "max_steps", lambda self, n_examples: 8)
        _, fitted = planted.fit(spec, closed=False)
    assert fitted.converged is False
    assert fitted.gain is not None
    assert fitted.noise is not None
    assert fitted.gain > fitted.noise
    assert fitted.total_steps == 16
    _, longer = planted.fit(FitSpec(start="random", first_steps=4, max_epochs=64), closed=False)
    assert longer.converged is True
    assert longer.gain is not None
    assert longer.noise is not None
    assert longer.gain <= longer.noise


def test_a_fit_whose_score_stands_still_has_not_converged_while_its_loss_falls() -> None:
    planted = Planted()
    ordinary = planted.objective()

    def at_chance(y: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
        scores, losses = ordinary.judge(y, indices)
        return torch.zeros_like(scores), losses

    flat = Criterion("task", ordinary.loss, at_chance, chance=0.1)
    spec = FitSpec(start="random", first_steps=4, learning_rate=0.02)
    _, fitted = planted.fit(spec, closed=False, objective=flat)
    assert fitted.gain == 0
    assert fitted.total_steps > 16


def test_a_fit_that_stands_at_a_constant_answer_has_converged_though_its_loss_falls() -> None:
    """Noise in, labels out: the loss only falls from a wrong start to that of the best constant answer."""
    planted = Planted()
    planted.labels = torch.randint(0, int(planted.labels.max()) + 1, (600,), generator=generator(7))
    objective = planted.objective()
    assert objective.constant_loss == pytest.approx(math.log(int(planted.labels.max()) + 1), abs=0.01)
    falling, start = iter(range(1000)), 0.3

    def judge(y: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
        scores = (torch.arange(len(y)) % 10 == 0).float()
        return scores, torch.full((len(y),), objective.constant_loss + start / (1 + next(falling)))

    spec = FitSpec(start="random", first_steps=4, learning_rate=0.02, max_epochs=1)
    at_chance = Criterion("task", objective.loss, judge, 0.1, objective.constant_loss)
    _, fitted = planted.fit(spec, closed=False, objective=at_chance)
    assert (fitted.gain, fitted.converged) == (0, True)
    assert fitted.total_steps == 64

    start = 30.0  # far above a constant's: nothing can be said yet
    _, fitted = planted.fit(spec, closed=False, objective=at_chance)
    assert fitted.converged is False
    start = 0.3

    def learning(y: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
        scores, losses = judge(y, indices)
        return scores, losses - 1

    below = Criterion("task", objective.loss, learning, 0.1, objective.constant_loss)
    _, fitted = planted.fit(spec, closed=False, objective=below)
    assert fitted.converged is False


def test_a_schedule_of_2n_goes_on_where_n_ended() -> None:
    planted = Planted(dtype=torch.float64)
    _, automatic = planted.fit(FitSpec(start="random", first_steps=4, max_epochs=64), closed=False)
    spec = FitSpec(start="random", steps=automatic.steps)
    stitch = build(StitchSpec(), SHAPE, SHAPE, generator()).double()
    coordinates = coordinates_of(stitch, planted.moments(stitch)[0], torch.device("cpu"), torch.float64)
    examples, none = torch.arange(500), torch.arange(0)
    alone = Fit(
        stitch,
        planted.objective(),
        planted.provided.__getitem__,
        examples,
        none,
        spec,
        generator(),
        coordinates,
    )
    assert alone.run().loss == automatic.loss


@pytest.mark.parametrize("micro_batch", [1, 7, 64])
@pytest.mark.parametrize("family", ["affine", "affine+batch", "mlp(6)"])
def test_the_first_steps_do_not_depend_on_the_micro_batch(micro_batch: int, family: str) -> None:
    planted = Planted(dtype=torch.float64)
    whole, _ = planted.fit(FitSpec(steps=5, start="random"), family)
    parts, _ = planted.fit(FitSpec(steps=5, start="random"), family, micro_batch=micro_batch)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)


def test_out_of_memory_halves_the_micro_batch_and_changes_nothing() -> None:
    planted = Planted(dtype=torch.float64)
    ordinary = planted.objective()
    seen: list[int] = []

    def small_machine(y: Tensor, indices: Tensor) -> Tensor:
        seen.append(len(y))
        if len(y) > 20:
            raise torch.OutOfMemoryError("no more memory")
        return ordinary.loss(y, indices)

    limited = Criterion("task", small_machine, ordinary.judge)
    stitch, _ = planted.fit(FitSpec(steps=3, start="random"), objective=limited)
    reference, _ = planted.fit(FitSpec(steps=3, start="random"))
    assert seen[:3] == [64, 32, 16]
    assert max(seen[2:]) == 16
    for a, b in zip(stitch.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("protocol", ["default", "paper", "bansal"])
@pytest.mark.parametrize(
    "family", ["affine", "pooled", "conv(3)", "lowrank(2)", "orthogonal", "scale", "mlp(8)", "affine+batch"]
)
def test_every_family_is_fitted_under_every_protocol_and_the_suffix_is_not_touched(
    protocol: str, family: str
) -> None:
    planted = Planted()
    before = copy.deepcopy(planted.suffix.state_dict())
    stitch, fitted = planted.fit(FitSpec.named(protocol, steps=5), family)
    assert fitted.failure is None
    assert fitted.unchanged == ()
    assert not stitch.training
    assert all(torch.equal(value, before[name]) for name, value in planted.suffix.state_dict().items())
    assert all(parameter.grad is None for parameter in planted.suffix.parameters())


def test_an_orthogonal_stitch_stays_orthogonal() -> None:
    stitch, _ = Planted().fit(FitSpec(steps=30, start="random"), "orthogonal")
    singular = torch.linalg.svdvals(stitch.get_parameter("weight").flatten(1))
    torch.testing.assert_close(singular, singular.mean().expand(4), rtol=1e-4, atol=1e-5)


def test_fitting_lowers_the_loss_of_every_objective() -> None:
    planted = Planted()
    own = planted.suffix(planted.expected)
    trail = nn.Sequential(nn.ReLU(), nn.AvgPool2d(2))
    found = {
        "task": planted.objective(),
        "match": objectives.match(planted.expected.__getitem__, planted.expected.var().item()),
        "logits": objectives.logits(planted.answers, own.__getitem__, wants(planted.labels), CLASSIFICATION),
        "latent": objectives.latent(
            lambda y, indices: (trail(y),), planted.expected.__getitem__, planted.score
        ),
    }
    everything = torch.arange(600)
    for name, objective in found.items():
        assert objective.name == name
        perfect = objective.loss(planted.expected, everything).item()
        losses = []
        for n_steps in (1, 150):
            stitch, _ = planted.fit(FitSpec(steps=n_steps, start="random"), objective=objective)
            losses.append(objective.loss(stitch(planted.provided), everything).item())
        assert losses[1] < 0.5 * losses[0]
        assert perfect <= losses[1] or name == "task"
        scores, each = objective.judge(planted.expected, everything)
        assert scores.shape == each.shape == (600,)
        assert each.mean().item() == pytest.approx(perfect, rel=1e-4, abs=1e-6)


def test_logits_and_match_and_latent_vanish_where_the_stitch_is_perfect() -> None:
    planted = Planted()
    everything = torch.arange(600)
    own = planted.suffix(planted.expected)
    for objective in (
        objectives.match(planted.expected.__getitem__, 1.0),
        objectives.logits(planted.answers, own.__getitem__, wants(planted.labels), CLASSIFICATION),
        objectives.latent(lambda y, indices: (y.relu(),), planted.expected.__getitem__, planted.score),
    ):
        assert objective.loss(planted.expected, everything).item() == pytest.approx(0, abs=1e-6)


def test_a_loss_that_is_not_finite_is_tried_once_more_and_then_ends_the_fit_with_its_reason() -> None:
    planted = Planted()
    calls = []

    def loss(y: Tensor, indices: Tensor) -> Tensor:
        calls.append(len(y))
        return y.sum() * float("inf")

    stitch, fitted = planted.fit(
        FitSpec(steps=9, start="random"), objective=Criterion("task", loss, planted.objective().judge)
    )
    assert fitted.failure is not None
    assert "also at a tenth of the rate" in fitted.failure
    assert fitted.retried
    assert math.isnan(fitted.loss)
    assert not stitch.training


def test_a_fit_that_diverges_once_goes_on_at_a_tenth_of_the_rate() -> None:
    planted = Planted()
    ordinary = planted.objective()
    calls: list[int] = []

    def flaky(y: Tensor, indices: Tensor) -> Tensor:
        calls.append(1)
        return ordinary.loss(y, indices) * (float("nan") if len(calls) == 1 else 1)

    _, fitted = planted.fit(
        FitSpec(steps=30, start="random"), objective=Criterion("task", flaky, ordinary.judge)
    )
    assert fitted.failure is None
    assert fitted.retried
    assert math.isfinite(fitted.loss)


def test_a_parameter_that_no_gradient_reaches_is_named() -> None:
    planted = Planted()
    nothing = Criterion("task", lambda y, indices: y.sum() * 0, planted.objective().judge)
    _, fitted = planted.fit(
        replace(FitSpec.named("paper", steps=3), protocol="default", weight_decay=0.0), objective=nothing
    )
    assert fitted.unchanged == ("weight", "bias")


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    planted = Planted()
    weights = []
    for seed in (0, 0, 1):
        stitch, _ = planted.fit(FitSpec(steps=10, start="random"), seed=seed)
        assert isinstance(stitch, Affine)
        weights.append(stitch.weight.detach())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_batch_norms_hold_the_statistics_of_the_fitted_weights() -> None:
    planted = Planted()
    stitch, _ = planted.fit(FitSpec(steps=20), "affine+batch")
    norm = stitch.get_submodule("norm_in")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    torch.testing.assert_close(norm.running_mean, planted.provided.mean((0, 2, 3)), rtol=0.05, atol=0.02)
    assert norm.momentum == 0.1
