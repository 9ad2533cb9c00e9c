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
from modelstitch.specs import CellSpec, FitSpec

FEWEST = 50
"""The least number that is tried; each further one is twice the one before."""


def labels_needed(
    sides: tuple[Side, Side],
    full: Mapping[CellSpec, float],
    fit: FitSpec,
    choosing: Tensor,
    margin: float,
) -> dict[CellSpec, int]:
    """Return the least number of labelled examples tried that fits each stitch within the margin.

    Stitches are fitted on 50, 100, 200, ... training examples, a stratified choice that holds those of the
    one before it. Where none of them is enough, all are needed.

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
    waiting, found = dict(full), dict[CellSpec, int]()
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
