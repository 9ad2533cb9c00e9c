"""The list of cases: truth, family, network, cut; at least ten a family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelstitch.controls.roles import Plant
from modelstitch.evidence.verdict import DECODABLE, INCOMPATIBLE, INTERCHANGEABLE
from modelstitch.known_answers import plants
from modelstitch.known_answers.plants import Ground


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

    truth: str
    family: str
    network: int
    cut: str
    plant: Callable[[Ground], Plant]

    @property
    def name(self) -> str:
        return f"{self.family}, network {self.network}, {self.cut}"


FAMILIES: dict[str, tuple[str, Callable[[Ground], Plant]]] = {
    "itself": (INTERCHANGEABLE, plants.itself),
    "permutation": (INTERCHANGEABLE, plants.permutation),
    "rotation": (INTERCHANGEABLE, plants.rotation),
    "rescaling": (INTERCHANGEABLE, plants.rescaling),
    "mixing": (INTERCHANGEABLE, plants.mixing),
    "one-hot": (DECODABLE, plants.one_hot),
    "class mean and noise": (DECODABLE, plants.class_mean),
    "clustered noise": (DECODABLE, plants.clustered),
    "clustered noise, several": (DECODABLE, plants.clustered_several),
    "another of the class": (DECODABLE, plants.swapped),
    "noise": (INCOMPATIBLE, plants.noise),
    "another image": (INCOMPATIBLE, plants.another),
    "constant": (INCOMPATIBLE, plants.constant),
    "label removed": (INCOMPATIBLE, plants.rank_within_class),
}
"""Families that every network and cut can have: their truth, and how they are made."""


def cases(n_networks: int, cuts: tuple[str, ...], *, quick: bool = False) -> list[Case]:
    """Return the cases of networks with these cuts.

    Args:
        n_networks: number of networks.
        cuts: their cuts.
        quick: the first network, and its third and last cut, alone.

    Example:
        >>> found = cases(2, ("0", "1", "2", "3", "4"))
        >>> len(found), min(sum(c.family == f for c in found) for f in {c.family for c in found})
        (140, 10)
    """
    networks = range(1 if quick else n_networks)
    chosen = (cuts[len(cuts) // 2], cuts[-1]) if quick else cuts
    return [
        Case(truth, family, network, cut, plant)
        for network in networks
        for cut in chosen
        for family, (truth, plant) in FAMILIES.items()
    ]
