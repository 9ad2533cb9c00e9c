"""What two runs have in common and what changed: choices, scores beyond noise, verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from modelstitch.results.comparison import Comparison
from modelstitch.results.rows import CellKey, CellRow
from modelstitch.specs import TRAINED

_ERRORS = 2.0
"""Standard errors of a difference up to which two scores are told to agree."""


@dataclass(frozen=True, kw_only=True)
class ScoreChange:
    """The score of one cell in both runs.

    Attributes:
        key: which cell.
        before, after: scores.
        noise: difference that held-out sampling alone explains, at two standard errors.
    """

    key: CellKey
    before: float
    after: float
    noise: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the scores differ by more than their noise."""
        return abs(self.after - self.before) > self.noise


@dataclass(frozen=True, kw_only=True)
class VerdictChange:
    """What comes across at one place in both runs, over all seeds; None where a run has no verdict."""

    sender_cut: str
    receiver_cut: str
    stitch: str
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True)
class RunDifference:
    """What changed from one run to another.

    Attributes:
        choices: (name, before, after) of each choice that differs.
        scores: of the cells of the pair that both runs have.
        only_before, only_after: how many cells of the pair one run has alone.
        verdicts: places whose verdict differs.
        n_verdicts: places that have a verdict in either run.
    """

    choices: tuple[tuple[str, str, str], ...]
    scores: tuple[ScoreChange, ...]
    only_before: int
    only_after: int
    verdicts: tuple[VerdictChange, ...]
    n_verdicts: int

    @property
    def moved(self) -> tuple[ScoreChange, ...]:
        """The scores that differ beyond noise, the largest change first."""
        found = [one for one in self.scores if one.beyond_noise]
        return tuple(sorted(found, key=lambda one: -abs(one.after - one.before)))

    def to_plain(self) -> dict[str, Any]:
        """Return the same as values that JSON can hold."""
        return {
            "choices": [dict(zip(("name", "before", "after"), one, strict=True)) for one in self.choices],
            "scores_beyond_noise": [
                {**one.key._asdict(), "before": one.before, "after": one.after, "noise": one.noise}
                for one in self.moved
            ],
            "n_scores": len(self.scores),
            "only_before": self.only_before,
            "only_after": self.only_after,
            "verdicts": [asdict(one) for one in self.verdicts],
            "n_verdicts": self.n_verdicts,
        }


def difference(before: Comparison, after: Comparison) -> RunDifference:
    """Return what changed from one run to another.

    Args:
        before, after: the runs; of other networks or other data, too.
    """
    old, new = _scored(before), _scored(after)
    words, other = _words(before), _words(after)
    places = dict.fromkeys((*words, *other))
    return RunDifference(
        choices=tuple(_choices(before, after)),
        scores=tuple(
            ScoreChange(key=key, before=_score(row), after=_score(new[key]), noise=_noise(row, new[key]))
            for key, row in old.items()
            if key in new
        ),
        only_before=len(old.keys() - new.keys()),
        only_after=len(new.keys() - old.keys()),
        verdicts=tuple(
            VerdictChange(
                sender_cut=place[0],
                receiver_cut=place[1],
                stitch=place[2],
                before=words.get(place),
                after=other.get(place),
            )
            for place in places
            if words.get(place) != other.get(place)
        ),
        n_verdicts=len(places),
    )


def _scored(run: Comparison) -> dict[CellKey, CellRow]:
    return {cell.key: cell for cell in run.cells if cell.control == TRAINED and cell.score is not None}


def _score(row: CellRow) -> float:
    assert row.score is not None
    return row.score


def _noise(one: CellRow, other: CellRow) -> float:
    r"""Return two standard errors of a difference of scores of independent examples.

    .. math:: 2 \sqrt{\mathrm{se}_1^2 + \mathrm{se}_2^2}

    The interval of a score of 0 or 1 is that of one answer more or less.
    """
    return _ERRORS * math.hypot(*(max(row.standard_error or 0.0, 1 / row.n_heldout) for row in (one, other)))


def _words(run: Comparison) -> dict[tuple[str, str, str], str]:
    return {place: verdict.name.value for place, verdict in run.cell_verdicts().items()}


def _choices(before: Comparison, after: Comparison) -> Iterator[tuple[str, str, str]]:
    """Yield the choices that differ, by dotted name: specs, then what was read."""
    facts = ("data_content", "device", "n_train", "n_heldout")
    sides = [
        {
            **_flat(asdict(run.spec)),
            **{f"facts.{name}": str(getattr(run.facts, name)) for name in facts},
            **{f"versions.{name}": value for name, value in asdict(run.facts.versions).items()},
            **{
                f"weights.{row.role}": row.digest[:8]
                for row in run.baselines
                if row.control == TRAINED and row.seed == run.seeds[0]
            },
        }
        for run in (before, after)
    ]
    for name in dict.fromkeys((*sides[0], *sides[1])):
        one, other = (side.get(name, "") for side in sides)
        if one != other:
            yield name, one, other


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Return nested choices on one level, with dotted names and values as texts."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{above}{name}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            found[f"{above}{name}"] = ", ".join(map(_text, value))
        else:
            found[f"{above}{name}"] = "" if value is None else str(value)
    return found


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={one}" for name, one in value.items() if one is not None)
    return str(value)
