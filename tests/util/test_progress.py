"""Progress: shown where somebody watches, in one line; off; one's own; nothing twice."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress as Bar

import modelstitch as ms
from modelstitch.errors import SpecError
from modelstitch.util import progress
from modelstitch.util.progress import SILENT, Progress, in_notebook, listening
from modelstitch.util.progress_bar import LineBar, Watcher
from tests.report.made import run


class Heard(Progress):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def stage(self, text: str) -> None:
        self.told.append(("stage", text))

    def warn(self, text: str) -> None:
        self.told.append(("warn", text))

    def start(self, total: int, done: int, what: str = "fitting stitches") -> None:
        self.told.append(("start", total, done, what))

    def cell(self, text: str, accuracy: float | None) -> None:
        self.told.append(("cell", text, accuracy))

    def measured(self, text: str) -> None:
        self.told.append(("measured", text))

    def finished(self, comparison: Any) -> None:
        self.told.append(("finished", comparison))

    def closed(self) -> None:
        self.told.append(("closed",))


def tell(listener: Progress) -> None:
    listener.stage("reading the data")
    listener.warn("odd [labels]")
    listener.start(3, 1, "fitting stitches")
    listener.cell("a -> b", 0.5)
    listener.cell("a -> c", None)
    listener.measured("a -> b")
    listener.finished("result")


def lines(choice: Any, monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    """Return what a choice writes to stderr."""
    file = io.StringIO()
    file.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setenv("TERM", "xterm")
    with listening(choice) as listener:
        tell(listener)
    return file.getvalue()


def test_by_default_a_terminal_shows_a_bar_and_a_file_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = lines(None, monkeypatch, terminal=True)
    assert "fitting stitches" in shown
    assert "odd [labels]" in shown  # brackets are no markup
    assert lines(None, monkeypatch, terminal=False) == ""


def test_true_is_heard_in_a_file_too_and_false_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = lines(True, monkeypatch, terminal=False)
    assert "reading the data ..." in shown
    assert "fitting stitches: 1 of 2" in shown
    for terminal in (True, False):
        assert lines(False, monkeypatch, terminal=terminal) == ""


def test_ones_own_takes_the_place_of_the_bar_and_may_stand_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = Heard(), Heard()
    assert lines(own, monkeypatch, terminal=True) == ""
    assert "fitting" in lines([True, own, other], monkeypatch, terminal=True)
    assert own.told[:8] == own.told[8:] == other.told
    assert [each[0] for each in other.told] == [
        *("stage", "warn", "start", "cell", "cell", "measured", "finished", "closed")
    ]


@pytest.mark.parametrize("choice", [5, "yes", Progress, [True, None, "x"], []])
def test_what_is_no_choice_is_refused(choice: Any) -> None:
    with pytest.raises(SpecError, match="expected progress as True, False or"), listening(choice):
        pass


def test_every_callback_of_the_interface_reaches_each_of_several() -> None:
    own = [name for name in vars(Progress) if name[0] != "_"]
    first, second = Heard(), Heard()
    with listening([first, second]) as listener:
        assert {name for name in vars(type(listener)) if name[0] != "_"} == set(own)
        tell(listener)
    assert {each[0] for each in second.told} == set(own)
    tell(SILENT)
    SILENT.closed()


def test_verbs_hand_the_finished_comparison_to_each_callback(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(1, 1)
    monkeypatch.setattr("modelstitch.api.choices.prepare", lambda *_, **__: None)
    monkeypatch.setattr("modelstitch.api.choices.run", lambda *_, **__: found)
    heard = Heard()
    assert ms.compare("a", "b", "digits", progress=heard) is found
    assert heard.told == [("finished", found), ("closed",)]


def test_a_notebook_has_a_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert in_notebook()
    shown = lines(None, monkeypatch, terminal=False)
    assert "\x1b" not in shown
    assert "odd [labels]\n" in shown
    assert shown.endswith("\n")
    last = shown.rstrip("\n").split("\r")[-1]
    assert "3 of 2" in last or "2 of 2" in last
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not in_notebook()


def test_a_line_writes_over_a_longer_one_and_tells_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("modelstitch.util.progress_bar.time.monotonic", lambda: now[0])
    file = io.StringIO()
    bar = LineBar(file)
    bar.stage("a stage with a long name")
    bar.start(4, 0)
    now[0] = 30.0
    bar.cell("a", 0.25)
    drawn = file.getvalue().split("\r")
    assert len(drawn[2]) >= len("a stage with a long name")
    assert drawn[-1].rstrip() == (
        "fitting stitches, last 0.250 [#####---------------], 1 of 4, 0:30 elapsed, 1:30 left"
    )
    now[0] = 30.1
    bar.cell("b", None)  # too soon to be drawn
    assert file.getvalue().split("\r")[-1] == drawn[-1]
    now[0] = 3700.0
    bar.cell("c", None)
    assert "failed" in file.getvalue()
    assert "1:01:40 elapsed" in file.getvalue()


def test_the_bar_of_a_terminal_has_one_line_for_every_tenth_in_a_file() -> None:
    file = io.StringIO()
    with Bar(console=Console(file=file)) as bar:
        watcher = Watcher(bar)
        watcher.start(20, 0)
        for _ in range(20):
            watcher.measured("x")
    assert file.getvalue().count("fitting stitches: ") == 10
    assert progress.is_watched() is (sys.stderr.isatty() or in_notebook())
