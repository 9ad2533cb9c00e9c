"""A dry run: it ends at its bound, says what it tried, and its range is the wider, the less that was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelstitch.runs import trial
from modelstitch.runs.estimate import _between, estimate
from modelstitch.runs.prepare import prepare
from modelstitch.runs.run import BUDGET
from modelstitch.runs.session import Session
from modelstitch.runs.trial_watch import PlaceTime, SpentError, TrialWatch
from modelstitch.specs import DataSpec, EvidenceSpec, FitSpec
from modelstitch.util.progress import Progress

NO_EVIDENCE = EvidenceSpec(kinds=())


@pytest.mark.parametrize(
    ("most", "n_tried", "in_part"), [(1000.0, 4, False), (16.0, 1, True), (8.0, 0, True), (3.0, 0, False)]
)
def test_a_trial_ends_at_its_bound(
    checkpoints: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, most: float, n_tried: int, in_part: bool
) -> None:
    first, second = map(str, checkpoints)
    chosen = {"cuts": ("layers.0", "layers.4"), "fit": FitSpec(steps=2), "controls": ("random-sender",)}
    session = prepare(first, second, DataSpec(source="digits", limit=60), **chosen)  # type: ignore[arg-type]
    now = 2.0  # when the trial begins

    def two_seconds_each(session: Session, *, progress: Progress, **options: object) -> None:
        nonlocal now
        now += 1
        progress.start(len(session.cells), 0)
        for cell in session.cells:
            now += 2
            progress.cell(str(cell), 0.5)
        progress.stage("writing the page")
        now += 3

    monkeypatch.setattr(trial, "run", two_seconds_each)
    monkeypatch.setattr(trial, "LEAST_SECONDS", most)
    cost = replace(estimate(session, BUDGET, NO_EVIDENCE), seconds=2.0 * len(session.cells))
    span = trial.time_range(session, BUDGET, NO_EVIDENCE, cost, started=0.0, prepared=1.0, clock=lambda: now)
    assert (span.n_tried, span.in_part, span.n_places) == (n_tried, in_part, 4)
    # A cell that would end beyond the bound is not begun; the page, once begun, is written.
    assert span.trial <= most + 3 or n_tried == 4
    assert span.low < 1 + 4 + 2 * len(session.cells) < span.high
    assert span.high / span.low > (2 if n_tried == 4 else 4)
    # On more cores the cells of a run go side by side, and those of a trial hardly do.
    now = 2.0
    monkeypatch.setattr(trial, "n_cores", lambda: 4)
    quick = trial.time_range(session, BUDGET, NO_EVIDENCE, cost, started=0.0, prepared=1.0, clock=lambda: now)
    assert quick.low < span.low
    assert quick.high == span.high


def test_a_place_that_was_left_is_expected_to_go_on_as_it_began() -> None:
    now = [0.0]
    watch = TrialWatch(lambda: now[0], 10.0)
    now[0] = 1.0
    watch.start(4, 0)
    for ends in (3.0, 5.0, 7.0):
        now[0] = ends
        watch.cell("", 0.5)
    now[0] = 9.0
    with pytest.raises(SpentError):  # the next one would end at 11
        watch.cell("", 0.5)
    like = PlaceTime(seen=9.0, a_cell=1.0, evidence=3.0, drawn=2.0)
    left = watch.place_time(5, 1.0, 0.5, like)
    assert (left.once, left.seen, left.a_cell, left.is_whole) == (1.0, 8.0, 2.0, False)
    # One more fit, the evidence of the other place, and twice its draws: fits take twice as long here.
    assert left.unseen == 2.0 + 3.0 + 4.0


def test_steps_that_take_long_are_timed_at_the_ends_and_lie_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelstitch.runs.estimate._MOST_SECONDS", 0.0)
    timed = []

    def measure(name: str) -> tuple[float, ...]:
        timed.append(name)
        return (float(name), 2 * float(name))

    found = _between(("1", "2", "3", "5"), measure)
    assert timed == ["1", "5"]
    assert found["2"] == pytest.approx((1 + 4 / 3, 2 + 8 / 3))
