"""Chains of three parts: the front of A, the middle of B and the end of A, by two stitches fitted before.

The two stitches come from two runs, A into B and B into A. Each was fitted for its own pair; nothing is
fitted for the chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Int
from torch import Tensor

from modelstitch.adoption.division import groups_of
from modelstitch.adoption.score_intervals import difference_interval
from modelstitch.adoption.work import Load, load_before, load_of, whole_load
from modelstitch.errors import RunError, SpecError
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.grid.representations import Representations
from modelstitch.grid.scoring import score_batches, scored
from modelstitch.grid.side import Side
from modelstitch.results.rows import CellRow
from modelstitch.results.stitched import StitchedCell
from modelstitch.specs import DEFAULT_FAMILY, TRAINED, StitchSpec
from modelstitch.stitches import Stitch, build
from modelstitch.tasks import Targets, mean_score
from modelstitch.util.progress import SILENT, Progress
from modelstitch.wording import Sentence, say

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

MOST = 25
"""Chains that are scored: those whose two stitches together lose least."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A chain: A up to ``leave``, a stitch, B from ``enter`` to ``exit``, a stitch, A from ``back`` on.

    Attributes:
        leave, back: cuts of A.
        enter, exit: cuts of B.
        load: what it costs.
        expected: points that its two stitches lose together, each in its own pair, on the choosing examples.
        score: on the choosing examples; None where it was not scored.
    """

    leave: str
    enter: str
    exit: str
    back: str
    load: Load
    expected: float
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class ChainTable:
    """Chains under a budget, the best first.

    Attributes:
        outer, inner: names of A and B.
        chains: those that were scored, by their score on the choosing examples.
        whole: what A costs alone.
        at_most: bound on the multiply-adds, in those of A.
        n_possible, n_affordable: chains that the cells allow, and those within the budget.
        confirmed: score of the best chain on the confirming examples; None without a chain.
        lost: score of A less that of the best chain on the same examples, with its interval.
        n_confirm: number of confirming examples.
    """

    outer: str
    inner: str
    chains: tuple[Chain, ...]
    whole: Load
    at_most: float
    n_possible: int
    n_affordable: int
    confirmed: float | None
    lost: ValueWithInterval | None
    n_confirm: int

    def sentences(self) -> list[Sentence]:
        """Return what was looked at, and the best chain."""
        told = [
            say(
                "chain.looked",
                possible=self.n_possible,
                affordable=self.n_affordable,
                scored=len(self.chains),
                at_most=self.at_most,
                outer=self.outer,
            )
        ]
        if not self.chains or self.lost is None or self.confirmed is None:
            return [*told, say("chain.none")]
        best = self.chains[0]
        value, low, high = self.lost
        told.append(
            say(
                "chain.best",
                outer=self.outer,
                inner=self.inner,
                leave=best.leave,
                enter=best.enter,
                exit=best.exit,
                back=best.back,
                score=self.confirmed,
                lost=value,
                low=low,
                high=high,
                cost=best.load.multiply_adds / max(1, self.whole.multiply_adds),
                size=best.load.parameters / max(1, self.whole.parameters),
                n=self.n_confirm,
            )
        )
        return [*told, say("chain.rule")]

    def to_plain(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            **{name: value for name, value in vars(self).items() if name not in ("chains", "whole")},
            "whole": vars(self.whole),
            "chains": [
                {**{k: v for k, v in vars(chain).items() if k != "load"}, **vars(chain.load)}
                for chain in self.chains
            ],
        }


def chains(
    forward: Comparison,
    backward: Comparison,
    choose: Int[Tensor, " n_choose"],
    confirm: Int[Tensor, " n_confirm"],
    *,
    at_most: float = 1.0,
    stitch: str | None = None,
    seed: int | None = None,
    most: int = MOST,
    progress: Progress = SILENT,
) -> ChainTable:
    """Compose fitted stitches of two runs to chains, and score the most promising ones under a budget.

    Args:
        forward: A into B; can give its networks.
        backward: B into A, with the same networks and data.
        choose: numbers of the held-out examples that order the chains.
        confirm: numbers of the held-out examples that score the best one.
        at_most: bound on the multiply-adds of a chain, in those of A.
        stitch: label of the stitch; by default that of the run's sentences.
        seed: of the fits; by default the first.
        most: chains that are scored.
        progress: receives news.

    Raises:
        SpecError: a budget that is not above 0, examples that choose and confirm, no fitted cell.
        RunError: the runs are not two directions of one pair.
    """
    if not at_most > 0:
        raise SpecError(f"expected a budget above 0 in multiply-adds of the outer network, got {at_most}")
    if set(choose.tolist()) & set(confirm.tolist()):
        raise SpecError("expected examples that choose or confirm, got some that do both")
    there, again = (_cells(run, stitch, seed) for run in (forward, backward))
    outer, inner = _two_directions(forward, backward, there[0], again[0])
    lost_by = {
        **_lost(forward, there, inner, choose),
        **_lost(backward, again, outer, choose),
    }
    possible = list(_possible(lost_by, there, again, outer, inner))
    bound = at_most * whole_load(outer).multiply_adds
    affordable = [chain for chain in possible if chain.load.multiply_adds <= bound]
    promising = sorted(affordable, key=lambda chain: chain.expected)[:most]
    progress.stage(f"scoring {len(promising)} chains")
    found = []
    for chain in promising:
        scores = chain_scores(*_stitches(forward, backward, chain, there[0], again[0]))
        found.append((mean_score(scores[choose]), chain, scores))
    found.sort(key=lambda one: -one[0])
    lost = confirmed = None
    if found:
        own = outer.own_scores
        best = found[0][2][confirm]
        confirmed = mean_score(best)
        groups = groups_of(outer.data, confirm)
        lost = None if own is None else difference_interval(own.cpu()[confirm], best, groups=groups)
    return ChainTable(
        outer=forward.sender,
        inner=forward.receiver,
        chains=tuple(Chain(**{**vars(chain), "score": score}) for score, chain, _ in found),
        whole=whole_load(outer),
        at_most=at_most,
        n_possible=len(possible),
        n_affordable=len(affordable),
        confirmed=confirmed,
        lost=lost,
        n_confirm=len(confirm),
    )


def chain_scores(first: StitchedCell, second: StitchedCell) -> Tensor:
    """Return the score (n_heldout,) of each held-out example through a chain of two stitched networks.

    Args:
        first: of the cell (leave, enter), A into B.
        second: of the cell (exit, back), B into A.
    """
    outer, inner = first.sides
    leave, enter = first.spec.sender_cut, first.spec.receiver_cut
    exit_, back = second.spec.sender_cut, second.spec.receiver_cut
    middle = inner.bound(inner.cutting.suffix(enter, frozen=True, later=(exit_,)), "held-out")
    end = outer.bound(outer.suffix(back), "held-out")
    look_up = Representations(outer, (leave,), "held-out", "recompute").at(leave)
    heldout, task = outer.data.heldout, outer.data.task

    def batches() -> Iterator[tuple[Tensor, Targets]]:
        for indices in score_batches(len(heldout), outer.score_batch):
            entered = first.stitch(look_up(indices)).to(inner.inputs.dtype)
            (left,) = middle(entered, indices)
            yield end(second.stitch(left.float()), indices), heldout.targets_for(task, indices)

    with torch.inference_mode():
        return scored(task, batches()).cpu()


def chain_load(first: StitchedCell, second: StitchedCell) -> Load:
    """Return what a chain costs: both parts of A, the middle of B, both stitches."""
    outer, inner = first.sides
    return _load(
        outer,
        inner,
        (first.spec.sender_cut, first.spec.receiver_cut, second.spec.sender_cut, second.spec.receiver_cut),
        _of_stitch(first.stitch) + _of_stitch(second.stitch),
    )


def _load(outer: Side, inner: Side, cuts: tuple[str, str, str, str], stitches: Load) -> Load:
    leave, enter, exit_, back = cuts
    front, end = outer.cut(leave).before, outer.cut(back).after
    until, from_ = load_before(inner, exit_), load_before(inner, enter)
    middle = Load(until.parameters - from_.parameters, until.multiply_adds - from_.multiply_adds)
    own = Load(front.parameters + end.parameters, front.multiply_adds + end.multiply_adds)
    return own + middle + stitches


def _of_stitch(stitch: Stitch) -> Load:
    held = next(stitch.parameters(), torch.zeros(0))
    return load_of(stitch, torch.zeros(2, *stitch.provided_layout.shape, device=held.device))


def _untrained(row: CellRow, sender: Side, receiver: Side) -> Stitch:
    """Return a stitch of the shape of a cell's: it costs as much as the fitted one."""
    layouts = sender.cut(row.sender_cut).layout, receiver.cut(row.receiver_cut).layout
    return build(StitchSpec.parse(row.stitch), *layouts)


