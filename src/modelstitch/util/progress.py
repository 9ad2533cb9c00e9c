"""What a run tells while it works: one class of callbacks, and which of them a caller asked for."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from modelstitch.errors import SpecError

if TYPE_CHECKING:
    from modelstitch.util.progress_bar import Watcher


class Progress:
    """Callbacks of a run, all of them no-ops: override those that are needed, and give one as ``progress=``.

    They are called in the process and the thread of the run. An error of a callback ends the run.

    Example:
        >>> class Scores(Progress):
        ...     def cell(self, text, accuracy):
        ...         print(text, accuracy)
        >>> Scores().cell("layers.1 -> layers.2 (affine, control trained, seed 0)", 0.91)
        layers.1 -> layers.2 (affine, control trained, seed 0) 0.91
    """

    def stage(self, text: str) -> None:
        """A new stage begins, such as ``reading the data``."""

    def warn(self, text: str) -> None:
        """Something looks wrong, before the work begins."""

    def start(self, total: int, done: int, what: str = "fitting stitches") -> None:
        """Work on cells begins: ``total`` in all, ``done`` of them finished earlier."""

    def cell(self, text: str, accuracy: float | None) -> None:
        """A cell is fitted and, where there is a run folder, saved; its score is None if the fit failed."""

    def measured(self, text: str) -> None:
        """The evidence of a cell is measured and, where there is a run folder, saved."""

    def finished(self, comparison: Any) -> None:
        """A :class:`modelstitch.Comparison` is finished, with its evidence; of several pairs each one."""

    def closed(self) -> None:
        """The work has ended, also by an error; more may follow with the same callbacks."""


ProgressChoice: TypeAlias = bool | Progress | Sequence[bool | Progress] | None
"""None for a bar where somebody watches, True for news everywhere, False for none, or own callbacks."""

SILENT = Progress()
"""Callbacks that are all no-ops."""


class _Several(Progress):
    """Hands all news to several callbacks, in their order."""

    def __init__(self, each: Sequence[Progress]) -> None:
        self._each = each

    def stage(self, text: str) -> None:
        for one in self._each:
            one.stage(text)

    def warn(self, text: str) -> None:
        for one in self._each:
            one.warn(text)

    def start(self, total: int, done: int, what: str = "fitting stitches") -> None:
        for one in self._each:
            one.start(total, done, what)

    def cell(self, text: str, accuracy: float | None) -> None:
        for one in self._each:
            one.cell(text, accuracy)

    def measured(self, text: str) -> None:
        for one in self._each:
            one.measured(text)

    def finished(self, comparison: Any) -> None:
        for one in self._each:
            one.finished(comparison)

    def closed(self) -> None:
        for one in self._each:
            one.closed()


@contextlib.contextmanager
def listening(choice: ProgressChoice) -> Iterator[Progress]:
    """Yield the callbacks that a choice means, for the time of a block.

    Args:
        choice: None shows a bar in a terminal or a notebook, and nothing where stderr is a file or a pipe and
            nobody watches. True shows one line for each stage and each tenth of the work there. False shows
            nothing. Callbacks of one's own take the place of the bar; in a list they may stand beside it, as
            in ``[True, mine]``.

    Raises:
        SpecError: anything else.

    Example:
        >>> with listening(False) as progress:
        ...     progress.stage("reading the data")
        >>> with listening([Progress, True]) as progress:
        ...     pass
        Traceback (most recent call last):
        ...
        modelstitch.errors.SpecError: expected progress as True, False or a Progress, got <class ...
    """
    wanted = list(choice) if isinstance(choice, list | tuple) else [choice]
    for each in wanted:
        if not (each is None or isinstance(each, bool | Progress)):
            raise SpecError(
                f"expected progress as True, False or a Progress, got {each!r}: give an instance of a class "
                "of your own, below modelstitch.Progress"
            )
    with contextlib.ExitStack() as stack:
        listeners: list[Progress] = [each for each in wanted if isinstance(each, Progress)]
        if not wanted:
            raise SpecError("expected progress as True, False or callbacks, got an empty list")
        if any(each is True for each in wanted) or (None in wanted and is_watched()):
            listeners.insert(0, stack.enter_context(_bar()))
        for listener in listeners:
            stack.callback(listener.closed)
        yield listeners[0] if len(listeners) == 1 else _Several(listeners) if listeners else SILENT


def is_watched() -> bool:
    """Tell whether somebody sees a bar: stderr is a terminal, or this is a notebook."""
    return in_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def in_notebook() -> bool:
    """Tell whether this code runs in a kernel of Jupyter, whose output is no terminal."""
    shell = sys.modules.get("IPython")
    current = None if shell is None else shell.get_ipython()
    return getattr(current, "kernel", None) is not None


def _bar() -> contextlib.AbstractContextManager[Watcher | Progress]:
    # rich is loaded only where something is shown.
    from modelstitch.util.progress_bar import line_bar, watching

    return line_bar() if in_notebook() else watching()
