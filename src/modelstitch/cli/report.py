"""``modelstitch report``: the page of a run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Report:
    """Write the report of a run again: one HTML file that needs no other, or Markdown."""

    run_folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """A run folder, or a file that Comparison.save wrote."""
    out: Path | None = None
    """The file to write; by default report.html (in Japanese report.ja.html) beside the run."""
    lang: Literal["en", "ja"] = "en"
    """Language: en or ja."""
    markdown: bool = False
    """Write Markdown for a pull request instead, to stdout or to --out."""
    candidate: tuple[str, ...] = ()
    """Folders of candidates that were exported from this run: the page tells who did what with them."""
    paths: bool = False
    """Show paths of this machine in full, instead of their last part."""

    def run(self) -> bool:
        """Write the page; return whether some cells of the run failed."""
        from modelstitch.adoption.summary.of_folder import candidate_folders
        from modelstitch.api.use import load
        from modelstitch.cli.page_parts import strips_of
        from modelstitch.report import markdown, page, write_page
        from modelstitch.report.beyond import BeyondRun
        from modelstitch.runs.sums import note_written

        comparison = load(self.run_folder)
        folder = self.run_folder if self.run_folder.is_dir() else None
        beyond = BeyondRun.of_run(comparison, folder, candidate_folders(self.candidate, comparison))
        if self.markdown:
            text = markdown(comparison, self.lang, beyond=beyond, folder=folder, paths=self.paths)
            if self.out is None:
                sys.stdout.write(text)
                return bool(comparison.failed)
            out = self.out
        else:
            strips = {} if folder is None else strips_of(folder)
            text = page(comparison, self.lang, strips=strips, beyond=beyond, folder=folder, paths=self.paths)
            name = "report.html" if self.lang == "en" else f"report.{self.lang}.html"
            out = self.out or (folder or self.run_folder.parent) / name
        write_page(text, out)
        note_written(out)
        print(out)
        return bool(comparison.failed)
