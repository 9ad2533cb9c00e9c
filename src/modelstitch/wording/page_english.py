"""The sentences of the report page in English."""

from __future__ import annotations

SENTENCES = {
    # The first screen.
    "answer.shown": (
        "Yes, for this task. In {n} of {of} {of:place|places}, a part of one network does the job of a part "
        "of the other, with every seed."
    ),
    "answer.interchangeable": (
        "In {n} of {of} {of:place|places}, the evidence says that the parts can be exchanged."
    ),
    "answer.partly": (
        "In {n} of {of} {of:place|places}, part of what the receiver knows beyond the label comes "
        "across: {kept:.0f} % at best ({low:.0f} to {high:.0f})."
    ),
    "answer.replaceable": (
        "Yes, but an untrained part would do. In {n} of {of} {of:place|places} a part can be exchanged, and "
        "nothing that was learnt has to be reused there."
    ),
    "answer.nothing": (
        "No. {of} {of:place was|places were} tried, and none keeps more than the label and a little beside "
        "it."
    ),
    "answer.unclear": (
        "Not shown. {of} {of:place was|places were} tried. The evidence is not enough in any of them to say "
        "that the parts can be exchanged."
    ),
    "answer.unmeasured": (
        "Not answered. This run measured what can be read from the networks, not which parts can be "
        "exchanged."
    ),
    "answer.tried": (
        "The first layers of {sender} (the sender, {senders} {senders:cut|cuts}) were joined to the last "
        "layers of {receiver} (the receiver, {receivers} {receivers:cut|cuts}). Each stitch was fitted on "
        "{n_train:,} examples of {data} and tested on {n_heldout:,} others. The two networks were not "
        "changed."
    ),
    "answer.controls": (
        "The same was done with {n} {n:control|controls}: networks or signals whose limits are known."
    ),
    "answer.no_controls": "No control was run for comparison.",
    "answer.no_verdict": "The answer needs evidence and controls.",
    "answer.good": (
        "The sender up to {sender} can replace the receiver up to {receiver}. It keeps {kept:.0f} % of what "
        "the receiver knows about an input beyond its label (95 % interval {low:.0f} to {high:.0f}), and "
        "{score:.0f} % of the score. Confidence: {confidence}.{learnt}"
    ),
    "answer.part_of": (
        "In some places part comes across. Kept is the share of what the receiver knows about an input "
        "beyond its label:"
    ),
    "answer.part": (
        "{sender} -> {receiver}: {kept:.0f} % kept ({low:.0f} to {high:.0f}), {score:.0f} % of the "
        "score; confidence {confidence}.{learnt}"
    ),
    "answer.spare": (
        "The receiver up to {receiver} is a replaceable part: the sender up to {sender} keeps "
        "{kept:.0f} % ({low:.0f} to {high:.0f}) and {score:.0f} % of the score. Confidence: "
        "{confidence}.{learnt} Perhaps nothing needs to be reused there."
    ),
    "answer.more_partly": "In {n} more {n:place|places}, part comes across.",
    "answer.more_spare": "{n} more {n:part is|parts are} replaceable.",
    "answer.learnt.learnt": " Untrained senders keep {untrained:.0f} %: it was learnt.",
    "answer.learnt.not learnt": " Untrained senders keep {untrained:.0f} %: it was not learnt.",
    "answer.learnt.unclear": " Untrained senders keep {untrained:.0f} %: whether it was learnt is unclear.",
    "answer.learnt.not asked": "",
    "answer.more": "The map below shows {n} more.",
    "answer.none": "This run found none.",
    "answer.nearest": (
        "The nearest is the sender up to {sender} in place of the receiver up to {receiver}. It keeps "
        "{kept:.0f} % beyond the label ({low:.0f} to {high:.0f}) and {score:.0f} % of the score."
    ),
    "answer.sure": "The evidence decides in {n} of {of} {of:place|places}.",
    "answer.one_seed": (
        "Each stitch was fitted once. Two more seeds would show how much of the result is chance."
    ),
    "answer.seeds": (
        "Each place was fitted with {n} seeds. Where they differ by one word, the weaker word counts; by "
        "more, nothing is told."
    ),
    "answer.unconverged": "{n} of {of} fits had not converged. Their scores are lower bounds.",
    "answer.label_alone": (
        "A sender that knows only the label scored {best:.2f} here. A high score shows that the class can be "
        "read. It does not show that two parts are alike."
    ),
    "answer.label_alone_not_run": (
        "A high score shows that the class can be read. It does not show that two parts are alike. This run "
        "did not measure how high a sender that knows only the label would score."
    ),
    "answer.this_task": (
        "The answer is about this task alone. A part that keeps what this task needs may lose what another "
        "task needs."
    ),
    "answer.this_data": "It holds for inputs like these.",
    "answer.tried_controls": (
        "Only controls were run. No layers of {sender} were joined to layers of {receiver}."
    ),
    "answer.other_stitch": (
        "Another stitch, {stitch}, makes {n} {n:place|places} interchangeable. Choose it in the maps below."
    ),
    "advice.unfinished": (
        "{n} {n:place has|places have} no evidence for some seeds. Run the same command again to finish."
    ),
    "limit.random": (
        "An untrained network scores as well as the pair in every cell. These scores do not show what was "
        "learnt."
    ),
    "limit.receiver_at_chance": (
        "The whole receiver scores {own:.2f}, and a guess scores {chance:.2f}. Are its weights missing "
        "(--receiver-weights)? Are its inputs as in its training (--mean, --std, --size, --tokenizer, "
        "--rate)? No verdict is made."
    ),
    "limit.sender_at_chance": (
        "The whole sender scores {own:.2f}, and a guess scores {chance:.2f}. What comes across from it may "
        "not be about these labels."
    ),
    "next.pilot": "The place to look at first is {sender} -> {receiver}.",
    "next.own_data": (
        "Repeat this comparison on your own recent data. Neither network may have been trained on it."
    ),
    "next.seeds": "Repeat it with {n} seeds before you decide.",
    "next.partly": (
        "If {kept:.0f} % is enough for your purpose, try {sender} -> {receiver} there, and test what you "
        "need beyond the label: other labels, rare inputs, a later task."
    ),
    "next.larger": "Try larger stitches (--ladder): more may come across, or a control may catch up.",
    "next.replaceable": (
        "Try a small untrained part in place of the receiver up to {receiver}, before you reuse the sender "
        "there."
    ),
    "next.measure": "Run it again with the default controls and evidence. Then this page can answer.",
    "next.leave": "Keep the two networks apart, or train the joined network as a whole.",
    "next.feature": (
        "The sender can still be a classifier for this task, without the receiver, at cuts where only the "
        "label comes across."
    ),
    "advice.between": (
        "The score is between done and not done in {n} {n:place|places}. Try larger stitches (--ladder) or "
        "more held-out examples."
    ),
    "advice.loses": (
        "In {n} {n:place|places} the self-stitch loses more than half of what the receiver knows. Fit on "
        "more training examples (--limit), or with a smaller stitch (--stitch)."
    ),
    "advice.wide": (
        "The interval of kept is too wide in {n} {n:place|places}. Measure on more held-out examples "
        "(--evidence-examples, --heldout-limit)."
    ),
    "advice.moves": (
        "The fit had not converged in {n} {n:place|places}. Give it more training examples or more time "
        "(--epochs)."
    ),
    "advice.few": "{n} {n:place has|places have} too few held-out examples. Add some (--heldout-limit).",
    "advice.few_in_classes": (
        "{n} {n:place has|places have} too few held-out examples of each class. Measure evidence on more "
        "(--evidence-examples), or add some (--heldout-limit)."
    ),
    "advice.range": (
        "The references are too close to compare in {n} {n:place|places}. Try another cut, or a task with "
        "more classes."
    ),
    "advice.chance": (
        "The receiver does no better than a guess. Give its weights (--receiver-weights), or inputs as in "
        "its training (--mean, --std, --size, --tokenizer, --rate)."
    ),
    "advice.misfit": (
        "Data and receiver do not fit each other in {n} {n:place|places}. Are the labels numbered as the "
        "receiver's outputs are (--data-classes, --receiver-classes)? Are the inputs as it was trained on "
        "(--mean, --std, --size)?"
    ),
    "advice.seeds": (
        "The seeds disagree in {n} {n:place|places}: the result depends on the fit. More training examples "
        "make fits steadier."
    ),
    "advice.controls": "{n} {n:place lacks|places lack} a control. Run the default controls.",
    "advice.no_score": "{n} {n:place has|places have} no score. Check the score of your task.",
    "advice.failed": "The fit failed in {n} {n:place|places}. Try a lower --learning-rate.",
    # What weakens the run.
    "limit.misfit": (
        "A stitch from the receiver into itself is {above:.2f} above the whole receiver ({whole:.2f}) at "
        "{cut}: data and receiver do not fit each other, so that {n} {n:place has|places have} no verdict."
    ),
    "role.sender": "sender",
    "role.receiver": "receiver",
    "limit.numbering": (
        "The {role} is right on {given:.0f} % of the training examples with the labels as they are "
        "numbered, and on {best:.0f} % where {moved}: labels and outputs are likely numbered differently. "
        "Give class names (--data-classes, --receiver-classes), or number the labels as the outputs are."
    ),
    "numbering.moved": "class {label} is output {output}",
    "numbering.more": "{n} more {n:class is|classes are} moved",
    "limit.outputs": (
        "The {role} has {outputs} outputs and the data have {classes} classes, matched by number: {why}. "
        "Likely, {likely}."
    ),
    "outputs.unnamed": "names of both are not known",
    "outputs.differ": "no two names are alike",
    "outputs.other": "it was trained on other classes than these",
    "outputs.shifted": "a class is absent from the data, so that the labels after it are shifted",
    "limit.names_differ": (
        "No class of the data has the name of a class of the {role}, so that they are matched by number: "
        "class k is output k."
    ),
    "limit.cut_texts": (
        "The {role} takes {most:,} tokens of a text. {heldout:,} of {n_heldout:,} held-out texts and "
        "{train:,} of {n_train:,} training texts are longer and are cut (--length)."
    ),
    "limit.cut_sounds": (
        "{heldout:,} of {n_heldout:,} held-out sounds and {train:,} of {n_train:,} training sounds are "
        "longer than {seconds:.2f} s and are cut (--seconds)."
    ),
    "limit.unscored": (
        "{n} of {of} classes have no training example ({first}). They take no part in scores; {heldout} "
        "held-out {heldout:example is|examples are} left out."
    ),
    "limit.memory_beforehand": (
        "--memory {bound:.1f} GB cannot be kept: models, data and one training step take about {needed:.1f} "
        "GB. The run goes on. A smaller --batch-size, fewer images or deeper receiver cuts take less."
    ),
    "limit.memory": "The run took {peak:.2f} GB of memory, and the bound was {bound:.2f} GB.",
    "limit.above_both": (
        "{n} {n:cell is|cells are} above both whole networks, by up to {lead:.2f}: the stitch learns from "
        "the labels too. This is a note: it decides no verdict."
    ),
    "limit.cut_short": (
        "This run is not finished: {n} of {of} cells are done. Run the same command again to go on."
    ),
    "limit.failed": "{n} of {of} cells failed. The first is {sender} -> {receiver}: {why}.",
    "limit.no_controls": "No control was run. The stitch alone may explain a high value.",
    "limit.controls": "A verdict needs controls that are missing: {names}.",
    "limit.no_verdict": (
        "There is no verdict. Its evidence (kept) was not measured, or was measured by an older version, or "
        "the receiver was not joined to itself."
    ),
    "limit.unconverged": (
        "{n} {n:cell|cells} of the pair had not converged (marked ?). Their values are lower bounds."
    ),
    "limit.unconverged_controls": (
        "{n} {n:cell|cells} of the controls had not converged. The controls may do better than shown."
    ),
    "limit.task": "The task is {task}. Read {score} (from 0 to 1) where this page says accuracy.",
    "limit.few_for_evidence": (
        "There are too few held-out examples for some evidence, which has no value: {items}."
    ),
    "evidence.lacking": "{name} ({n} of {needed})",
    "evidence.lacking_within": "{name} ({n} of {needed} in classes of at least four)",
    "evidence.too_few": "{n} {n:example is|examples are} too few, {needed} are needed",
    "evidence.too_few_within": ("{n} {n:example|examples} in classes of at least four, {needed} are needed"),
    "evidence.undefined": "not defined for these values",
    "limit.copies": (
        "{n} of {of} held-out examples ({share:.3g} %) also stand in the training part: {exact} exact "
        "{exact:copy|copies}{near}.{other} Their scores may come from memory. --drop-copies (drop_copies) "
        "leaves them out."
    ),
    "copies.near": " and {near} near {near:copy|copies} (correlation of the pixels of at least .995)",
    "copies.near_not_asked": "",
    "copies.other_label": " {n} of them {n:has|have} another label there.",
    "copies.same_label": "",
    "limit.copies_left_out": (
        "{n} held-out {n:example was|examples were} left out, since {n:it stands|they stand} in the training "
        "part too."
    ),
    "limit.by_batch": (
        "{model} gives an example other values in another batch. Here it reads the examples in fixed batches "
        "of {n}, in the order of the data; in another order the scores may differ."
    ),
    "limit.permuted": (
        "Nothing draws {n} {n:tensor|tensors} of {model} anew. In the random controls each is permuted "
        "within itself: trained values in another order ({names})."
    ),
    "limit.one_seed": "There is one fitting seed. The effect of another seed is not known.",
    # Two runs side by side.
    "diff.title": "What changed from {before} to {after}",
    "diff.choices": "{n} {n:choice differs|choices differ}.",
    "diff.same_choices": "All choices are the same.",
    "diff.scores": "{n} of {of} scores that both runs have differ by more than their noise.",
    "diff.only": "{before} {before:cell is|cells are} in the first run alone, {after} in the second.",
    "diff.verdicts": "The verdict differs in {n} of {of} {of:place|places}.",
    "diff.before": "before",
    "diff.after": "after",
    "diff.choice": "choice",
    "diff.change": "change",
    "diff.noise": "noise (2 standard errors)",
    "diff.of_choices": "Choices that differ",
    "diff.of_scores": "Scores that differ beyond noise",
    "diff.of_verdicts": "Verdicts that differ",
    # The first lines of the page.
    "sure.word.high": "High",
    "sure.word.medium": "Medium",
    "sure.word.low": "Low",
    "sure.line": (
        "{confidence}: {n} {n:fit|fits} of each place, {points} {points:point|points} from the nearest line."
    ),
    "sure.near": "{confidence}: {n} {n:fit|fits} of each place, less than 1 point from the nearest line.",
    "sure.fits": "{confidence}: {n} {n:fit|fits} of each place.",
    "sure.nothing": "Low: the run has no verdict on any place.",
    "saved.shares": "In place of the whole {role}, the joined network saves {saved}.",
    "saved.adapter": "The adapter that is trained has {n:,} {n:parameter|parameters}.",
    "saved.score": "The score changes by {change:+z.1f} points (95 % interval {low:+z.1f} to {high:+z.1f}).",
    "saved.not_asked": "Not asked yet. This command finds out: modelstitch reuse {run}",
    "saved.none": "Nothing: no candidate saves computation or parameters at this score.",
    "made.models": (
        "First layers of {sender} (the sender, whose part would be reused), last layers of {receiver} (the "
        "receiver, whose first part it would replace)."
    ),
    "made.run": "Run {by}on {when} UTC with modelstitch {version} and PyTorch {torch} on {device}.",
    "made.by": "by {by} ",
    "made.by_nobody": "",
    "page.how_sure": "How sure",
    "page.saved": "What is saved",
    "page.grey": "Why cells are grey",
    "page.classes": "Classes gained and lost",
    "page.classes_text": (
        "{sender} -> {receiver}: held-out examples of each class that the whole receiver answers wrongly and "
        "the stitched network answers rightly (gained), and the other way round (lost)."
    ),
    "page.class": "class",
    "page.n_examples": "examples",
    "page.gained": "gained",
    "page.lost": "lost",
    "page.net": "net",
    # Words of the page.
    "page.title": "{sender} into {receiver}",
    "page.question": "Can parts of {sender} do the job of parts of {receiver}?",
    "page.on": "on {data}, {n:,} held-out examples",
    "page.across": "What comes across",
    "page.limits": "Before you read on",
    "page.tried": "What was tried",
    "page.stand_in": "Which parts can be exchanged",
    "page.sure": "How sure the answer is",
    "page.not_meant": "What a high number does not mean",
    "page.next": "What to try next",
    "page.maps": "The maps",
    "page.maps_text": (
        "Row: the sender's layers up to this cut are used. Column: the receiver's layers after this cut are "
        "used. Choose a cell to see everything about it. Arrow keys move, Enter holds the cell."
    ),
    "page.accuracy": "Held-out accuracy of the pair",
    "page.verdicts": "Verdict: what comes across, and was it learnt",
    "page.verdicts_note": "above: per cent kept; below: {score}",
    "page.controls": "Controls, on the same colour scale",
    "page.whole": "whole receiver: {value:.3f}",
    "page.as_table": "As a table",
    "page.sender": "sender",
    "page.receiver": "receiver",
    "page.sender_receiver": "sender \\ receiver",
    "page.said": "What the numbers say",
    "page.curves": "How large a stitch is needed",
    "page.curves_text": (
        "The first stitch is the smallest that is interchangeable. Up to the second, compatibility is real: "
        "the trained sender is at least partly compatible and, where untrained senders were drawn, keeps "
        "more than they do. From the third on, it is not shown to keep more than the sender that is named. "
        "The same scale holds for all stitches: 100 % is the receiver's own representation. A stitch that "
        "is too narrow to carry it whole is not excused."
    ),
    "page.interchangeable_from": "interchangeable from",
    "page.ahead": "real up to",
    "page.caught_up": "caught up from",
    "page.caught_up_by": "{stitch}, by {sender}",
    "page.by_untrained": "an untrained sender",
    "page.by_label_only": "a label-only sender",
    "page.with_kept": "{stitch}: {kept}",
    "page.with_range": "{kept:.0f} % kept ({low:.0f} to {high:.0f})",
    "page.not_judged": "cannot tell",
    "page.never": "no stitch",
    "page.parameters": "{stitch}, {n:,} {n:parameter|parameters}",
    "page.cell": "cell",
    "page.pictures": "What a stitch into the receiver's input paints",
    "page.pictures_text": (
        "Stitches from each sender cut make these images for the receiver. match: fitted to the image "
        "itself. task: fitted to the label, so the image may be anything that makes the receiver say the "
        "right class."
    ),
    "page.errors": "Errors between representations",
    "page.errors_text": (
        "EV: expected against task-fitted. ES: expected against match-fitted. SV: match-fitted against "
        "task-fitted. All are mean squared errors. _share: divided by the variance of the expected "
        "representation."
    ),
    "page.grid": "grid",
    "page.error": "error",
    "page.part": "cells",
    "page.minimum": "minimum",
    "page.mean": "mean",
    "page.maximum": "maximum",
    "page.deviation": "standard deviation",
    "page.geometry": "Geometry beside function",
    "page.geometry_text": (
        "Each point is a cell. Across: similarity of the two representations before any stitch. Up: score of "
        "the stitched network."
    ),
    "page.cells": "All cells of the pair",
    "page.cells_left_out": "cells.csv of the run folder has {n} more {n:row|rows}.",
    "page.seed": "seed",
    "page.stitch": "stitch",
    "page.interval": "95 % interval",
    "page.penalty": "penalty",
    "page.converged": "converged",
    "page.verdict": "verdict",
    "page.kept": "kept",
    "page.learnt": "was it learnt",
    "page.score": "accuracy",
    "page.yes": "yes",
    "page.no": "no",
    "page.fixed": "fixed length",
    "page.how": "How to read this",
    "page.term_kept": "kept",
    "page.how_kept": (
        "What a reader recovers of the receiver's own differences between examples of one class. The reader "
        "is a linear map from the stitched network, fitted on training examples and tested on held-out ones. "
        "0 % is what a sender that holds only the label gives, 100 % is what the receiver's own layers give."
    ),
    "page.term_smallest": "the smallest share",
    "page.how_smallest": (
        "Kept is measured at the receiver's cut, at every later cut and in the output. The smallest of them "
        "counts: a part that looks alike at one place may be ignored, or missed, at another."
    ),
    "page.term_head": "for this head",
    "page.how_head": (
        "Kept behind the cut alone, at the later cuts and in the output. The part may serve these last "
        "layers well and still lack what other layers would need."
    ),
    "page.term_yardstick": "yardstick",
    "page.how_yardstick": (
        "What the outputs of the whole sender recover of the outputs of the whole receiver within classes. "
        "Two networks that do one task do not answer alike: kept near the yardstick is what whole networks "
        "share."
    ),
    "page.term_intervals": "intervals",
    "page.how_intervals": (
        "95 % intervals of kept hold for all cells of the pair at once, and so do those of the lead over "
        "untrained senders. They say what other held-out examples would change. They leave out another seed "
        "of the fit and other training examples."
    ),
    "page.how_interchangeable": (
        "The stitched network does the task, and at least {high:.0f} % is kept: nearly all that the receiver "
        "knows about an input beyond its label."
    ),
    "page.how_partly": (
        "More than the label comes across, but less than from the receiver's own layers: {low:.3g} to "
        "{high:.0f} % is kept."
    ),
    "page.how_decodable": (
        "The label comes across and most of the rest does not: less than {low:.3g} % is kept. A stitch can "
        "do this by finding inputs that make the receiver say the right class."
    ),
    "page.how_incompatible": (
        "The stitched network does not do the task: at most {share:.0f} % of the receiver's score above "
        "chance."
    ),
    "page.how_unknown": "The measurements do not show any of these. The reason is beside the cell.",
    "page.how_learnt": (
        "The trained sender keeps at least {line:.0f} points more than the mean of untrained senders."
    ),
    "page.how_not_learnt": (
        "It does not: less than {line:.0f} points more. If the part is interchangeable, an untrained part "
        "would do, and perhaps nothing needs to be reused. It is no sign of shared features."
    ),
    "page.how_unclear": "The interval lies on both sides of that line.",
    "page.how_not_asked": "No untrained sender was run, or less than part comes across.",
    "page.reproduce": "To reproduce",
    "page.fact": "fact",
    "page.fact_value": "value",
    "page.spec": "whole specification",
    "page.made": "modelstitch {version}. This page holds everything it shows and makes no network request.",
    "page.seconds": "seconds of fitting, all cells",
    "page.weights_hash": "hash of the {role}'s weights",
    "page.untrained_initial": "{role}, untrained: {n} {n:tensor|tensors} at a constant of the initialiser",
    "page.untrained_tables": "{role}, untrained: {n} fixed {n:table|tables}, as in the trained network",
    "page.untrained_permuted": "{role}, untrained: {n} {n:tensor|tensors} permuted, not drawn",
    "page.untrained_kept": "{role}, untrained: {n} {n:tensor|tensors} kept, that no permutation changes",
    "page.left_out": (
        "Evidence of {n} more {n:grid|grids} is in evidence.csv of the run folder. It would not fit into "
        "this page."
    ),
    # Words that the page's program uses.
    "part.diagonal": "diagonal",
    "part.all": "all",
    "objective.task": "task",
    "objective.match": "match",
    "objective.logits": "logits",
    "objective.latent": "latent",
    "ui.percent": "\u00a0%",
    "ui.comma": ", ",
    "ui.colon": ": ",
    "ui.between": "\u00a0({low}\u00a0–\u00a0{high})",
    "ui.sentence": "{text}.",
    "ui.not_converged": "not converged",
    "ui.by_seed": "by seed",
    "ui.objective": "objective",
    "ui.show": "show",
    "ui.stitch": "stitch",
    "ui.seed": "seed",
    "ui.all_seeds": "all",
    "ui.controls": "controls",
    "ui.score": "accuracy",
    "ui.score_and_kept": "{score}; below it: what comes across",
    "ui.penalty": "penalty (whole receiver minus stitched)",
    "ui.normalised": "normalised (0 random sender, 1 self-stitch)",
    "ui.kept": "kept beyond the label",
    "ui.kept_short": "kept",
    "ui.across": "What comes across",
    "ui.least_at": "where least is kept",
    "ui.head": "kept for this head (behind the cut alone)",
    "ui.recovered": "recovered there: cell / self-stitch / label alone",
    "ui.p_label": "p of: no more than the label",
    "ui.was_learnt": "Was it learnt",
    "ui.lead": "kept, less untrained senders (points)",
    "ui.draws": "kept of each untrained sender",
    "ui.best_draw": "the best of them",
    "ui.control": "compared with",
    "ui.learnt_line": (
        "Learnt: more than {line} points above the mean of untrained senders, not learnt: less."
    ),
    "ui.output": "output",
    "ui.intervals": (
        "Intervals of all cells hold at once. They leave out another seed of the fit and other training "
        "examples."
    ),
    "ui.evidence": "evidence",
    "ui.choose": "Choose a cell in a map.",
    "ui.held": "held; Escape releases it",
    "ui.confidence": "confidence",
    "ui.interval": "95 % interval",
    "ui.grid": "grid",
    "ui.fit": "the fit",
    "ui.converged_yes": "converged",
    "ui.converged_no": "not converged: a lower bound",
    "ui.converged_": "fixed length",
    "ui.failed": "failed",
    "ui.gain": "last doubling gained",
    "ui.noise": "noise",
    "ui.steps": "steps",
    "ui.start": "started from",
    "ui.start_closed form": "closed form",
    "ui.start_random": "random",
    "ui.start_none": "none",
    "ui.bridge": "bridge",
    "ui.parameters": "parameters",
    "ui.seconds": "seconds",
    "ui.share": "share of the self-stitch's score",
    "ui.lines": "Thresholds: up to {low} % decodable only, from {high} % interchangeable.",
    "ui.measure": "measure",
    "ui.value": "value",
    "ui.higher": "higher is better",
    "ui.lower": "lower is better",
    "ui.along": "What a reader recovers at the receiver's cut and behind it",
    "ui.curve": "Accuracy against parameters of the stitch",
    "ui.get": "Reproduce this cell (paths start at the run folder)",
    "ui.legend": "from {low} to {high}",
    "ui.no_value": "no value",
    "ui.own": "the pair",
}
