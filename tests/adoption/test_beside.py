"""Beside the candidates: rivals and money of the first one, chains with the run of the other direction."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import modelstitch as ms
from modelstitch.adoption.candidates.candidate import Candidates, Standing
from modelstitch.adoption.rivals.rival_kinds import RUN, RivalInputs, RivalOutcome
from modelstitch.adoption.worth.beside import BesideSpec, Further, expect_parts, further, named
from modelstitch.cli import main
from modelstitch.errors import SpecError
from modelstitch.results.reuse_table import reuse_table_from
from modelstitch.wording import from_plain, say
from tests.adoption.test_money import PRICES, TOML
from tests.adoption.toys import mlp, separable

STANDINGS: tuple[Standing, ...] = ("undecided", "worse", "no worse", "no worse")


@pytest.fixture(scope="module")
def runs() -> tuple[ms.Comparison, ms.Comparison]:
    data = separable()
    fit = ms.FitSpec(steps=20)
    one, other = mlp(0), mlp(1)
    # The sender's first layer in front of the receiver's head costs less than either network.
    options: dict[str, Any] = {"fit": fit, "controls": (), "evidence": (), "stitch": "scale"}
    options["allow_untrained"] = True
    return ms.compare(one, other, data, **options), ms.compare(other, one, data, **options)


@pytest.fixture(scope="module")
def found(runs: tuple[ms.Comparison, ms.Comparison]) -> Candidates:
    return ms.candidates(runs[0], latency=False)


def test_what_is_asked_for_stands_beside_the_candidates(
    runs: tuple[ms.Comparison, ms.Comparison], found: Candidates
) -> None:
    forward, backward = runs
    row = named(found)
    assert row is not None
    told = further(forward, found, BesideSpec(prices=PRICES, back=backward, at_most=10))
    assert told.rivals is None
    assert told.money is not None
    assert told.money.needs.load == pytest.approx(row.load.multiply_adds / found.receiver.load.multiply_adds)
    assert told.chains is not None
    assert told.chains.n_affordable == 4
    plain = json.loads(json.dumps(told.to_plain(), allow_nan=False))
    assert list(plain) == ["money", "chains", "said"]
    # What is said can be said again in another language, from the file alone.
    assert [from_plain(one) for one in plain["said"]["money"]] == told.money.sentences()
    japanese = [from_plain(one).in_language("ja") for one in plain["said"]["assumptions"]]
    assert japanese == [one.in_language("ja") for one in told.money.assumptions()]
    table = reuse_table_from({**found.to_json(), **plain})
    assert table.money is not None
    assert table.money.costs["reuse"][2] == told.money.costs["reuse"].total
    assert len(table.money.changed) == 20
    text = " ".join(told.sentences())
    assert "Over 24 months it is cheapest" in text
    assert "chains of three parts are possible" in text


def test_rivals_are_those_of_the_first_candidate(
    runs: tuple[ms.Comparison, ms.Comparison], found: Candidates
) -> None:
    row = named(found)
    assert row is not None
    told = further(runs[0], found, BesideSpec(rivals=True))
    assert told.rivals is not None
    assert (told.rivals.candidate.sender_cut, told.rivals.candidate.receiver_cut) == (
        row.sender_cut,
        row.receiver_cut,
    )
    assert told.rivals.score == pytest.approx(row.score[0])
    assert told.rivals.candidate.load == row.load
    assert told.rivals.n == found.n_confirm
    table = reuse_table_from(json.loads(json.dumps({**found.to_json(), **told.to_plain()})))
    assert table.rivals is not None
    assert [one.name for one in table.rivals.rows] == [one.name for one in told.rivals.rivals]
    assert table.said["rivals"] == tuple(told.rivals.sentences())


def test_candidates_that_may_still_be_chosen_meet_rivals_which_are_fitted_once(
    runs: tuple[ms.Comparison, ms.Comparison], found: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = found.rows[0]
    places = [(row.sender_cut, row.receiver_cut) for row in runs[0].cells]
    fitted: list[tuple[str, str]] = []

    def outcome(name: str, given: RivalInputs) -> RivalOutcome:
        fitted.append((name, given.candidate.sender_cut))
        return RivalOutcome(
            given.candidate.scores[given.confirm], given.candidate.load, say("rival.as_it_is")
        )

    for name in RUN:
        monkeypatch.setitem(RUN, name, partial(outcome, name))
    rows = tuple(
        replace(one, sender_cut=sender, receiver_cut=receiver, standing=standing, misses=misses)
        for (sender, receiver), standing, misses in zip(
            places, STANDINGS, ((), (), (), ("score",)), strict=True
        )
    )
    told = further(runs[0], replace(found, rows=rows), BesideSpec(rivals=True))
    tables = [told.rivals, *told.further_rivals]
    # The third qualifies and comes first, the first may qualify; the others are out.
    assert [(each.candidate.sender_cut, each.candidate.receiver_cut) for each in tables if each] == [
        places[2],
        places[0],
    ]
    assert len(fitted) == len(set(fitted)) < 2 * len(RUN)
    assert {name for name, _ in fitted} == set(RUN)
    assert sum(name == "fine-tuned-receiver" for name, _ in fitted) == 1
    # Seven rivals of each of four named candidates hold at once.
    assert all(each is not None and each.level == pytest.approx(1 - 0.05 / 28) for each in tables)
    text = " ".join(told.sentences())
    for sender, receiver in (places[2], places[0]):
        assert f"for the cost of {sender} -> {receiver} (" in text
    plain = json.loads(json.dumps(told.to_plain(), allow_nan=False))
    assert [each["sender_cut"] for each in (plain["rivals"], *plain["further_rivals"])] == [
        places[2][0],
        places[0][0],
    ]
    assert len(plain["said"]["further_rivals"]) == len(plain["said"]["rivals"]) + 1  # a heading


def test_three_parts_from_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = separable()
    train, heldout = ([part.images.numpy(), part.labels.numpy()] for part in (data.train, data.heldout))
    np.savez(tmp_path / "toy.npz", x_train=train[0], y_train=train[1], x_test=heldout[0], y_test=heldout[1])
    one, other = (f"tests.adoption.toys:mlp(seed={seed})" for seed in (0, 1))
    options = f"--data {tmp_path / 'toy.npz'} --steps 1 --controls none --evidence none".split()
    for first, second, name in ((one, other, "there"), (other, one, "back")):
        assert (
            main(["compare", "--allow-untrained", first, second, *options, "--out", str(tmp_path / name)])
            == 0
        )
    capsys.readouterr()
    words = ["reuse", str(tmp_path / "there"), "--no-latency", "--parts", "3"]
    code = main([*words, "--back", str(tmp_path / "back"), "--at-most-chain", "2.8", "--json"])
    table = json.loads(capsys.readouterr().out)["chains"]
    assert code in (0, 3, 4)
    # One way through the other network, in and out at either cut, with two stitches of 144 multiply-adds.
    assert (table["outer"], table["whole"]["multiply_adds"]) == (one, 72 + 144 + 36)
    by_hand = {("0", "0"): 684, ("0", "1"): 540, ("1", "0"): 828, ("1", "1"): 684}
    affordable = {cuts: cost for cuts, cost in by_hand.items() if cost <= 2.8 * 252}
    assert (table["n_possible"], table["n_affordable"]) == (4, 3)
    found = {(chain["leave"], chain["back"]): chain["multiply_adds"] for chain in table["chains"]}
    assert found == affordable
    scores = [chain["score"] for chain in table["chains"]]
    assert scores == sorted(scores, reverse=True)
    # One direction twice is no other direction, and is refused.
    assert main([*words, "--back", str(tmp_path / "there")]) == 2
    assert "the other direction of the first run" in capsys.readouterr().err


def test_nothing_asked_for_is_nothing_said(
    runs: tuple[ms.Comparison, ms.Comparison], found: Candidates
) -> None:
    told = further(runs[0], found, BesideSpec())
    assert (told, told.sentences(), told.to_plain()) == (Further(), [], {})


def test_parts_and_the_run_of_the_other_direction_belong_together() -> None:
    expect_parts(2, None)
    expect_parts(3, "run")
    for parts, back, message in (
        (3, None, "--back with --parts 3"),
        (2, "run", "--parts 3 with --back run"),
        (4, None, "--parts 2 or 3, got 4"),
    ):
        with pytest.raises(SpecError, match=message):
            expect_parts(parts, back)


def test_wrong_prices_end_the_command_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(TOML.replace("gpu_hour =", "gpu_hours ="))
    assert main(["reuse", "no_such_run", "--prices", str(prices)]) == 2
    error = capsys.readouterr().err
    assert "unknown key 'gpu_hours', did you mean 'gpu_hour'?" in error
    assert main(["reuse", "no_such_run", "--parts", "3"]) == 2
    assert "expected --back with --parts 3" in capsys.readouterr().err
    assert torch.is_grad_enabled()
