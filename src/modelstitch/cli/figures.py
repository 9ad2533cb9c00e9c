"""``modelstitch figures``: the pictures of a run for a paper."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Figures:
    """Draw the matrices, verdicts and curves of a run as files for a paper."""

    run_folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """A run folder, or a file that Comparison.save wrote."""
    out: Path | None = None
    """Folder to write to; by default figures in the run folder."""
    format: tuple[Literal["pdf", "svg", "png"], ...] = ("pdf",)
    """File formats."""
    width: float = 140.0
    """Width of each figure in millimetres; verdicts and geometry are at most 90 wide."""

    def run(self) -> bool:
        """Write the figures; return whether some cells of the run failed."""
        from modelstitch.api.use import load_one
        from modelstitch.report.figures import figures, write_figures

        comparison = load_one(self.run_folder)
        folder = self.run_folder if self.run_folder.is_dir() else self.run_folder.parent
        out = self.out or folder / "figures"
        for path in write_figures(figures(comparison, self.width), out, self.format):
            print(path)
        return bool(comparison.failed)
