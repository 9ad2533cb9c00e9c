"""The sentences on the road from a run to a network in use, in English."""

from __future__ import annotations

SENTENCES = {
    # The first word of the page.
    "decision.word.adopt": "Adopt",
    "decision.word.pilot": "Pilot",
    "decision.word.leave": "Leave",
    "decision.word.undecided": "Undecided",
    # What it rests on.
    "decision.pilot": (
        "Worth a pilot, and a run says no more. The sender up to {sender} can be tried in front of the "
        "receiver from {receiver}, in place of the whole {role}. It saves {saved}. On {n:,} examples that "
        "did not choose it, it loses at most {most:.1f} points; {margin:g} were allowed."
    ),
    "decision.leave": (
        "Nothing is worth reusing here. None of {n} {n:place|places} can be worth a pilot any more: "
        "{reasons}."
    ),
    "decision.dear": "{n} {n:saves|save} nothing that was asked for",
    "decision.worse": "{n} {n:loses|lose} more than {margin:g} points",
    "decision.label": (
        "{n} {n:keeps|keep} less than {line:g} % beyond the label, or {n:does|do} not do the task"
    ),
    "decision.undecided": "Not decided. No place is shown to be worth a pilot, and {n} may be.",
    "decision.nearest": "The nearest is {sender} -> {receiver}. It is open whether {open}.",
    "decision.not_asked": (
        "Not decided. This run shows what comes across, not what it would save and lose. This command "
        "finds out: modelstitch reuse {run}"
    ),
    "decision.run_leave": (
        "Nothing is worth reusing here. In none of {n} {n:place|places} more than {line:g} % comes across "
        "beyond the label, or the task is not done; the bounds of this run rule each of them out."
    ),
    "decision.stale": (
        "Candidates that were found before do not belong to this run as it is now, and are left out. Ask "
        "again: modelstitch reuse {run}"
    ),
    "decision.adopt": (
        "It can be adopted. The candidate {name} passed its pilot, and {by} checked it, who did not export "
        "it. The decision is yours; modelstitch stage puts it on record."
    ),
    "decision.adopted": (
        "In use. The candidate {name} passed its pilot, {by} checked it, who did not export it, and it is "
        "adopted on record."
    ),
    "decision.held": (
        "Not decided any more. A place is worth a pilot by this run, and something speaks against its "
        "candidate."
    ),
    "decision.against.retired": "The candidate {name} is retired.",
    "decision.against.alarm": (
        "A monitor of the candidate {name} has raised an alarm: its inputs are no longer as they were."
    ),
    "decision.against.verify": "The last check of the candidate {name} found that it does not hold.",
    "decision.against.pilot": "The candidate {name} failed its pilot.",
    "saved.multiply_adds": "{share:.1f} % of the multiply-adds",
    "saved.parameters": "{share:.1f} % of the parameters",
    "saved.more_multiply_adds": "takes {share:.1f} % more multiply-adds",
    "saved.more_parameters": "takes {share:.1f} % more parameters",
    "open.no_worse": "it loses no more than {margin:g} points (so far {low:+z.1f} to {high:+z.1f}{needed})",
    "open.needed": "; about {n:,} confirming examples would decide",
    "open.no_number": "",
    "open.saves": "its score is enough",
    "open.partly": "more than the label comes across",
    "open.no_verdict": "more than the label comes across, since its run has no verdict on it",
    # Risks.
    "risk.kept": (
        "It keeps {kept:.0f} % of what the receiver distinguishes within a class: other answers are to be "
        "expected on inputs unlike these."
    ),
    "risk.interchangeable": "It keeps {kept:.0f} % of what the receiver distinguishes within a class.",
    "risk.unknown": "How much it keeps of what the receiver distinguishes within a class is not known.",
    "risk.not_learnt": "An untrained part would do as well: perhaps nothing has to be reused.",
    "risk.flips": (
        "{wrong} right {wrong:answer|answers} became wrong, and {right} wrong {right:one|ones} right."
    ),
    # Candidates on the page.
    "road.candidates": "Candidates: what could be reused",
    "road.candidates_text": (
        "Chosen on {choose:,} held-out examples, measured on {confirm:,} others. A pilot asks for three "
        "things: no more than {margin:g} points lost, something saved, and more than the label kept. "
        "Intervals decide, and those of all candidates hold at once."
    ),
    "road.place": "{sender} -> {receiver}",
    "road.replaces": "in place of the whole {role}",
    "road.saves": "Saves",
    "road.cost": "Costs",
    "road.loses": "Loses",
    "road.risk": "Risk",
    "road.open": "Open",
    "road.open_text": "whether {open}",
    "road.fails": "Fails",
    "road.next": "Next step",
    "road.cost_text": "{trained:,} trained numbers{labels}; {times}",
    "road.labels": ", {n:,} labelled examples",
    "road.no_labels": "",
    "road.time": "batch {batch}: {ms:.2g} ms, the whole network {whole:.2g} ms",
    "road.no_time": "time was not measured",
    "road.loses_text": (
        "{lost:+z.1f} points ({low:+z.1f} to {high:+z.1f}); {name} {score:.3f} ({score_low:.3f} to "
        "{score_high:.3f})"
    ),
    "road.loses_unknown": "not known",
    "road.fails.no_worse": "it loses more than the margin",
    "road.fails.saves": "it saves nothing that was asked for",
    "road.fails.partly": "no more than the label comes across, or the task is not done",
    "road.misses": "it misses what was asked for: {what}",
    "road.elsewhere": (
        "{dear} other {dear:place saves|places save} nothing, {worse} {worse:loses|lose} too much, {label} "
        "{label:keeps|keep} no more than the label; of {open} it is not known."
    ),
    "road.none": "No place was named.",
    # Rivals and money.
    "road.rivals": "What else could be done for the same cost",
    "road.rivals_text": "Beside {sender} -> {receiver}, on the same {n:,} confirming examples.",
    "road.rival": "rival",
    "road.against": "against the candidate, points",
    "road.difference": "{middle:+z.1f} ({low:+z.1f} to {high:+z.1f})",
    "road.rival_cost": "multiply-adds",
    "road.stands": "stands",
    "road.not_run": "not run",
    "road.money": "Money, with your prices",
    "road.choice": "choice",
    "road.once": "once",
    "road.monthly": "a month",
    "road.total": "in {months:g} months",
    "road.assumptions": "All assumptions",
    "road.changed": "When one number is halved or doubled",
    "road.number": "number",
    "road.halved": "cheapest with half of it",
    "road.doubled": "cheapest with twice of it",
    "road.cheapest": "{choice} ({amount})",
    "road.chains": "Chains of three parts",
    # The record.
    "record.title": "On record: who did what, and who checked it",
    "record.text": (
        "From the ledger in the folder of each exported candidate. A line cannot be changed without the "
        "next lines showing it."
    ),
    "record.stage": "stage: {stage}",
    "record.stage.candidate": "candidate",
    "record.stage.pilot": "pilot",
    "record.stage.adopted": "adopted",
    "record.stage.retired": "retired",
    "record.when": "when",
    "record.by": "who",
    "record.what": "what",
    "record.why": "in their words",
    "record.accepted": "A risk was accepted: {why}",
    "record.shows_not": "What the candidate does not show:",
    "record.candidate": "exported as a candidate",
    "record.moved": "moved to the stage {stage}",
    "record.skipped": "moved to the stage {stage}, skipping what it asks for",
    "record.pilot": "pilot {k}: {result}{n}",
    "record.pilot_n": ", after {n:,} examples",
    "record.pilot_no_n": "",
    "record.result.passed": "passed",
    "record.result.failed": "failed",
    "record.result.undecided": "undecided",
    "record.verified": "checked: it holds",
    "record.not_verified": "checked: it does not hold",
    "record.alarm": "a monitor raised an alarm",
    "record.monitor": "began to monitor",
    "record.none": (
        "No candidate of this run is on record here. Name its folder: modelstitch report {run} --candidate "
        "FOLDER"
    ),
    "monitor.title": "In use: what the monitors see",
    "monitor.of": "Monitor of {name}",
    "monitor.alarm": "Alarm",
    "monitor.quiet": "No alarm",
    "monitor.evidence": "evidence over time",
    # What comes next.
    "step.reuse": "Find out what each place would save and lose: modelstitch reuse {run}",
    "step.export": (
        "Export it: modelstitch export {run} --sender-cut {sender} --receiver-cut {receiver} --out FOLDER "
        "--by NAME"
    ),
    "step.examples": "Confirm it on more examples; about {n:,} would decide.",
    "step.verdict": "Run controls and evidence on it, which say what comes across.",
    "step.kept": "Measure what it keeps on more held-out examples (--heldout-limit), or with more seeds.",
    "step.pilot": "Try it on real inputs: modelstitch pilot {name} --against receiver --data NEW",
    "step.pilot_again": (
        "Its pilot is undecided; try it on more inputs: modelstitch pilot {name} --against receiver --data "
        "NEW"
    ),
    "step.retire": (
        "Its pilot failed; take another candidate, and retire it: modelstitch stage {name} retired --by NAME"
    ),
    "step.verify": "Have it checked by somebody who did not export it: modelstitch verify {name} --by NAME",
    "step.restore": (
        "It was found not to hold: see what changed with modelstitch verify {name} --by NAME, or export it "
        "again"
    ),
    "step.review": (
        "Have a person look at answers that differ, for the decision: modelstitch stage {name} adopted "
        "--by NAME --reviewed FILE.csv"
    ),
    "step.adopt": "Decide, on record: modelstitch stage {name} adopted --by NAME",
    "step.monitor": "Watch its inputs: modelstitch monitor {name} --data NEW",
    "step.alarm": (
        "See what changed in the inputs, and decide whether to retire it: modelstitch stage {name} retired "
        "--by NAME"
    ),
    "step.retired": "None: it is retired.",
    "step.none": "None: leave it.",
    "step.wait": "None that would decide it for sure.",
    # Six sentences for a meeting.
    "meeting.title": "Six sentences for a meeting",
    "meeting.begin.candidate": (
        "Begin with one small part: {sender} -> {receiver}, on a small share of the real inputs, beside "
        "the present network."
    ),
    "meeting.begin.leave": (
        "Begin with no part: none of the {n} {n:place|places} qualifies, so the present network stays as "
        "it is."
    ),
    "meeting.begin.undecided": (
        "Begin with one small question: does {sender} -> {receiver} qualify? Nothing is replaced before it "
        "is answered."
    ),
    "meeting.begin.ask": (
        "Begin with one small question: what would one part save and lose? Nothing is replaced before it "
        "is answered."
    ),
    "meeting.begin.folder": "Begin with one small part: {name}, which is at the stage {stage}.",
    "meeting.high": (
        "A high score does not prove that two parts are alike: a sender that knows only the label scored "
        "{best:.2f} here."
    ),
    "meeting.high_not_run": (
        "A high score does not prove that two parts are alike: a sender that knows only the label can "
        "score as high, and here it was not tried."
    ),
    "meeting.varied": (
        "Varied were {senders} {senders:place|places} to cut the sender, {receivers} to cut the receiver, "
        "{stitches} {stitches:kind|kinds} of stitch, {seeds} {seeds:seed|seeds} and {controls} "
        "{controls:control|controls}; the two networks and the data ({data}) were not."
    ),
    "meeting.return.multiply_adds": (
        "The return would come first from computing: {share:.1f} % fewer multiply-adds for each answer."
    ),
    "meeting.return.parameters": "The return would come first from memory: {share:.1f} % fewer parameters.",
    "meeting.return.money": "The return, with your prices: {money}",
    "meeting.return.none": "No return is shown here.",
    "meeting.return.ask": "Where a return would come from has not been asked yet.",
    "meeting.open": "Still open: {open}.",
    "meeting.open_none": (
        "Nothing of what this page asks is open; whether the inputs stay as they are is never closed."
    ),
    "meeting.open.reuse": "what each place would save and lose",
    "meeting.open.margin": "whether no more than {margin:g} points are lost",
    "meeting.open.verdict": "whether more than the label comes across",
    "meeting.open.other_answers": "which answers will differ on inputs unlike these",
    "meeting.open.seeds": "whether another fit gives the same",
    "meeting.open.rivals": "what else could be done for the same cost (--rivals)",
    "meeting.open.money": "what it is worth in money (--prices)",
    "meeting.open.pilot": "how it does on the real inputs (a pilot)",
    "meeting.open.verify": "whether somebody else finds the same (verify)",
    "meeting.open.failed": "{n} {n:cell|cells} that failed to fit",
    "meeting.who": (
        "Before a pilot, whoever answers for the present network reads this page and the model card; "
        "before it is adopted, somebody who did not export it checks it, and a person looks at answers "
        "that differ; in use, somebody reads the monitor."
    ),
    "meeting.who_so_far": (
        "So far {exported}, and {pilot}; {verify}. Before it is adopted a person looks at answers that "
        "differ; in use, somebody reads the monitor."
    ),
    "meeting.who.exported": "{by} exported {name}",
    "meeting.who.pilot": "the pilot was {result}",
    "meeting.who.no_pilot": "no pilot has decided yet",
    "meeting.who.verified": "{by} checked it",
    "meeting.who.no_verify": "somebody else than {by} has to check it before it is adopted",
    # What the page may not be used for.
    "not_for.title": "What this page may not be used for",
    "not_for.leave_to_use": (
        "As a permission to put a network in use: that takes a passed pilot, a check by somebody else, and "
        "a decision on record."
    ),
    "not_for.other_data": (
        "For other inputs than those of {data}, or for another task: nothing was measured there."
    ),
    "not_for.alike": (
        "As a proof that two networks have learnt the same, or that one is a copy of the other."
    ),
    "not_for.safety": "As a proof of safety, or to skip a test that a rule asks for.",
    "not_for.people": "To decide about people, or to compare the teams that made the networks.",
}
