"""``modelstitch report``: the page of a run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Report:
    """Write the page of a run: one HTML file that holds everything it shows."""

    run_folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """A run folder, or a file that Comparison.save wrote."""
    out: Path | None = None
    """The file to write; report.html in the run folder without it (report.ja.html in Japanese)."""
    lang: Literal["en", "ja"] = "en"
    """English or Japanese."""
    markdown: bool = False
    """Print Markdown for a pull request on stdout instead."""
    paths: bool = False
    """Show the paths of this machine as they are, instead of their last part alone."""

    def run(self) -> bool:
        """Write the page; return whether some cells of the run failed."""
        from modelstitch.report import markdown, page, read_strips, write_page
        from modelstitch.verbs import load

        comparison = load(self.run_folder)
        if self.markdown:
            sys.stdout.write(markdown(comparison, self.lang))
            return bool(comparison.failed)
        folder = self.run_folder if self.run_folder.is_dir() else self.run_folder.parent
        out = self.out or folder / ("report.html" if self.lang == "en" else f"report.{self.lang}.html")
        strips = read_strips(folder) if self.run_folder.is_dir() else {}
        write_page(page(comparison, self.lang, strips=strips, folder=folder, paths=self.paths), out)
        print(out)
        return bool(comparison.failed)
