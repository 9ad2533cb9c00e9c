"""Which part of a set is held out: the first one that has labels."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from modelstitch.data.splitting import HELDOUT_NAMES, third_held_out


def choose_heldout(
    present: Container[str], has_labels: Callable[[str], bool]
) -> tuple[str | None, tuple[str, ...]]:
    """Return the held-out part by name, and the parts before it that have no labels.

    Args:
        present: names of the parts of a set.
        has_labels: tells of a part.

    Returns:
        The first part of ``HELDOUT_NAMES`` with labels, or None; and those that were passed over.

    Example:
        >>> choose_heldout(("train", "test", "val"), lambda part: part != "test")
        ('val', ('test',))
    """
    without: list[str] = []
    for part in HELDOUT_NAMES:
        if part in present:
            if has_labels(part):
                return part, tuple(without)
            without.append(part)
    return None, tuple(without)


def division_of(
    heldout: str | None, seed: int, words: str, without: Iterable[str] = (), notes: Iterable[str] = ()
) -> str:
    """Return how the parts of a set came about, in words.

    Args:
        heldout: name of the held-out part; without it, a third was held out.
        seed: of that division.
        words: how the source calls two parts, with ``{}`` for the name of the held-out one.
        without: parts that have no labels.
        notes: what else was done by a rule; empty ones are left out.

    Example:
        >>> division_of("val", 0, "the folders train and {}", ("test",), ("",))
        'the folders train and val; test has no labels and is not read'
    """
    first = third_held_out(seed) if heldout is None else words.format(heldout)
    passed = [f"{part} has no labels and is not read" for part in without]
    return "; ".join([first, *passed, *(note for note in notes if note)])
