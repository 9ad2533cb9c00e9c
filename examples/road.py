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


def down_the_road(
    run: Path, candidate: Path, data: Path, own: str, streams: tuple[str, str], margin: float, risk: str
) -> None:
    """Lead the first candidate of a run from its export to an alarm.

    Args:
        run: its run folder.
        candidate: where its folder goes.
        data: folder with ``pilot.npz`` and the files of the other two.
        own: file of the data of the run.
        streams: files of a stream that is as before, and of one that has changed.
        margin: points of the score that may be lost.
        risk: why it is exported, whatever its run says.
    """
    sender_cut, receiver_cut = first_candidate(run)
    ask(
        f"export {run} --sender-cut {sender_cut} --receiver-cut {receiver_cut} --margin {margin} "
        f"--out {candidate} --by Ann --accept-risk '{risk}'"
    )
    ask(f"pilot {candidate} --data {data / 'pilot.npz'} --by Ann")
    ask(f"verify {candidate} --data {data / own} --by Bo")
    reviewed = candidate.with_name("looked-at.csv")
    look_at(candidate.with_name(f"{candidate.name}-pilot-1") / "differ.csv", reviewed)
    ask(f"stage {candidate} adopted --by Cy --reviewed {reviewed}")
    for stream, code in zip(streams, (0, 4), strict=True):
        ask(f"monitor {candidate} --data {data / stream} --by Cy", code)
