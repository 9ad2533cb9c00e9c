"""The table of objectives: what a stitch can be fitted to, and what that reads of the receiver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

ObjectiveName = Literal["task", "match", "logits", "latent"]


@dataclass(frozen=True, kw_only=True)
class ObjectiveInfo:
    """What fitting to an objective reads and needs.

    Attributes:
        name: as specs, rows, files and pages write it.
        reads_labels: whether it is the loss of the task, on labels.
        reads_outputs: whether it reads the whole receiver's outputs.
        reads_expected: whether it reads the receiver's representations.
        least_squares: whether it is a sum of squares at the receiver's cut, which some families solve in
            closed form.

    Example:
        >>> [name for name, info in OBJECTIVES.items() if info.reads_expected]
        ['match', 'latent']
    """

    name: ObjectiveName
    reads_labels: bool = False
    reads_outputs: bool = False
    reads_expected: bool = False
    least_squares: bool = False


_ROWS = (
    ObjectiveInfo(name="task", reads_labels=True),
    ObjectiveInfo(name="match", reads_expected=True, least_squares=True),
    ObjectiveInfo(name="logits", reads_outputs=True),
    ObjectiveInfo(name="latent", reads_expected=True),
)

OBJECTIVES: Mapping[str, ObjectiveInfo] = MappingProxyType({row.name: row for row in _ROWS})
"""Every objective by name; the first is that of a fit unless the user chooses."""
