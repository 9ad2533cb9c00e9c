"""The sentences on what a candidate is worth, in English: money, rivals, short cuts, chains."""

from __future__ import annotations

SENTENCES = {
    # Money.
    "money.choice.leave": "to leave the receiver in use as it is",
    "money.choice.reuse": "to reuse the candidate",
    "money.choice.retrain": "to train the receiver again",
    "money.of": "{choice}: {amount}",
    "money.answer": "Over {months:g} {months:month|months} it is cheapest {cheapest} ({amounts}).",
    "money.at_once": "Reuse is cheaper from the first day than {other}.",
    "money.from": "Reuse has paid itself back after {months:.1f} months, against the choice {other}.",
    "money.until": "Reuse is cheaper for {months:.1f} months and dearer afterwards than {other}.",
    "money.never": "Reuse never pays itself back against the choice {other}.",
    "money.stays": "It stays cheapest {cheapest} when any one of the numbers is halved or doubled.",
    "money.changes": "It does not stay cheapest {cheapest} when one number changes: {others}.",
    "money.halved": "with half the {what} it is cheapest {cheapest}",
    "money.doubled": "with twice the {what} it is cheapest {cheapest}",
    "money.number.labelling_hour": "price of an hour of labelling",
    "money.number.gpu_hour": "price of an hour of a GPU",
    "money.number.engineer_hour": "price of an hour of an engineer",
    "money.number.million_inferences": "price of a million inferences of the receiver",
    "money.number.months": "time in months",
    "money.number.inferences_a_month": "number of inferences a month",
    "money.number.labels_an_hour": "number of labels an hour",
    "money.number.engineer_hours_retrain": "number of engineers' hours to train again",
    "money.number.engineer_hours_reuse": "number of engineers' hours to reuse",
    "money.number.gpu_hours_retrain": "number of hours of a GPU to train again",
    "money.assumed": "Assumed by you: {what} {value}.",
    "money.measured": "Measured: the candidate needs {labels_reuse:,} labelled examples, {hours:.2g} hours "
    "of fitting and {load:.2f} times the receiver's multiply-adds; training again uses the "
    "{labels_retrain:,} examples of the training part.",
    "money.load": "Assumed: an inference costs in proportion to its multiply-adds, and an hour of fitting "
    "on this machine as much as one of a GPU.",
    "money.today": "Assumed: the receiver is what is in use today; trained again, it costs as much to run.",
    "money.unpriced": "Not priced: answers that become wrong or right, risk, data that change with time.",
    # Rivals.
    "rival.title.whole-receiver": "the whole receiver",
    "rival.title.fine-tuned-receiver": "the receiver fine-tuned",
    "rival.title.sender-new-head": "the whole sender with a new linear head",
    "rival.title.sender-probe": "a linear probe at the sender's cut",
    "rival.title.short-receiver": "the receiver cut short, with a linear head",
    "rival.title.distilled-student": "a distilled student of equal cost",
    "rival.title.student-from-scratch": "the same student from scratch",
    "rival.as_it_is": "as it is, nothing fitted",
    "rival.tuned": "all its parameters, from the trained ones on",
    "rival.head": "head behind {cut}",
    "rival.taught": "taught by {by}; {student}",
    "rival.of_receiver": "the receiver",
    "rival.of_sender": "the sender",
    "rival.student.slim": "a copy of the receiver with {share:.2f} times its channels",
    "rival.student.zoo": "R1111 of width {width}, on images averaged {pool} to 1 along a side",
    "rival.not_run": "not run: {why}",
    "rival.standing.wins": "wins",
    "rival.standing.better-but-dearer": "better, but dearer",
    "rival.standing.level": "level: neither is shown to be better",
    "rival.standing.loses": "loses",
    "rival.standing.unfair": "unfair: it still gained when its schedule ended, so it neither wins nor loses",
    "rival.of": "What else one could do for the cost of {sender} -> {receiver} ({score:.3f}):",
    "rival.won": "{n:A rival wins|Rivals win} against the candidate: {names}.{unfair}{missing}",
    "rival.none_won": "No rival is shown to win against the candidate: {lost} {lost:loses|lose}, of {level} "
    "it is not shown which is better at equal cost.{unfair}{missing}",
    "rival.unfair_ones": " Nothing is known of rivals that had not converged: {names}.",
    "rival.missing_ones": " Not run: {names}.",
    "rival.none": "",
    "rival.line": "{name} ({what}): {score:.3f}, {difference:+z.3f} [{low:+z.3f}, {high:+z.3f}] against the "
    "candidate, {cost:.2f} times its multiply-adds, {size:.2f} times its parameters; {standing}. Spent: "
    "{steps:,} steps, {examples:,} examples, {spent} multiply-adds.",
    "rival.line_not_run": "{name}: {what}.",
    "rival.rule": "Scores of {n:,} confirming examples; each interval holds with {level:.2f} %, all at once "
    "with 95 %. A rival wins where it is better at no more than 1.05 times the multiply-adds, or no more "
    "than {margin:g} points worse at less than 0.95 times. All get the same training examples and labels, "
    "none a changed image; a tenth of the training part decides when a fit has converged.",
    "rival.unchanged_pictures": (
        "Networks for pictures are usually trained on pictures that are shifted and mirrored at random, and "
        "score higher for it. The rivals that were trained here saw none. Where one of them is close, train "
        "it on such pictures before you decide."
    ),
    "rival.candidate_unconverged": "The candidate's own fit had not converged: it could have done better.",
    # Short cuts.
    "regret.name.cka": "CKA",
    "regret.name.mutual-knn": "mutual k-NN",
    "regret.name.probes": "KL between probes",
    "regret.name.closed-form": "the score of the closed form",
    "regret.name.kept": "kept",
    "regret.name.deepest": "the deepest sender cut",
    "regret.proxy": "Whoever chooses the sender cut by {proxy} loses {mean:.3f} [{low:.3f}, {high:.3f}] of "
    "the score, the mean over receiver cuts, and {whole:.3f} with one choice over the map.",
    "regret.rule": "Against the cells that score best on {choose:,} examples; what is lost is measured on "
    "{confirm:,} others, so that it may be negative by chance.",
    # Chains.
    "chain.looked": "{possible:,} chains of three parts are possible, {affordable:,} of them with at most "
    "{at_most:g} times the multiply-adds of {outer}; {scored:,} were scored.",
    "chain.none": "No chain fits the budget.",
    "chain.best": "The best one: {outer} up to {leave}, {inner} from {enter} to {exit}, {outer} from {back} "
    "on. It scores {score:.3f} on {n:,} confirming examples and loses {lost:+z.3f} [{low:+z.3f}, "
    "{high:+z.3f}] against {outer} alone, with {cost:.2f} times its multiply-adds and "
    "{size:.2f} times its parameters.",
    "chain.rule": "Each stitch was fitted for its own pair; nothing was fitted for the chain. The best one "
    "was chosen on other examples than those that score it.",
    # Candidates.
    "reuse.looked": "{n} {n:cell was|cells were} fitted, of which {cheaper} {cheaper:costs|cost} less "
    "than a network that {cheaper:it|they} could replace; on the choosing examples no other is both "
    "cheaper and better than the {named} {named:shown|shown}.",
    "reuse.division": "Chosen on {choose} held-out examples and measured on {confirm} others; {calibrate}"
    " are left for a monitor. The intervals of points lost hold for all candidates at once; the verdict "
    "is that of the run, on all held-out examples.",
    "reuse.groups": "The {n} confirming examples come in {groups} groups, each in one part; intervals and "
    "examples needed count groups.",
    "reuse.at_chance": "The whole {role} is not shown to be better than a guess ({score:.3f}; a guess scores "
    "{chance:.3f}): to lose nothing against it says nothing.",
    "reuse.outcome.candidate": "A candidate is shown to lose no more than {margin:g} against the network "
    "that it would replace, and meets what was asked.",
    "reuse.outcome.undecided": "Undecided: none is shown to lose no more than {margin:g}, and some may.",
    "reuse.outcome.none": "Nothing is worth reusing here: no cell is cheaper, loses no more than "
    "{margin:g}, and meets what was asked. Keep the whole network.",
    "reuse.best": "The first: the sender up to {sender} in front of the receiver from {receiver}, in "
    "place of the whole {role}. It saves {fewer:.1%} of the multiply-adds and {parameters:.1%} of the "
    "parameters, and needs {trained:,} trained numbers.",
    "reuse.flips": "Of {n} confirming examples {wrong} right {wrong:answer becomes|answers become} "
    "wrong, and {right} wrong {right:answer becomes|answers become} right.",
    "reuse.risk": "It is not interchangeable: other answers are to be expected on inputs unlike these.",
    "reuse.no_verdict": "No verdict was asked for: whether more than the label comes across is not known.",
    "reuse.missing": "The run is not finished: {n} {n:cell is|cells are} missing. Give its command again.",
    "reuse.failed": "{n} {n:cell|cells} failed to fit: what they would be worth is not known.",
    "further.no_candidate": "No candidate is named, so that there is nothing to set rivals or prices beside.",
}
