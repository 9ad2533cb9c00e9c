"""An experiment beside the paper's: its numbers beside ours, and which of its findings came out again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from modelstitch.results.comparison import Comparison
from modelstitch.results.pair_overview import rank_correlation
from modelstitch.results.triangle import shape
from modelstitch.specs import TRAINED
from modelstitch.specs.controls import combinations
from modelstitch.wording import Sentence, say

if TYPE_CHECKING:
    from modelstitch.results.pairs import Comparisons

COMBINATIONS = tuple(combinations().values())
"""The paper's four combinations: trained or untrained sender into trained or untrained receiver."""

_SENDER, _RECEIVER = combinations()[True, False], combinations()[False, True]
"""Untrained sender alone, untrained receiver alone."""

_ERRORS = ("ev", "es", "sv")
CLEAR = 0.1
"""Of scores: a part of a matrix is higher than the rest by this much, or not clearly."""

ALIKE = 0.8
"""Rank correlation from which two matrices are said to have one pattern."""


@dataclass(frozen=True)
class PaperFinding:
    """One of the paper's findings beside ours.

    Attributes:
        what: it is.
        paper, ours: in numbers.
        holds: whether it came out again; None where it was not run.
    """

    what: Sentence
    paper: Sentence
    ours: Sentence
    holds: bool | None


@dataclass(frozen=True)
class Triangle:
    """The triangle in one matrix.

    Attributes:
        sender, receiver: names.
        below, above: mean score where the receiver's layer is no later in proportion, and elsewhere.
        explained: share of the variance of the scores that this division alone explains.
    """

    sender: str
    receiver: str
    below: float
    above: float
    explained: float


@dataclass
class ErrorSum:
    """Minimum, mean, maximum and standard deviation of one error over many pairs, added up."""

    n: int = 0
    mean: float = math.nan
    squares: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf

    def add(self, n: int, mean: float, deviation: float, minimum: float, maximum: float) -> None:
        """Add the cells of one pair; squares are about the mean, so that no digits are lost."""
        before, self.n = self.n, self.n + n
        old = self.mean if before else mean
        apart = mean - old
        self.mean = old + apart * n / self.n
        self.squares += n * deviation**2 + apart**2 * before * n / self.n
        self.minimum, self.maximum = min(self.minimum, minimum), max(self.maximum, maximum)

    @property
    def deviation(self) -> float:
        """Standard deviation of the population."""
        return math.sqrt(self.squares / self.n) if self.n else math.nan


@dataclass(frozen=True)
class BesidePaper:
    """An experiment beside the paper's.

    Attributes:
        source: of the paper's numbers.
        n_pairs, n_cells: that were compared.
        findings: each of the paper's.
        triangles: one for each pair.
        matrices: the paper's matrix and ours, where the same pair was run.
        errors: by combination, error and part (``diagonal``, ``all``).
    """

    source: str
    n_pairs: int
    n_cells: int
    findings: Sequence[PaperFinding]
    triangles: Sequence[Triangle]
    matrices: tuple[np.ndarray, np.ndarray] | None
    errors: Mapping[tuple[str, str, str], ErrorSum] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """Return all numbers as plain values."""
        return {
            "source": self.source,
            "pairs": self.n_pairs,
            "cells": self.n_cells,
            "findings": [
                {"what": str(f.what), "paper": str(f.paper), "ours": str(f.ours), "holds": f.holds}
                for f in self.findings
            ],
            "triangles": [_known(vars(each)) for each in self.triangles],
            "errors": [
                _known(
                    {"combination": control, "error": error, "cells": part, "n": sums.n}
                    | {"minimum": sums.minimum, "mean": sums.mean, "maximum": sums.maximum}
                    | {"standard_deviation": sums.deviation}
                )
                for (control, error, part), sums in self.errors.items()
            ],
        }


@dataclass
class _Gathered:
    """What one pass over the pairs gathers."""

    triangles: list[Triangle] = field(default_factory=list)
    vanilla: dict[tuple[str, str, str], np.ndarray] = field(default_factory=dict)
    similarity: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    rows_above: list[float] = field(default_factory=list)
    own: dict[str, dict[str, float]] = field(default_factory=dict)
    errors: dict[tuple[str, str, str], ErrorSum] = field(default_factory=dict)
    n_cells: int = 0


