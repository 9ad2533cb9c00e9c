"""The table of candidates of a run as plain values: what ``modelstitch reuse`` leaves in the run folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelstitch.errors import RunError, SpecError
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.results.beside_tables import MoneyTable, RivalTableRows, money_from, rivals_from
from modelstitch.results.content import content_of
from modelstitch.results.decision import CandidateConditions, ConditionState, DecisionWord, decision
from modelstitch.results.plain_values import count_of, interval_of, number_of, text_of
from modelstitch.wording import Sentence
from modelstitch.wording import from_plain as sentence_from

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

T = TypeVar("T")

REUSE_FILE = "candidates.json"
"""Name of the file in a run folder."""

REUSE_FORMAT = "modelstitch candidates 2"

COSTS = ("multiply_adds", "parameters")
"""Stated costs of a network; a candidate saves at least one."""

ELSEWHERE = ("dear", "worse", "label", "open")
"""What speaks against a cell that is not named: it saves nothing, it loses more than the margin, no more than
the label comes across, or nothing is shown."""

SAID = ("rivals", "further_rivals", "money", "assumptions", "chains")
"""What is said beside candidates, where it was asked for."""


@dataclass(frozen=True, kw_only=True)
class ReuseRow:
    """One candidate.

    Attributes:
        sender_cut, receiver_cut, stitch, seed: which cell.
        replaces: ``receiver`` or ``sender``.
        costs: of the joined network by :data:`COSTS`.
        whole: the same of the network that it would replace.
        trained_parameters: numbers that are trained.
        score: with its interval.
        lost: points lost against the network that it would replace, with the interval.
        kept: with its interval, or None.
        comes_across, learnt: words of the verdict, or None.
        conditions: what is shown of the three.
        examples_needed, labels_needed: numbers, or None.
        became_wrong, became_right: answers; None for scores that are not right or wrong.
        latency, whole_latency: median milliseconds by batch size.
        misses: bounds that it misses, in words.
    """

    sender_cut: str
    receiver_cut: str
    stitch: str
    seed: int
    replaces: str
    costs: Mapping[str, float]
    whole: Mapping[str, float]
    trained_parameters: int
    score: ValueWithInterval
    lost: ValueWithInterval | None
    kept: ValueWithInterval | None
    comes_across: str | None
    learnt: str | None
    conditions: CandidateConditions
    examples_needed: int | None
    labels_needed: int | None
    became_wrong: int | None
    became_right: int | None
    latency: Mapping[int, float]
    whole_latency: Mapping[int, float]
    misses: tuple[str, ...]

    @property
    def word(self) -> DecisionWord:
        """What this candidate alone allows one to say."""
        return self.conditions.word

    @property
    def saved(self) -> dict[str, float]:
        """Share of each stated cost that it saves; negative where it costs more."""
        return {name: 1 - self.costs[name] / self.whole[name] for name in COSTS if self.whole[name]}


@dataclass(frozen=True, kw_only=True)
class ReuseTable:
    """All candidates of a run, and what stands beside them.

    Attributes:
        content: hash of the run that they were found on.
        rows: named candidates, the best first.
        margin: points of score up to which a candidate counts as no worse.
        n_choose, n_confirm: held-out examples that chose and confirmed.
        elsewhere: cells that are not named, by :data:`ELSEWHERE`.
        n_failed: cells whose fit failed.
        score_name: what the score is.
        said: sentences by :data:`SAID`.
        rivals, money: of the candidate to begin with, where they were asked for.
    """

    content: str
    rows: tuple[ReuseRow, ...]
    margin: float
    n_choose: int
    n_confirm: int
    elsewhere: Mapping[str, int]
    n_failed: int
    score_name: str
    said: Mapping[str, tuple[Sentence, ...]] = field(default_factory=dict)
    rivals: RivalTableRows | None = None
    money: MoneyTable | None = None

    @property
    def word(self) -> DecisionWord:
        """The decision word of the run."""
        return decision_of((row.word for row in self.rows), self.elsewhere, self.n_failed)

    @property
    def first(self) -> ReuseRow | None:
        """The candidate to begin with: the first that is worth a pilot, or else is not ruled out."""
        order = (DecisionWord.PILOT, DecisionWord.UNDECIDED)
        found = [row for word in order for row in self.rows if row.word is word]
        return found[0] if found else None

    def is_of(self, comparison: Comparison) -> bool:
        """Tell whether the table was found on this run as it is now."""
        return self.content == content_of(comparison)


def decision_of(words: Iterable[DecisionWord], elsewhere: Mapping[str, int], n_failed: int) -> DecisionWord:
    """Return the decision word of a table: of its candidates, and of the cells that are not named."""
    return decision(words, complete=not elsewhere["open"] and not n_failed)


def read_reuse_table(folder: Path, comparison: Comparison) -> tuple[ReuseTable | None, bool]:
    """Return the table of candidates in a run folder, and whether there is one that is stale.

    A table is stale where it was found on an earlier state of the run, or written by another version.

    Args:
        folder: of the run.
        comparison: the run.

    Returns:
        The table; None where there is none, or where it is stale.

    Raises:
        RunError: a damaged table.
    """
    path = folder / REUSE_FILE
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(plain, Mapping) and _of_another_version(plain.get("format")):
            return None, True
        table = reuse_table_from(plain)
    except FileNotFoundError:
        return None, False
    except (OSError, ValueError, RecursionError, SpecError) as error:
        raise RunError(
            f"cannot read the candidates in {str(path)!r}: {error}; delete it, or ask modelstitch reuse again"
        ) from error
    return (table, False) if table.is_of(comparison) else (None, True)


def _of_another_version(given: Any) -> bool:
    return isinstance(given, str) and given.startswith("modelstitch candidates ") and given != REUSE_FORMAT


def reuse_table_from(plain: Any) -> ReuseTable:
    """Return a table from the plain values of ``Candidates.to_json()``, and of what stands beside them.

    Raises:
        SpecError: values that are no table of this version.
    """
    given = plain.get("format") if isinstance(plain, Mapping) else None
    if given != REUSE_FORMAT:
        raise SpecError(f"expected the format {REUSE_FORMAT!r}, got {given!r}")
    try:
        wholes = {role: plain[role] for role in ("sender", "receiver")}
        return ReuseTable(
            content=text_of(plain["content"]),
            rows=tuple(_row(row, wholes[row["replaces"]]) for row in plain["rows"]),
            margin=number_of(plain["margin"]),
            n_choose=count_of(plain["n_choose"]),
            n_confirm=count_of(plain["n_confirm"]),
            elsewhere={name: count_of(plain["elsewhere"][name]) for name in ELSEWHERE},
            n_failed=count_of(plain["n_failed"]),
            score_name=text_of(plain["score_name"]),
            said={
                name: tuple(sentence_from(one) for one in each)
                for name, each in plain.get("said", {}).items()
                if name in SAID
            },
            rivals=_optional(rivals_from, plain.get("rivals")),
            money=_optional(money_from, plain.get("money")),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SpecError(f"expected a table of candidates, got one with a damaged part ({error})") from error


def _row(plain: Mapping[str, Any], whole: Mapping[str, Any]) -> ReuseRow:
    return ReuseRow(
        **{name: text_of(plain[name]) for name in ("sender_cut", "receiver_cut", "stitch", "replaces")},
        seed=int(plain["seed"]),
        costs={name: number_of(plain["load"][name]) for name in COSTS},
        whole={name: number_of(whole["load"][name]) for name in COSTS},
        trained_parameters=count_of(plain["trained_parameters"]),
        score=interval_of(plain["score"]),
        lost=_optional(interval_of, plain[f"lost_to_{plain['replaces']}"]),
        kept=_optional(interval_of, plain["kept"]),
        comes_across=_optional(text_of, plain["comes_across"]),
        learnt=_optional(text_of, plain["learnt"]),
        conditions=CandidateConditions(
            **{name: ConditionState(value) for name, value in plain["conditions"].items()}
        ),
        examples_needed=_optional(count_of, plain["examples_needed"]),
        labels_needed=_optional(count_of, plain["labels_needed"]),
        became_wrong=_total(plain["became_wrong"]),
        became_right=_total(plain["became_right"]),
        latency=_medians(plain["latency"]),
        whole_latency=_medians(whole["latency"]),
        misses=tuple(text_of(text) for text in plain["misses"]),
    )


def _optional(read: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else read(value)


def _total(by_class: Any) -> int | None:
    return sum(map(count_of, by_class)) if by_class else None


def _medians(by_batch: Mapping[str, Any]) -> dict[int, float]:
    return {int(batch): number_of(each["median"]) for batch, each in by_batch.items()}
