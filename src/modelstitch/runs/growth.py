"""A run grows: what it has and what is asked of it now, as the spec of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from modelstitch.specs import EVIDENCE, EvidenceSpec, RunSpec

GROWS = ("sender_cuts", "receiver_cuts", "stitches", "controls", "seeds")
"""Fields of a spec that a run may get more of: each cell is a function of its own spec and of the data."""

T = TypeVar("T")


def grown(stored: RunSpec, given: RunSpec, cuts_of: Mapping[str, Sequence[str]]) -> RunSpec:
    """Return the spec of a run that was asked for both.

    Where one holds all that the other does, its order is kept. Else cuts come in the order of the model, and
    other values after those that the run has.

    Args:
        stored: of the run folder.
        given: asked for now; it decides all that a run cannot get more of.
        cuts_of: all cuts of ``sender`` and ``receiver``, in the order of the model.

    Example:
        >>> from modelstitch.specs import DataSpec, ModelSpec
        >>> model, data = ModelSpec(source="a"), DataSpec(source="b")
        >>> one = RunSpec(sender=model, receiver=model, data=data, sender_cuts=("x",), receiver_cuts=("y",))
        >>> both = grown(one, replace(one, sender_cuts=("w",), seeds=(0, 1)), {"sender": ["w", "x"]})
        >>> both.sender_cuts, both.seeds
        (('w', 'x'), (0, 1))
    """
    merged: dict[str, Any] = {name: together(getattr(stored, name), getattr(given, name)) for name in GROWS}
    for role, order in cuts_of.items():
        name = f"{role}_cuts"
        if merged[name] not in (getattr(stored, name), getattr(given, name)):
            merged[name] = tuple(sorted(merged[name], key=list(order).index))
    return replace(given, **merged)


def together(stored: tuple[T, ...], given: tuple[T, ...]) -> tuple[T, ...]:
    """Return the values of both without repeats: those of the larger, or the new ones behind the stored ones.

    Example:
        >>> together((1,), (0, 1, 2)), together((0, 1), (1,)), together((0, 1), (3, 1))
        ((0, 1, 2), (0, 1), (0, 1, 3))
    """
    if set(stored) <= set(given):
        return given
    return (*stored, *(value for value in given if value not in stored))


def with_kinds(evidence: EvidenceSpec, stored: EvidenceSpec | None) -> EvidenceSpec:
    """Return evidence with the kinds that a run measured before, on the examples asked for now.

    Where nothing is asked for, those of the run are measured about its new cells too.
    """
    if stored is None or not stored.kinds:
        return evidence
    kinds = tuple(kind for kind in EVIDENCE if kind in (*evidence.kinds, *stored.kinds))
    return EvidenceSpec(kinds=kinds, n_examples=(evidence if evidence.kinds else stored).n_examples)


def fixed(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must agree for two runs to be one: an identity without what a run may get more of."""
    choices = {name: value for name, value in identity.get("choices", {}).items() if name not in GROWS}
    return {**identity, "choices": choices}


def differing(stored: Mapping[str, Any], identity: Mapping[str, Any]) -> list[str]:
    """Return the names of an identity, as plain values, whose value in the facts of a run is another."""
    one, other = fixed(stored), fixed(identity)
    return [name for name in identity if one.get(name) != other[name]]


def lost(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Return the fields of a stored spec of which ``given`` lacks a value; both as plain values."""
    return [
        name
        for name in GROWS
        if name in stored and not all(value in given.get(name, ()) for value in stored[name])
    ]
