"""Bars that show the progress of a run on stderr: of rich in a terminal, one line of text in a notebook."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from modelstitch.util.progress import Progress

_LEAST_SECONDS = 0.2
"""Time between two drawings of a line: a notebook keeps all that is written."""

_WIDTH = 20


class Watcher(Progress):
    """Shows stages and finished cells as one line with the time left."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._what = ""
        self._task = bar.add_task("starting", total=None)

    def stage(self, text: str) -> None:
        self._bar.update(self._task, description=text)
        if not self._bar.console.is_terminal:
            self._bar.console.print(f"{text} ...", highlight=False, markup=False)

    def warn(self, text: str) -> None:
        console = self._bar.console  # a terminal breaks lines between words, a file has whole lines
        console.print(text, style="yellow", highlight=False, soft_wrap=not console.is_terminal, markup=False)

    def start(self, total: int, done: int, what: str = "fitting stitches") -> None:
        self._what = what
        self._bar.reset(self._task, total=total, completed=0, description=what)
        if done:
            self._bar.console.print(f"{what}: {done} of {total} cells were finished earlier", highlight=False)
            self._bar.update(self._task, total=total - done)

    def cell(self, text: str, accuracy: float | None) -> None:
        shown = "failed" if accuracy is None else f"{accuracy:.3f}"
        self._advance(f"{self._what}, last {shown}")

    def measured(self, text: str) -> None:
        self._advance(self._what)

    def _advance(self, text: str) -> None:
        self._bar.update(self._task, advance=1, description=text)
        # A file shows no moving bar: one line for every tenth of the work instead.
        task = next(task for task in self._bar.tasks if task.id == self._task)
        total, done = int(task.total or 0), int(task.completed)
        if not self._bar.console.is_terminal and total and done * 10 // total > (done - 1) * 10 // total:
            seconds = round(task.elapsed or 0)
            self._bar.console.print(f"{self._what}: {done} of {total}, {seconds} s", highlight=False)


@contextlib.contextmanager
def watching() -> Iterator[Watcher]:
    """Show progress on stderr while the block runs."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    # A bar that is started leaves an empty line in a file, before the one line of an error.
    with bar if bar.console.is_terminal else contextlib.nullcontext():
        yield Watcher(bar)


class LineBar(Progress):
    """Shows stages and finished cells as one line of text that is written over: what a notebook can show.

    Args:
        file: where it is written; stderr by default.

    Example:
        >>> import io
        >>> file = io.StringIO()
        >>> bar = LineBar(file)
        >>> bar.start(2, 0)
        >>> bar.cell("a -> b", 0.5)
        >>> bar.close()
        >>> file.getvalue().split("\\r")[-1].split("],")[0]
        'fitting stitches, last 0.500 [##########----------'
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = sys.stderr if file is None else file
        self._what, self._text = "", ""
        self._total = self._done = 0
        self._began = time.monotonic()
        self._drawn_at = -1.0
        self._shown = 0

    def stage(self, text: str) -> None:
        self._total, self._text = 0, f"{text} ..."
        self._draw(now=True)

    def warn(self, text: str) -> None:
        self._write("", text + "\n")
        self._draw(now=True)

    def start(self, total: int, done: int, what: str = "fitting stitches") -> None:
        self._what = self._text = what
        self._total, self._done = total - done, 0
        self._began = time.monotonic()
        self._draw(now=True)

    def cell(self, text: str, accuracy: float | None) -> None:
        shown = "failed" if accuracy is None else f"{accuracy:.3f}"
        self._advance(f"{self._what}, last {shown}")

    def measured(self, text: str) -> None:
        self._advance(self._what)

    def close(self) -> None:
        """End the line."""
        self._draw(now=True)
        self._file.write("\n")
        self._file.flush()

    def _advance(self, text: str) -> None:
        self._done += 1
        self._text = text
        self._draw(now=self._done >= self._total)

    def _draw(self, *, now: bool) -> None:
        at = time.monotonic()
        if not now and at - self._drawn_at < _LEAST_SECONDS:
            return
        self._drawn_at = at
        self._write(self._line(at - self._began))

    def _line(self, seconds: float) -> str:
        if self._total <= 0:
            return self._text
        full = min(_WIDTH, _WIDTH * self._done // self._total)
        left = seconds * (self._total - self._done) / self._done if self._done else None
        times = f"{_clock(seconds)} elapsed" + ("" if left is None else f", {_clock(left)} left")
        bar = "#" * full + "-" * (_WIDTH - full)
        return f"{self._text} [{bar}], {self._done} of {self._total}, {times}"

    def _write(self, line: str, after: str = "") -> None:
        # What the longer line before it left over is written over.
        self._file.write("\r" + line.ljust(self._shown) + ("\r" + after if after else ""))
        self._shown = 0 if after else len(line)
        self._file.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.contextmanager
def line_bar() -> Iterator[LineBar]:
    """Show progress as one line of text on stderr while the block runs."""
    bar = LineBar()
    try:
        yield bar
    finally:
        bar.close()
