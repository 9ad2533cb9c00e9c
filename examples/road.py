"""What the examples of the whole road share: commands as at a shell, printed with what they say."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shlex
from pathlib import Path

from modelstitch.cli import main


def ask(command: str, *expected: int) -> str:
    """Print a command and what it says; return that.

    Raises:
        SystemExit: it ended with another exit code than is expected (0 by default).
    """
    print(f"\n$ modelstitch {command}")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main(shlex.split(command))
    print(said.getvalue().rstrip())
    if code not in (expected or (0,)):
        raise SystemExit(f"modelstitch {command}: expected exit code {expected or (0,)}, got {code}")
    if code:
        print(f"(exit code {code})")
    return said.getvalue()


def first_candidate(run: Path) -> tuple[str, str]:
    """Return the cuts of the first candidate in the table of a run."""
    row = json.loads((run / "candidates.json").read_text(encoding="utf-8"))["rows"][0]
    return row["sender_cut"], row["receiver_cut"]


def look_at(differ: Path, looked_at: Path) -> None:
    """Write the table that a person would: a word for each example where both answers differ.

    The words are staged: nobody looked.
    """
    with differ.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with looked_at.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("example", "word"))
        writer.writerows((row["example"], "staged") for row in rows)
