"""What a monitor of a candidate follows: fixed when its folder is written, since the alarm counts them."""

from __future__ import annotations

from modelstitch.adoption.folder.calibration_file import Calibration

DISTANCE, COORDINATE, LOSS, LABEL, PAIRED = "distance", "coordinate", "loss", "label", "paired"
"""Names: what needs no label, what needs one, and what needs the receiver as well."""


def processes_of(found: Calibration) -> tuple[str, ...]:
    """Return the names of what a monitor follows.

    Args:
        found: what it ranks new examples against.

    Returns:
        The distance and each leading coordinate of the stitched representation; the loss and, for a task with
        classes, the label; the difference to the receiver.
    """
    coordinates = [f"{COORDINATE}-{number + 1}" for number in range(len(found.coordinates))]
    return (DISTANCE, *coordinates, LOSS, *([LABEL] if len(found.labels) else []), PAIRED)
