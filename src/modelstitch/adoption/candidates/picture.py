"""The picture of candidates: score against cost, with both whole networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelstitch.adoption.candidates.candidate import Candidates

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKS = {"no worse": ("o", "#1b7f4d"), "undecided": ("s", "#b8860b"), "worse": ("X", "#a33a3a")}


def picture(found: Candidates) -> Figure:
    """Draw every candidate and both whole networks; bars are the intervals of the score."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    for role, whole in (("receiver", found.receiver), ("sender", found.sender)):
        if whole.score is None:
            continue
        value, low, high = whole.score
        axes.errorbar(
            whole.load.multiply_adds / 1e6,
            value,
            [[value - low], [high - value]],
            fmt="D" if role == "receiver" else "P",
            color="#333333",
            capsize=3,
            label=f"whole {role}",
        )
    seen = set()
    for row in found.rows:
        value, low, high = row.score
        mark, colour = _MARKS[row.standing]
        axes.errorbar(
            row.load.multiply_adds / 1e6,
            value,
            [[value - low], [high - value]],
            fmt=mark,
            color=colour,
            capsize=3,
            label=None if row.standing in seen else row.standing,
        )
        seen.add(row.standing)
        axes.annotate(
            f"{row.sender_cut} → {row.receiver_cut}",
            (row.load.multiply_adds / 1e6, value),
            xytext=(5, 5),
            textcoords="offset points",
            fontsize=7,
        )
    axes.set_xlabel("multiply-adds of one example, in millions")
    axes.set_ylabel(f"{found.score_name} on {found.n_confirm} confirming examples")
    axes.legend(fontsize=8)
    return figure