def beside_paper(pairs: Comparisons, numbers: Mapping[str, Any]) -> BesidePaper:
    """Return an experiment beside the paper's; each pair is read once.

    Args:
        pairs: networks by the paper's names, without underscore.
        numbers: what :func:`modelstitch.specs.paper.paper_numbers` returns.
    """
    found = _Gathered()
    named = {(numbers[part]["sender"], numbers[part]["receiver"]) for part in ("vanilla", "untrained_sender")}
    for pair, each in pairs.items():
        _gather(found, pair, each, keep=pair in named)
    own = found.vanilla.get((*_pair(numbers["vanilla"]), TRAINED))
    theirs = np.array(numbers["vanilla"]["scores"])
    matrices = None if own is None or own.shape != theirs.shape else (theirs, own)
    findings = [
        _whole(found, numbers),
        _triangle(found, theirs),
        _matrix(matrices, found, numbers),
        _untrained_sender(found, numbers),
        _untrained_receiver(found, numbers),
        _similarity(found, numbers),
        *(_order(found, numbers, part) for part in ("diagonal", "all")),
        _far_errors(found, numbers),
    ]
    return BesidePaper(
        str(numbers["source"]), len(pairs), found.n_cells, findings, found.triangles, matrices, found.errors
    )


def _gather(found: _Gathered, pair: tuple[str, str], each: Comparison, *, keep: bool) -> None:
    label = {cell.objective: cell.stitch for cell in reversed(each.cells)}
    found.n_cells += len(each.cells)
    for control in each.controls:
        score = each.baseline("receiver", control)
        if score is not None:
            found.own.setdefault(control, {})[pair[1]] = score
    if "task" in label:
        for control in each.controls:
            if control not in COMBINATIONS:
                continue
            matrix = each.matrix(control=control, stitch=label["task"])
            if keep:
                found.vanilla[(*pair, control)] = matrix.to_numpy()
            if control == TRAINED:
                seen = shape(matrix)
                found.triangles.append(Triangle(*pair, seen.below, seen.above, seen.triangle))
            if control == _RECEIVER:
                found.rows_above.append(_bottom(matrix.to_numpy()))
    if "match" in label:
        found.similarity[pair] = each.matrix(stitch=label["match"]).to_numpy()
    table = each.error_table()
    if len(table):
        main = table[(table["stitch"] == label.get("task", each.main_stitch)) & table["error"].isin(_ERRORS)]
        for row in main.to_dict("records"):
            key = (str(row["control"]), str(row["error"]), str(row["cells"]))
            found.errors.setdefault(key, ErrorSum()).add(
                row["n"], row["mean"], row["standard_deviation"], row["minimum"], row["maximum"]
            )


