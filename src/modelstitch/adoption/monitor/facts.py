"""What was fixed when a monitor began, and what it says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelstitch.adoption.monitor.process import Track
from modelstitch.adoption.monitor.rule import Cause, MonitorRule, cause_of
from modelstitch.adoption.monitor.store import FORMAT
from modelstitch.adoption.pilot.own_examples import OWN_EXAMPLES
from modelstitch.errors import DataError
from modelstitch.wording import Sentence, say

EVENTS, METRICS, PICTURE = "events.jsonl", "metrics.prom", "evidence.png"
"""Names of the files in a state folder that others read."""


@dataclass(frozen=True, kw_only=True)
class StreamFacts:
    """What was fixed when the monitor of a stream began.

    Attributes:
        id: of the stream.
        candidate: hash of the first line of the candidate's ledger.
        rule: how sure an alarm is, and what is followed.
        seed: of the chance that breaks ties.
        n: number of calibrating examples.
        own_known: whether the data of the candidate's run could be read, so that its examples are left out;
            None of a stream of an earlier version.
    """

    id: str
    candidate: str
    rule: MonitorRule
    seed: int
    n: int
    own_known: bool | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return the facts as values that JSON can hold; :meth:`from_plain` reads them back."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> StreamFacts:
        """Return the facts that :meth:`to_plain` gave the values of.

        Raises:
            DataError: values that are none.
        """
        try:
            if values["format"] != FORMAT:
                raise DataError(f"expected the format {FORMAT!r}, got {values['format']!r}")
            rule = MonitorRule(**{**values["rule"], "processes": tuple(values["rule"]["processes"])})
            kept = {name: values[name] for name in ("id", "candidate", "seed", "n")}
            return cls(**kept, rule=rule, own_known=values.get("own_known"))
        except (KeyError, TypeError) as error:
            raise DataError(f"cannot read what a monitor began with: {error}") from error


@dataclass(frozen=True, kw_only=True)
class MonitorOutcome:
    """What a monitor says after all calls with its state folder.

    Attributes:
        facts: what was fixed when it began.
        examples, labels: numbers of the stream so far.
        tracks: evidence over time of each process that has seen an example.
        state: its folder.
    """

    facts: StreamFacts
    examples: int
    labels: int
    tracks: Mapping[str, Track]
    state: Path

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files in the state folder that others read."""
        return (EVENTS, METRICS, PICTURE)

    @property
    def alarms(self) -> dict[str, int]:
        """Processes that alarmed, with the number of their examples at the alarm; an alarm stays."""
        return {name: track.alarm for name, track in self.tracks.items() if track.alarm is not None}

    @property
    def cause(self) -> Cause:
        """What the alarms allow one to say."""
        return cause_of(self.alarms, list(self.tracks))

    @property
    def evidence(self) -> dict[str, dict[str, float | int | None]]:
        """Of each process: decimal logarithms of its evidence now and at its highest, and its alarm."""
        return {
            name: {
                "log10": _log10(track.points[-1][1] if track.points else 0.0),
                "log10_most": _log10(track.most),
                "alarm": track.alarm,
            }
            for name, track in self.tracks.items()
        }

    def to_plain(self) -> dict[str, Any]:
        """Return what it says as values that JSON can hold, for a page or a program."""
        rule = self.facts.rule
        return {
            "id": self.facts.id,
            "state": str(self.state),
            "stream": rule.stream,
            "alpha": rule.share,
            "k": len(rule.processes),
            "threshold": rule.threshold,
            "calibrating": self.facts.n,
            "own_examples": OWN_EXAMPLES[self.facts.own_known],
            "examples": self.examples,
            "labels": self.labels,
            "alarm": bool(self.alarms),
            "cause": self.cause,
            "evidence": self.evidence,
            "sentences": [str(sentence) for sentence in self.sentences()],
        }

    def sentences(self) -> list[Sentence]:
        """Return what it says in words."""
        rule = self.facts.rule
        found = [
            say(
                "watch.seen",
                examples=f"{self.examples:,}",
                labels=f"{self.labels:,}",
                calibrating=f"{self.facts.n:,}",
            )
        ]
        for name, at in self.alarms.items():
            found.append(say("watch.alarm", process=process_name(name), at=f"{at:,}"))
        if self.tracks and not self.alarms:
            highest = max(self.tracks, key=lambda name: self.tracks[name].most)
            found.append(
                say(
                    "watch.quiet",
                    process=process_name(highest),
                    most=f"{math.exp(min(self.tracks[highest].most, 50.0)):.3g}",
                    threshold=f"{rule.threshold:,.0f}",
                )
            )
        if self.alarms or not self.labels:
            found.append(say(f"watch.cause.{self.cause}"))
        share = f"{100 * rule.share:.3g}"
        found.append(say("watch.rate", share=share, k=len(rule.processes)))
        if not self.facts.own_known:
            found.append(say("watch.own_unknown"))
        return [*found, say("watch.dependent")]


def process_name(name: str) -> Sentence:
    """Return the name of a process in words.

    Example:
        >>> process_name("coordinate-3")
        'leading coordinate 3'
    """
    kind, _, number = name.partition("-")
    return say(f"watch.process.{kind}", number=number)


def _log10(value: float) -> float:
    return round(value / math.log(10), 6)
