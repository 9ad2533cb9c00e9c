"""Kinds of evidence, one file each: definitions of what is measured, and a function that measures it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from modelstitch.evidence.kinds import (
    agreement,
    distribution,
    errors,
    geometry,
    geometry_pooled,
    information,
    kept,
    label_sets,
    rank,
    robustness,
    selectivity,
    similarity,
    trajectory,
)
from modelstitch.evidence.material import Definition, Material, Measurement

__all__ = ["KINDS", "Definition", "EvidenceKind", "Material", "Measurement"]


@dataclass(frozen=True)
class EvidenceKind:
    """A kind of evidence.

    Attributes:
        definitions: of its numbers, by name.
        measure: a pure function of the material of one cell.
    """

    definitions: dict[str, Definition]
    measure: Callable[[Material], list[Measurement]]

    def measured(self, material: Material) -> list[Measurement]:
        """Return the numbers about one cell; one that rests on too few examples is NaN."""
        return [
            number
            if number.n >= self.definitions[number.name].least
            else replace(number, value=math.nan, low=None, high=None, parts=None)
            for number in self.measure(material)
        ]


KINDS = {
    kind.NAME: EvidenceKind(kind.DEFINITIONS, kind.measure)
    for kind in (
        errors,
        kept,
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
"""All kinds by name: a new one is a file in this folder and a row here."""
