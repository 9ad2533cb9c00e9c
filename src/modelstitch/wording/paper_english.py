"""What is said of an experiment beside the paper's."""

from __future__ import annotations

SENTENCES = {
    "paper.title": "Hernandez et al. 2022 again: {pairs} {pairs:pair|pairs}, {cells:,} cells",
    "paper.source": "The paper's numbers: {source}. Ours are of this folder.",
    "paper.findings": "What came out again, and what did not",
    "paper.finding": "Finding",
    "paper.paper": "Paper",
    "paper.ours": "Here",
    "paper.outcome": "Outcome",
    "paper.holds": "came out again",
    "paper.holds_not": "did not",
    "paper.not_run": "not run",
    "paper.counts": "{holds} of {judged} findings came out again, {left} were not run.",
    "paper.whole": "Trained networks are good, untrained ones guess.",
    "paper.whole_paper": "more than {trained:.2f}, about {untrained:.2f}",
    "paper.whole_ours": "{low:.2f} to {high:.2f}, and {least:.2f} to {most:.2f}",
    "paper.triangle": "A sender layer stitches into all receiver layers before it, by share of depth.",
    "paper.triangle_paper": (
        "R_1111: mean {below:.2f} inside the triangle and {above:.2f} outside; it explains {explained:.0%} "
        "of the variance"
    ),
    "paper.triangle_ours": (
        "higher inside in {n} of {of} pairs; mean {below:.2f} inside and {above:.2f} outside; it explains "
        "{explained:.0%}"
    ),
    "paper.matrix": "The matrix of vanilla stitches R_1111 into R_1111.",
    "paper.matrix_paper": "25 numbers, shown below",
    "paper.matrix_ours": (
        "rank correlation {r:.2f}; as shares of the whole receiver the largest difference is {largest:.2f} "
        "(layer {sender} into {receiver}), of the scores themselves {raw:.2f}"
    ),
    "paper.sender": "An untrained sender R_1111 serves the trained R_1112 in the top left corner only.",
    "paper.sender_paper": "{scores} into layer 0, .3 to .5 elsewhere",
    "paper.sender_ours": "{scores} into layer 0, mean {others:.2f} elsewhere",
    "paper.receiver": "An untrained receiver is served by late sender layers only.",
    "paper.receiver_paper": "about {bottom:.1f} in the bottom rows",
    "paper.receiver_ours": (
        "the last third of the rows is {mean:.2f} above the first in the mean, clearly above in {n} of {of} "
        "pairs"
    ),
    "paper.similarity": "Similarity-trained stitches do not work.",
    "paper.similarity_paper": "R_1111: {first:.2f} in the first cell, about {others:.1f} elsewhere",
    "paper.similarity_ours": (
        "{first:.2f} in the first cell, mean {others:.2f} elsewhere; mean {every:.2f} over all pairs (solved "
        "in closed form)"
    ),
    "paper.errors_diagonal": "Order of EV, SV and ES over the diagonal, trained into trained.",
    "paper.errors_all": "The same over all cells.",
    "paper.errors_values": "EV {ev:.2g}, ES {es:.2g}, SV {sv:.2g}",
    "paper.far": "With an untrained receiver the errors are larger by orders of magnitude.",
    "paper.far_paper": "up to {maximum:.0e}",
    "paper.far_ours": "up to {maximum:.2g}, and up to {trained:.2g} with a trained receiver",
    "paper.triangles": "The triangle in each pair",
    "paper.pair": "Pair",
    "paper.inside": "Inside",
    "paper.outside": "Outside",
    "paper.explained": "Explains",
    "paper.overall": "Mean of all pairs",
    "paper.matrices": "Vanilla stitches R_1111 into R_1111: the paper's score, and ours",
    "paper.errors": "EV, ES and SV over all pairs",
    "paper.combination": "Combination",
    "paper.error": "Error",
    "paper.cells": "Cells",
    "paper.minimum": "Minimum",
    "paper.mean": "Mean",
    "paper.maximum": "Maximum",
    "paper.deviation": "Standard deviation",
    "paper.diagonal": "diagonal",
    "paper.all": "all",
    "paper.combination.trained": "trained into trained",
    "paper.combination.random-sender": "untrained into trained",
    "paper.combination.random-receiver": "trained into untrained",
    "paper.combination.random-both": "untrained into untrained",
    "paper.pictures": "Generated images of {pair}: what stitches into the input make",
    "paper.rules": (
        "Rules of this page, fixed before any run: higher means by {clear:.1f} of score; one pattern means a "
        "rank correlation of at least {alike:.1f}. Width, data and fit are those of experiment.toml, and "
        "differ from the paper's in the small form."
    ),
}
