"""Sentences on what weakens the numbers of a run: copies of training examples, and too few examples."""

from __future__ import annotations

from collections.abc import Iterable

from modelstitch.data.copies import Copies
from modelstitch.evidence.kinds import KINDS, Definition
from modelstitch.results.rows import EvidenceRow
from modelstitch.wording import Listed, Sentence, say


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


def lacking(row: EvidenceRow) -> Definition | None:
    """Return the definition of a measurement that is missing because it had too few examples; else None."""
    definition = KINDS[row.kind].definitions.get(row.name) if row.kind in KINDS else None
    return definition if definition is not None and row.value is None and row.n < definition.least else None


def of_row(row: EvidenceRow) -> Sentence | None:
    """Return why a measurement has no value; None where it has one."""
    if row.value is not None:
        return None
    definition = lacking(row)
    if definition is None:
        return say("evidence.undefined")
    key = "evidence.too_few_within" if definition.within else "evidence.too_few"
    return say(key, n=row.n, needed=definition.least)


def of_few(rows: Iterable[EvidenceRow]) -> Sentence | None:
    """Return a sentence that names the evidence that rests on too few examples; None without any.

    A kind of which no number has a value is named as a whole, by a number that counts all examples.
    """
    rows = list(rows)
    known = {row.kind for row in rows if row.value is not None}
    items: dict[str, Sentence] = {}
    for row in rows:
        definition = lacking(row)
        if definition is None:
            continue
        whole = row.kind not in known
        if whole and (definition.within or row.kind in items):
            continue
        name = row.kind if whole else f"{row.kind}.{row.name}"
        key = "evidence.lacking_within" if definition.within else "evidence.lacking"
        items.setdefault(name, say(key, name=name, n=row.n, needed=definition.least))
    return say("limit.few_for_evidence", items=Listed(list(items.values()))) if items else None
