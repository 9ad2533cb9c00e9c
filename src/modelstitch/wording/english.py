"""The sentences in English."""

from __future__ import annotations

SENTENCES = {
    "list.comma": ", ",
    "list.semicolon": "; ",
    "list.or": " or ",
    "list.and": " and ",
    # What a control is, inside a sentence.
    "control.random-sender": "a random sender",
    "control.random-sender-bn": "a random sender with calibrated batch norms",
    "control.random-receiver": "a random receiver",
    "control.random-receiver-bn": "a random receiver with calibrated batch norms",
    "control.random-both": "two random networks",
    "control.random-both-bn": "two random networks with calibrated batch norms",
    "control.clustered-noise": "clustered noise",
    "control.one-hot": "a one-hot label",
    "control.self-stitch": "the receiver into itself",
    # What a grid is, as the title of its picture.
    "title.trained": "trained sender, trained receiver",
    "title.random-sender": "random sender, trained receiver",
    "title.random-sender-bn": "random sender (batch norms calibrated)",
    "title.random-receiver": "trained sender, random receiver",
    "title.random-receiver-bn": "random receiver (batch norms calibrated)",
    "title.random-both": "random sender, random receiver",
    "title.random-both-bn": "both random (batch norms calibrated)",
    "title.clustered-noise": "clustered noise for a sender: the label only",
    "title.one-hot": "one-hot label for a sender: the label only",
    "title.self-stitch": "receiver into itself",
    "title.probe": "stitch read directly, no receiver",
    "title.shuffled-labels": "fitted to shuffled labels",
    # Verdicts and their reasons.
    "verdict.interchangeable": "interchangeable",
    "verdict.decodable only": "decodable only",
    "verdict.incompatible": "incompatible",
    "verdict.cannot tell": "cannot tell",
    "confidence.high": "high",
    "confidence.medium": "medium",
    "confidence.low": "low",
    "verdict.failed": "the fit failed: {why}",
    "verdict.few": "{n} held-out examples are too few, {needed} are needed",
    "verdict.no_room": "the receiver into itself scores {own:.2f}, within noise of chance ({chance:.2f})",
    "verdict.scored": "score {score:.2f} (self-stitch {own:.2f}, chance {chance:.2f})",
    "verdict.score_moves": "{scored}, and the fit had not converged",
    "verdict.not_done": "{scored}: the task is not done",
    "verdict.no_range": (
        "{scored}; the references span no range: within-class similarity of the self-stitch is {own:.2f}, {label}"
    ),
    "verdict.kept": "within-class similarity {within:.2f} (self-stitch {own:.2f}, {label}): {kept:.0f} % kept, give or take {half:.0f}",
    "verdict.label_alone": "label alone {values}",
    "verdict.no_label": "no label-only sender was run",
    "verdict.moves": "{scored}; {told}; but the fit had not converged",
    "verdict.whole_label": "{scored}; {told}: the label comes across, most of the rest does not{depth}",
    "verdict.part_label": "{scored}; {told}: part of the label comes across, most of the rest does not{depth}",
    "verdict.depth": "; the receiver's own cut of that name does no better ({own:.2f}), so it is depth that loses it, not the pair",
    "verdict.no_depth": "",
    "verdict.blocked": "{scored}; {told}; but {why}",
    "verdict.good": "{scored}; {told}",
    "verdict.between": "{scored}; {told}: more than the label comes across, and less than of the receiver's own",
    "verdict.half_done": "{scored}; {told}: the score lies between done and not done",
    "verdict.seeds": "the seeds disagree: {told}; {reason}",
    "verdict.seed_share": "{name} with {n}",
    "verdict.no_seed": "the evidence for a verdict was not measured with every seed",
    "blocked.score": "the score is {share:.0f} % of the self-stitch's",
    "blocked.fit": "the fit had not converged",
    "blocked.self_fit": "the fit of the self-stitch had not converged",
    "blocked.no_label": "no sender that holds the label alone was run beside it (clustered-noise, one-hot)",
    "blocked.no_random": "no random sender was run beside it",
    "blocked.label": "{control} keeps as much",
    "blocked.random": "a random sender keeps as much ({within:.2f}): the number is no evidence of what was learnt",
    # What a matrix shows.
    "matrix.no_real": "Only controls were run, so there is no matrix of the pair itself to read.",
    "matrix.own": " (the whole receiver: {own:.2f})",
    "matrix.no_own": "",
    "matrix.nothing": "nothing",
    "matrix.score": "{score:.2f}",
    "matrix.mean": "The stitched networks score {mean} on average{own}; chance is {chance:.2f}.",
    "matrix.triangle": (
        "Stitched into receiver cuts that lie no deeper than the sender's own, the networks score "
        "{below:.2f} on average{own}; into deeper cuts {above:.2f}; chance is {chance:.2f}.{more}"
    ),
    "matrix.no_direction": " So in this matrix the direction of the stitch makes little difference.",
    "matrix.reversed": " So this matrix is the other way round than the paper's lower-left triangle.",
    "matrix.plain": "",
    "matrix.no_control": (
        "No control was run, so a high value here may be the work of the stitch alone: run the controls before believing it."
    ),
    "matrix.controls_moved": (
        "{n} {n:cell|cells} of the controls had not converged: the controls may do better than shown."
    ),
    "matrix.moved": (
        "{n} of {of} cells had not converged: their values are lower bounds of what the stitch could do, not facts about the "
        "networks."
    ),
    "matrix.failed": "{n} {n:cell|cells} of the pair failed and {n:is|are} left out of these sentences.",
    "matrix.all_reached": "In all {n} {n:cell|cells} a random control scores as well as the trained pair, within sampling error: these scores are no evidence that the two networks learnt anything alike.",
    "matrix.lead": (
        "the trained pair is furthest ahead at {sender} -> {receiver}, {score:.2f} against {best:.2f} with {control}"
    ),
    "matrix.none_reached": "No random control reaches the trained pair in any of the {n} cells; {lead}.",
    "matrix.some_reached": (
        "In {n} of {of} cells a random control does as well as the trained pair, within sampling error ({by_name}): there the "
        "number says nothing about what the networks learnt."
    ),
    "matrix.with": "{n} with {control}",
    "matrix.rest": "In the other {n} {n:cell|cells} the trained pair does better, each cell taken by itself; {lead}.",
    "matrix.labels": (
        "A sender that holds the label and nothing of the input ({names}) does as well in {n} of {of} cells: accuracy alone cannot tell "
        "whether more than the label comes across."
    ),
    "matrix.verdicts": "Verdicts: {counts}.",
    "matrix.verdicts_seeds": "Verdicts (where {seeds} seeds agree): {counts}.",
    "matrix.lower": "Of the {n} cells into receiver cuts no deeper than the sender's own: {counts}.",
    "matrix.count": "{n} {name}",
    "matrix.advantages": "With one error rate of 5 % for all comparisons together, the trained pair is {told}.",
    "matrix.advantage": "ahead of {control} in {ahead} of {of} cells and behind in {behind}",
    "matrix.label_sets": (
        "Fitted to the labels {labels!r} alone, the stitched networks keep {share:.2f} of the receiver's score above chance by the "
        "finest labels, on average{others}: what a stitch was not fitted to."
    ),
    "matrix.label_others": " ({told})",
    "matrix.label_other": "{control} {share:.2f}",
    "matrix.no_others": "",
    "matrix.overlap": (
        "Of the images that stitches were fitted on, about {told} training set: representations of such images may be cleaner than "
        "those of new ones. Held-out scores are not touched by this."
    ),
    "matrix.overlap_sender": "{share:.0f} % in the sender's",
    "matrix.overlap_receiver": "{share:.0f} % in the receiver's",
    "matrix.shape": "{told}.",
    "matrix.shape_triangle": "Whether the receiver cut is the deeper one explains {share:.0f} % of the variance between cells",
    "matrix.shape_near": "corresponding layers score {near:.2f}, distant ones {far:.2f}",
    "matrix.shape_near_first": "Corresponding layers score {near:.2f}, distant ones {far:.2f}",
    "matrix.shape_direction": "late into early scores {gap:+.2f} against early into late",
    "matrix.shape_direction_first": "Late into early scores {gap:+.2f} against early into late",
}
