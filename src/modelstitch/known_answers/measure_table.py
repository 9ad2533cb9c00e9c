"""How measures of similarity do on the bed, each with a line that the other families set."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from modelstitch.evidence.verdict import Thresholds
from modelstitch.known_answers.calibration import line_between, rank_correlation, upper_bound
from modelstitch.known_answers.evaluation import scored, without_family
from modelstitch.known_answers.outcome import Outcome
from modelstitch.specs.verdicts import VerdictName

_WORD = VerdictName.INTERCHANGEABLE


def measure_table(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return a row for every measure, for the score and for what is kept, and one for the verdict.

    A measure says *interchangeable* from its line on. The line is the value with as many cases of all other
    families below it as have a truth below .80.

    Args:
        outcomes: with the measures taken.
    """
    plain = scored(outcomes)
    names = list(dict.fromkeys(name for o in plain for name in o.measures))
    values: dict[str, Callable[[Outcome], float]] = {
        "stitching accuracy": lambda o: o.verdict.score_share,
        **{name: _value_of(name) for name in names},
        "kept": lambda o: o.verdict.kept,
    }
    rows = [_row(name, value, plain, outcomes) for name, value in values.items()]
    said = [o.verdict.name == _WORD for o in plain]
    return [*rows, _counted("verdict of modelstitch", plain, said)]


def _value_of(name: str) -> Callable[[Outcome], float]:
    def value(outcome: Outcome) -> float:
        found = outcome.measures.get(name)
        return math.nan if found is None else found

    return value


def _row(
    name: str, value: Callable[[Outcome], float], plain: Sequence[Outcome], outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    def line(some: Sequence[Outcome]) -> float:
        known = [o for o in some if not math.isnan(value(o)) and not math.isnan(o.truth_value)]
        truths = [o.truth_value for o in known]
        return line_between(truths, [value(o) for o in known], Thresholds().kept_high)

    lines = dict(zip(map(id, outcomes), without_family(outcomes, line), strict=True))
    said = [value(o) >= lines[id(o)] for o in plain]
    known = [o for o in plain if not math.isnan(value(o))]
    others = [value(o) for o in known if o.truth != _WORD]
    true = [value(o) for o in known if o.truth == _WORD]
    highest = max(others, default=-math.inf)
    return {
        **_counted(name, plain, said),
        "line_lowest": min(lines[id(o)] for o in plain),
        "line_highest": max(lines[id(o)] for o in plain),
        "above_all_others": sum(each > highest for each in true) / max(1, len(true)),
        "rank_correlation": rank_correlation([value(o) for o in known], [o.truth_value for o in known]),
    }


def _counted(name: str, plain: Sequence[Outcome], said: Sequence[bool]) -> dict[str, Any]:
    false = sum(word and o.truth != _WORD for o, word in zip(plain, said, strict=True))
    n_other = sum(o.truth != _WORD for o in plain)
    right = sum(word and o.truth == _WORD for o, word in zip(plain, said, strict=True))
    return {
        "measure": name,
        "false": false,
        "of_others": n_other,
        "false_upper_95": upper_bound(false, n_other),
        "right": right,
        "of_interchangeable": len(plain) - n_other,
    }
