"""The table of stitch families: what each can do, and in which other it lies. One row is one family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class FamilyInfo:
    """What is known of a family before a stitch is built.

    Attributes:
        name: as specs, rows, files and pages write it.
        code: ``package.module:Class``, a subclass of ``Stitch``.
        size: what the number in brackets is, such as ``rank``; None for a family without one.
        default_size: the number where none is given.
        odd_size: whether the number has to be odd.
        takes_norm: whether batch norms may stand around its transformation.
        has_parameters: whether there is anything to fit.
        closed_form: whether least squares is solved, so that ``match`` needs no gradient.
        needs_equal: what has to agree on both sides; a run leaves out cells in which it does not.
        carries_labels: whether it can bring any label across: it holds every affine map of the channels.
        within: the families that hold every stitch of this one: the partial order of capacity.
        whole_from: the size, for each channel, from which on a representation can pass whole; None where it
            can at every size.
        ladder: the sizes that ``--ladder`` fits, (None,) for a family without a size.

    Example:
        >>> FAMILIES["lowrank"].default_size, FAMILIES["identity"].has_parameters
        (8, False)
    """

    name: str
    code: str
    size: str | None = None
    default_size: int | None = None
    odd_size: bool = False
    takes_norm: bool = True
    has_parameters: bool = True
    closed_form: bool = True
    needs_equal: Literal["shapes", "channels"] | None = None
    carries_labels: bool = False
    within: tuple[str, ...] = ()
    whole_from: int | None = None
    ladder: tuple[int | None, ...] = (None,)


_ROWS = (
    FamilyInfo(
        name="identity",
        code="modelstitch.stitches.identity:Identity",
        takes_norm=False,
        has_parameters=False,
        closed_form=False,
        needs_equal="shapes",
        within=("scale", "orthogonal", "pooled", "affine", "conv"),
    ),
    FamilyInfo(
        name="scale",
        code="modelstitch.stitches.scale:Scale",
        takes_norm=False,
        needs_equal="channels",
        within=("pooled", "affine", "conv"),
    ),
    FamilyInfo(
        name="orthogonal",
        code="modelstitch.stitches.orthogonal:Orthogonal",
        takes_norm=False,
        within=("affine", "conv"),
    ),
    FamilyInfo(
        name="lowrank",
        code="modelstitch.stitches.lowrank:LowRank",
        size="rank",
        default_size=8,
        within=("affine", "conv"),
        whole_from=1,
        ladder=(1, 2, 4, 8),
    ),
    FamilyInfo(name="pooled", code="modelstitch.stitches.pooled:Pooled", within=("affine", "conv")),
    FamilyInfo(
        name="affine", code="modelstitch.stitches.affine:Affine", carries_labels=True, within=("conv",)
    ),
    FamilyInfo(
        name="conv",
        code="modelstitch.stitches.conv:Conv",
        size="kernel",
        default_size=3,
        odd_size=True,
        carries_labels=True,
        ladder=(3,),
    ),
    FamilyInfo(
        name="mlp",
        code="modelstitch.stitches.mlp:Mlp",
        size="hidden units",
        default_size=64,
        closed_form=False,
        carries_labels=True,
        whole_from=2,
        ladder=(64,),
    ),
)

_TABLE = {row.name: row for row in _ROWS}

FAMILIES: Mapping[str, FamilyInfo] = MappingProxyType(_TABLE)
"""Every family by name, from the smallest capacity up."""

DEFAULT_FAMILY = "affine"
"""The paper's family; fitted unless the user chooses, and the one that a comparison speaks of first."""
