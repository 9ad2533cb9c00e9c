"""The table of families of planted senders: how each is made, at which doses, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from modelstitch.controls.roles import Plant
from modelstitch.grid.side import Side
from modelstitch.known_answers.ground import Ground
from modelstitch.known_answers.plants import (
    dominating,
    invertible,
    label_only,
    low_rank,
    noise,
    nonlinear,
    nuisance,
    partly,
    without_label,
)
from modelstitch.specs.verdicts import VerdictName

_WHOLE, _LABEL, _NOTHING = VerdictName.INTERCHANGEABLE, VerdictName.DECODABLE_ONLY, VerdictName.INCOMPATIBLE


@dataclass(frozen=True, kw_only=True)
class PlantFamily:
    """One way to make senders.

    Attributes:
        name: as tables write it.
        make: a plant from the ground and a dose.
        doses: from the one that keeps most to the one that keeps least.
        few: those of the short form.
        truth: the verdict that is right by construction; None where the truth is computed.
        alters: makes the receiver from the ground and a dose, where the network itself will not do.
        by_another: whether the plant is made from another network, and is drawn but not scored.
    """

    name: str
    make: Callable[[Ground, float], Plant]
    doses: tuple[float, ...] = (1.0,)
    few: tuple[float, ...] = (1.0,)
    truth: VerdictName | None = None
    alters: Callable[[Ground, float], Side] | None = None
    by_another: bool = False

    @property
    def is_series(self) -> bool:
        """Whether what is kept has to fall from dose to dose."""
        return len(self.doses) > 2


_ROWS = (
    PlantFamily(name="itself", make=invertible.itself, truth=_WHOLE),
    PlantFamily(name="permutation", make=invertible.permutation, truth=_WHOLE),
    PlantFamily(name="rotation", make=invertible.rotation, truth=_WHOLE),
    PlantFamily(name="rescaling", make=invertible.rescaling, truth=_WHOLE),
    PlantFamily(name="mixing", make=invertible.mixing, truth=_WHOLE),
    PlantFamily(name="one-hot", make=label_only.one_hot, truth=_LABEL),
    PlantFamily(name="class mean and noise", make=label_only.class_mean, truth=_LABEL),
    PlantFamily(name="clustered noise", make=label_only.clustered, truth=_LABEL),
    PlantFamily(name="clustered noise, several", make=label_only.clustered_several, truth=_LABEL),
    PlantFamily(name="another of the class", make=label_only.swapped, truth=_LABEL),
    PlantFamily(name="noise alone", make=without_label.pure_noise, truth=_NOTHING),
    PlantFamily(name="another image", make=without_label.another, truth=_NOTHING),
    PlantFamily(name="constant", make=without_label.constant, truth=_NOTHING),
    PlantFamily(name="label removed", make=without_label.rank_within_class, truth=_NOTHING),
    PlantFamily(
        name="low rank", make=low_rank.low_rank, doses=(0.97, 0.9, 0.75, 0.6, 0.4, 0.3, 0.2), few=(0.9, 0.4)
    ),
    PlantFamily(
        name="low rank of another network",
        make=low_rank.low_rank,
        doses=(0.9, 0.6, 0.2),
        few=(0.6,),
        by_another=True,
    ),
    PlantFamily(
        name="mixed with another image", make=partly.mixed_with_another, doses=(0.1, 0.3, 0.5), few=(0.3,)
    ),
    PlantFamily(
        name="channels deleted", make=partly.channels_deleted, doses=(0.25, 0.5, 0.75), few=(0.25, 0.75)
    ),
    PlantFamily(name="coarse", make=partly.coarse, doses=(1.0, 3.0, 5.0), few=(3.0,)),
    PlantFamily(
        name="noise added", make=noise.added_noise, doses=(0.25, 0.5, 1.0, 2.0, 4.0), few=(0.25, 1.0)
    ),
    PlantFamily(name="removable garbage", make=noise.garbage, doses=(3.0, 10.0), few=(10.0,)),
    PlantFamily(name="label and brightness", make=nuisance.brightness, doses=(4.0, 2.0, 1.0), few=(4.0, 1.0)),
    PlantFamily(name="label and hash", make=nuisance.hashed, doses=(0.5, 1.0, 2.0), few=(2.0,), truth=_LABEL),
    PlantFamily(
        name="dominating number",
        make=dominating.label_and_number,
        doses=(10.0, 100.0, 1000.0),
        few=(100.0,),
        alters=dominating.dominated,
    ),
    PlantFamily(name="signed root", make=nonlinear.signed_root, doses=(0.8, 0.5, 0.2), few=(0.5,)),
    PlantFamily(name="coupling layer", make=nonlinear.coupling, doses=(0.3, 1.0, 3.0), few=(1.0,)),
)

PLANT_FAMILIES = MappingProxyType({family.name: family for family in _ROWS})
"""Families by name. A new one is one row, and a function in ``plants/``."""
