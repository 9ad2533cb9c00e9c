"""What is measured about a cell beside its score. Each file defines one kind: its definitions, and a pure function of the material."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelstitch.evidence.kinds import (
    agreement,
    distribution,
    errors,
    geometry,
    geometry_pooled,
    information,
    label_sets,
    rank,
    robustness,
    selectivity,
    similarity,
    trajectory,
)
from modelstitch.evidence.material import Definition, Material, Measurement

__all__ = ["KINDS", "Definition", "Kind", "Material", "Measurement"]


@dataclass(frozen=True)
class Kind:
    """A kind of evidence: the definitions of its numbers by name, and what measures them."""

    definitions: dict[str, Definition]
    measure: Callable[[Material], list[Measurement]]


KINDS = {
    room.NAME: Kind(room.DEFINITIONS, room.measure)
    for room in (
        errors,
        similarity,
        distribution,
        trajectory,
        agreement,
        information,
        geometry,
        geometry_pooled,
        rank,
        robustness,
        selectivity,
        label_sets,
    )
}
