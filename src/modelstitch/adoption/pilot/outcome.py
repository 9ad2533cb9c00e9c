"""What a pilot says, as facts, as sentences and as a line of the ledger."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from modelstitch.adoption.pilot.decision import (
    PilotDecision,
    PilotForecast,
    PilotRule,
    decide,
    forecast,
)
from modelstitch.adoption.pilot.own_examples import OWN_EXAMPLES
from modelstitch.adoption.pilot.record import PilotExample, PilotFacts
from modelstitch.adoption.pilot.tables import DIFFER, NEEDED, SHEET, needed
from modelstitch.adoption.score_intervals import mean_interval
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.wording import Sentence, say


@dataclass(frozen=True)
class PilotOutcome:
    """What a pilot says, over all calls with its state folder.

    Attributes:
        facts: what was fixed when it began.
        examples: in the order in which they were taken.
        state: its folder.
    """

    facts: PilotFacts
    examples: tuple[PilotExample, ...]
    state: Path

    @property
    def rule(self) -> PilotRule:
        """The rule of the pilot."""
        return PilotRule(margin=self.facts.margin, horizon=self.facts.horizon, k=self.facts.k)

    @cached_property
    def decision(self) -> PilotDecision:
        """What it says, of the examples before the first one whose label is missing."""
        return decide(differences_of(self.examples), self.rule)

    @property
    def asked(self) -> list[PilotExample]:
        """The examples whose label is asked for, in their order; none once it has ended."""
        return [] if self.decision.ended else needed(self.examples)

    @property
    def labels_needed(self) -> int:
        """Number of examples whose label is asked for."""
        return len(self.asked)

    @property
    def labelled(self) -> bool:
        """Whether it says something of the score: a label was given, or none was needed."""
        return self.decision.result != "undecided" or any(
            one.label is not None or (one.differ and one.difference is not None) for one in self.examples
        )

    @property
    def disagreements(self) -> int:
        """Number of examples where both differ."""
        return sum(one.differ for one in self.examples)

    @property
    def agreement(self) -> ValueWithInterval | None:
        """How well both agree, with its interval; None without examples, or where it has no meaning.

        Of one class an example the share of equal answers; of other tasks the candidate's score where the
        answers of the original are the targets.
        """
        agreed = [float(not one.differ) if self.facts.asks else one.agreed for one in self.examples]
        known = [value for value in agreed if value is not None]
        if not known or len(known) < len(agreed):
            return None
        values = torch.tensor(known, dtype=torch.float64)
        return mean_interval(values.bool() if self.facts.asks else values)

    @cached_property
    def forecast(self) -> PilotForecast | None:
        """How it is expected to go on; None where it has ended, waits for labels, or is too short."""
        return None if self.labels_needed else forecast(differences_of(self.examples), self.rule)

    def to_ledger(self) -> dict[str, Any]:
        """Return the facts of its line in the ledger, as plain values."""
        decision, facts = self.decision, self.facts
        return {
            "k": facts.k,
            "result": decision.result,
            "margin": facts.margin,
            "level": self.rule.level,
            "at_most": facts.horizon,
            "n": decision.n,
            "ended": decision.ended,
            "difference": decision.difference,
            "n_taken": len(self.examples),
            "disagreements": self.disagreements,
            "labels_needed": self.labels_needed,
            "labelled": self.labelled,
            "against": facts.against,
            "original": facts.original,
            "score": facts.score,
            "seed": facts.seed,
            "state": facts.state,
            "own_examples": OWN_EXAMPLES[facts.own_known],
        }

    def to_plain(self) -> dict[str, Any]:
        """Return everything as values that JSON can hold."""
        decision, expected = self.decision, self.forecast
        return {
            **self.to_ledger(),
            "evidence": {
                "against_worse_by_margin": decision.against_worse,
                "against_better_than_minus_margin": decision.against_better,
            },
            "agreement": self.agreement,
            "forecast": None if expected is None else {"more": expected.more, "decided": expected.decided},
            "state_folder": str(self.state),
            "files": [name for name in (DIFFER, NEEDED, SHEET) if (self.state / name).is_file()],
            "sentences": [str(sentence) for sentence in self.sentences()],
        }

    def sentences(self) -> list[Sentence]:
        """Return what it says in words."""
        facts, decision = self.facts, self.decision
        shared = {"against": facts.against, "margin": facts.margin, "n": decision.n, "level": self.rule.level}
        found = [say(f"pilot.{decision.result}", score=facts.score, **shared)]
        if decision.result == "undecided" and decision.ended:
            found.append(say("pilot.horizon", n=facts.horizon))
        if self.agreement is not None:
            value, low, high = self.agreement
            bounds = {"value": value, "low": low, "high": high, "n": len(self.examples)}
            found.append(
                say("pilot.agree", n_differ=self.disagreements, **bounds)
                if facts.asks
                else say("pilot.agree_score", score=facts.score, against=facts.against, **bounds)
            )
        if decision.difference is not None:
            found.append(say("pilot.difference", value=decision.difference, score=facts.score))
        if self.labels_needed:
            key = "pilot.labels" if facts.asks else "pilot.targets"
            found.append(say(key, n=self.labels_needed, file=NEEDED))
        if self.forecast is not None:
            found.append(say("pilot.forecast", n=self.forecast.more, share=self.forecast.decided))
        if any(one.grouped is not None for one in self.examples):
            found.append(say("pilot.groups", n=len(self.examples)))
        if not facts.own_known:
            found.append(say("pilot.own_unknown"))
        if facts.k > 1:
            found.append(say("pilot.again", k=facts.k, level=self.rule.level))
        return found


def differences_of(examples: Sequence[PilotExample]) -> Float[np.ndarray, " n"]:
    """Return the differences (n,) of the examples before the first one whose label is missing.

    A later one cannot be looked at before: which labels are missing may have to do with the answers.
    """
    before = itertools.takewhile(lambda one: one.difference is not None, examples)
    return np.array([one.difference for one in before], dtype=np.float64)
