"""Which tensors of an untrained copy are drawn, which are constants, and which nothing certifies.

A copy whose layers reset themselves is certified by another start: the same seed gives the same values from a
copy whose values were overwritten before, so that nothing of the trained values is left. A copy that its
source builds again is certified by another seed: what both builds have in common is a constant of the
initialiser, or a fixed table, or else the source brings it along.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import torch
from torch import Tensor, nn

from modelstitch.controls.computed import reset
from modelstitch.controls.held import Held, Kind, held, is_lazy, is_plain
from modelstitch.models.seeding import seeded

HeldByName = Mapping[str, Held]

_FEW_VALUES, _FEW_UNDRAWN = 8, 64
"""Most different values of a constant such as an identity: in a layer that draws itself, and elsewhere."""

_FEWEST_OF_A_FORMULA = 4

_COMMON_SHARE = 0.05
"""Share of elements that two draws may have in common by chance; drawn in 16 bits, a fifth."""

_COMPARED = 100_000


@dataclass(frozen=True)
class Findings:
    """What was found of the tensors of an untrained copy; those that no field names are drawn.

    Attributes:
        initial: names of those at a constant of their initialiser.
        tables: names of fixed tables.
        refused: why the others are not certified, by name.
    """

    initial: tuple[str, ...]
    tables: tuple[str, ...]
    refused: Mapping[str, str]

    def refusing(self, others: Mapping[str, str]) -> Findings:
        """Return the same findings with more that is refused."""
        return replace(self, refused={**self.refused, **others})


@dataclass
class _Notes:
    initial: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    def findings(self) -> Findings:
        return Findings(tuple(self.initial), tuple(self.tables), dict(self.refused))


def equal_names(one: HeldByName, other: HeldByName) -> frozenset[str]:
    """Return the names under which two networks hold the same values, to the bit."""
    return frozenset(name for name, entry in one.items() if name in other and _same(entry, other[name]))


def overwrite(network: HeldByName) -> frozenset[str]:
    """Overwrite every tensor of a network, and return the names of those that took it.

    No value stays where it was, and none is a value that an initialiser would give.
    """
    taken = set()
    with torch.no_grad():
        for name, entry in network.items():
            value = entry.value
            if entry.kind is Kind.STRUCTURE or not is_plain(value):
                continue
            moved = value.flatten().flip(0).view_as(value)
            if value.dtype == torch.bool:
                moved = ~moved
            else:
                moved = moved + 1 if not _is_real(value) else -1.3 * moved + 0.7
            try:
                value.copy_(moved)
            except RuntimeError:  # several elements in one place of memory
                continue
            taken.add(name)
    return frozenset(taken)


def of_reset(
    trained: HeldByName, drawn: HeldByName, independent: frozenset[str], constant: frozenset[str]
) -> Findings:
    """Certify a copy whose layers have reset themselves.

    Args:
        trained: the network itself.
        drawn: the copy.
        independent: names that hold the same after a reset from overwritten values with the same seed.
        constant: names that hold the same after a reset with another seed.
    """
    notes = _Notes()
    for name, entry in drawn.items():
        is_trained = name in trained and _same(entry, trained[name])
        if not is_plain(entry.value):
            notes.refused[name] = _why_unreadable(entry.value)
        elif entry.kind is Kind.STRUCTURE:
            if is_trained:
                notes.tables.append(name)
        elif name not in independent:
            notes.refused[name] = "stays as it is" if is_trained else "is reset to what depends on its value"
        elif name in constant:
            if is_trained and not _is_constant(entry) and entry.kind is Kind.PARAMETER:
                notes.refused[name] = "is reset to the value that it has"
            else:
                notes.initial.append(name)
    return notes.findings()


def of_build(trained: HeldByName, drawn: HeldByName, other: HeldByName) -> Findings:
    """Certify a copy that the source has built.

    Args:
        trained: the network itself.
        drawn: the copy.
        other: another copy, built with another seed.
    """
    notes = _Notes()
    start = cache(_start)
    for name, entry in drawn.items():
        if not is_plain(entry.value):
            notes.refused[name] = _why_unreadable(entry.value)
        elif name in other and _same(entry, other[name]):
            _note_constant(notes, name, entry, start)
        else:
            twin = other.get(name)
            why = None if twin is None else _why_not_drawn(entry, twin, trained.get(name), start)
            if why is not None:
                notes.refused[name] = why
    return notes.findings()


_Start = Callable[[nn.Module, int], "tuple[dict[int, Tensor], frozenset[int]] | None"]


def _start(layer: nn.Module, seed: int) -> tuple[dict[int, Tensor], frozenset[int]] | None:
    """Return what a layer's own reset gives, by the id of the tensor, and which ids it did not reach.

    None for a layer that cannot be reset.
    """
    fresh = copy.deepcopy(layer)
    network = held(fresh)
    overwrite(network)
    before = {name: entry.value.detach().clone() for name, entry in network.items()}
    with seeded(seed):
        if not reset(fresh):
            return None
    after = held(fresh)
    ids = {name: id(entry.value) for name, entry in held(layer).items() if name in after}
    values = {ids[name]: after[name].value.detach() for name in ids}
    same = frozenset(ids[name] for name in ids if name in before and _equal(values[ids[name]], before[name]))
    return values, same


def _own_start(entry: Held, start: _Start, seed: int = 0) -> Tensor | None:
    """Return what its layer's own reset gives a tensor; None where it does not reach it."""
    found = start(entry.owner, seed)
    if found is None or id(entry.value) in found[1]:
        return None
    return found[0].get(id(entry.value))


