"""What the page says of examples that are answered otherwise."""

from __future__ import annotations

SENTENCES = {
    "examples.title": "Examples with another answer",
    "examples.text": (
        "From {sender} into {receiver} the stitched network answers {different:,} of {n:,} held-out examples "
        "otherwise than the whole receiver: {lost:,} lost (the receiver alone is right), {gained:,} gained "
        "(the stitched network alone is right), {other} wrong in both, in different ways."
    ),
    "examples.answers": "Answers that became others, the most frequent first",
    "examples.lost": "lost",
    "examples.gained": "gained",
    "examples.other": "wrong in both",
    "examples.no_class": "none of the classes",
    "examples.rows": "Some of these examples",
    "examples.one": "held-out example {number}",
    "examples.head.receiver": "receiver's answer",
    "examples.head.stitched": "stitched network's answer",
    "examples.head.n": "examples",
    "examples.head.number": "example",
    "examples.head.kind": "kind",
    "examples.head.label": "label",
    "examples.head.text": "text",
    "examples.are_here": (
        "Each has its label below it, then the receiver's answer → the stitched network's. This page shows "
        "examples of the data. A page without them:"
    ),
    "examples.left_out": "The examples themselves stay in the run folder. A page with them:",
}
