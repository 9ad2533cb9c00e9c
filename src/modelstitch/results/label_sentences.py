"""What a reader must know of how the classes of the data were matched with a network's outputs."""

from __future__ import annotations

from modelstitch.results.facts import BySide, LabelFacts
from modelstitch.wording import Listed, Sentence, say

_MOST_MOVED = 4
_RIGHT = 0.5


def label_sentence(labels: BySide[LabelFacts | None], role: str) -> Sentence | None:
    """Return what is doubtful about the labels of one network; None where nothing is.

    Args:
        labels: how the classes were matched.
        role: ``sender`` or ``receiver``.

    Example:
        >>> facts = LabelFacts(by="numbers", names_differ=False, n_outputs=1000, n_classes=10)
        >>> print(label_sentence(BySide(None, facts), "receiver"))
        The receiver has 1000 outputs and the data have 10 classes, matched by number: names of both are not \
known. Likely, it was trained on other classes than these.
    """
    facts: LabelFacts | None = getattr(labels, role)
    if facts is None or facts.by == "names":
        return None
    named, found = say(f"role.{role}"), facts.numbering
    if found is not None and found.is_likely_wrong:
        moved = [say("numbering.moved", label=label, output=output) for label, output in found.moved]
        if len(moved) > _MOST_MOVED:
            moved = [*moved[:_MOST_MOVED], say("numbering.more", n=len(moved) - _MOST_MOVED)]
        return say(
            "limit.numbering",
            role=named,
            given=100 * found.as_given,
            best=100 * found.best,
            moved=Listed(moved),
        )
    differ = facts.n_outputs != facts.n_classes
    # Right answers in half of the cases or more vouch for the numbers.
    if found is not None and found.as_given >= max(_RIGHT, 2 * found.chance - 0.01):
        return None
    if differ:
        other = facts.n_outputs >= 2 * facts.n_classes
        return say(
            "limit.outputs",
            role=named,
            outputs=facts.n_outputs,
            classes=facts.n_classes,
            why=say("outputs.differ" if facts.names_differ else "outputs.unnamed"),
            likely=say("outputs.other" if other else "outputs.shifted"),
        )
    return say("limit.names_differ", role=named) if facts.names_differ else None
