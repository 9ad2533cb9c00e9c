"""The list of cases: truth, family, network, cut; at least ten a family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelstitch.controls.roles import Plant
from modelstitch.known_answers import plants
from modelstitch.known_answers.plants import Ground
from modelstitch.specs.verdicts import VerdictName


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        truth: the verdict that is right by construction.
        family: how it is made.
        network: index of the network that is stitched into itself.
        cut: where.
        plant: makes the sender.
    """

    truth: VerdictName
    family: str
    network: int
    cut: str
    plant: Callable[[Ground], Plant]

    @property
    def name(self) -> str:
        return f"{self.family}, network {self.network}, {self.cut}"


CASE_FAMILIES: dict[str, tuple[VerdictName, Callable[[Ground], Plant]]] = {
    "itself": (VerdictName.INTERCHANGEABLE, plants.itself),
    "permutation": (VerdictName.INTERCHANGEABLE, plants.permutation),
    "rotation": (VerdictName.INTERCHANGEABLE, plants.rotation),
    "rescaling": (VerdictName.INTERCHANGEABLE, plants.rescaling),
    "mixing": (VerdictName.INTERCHANGEABLE, plants.mixing),
    "one-hot": (VerdictName.DECODABLE_ONLY, plants.one_hot),
    "class mean and noise": (VerdictName.DECODABLE_ONLY, plants.class_mean),
    "clustered noise": (VerdictName.DECODABLE_ONLY, plants.clustered),
    "clustered noise, several": (VerdictName.DECODABLE_ONLY, plants.clustered_several),
    "another of the class": (VerdictName.DECODABLE_ONLY, plants.swapped),
    "noise": (VerdictName.INCOMPATIBLE, plants.noise),
    "another image": (VerdictName.INCOMPATIBLE, plants.another),
    "constant": (VerdictName.INCOMPATIBLE, plants.constant),
    "label removed": (VerdictName.INCOMPATIBLE, plants.rank_within_class),
}
"""Families that every network and cut can have: their truth, and how they are made."""


def cases(n_networks: int, cuts: tuple[str, ...], *, quick: bool = False) -> list[Case]:
    """Return the cases of networks with these cuts.

    Args:
        n_networks: number of networks.
        cuts: their cuts.
        quick: the first network, and its third and last cut, alone.

    Example:
        >>> listed = cases(2, ("0", "1", "2", "3", "4"))
        >>> len(listed), min(sum(c.family == f for c in listed) for f in {c.family for c in listed})
        (140, 10)
    """
    networks = range(1 if quick else n_networks)
    chosen = (cuts[len(cuts) // 2], cuts[-1]) if quick else cuts
    return [
        Case(truth, family, network, cut, plant)
        for network in networks
        for cut in chosen
        for family, (truth, plant) in CASE_FAMILIES.items()
    ]
