"""``modelstitch diff``: two runs side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from modelstitch.cli.json_output import print_json


@dataclass(frozen=True)
class Diff:
    """Say what changed from one run to another: choices, scores beyond noise, verdicts."""

    run_a: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN_A")]]
    """Run folder to begin with, or a file that Comparison.save wrote."""
    run_b: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN_B")]]
    """Run folder to compare it with."""
    out: Path | None = None
    """Page (.html) or Markdown file (.md) to write; by default Markdown is printed."""
    lang: Literal["en", "ja"] = "en"
    """Language: en or ja."""
    json: bool = False
    """Print the changes as JSON."""

    def run(self) -> bool:
        """Print or write the changes."""
        from modelstitch.api.use import load_one
        from modelstitch.report import write_page
        from modelstitch.report.difference_page import difference_markdown, difference_page, name_of
        from modelstitch.results.difference import difference
        from modelstitch.util.places import expect_writable

        if self.out is not None:
            expect_writable(self.out.parent)
        before, after = load_one(self.run_a), load_one(self.run_b)
        found = difference(before, after)
        names = (name_of(before, self.run_a.name), name_of(after, self.run_b.name))
        if self.json:
            print_json("diff", found.to_plain())
        if self.out is not None:
            form = difference_page if self.out.suffix == ".html" else difference_markdown
            write_page(form(found, names, self.lang), self.out)
            if not self.json:
                print(self.out)
        elif not self.json:
            print(difference_markdown(found, names, self.lang), end="")
        return False
