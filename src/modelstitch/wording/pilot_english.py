"""The sentences of a pilot, in English."""

from __future__ import annotations

SENTENCES = {
    "pilot.passed": (
        "Passed: beside the {against} the candidate is not worse by {margin:g} or more in {score}, after {n} "
        "{n:example|examples}."
    ),
    "pilot.failed": (
        "Failed: beside the {against} the candidate loses more than {margin:g} in {score}, after {n} "
        "{n:example|examples}."
    ),
    "pilot.undecided": (
        "Undecided after {n} {n:example|examples}: whether the candidate is worse than the {against} by "
        "{margin:g} or more in {score}."
    ),
    "pilot.horizon": "It ends here, after {n} examples: no further example is taken.",
    "pilot.agree": (
        "Both agree on {value:.1%} ({low:.1%} to {high:.1%}) of {n} {n:example|examples}; they differ on "
        "{n_differ}."
    ),
    "pilot.agree_score": (
        "Where the answers of the {against} are the targets, the candidate's {score} is {value:.3f} "
        "({low:.3f} to {high:.3f}) on {n} {n:example|examples}."
    ),
    "pilot.difference": (
        "The {score} of the candidate less that of the original is {value:+z.4f} on the examples that count."
    ),
    "pilot.labels": "{n} {n:label|labels} needed, where both differ: see {file}.",
    "pilot.targets": (
        "{n} {n:target|targets} needed: see {file}. Give the same examples again, with their targets."
    ),
    "pilot.forecast": (
        "If examples stay alike it needs {n} more (median), and {share:.0%} of such pilots are decided "
        "before their end."
    ),
    "pilot.groups": "Of each group one example is taken: {n} {n:group|groups}.",
    "pilot.own_unknown": (
        "The data of the candidate's run cannot be read here. Examples that fitted or chose the candidate "
        "are not recognised among the new ones: make sure that there are none."
    ),
    "pilot.again": (
        "It is pilot number {k} of this candidate, so each wrong answer has a probability of at most "
        "{level:g}."
    ),
}
