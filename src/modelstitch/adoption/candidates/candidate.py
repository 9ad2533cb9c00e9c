"""Candidates: cells proposed for use, what each costs, and whether it is no worse by more than a margin."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

from modelstitch.adoption.work import Load
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.results.decision import CandidateConditions, DecisionWord
from modelstitch.results.reuse_table import REUSE_FORMAT, decision_of

Standing = Literal["no worse", "worse", "undecided"]
"""How a candidate stands to the network that it would replace, at the margin."""

ReuseOutcome = Literal["candidate", "undecided", "none"]


_COLUMNS = (
    *("sender_cut", "receiver_cut", "stitch", "seed", "replaces", "qualifies", "decision", "standing"),
    *("score", "score_low", "score_high", "lost", "lost_low", "lost_high"),
    *("smallest_margin", "examples_needed", "comes_across", "learnt"),
    *("parameters", "multiply_adds", "trained_parameters", "size_bytes"),
    *("multiply_adds_of_receiver", "multiply_adds_of_sender", "became_wrong", "became_right"),
    *("self_stitch", "labels_needed", "misses"),
    *("over_seeds", "over_seeds_low", "over_seeds_high"),
)


@dataclass(frozen=True)
class Latency:
    """How long one call takes, in milliseconds: the median, and what 95 % of the calls stay below."""

    median: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One cell proposed for use, measured on the confirming examples.

    Attributes:
        sender_cut, receiver_cut, stitch, seed: which cell; of several seeds the first.
        replaces: the network that it would replace: ``receiver`` (its front by the sender's), or ``sender``
            (its head by the receiver's), where it costs less than the sender alone.
        load: parameters and multiply-adds of the joined network.
        trained_parameters: those that are trained: those of the stitch.
        size_bytes: bytes of its parameters and buffers.
        score: of the joined network, with its interval.
        lost_to_receiver, lost_to_sender: score of the whole network less that of the candidate, with its
            interval; None where that network has no score.
        standing: to the network that it would replace.
        examples_needed: confirming examples that would decide, if these shares stayed as they are; None where
            it is decided, or where no number would do.
        seeds: score of each fitting seed.
        over_seeds: mean of these with its interval over seeds and examples; None with one seed.
        self_stitch: score of the receiver's self-stitch at the same cut: what fitting to these data gains
            by itself; None where it was not run.
        comes_across, learnt: both answers of the verdict in words, on all held-out examples; None without
            one.
        kept: how much more than the label comes across, with its interval; None where it is not known.
        conditions: what is shown of the three conditions of a pilot.
        became_wrong, became_right: answers by class that were right in the network that it would replace and
            are wrong, and the reverse; empty for scores that are not right or wrong.
        converged: whether its fit had converged; None where its length was fixed.
        latency: by batch size; empty where it was not measured.
        memory: most bytes of tensors at once in one call, with the network itself and its input, by batch
            size.
        labels_needed: least number of labelled examples tried whose stitch is within the margin of that of
            all training examples, on the choosing examples; all, where no fewer do; None where it was not
            asked for.
        misses: constraints that it does not meet.
    """

    sender_cut: str
    receiver_cut: str
    stitch: str
    seed: int
    replaces: str
    load: Load
    trained_parameters: int
    size_bytes: int
    score: ValueWithInterval
    lost_to_receiver: ValueWithInterval | None
    lost_to_sender: ValueWithInterval | None
    standing: Standing
    examples_needed: int | None
    seeds: tuple[float, ...]
    over_seeds: ValueWithInterval | None
    self_stitch: float | None
    comes_across: str | None
    learnt: str | None
    kept: ValueWithInterval | None
    conditions: CandidateConditions
    became_wrong: tuple[int, ...]
    became_right: tuple[int, ...]
    converged: bool | None
    latency: Mapping[int, Latency]
    memory: Mapping[int, int]
    labels_needed: int | None
    misses: tuple[str, ...]

    @property
    def lost(self) -> ValueWithInterval | None:
        """Points lost against the network that it would replace, with the interval."""
        return self.lost_to_receiver if self.replaces == "receiver" else self.lost_to_sender

    @property
    def smallest_margin(self) -> float | None:
        """The smallest margin that these confirming examples show: the upper end of the points lost."""
        return None if self.lost is None else max(0.0, self.lost[2])

    @property
    def qualifies(self) -> bool:
        """Whether it is no worse by more than the margin, and meets every constraint."""
        return self.standing == "no worse" and not self.misses

    @property
    def word(self) -> DecisionWord:
        """What this candidate alone allows one to say: *pilot*, *leave* or *undecided*."""
        return self.conditions.word


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A whole network on the confirming examples: its score with the interval, and what it costs."""

    name: str
    score: ValueWithInterval | None
    load: Load
    size_bytes: int
    latency: Mapping[int, Latency]
    memory: Mapping[int, int]


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The table of candidates, and how it came about.

    Attributes:
        rows: named candidates, the best first.
        sender, receiver: the whole networks.
        data: name of the data.
        score_name: what the score is.
        margin: points of score up to which a candidate counts as no worse.
        level: of each interval of points lost: those of all named candidates hold at once with 95 %.
        classes: names of the classes.
        n_cells, n_cheaper: cells that were looked at, and those that cost less than a network that they could
            replace.
        n_choose, n_confirm, n_calibrate: held-out examples of each part.
        n_groups: groups, such as patients, that the confirming examples come in, and that intervals count;
            None where each example counts.
        chance: score of the best constant answer on the held-out examples.
        n_failed: cells whose fit failed.
        n_missing: cells that the run was asked for and has not finished.
        elsewhere: all other cells of the run's cuts, by what they fail: ``dear``, ``worse``, ``label``, or
            ``open``.
        rank_by: what the rows are ordered by.
        content: hash of the run that they were found on.
    """

    rows: tuple[Candidate, ...]
    sender: Whole
    receiver: Whole
    data: str
    score_name: str
    margin: float
    level: float
    classes: tuple[str, ...]
    n_cells: int
    n_cheaper: int
    n_choose: int
    n_confirm: int
    n_calibrate: int
    n_groups: int | None
    chance: float
    n_failed: int
    n_missing: int
    elsewhere: Mapping[str, int]
    rank_by: str
    content: str

    @property
    def outcome(self) -> ReuseOutcome:
        """Whether a candidate qualifies, none does, or more examples (or failed cells) may tell."""
        if any(row.qualifies for row in self.rows):
            return "candidate"
        open_rows = any(row.standing == "undecided" and not row.misses for row in self.rows)
        return "undecided" if open_rows or self.n_failed or self.n_missing else "none"

    @property
    def decision(self) -> DecisionWord:
        """The decision word: as ``outcome``, and at least *partly* is asked for too."""
        return decision_of((row.word for row in self.rows), self.elsewhere, self.n_failed)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        rows = [
            {
                **asdict(row),
                "smallest_margin": row.smallest_margin,
                "qualifies": row.qualifies,
                "decision": row.word.value,
                "of_receiver": self._shares(row, self.receiver),
                "of_sender": self._shares(row, self.sender),
            }
            for row in self.rows
        ]
        words = {"outcome": self.outcome, "decision": self.decision.value}
        return {"format": REUSE_FORMAT, **words, **asdict(self), "rows": rows}

    @staticmethod
    def _shares(row: Candidate, whole: Whole) -> dict[str, float | None]:
        return {
            name: getattr(row.load, name) / getattr(whole.load, name) if getattr(whole.load, name) else None
            for name in ("parameters", "multiply_adds")
        }

    def to_csv(self) -> str:
        """Return one line a candidate."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in self.rows:
            lost = row.lost or (None, None, None)
            cells = (row.sender_cut, row.receiver_cut, row.stitch, row.seed, row.replaces, row.qualifies)
            writer.writerow(
                (
                    *cells,
                    row.word.value,
                    row.standing,
                    *row.score,
                    *lost,
                    row.smallest_margin,
                    row.examples_needed,
                    row.comes_across,
                    row.learnt,
                    row.load.parameters,
                    row.load.multiply_adds,
                    row.trained_parameters,
                    row.size_bytes,
                    self._shares(row, self.receiver)["multiply_adds"],
                    self._shares(row, self.sender)["multiply_adds"],
                    sum(row.became_wrong),
                    sum(row.became_right),
                    row.self_stitch,
                    row.labels_needed,
                    "; ".join(row.misses),
                    *(row.over_seeds or (None, None, None)),
                )
            )
        return text.getvalue()


def standing(lost: ValueWithInterval | None, margin: float) -> Standing:
    """Return how a candidate stands, from the points that it loses.

    Example:
        >>> [standing((0.0, -0.01, high), 0.02) for high in (0.02, 0.03)]
        ['no worse', 'undecided']
        >>> standing((0.05, 0.021, 0.08), 0.02)
        'worse'
    """
    if lost is None:
        return "undecided"
    _, low, high = lost
    return "no worse" if high <= margin else "worse" if low > margin else "undecided"


def examples_needed(lost: float, variance: float, n: int, margin: float, level: float) -> int | None:
    r"""Return about how many examples decide between "no worse" and "worse", if mean and variance stay.

    .. math:: n = z^2 \sigma^2 / (\delta - \mathrm{margin})^2

    Args:
        lost: mean difference of the scores, :math:`\delta`.
        variance: of the differences; at least that of one changed answer is taken.
        n: examples now; the answer is larger.
        margin, level: of the comparison.

    Returns:
        The number; None where the difference is the margin, so that none would do.

    Example:
        >>> examples_needed(0.0, 0.1, 180, 0.02, 0.95)
        961
        >>> examples_needed(0.02, 0.1, 180, 0.02, 0.95) is None
        True
    """
    away = abs(lost - margin)
    if away < 1e-9:
        return None
    z = NormalDist().inv_cdf(0.5 + level / 2)
    return max(n + 1, math.ceil(z**2 * max(variance, 1 / n) / away**2))


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the numbers of the points (cost, score) that no other beats in both, the cheapest first.

    Example:
        >>> front([(3, 0.9), (1, 0.5), (2, 0.4), (3, 0.8)])
        [1, 0]
    """
    best, kept = -math.inf, []
    for number in sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1])):
        if points[number][1] > best:
            best = points[number][1]
            kept.append(number)
    return kept


_RANKS: dict[str, Callable[[Candidate], float]] = {
    "score": lambda row: -row.score[0],
    "multiply-adds": lambda row: row.load.multiply_adds,
    "parameters": lambda row: row.load.parameters,
    "latency": lambda row: min((each.median for each in row.latency.values()), default=math.inf),
}

RANKS = tuple(_RANKS)
"""What candidates can be ordered by."""


def ranked(rows: Sequence[Candidate], rank_by: str) -> tuple[Candidate, ...]:
    """Return candidates in order: those that qualify first, then the undecided, each by ``rank_by``."""
    order = ("no worse", "undecided", "worse")
    return tuple(
        sorted(rows, key=lambda row: (bool(row.misses), order.index(row.standing), _RANKS[rank_by](row)))
    )
