"""The list of cases: family, dose, network, cut, condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelstitch.known_answers.conditions import CONDITIONS, PLAIN
from modelstitch.known_answers.families import PLANT_FAMILIES, PlantFamily


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        family: how the sender is made, by name.
        dose: how much of it.
        network: index of the receiver.
        cut: where.
        condition: under which it is stitched, by name.
    """

    family: str
    dose: float
    network: int
    cut: str
    condition: str = PLAIN

    @property
    def plant_family(self) -> PlantFamily:
        """The row of the table of families."""
        return PLANT_FAMILIES[self.family]

    @property
    def name(self) -> str:
        dose = f" {self.dose:g}" if len(self.plant_family.doses) > 1 else ""
        condition = "" if self.condition == PLAIN else f", {self.condition}"
        return f"{self.family}{dose}, network {self.network}, {self.cut}{condition}"


def cases(n_networks: int, cuts: Sequence[str], *, quick: bool = False) -> list[Case]:
    """Return the cases of networks with these cuts; those of one network, condition and cut are neighbours.

    The last cut comes first: little of the receiver is behind it, so that a bed that is stopped has the most.

    Args:
        n_networks: number of networks.
        cuts: their cuts.
        quick: the first network, its middle and its last cut, and few doses; conditions at the last cut.

    Example:
        >>> listed = cases(2, ("0", "1", "2", "3", "4"))
        >>> len(listed) > 500, len(cases(2, ("0", "1", "2"), quick=True)) < 150
        (True, True)
    """
    networks = range(1 if quick else n_networks)
    two = tuple(dict.fromkeys((cuts[len(cuts) // 2], cuts[-1])))
    listed = []
    for network in networks:
        for cut in reversed(two if quick else cuts):
            for family in PLANT_FAMILIES.values():
                if not family.by_another or n_networks > 1:
                    doses = family.few if quick else family.doses
                    listed += [Case(family.name, dose, network, cut) for dose in doses]
        for condition in CONDITIONS.values():
            for cut in reversed(two[-1:] if quick else two):
                listed += [
                    Case(name, dose, network, cut, condition.name) for name, dose in condition.families
                ]
    return listed
