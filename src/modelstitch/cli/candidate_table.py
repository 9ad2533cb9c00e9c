"""Candidates in the terminal: one row each, and what it all says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from modelstitch.adoption.candidates.candidate import Candidate, Candidates, Whole
from modelstitch.adoption.candidates.sentences import sentences
from modelstitch.cli.screen import print_table, tell

if TYPE_CHECKING:
    from modelstitch.geometry.intervals import ValueWithInterval


def print_candidates(found: Candidates) -> None:
    """Print the table and its sentences."""
    table = Table(title=f"{found.sender.name} in front of {found.receiver.name}, on {found.data}")
    for heading in ("sender up to", "receiver from", "stitch"):
        table.add_column(heading, overflow="fold")
    for heading in (
        found.score_name,
        "points lost",
        "smallest margin",
        "multiply-adds",
        "parameters",
        "ms (1 / 64)",
        "MB (1 / 64)",
    ):
        table.add_column(heading, justify="right")
    for heading in ("comes across", "stands"):
        table.add_column(heading, overflow="fold")
    for role, whole in (("sender", found.sender), ("receiver", found.receiver)):
        table.add_row(
            f"whole {role}",
            "",
            "",
            "" if whole.score is None else f"{whole.score[0]:.3f}",
            "",
            "",
            _counted(whole.load.multiply_adds),
            f"{whole.load.parameters:,}",
            _latency(whole),
            _memory(whole),
        )
    table.add_section()
    for row in found.rows:
        whole = found.receiver if row.replaces == "receiver" else found.sender
        table.add_row(
            row.sender_cut,
            row.receiver_cut,
            row.stitch,
            _score(row),
            _points(row.lost),
            "" if row.smallest_margin is None else f"{row.smallest_margin:.3f}",
            _with_share(_counted(row.load.multiply_adds), row.load.multiply_adds, whole.load.multiply_adds),
            _with_share(f"{row.load.parameters:,}", row.load.parameters, whole.load.parameters),
            _latency(row),
            _memory(row),
            row.comes_across or "",
            _stands(row),
        )
    if found.rows:
        print_table(table, wide=200)
    for sentence in sentences(found):
        tell(f"- {sentence}")


def _score(row: Candidate) -> str:
    if row.over_seeds is None:
        return f"{row.score[0]:.3f}"
    mean, low, high = row.over_seeds
    return f"{row.score[0]:.3f}; of {len(row.seeds)} seeds {mean:.3f} ({low:.3f} to {high:.3f})"


def _memory(one: Candidate | Whole) -> str:
    return " / ".join(f"{each / 1e6:.1f}" for _, each in sorted(one.memory.items()))


def _points(lost: ValueWithInterval | None) -> str:
    return "" if lost is None else f"{lost[0]:+.3f} ({lost[1]:+.3f} to {lost[2]:+.3f})"


def _counted(n: int) -> str:
    """Return a count in three digits or more, in the units that --at-most-multiply-adds takes."""
    if n < 10**5:
        return f"{n:,}"
    return f"{n / 10**6:.2f} M" if n < 10**9 else f"{n / 10**9:.2f} G"


def _with_share(shown: str, part: int, whole: int) -> str:
    return f"{shown} ({part / whole:.2f}x)" if whole else shown


def _latency(one: Candidate | Whole) -> str:
    return " / ".join(f"{each.median:.1f}" for _, each in sorted(one.latency.items()))


def _stands(row: Candidate) -> str:
    if row.misses:
        return "misses: " + "; ".join(row.misses)
    labels = "" if row.labels_needed is None else f"; {row.labels_needed:,} labelled examples do"
    more = "" if row.examples_needed is None else f", about {row.examples_needed:,} examples needed"
    stands = "undecided" if row.standing == "undecided" else f"{row.standing} than the {row.replaces}"
    return f"{stands}{more}{labels}"
