"""The monitor of a candidate, end to end: digits of a folder, streams that change, hostile input."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from prometheus_client.parser import text_string_to_metric_families

import modelstitch as ms
from modelstitch.adoption.division import divide_heldout
from modelstitch.adoption.folder.check import check_folder
from modelstitch.adoption.folder.ledger import LEDGER, LedgerEntry, read_ledger
from modelstitch.adoption.monitor.for_page import has_alarmed, monitors_of
from modelstitch.adoption.monitor.random_subset import expect_random_subset
from modelstitch.adoption.monitor.store import LOCK
from modelstitch.adoption.monitor.watch import MonitorSpec, monitor
from modelstitch.adoption.stages.road import road_of
from modelstitch.cli import main
from modelstitch.errors import DataError
from modelstitch.util.locks import locked
from tests.adoption.conftest import small

QUIET, ALARM, REFUSED = 0, 4, 2


@pytest.fixture(scope="module")
def fresh(digits: ms.Data) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels that neither chose nor calibrated the candidate."""
    rows = divide_heldout(digits).confirm
    part = digits.heldout.take(rows)
    return part.images.numpy(), part.labels.numpy()


def write(path: Path, x: np.ndarray, y: np.ndarray | None = None) -> str:
    if y is None:
        np.savez(path, x=x)
    else:
        np.savez(path, x=x, y=y)
    return str(path)


def watch(folder: Path, data: str, *options: str) -> int:
    return main(["monitor", str(folder), "--data", data, "--by", "Eve", *options])


def events(state: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (state / "events.jsonl").read_text().splitlines()]


def beside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-monitor")


