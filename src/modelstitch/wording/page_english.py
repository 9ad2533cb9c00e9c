"""The sentences of the report page in English."""

from __future__ import annotations

SENTENCES = {
    # The first screen.
    "answer.adopt": "Yes, for this task: in {n} of {of} {of:place|places} a part of the one network does the job of a part of the other, with every seed.",
    "answer.pilot": "Worth a pilot: in {n} of {of} {of:place|places} the evidence says that the parts can be exchanged.",
    "answer.leave": "No: in none of the {of} {of:place|places} tried does most of what the receiver knows beyond the label come across.",
    "answer.undecided": "Not shown: in none of the {of} {of:place|places} tried does the evidence suffice to say that the parts can be exchanged.",
    "answer.unmeasured": "Not answered: this run measured what can be read, not what can be exchanged.",
    "recommend.adopt": "Adopt",
    "recommend.pilot": "Pilot",
    "recommend.leave": "Leave",
    "recommend.undecided": "Undecided",
    "recommend.unmeasured": "Not measured",
    "answer.tried": (
        "The first layers of {sender}, cut at {senders} {senders:place|places}, were joined to the last layers of {receiver}, cut at "
        "{receivers}. Each joint was fitted on {n_train:,} examples of {data} and tested on {n_heldout:,} others. Both networks "
        "stayed as they are."
    ),
    "answer.controls": "The same was done with {n} {n:control|controls}: networks or signals of which we know what they can and cannot do.",
    "answer.no_controls": "No control was run beside it.",
    "answer.no_verdict": "This cannot be said without evidence and controls.",
    "answer.good": (
        "{sender_name} up to {sender} for {receiver_name} up to {receiver}: {kept:.0f} % of what the receiver knows about an input "
        "beyond its label is kept (95 % interval {low:.0f} to {high:.0f}), and {score:.0f} % of the score; confidence {confidence}."
    ),
    "answer.more": "And {n} more, in the map below.",
    "answer.none": "None, as far as this run can tell.",
    "answer.nearest": "Nearest to it: {sender_name} up to {sender} for {receiver_name} up to {receiver}, with {kept:.0f} % kept beyond the label ({low:.0f} to {high:.0f}) and {score:.0f} % of the score{why}.",
    "answer.sure": "In {n} of {of} {of:place|places} the evidence decides.",
    "answer.one_seed": "Everything was fitted once. A second and a third seed show how much of it is chance.",
    "answer.seeds": "Every place was fitted with {n} seeds, and a verdict stands only where all agree.",
    "answer.unconverged": "{n} of {of} fits had not come to rest; what they reach is a lower bound.",
    "answer.label_alone": (
        "A sender that knows the label and nothing of the input scored {best:.2f} here. A high score says that the class can be "
        "read, not that two parts are alike."
    ),
    "answer.label_alone_not_run": (
        "A high score says that the class can be read, not that two parts are alike. How high a sender that knows the label alone "
        "would score was not measured here."
    ),
    "answer.this_task": "It says nothing about another task: a part that keeps what this task needs may lose what the next one needs.",
    "answer.this_data": "It holds for inputs like these.",
    "answer.tried_controls": "Only controls were run: no layers of {sender} were joined to layers of {receiver}.",
    "answer.other_stitch": "With another stitch, {stitch}, {n} {n:place|places} can be exchanged: choose it in the maps below.",
    "advice.unfinished": "In {n} {n:place|places} the evidence was not measured with every seed. Let the run finish: the same command goes on.",
    "answer.nearest_why": ", but {why}",
    "answer.nearest_plain": "",
    "limit.random": "In every cell an untrained network scores as well as the pair: these scores do not show what was learnt.",
    "limit.receiver_at_chance": "The whole receiver scores {own:.2f}, and a guess {chance:.2f}: are its weights missing (--receiver-weights), or does it read by another tokenizer (--tokenizer)?",
    "next.pilot": "Take {sender} -> {receiver} as a pilot: run the stitched model beside the present one, on a small share of the real inputs.",
    "next.own_data": "Repeat this comparison on your own recent data, which neither network was trained on.",
    "next.seeds": "Repeat it with {n} seeds before deciding.",
    "next.measure": "Run it again with the default controls and evidence; then this page can answer.",
    "next.leave": "Keep the two networks apart, or train the joined one as a whole.",
    "next.feature": "Where only the label comes across, the sender can still serve as a classifier for this task, without the receiver.",
    "advice.random": (
        "In {n} {n:place|places} an untrained network keeps as much. Try deeper cuts, or a harder task, where training makes a difference."
    ),
    "advice.between": "In {n} {n:place|places} more than the label comes across, but not enough for sure. Try larger stitches (--ladder), or more examples, where there are more.",
    "advice.moves": "In {n} {n:place|places} the fit had not come to rest. Give it more training examples, or more time (--epochs).",
    "advice.few": "In {n} {n:place|places} there were too few held-out examples. Add some (--heldout-limit).",
    "advice.range": (
        "In {n} {n:place|places} there is nothing to tell apart: the references are too close. Try another cut, or a task with more classes."
    ),
    "advice.seeds": "In {n} {n:place|places} the seeds disagree: what is found there depends on the fit. More training examples make fits steadier, where there are more.",
    "advice.controls": "In {n} {n:place|places} a control is missing. Run the default controls.",
    "advice.failed": "In {n} {n:place|places} the fit failed. Try a lower --learning-rate.",
    # What weakens the run.
    "limit.cut_short": "This run was cut short: {n} of {of} cells are finished. The same command goes on.",
    "limit.failed": "{n} of {of} cells failed; the first is {sender} -> {receiver}: {why}.",
    "limit.no_controls": "No control was run: a high value may be the work of the stitch alone.",
    "limit.controls": "Controls that a verdict is read against are missing: {names}.",
    "limit.no_verdict": "There is no verdict: its evidence was not measured, or the receiver was not joined to itself.",
    "limit.unconverged": "{n} {n:cell|cells} of the pair had not converged (marked ?): their values are lower bounds.",
    "limit.unconverged_controls": "{n} {n:cell|cells} of the controls had not converged: the controls may do better than shown.",
    "limit.task": "The task is {task}: wherever accuracy is written, read {score}, from 0 to 1.",
    "limit.one_seed": "One fitting seed: how much another one would change is not known.",
    # Words of the page.
    "page.title": "{sender} into {receiver}",
    "page.question": "Can parts of {sender} do the job of parts of {receiver}?",
    "page.on": "on {data}, {n:,} held-out examples",
    "page.limits": "Before you read on",
    "page.tried": "What was tried",
    "page.stand_in": "Which parts can stand in",
    "page.sure": "How sure that is",
    "page.not_meant": "What a high number does not mean",
    "page.next": "What to try next",
    "page.maps": "The maps",
    "page.maps_text": (
        "Row: the sender's layers up to here are used. Column: the receiver's layers after here are used. Choose a cell for everything "
        "known about it; arrow keys move, Enter holds it."
    ),
    "page.accuracy": "Held-out accuracy of the pair",
    "page.verdicts": "Verdict",
    "page.verdicts_note": "with the per cent kept beyond the label",
    "page.controls": "Controls, on the same colours",
    "page.whole": "whole receiver: {value:.3f}",
    "page.as_table": "As a table",
    "page.sender": "sender",
    "page.receiver": "receiver",
    "page.sender_receiver": "sender \\ receiver",
    "page.said": "What the numbers say",
    "page.curves": "How much stitch it takes",
    "page.curves_text": (
        "The smallest stitch that reaches 95 % of the receiver's own accuracy, and the smallest with which a control does as well: below it the "
        "compatibility is real."
    ),
    "page.sufficient": "reaches 95 %",
    "page.caught_up": "a control catches up",
    "page.never": "with none",
    "page.parameters": "{stitch}, {n:,} {n:parameter|parameters}",
    "page.cell": "cell",
    "page.pictures": "What a stitch into the receiver's input paints",
    "page.pictures_text": (
        "Images that stitches from each sender cut make for the receiver. match: fitted to the image itself; task: fitted to the label, "
        "which may paint whatever makes the receiver say the right class."
    ),
    "page.errors": "Errors between representations",
    "page.errors_text": (
        "EV: expected against task-fitted; ES: expected against match-fitted; SV: match-fitted against task-fitted. Mean squared errors; "
        "_share: divided by the variance of the expected representation."
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
        "Each point is a cell: how alike the two representations are before any stitch (across) and what the stitched network scores (up)."
    ),
    "page.cells": "All cells of the pair",
    "page.cells_left_out": "{n} more {n:row|rows} are in cells.csv of the run folder.",
    "page.seed": "seed",
    "page.stitch": "stitch",
    "page.interval": "95 % interval",
    "page.penalty": "penalty",
    "page.converged": "converged",
    "page.verdict": "verdict",
    "page.kept": "kept",
    "page.score": "accuracy",
    "page.yes": "yes",
    "page.no": "no",
    "page.fixed": "fixed length",
    "page.how": "How to read this",
    "page.how_interchangeable": (
        "the stitched network does the task, and what the receiver knows about each input beyond its label comes across nearly as well as from its "
        "own layers (at least {high:.0f} %), better than from an untrained sender"
    ),
    "page.how_decodable": "the label comes across, most of the rest (more than {low:.0f} %) does not: what a stitch can do that only finds inputs which make the receiver say the right class",
    "page.how_incompatible": "the stitched network does not do the task",
    "page.how_unknown": "none of these can be said with what was measured",
    "page.reproduce": "To reproduce",
    "page.fact": "what",
    "page.fact_value": "value",
    "page.spec": "whole specification",
    "page.made": "modelstitch {version}. This page holds everything it shows and asks nothing of the network.",
    "page.seconds": "seconds of fitting, all cells",
    "page.weights_hash": "hash of the {role}'s weights",
    "page.left_out": "Evidence of {n} further {n:grid|grids} is in evidence.csv of the run folder; it would not fit this page.",
    # Words that the page's program uses.
    "ui.comma": ", ",
    "ui.colon": ": ",
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
    "ui.penalty": "penalty (whole receiver less stitched)",
    "ui.normalised": "normalised (0 random sender, 1 self-stitch)",
    "ui.kept": "kept beyond the label",
    "ui.evidence": "evidence",
    "ui.choose": "Choose a cell in a map.",
    "ui.held": "held; Escape lets go",
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
    "ui.bridge": "bridge",
    "ui.parameters": "parameters",
    "ui.seconds": "seconds",
    "ui.share": "share of the self-stitch's score",
    "ui.lines": "Lines of the rule: up to {low} % decodable only, from {high} % interchangeable.",
    "ui.measure": "measure",
    "ui.value": "value",
    "ui.higher": "higher is better",
    "ui.lower": "lower is better",
    "ui.along": "Kept along the receiver: similarity within classes at its cut and after it",
    "ui.curve": "Accuracy against parameters of the stitch",
    "ui.get": "Get this cell (paths are seen from the run folder)",
    "ui.legend": "from {low} to {high}",
    "ui.no_value": "no value",
    "ui.own": "the pair",
}
