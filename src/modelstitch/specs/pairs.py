"""Which ordered pairs of several models are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import Any

from modelstitch.errors import SpecError, expect_one_of

PairsChoice = str | Mapping[str, str] | Sequence[Sequence[str]]
"""``all``, ``different``, ``{"center": NAME}`` or a list of (sender, receiver)."""

ALL, DIFFERENT, CENTER = "all", "different", "center"


def chosen_pairs(models: Sequence[str], choice: Any = DIFFERENT) -> tuple[tuple[str, str], ...]:
    """Return ordered pairs of names, sender first; those of one sender stand beside each other.

    Args:
        models: names.
        choice: ``"all"`` for each model into each, itself among them; ``"different"`` for each into each
            other one; ``{"center": NAME}`` for one model into each other one, and the reverse; or a list.

    Raises:
        SpecError: none of these, a name that no model has, a pair that is listed twice, or none at all.

    Example:
        >>> chosen_pairs("ab", "all")
        (('a', 'a'), ('a', 'b'), ('b', 'a'), ('b', 'b'))
        >>> chosen_pairs("abc", {"center": "b"})
        (('a', 'b'), ('b', 'a'), ('b', 'c'), ('c', 'b'))
        >>> chosen_pairs("abc", [["c", "a"], ["a", "b"]])
        (('a', 'b'), ('c', 'a'))
    """
    if isinstance(choice, str):
        expect_one_of("choice of pairs", choice, (ALL, DIFFERENT, "{ center = NAME }", "a list"), SpecError)
        if choice == ALL:
            return _expect_some(tuple((one, other) for one in models for other in models))
        if choice == DIFFERENT:
            return _expect_some(tuple(permutations(models, 2)))
    if isinstance(choice, Mapping):
        return _expect_some(_around(models, choice))
    if not isinstance(choice, Sequence) or isinstance(choice, str):
        raise SpecError(
            f"expected pairs as {ALL}, {DIFFERENT}, {{ center = NAME }} or a list of pairs, got {choice!r}"
        )
    found: list[tuple[str, str]] = []
    for each in choice:
        if not isinstance(each, list | tuple) or len(each) != 2 or not all(isinstance(n, str) for n in each):
            raise SpecError(f"expected a pair as [SENDER, RECEIVER], two names of models, got {each!r}")
        for name in each:
            expect_one_of("model", name, models, SpecError)
        pair = (each[0], each[1])
        if pair in found:
            raise SpecError(f"expected each pair once, got {list(pair)} twice")
        found.append(pair)
    order = {pair: place for place, pair in enumerate(product(models, repeat=2))}
    return _expect_some(tuple(sorted(found, key=order.__getitem__)))


def _around(models: Sequence[str], choice: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if set(choice) != {CENTER} or not isinstance(choice[CENTER], str):
        raise SpecError(f"expected pairs as {{ center = NAME }}, got {dict(choice)!r}")
    center = choice[CENTER]
    expect_one_of("model", center, models, SpecError)
    return tuple(pair for pair in permutations(models, 2) if center in pair)


def _expect_some(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if not pairs:
        raise SpecError("expected at least one pair of models, got none: give two models, or pairs = all")
    return pairs
