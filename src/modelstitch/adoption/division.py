"""Which held-out examples choose a candidate, which confirm it, and which calibrate its monitor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from modelstitch.data.parts import Data
from modelstitch.errors import DataError

CONFIRM, CALIBRATE = 0.3, 0.2
"""Shares of the held-out examples; the rest chooses."""


@dataclass(frozen=True)
class Division:
    """Three parts of the held-out examples that share no example.

    Attributes:
        choose: (n_choose,) numbers of the examples that candidates are chosen by, ascending.
        confirm: (n_confirm,) those that a chosen candidate is measured on.
        calibrate: (n_calibrate,) those that a monitor is calibrated on.

    Raises:
        DataError: a part is empty, or two parts share an example.
    """

    choose: Int[Tensor, " n_choose"]
    confirm: Int[Tensor, " n_confirm"]
    calibrate: Int[Tensor, " n_calibrate"]

    def __post_init__(self) -> None:
        parts = (self.choose, self.confirm, self.calibrate)
        if not all(len(part) for part in parts):
            sizes = ", ".join(str(len(part)) for part in parts)
            raise DataError(
                "expected held-out examples that choose, that confirm and that calibrate, got "
                f"{sizes}: give more held-out examples, or smaller groups"
            )
        together = torch.cat(parts)
        if len(together.unique()) < len(together):
            raise DataError("expected three parts that share no example, got an example in two of them")


def divide_heldout(data: Data, seed: int = 0) -> Division:
    """Divide the held-out examples of data, in whole groups where the data name groups.

    This is the division of everything that chooses, confirms or calibrates.

    Raises:
        DataError: too few examples, or too few groups, for three parts.
    """
    return divide(len(data.heldout), data.digest, seed, data.heldout.groups)


def groups_of(data: Data, part: Int[Tensor, " n"]) -> Int[Tensor, " n"] | None:
    """Return the group (n,) of each of some held-out examples; None where each is a group of its own."""
    if data.heldout.groups is None:
        return None
    groups = data.heldout.groups.cpu()[part]
    return groups if len(groups.unique()) < len(groups) else None


def divide(
    n_examples: int, fingerprint: str, seed: int = 0, groups: Int[Tensor, " n_examples"] | None = None
) -> Division:
    """Divide held-out examples: 50 % choose, 30 % confirm, 20 % calibrate.

    The order is that of SHA-256 over fingerprint, seed and example, so that it is the same on every machine
    and with every version of any library.

    Args:
        n_examples: number of held-out examples.
        fingerprint: of the data, such as ``comparison.facts.data_content``.
        seed: another seed is another division.
        groups: (n_examples,) examples of one group, such as a patient, come into one part. Parts are then as
            near to their shares as whole groups allow.

    Returns:
        Numbers of the examples of each part.

    Raises:
        DataError: too few examples, or too few groups, for three parts.

    Example:
        >>> division = divide(599, "digits")
        >>> len(division.choose), len(division.confirm), len(division.calibrate)
        (299, 180, 120)
    """
    if groups is not None and len(groups) != n_examples:
        raise DataError(f"expected a group for each of {n_examples} examples, got {len(groups)}")
    group_of = torch.arange(n_examples) if groups is None else groups.cpu()
    names = group_of.unique().tolist()
    names.sort(key=lambda name: hashlib.sha256(f"{fingerprint}:{seed}:{name}".encode()).digest())
    sizes = dict(zip(*(each.tolist() for each in group_of.unique(return_counts=True)), strict=True))
    n_confirm, n_calibrate = round(CONFIRM * n_examples), round(CALIBRATE * n_examples)
    bounds = (n_examples - n_confirm - n_calibrate, n_examples - n_calibrate, n_examples)
    part_of: dict[int, int] = {}
    before = 0
    for name in names:
        # A group lies in the part that its middle example would lie in.
        middle = before + (sizes[name] - 1) / 2
        part_of[name] = next(part for part, bound in enumerate(bounds) if middle < bound)
        before += sizes[name]
    parts = torch.tensor([part_of[name] for name in group_of.tolist()], dtype=torch.int64)
    choose, confirm, calibrate = ((parts == part).nonzero().flatten() for part in range(3))
    return Division(choose, confirm, calibrate)
