"""The sentences of a monitor, in English."""

from __future__ import annotations

SENTENCES = {
    "watch.process.distance": "distance of the stitched representation",
    "watch.process.coordinate": "leading coordinate {number}",
    "watch.process.loss": "loss",
    "watch.process.label": "class of the label",
    "watch.process.paired": "difference to the receiver",
    "watch.seen": (
        "Examples of the stream: {examples}, {labels} of them with a label; they are ranked among "
        "{calibrating} calibrating examples."
    ),
    "watch.alarm": "ALARM: {process}, after {at} examples of it.",
    "watch.quiet": (
        "No alarm. The strongest evidence so far is {most}, by {process}; an alarm needs {threshold}."
    ),
    "watch.cause.none": (
        "Without labels, whether the answers are still right is not known: a change of what the labels mean "
        "cannot be seen."
    ),
    "watch.cause.inputs": (
        "The inputs have changed. Whether the answers are still right cannot be told apart from that: give "
        "labels of a random subset."
    ),
    "watch.cause.classes": "The classes come with other frequencies.",
    "watch.cause.concept": (
        "The losses have changed, and nothing else is seen to have: the same inputs seem to have other "
        "labels (concept shift)."
    ),
    "watch.cause.worse": "The candidate has become worse than the receiver by more than the margin.",
    "watch.cause.mixed": (
        "Several things have changed, or not all are followed: which of them is the cause cannot be told "
        "apart."
    ),
    "watch.rate": (
        "A false alarm, by any of the {k} processes in the whole life of this stream, has a probability of "
        "at most {share} %, where the stream is exchangeable with the calibrating examples."
    ),
    "watch.own_unknown": (
        "The data of the candidate's run cannot be read here. Examples that fitted, chose or calibrated the "
        "candidate are not recognised in the stream: make sure that there are none."
    ),
    "watch.dependent": (
        "Examples that depend on each other, such as frames of one video or overlapping windows, are not "
        "covered."
    ),
}
