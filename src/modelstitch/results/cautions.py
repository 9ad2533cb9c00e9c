"""Sentences on what weakens the numbers of a run: copies of training examples among the held-out ones."""

from __future__ import annotations

from modelstitch.data.copies import Copies
from modelstitch.wording import Sentence, say


def of_copies(copies: Copies | None) -> Sentence | None:
    """Return a sentence on the held-out examples that also stand in the training part; None without any.

    Args:
        copies: of the run; None where it does not say.

    Example:
        >>> str(of_copies(Copies(n_heldout=200, exact=1, near=None, other_label=0)))[:54]
        '1 of 200 held-out examples (0.5 %) also stand in the t'
    """
    if copies is None or not copies.n:
        return None
    other = copies.other_label
    return say(
        "limit.copies",
        n=copies.n,
        of=copies.n_heldout,
        share=100 * copies.share,
        exact=copies.exact,
        near=say("copies.near", near=copies.near) if copies.near else say("copies.near_not_asked"),
        other=say("copies.other_label", n=other) if other else say("copies.same_label"),
    )


def of_left_out(copies: Copies | None) -> Sentence | None:
    """Return a sentence on the copies that were left out of the held-out part; None without any.

    Example:
        >>> of_left_out(Copies(n_heldout=200, exact=0, near=None, other_label=0, left_out=1))
        '1 held-out example was left out, since it stands in the training part too.'
    """
    return say("limit.copies_left_out", n=copies.left_out) if copies and copies.left_out else None
