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
}
