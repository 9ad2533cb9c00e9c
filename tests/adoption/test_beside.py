"""Beside the candidates: rivals and money of the first one, chains with the run of the other direction."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import modelstitch as ms
from modelstitch.adoption.candidates.candidate import Candidates
from modelstitch.adoption.worth.beside import BesideSpec, Further, expect_parts, further, named
from modelstitch.cli import main
from modelstitch.errors import SpecError
from tests.adoption.test_money import PRICES, TOML
from tests.adoption.toys import mlp, separable


@pytest.fixture(scope="module")
def runs() -> tuple[ms.Comparison, ms.Comparison]:
    data = separable()
    fit = ms.FitSpec(steps=20)
    one, other = mlp(0), mlp(1)
    # The sender's first layer in front of the receiver's head costs less than either network.
    options = {"fit": fit, "controls": (), "evidence": (), "stitch": "scale"}
    return ms.compare(one, other, data, **options), ms.compare(other, one, data, **options)  # type: ignore[arg-type]


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
    assert list(plain) == ["money", "chains"]
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
