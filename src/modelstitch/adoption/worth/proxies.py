"""Proxies that others pick stitches by: a number for each cell, without fitting its stitch to the task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from modelstitch.adoption.rivals.heads import FittedHead, fit_head, n_outputs_of, why_no_head
from modelstitch.adoption.rivals.rival_kinds import RivalFits
from modelstitch.adoption.worth.regret import CutPair, RegretTable, regrets
from modelstitch.errors import GeometryError, SpecError
from modelstitch.fitting.schedules import spread
from modelstitch.geometry.cka import cka
from modelstitch.geometry.neighbours import mutual_knn
from modelstitch.grid.cell import score
from modelstitch.grid.representations import Representations
from modelstitch.grid.side import Side
from modelstitch.results.stitched import StitchedCell
from modelstitch.specs import TRAINED
from modelstitch.tasks import mean_score
from modelstitch.util.progress import SILENT, Progress

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

PROXIES = ("cka", "mutual-knn", "probes", "closed-form", "kept")
"""All proxies by name, in the order of the table."""

DEEPEST = "deepest"
"""A choice that looks at nothing: the deepest sender cut. It stands beside the proxies."""

_EXAMPLES = 500
_NEIGHBOURS = 10

ProxyValues = Mapping[CutPair, float]
"""A number for each cell; higher is better."""


def heldout_scores(stitched: StitchedCell) -> Tensor:
    """Return the score (n_heldout,) of each held-out example, as the run scores them."""
    sender, receiver = stitched.sides
    spec = stitched.spec
    look_up = Representations(sender, (spec.sender_cut,), "held-out", "recompute").at(spec.sender_cut)
    return score(stitched.stitch, receiver, receiver.suffix(spec.receiver_cut), look_up, receiver.data.task)


def proxy_regrets(
    result: Comparison,
    choose: Tensor,
    confirm: Tensor,
    *,
    stitch: str | None = None,
    seed: int | None = None,
    fits: RivalFits | None = None,
    progress: Progress = SILENT,
) -> RegretTable:
    """Return what is lost on the map of a finished run by choosing with each proxy.

    CKA, mutual k-NN and probes are computed from the networks, *kept* is that of the run. The closed form is
    that of the run too, where a stitch was fitted to ``match``. A proxy that the run does not know is left
    out.

    Args:
        result: a run that can give its networks; its stitches fitted to the task give the scores.
        choose, confirm: numbers of held-out examples.
        stitch: label of the stitch; by default that of the run's sentences.
        seed: of the fits; by default the first.
        fits: how probes are fitted.
        progress: receives news.

    Raises:
        SpecError: no cell of that stitch and seed.
        RunError: the run cannot give its networks.
    """
    label = stitch or result.main_stitch
    chosen = result.seeds[0] if seed is None else seed
    rows = [
        row
        for row in result.cells
        if (row.control, row.stitch, row.seed) == (TRAINED, label, chosen) and row.failure is None
    ]
    if not rows:
        raise SpecError(f"expected cells of the stitch {label} with seed {chosen}, got none")
    cells = [(row.sender_cut, row.receiver_cut) for row in rows]
    progress.stage("scoring every cell on every held-out example")
    networks = {cell: result.stitched(*cell, stitch=label, seed=chosen) for cell in cells}
    scores = {cell: heldout_scores(networks[cell]) for cell in cells}
    sender, receiver = networks[cells[0]].sides
    progress.stage("computing the proxies")
    known: dict[str, ProxyValues] = {
        "cka": _compared(sender, receiver, cells, cka),
        "mutual-knn": _compared(
            sender, receiver, cells, lambda x, y: mutual_knn(x, y, min(_NEIGHBOURS, len(x) - 1))
        ),
    }
    if why_no_head(sender) is None:
        known["probes"] = probes(sender, receiver, cells, fits or RivalFits())
    closed = _closed_form(result, cells, chosen, choose)
    if closed:
        known["closed-form"] = closed
    kept = {
        (row.sender_cut, row.receiver_cut): math.nan if row.kept is None else row.kept
        for row in result.kept
        if (row.control, row.stitch, row.seed) == (TRAINED, label, chosen)
    }
    if kept:
        known["kept"] = kept
    order = [cut.name for cut in sender.cutting.cuts]
    known[DEEPEST] = {cell: float(order.index(sender.cut(cell[0]).name)) for cell in cells}
    return regrets(scores, known, choose, confirm)


def _compared(
    sender: Side, receiver: Side, cells: Sequence[CutPair], measure: Callable[[Tensor, Tensor], float]
) -> ProxyValues:
    """Return a measure of the two representations of each cell, on some training examples."""
    few = spread(torch.arange(len(sender.data.train)), _EXAMPLES)
    kept: dict[tuple[Side, str], Tensor] = {}

    def rows(side: Side, cut: str) -> Tensor:
        if (side, cut) not in kept:
            look_up = Representations(side, (cut,), "train", "recompute").at(cut)
            kept[side, cut] = torch.cat([look_up(some).flatten(1) for some in few.split(side.score_batch)])
        return kept[side, cut]

    values = {}
    for one, other in cells:
        try:
            values[one, other] = float(measure(rows(sender, one), rows(receiver, other)))
        except GeometryError:  # a constant representation is like no other
            values[one, other] = math.nan
    return values


def probes(sender: Side, receiver: Side, cells: Sequence[CutPair], fits: RivalFits) -> ProxyValues:
    r"""Return how alike linear probes at the two cuts answer some training examples; higher is more alike.

    .. math:: -\frac1n \sum_n \mathrm{KL}(\mathrm{softmax}(r_n) \,\|\, \mathrm{softmax}(s_n))

    with r the outputs of the receiver's probe and s those of the sender's; for other tasks their distance.

    Args:
        sender, receiver: the two networks.
        cells: (sender cut, receiver cut).
        fits: how probes are fitted.
    """
    few = spread(torch.arange(len(sender.data.train)), 2 * _EXAMPLES)
    task = receiver.data.task
    targets = receiver.data.train.targets_for(task, few)

    def outputs(side: Side, cut: str) -> Tensor:
        head: FittedHead = fit_head(side, cut, fits.of("head"), n_outputs=n_outputs_of(receiver), before=0)
        with torch.no_grad():
            return head.outputs(side, cut, "train", few)

    of_sender = {cut: outputs(sender, cut) for cut in dict.fromkeys(one for one, _ in cells)}
    of_receiver = {cut: outputs(receiver, cut) for cut in dict.fromkeys(other for _, other in cells)}
    return {
        (one, other): -float(task.distances(of_sender[one], of_receiver[other], targets).double().mean())
        for one, other in cells
    }


def _closed_form(result: Comparison, cells: Sequence[CutPair], seed: int, choose: Tensor) -> ProxyValues:
    """Return the score on the choosing examples of stitches that least squares has fitted to ``match``."""
    solved = {
        (row.sender_cut, row.receiver_cut): row
        for row in result.cells
        if (row.control, row.objective, row.seed) == (TRAINED, "match", seed)
        and row.failure is None
        and row.start == "closed form"
        and not row.total_steps
    }
    values = {}
    for cell in cells:
        if cell in solved:
            row = solved[cell]
            network = result.stitched(*cell, stitch=row.stitch, seed=seed, objective="match")
            values[cell] = mean_score(heldout_scores(network)[choose])
    return values