def _cells(run: Comparison, stitch: str | None, seed: int | None) -> list[CellRow]:
    label = stitch or (run.main_stitch if run.cells else DEFAULT_FAMILY)
    chosen = seed if seed is not None else next(iter(run.seeds), 0)
    rows = [
        row
        for row in run.cells
        if (row.control, row.stitch, row.seed) == (TRAINED, label, chosen) and row.score is not None
    ]
    if not rows:
        raise SpecError(
            f"expected cells of {run.sender} into {run.receiver} with the stitch {label} and seed {chosen}, "
            "got none: fit them first"
        )
    return rows


def _two_directions(
    forward: Comparison, backward: Comparison, there: CellRow, again: CellRow
) -> tuple[Side, Side]:
    """Return the sides of A and B; refuse two runs that are not two directions of one pair."""
    outer, inner = _network(forward, there).sides
    other_inner, other_outer = _network(backward, again).sides
    same = (outer.digest, inner.digest) == (other_outer.digest, other_inner.digest)
    if not same or outer.data.digest != other_inner.data.digest:
        what = "data" if same else "networks"
        raise RunError(
            f"expected the pair {forward.receiver} into {forward.sender}, the other direction of the first "
            f"run, with the same {what}, got {backward.sender} into {backward.receiver}: fit it with "
            "modelstitch compare, sender and receiver exchanged"
        )
    return outer, inner


