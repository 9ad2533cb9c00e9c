"""Callbacks that report the progress of a run; the default ones are no-ops."""

from __future__ import annotations


class Progress:
    """Callbacks of a run; override the ones to show."""

    def stage(self, text: str) -> None:
        """A new stage begins."""

    def warn(self, text: str) -> None:
        """Something looks wrong, before the work begins."""

    def start(self, total: int, done: int, what: str = "fitting stitches") -> None:
        """Work on cells begins: ``total`` in all, ``done`` of them finished earlier."""

    def cell(self, text: str, accuracy: float | None) -> None:
        """A cell is fitted and, where there is a run folder, saved."""

    def measured(self, text: str) -> None:
        """The evidence of a cell is measured and, where there is a run folder, saved."""


SILENT = Progress()
"""Callbacks that are all no-ops."""