def test_a_stream_like_the_calibrating_examples_is_quiet_and_then_alarms(
    copied: Path, tmp_path: Path, fresh: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    x, _ = fresh
    first = write(tmp_path / "first.npz", x[:90])
    assert watch(copied, first) == QUIET
    said = capsys.readouterr().out
    assert "Examples of the stream: 90, 0 of them with a label; they are ranked among 120" in said
    assert "Without labels, whether the answers are still right is not known" in said
    assert "at most 5 %" in said
    assert "frames of one video" in said
    state = beside(copied)
    # The same batch again counts nothing, and says so.
    assert watch(copied, first) == QUIET
    assert "90 examples were seen before" in capsys.readouterr().err
    assert events(state)[-1]["examples"] == 90
    # Brighter images: an alarm, which stays.
    assert watch(copied, write(tmp_path / "bright.npz", (x[90:] + 0.5).clip(0, 1))) == ALARM
    said = capsys.readouterr().out
    assert "ALARM" in said
    assert "cannot be told apart" in said
    assert watch(copied, first) == ALARM
    # What others read.
    families = {one.name: one for one in text_string_to_metric_families((state / "metrics.prom").read_text())}
    assert families["modelstitch_monitor_alarm"].samples[0].value == 1
    assert families["modelstitch_monitor_examples"].samples[0].value == 180
    assert len(families["modelstitch_monitor_evidence_log10"].samples) == 9
    assert (state / "evidence.png").read_bytes().startswith(b"\x89PNG")
    kinds = [event["event"] for event in events(state)]
    assert kinds[:3] == ["begin", "examples", "examples"]
    assert "alarm" in kinds[3:]
    lines = [entry for entry in read_ledger(copied / LEDGER) if entry.event == "monitor"]
    assert [entry.facts["result"] for entry in lines] == ["watching", "alarm"]
    assert (lines[0].facts["alpha"], lines[0].facts["k"]) == (0.05, 12)
    assert Path(lines[0].facts["folder"]) == state
    assert check_folder(copied).holds  # no file was added to the candidate
    # What the page is told, also where both folders were moved together.
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in (copied, state):
        shutil.move(path, moved / path.name)
    road = road_of(moved / copied.name)
    (told,) = monitors_of(moved / copied.name, road)
    assert has_alarmed(road)
    assert told.alarm
    assert told.picture.startswith("data:image/png;base64,iVBOR")
    assert any("ALARM" in sentence for sentence in told.said)
    assert any("警報" in sentence.in_language("ja") for sentence in told.said)


def test_labels_that_come_later_count_as_labels_that_come_at_once(
    copied: Path, tmp_path: Path, fresh: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = fresh
    assert (
        watch(copied, write(tmp_path / "at_once.npz", x, y), "--state", str(tmp_path / "one"), "--json")
        == QUIET
    )
    at_once = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert watch(copied, write(tmp_path / "x.npz", x), "--state", str(tmp_path / "two")) == QUIET
    again = write(tmp_path / "later.npz", x, y)
    capsys.readouterr()
    assert watch(copied, again, "--state", str(tmp_path / "two"), "--json") == QUIET
    later = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (at_once["labels"], later["labels"], later["examples"]) == (180, 180, 180)
    assert at_once["evidence"]["loss"] == later["evidence"]["loss"]
    assert at_once["evidence"]["label"] == later["evidence"]["label"]
    # The second stream has half of the first one's share.
    assert (at_once["alpha"], later["alpha"]) == (0.05, 0.025)
    assert (at_once["threshold"], later["threshold"]) == (pytest.approx(240), pytest.approx(480))
    # Another label than before is refused, and changes nothing.
    before = (tmp_path / "two" / "events.jsonl").read_text()
    assert (
        watch(copied, write(tmp_path / "w.npz", x, (y + 1) % 10), "--state", str(tmp_path / "two")) == REFUSED
    )
    assert "expected one label for each example" in capsys.readouterr().err
    assert (tmp_path / "two" / "events.jsonl").read_text() == before


def test_examples_of_the_run_are_no_stream(copied: Path, tmp_path: Path, digits: ms.Data) -> None:
    state = tmp_path / "one"
    outcome = monitor(copied, digits, MonitorSpec(by="Eve", state=state))
    # Those that neither fitted, chose nor calibrated it are left: the confirming ones.
    assert outcome.examples == outcome.labels == len(divide_heldout(digits).confirm) == 180
    assert not outcome.alarms


def test_data_that_lie_sorted_are_no_change(
    copied: Path, tmp_path: Path, fresh: tuple[np.ndarray, np.ndarray]
) -> None:
    x, y = fresh
    by_class = np.argsort(y, kind="stable")
    assert watch(copied, write(tmp_path / "sorted.npz", x[by_class], y[by_class])) == QUIET


def test_other_classes_alarm_by_their_labels(
    copied: Path, tmp_path: Path, fresh: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = fresh
    few = y < 2
    many = np.concatenate([x[few] + 1e-4 * copy for copy in range(3)]).clip(0, 1)
    data = write(tmp_path / "few.npz", many.astype(np.float32), np.tile(y[few], 3))
    assert watch(copied, data, "--json") == ALARM
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert outcome["evidence"]["label"]["alarm"] is not None
    assert outcome["cause"] in ("classes", "mixed")


def test_a_candidate_that_is_worse_than_the_receiver_alarms_where_it_is_at_hand(
    copied: Path, tmp_path: Path, fresh: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    x, _ = fresh
    # The labels are the receiver's own answers, of examples that the candidate answers otherwise.
    with torch.no_grad():
        y = small(1, 6)(torch.from_numpy(x)).argmax(1).numpy()
        x, y = (each[ms.load_stitched(copied)(torch.from_numpy(x)).argmax(1).numpy() != y] for each in (x, y))
    state = ("--state", str(tmp_path / "one"))
    receiver = ("--receiver", "tests.adoption.conftest:small(seed=1, width=6)")
    assert watch(copied, write(tmp_path / "bare.npz", x), *state, *receiver) == QUIET
    # The labels come later: what the receiver said was kept with the example.
    assert watch(copied, write(tmp_path / "right.npz", x, y), *state, "--json") == ALARM
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert outcome["evidence"]["paired"]["alarm"] is not None
    other = ("--receiver", "tests.adoption.conftest:small(seed=2, width=6)")
    assert watch(copied, write(tmp_path / "more.npz", x[:9] / 2), *state, *other) == REFUSED
    assert "weights" in capsys.readouterr().err


def test_labels_asked_for_where_answers_are_unsure_are_refused(
    copied: Path, tmp_path: Path, fresh: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = fresh
    with torch.no_grad():
        scores = ms.load_stitched(copied)(torch.from_numpy(x))
    margins = (scores.topk(2, 1).values[:, 0] - scores.topk(2, 1).values[:, 1]).numpy()
    asked = np.where(margins < np.median(margins), y, -1)
    assert watch(copied, write(tmp_path / "asked.npz", x, asked)) == REFUSED
    assert "labels of a random subset" in capsys.readouterr().err
    drawn = np.where(np.random.default_rng(0).random(len(y)) < 0.5, y, -1)
    assert watch(copied, write(tmp_path / "drawn.npz", x, drawn)) == QUIET
    assert 60 < int(str(events(beside(copied))[-1]["labels"])) < 120


def lines(x: np.ndarray, y: np.ndarray | None = None, first: int = 0) -> list[str]:
    return [
        json.dumps(
            {"id": f"e{first + row}", "x": image.tolist(), **({} if y is None else {"label": str(y[row])})}
        )
        + "\n"
        for row, image in enumerate(x)
    ]


def pipe(monkeypatch: pytest.MonkeyPatch, text: list[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(text)))


def test_a_stream_of_lines_gives_the_evidence_of_a_data_set(
    copied: Path,
    tmp_path: Path,
    fresh: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    x, y = fresh
    x, y = x[:100], y[:100]
    assert watch(copied, write(tmp_path / "d.npz", x), "--state", str(tmp_path / "one"), "--json") == QUIET
    whole = json.loads(capsys.readouterr().out.splitlines()[-1])
    pipe(monkeypatch, lines(x))
    assert watch(copied, "-", "--state", str(tmp_path / "two"), "--json") == QUIET
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["event"] for one in printed] == ["begin", "examples", "examples", "outcome"]
    for name, values in printed[-1]["evidence"].items():
        assert values["log10"] == pytest.approx(whole["evidence"][name]["log10"], abs=0.05)
    # Labels come later, by id; one of an example that was never seen is refused.
    pipe(monkeypatch, [json.dumps({"id": f"e{row}", "label": str(y[row])}) + "\n" for row in range(100)])
    assert watch(copied, "-", "--state", str(tmp_path / "two")) == QUIET
    assert events(tmp_path / "two")[-1]["labels"] == 100
    pipe(monkeypatch, ['{"id": "never", "label": "1"}\n'])
    assert watch(copied, "-", "--state", str(tmp_path / "two")) == REFUSED
    assert "'never'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"id": "a", "x": [[[0.1', "line 4 of the stream is cut off"),
        ('{"id": "a", "x": NaN}\n', "line 4 of the stream is no JSON with finite numbers"),
        ('{"id": "a", "x": [[[0.5]]]}\n', "line 4 of the stream: expected x: float32 (N, 1, 8, 8)"),
        ('{"id": "a"}\n', "expected an example in line 4"),
        ('{"id": "a", "image": [1]}\n', "expected line 4 of the stream to hold id, label, x"),
        ('{"id": "e0", "label": "cat"}\n', "expected a label among"),
    ],
)
def test_a_line_that_cannot_be_read_ends_the_stream_and_keeps_what_came_before(
    copied: Path,
    fresh: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    words: str,
) -> None:
    pipe(monkeypatch, [*lines(fresh[0][:3]), line])
    assert watch(copied, "-") == REFUSED
    said = capsys.readouterr().err
    assert words in said
    assert said.count("modelstitch:") == 1
    if "cat" not in line:
        assert events(beside(copied))[-1]["examples"] == 3


def test_bad_input_is_refused_and_leaves_nothing(
    copied: Path, tmp_path: Path, fresh: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = fresh
    before = (copied / LEDGER).read_bytes()
    broken = x.copy()
    broken[3] = np.nan
    cases = {
        write(tmp_path / "nan.npz", broken): "NaN",
        write(tmp_path / "shape.npz", x[..., :7]): "expected x: float32",
        write(tmp_path / "labels.npz", x, y + 5): "label set",
        str(tmp_path / "none.npz"): "none.npz",
    }
    for data, words in cases.items():
        assert watch(copied, data) == REFUSED
        assert words in capsys.readouterr().err
    good = write(tmp_path / "good.npz", x[:20])
    for options, words in (
        (("--alpha", "1.5"), "expected alpha between 0 and 1"),
        (("--state", str(copied / "inside")), "outside of the candidate"),
    ):
        assert watch(copied, good, *options) == REFUSED
        assert words in capsys.readouterr().err
    assert not beside(copied).exists()
    assert (copied / LEDGER).read_bytes() == before


def test_a_state_in_use_of_another_candidate_or_rule_is_refused(
    copied: Path, tmp_path: Path, fresh: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    good = write(tmp_path / "good.npz", fresh[0][:20])
    assert watch(copied, good, "--alpha", "0.1") == QUIET
    state = beside(copied)
    with locked(state / LOCK, "held"):
        assert watch(copied, good) == REFUSED
    assert "in use by another monitor" in capsys.readouterr().err
    assert watch(copied, good, "--alpha", "0.05") == REFUSED
    assert "alpha is 0.1, got 0.05" in capsys.readouterr().err
    # A folder that was changed is refused before anything is taken.
    with (copied / "README.md").open("a") as file:
        file.write("more")
    assert watch(copied, good) == REFUSED
    assert "is not what was exported" in capsys.readouterr().err


def test_a_damaged_state_and_one_of_another_candidate_are_refused(
    copied: Path, tmp_path: Path, fresh: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    good = write(tmp_path / "good.npz", fresh[0][:20])
    assert watch(copied, good) == QUIET
    # A candidate with another first line in its ledger is another candidate.
    other = tmp_path / "other"
    shutil.copytree(copied, other)
    first = read_ledger(copied / LEDGER)[0]
    (other / LEDGER).write_text(LedgerEntry(**{**asdict(first), "by": "Someone"}).line)
    assert watch(other, good, "--state", str(beside(copied))) == REFUSED
    assert "of another candidate" in capsys.readouterr().err
    assert [entry.event for entry in read_ledger(other / LEDGER)] == ["candidate"]
    # The one state folder that the ledger names is gone: no further stream begins by accident.
    away = beside(copied).rename(tmp_path / "away")
    assert watch(copied, good) == REFUSED
    assert "is not there" in capsys.readouterr().err
    (away / "monitor.sqlite").write_bytes(b"no database" * 500)
    assert watch(copied, good, "--state", str(away)) == REFUSED
    assert "cannot read the state of a monitor" in capsys.readouterr().err


def test_a_call_that_breaks_off_leaves_the_state_as_it_was(
    copied: Path,
    tmp_path: Path,
    fresh: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    x, y = fresh
    assert watch(copied, write(tmp_path / "first.npz", x[:50])) == QUIET
    before = events(beside(copied))[-1]

    def breaks(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("modelstitch.adoption.monitor.taking._follow_paired", breaks)
        assert watch(copied, write(tmp_path / "more.npz", x[50:], y[50:])) == 130
    assert watch(copied, str(tmp_path / "first.npz")) == QUIET
    after = events(beside(copied))[-1]
    assert (after["examples"], after["labels"], after["log10"]) == (50, 0, before["log10"])


def test_labels_of_unsure_answers_are_no_random_subset() -> None:
    scores = torch.randn(600, 5, generator=torch.Generator().manual_seed(1))
    margins = scores.topk(2, 1).values.diff(dim=1).flatten()
    expect_random_subset(scores[:100], scores[100:])
    unsure = margins.sort(descending=True).indices
    with pytest.raises(DataError, match="less sure"):
        expect_random_subset(scores[unsure[:100]], scores[unsure[100:]])


def test_a_full_disk_leaves_the_state_as_it_was(
    copied: Path,
    tmp_path: Path,
    fresh: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    x, y = fresh
    assert watch(copied, write(tmp_path / "first.npz", x[:20])) == QUIET
    before, ledger = events(beside(copied))[-1], (copied / LEDGER).read_bytes()
    connect = sqlite3.connect

    def full(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr("modelstitch.adoption.monitor.store.sqlite3.connect", full)
        assert watch(copied, write(tmp_path / "more.npz", x[20:], y[20:])) == REFUSED
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("modelstitch:")]
    assert "cannot write the state of the monitor: database or disk is full" in line
    assert (copied / LEDGER).read_bytes() == ledger
    assert watch(copied, str(tmp_path / "first.npz")) == QUIET
    after = events(beside(copied))[-1]
    assert (after["examples"], after["labels"], after["log10"]) == (20, 0, before["log10"])


def test_examples_of_one_group_are_refused(copied: Path, fresh: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = (torch.from_numpy(value) for value in fresh)
    patients = torch.arange(len(x)) // 2
    with pytest.raises(DataError, match=r"expected examples that do not depend on each other, got .* groups"):
        monitor(copied, ms.data_from(x, y, keep_together=patients), MonitorSpec(by="Eve"))
    assert not beside(copied).exists()
