"""What a reader must know of texts and sounds that are longer than what a network takes of them."""

from __future__ import annotations

from modelstitch.results.facts import BySide, CutFacts
from modelstitch.wording import Sentence, say


def cut_sentence(cut: BySide[CutFacts | None], role: str, n_train: int, n_heldout: int) -> Sentence | None:
    """Return how many examples are cut for one network; None where there are none.

    Args:
        cut: what was counted.
        role: ``sender`` or ``receiver``; sounds are cut alike for both, and the receiver's sentence says it.
        n_train, n_heldout: number of examples of each part.

    Example:
        >>> facts = CutFacts(unit="tokens", most=512, n_train=0, n_heldout=3)
        >>> print(cut_sentence(BySide(None, facts), "receiver", 90, 40))
        The receiver takes 512 tokens of a text. 3 of 40 held-out texts and 0 of 90 training texts are \
longer and are cut (--length).
    """
    facts: CutFacts | None = getattr(cut, role)
    if facts is None or (facts.unit == "seconds" and role == "sender"):
        return None
    counts = {"train": facts.n_train, "n_train": n_train, "heldout": facts.n_heldout, "n_heldout": n_heldout}
    if facts.unit == "seconds":
        return say("limit.cut_sounds", seconds=facts.most, **counts)
    return say("limit.cut_texts", role=say(f"role.{role}"), most=int(facts.most), **counts)
