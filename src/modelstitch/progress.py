"""What a long piece of work tells whoever watches; the default watcher says nothing."""

from __future__ import annotations


class Progress:
    """Receives news of a run; override what you want to show."""

    def stage(self, text: str) -> None:
        """A new stage begins."""

    def start(self, total: int, done: int) -> None:
        """Cells are about to be fitted: ``total`` in all, ``done`` of them finished earlier."""

    def cell(self, text: str, accuracy: float | None) -> None:
        """A cell is finished and, where there is a run folder, saved."""


SILENT = Progress()
"""Tells nobody anything."""
