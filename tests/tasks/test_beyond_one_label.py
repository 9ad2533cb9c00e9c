"""Tasks beyond one label: bounds, planted scores, constants, and independent oracles."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from modelstitch.errors import DataError, ModelError
from modelstitch.tasks import (
    CLASSIFICATION,
    IGNORED,
    MULTI_LABEL,
    RETRIEVAL,
    TOKENS,
    Task,
    mean_score,
    regression,
    shifted,
)

N, K, T = 12, 3, 5


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def case(name: str, seed: int) -> tuple[Task, Tensor, Tensor, Tensor]:
    """A task with random outputs, targets, and outputs that are perfect."""
    generator = drawn(seed)
    if name == "multi-label":
        targets = torch.randint(0, 2, (N, K), generator=generator)
        return MULTI_LABEL, torch.randn(N, K, generator=generator), targets, 20.0 * (2 * targets - 1)
    if name == "regression":
        targets = torch.randn(N, K, generator=generator)
        return regression(targets), torch.randn(N, K, generator=generator), targets, targets
    if name == "tokens":
        targets = torch.randint(0, K, (N, T), generator=generator)
        targets[torch.rand(N, T, generator=generator) < 0.3] = IGNORED
        perfect = 20.0 * F.one_hot(targets.clamp_min(0), K)
        targets[:, 0] = perfect[:, 0].argmax(-1)  # each example has a target
        return TOKENS, torch.randn(N, T, K, generator=generator), targets, perfect
    targets = torch.arange(N) % 4
    perfect = F.one_hot(targets, 4) + 0.01 * torch.randn(N, 4, generator=generator)
    return RETRIEVAL, torch.randn(N, 4, generator=generator), targets, perfect


NAMES = ("multi-label", "regression", "tokens", "retrieval")


@given(st.sampled_from(NAMES), st.integers(0, 10**6))
def test_scores_lie_between_0_and_1_and_perfect_outputs_have_1(name: str, seed: int) -> None:
    task, outputs, targets, perfect = case(name, seed)
    scores = task.scored(outputs, targets)
    assert scores.shape == (N,)
    assert 0 <= mean_score(scores) <= 1
    assert mean_score(task.scored(perfect, targets)) == 1
    assert task.loss(perfect, targets) < task.loss(outputs, targets)
    assert 0 <= task.chance(targets) <= 1


@given(st.sampled_from(NAMES[:3]), st.integers(0, 10**6))
def test_the_losses_of_the_examples_are_those_of_batches_of_one(name: str, seed: int) -> None:
    task, outputs, targets, _ = case(name, seed)
    each = task.losses(outputs, targets)
    assert each.shape == (N,)
    if name != "tokens":  # of which examples have different numbers
        torch.testing.assert_close(each.mean(), task.loss(outputs, targets))
    torch.testing.assert_close(each[3], task.loss(outputs[3:4], targets[3:4]))


@given(st.sampled_from(NAMES), st.integers(0, 10**6))
def test_outputs_are_no_distance_from_themselves(name: str, seed: int) -> None:
    task, outputs, targets, perfect = case(name, seed)
    assert task.distances(outputs, outputs, targets).abs().max() < 1e-6
    assert (task.distances(outputs, perfect.float(), targets) > 0).all()


@given(st.sampled_from(NAMES), st.integers(0, 10**6))
def test_outputs_that_are_no_numbers_score_nothing(name: str, seed: int) -> None:
    task, outputs, targets, _ = case(name, seed)
    outputs[2] = math.nan
    assert float(task.scored(outputs, targets)[2]) == 0


@given(st.integers(0, 10**6))
def test_no_constant_answer_beats_chance(seed: int) -> None:
    task, _, targets, _ = case("multi-label", seed)
    best = max(
        mean_score(task.score(row.expand(N, -1), targets))
        for row in torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * K)
    )
    assert task.chance(targets) == pytest.approx(best)
    task, _, targets, _ = case("tokens", seed)
    constants = [20.0 * F.one_hot(torch.tensor(k), K).expand(N, T, K) for k in range(K)]
    commonest = int(targets[targets != IGNORED].bincount().argmax())
    assert task.chance(targets) == pytest.approx(mean_score(task.score(constants[commonest], targets)))


@given(st.integers(0, 10**6), st.floats(0.1, 50), st.floats(-9, 9))
def test_regression_knows_no_units(seed: int, scale: float, shift: float) -> None:
    task, outputs, targets, _ = case("regression", seed)
    other = regression(scale * targets + shift)
    torch.testing.assert_close(
        other.score(scale * outputs + shift, scale * targets + shift),
        task.score(outputs, targets),
        atol=1e-3,
        rtol=1e-3,
    )


def test_a_regression_that_misses_little_scores_r_squared() -> None:
    targets = torch.randn(500, 1, generator=drawn(0))
    outputs = targets + 0.2 * torch.randn(500, 1, generator=drawn(1))
    r2 = 1 - (outputs - targets).square().mean() / targets.var(correction=0)
    assert mean_score(regression(targets).score(outputs, targets)) == pytest.approx(float(r2), abs=0.002)
    assert regression(targets).chance(targets) == pytest.approx(0.48, abs=0.05)  # of a normal distribution


def test_a_constant_target_is_refused() -> None:
    with pytest.raises(DataError, match="expected targets that vary, got a constant in column 1"):
        regression(torch.tensor([[1.0, 2.0], [3.0, 2.0]]))


@given(st.integers(0, 10**6))
def test_positions_without_a_target_take_no_part(seed: int) -> None:
    task, outputs, targets, _ = case("tokens", seed)
    other = outputs.clone()
    other[targets == IGNORED] = 100 * torch.randn(int((targets == IGNORED).sum()), K, generator=drawn(seed))
    own = torch.zeros_like(outputs)
    for measure in (task.score, task.loss, lambda o, w: task.distances(o, own, w)):
        torch.testing.assert_close(measure(other, targets), measure(outputs, targets))


def test_the_next_token_stops_at_the_end_and_before_padding() -> None:
    tokens = torch.tensor([[4, 5, 6, 0], [7, 8, 9, 9]])
    padding = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    x = IGNORED
    assert shifted(tokens, padding).tolist() == [[5, 6, x, x], [8, 9, 9, x]]
    assert shifted(tokens).tolist() == [[5, 6, 0, x], [8, 9, 9, x]]


@given(st.integers(0, 10**6))
def test_recall_is_that_of_scikit_learn(seed: int) -> None:
    task, outputs, targets, _ = case("retrieval", seed)
    neighbours = NearestNeighbors(n_neighbors=2, metric="cosine").fit(outputs.numpy())
    nearest = neighbours.kneighbors(outputs.numpy(), return_distance=False)[:, 1]
    assert task.score(outputs, targets).tolist() == (targets[nearest] == targets).tolist()


@given(st.integers(0, 10**6))
def test_the_contrastive_loss_is_its_formula(seed: int) -> None:
    task, outputs, targets, _ = case("retrieval", seed)
    z = F.normalize(outputs.double(), dim=1)
    terms = []
    for n in range(N):
        others = [m for m in range(N) if m != n]
        total = sum(math.exp(float(z[n] @ z[m]) / 0.1) for m in others)
        same = [m for m in others if targets[m] == targets[n]]
        terms.append(-sum(float(z[n] @ z[m]) / 0.1 - math.log(total) for m in same) / len(same))
    assert float(task.loss(outputs.double(), targets)) == pytest.approx(sum(terms) / N)


def test_a_batch_without_a_pair_has_no_contrastive_loss_and_a_gradient_all_the_same() -> None:
    outputs = torch.randn(3, 4, requires_grad=True)
    loss = RETRIEVAL.loss(outputs, torch.tensor([0, 1, 2]))
    assert float(loss.detach()) == 0
    loss.backward()
    assert outputs.grad is not None


def own(score: object) -> Task:
    return Task(name="mine", loss=lambda o, w: (o - w).square().mean(), score=score)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (
            lambda o, w: o.mean(),
            r"task mine: expected one score for each of 4 examples, got a tensor of shape \(\)",
        ),
        (lambda o, w: 0.5, "task mine: expected one score for each of 4 examples, got float"),
        (lambda o, w: -o[:, 0], r"task mine: expected scores from 0 \(worst\) to 1 \(best\), got -1"),
        (lambda o, w: o[:, 0] * math.nan, r"expected scores from 0 \(worst\) to 1 \(best\), got nan"),
    ],
)
def test_a_score_of_ones_own_that_is_none_is_told(score: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        own(score).scored(torch.ones(4, 2), torch.ones(4, 2))


@pytest.mark.parametrize(
    ("task", "output", "message"),
    [
        (
            TOKENS,
            torch.zeros(2, 3),
            r"outputs for the task tokens, a tensor of 3 axes, got a tensor of shape \(2, 3\)",
        ),
        (CLASSIFICATION, torch.zeros(2, 3, 4), "expected class scores, one row for each example"),
        (MULTI_LABEL, {"a": 1}, "outputs for the task multi-label, a tensor of 2 axes, got dict with a"),
    ],
)
def test_outputs_that_cannot_be_scored_are_told(task: Task, output: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        task.outputs_of(output)


def test_numbers_without_an_axis_of_their_own_are_read_as_one_column() -> None:
    assert regression(torch.tensor([[0.0], [1.0]])).outputs_of(torch.zeros(5)).shape == (5, 1)


@given(st.sampled_from(["multi-label", "regression", "tokens"]), st.integers(0, 10**6))
def test_the_loss_of_a_constant_is_that_of_the_best_constant_outputs(name: str, seed: int) -> None:
    task, _, targets, _ = case(name, seed)
    if name == "multi-label":
        shares = targets.double().mean(0).clamp(1e-6, 1 - 1e-6)
        outputs = (shares / (1 - shares)).log().expand(N, -1)
    elif name == "regression":
        outputs = targets.double().mean(0).expand(N, -1)
    else:
        counts = targets[targets != IGNORED].bincount(minlength=K).double()
        outputs = (counts / counts.sum()).clamp_min(1e-9).log().expand(N, T, -1)
    assert task.constant_loss(targets) == pytest.approx(float(task.loss(outputs, targets)), abs=1e-4)


@given(st.integers(0, 10**6), st.integers(1, N - 1))
def test_the_loss_of_a_batch_of_tokens_is_the_weighted_mean_of_its_parts(seed: int, first: int) -> None:
    task, outputs, targets, _ = case("tokens", seed)
    parts = [(outputs[:first], targets[:first]), (outputs[first:], targets[first:])]
    total = sum(task.n_counted(w) * task.loss(o, w) for o, w in parts) / task.n_counted(targets)
    torch.testing.assert_close(total, task.loss(outputs, targets))


def test_without_targets_the_loss_is_0_and_has_a_gradient() -> None:
    outputs = torch.randn(2, T, K, requires_grad=True)
    loss = TOKENS.loss(outputs, torch.full((2, T), IGNORED))
    loss.backward()
    assert float(loss.detach()) == 0
    assert outputs.grad is not None
    assert not outputs.grad.any()


def test_padding_in_front_is_not_asked_for_what_follows() -> None:
    tokens, padding = torch.tensor([[0, 0, 4, 5, 6]]), torch.tensor([[0, 0, 1, 1, 1]])
    x = IGNORED
    assert shifted(tokens, padding).tolist() == [[x, x, 5, 6, x]]


def test_an_embedding_that_is_no_number_is_nobodys_neighbour() -> None:
    outputs = torch.tensor([[1.0, 0.0], [0.9, 0.1], [math.nan, 0.0], [0.0, 1.0], [0.1, 0.9]])
    labels = torch.tensor([0, 0, 0, 1, 1])
    assert RETRIEVAL.score(outputs, labels).tolist() == [True, True, False, True, True]


def test_a_task_of_ones_own_is_known_by_what_it_computes() -> None:
    one, other = own(lambda o, w: o[:, 0]), own(lambda o, w: o[:, 1])
    assert one.identity != other.identity
    assert CLASSIFICATION.identity == "classification"


def test_regression_scores_where_its_targets_are() -> None:
    task, targets = regression(torch.randn(8, 2)), torch.zeros(4, 2, device="meta")
    assert task.score(targets, targets).device.type == "meta"
