"""How often a pilot gives each answer, by what is true.

    python benchmarks/pilot_rates.py [--trials 200] [--seed 0] [--json]

Each trial draws 10,000 independent differences of scores and asks ``decide`` of the package, which looks
after every example. Of right and wrong answers a share has different scores; "continuous" differences are
normal, cut off at -1 and 1, which moves their mean by less than 0.0002.

Truths: equal; worse by exactly the margin d; worse by 2d. Where 2d is more than the share of differences
there is no such case. The bar for k = 1, d = 2 points, 10 % different, 200 trials: equal passes at least 180
times, worse by d at most 17 times, worse by 2d fails at least 180 times; the process ends with 4 otherwise.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from modelstitch.adoption.pilot.decision import PilotRule, decide

N = 10_000
SHARES, MARGINS = (0.02, 0.1, 0.3), (0.01, 0.02, 0.05)
NOISE = (0.1, 0.3)
"""Standard deviations of the difference of continuous scores."""


def two_answers(rng: np.random.Generator, share: float, mean: float) -> np.ndarray:
    """Return differences (N,) of right and wrong answers."""
    drawn = rng.random(N)
    return np.where(drawn < (share + mean) / 2, 1.0, np.where(drawn < share, -1.0, 0.0))


def continuous(rng: np.random.Generator, noise: float, mean: float) -> np.ndarray:
    """Return differences (N,) of scores from 0 to 1."""
    return np.clip(rng.normal(mean, noise, N), -1, 1)


def cases() -> Iterator[tuple[str, float, float, int]]:
    """Yield kind, share or noise, margin and k of each case."""
    yield from (("answers", share, margin, 1) for share in SHARES for margin in MARGINS)
    yield from (("continuous", noise, margin, 1) for noise in NOISE for margin in MARGINS)
    yield from (("answers", 0.1, 0.02, k) for k in (2, 3))


def row(kind: str, spread: float, margin: float, k: int, trials: int, seed: int) -> dict[str, Any]:
    """Return the answers of all trials of one case, by truth."""
    rule = PilotRule(margin=margin, k=k)
    draw = two_answers if kind == "answers" else continuous
    found: dict[str, Any] = {"kind": kind, "spread": spread, "margin": margin, "k": k, "trials": trials}
    for truth, times in (("equal", 0), ("worse by d", 1), ("worse by 2d", 2)):
        if kind == "answers" and times * margin > spread:
            continue
        rng = np.random.default_rng(seed)
        decisions = [decide(draw(rng, spread, -times * margin), rule) for _ in range(trials)]
        ends = [decision.n for decision in decisions]
        counts = {name: sum(d.result == name for d in decisions) for name in ("passed", "failed")}
        found[truth] = {**counts, "median_n": int(np.median(ends))}
    return found


def holds(found: dict[str, Any], trials: int) -> bool:
    """Tell whether the case of the bar keeps it."""
    return bool(
        found["equal"]["passed"] >= 0.9 * trials
        and found["worse by d"]["passed"] <= 0.085 * trials
        and found["worse by 2d"]["failed"] >= 0.9 * trials
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = [row(*case, given.trials, given.seed) for case in cases()]
    if given.json:
        print(json.dumps(rows))
    else:
        print(
            "| scores | d | k | equal: passed | worse by d: passed, failed | worse by 2d: failed | median n |"
        )
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for one in rows:
            print(shown(one))
    bar = next(one for one in rows if (one["kind"], one["spread"], one["margin"]) == ("answers", 0.1, 0.02))
    return 0 if holds(bar, given.trials) else 4


def shown(one: dict[str, Any]) -> str:
    """Return one row of the table in Markdown."""
    what = (
        f"{one['spread']:.0%} different" if one["kind"] == "answers" else f"continuous, sd {one['spread']:g}"
    )
    twice = one.get("worse by 2d")
    ends = ", ".join(str(one[truth]["median_n"]) for truth in ("equal", "worse by 2d") if truth in one)
    worse = one.get("worse by d")
    at = "-" if worse is None else f"{worse['passed']}, {worse['failed']}"
    failed = "-" if twice is None else str(twice["failed"])
    return (
        f"| {what} | {one['margin']:g} | {one['k']} | {one['equal']['passed']} | {at} | {failed} | {ends} |"
    )


if __name__ == "__main__":
    sys.exit(main())
