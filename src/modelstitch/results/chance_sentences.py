"""What a reader must know of a whole network that does no better than a guess."""

from __future__ import annotations

from modelstitch.results.facts import WholeScore
from modelstitch.wording import Sentence, say


def chance_sentence(own: WholeScore | None, role: str) -> Sentence | None:
    """Return a sentence on a network that is not shown to do better than a guess; None for any other.

    Args:
        own: its score by itself; None where it has none.
        role: ``sender`` or ``receiver``.

    Example:
        >>> own = WholeScore(score=0.1, low=0.08, high=0.12, n=900, chance=0.1)
        >>> print(chance_sentence(own, "sender"))
        The whole sender scores 0.10, and a guess scores 0.10. What comes across from it may not be about \
these labels.
    """
    if own is None or own.better_than_chance:
        return None
    return say(f"limit.{role}_at_chance", own=own.score, chance=own.chance)