def _network(run: Comparison, row: CellRow) -> StitchedCell:
    return run.stitched(row.sender_cut, row.receiver_cut, stitch=row.stitch, seed=row.seed)


def _stitches(
    forward: Comparison, backward: Comparison, chain: Chain, there: CellRow, again: CellRow
) -> tuple[StitchedCell, StitchedCell]:
    return (
        forward.stitched(chain.leave, chain.enter, stitch=there.stitch, seed=there.seed),
        backward.stitched(chain.exit, chain.back, stitch=again.stitch, seed=again.seed),
    )


def _lost(run: Comparison, rows: list[CellRow], receiver: Side, choose: Tensor) -> dict[int, float]:
    """Return what each cell loses against its receiver on the choosing examples, by ``id`` of its row."""
    assert run.networks is not None
    answers, own = run.networks.answers(), receiver.own_scores
    whole = 0.0 if own is None else mean_score(own.cpu()[choose])
    at = choose.numpy()
    return {id(row): whole - float((answers[row.control, row.key][at] * 1.0).mean()) for row in rows}


def _possible(
    lost: Mapping[int, float],
    there: list[CellRow],
    again: list[CellRow],
    outer: Side,
    inner: Side,
) -> Iterator[Chain]:
    """Yield every chain whose middle has a part of B in it."""
    order = [cut.name for cut in inner.cutting.cuts]

    def place(name: str) -> int:
        return order.index(inner.cut(name).name)

    loads = {
        id(row): _of_stitch(_untrained(row, *sides))
        for rows, sides in ((there, (outer, inner)), (again, (inner, outer)))
        for row in rows
    }
    for one in there:
        for other in again:
            if place(one.receiver_cut) >= place(other.sender_cut):
                continue
            cuts = (one.sender_cut, one.receiver_cut, other.sender_cut, other.receiver_cut)
            yield Chain(
                leave=cuts[0],
                enter=cuts[1],
                exit=cuts[2],
                back=cuts[3],
                load=_load(outer, inner, cuts, loads[id(one)] + loads[id(other)]),
                expected=lost[id(one)] + lost[id(other)],
            )
