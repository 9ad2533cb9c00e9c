"""The search for candidates: what it fits, what it leaves out, and in which order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import modelstitch as ms
from modelstitch.adoption.candidates import search as searching
from modelstitch.adoption.candidates.search import search
from modelstitch.adoption.division import divide_heldout
from modelstitch.data.from_arrays import data_from
from modelstitch.models.seeding import seeded
from modelstitch.runs import run as running
from modelstitch.runs.prepare import prepare, widened
from modelstitch.runs.run import BUDGET
from modelstitch.runs.session import Session
from modelstitch.specs import EvidenceSpec, FitSpec, StitchSpec

NOTHING = EvidenceSpec(kinds=())


def deep(seed: int, n_layers: int) -> nn.Sequential:
    """A network of so many cuts, each of eight numbers, and a head."""
    with seeded(seed):
        layers = [nn.Sequential(nn.Linear(6 if at == 0 else 8, 8), nn.ReLU()) for at in range(n_layers)]
        return nn.Sequential(*layers, nn.Linear(8, 3)).eval()


def session_of(n_layers: int, **options: Any) -> Session:
    drawn = torch.Generator().manual_seed(0)
    x, labels = torch.randn(600, 6, generator=drawn), torch.arange(600) % 3
    x[torch.arange(600), labels] += 4
    data = data_from(x, labels)
    return prepare(
        deep(0, n_layers),
        deep(1, n_layers),
        data,
        stitches=["scale"],
        fit=FitSpec(steps=2),
        **{"controls": (), **options},
        allow_untrained=True,
    )


def places(result: ms.Comparison) -> set[tuple[str, str]]:
    return {(row.sender_cut, row.receiver_cut) for row in result.cells if row.control == "trained"}


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures and page of a run take most of its time, and have tests of their own."""
    for name in ("write_plots", "write_page"):
        monkeypatch.setattr(running, name, lambda *_: None)


@pytest.fixture(scope="module")
def session() -> Session:
    """Of 16 cells 6 skip a layer at least, and cost less than either network."""
    return session_of(4, seeds=(4, 2), controls=("random-sender",))


def match_scores(session: Session, cheap: set[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """The score of each least-squares stitch on the choosing examples, computed without the search."""
    sender, receiver = session.pair.sender, session.pair.receiver
    choose = divide_heldout(session.pair.data).choose
    run = ms.compare(
        sender.network,
        receiver.network,
        session.pair.data,
        stitch="scale by match",
        controls=(),
        evidence=(),
        allow_untrained=True,
    )
    found = {}
    for place in cheap:
        scores = run.stitched(*place).score(session.pair.data.heldout.take(choose))
        found[place] = float(scores)
    return found


def test_of_more_than_25_cells_those_with_the_best_least_squares_are_fitted(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap = {(str(one), str(other)) for one in range(4) for other in range(one + 1, 4)}
    assert searching.MOST_FITTED == 25
    monkeypatch.setattr(searching, "MOST_FITTED", 4)
    seen: list[int] = []

    class Counting(ms.Progress):
        def start(self, total: int, done: int, what: str = "") -> None:
            seen.append(total)

    result = search(session, out=tmp_path, budget=BUDGET, evidence=NOTHING, progress=Counting())
    fitted = places(result)
    assert len(fitted) == 4
    assert fitted < cheap
    scores = match_scores(session, cheap)
    dropped = cheap - fitted
    assert max(scores[place] for place in dropped) <= min(scores[place] for place in fitted)
    assert seen[:2] == [6, 4]  # the screen, and what is fitted to the task


def test_of_fewer_cells_none_is_dropped_and_the_front_alone_gets_seeds(
    session: Session, tmp_path: Path
) -> None:
    evidence = EvidenceSpec(kinds=("errors",))
    result = search(session, out=tmp_path, budget=BUDGET, evidence=evidence)
    by_seed = {
        seed: places(replace(result, cells=tuple(row for row in result.cells if row.seed == seed)))
        for seed in (4, 2)
    }
    assert len(by_seed[4]) == 6
    assert by_seed[2] < by_seed[4]
    # A second look fits nothing: all is in the folder.
    again = search(session, out=tmp_path, budget=BUDGET, evidence=evidence)
    assert again.cells == result.cells
    assert (again.evidence, again.advantages) == (result.evidence, result.advantages)
    assert {(row.sender_cut, row.receiver_cut) for row in again.evidence} == by_seed[2]
    controls = {(row.sender_cut, row.receiver_cut) for row in again.cells if row.control == "random-sender"}
    assert controls == by_seed[2]
    # A look with another stitch keeps those of the first, which may be named beside it.
    other = widened(session, replace(session.spec, stitches=(StitchSpec.parse("identity"),)))
    both = ms.candidates(search(other, out=tmp_path, budget=BUDGET, evidence=NOTHING), latency=True)
    assert {row.stitch for row in ms.load(tmp_path).cells} == {"scale", "identity"}
    assert all(row.latency for row in both.rows)
    # The named ones are no worse than any cheaper cell on the choosing examples.
    found = ms.candidates(again, latency=False)
    assert {(row.sender_cut, row.receiver_cut) for row in found.rows} == by_seed[2]
    assert all(len(row.seeds) == 2 and row.seed == 4 for row in found.rows)


def test_what_cannot_have_candidates_is_refused_before_anything_is_fitted(
    session: Session, tmp_path: Path
) -> None:
    few = replace(session.pair.data, heldout=session.pair.data.heldout.take(torch.arange(60)))
    networks = (session.pair.sender.network, session.pair.receiver.network)
    with pytest.raises(ms.DataError, match="at least 30 held-out examples to confirm candidates on, got 18"):
        search(
            prepare(*networks, few, controls=(), allow_untrained=True),
            out=tmp_path / "run",
            budget=BUDGET,
            evidence=NOTHING,
        )
    assert not (tmp_path / "run").exists()


def test_where_nothing_is_cheaper_nothing_is_fitted(tmp_path: Path) -> None:
    session = session_of(3, sender_cuts=["2"], receiver_cuts=["0"])
    result = search(session, out=tmp_path / "run", budget=BUDGET, evidence=NOTHING)
    assert not result.cells
    assert not (tmp_path / "run").exists()
    found = ms.candidates(result, latency=False)
    assert (found.outcome, found.rows, found.decision.value) == ("none", (), "leave")
    assert found.elsewhere["dear"] == 1
