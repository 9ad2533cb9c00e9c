"""``modelstitch report``: the page of a run."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from modelstitch.errors import SpecError

if TYPE_CHECKING:
    from modelstitch.results.pairs import Comparisons


@dataclass(frozen=True)
class Report:
    """Write the report of a run again: one HTML file that needs no other, or Markdown."""

    run_folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """A run folder, that of an experiment of several pairs, or a file that Comparison.save wrote."""
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

    examples: Literal["in-run", "always", "never"] = "in-run"
    """Show held-out examples with another answer: on a page in the run folder alone, on any page, or on none.
    Markdown has none."""

    def run(self) -> bool:
        """Write the page; return whether some cells of the run failed."""
        from modelstitch.adoption.summary.of_folder import candidate_folders
        from modelstitch.api.use import load
        from modelstitch.cli.page_parts import strips_of
        from modelstitch.report import markdown, page, write_page
        from modelstitch.report.beyond import BeyondRun
        from modelstitch.results.comparison import Comparison
        from modelstitch.results.pairs import Comparisons
        from modelstitch.runs.sums import note_written

        found = load(self.run_folder)
        if isinstance(found, Comparisons):
            return self._of_pairs(found)
        comparison: Comparison = found
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
            name = "report.html" if self.lang == "en" else f"report.{self.lang}.html"
            out = self.out or (folder or self.run_folder.parent) / name
            inside = folder is not None and out.resolve().parent == folder.resolve()
            shows = {"in-run": inside, "always": True, "never": False}[self.examples]
            beyond = replace(beyond, shows_examples=shows)
            text = page(comparison, self.lang, strips=strips, beyond=beyond, folder=folder, paths=self.paths)
        write_page(text, out)
        note_written(out)
        print(out)
        return bool(comparison.failed)

    def _of_pairs(self, pairs: Comparisons) -> bool:
        """Write the page of all pairs of an experiment; return whether some cells failed."""
        from modelstitch.report import write_page
        from modelstitch.report.pairs import pairs_text

        if self.candidate:
            raise SpecError(
                "expected the run of one pair with --candidate, got several pairs: give the folder of a pair"
            )
        folder = self.run_folder if self.run_folder.is_dir() else self.run_folder.parent
        out = self.out or folder / ("report.html" if self.lang == "en" else f"report.{self.lang}.html")
        text = pairs_text(pairs, out.parent, self.lang, markdown=self.markdown)
        if self.markdown and self.out is None:
            sys.stdout.write(text)
        else:
            write_page(text, out)
            print(out)
        return any(each.failed for each in pairs.values())
