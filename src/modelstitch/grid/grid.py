"""Fit and score the cells of a pair of networks, sharing what can be shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from modelstitch.fitting.trained import Least
from modelstitch.grid.cell import CellInputs, FittedCell, divide_validation, fit_cell, fit_dtype
from modelstitch.grid.pool import GivesSides
from modelstitch.grid.representations import Lookup, Pass, Representations, Storage, plan_passes
from modelstitch.grid.side import Side
from modelstitch.grid.storage_cost import costs
from modelstitch.specs import CONTROLS, OBJECTIVES, TRAINED, CellSpec, FitSpec
from modelstitch.util.arguments import checked_fields
from modelstitch.util.workers import GoOn, Workers, side_by_side

_REAL_STEPS = 3
"""Times the steps of the real cell that a control may take."""

_FIRST_SCHEDULES = 16
"""Times the first schedule that every control may take, whatever the real cell took."""

_LABELLED = "classification"
"""The task of which a sender that holds the label alone can do everything."""

USUAL_SCHEDULES = 3.5
"""Mean number of steps of an automatic fit, in lengths of its first schedule (docs/measurements.md)."""


@checked_fields
@dataclass(frozen=True)
class Budget:
    """How much of the representations may be alive at once, and where they are kept.

    Attributes:
        bytes: of the representations of one pass, training and held-out part together.
        keep: a storage for all cuts; ``auto`` is the device, or for a cut that does not fit alone, where it
            costs least.
        total: bound on the memory of the whole process, of which ``bytes`` is a part; None for no bound.
    """

    bytes: int
    keep: Storage | Literal["auto"] = "auto"
    total: int | None = None


def passes(sender: Side, cells: Sequence[CellSpec], spec: FitSpec, budget: Budget) -> list[Pass]:
    """Divide the sender cuts of ``cells`` into passes over the data; see :func:`plan_passes`."""
    device = sender.data.train.images.device
    dtype = fit_dtype(spec, device)
    width = torch.finfo(dtype).bits // 8
    n_train, n_heldout = len(sender.data.train), len(sender.data.heldout)
    names = [sender.cut(cell.sender_cut).name for cell in cells]
    sizes = {
        cut.name: torch.Size(cut.shape).numel() * (width * n_train + 4 * n_heldout)
        for cut in sender.cutting.cuts
        if cut.name in names
    }
    steps = spec.n_steps(n_train) * (USUAL_SCHEDULES if spec.automatic else 1)
    lookups = round(steps * min(spec.batch_size, n_train)) + n_heldout

    def cost(name: str, n_bytes: int) -> dict[Storage, float]:
        n_cells = names.count(name)
        known = costs(sender, name, n_bytes, n_train + n_heldout, n_cells * lookups, dtype)
        fits_host = n_bytes <= budget.bytes
        return {storage: cost for storage, cost in known.items() if storage != "host" or fits_host}

    available = budget.bytes
    if device.type == "cuda":
        # The bound is for the host's memory; a GPU has its own, part of which PyTorch holds and can reuse.
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        available = (torch.cuda.mem_get_info(device)[0] + held) // 2
    return plan_passes(sizes, available, device, budget.keep, cost)


def fit_grid(
    pair: GivesSides,
    cells: Sequence[CellSpec],
    spec: FitSpec,
    budget: Budget,
    real_steps: Mapping[CellSpec, int] | None = None,
    workers: Workers | None = None,
) -> Iterator[FittedCell]:
    """Fit and score ``cells``, yielding each as it finishes.

    One pass over the data gives the sender's representations at all cuts that fit the budget, and one more
    the second moments of all cells. The order of cells has no influence on any number.

    Args:
        pair: the two networks and the data.
        cells: what to fit, in any order.
        spec: how to fit; the objective is that of each cell.
        budget: of memory.
        real_steps: steps of cells of the real grid that were fitted before; a label-only control that is
            below the receiver itself gets up to three times as many.
        workers: how many cells are fitted at once; one without it. The cells of networks that are cut by
            hooks are fitted one after another: a hook belongs to one call.
    """
    steps = dict(real_steps or {})
    cells = sorted(cells, key=lambda cell: cell.control != TRAINED)  # whose steps the others need
    sides = {cell: pair.sides(cell.control, cell.seed, cell.draw) for cell in cells}
    if pair.pool.many:  # a sender's own representations and those of a control are alive together
        budget = replace(budget, bytes=budget.bytes // 2)
    by_sender: dict[Side, list[CellSpec]] = {}
    for cell in cells:
        by_sender.setdefault(sides[cell][0], []).append(cell)
    for sender, of_sender in by_sender.items():
        if not pair.pool.many:
            pair.pool.release()
        for objective in dict.fromkeys(cell.objective for cell in of_sender):
            own_spec = replace(spec, objective=objective)
            objective_cells = [cell for cell in of_sender if cell.objective == objective]
            for planned in passes(sender, objective_cells, own_spec, budget):
                group = [
                    cell for cell in objective_cells if sender.cut(cell.sender_cut).name in planned.names
                ]
                receivers = {cell: sides[cell][1] for cell in group}
                yield from _fit_pass(pair, sender, receivers, planned, own_spec, steps, workers)
    if not pair.pool.many:
        pair.pool.release()


def _fit_pass(
    pair: GivesSides,
    sender: Side,
    receivers: dict[CellSpec, Side],
    planned: Pass,
    spec: FitSpec,
    steps: dict[CellSpec, int],
    workers: Workers | None,
) -> Iterator[FittedCell]:
    """Fit the cells of ``receivers``, whose sender cuts are those of one pass; note steps of real cells."""
    pool, own = pair.pool, sender is pair.sender
    dtype = fit_dtype(spec, sender.data.train.images.device)
    unaccelerated, reads = not spec.accelerate, OBJECTIVES[spec.objective]
    represented = partial(
        pool.representations, sender, planned, unaccelerated=unaccelerated, own=own, workers=workers
    )
    train, heldout = represented("train", dtype), represented("held-out", torch.float32)
    exact = Representations(sender, (), "train", "recompute", torch.float32, unaccelerated)
    for receiver in dict.fromkeys(receivers.values()):
        cells = [cell for cell in receivers if receivers[cell] is receiver]
        moments = pool.moments.gather(sender, receiver, cells, train, spec) if spec.needs_moments else {}
        outputs = _outputs(receiver) if reads.reads_outputs else None
        expected = None
        if reads.reads_expected and not all(_solved(cell, spec) for cell in cells):
            names = tuple(dict.fromkeys(cell.receiver_cut for cell in cells))
            expected = Representations(receiver, names, "train", planned.storage, dtype, unaccelerated)
        least = _least_scores(receiver, cells, spec)
        at_once = workers if sender.runs_in_threads and receiver.runs_in_threads else None
        fit = partial(_fit_beside, sender=sender, receiver=receiver, spec=spec)
        jobs: list[Callable[[GoOn], FittedCell]] = []
        for cell in cells if at_once is None else _longest_first(receiver, cells):
            real = steps.get(replace(cell, control=TRAINED, draw=0))
            inputs = CellInputs(
                train.at(sender.cut(cell.sender_cut).name),
                exact.at(sender.cut(cell.sender_cut).name),
                heldout.at(sender.cut(cell.sender_cut).name),
                expected.at(cell.receiver_cut) if expected else None,
                outputs,
                moments.get(cell),
                Least(least, _REAL_STEPS * real) if least is not None and real and _is_bound(cell) else None,
                None if real is None or cell.control == TRAINED else most_steps_of_control(spec, real),
            )
            jobs.append(partial(fit, cell=cell, inputs=inputs))
        for fitted in side_by_side(jobs, at_once):
            if fitted.spec.control == TRAINED:
                steps[fitted.spec] = fitted.fitted.total_steps
            yield fitted


def _fit_beside(
    go_on: GoOn, *, cell: CellSpec, sender: Side, receiver: Side, inputs: CellInputs, spec: FitSpec
) -> FittedCell:
    """Fit a cell that may be stopped at each batch."""

    def provided(indices: Tensor) -> Tensor:
        go_on()
        return inputs.provided(indices)

    return fit_cell(cell, sender, receiver, replace(inputs, provided=provided), spec)


def _longest_first(receiver: Side, cells: Sequence[CellSpec]) -> list[CellSpec]:
    """Return cells with those first whose suffix is longest, so that no worker ends long after the others."""
    order = [cut.name for cut in receiver.cutting.cuts]
    return sorted(cells, key=lambda cell: order.index(receiver.cut(cell.receiver_cut).name))


def most_steps_of_control(spec: FitSpec, real: int) -> int:
    """Return the longest automatic schedule of a control.

    It is three times the steps of the real cell, and 16 times the first schedule at least.

    Example:
        >>> most_steps_of_control(FitSpec(first_steps=40), 80), most_steps_of_control(FitSpec(), 1200)
        (640, 3600)
    """
    return max(_REAL_STEPS * real, _FIRST_SCHEDULES * spec.first_steps)


def _is_bound(cell: CellSpec) -> bool:
    """Tell whether a cell has to do as well as the receiver: its sender has the label, its stitch can."""
    return CONTROLS[cell.control].label_only and cell.stitch.info.carries_labels


def _least_scores(receiver: Side, cells: Sequence[CellSpec], spec: FitSpec) -> Tensor | None:
    """Return the whole receiver's scores of the validation examples, where a cell has to reach them."""
    task = receiver.data.task
    is_bound = spec.automatic and spec.objective == "task" and any(_is_bound(cell) for cell in cells)
    if not is_bound or not task.name.startswith(_LABELLED) or not receiver.is_whole:
        return None
    _, validation = divide_validation(len(receiver.data.train), automatic=True)
    return receiver.scores("train", receiver.whole, validation).float().cpu()


def _solved(cell: CellSpec, spec: FitSpec) -> bool:
    return spec.least_squares and cell.stitch.is_solved(spec.objective)


def _outputs(receiver: Side) -> Lookup:
    """Return what maps training examples to the whole receiver's outputs, in float32.

    They are computed once, but for a task by position, whose outputs are too many to keep.
    """

    def look_up(indices: Tensor) -> Tensor:
        return torch.cat(
            [output.float() for output, _ in receiver.outputs("train", receiver.whole, indices)]
        ).clone()

    if receiver.data.task.by_position:
        return look_up
    kept = look_up(torch.arange(len(receiver.data.train)))
    return lambda indices: kept[indices.to(kept.device)]
