"""How many labelled examples the stitch of a candidate needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from modelstitch.data.splitting import choose
from modelstitch.grid.grid import fit_grid
from modelstitch.grid.pool import Pair
from modelstitch.grid.side import Side
from modelstitch.runs.run import BUDGET
from modelstitch.specs import OBJECTIVES, CellSpec, FitSpec

FEWEST = 50
"""The least number above 0 that is tried; each further one is twice the one before."""


def labels_needed(
    sides: tuple[Side, Side],
    full: Mapping[CellSpec, float],
    fit: FitSpec,
    choosing: Tensor,
    margin: float,
) -> dict[CellSpec, int]:
    """Return the least number of labelled examples tried that fits each stitch within the margin.

    Stitches are fitted on 0, 50, 100, 200, ... labelled training examples, a stratified choice that holds
    those of the one before it. Without labels a stitch is fitted on all training examples to the receiver's
    own representations (``match``). An identity, and an objective that reads no label, need none. Where no
    smaller number is enough, all are needed.

    Args:
        sides: sender and receiver.
        full: by cell, its score on the choosing examples when it is fitted on all training examples.
        fit: how stitches are fitted.
        choosing: (n_choose,) numbers of the held-out examples that score.
        margin: points of score that a stitch on fewer examples may lose.

    Returns:
        The number by cell.
    """
    data = sides[0].data
    found = dict.fromkeys((cell for cell in full if not _reads_labels(cell)), 0)
    waiting = {cell: score for cell, score in full.items() if cell not in found}
    matched = {replace(cell, objective="match"): cell for cell in waiting}
    for fitted in fit_grid(Pair(sides[0].network, sides[1].network, data), list(matched), fit, BUDGET):
        cell = matched[fitted.spec]
        if float(fitted.correct[choosing].double().mean()) >= waiting[cell] - margin:
            found[cell] = 0
    waiting = {cell: score for cell, score in waiting.items() if cell not in found}
    n = FEWEST
    while waiting and n < len(data.train):
        few = data.train.take(choose(data.train.labels, n, 0))
        pair = Pair(sides[0].network, sides[1].network, replace(data, train=few))
        for fitted in fit_grid(pair, list(waiting), fit, BUDGET):
            if float(fitted.correct[choosing].double().mean()) >= waiting[fitted.spec] - margin:
                found[fitted.spec] = n
        waiting = {cell: score for cell, score in waiting.items() if cell not in found}
        n *= 2
    return found | dict.fromkeys(waiting, len(data.train))


def _reads_labels(cell: CellSpec) -> bool:
    return cell.stitch.info.has_parameters and OBJECTIVES[cell.objective].reads_labels
