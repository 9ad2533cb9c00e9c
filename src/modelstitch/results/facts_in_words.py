"""What a run did with weights and outputs that did not speak for themselves, in sentences."""

from __future__ import annotations

from modelstitch.models.weights.facts import WeightsFacts, listed
from modelstitch.results.facts import BySide, OutputFacts
from modelstitch.wording import Listed, Sentence, say


def sentences_of_weights(weights: BySide[WeightsFacts | None]) -> list[Sentence]:
    """Return what each network took of its weights and what it did not."""
    return [
        sentence
        for role, facts in (("sender", weights.sender), ("receiver", weights.receiver))
        if facts is not None
        for sentence in (*_choices(role, facts), *_left_out(role, facts))
    ]


def choices_of_weights(weights: BySide[WeightsFacts | None]) -> list[Sentence]:
    """Return what was accepted by choice: weights that fit in part, one set of several."""
    return [
        sentence
        for role, facts in (("sender", weights.sender), ("receiver", weights.receiver))
        if facts is not None
        for sentence in _choices(role, facts)
    ]


def sentences_of_outputs(outputs: BySide[OutputFacts | None]) -> list[Sentence]:
    """Return which output of each network was scored, and as what it was read."""
    return [
        sentence
        for role, facts in (("sender", outputs.sender), ("receiver", outputs.receiver))
        if facts is not None
        for sentence in _outputs(role, facts)
    ]


def _choices(role: str, facts: WeightsFacts) -> list[Sentence]:
    found = []
    if facts.key is not None:
        found.append(say("weights.key", role=say(f"page.{role}"), name=facts.key))
    parts = (
        ("weights.untrained", facts.untrained),
        ("weights.unused", facts.unused),
        ("weights.doubled", facts.doubled),
    )
    phrases = [say(key, n=len(keys), keys=listed(keys)) for key, keys in parts if keys]
    if phrases:
        what = Listed(phrases, "list.semicolon")
        found.append(say("weights.partial", role=say(f"page.{role}"), what=what))
    return found


def _left_out(role: str, facts: WeightsFacts) -> list[Sentence]:
    named = say(f"page.{role}")
    found = []
    if facts.left_out:
        found.append(say("weights.left_out", role=named, keys=listed(facts.left_out, 6)))
    if facts.converted:
        found.append(say("weights.converted", role=named, types=listed(facts.converted)))
    return found


def _outputs(role: str, facts: OutputFacts) -> list[Sentence]:
    named = say(f"page.{role}")
    found = []
    if facts.among:
        among = listed(facts.among, 6)
        found.append(say("outputs.among", role=named, among=among, part=facts.part))
    if facts.scale != "logits":
        found.append(say(f"outputs.{facts.scale}", role=named))
    return found
