"""The sentences in English."""

from __future__ import annotations

SENTENCES = {
    "list.one": "{items}",
    "list.comma": ", ",
    "list.semicolon": "; ",
    "list.or": " or ",
    "list.and": " and ",
    "list.sentence": " ",
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
    # What was done with weights and outputs that did not speak for themselves.
    "weights.key": "The weights of the {role} are the set {name} of its file.",
    "weights.partial": "The weights of the {role} fit only in part: {what}.",
    "weights.untrained": "{n} {n:key is|keys are} untrained ({keys})",
    "weights.unused": "{n} {n:key|keys} of the weights {n:has|have} no place in the network ({keys})",
    "weights.doubled": "{n} {n:key has|keys have} two values where the network has one ({keys})",
    "weights.left_out": "Left out of the weights of the {role}, outside the network: {keys}.",
    "weights.converted": "The weights of the {role} were converted from {types}.",
    "outputs.among": "The {role} gives several outputs, {among}. Output {part} is scored.",
    "outputs.probabilities": (
        "The {role} gives probabilities. Their logarithms are read as logits: the order of the answers stays."
    ),
    "outputs.log-probabilities": "The {role} gives log-probabilities. They are read as logits.",
    "outputs.sigmoid": (
        "The {role} gives what a sigmoid makes of each class by itself. Logits are read from it: the order "
        "of the answers stays."
    ),
    "outputs.log-sigmoid": (
        "The {role} gives the logarithm of what a sigmoid makes of each class by itself. Logits are read "
        "from it: the order of the answers stays."
    ),
    # Verdicts and their reasons.
    "verdict.interchangeable": "interchangeable",
    "verdict.partly": "partly",
    "verdict.decodable only": "decodable only",
    "verdict.incompatible": "incompatible",
    "verdict.cannot tell": "cannot tell",
    "learnt.learnt": "learnt",
    "learnt.not learnt": "not learnt",
    "learnt.unclear": "unclear",
    "learnt.not asked": "not asked",
    "because.learnt": (
        "{answer}: {lead:.0f} points ahead of the mean of {n} untrained {n:sender|senders} "
        "({low:.0f} to {high:.0f})"
    ),
    "confidence.high": "high",
    "confidence.medium": "medium",
    "confidence.low": "low",
    "reason.fit-failed": "the fit failed: {failure}",
    "reason.self-stitch-failed": "the fit of the self-stitch failed: {failure}",
    "reason.too-few-examples": "{n} held-out examples are too few, {needed} are needed",
    "reason.too-few-in-classes": (
        "{n} of the held-out examples that were measured are in classes of at least four, {needed} are needed"
    ),
    "reason.no-score": "the score of the cell, of the self-stitch or of a guess is not a finite number",
    "reason.self-stitch-at-chance": (
        "the receiver into itself scores {own_score:.2f}, within noise of chance ({chance:.2f})"
    ),
    "reason.self-stitch-above-receiver": (
        "the receiver into itself scores {own_score:.2f}, {above:.2f} above the whole receiver "
        "({whole:.2f}): data and receiver do not fit each other"
    ),
    "reason.receiver-at-chance": (
        "the whole receiver scores {whole_score:.2f}, no better than a guess ({chance:.2f}): no part of it "
        "can be judged"
    ),
    "because.score": "score {score:.2f} (self-stitch {own:.2f}, chance {chance:.2f})",
    "reason.task-not-done": "{score}: the stitched network does not do the task",
    "reason.no-label-only-sender": (
        "{score}; no label-only sender was run for comparison (clustered-noise, one-hot), so that kept has "
        "no zero"
    ),
    "reason.no-value": (
        "{score}; {place} the representations do not vary within classes, or are not finite, so that kept is "
        "not defined"
    ),
    "reason.references-too-close": (
        "{score}; the references are too close {place}: a reader recovers {own:.2f} from the self-stitch and "
        "{label:.2f} from the label alone"
    ),
    "reason.fit-not-converged": "{score}; the fit had not converged",
    "reason.self-stitch-not-converged": "{score}; {kept}; but the fit of the self-stitch had not converged",
    "reason.score-between": "{score}; {kept}: the score is between done and not done",
    "because.kept": "{kept:.0f} % kept ({low:.0f} to {high:.0f}), least {place}{scale}",
    "because.both_scales": (
        " (low end with the receiver itself as 100 %, high end with the self-stitch, which loses more than "
        "half somewhere)"
    ),
    "because.one_scale": "",
    "because.at_cut": "at {cut}",
    "because.at_output": "in the output",
    "reason.kept": "{score}; {kept}",
    "reason.kept-in-part": (
        "{score}; {kept}: more than the label comes across, but less than from the receiver itself"
    ),
    "reason.score-too-low": "{score}; {kept}; but the score is {share:.0f} % of the self-stitch's",
    "reason.label-only": "{score}; {kept}: the label comes across, and most of the rest does not{depth}",
    "reason.part-of-label": (
        "{score}; {kept}: part of the label comes across, and most of the rest does not{depth}"
    ),
    "reason.no-more-than-label": (
        "{score}; {kept}; but examples permuted within their classes give as much somewhere on the map"
    ),
    "reason.kept-too-wide": (
        "{score}; {kept}: the interval reaches from the label alone to the receiver itself"
    ),
    "reason.self-stitch-loses": "{score}; {kept}: the self-stitch loses too much to be compared with",
    "because.depth": (
        "; the receiver's own cut of that name keeps no more ({own:.0f} %), so the depth loses it, not the "
        "pair"
    ),
    "because.no_depth": "",
    "reason.seeds-disagree": "the seeds disagree: {counts}; {least}",
    "because.seeds": "{name} with {n}",
    "reason.seeds-missing": "the evidence for a verdict was not measured with every seed",
    # What a matrix shows.
    "matrix.no_real": "Only controls were run. There is no matrix of the pair itself.",
    "matrix.own": " (the whole receiver: {own:.2f})",
    "matrix.no_own": "",
    "matrix.nothing": "nothing",
    "matrix.score": "{score:.2f}",
    "matrix.mean": "The stitched networks score {mean} on average{own}. Chance is {chance:.2f}.",
    "matrix.triangle": (
        "The networks score {below:.2f} on average{own} where the receiver cut is no deeper than the sender "
        "cut. They score {above:.2f} where it is deeper. Chance is {chance:.2f}.{more}"
    ),
    "matrix.no_direction": " The direction of the stitch makes little difference here.",
    "matrix.reversed": " This is the reverse of the paper's lower-left triangle.",
    "matrix.plain": "",
    "matrix.no_control": (
        "No control was run. The stitch alone may explain a high value. Run the controls before you believe "
        "it."
    ),
    "matrix.controls_moved": (
        "{n} {n:cell|cells} of the controls had not converged. The controls may do better than shown."
    ),
    "matrix.moved": (
        "{n} of {of} cells had not converged. Their values are lower bounds of what the stitch can do, not "
        "facts about the networks."
    ),
    "matrix.failed": "{n} {n:cell|cells} of the pair failed. These sentences leave {n:it|them} out.",
    "matrix.all_reached": (
        "A random control scores as well as the trained pair in {n:the one cell|all cells} ({n} of {n}), "
        "within sampling error. These scores do not show that the two networks learnt something alike."
    ),
    "matrix.lead": (
        "the largest lead of the trained pair is at {sender} -> {receiver}, {score:.2f} against {best:.2f} "
        "with {control}"
    ),
    "matrix.none_reached": (
        "No random control reaches the trained pair in any of the {n} {n:cell|cells}; {lead}."
    ),
    "matrix.some_reached": (
        "A random control does as well as the trained pair in {n} of {of} cells, within sampling error "
        "({by_name}). The score of these cells does not show what the networks learnt."
    ),
    "matrix.with": "{n} with {control}",
    "matrix.rest": (
        "The trained pair does better in the other {n} {n:cell|cells}, if each cell is tested alone; {lead}."
    ),
    "matrix.labels": (
        "A sender that holds only the label ({names}) does as well in {n} of {of} cells. Accuracy alone "
        "cannot show that more than the label comes across."
    ),
    "matrix.verdicts": "Verdicts: {counts}.",
    "matrix.verdicts_seeds": "Verdicts ({seeds} seeds together): {counts}.",
    "matrix.lower": (
        "Verdicts of the {n} cells whose receiver cut is no deeper than the sender cut: {counts}."
    ),
    "matrix.planted": (
        "Planted senders are judged by the same rule; in brackets is what must come out: {parts}."
    ),
    "matrix.planted_untrained": "{control} (nothing that was learnt): {counts}",
    "matrix.planted_label": "{control} (decodable at most): {counts}",
    "matrix.planted_self": "{control} at the same cut (interchangeable): {counts}",
    "matrix.count": "{n} {name}",
    "matrix.ladder": "Smallest stitch that is interchangeable, in {of} {of:cell|cells}: {counts}.",
    "matrix.ladder_count": "{stitch} in {n}",
    "matrix.ladder_none": "none in {n}",
    "matrix.ladder_label": (
        "Up to this stitch more than the label comes across: {counts}. Above it, a label-only sender catches "
        "up in {label} {label:cell|cells}. No untrained sender was compared."
    ),
    "matrix.ladder_ahead": (
        "Up to this stitch compatibility is real, since the trained sender keeps more than an untrained or "
        "a label-only one: {counts}. Above it, an untrained sender catches up in {untrained} "
        "{untrained:cell|cells} and a label-only one in {label}; in {never} none does."
    ),
    "matrix.learnt": (
        "Was it learnt? Of the {n} {n:cell that is|cells that are} at least partly, against untrained "
        "senders: {counts}."
    ),
    "matrix.learnt_not_asked": (
        "Whether what comes across was learnt was not asked: no untrained sender was run."
    ),
    "matrix.replaceable": (
        "{n} {n:cell is|cells are} interchangeable, but not learnt: a replaceable part. An untrained part "
        "would do there, so perhaps nothing needs to be reused at all."
    ),
    "matrix.no_shared": (
        "{n:This cell is|These cells are} no sign that the two networks learnt shared features."
    ),
    "matrix.yardstick": (
        "Yardstick: of two whole networks, the sender's outputs recover {share:.0f} % ({low:.0f} to "
        "{high:.0f}) of the receiver's outputs within classes."
    ),
    # The legend of the map of verdicts.
    "map.kept": (
        "Per cent: kept, the share of what the receiver knows about an input beyond its label that comes "
        "across."
    ),
    "map.colour": "Colour: the same, with lines at {low:.3g} and {high:.3g} %. Grey: cannot tell.",
    "map.score": "Decimal: {score} of the stitched network.",
    "map.mark": "{mark} = {word}",
    "map.marks": "{marks}.",
    "map.learnt": (
        "u: not learnt, an untrained sender does as well; u?: unclear; neither: learnt, or not asked."
    ),
    "map.learnt_not_asked": "Was it learnt: not asked, no untrained sender was run.",
    "matrix.advantages": (
        "The trained pair is {parts}. The rate of error is 5 % for all comparisons together."
    ),
    "matrix.advantage": "ahead of {control} in {ahead} of {of} cells and behind in {behind}",
    "matrix.label_sets": (
        "The stitches were fitted to the labels {labels!r} alone. By the finest labels, the stitched "
        "networks keep {share:.2f} of the receiver's score above chance on average{others}. The stitches "
        "were not fitted to these labels."
    ),
    "matrix.label_others": " ({parts})",
    "matrix.label_other": "{control} {share:.2f}",
    "matrix.no_others": "",
    "matrix.tried": (
        "Interchangeable is said of the labels {labels!r}, which the stitches were fitted to. It has to be "
        "tried for every other label set (--labels)."
    ),
    "labels.tried": "Each cell was tried for {n} label sets: {names}.",
    "labels.interchangeable": (
        "Interchangeable for all of them: {all} of {of} {of:cell|cells}; for some alone: {some}; for none: "
        "{none}."
    ),
    "labels.kept": "Kept beyond the label on average: {parts}.",
    "labels.one": "{labels!r} {kept:.0f} % (score {score:.2f})",
    "labels.no_kept": "{labels!r} not known",
    "labels.within": (
        "The coarser a label set is, the more of the input lies within its classes and counts as kept or "
        "lost."
    ),
    "matrix.overlap": (
        "The networks know images that the stitches were fitted on: about {parts}. Representations of such "
        "images may be cleaner than those of new images. This does not affect held-out scores."
    ),
    "matrix.overlap_sender": "{share:.0f} % are from the sender's training set",
    "matrix.overlap_receiver": "{share:.0f} % are from the receiver's training set",
    "matrix.shape": "{parts}.",
    "matrix.shape_triangle": (
        "The order of the two cuts (which one is deeper) explains {share:.0f} % of the variance between cells"
    ),
    "matrix.shape_near": "corresponding layers score {near:.2f}, distant ones {far:.2f}",
    "matrix.shape_near_first": "Corresponding layers score {near:.2f}, distant ones {far:.2f}",
    "matrix.shape_direction": "late into early scores {gap:+z.2f} against early into late",
    "matrix.shape_direction_first": "Late into early scores {gap:+z.2f} against early into late",
}
