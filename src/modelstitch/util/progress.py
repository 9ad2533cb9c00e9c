"""What a long piece of work tells whoever watches; the default watcher says nothing."""

from __future__ import annotations


class Progress:
    """Receives news of a run; override what you want to show."""

    def stage(self, text: str) -> None:
        """A new stage begins."""

    def warn(self, text: str) -> None:
        """Something looks wrong, before the work begins."""

    def start(self, total: int, done: int, what: str = "fitting stitches") -> None:
        """Cells are about to be worked on: ``total`` in all, ``done`` of them finished earlier."""

    def cell(self, text: str, accuracy: float | None) -> None:
        """A cell is fitted and, where there is a run folder, saved."""

    def measured(self, text: str) -> None:
        """The evidence of a cell is measured and, where there is a run folder, saved."""


SILENT = Progress()
"""Tells nobody anything."""
