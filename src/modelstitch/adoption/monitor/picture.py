"""The picture of a monitor: evidence over time, and the line of the alarm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modelstitch.adoption.monitor.facts import MonitorOutcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = (-3.0, 12.0)
"""Decimal logarithms of evidence that are drawn; beyond, a line runs along the edge."""


def evidence_picture(found: MonitorOutcome) -> Figure:
    """Draw the evidence of each process over the number of its examples."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    low, high = _SHOWN
    line = found.facts.rule.log_threshold / math.log(10)
    for name, track in found.tracks.items():
        points = [(t, min(max(value / math.log(10), low), high)) for t, value in track.points]
        if not points:
            continue
        alarmed = track.alarm is not None
        axes.plot(
            *zip(*points, strict=True),
            label=f"{name}: alarm at {track.alarm:,}" if alarmed else name,
            linewidth=2.0 if alarmed else 1.0,
            alpha=1.0 if alarmed else 0.7,
        )
    axes.axhline(line, color="#a33a3a", linestyle="--", linewidth=1.2, label=f"alarm at {10**line:,.0f}")
    axes.set_ylim(low, max(line + 1, high if found.alarms else line + 1))
    axes.set_xlabel("examples that the process has seen")
    axes.set_ylabel("evidence of a change (powers of ten)")
    axes.legend(fontsize=7, ncols=2)
    return figure
