"""What is said of every ordered pair of several models."""

from __future__ import annotations

SENTENCES = {
    "pairs.title": "{n} models, {pairs} ordered {pairs:pair|pairs}, on {data}",
    "pairs.asymmetric": (
        "The table is not symmetric: A into B asks whether the layers of A can serve B, B into A the reverse."
    ),
    "pairs.ceiling": (
        "Where a model meets itself stands its self-stitch: the noise ceiling, what equal networks reach."
    ),
    "pairs.diagonal": "The mean over cells of corresponding depth.",
    "pairs.best": (
        "For each receiver cut the best sender cut, then the mean. The best is chosen on the same examples, "
        "so that it is a little too high."
    ),
    "pairs.interval": "The interval holds for other examples: 95 % of {n} resamples of the held-out ones.",
    "pairs.no_interval": "No interval: nothing is stored by example here.",
    "pairs.in_words": "sender in rows, receiver in columns",
    "pairs.tree": "Models that are near each other, by average linkage of {value}",
    "pairs.no_tree": "There is no tree of {value}: it needs every pair both ways, and some were not run.",
    "pairs.verdicts": "Verdicts",
    "pairs.page": "page",
    "pairs.map": (
        "A map of the models by {value}; its title says which share of the squared distances it holds"
    ),
    "pairs.gap": "Accuracy gap against penalty",
    "pairs.gap_correlation": (
        "The gap is the score of the whole receiver less that of the whole sender, the penalty the mean over "
        "cells of corresponding depth. Their rank correlation over pairs of different models is {r:.2f}; "
        "near 1, the penalty says little beyond which network is better."
    ),
    "pairs.gap_few": "There are too few pairs with both numbers for a correlation.",
    "pairs.pair": "Pair",
    "pairs.own_gap": "Gap",
    "pairs.penalty": "Penalty",
    "pairs.more": "{n} more {n:pair|pairs}: verdicts.csv and cells.csv have all of them.",
    "live.pairs": "{ended} of {pairs} pairs have ended; {done:,} cells done, {failed:,} failed, {left} left.",
    "live.unknown": "unknown",
    "live.run": "This run goes on: {done:,} cells done, {failed:,} failed, {left:,} left.",
    "live.nothing": "No cell is done yet.",
}