def _note_constant(notes: _Notes, name: str, entry: Held, start: _Start) -> None:
    """Note what a tensor is that both builds have in common."""
    own = _own_start(entry, start)
    if _has_few_values(entry.value, _FEW_UNDRAWN if own is None else _FEW_VALUES) or (
        own is None and entry.kind is Kind.PARAMETER and _is_monotonic(entry.value)
    ):
        notes.initial.append(name)
    elif entry.kind is Kind.STRUCTURE or _is_sinusoidal(entry):
        notes.tables.append(name)
    elif own is not None:
        if _equal(own, entry.value):
            notes.initial.append(name)
        else:
            notes.refused[name] = "is the same with every seed, though its layer draws it"
    elif not entry.value.requires_grad:
        notes.tables.append(name)
    else:
        notes.refused[name] = "is the same with every seed"


def _why_not_drawn(entry: Held, twin: Held, trained: Held | None, start: _Start) -> str | None:
    """Return why a tensor that differs between two builds is not simply drawn; None where it is."""
    value, other = entry.value.detach(), twin.value.detach()
    if value.shape != other.shape or not _is_real(value):
        return None
    common = value == other
    most = 0.2 if value.element_size() == 2 else _COMMON_SHARE
    if common.float().mean() > most and not _has_few_values(value[common], _FEW_VALUES):
        return "is in part the same with every seed"
    if entry.kind is Kind.BUFFER:
        own, again = (_own_start(entry, start, seed) for seed in (0, 1))
        if own is not None and again is not None and _equal(own, again):
            return "is not at its start"
    if trained is not None and trained.value.shape == value.shape and trained.value.is_floating_point():
        free = ~common
        draws = [_sample(x[free]) for x in (value, other, trained.value.detach().to(value))]
        n = len(draws[0])
        if n > 1 and min(_correlation(draws[0], x) for x in draws[1:]) > _largest_by_chance(n):
            return "is nearly the same with every seed"
    return None


def _why_unreadable(value: Tensor) -> str:
    return "has no shape before its first call" if is_lazy(value) else "is packed, so that nothing draws it"


def _is_constant(entry: Held) -> bool:
    return _has_few_values(entry.value, _FEW_UNDRAWN) or _is_sinusoidal(entry)


def _same(one: Held, other: Held) -> bool:
    if not (is_plain(one.value) and is_plain(other.value)):
        return False
    return _equal(one.value.detach(), other.value.detach())


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    other = other.to(device=one.device, dtype=one.dtype)
    return torch.equal(one, other) or bool(((one == other) | ((one != one) & (other != other))).all())


def _is_real(value: Tensor) -> bool:
    return value.is_floating_point() or value.is_complex()


def _has_few_values(value: Tensor, most: int) -> bool:
    """Tell whether a tensor holds so few different values that nobody trained them: zeros, an identity."""
    n = value.numel()
    if n <= 1:
        return True
    flat = value.detach().flatten()
    if bool((flat == flat[0]).all()):
        return True
    return len(flat.unique()) <= min(most, n // 4)


def _is_monotonic(value: Tensor) -> bool:
    """Tell whether a vector only rises or only falls: rates and decays that a formula gives."""
    vector = value.detach().squeeze()
    if vector.ndim != 1 or len(vector) < _FEWEST_OF_A_FORMULA or vector.is_complex():
        return False
    steps = vector.double().diff()
    return bool((steps > 0).all() or (steps < 0).all())


def _is_sinusoidal(entry: Held) -> bool:
    """Tell whether a table (T, D) holds a sine of the row in every column.

    Neighbours of a sine add up to a fixed multiple of the value between them.
    """
    table = entry.value.detach().squeeze()
    if table.ndim != 2 or len(table) < 8 or not table.is_floating_point():
        return False
    table = table.double()
    around, middle = table[2:] + table[:-2], table[1:-1]
    multiple = (around * middle).sum(0) / middle.square().sum(0).clamp_min(1e-30)
    return bool((around - multiple * middle).norm() <= 0.01 * around.norm())


def _sample(value: Tensor) -> Tensor:
    flat = value.flatten()
    return flat[:: max(1, flat.numel() // _COMPARED)].double()


def _correlation(one: Tensor, other: Tensor) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = float(one.norm() * other.norm())
    return abs(float(one @ other)) / scale if scale > 0 else 0.0


def _largest_by_chance(n: int) -> float:
    """Return the largest correlation of n values that two draws may have by chance.

    A few values correlate by chance, two of them always: no correlation of theirs says anything.
    """
    return min(0.99, 6 / math.sqrt(n) + 0.05) if n >= 5 else math.inf
