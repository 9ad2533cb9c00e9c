"""One process of a monitor: its martingale, a thinned record of its evidence, and when it alarmed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from modelstitch.adoption.monitor.gaps import gaps
from modelstitch.adoption.monitor.martingale import Martingale, followed, fresh
from modelstitch.errors import DataError

MOST_POINTS = 400
"""Points of the evidence over time that are kept; of more, every second one goes."""


@dataclass(frozen=True, kw_only=True)
class Track:
    """The evidence over time, thinned, and the first example that it alarmed at.

    Attributes:
        points: pairs of a number of examples and the logarithm of the evidence after them.
        stride: examples from one point to the next.
        most: largest logarithm of the evidence so far.
        alarm: number of examples of this process at its alarm; None before.
    """

    points: tuple[tuple[int, float], ...] = ()
    stride: int = 1
    most: float = 0.0
    alarm: int | None = None


@dataclass(frozen=True, kw_only=True)
class Process:
    """A martingale with its track.

    Attributes:
        martingale: its state.
        track: its evidence over time.
    """

    martingale: Martingale
    track: Track

    def to_plain(self) -> dict[str, Any]:
        """Return the state as values that JSON can hold; :meth:`from_plain` reads them back."""
        return {"martingale": self.martingale.to_plain(), "track": plain_track(self.track)}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Process:
        """Return the process that :meth:`to_plain` gave the values of.

        Raises:
            DataError: values that are no process.
        """
        try:
            return cls(
                martingale=Martingale.from_plain(values["martingale"]), track=track_from(values["track"])
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"cannot read a process of a monitor: {error}") from error


def begun(n: int) -> Process:
    """Return a process before its first example, with ``n`` calibrating ones."""
    return Process(martingale=fresh(n), track=Track())


def taken(
    process: Process,
    values: Float[ndarray, " m"],
    calibration: Float[ndarray, " n"],
    *,
    name: str,
    seed: int,
    log_threshold: float,
) -> Process:
    """Return a process after more examples.

    Args:
        process: before them.
        values: of the examples, in the order of the stream.
        calibration: values of the calibrating examples, in ascending order.
        name: of the process.
        seed: of the monitor.
        log_threshold: logarithm of what the evidence has to reach for an alarm.
    """
    where = gaps(values, calibration, seed, name, process.martingale.t)
    martingale, path = followed(process.martingale, where)
    return Process(martingale=martingale, track=tracked(process.track, path, martingale.t, log_threshold))


def tracked(track: Track, path: Float[ndarray, " m"], seen: int, log_threshold: float) -> Track:
    """Return a track after more examples.

    Args:
        track: before them.
        path: logarithm of the evidence after each.
        seen: number of examples in all.
        log_threshold: what it has to reach for an alarm.

    Example:
        >>> tracked(Track(), np.array([0.0, 1.0, 5.0]), 3, 4.0).alarm
        3
    """
    if not len(path):
        return track
    before = seen - len(path)
    reached = np.flatnonzero(path >= log_threshold)
    numbers = range(before + 1, seen + 1)
    points = list(track.points)
    points += [(t, float(path[t - before - 1])) for t in numbers if t % track.stride == 0]
    stride = track.stride
    while len(points) > MOST_POINTS:
        stride *= 2
        points = [point for point in points if point[0] % stride == 0]
    alarm = track.alarm
    if alarm is None and len(reached):
        alarm = before + 1 + int(reached[0])
    return Track(points=tuple(points), stride=stride, most=max(track.most, float(path.max())), alarm=alarm)


def plain_track(track: Track) -> dict[str, Any]:
    """Return a track as values that JSON can hold; :func:`track_from` reads them back."""
    points = [list(point) for point in track.points]
    return {"points": points, "stride": track.stride, "most": track.most, "alarm": track.alarm}


def track_from(values: Mapping[str, Any]) -> Track:
    """Return the track that :func:`plain_track` gave the values of."""
    alarm = values["alarm"]
    return Track(
        points=tuple((int(t), float(value)) for t, value in values["points"]),
        stride=int(values["stride"]),
        most=float(values["most"]),
        alarm=None if alarm is None else int(alarm),
    )