def _bottom(scores: np.ndarray) -> float:
    """Return how much the last third of the rows lies above the first third."""
    n = max(1, len(scores) // 3)
    return float(np.nanmean(scores[-n:]) - np.nanmean(scores[:n]))


def _not_run(what: str, paper: Sentence) -> PaperFinding:
    return PaperFinding(say(what), paper, say("paper.not_run"), None)


def _whole(found: _Gathered, numbers: Mapping[str, Any]) -> PaperFinding:
    good, guess = numbers["whole"]["at_least"], numbers["whole"]["guess"]
    paper = say("paper.whole_paper", trained=good, untrained=guess)
    trained, untrained = (list(found.own.get(name, {}).values()) for name in (TRAINED, _RECEIVER))
    if not trained or not untrained:
        return _not_run("paper.whole", paper)
    ours = say(
        "paper.whole_ours", low=min(trained), high=max(trained), least=min(untrained), most=max(untrained)
    )
    return PaperFinding(
        say("paper.whole"), paper, ours, min(trained) > good and max(untrained) < guess + CLEAR
    )


def _triangle(found: _Gathered, theirs: np.ndarray) -> PaperFinding:
    import xarray as xr

    seen = shape(xr.DataArray(theirs, dims=("sender_cut", "receiver_cut")))
    paper = say("paper.triangle_paper", below=seen.below, above=seen.above, explained=seen.triangle)
    if not found.triangles:
        return _not_run("paper.triangle", paper)
    higher = sum(each.below > each.above for each in found.triangles)
    ours = say(
        "paper.triangle_ours",
        n=higher,
        of=len(found.triangles),
        below=_mean(each.below for each in found.triangles),
        above=_mean(each.above for each in found.triangles),
        explained=_mean(each.explained for each in found.triangles),
    )
    gap = _mean(each.below - each.above for each in found.triangles)
    return PaperFinding(say("paper.triangle"), paper, ours, higher == len(found.triangles) and gap > CLEAR)


def _matrix(
    matrices: tuple[np.ndarray, np.ndarray] | None, found: _Gathered, numbers: Mapping[str, Any]
) -> PaperFinding:
    paper = say("paper.matrix_paper")
    if matrices is None or np.isnan(matrices[1]).any():
        return _not_run("paper.matrix", paper)
    theirs, ours = matrices
    receiver = numbers["vanilla"]["receiver"]
    # Whole networks differ in width and data: a cell is compared as a share of its own receiver.
    shares = ours / found.own[TRAINED][receiver], theirs / theirs.max()
    apart = np.abs(shares[0] - shares[1])
    at = np.unravel_index(int(apart.argmax()), apart.shape)
    correlation = rank_correlation(list(theirs.ravel()), list(ours.ravel()))
    told = say(
        "paper.matrix_ours",
        r=correlation,
        largest=float(apart.max()),
        sender=int(at[0]),
        receiver=int(at[1]),
        raw=float(np.abs(ours - theirs).max()),
    )
    return PaperFinding(say("paper.matrix"), paper, told, correlation >= ALIKE)


def _untrained_sender(found: _Gathered, numbers: Mapping[str, Any]) -> PaperFinding:
    asked = numbers["untrained_sender"]
    paper = say("paper.sender_paper", scores=", ".join(f"{each:.2f}" for each in asked["scores"]))
    matrix = found.vanilla.get((*_pair(asked), _SENDER))
    if matrix is None:
        return _not_run("paper.sender", paper)
    n = len(asked["scores"])
    corner = matrix[:n, 0]
    others = np.concatenate([matrix[:n, 1:].ravel(), matrix[n:].ravel()])
    ours = say(
        "paper.sender_ours",
        scores=", ".join(f"{each:.2f}" for each in corner),
        others=float(np.nanmean(others)),
    )
    return PaperFinding(
        say("paper.sender"), paper, ours, bool(np.nanmean(corner) - np.nanmean(others) > CLEAR)
    )


def _untrained_receiver(found: _Gathered, numbers: Mapping[str, Any]) -> PaperFinding:
    paper = say("paper.receiver_paper", bottom=numbers["untrained_receiver"]["bottom"])
    if not found.rows_above:
        return _not_run("paper.receiver", paper)
    n = sum(each > CLEAR for each in found.rows_above)
    ours = say("paper.receiver_ours", mean=_mean(found.rows_above), n=n, of=len(found.rows_above))
    return PaperFinding(say("paper.receiver"), paper, ours, n == len(found.rows_above))


def _similarity(found: _Gathered, numbers: Mapping[str, Any]) -> PaperFinding:
    asked = numbers["similarity"]
    paper = say("paper.similarity_paper", first=asked["first"], others=asked["others"])
    pair = _pair(numbers["vanilla"])
    if pair not in found.similarity:
        return _not_run("paper.similarity", paper)
    matrix = found.similarity[pair]
    others = np.delete(matrix.ravel(), 0)
    every = np.concatenate([each.ravel() for each in found.similarity.values()])
    ours = say(
        "paper.similarity_ours",
        first=float(matrix[0, 0]),
        others=float(np.nanmean(others)),
        every=float(np.nanmean(every)),
    )
    return PaperFinding(
        say("paper.similarity"), paper, ours, bool(np.nanmean(others) < asked["others"] + CLEAR)
    )


def _order(found: _Gathered, numbers: Mapping[str, Any], part: str) -> PaperFinding:
    asked = numbers["errors"][part]
    paper = say("paper.errors_values", **asked)
    sums = [found.errors.get((TRAINED, name, part)) for name in _ERRORS]
    values = [math.nan if each is None else each.mean for each in sums]
    if any(map(math.isnan, values)):
        return _not_run(f"paper.errors_{part}", paper)
    here = dict(zip(_ERRORS, values, strict=True))
    alike = sorted(_ERRORS, key=asked.__getitem__) == sorted(_ERRORS, key=here.__getitem__)
    return PaperFinding(say(f"paper.errors_{part}"), paper, say("paper.errors_values", **here), alike)


def _far_errors(found: _Gathered, numbers: Mapping[str, Any]) -> PaperFinding:
    paper = say("paper.far_paper", maximum=numbers["errors"]["untrained_receiver"]["maximum"])
    near, far = (found.errors.get((control, "ev", "all")) for control in (TRAINED, _RECEIVER))
    if near is None or far is None:
        return _not_run("paper.far", paper)
    ours = say("paper.far_ours", maximum=far.maximum, trained=near.maximum)
    return PaperFinding(say("paper.far"), paper, ours, far.maximum > 10 * near.maximum)


def _pair(asked: Mapping[str, Any]) -> tuple[str, str]:
    return str(asked["sender"]), str(asked["receiver"])


def _mean(values: Iterable[float]) -> float:
    known = [each for each in values if not math.isnan(each)]
    return sum(known) / len(known) if known else math.nan


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with None for NaN, which JSON does not have."""
    return {
        name: None if isinstance(each, float) and math.isnan(each) else each for name, each in values.items()
    }
