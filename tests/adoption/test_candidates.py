"""Candidates: a pair whose truth is known by construction, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import modelstitch as ms
from modelstitch.adoption.candidates.candidate import Candidates, front, standing
from modelstitch.adoption.candidates.constraints import Bound, Constraints
from modelstitch.adoption.candidates.labels import labels_needed
from modelstitch.adoption.candidates.latency import latencies
from modelstitch.adoption.candidates.memory import peak_bytes
from modelstitch.adoption.candidates.picture import picture
from modelstitch.adoption.candidates.reuse import ReuseSpec, candidates
from modelstitch.adoption.candidates.sentences import sentences
from modelstitch.adoption.division import divide
from modelstitch.adoption.score_intervals import difference_interval, mean_interval
from modelstitch.adoption.work import Load
from modelstitch.cli import main
from modelstitch.data.from_arrays import data_from
from modelstitch.results.from_cells import cell_spec
from tests.adoption.toys import mlp

QUIET = ReuseSpec(batches=())


def with_a_layer_too_many(data: ms.Data, *, noise: float = 0.0) -> nn.Sequential:
    """Return a network whose second linear layer passes its input as it is; its head is solved."""
    drawn = torch.Generator().manual_seed(0)
    first, idle, head = nn.Linear(64, 48), nn.Linear(48, 48), nn.Linear(48, 10)
    images = data.train.images.flatten(1)
    with torch.no_grad():
        first.weight.copy_(torch.randn(48, 64, generator=drawn) / 4)
        idle.weight.copy_(torch.eye(48))
        idle.bias.zero_()
        hidden = first(images).relu()
        options = nn.functional.one_hot(data.train.labels, 10).float()
        ones = torch.cat([hidden, torch.ones(len(hidden), 1)], 1)
        solved = torch.linalg.lstsq(ones, options).solution
        head.weight.copy_(solved[:-1].T)
        head.bias.copy_(solved[-1])
        first.weight.add_(noise * torch.randn(48, 64, generator=drawn))
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), idle, nn.ReLU(), head).eval()


def run_of(sender: nn.Module, receiver: nn.Module, data: ms.Data, cuts: tuple[str, str]) -> ms.Comparison:
    return ms.compare(
        sender,
        receiver,
        data,
        sender_cuts=cuts[0],
        receiver_cuts=cuts[1],
        stitch="identity",
        controls=(),
        evidence=(),
        allow_untrained=True,
    )


@pytest.fixture(scope="module")
def receiver(digits: ms.Data) -> nn.Sequential:
    return with_a_layer_too_many(digits)


@pytest.fixture(scope="module")
def same(receiver: nn.Sequential, digits: ms.Data) -> ms.Comparison:
    """The receiver into itself, around the layer that does nothing."""
    return run_of(receiver, receiver, digits, ("2", "4"))


def test_a_layer_too_many_is_found_and_nothing_is_lost(
    same: ms.Comparison, receiver: nn.Sequential, digits: ms.Data
) -> None:
    found = candidates(same, replace(QUIET, margin=0.03))
    (row,) = found.rows
    assert found.outcome == "candidate"
    # The run has no verdict on it: whether more than the label comes across is open, so it is no pilot.
    assert (found.decision, vars(row.conditions)) == (
        "undecided",
        {"no_worse": "holds", "saves": "holds", "partly": "open"},
    )
    assert (row.sender_cut, row.receiver_cut, row.replaces) == ("2", "4", "receiver")
    assert (row.load.parameters, row.load.multiply_adds) == (65 * 48 + 49 * 10, 64 * 48 + 48 * 10)
    assert found.receiver.load.multiply_adds == 64 * 48 + 48 * 48 + 48 * 10
    assert row.trained_parameters == 0
    assert row.size_bytes == 4 * row.load.parameters
    # Score and points lost are those of the confirming examples alone, computed here by hand.
    confirm = divide(599, same.facts.data_content).confirm
    part = digits.heldout.take(confirm)
    with torch.no_grad():
        right = receiver(part.images).argmax(1) == part.labels
    assert row.score[0] == found.receiver.score[0] == float(right.double().mean())  # type: ignore[index]
    assert row.lost is not None
    assert row.lost[0] == 0
    # No answer differs among n: Tango's interval ends at z^2 / (n + z^2).
    assert row.lost[2] == pytest.approx(3.8415 / (180 + 3.8415), abs=1e-4)
    assert row.smallest_margin == row.lost[2]
    assert sum(row.became_wrong) == sum(row.became_right) == 0
    assert "saves 39.3% of the multiply-adds" in " ".join(sentences(found))


def test_too_few_examples_leave_it_undecided_and_say_how_many_are_needed(same: ms.Comparison) -> None:
    found = ms.candidates(same, latency=False)
    assert found.outcome == "undecided"
    (row,) = found.rows
    assert row.standing == "undecided"
    assert row.examples_needed is not None
    assert row.examples_needed > found.n_confirm == 180
    assert "Undecided" in " ".join(sentences(found))


def test_nothing_may_be_worth_it(receiver: nn.Sequential, digits: ms.Data) -> None:
    worse = with_a_layer_too_many(digits, noise=1.0)
    found = candidates(run_of(worse, receiver, digits, ("2", "4")), QUIET)
    (row,) = found.rows
    assert row.standing == "worse"
    assert row.lost_to_receiver is not None
    assert row.lost_to_receiver[1] > 0.02
    changed = sum(row.became_wrong) - sum(row.became_right)
    assert changed / found.n_confirm == pytest.approx(row.lost_to_receiver[0])
    assert (found.outcome, found.decision) == ("none", "leave")
    assert "Keep the whole network" in " ".join(sentences(found))


def test_a_cell_that_costs_as_much_is_no_candidate(receiver: nn.Sequential, digits: ms.Data) -> None:
    found = candidates(run_of(receiver, receiver, digits, ("2", "2")), QUIET)
    assert (found.rows, found.n_cells, found.n_cheaper, found.outcome) == ((), 1, 0, "none")
    assert (found.elsewhere, found.decision) == ({"dear": 1, "worse": 0, "label": 0, "open": 0}, "leave")


def test_constraints_leave_a_candidate_out_and_say_why(same: ms.Comparison) -> None:
    options = replace(QUIET, margin=0.03)
    for bounds, why in (
        (Constraints(multiply_adds=Bound(0.6, True)), "3,552 multiply-adds, at most 3,514"),
        (Constraints(parameters=Bound(100)), "3,610 parameters, at most 100"),
        (Constraints(score=1.0), "at least 1.000"),
    ):
        found = candidates(same, replace(options, constraints=bounds))
        assert found.outcome == "none"
        assert why in found.rows[0].misses[0]
        assert found.decision == "leave"
    # A least score rules a candidate out only where its whole interval is below it.
    score = found.rows[0].score
    near = candidates(same, replace(options, constraints=Constraints(score=(score[0] + score[2]) / 2)))
    assert (near.outcome, near.rows[0].conditions.saves, near.decision) == ("none", "open", "undecided")
    low = candidates(same, replace(options, constraints=Constraints(score=0.01)))
    assert low.rows[0].conditions.saves == "holds"
    loose = Constraints(multiply_adds=Bound.parse("", "0.61x"))
    assert candidates(same, replace(options, constraints=loose)).outcome == "candidate"


def test_the_table_as_files_and_as_a_picture(same: ms.Comparison) -> None:
    found = candidates(same, ReuseSpec(margin=0.03, batches=(1, 2)))
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert plain["outcome"] == "candidate"
    assert plain["rows"][0]["of_receiver"]["multiply_adds"] == pytest.approx(3552 / 5856)
    (line,) = csv.DictReader(found.to_csv().splitlines())
    assert (line["sender_cut"], line["standing"], line["multiply_adds"]) == ("2", "no worse", "3552")
    assert set(found.rows[0].latency) == set(found.receiver.latency) == {1, 2}
    assert all(0 < each.median <= each.most for each in found.rows[0].latency.values())
    labels = {text.get_text() for text in picture(found).axes[0].get_legend().get_texts()}  # type: ignore[union-attr]
    assert labels == {"whole receiver", "whole sender", "no worse"}


def test_numbers_alone_and_few_examples_are_refused(
    same: ms.Comparison, receiver: nn.Sequential, digits: ms.Data
) -> None:
    with pytest.raises(ms.RunError, match="got numbers alone"):
        candidates(replace(same, networks=None), QUIET)
    few = replace(digits, heldout=digits.heldout.take(torch.arange(60)))
    with pytest.raises(
        ms.DataError, match=r"at least 30 held-out examples to confirm .* got 18 \(30 % of 60\)"
    ):
        candidates(run_of(receiver, receiver, few, ("2", "4")), QUIET)


def test_bounds_that_contradict_each_other_are_refused_before_anything_is_fitted() -> None:
    whole = Load(1000, 1000)
    both = Constraints(multiply_adds=Bound(0.5, True), parameters=Bound(0.5, True))
    few_operations, few_parameters = Load(900, 400), Load(400, 900)
    with pytest.raises(ms.SpecError, match="of 2 cells 1 have few enough multiply-adds and 1 few enough"):
        both.expect_possible([(few_operations, whole), (few_parameters, whole)])
    # One cell meets both; or none meets one of them, which is an answer and no contradiction.
    both.expect_possible([(few_operations, whole), (few_parameters, whole), (Load(400, 400), whole)])
    both.expect_possible([(few_operations, whole)])
    replace(both, parameters=None).expect_possible([(few_parameters, whole)])


def test_to_lose_nothing_against_a_guess_is_said(same: ms.Comparison) -> None:
    found = candidates(same, replace(QUIET, margin=0.03))
    assert "than a guess" not in " ".join(sentences(found))
    assert found.chance == same.facts.chance
    poor = replace(found, receiver=replace(found.receiver, score=(0.12, 0.08, 0.17)))
    assert "The whole receiver is not shown to be better than a guess (0.120" in " ".join(sentences(poor))


def test_a_picture_of_scores_at_their_ends(same: ms.Comparison) -> None:
    found = candidates(same, QUIET)
    for right in (0, 180):
        score = mean_interval(torch.arange(180) < right)
        rows = tuple(replace(row, score=score) for row in found.rows)
        picture(replace(found, rows=rows, receiver=replace(found.receiver, score=score)))


def test_what_is_for_a_fit_is_refused_with_a_finished_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, named in (
        (["--seeds", "0", "1"], "--seeds with a sender and a receiver, got it"),
        (["--limit", "9", "--data", "cifar10"], "--data, --limit with a sender and a receiver, got them"),
        (["--out", str(tmp_path / "new")], "--out with a sender and a receiver"),
        (["--at-most-chain", "2"], "--parts 3 with --at-most-chain 2"),
        (["--parts", "3", "--back", "x", "--at-most-chain", "nan"], "--at-most-chain above 0"),
    ):
        assert main(["reuse", str(tmp_path), *words]) == 2
        shown = capsys.readouterr().err
        assert named in shown
        assert shown.strip().count("\n") == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReuseSpec(margin=0), "a margin between 0 and 1, such as 0.02"),
        (lambda: ReuseSpec(rank_by="cost"), "unknown order of candidates 'cost'"),
        (lambda: ReuseSpec(rank_by="latency", batches=()), "a measured latency to order by"),
        (lambda: Bound.parse("multiply-adds", "half"), "or as a share of the replaced network, such as 0.6x"),
        (lambda: Bound.parse("parameters", "0x"), "a number above 0"),
        (lambda: Constraints(score=1.2), "a least score from 0 to 1, got 1.2"),
    ],
)
def test_wishes_that_cannot_be(make: object, message: str) -> None:
    with pytest.raises(ms.SpecError, match=message):
        make()  # type: ignore[operator]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_no_point_beats_one_of_the_front(points: list[tuple[float, float]]) -> None:
    chosen = [points[at] for at in front(points)]
    assert len(set(chosen)) == len(chosen)
    for cost, score in chosen:
        assert not any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points)
    for point in points:
        assert any(c <= point[0] and s >= point[1] for c, s in chosen)


def test_calls_are_timed_in_turn() -> None:
    order: list[str] = []
    calls = {name: (lambda name=name: order.append(name)) for name in "ab"}
    timed = latencies(calls, torch.device("cpu"), rounds=4)
    assert set(timed) == {"a", "b"}
    assert order == ["a", "b", "b", "a"] * 3 + ["a", "b"]
    order.clear()
    latencies(calls, torch.device("cpu"), rounds=1000, most_seconds=0.0)
    assert order.count("a") == order.count("b") == 13  # three to warm up, and the ten that are always made


def test_the_command_finds_writes_and_answers_by_its_exit_code(
    checkpoints: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = map(str, checkpoints)
    out = tmp_path / "run"
    options = (
        "--limit 300 --sender-cuts layers.0,layers.4 --receiver-cuts layers.4 --controls none --evidence none"
    )
    words = ["reuse", first, second, *options.split(), "--no-latency", "--out", str(out)]
    code = main([*words, "--margin", "0.6", "--json"])
    plain = json.loads(capsys.readouterr().out)
    assert code == 0
    # The cell that costs as much was never fitted.
    assert {(row.sender_cut, row.receiver_cut) for row in ms.load(out).cells} == {("layers.0", "layers.4")}
    assert plain["rows"][0]["qualifies"] is True
    assert {"candidates.csv", "candidates.json", "candidates.png"} <= {path.name for path in out.iterdir()}
    assert json.loads((out / "candidates.json").read_text()) == plain
    # The finished run alone, with another wish: nothing is fitted, and the answer is no.
    code = main(["reuse", str(out), "--no-latency", "--at-most-parameters", "0.01x", "--margin", "0.6"])
    shown = capsys.readouterr().out
    assert code == 4
    assert "Nothing is worth reusing here" in shown
    assert main(["reuse", first]) == 2
    assert "is no folder: give the receiver, too" in capsys.readouterr().err


def test_several_seeds_stand_in_the_row_and_the_first_is_the_candidate(
    receiver: nn.Sequential, digits: ms.Data
) -> None:
    run = ms.compare(
        receiver,
        receiver,
        digits,
        sender_cuts="2",
        receiver_cuts="4",
        seeds=[3, 1, 2],
        stitch="lowrank(4)",
        fit=ms.FitSpec(steps=3),
        controls=(),
        evidence=(),
        allow_untrained=True,
    )
    found = candidates(run, QUIET)
    (row,) = found.rows
    confirm = divide(599, run.facts.data_content).confirm.numpy()
    answers = run.networks.answers()  # type: ignore[union-attr]
    by_seed = {key.seed: float(each[confirm].mean()) for (_, key), each in answers.items()}
    # The first that was asked for, whatever seeds a run gets later.
    assert row.seed == 3
    assert row.seeds == tuple(by_seed[seed] for seed in (3, 1, 2))
    assert row.score[0] == by_seed[3]
    assert row.over_seeds is not None
    mean, low, high = row.over_seeds
    assert mean == pytest.approx(sum(by_seed.values()) / 3)
    # Seeds add to what examples leave open: the interval is wider than that of one seed.
    assert high - low > row.score[2] - row.score[1]
    (line,) = csv.DictReader(found.to_csv().splitlines())
    assert float(line["over_seeds_low"]) == low


def test_examples_of_one_group_count_once() -> None:
    drawn = torch.Generator().manual_seed(0)
    x, labels = torch.randn(900, 6, generator=drawn), torch.arange(900) % 3
    x[torch.arange(900), labels] += 2
    options: dict[str, Any] = {"stitch": "scale", "fit": ms.FitSpec(steps=5), "controls": (), "evidence": ()}
    grouped, plain = (
        candidates(
            ms.compare(
                mlp(0), mlp(1), data_from(x, labels, keep_together=groups), **options, allow_untrained=True
            ),
            QUIET,
        )
        for groups in (torch.arange(900) // 9, None)
    )
    assert grouped.n_groups == round(grouped.n_confirm / 9)
    assert plain.n_groups is None
    assert f"in {grouped.n_groups} groups" in " ".join(sentences(grouped))
    one, other = grouped.rows[0], plain.rows[0]
    assert one.lost is not None
    assert other.lost is not None
    assert one.lost[2] - one.lost[1] > other.lost[2] - other.lost[1]


def test_memory_at_its_peak(same: ms.Comparison) -> None:
    found = candidates(same, ReuseSpec(batches=(2,)))
    (row,) = found.rows
    # Two images of 64 numbers; 48 numbers of the layer and 48 behind its ReLU at once, in all three networks.
    tensors = 4 * 2 * (64 + 48 + 48)
    assert found.receiver.memory == {2: tensors + found.receiver.size_bytes}
    assert row.memory == {2: tensors + row.size_bytes}
    assert row.size_bytes < found.receiver.size_bytes


@pytest.mark.parametrize(
    ("call", "most"),
    [
        (lambda x: x.relu().relu().relu(), 2 * 40),
        (lambda x: x.relu_(), 0),
        (lambda x: x.view(2, 5)[1], 0),
        (lambda x: (x.relu(), x.relu(), x.relu()), 3 * 40),
        (lambda x: torch.stack((x.double(), x.double())).sum(), 4 * 80),
        (lambda x: torch.zeros(30).sum() + x.sum(), 120 + 4),
    ],
)
def test_tensors_count_while_they_live(call: Callable[[torch.Tensor], object], most: int) -> None:
    x = torch.zeros(10)
    assert peak_bytes(lambda: call(x), 7, torch.device("cpu")) == 7 + most


def test_failed_cells_leave_it_undecided(same: ms.Comparison) -> None:
    found = candidates(same, replace(QUIET, margin=0.03, constraints=Constraints(score=1.0)))
    assert isinstance(found, Candidates)
    assert replace(found, n_failed=1).outcome == "undecided"
    assert (found.n_missing, found.outcome) == (0, "none")
    # A run that was stopped half-way has no answer for the cells that it lacks.
    stopped = replace(same, facts=replace(same.facts, n_cells=3))
    lacking = candidates(stopped, replace(QUIET, margin=0.03, constraints=Constraints(score=1.0)))
    assert (lacking.n_missing, lacking.outcome) == (2, "undecided")
    assert "The run is not finished: 2 cells are missing" in " ".join(sentences(lacking))


def test_labels_that_a_candidate_needs(receiver: nn.Sequential, digits: ms.Data) -> None:
    run = ms.compare(
        receiver,
        receiver,
        digits,
        sender_cuts="2",
        receiver_cuts="4",
        stitch=["identity", "affine"],
        fit=ms.FitSpec(steps=30),
        controls=(),
        evidence=(),
        allow_untrained=True,
    )
    sides = run.networks.sides(run)  # type: ignore[union-attr]
    chosen = divide(599, run.facts.data_content).choose
    identity, affine = (cell_spec(row) for row in run.cells)
    # An identity has nothing to fit; a score that none reaches needs all.
    found = labels_needed(sides, {identity: run.cells[0].score or 0, affine: 2.0}, run.spec.fit, chosen, 0.05)
    assert found == {identity: 0, affine: len(digits.train)}
    # The layer between does nothing: a stitch that is fitted without a label keeps all.
    assert labels_needed(sides, {affine: run.cells[1].score or 0}, run.spec.fit, chosen, 0.05) == {affine: 0}
    distilled = replace(affine, objective="logits")
    assert labels_needed(sides, {distilled: 2.0}, run.spec.fit, chosen, 0.05) == {distilled: 0}


@pytest.fixture(scope="module")
def several(receiver: nn.Sequential, digits: ms.Data) -> ms.Comparison:
    """Two stitches from a sender that knows little."""
    worse = with_a_layer_too_many(digits, noise=2.0)
    return ms.compare(
        worse,
        receiver,
        digits,
        sender_cuts="1",
        receiver_cuts=["4"],
        stitch=["identity", "affine"],
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=30),
        allow_untrained=True,
    )


def test_cells_that_are_not_named_are_ruled_out_by_their_bounds_alone(several: ms.Comparison) -> None:
    found = candidates(several, replace(QUIET, margin=0.03))
    assert sum(found.elsewhere.values()) + len(found.rows) == found.n_cells == 2
    # A cell of the run's cuts that was never fitted may still qualify, unless it saves nothing.
    spec = replace(several.spec, receiver_cuts=("2", "4"))
    more = candidates(replace(several, spec=spec), replace(QUIET, margin=0.03))
    assert more.elsewhere["open"] + more.elsewhere["dear"] > found.elsewhere["open"] + found.elsewhere["dear"]
    assert more.decision != "leave" or not more.elsewhere["open"]


def test_no_cell_is_called_worse_too_often() -> None:
    """Eight cells that lose exactly the margin: in at most 5 % of repetitions is any of them called worse."""
    generator, margin, n, wrong = np.random.default_rng(0), 0.02, 300, 0
    for _ in range(100):
        whole = torch.from_numpy(generator.random(n) < 0.9)
        for _ in range(8):
            # A right answer becomes wrong with .05, a wrong one right with .25: .9 * .05 - .1 * .25 = .02.
            drawn = torch.from_numpy(generator.random(n))
            cell = torch.where(whole, drawn >= 0.05, drawn < 0.25)
            level = 1 - 0.05 / 8
            if standing(difference_interval(whole, cell, level), margin) == "worse":
                wrong += 1
                break
    assert wrong <= 10
