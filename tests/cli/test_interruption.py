"""A run that is killed loses at most the cell in flight, and repeats none that had finished."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelstitch import load
from modelstitch.cli import EXIT_OK, main
from modelstitch.runs.store import Store
from tests.runs.made import HEADER

ROOT = Path(__file__).parents[2]


def command(checkpoints: tuple[Path, Path], out: Path) -> list[str]:
    models = [str(path) for path in checkpoints]
    options = ["--steps", "60", "--controls", "none", "--device", "cpu", "--out", str(out)]
    options += ["--evidence", "none"]
    cuts = ["--cuts", "layers.1", "layers.2", "layers.3"]
    return ["compare", *models, *cuts, *options]


def finished_cells(run: Path) -> dict[str, tuple[str, float]]:
    database = run / "run.sqlite"
    if not database.exists():
        return {}
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT key, finished_at, seconds FROM cells").fetchall()
    except sqlite3.OperationalError:
        return {}
    finally:
        connection.close()
    return {key: (at, seconds) for key, at, seconds in rows}


def start_and_stop(arguments: list[str], run: Path, after: int, how: signal.Signals) -> tuple[int, str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "modelstitch", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Tests that a shell starts in the background ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while len(finished_cells(run)) < after and process.poll() is None:
        assert time.monotonic() < deadline, "no cell was finished in two minutes"
        time.sleep(0.01)
    process.send_signal(how)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


@pytest.mark.slow
def test_killed_and_interrupted_and_resumed(
    checkpoints: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = command(checkpoints, run)

    code, _ = start_and_stop(arguments, run, 2, signal.SIGKILL)
    assert code == -signal.SIGKILL
    killed = finished_cells(run)
    assert 2 <= len(killed) < 9

    code, output = start_and_stop(arguments, run, len(killed) + 2, signal.SIGINT)
    assert code == 130
    assert "finished cells are saved, the same command goes on: modelstitch compare" in output
    assert "Traceback" not in output
    interrupted = finished_cells(run)
    assert killed.items() <= interrupted.items()
    assert len(killed) + 2 <= len(interrupted) < 9
    assert len(load(run).cells) == len(interrupted)

    assert main(arguments) == EXIT_OK
    assert f"{len(interrupted)} of 9 cells were finished earlier" in capsys.readouterr().err
    final = finished_cells(run)
    assert interrupted.items() <= final.items()
    assert len(final) == 9

    straight = tmp_path / "straight"
    assert main(command(checkpoints, straight)) == EXIT_OK
    resumed_cells, straight_cells = (
        [(c.sender_cut, c.receiver_cut, c.score) for c in load(r).cells] for r in (run, straight)
    )
    assert resumed_cells == straight_cells


def test_a_lock_is_let_go_when_its_holder_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from modelstitch.runs.store import Store\n"
        "from tests.runs.made import HEADER\n"
        "store = Store(sys.argv[1], HEADER)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    Store(tmp_path, HEADER).close()
