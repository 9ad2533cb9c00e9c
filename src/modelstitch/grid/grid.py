"""Fit and score the cells of a pair of networks, sharing what can be shared."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from modelstitch.data.views import in_precision
from modelstitch.fitting.gram import Accumulator, Moments
from modelstitch.fitting.schedules import spread
from modelstitch.grid.cell import FittedCell, Inputs, divide, fit_cell, fit_dtype
from modelstitch.grid.pool import Pair, Pool
from modelstitch.grid.representations import Lookup, Pass, Place, Representations, plan_passes
from modelstitch.grid.side import SCORE_BATCH, Side
from modelstitch.grid.storage_cost import costs
from modelstitch.specs import CellSpec, FitSpec
from modelstitch.stitches import Stitch, build

USUAL_SCHEDULES = 3.5
"""Steps that an automatic fit takes in all, in lengths of its first schedule: the mean of docs/measurements.md."""

_MOMENT_EXAMPLES = 1000
"""Examples whose moments give a start and coordinates; the objective match takes all of them."""


@dataclass(frozen=True)
class Budget:
    """How much of the representations may be alive at once, and where they are kept.

    Attributes:
        bytes: of the representations of one pass, training and held-out part together.
        keep: ``auto`` (on the device, or where it costs least for a cut that does not fit alone), or a forced place.
        total: bound on the memory of the whole process, of which ``bytes`` is a part; None for no bound.
    """

    bytes: int
    keep: Place | Literal["auto"] = "auto"
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

    def cost(name: str, n_bytes: int) -> dict[Place, float]:
        n_cells = names.count(name)
        found = costs(sender, name, n_bytes, n_train + n_heldout, n_cells * lookups, dtype)
        return {place: each for place, each in found.items() if place != "host" or n_bytes <= budget.bytes}

    available = budget.bytes
    if device.type == "cuda":
        # The bound is about the host's memory; the card has its own, part of which PyTorch holds and can use again.
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        available = (torch.cuda.mem_get_info(device)[0] + held) // 2
    return plan_passes(sizes, available, device, budget.keep, cost)


def fit_grid(
    pair: Pair,
    cells: Sequence[CellSpec],
    spec: FitSpec,
    budget: Budget,
) -> Iterator[FittedCell]:
    """Fit and score ``cells``, yielding each as it finishes.

    One pass over the data gives the sender's representations at all its cuts (as many as fit the budget), and one more the
    second moments of all cells; the order of cells has no influence on any number.

    Args:
        pair: the two networks and the data.
        cells: what to fit, in any order.
        spec: how to fit; the objective is that of each cell.
        budget: of memory.
    """
    sides = {cell: pair.sides(cell.control, cell.seed) for cell in cells}
    pair.pool.holds = pair.sender
    if pair.pool.many:  # a sender's own representations and those of a control are alive together
        budget = replace(budget, bytes=budget.bytes // 2)
    by_sender: dict[int, list[CellSpec]] = {}
    for cell in cells:
        by_sender.setdefault(id(sides[cell][0]), []).append(cell)
    for mine in by_sender.values():
        sender = sides[mine[0]][0]
        if not pair.pool.many:
            pair.pool.release()
        for objective in dict.fromkeys(cell.objective for cell in mine):
            own = replace(spec, objective=objective)
            alike = [cell for cell in mine if cell.objective == objective]
            for each in passes(sender, alike, own, budget):
                group = [cell for cell in alike if sender.cut(cell.sender_cut).name in each.names]
                receivers = {cell: sides[cell][1] for cell in group}
                yield from _fit_pass(pair.pool, sender, group, receivers, each, own)
    if not pair.pool.many:
        pair.pool.release()


def _fit_pass(
    pool: Pool,
    sender: Side,
    group: list[CellSpec],
    receivers: dict[CellSpec, Side],
    each: Pass,
    spec: FitSpec,
) -> Iterator[FittedCell]:
    data = sender.data
    dtype = fit_dtype(spec, data.train.images.device)
    plain = spec.protocol != "default"
    train = pool.representations(sender, each, data.train, dtype, plain=plain)
    heldout = pool.representations(sender, each, data.heldout, torch.float32, plain=plain)
    exact = Representations(sender, (), data.train, "recompute", torch.float32, plain)
    for receiver in {id(side): side for side in receivers.values()}.values():
        own = [cell for cell in group if receivers[cell] is receiver]
        moments = {} if plain else gather_moments(sender, receiver, own, train, spec)
        outputs = _outputs(receiver) if spec.objective == "logits" else None
        expected = None
        if spec.objective in ("match", "latent") and not all(_solved(cell, spec) for cell in own):
            names = tuple(dict.fromkeys(cell.receiver_cut for cell in own))
            expected = Representations(receiver, names, data.train, each.place, dtype, plain)
        for cell in own:
            inputs = Inputs(
                train.at(sender.cut(cell.sender_cut).name),
                exact.at(sender.cut(cell.sender_cut).name),
                heldout.at(sender.cut(cell.sender_cut).name),
                expected.at(cell.receiver_cut) if expected else None,
                outputs,
                moments.get(cell),
            )
            yield fit_cell(cell, sender, receiver, inputs, spec)


def _solved(cell: CellSpec, spec: FitSpec) -> bool:
    return (
        spec.objective == "match"
        and spec.protocol == "default"
        and cell.stitch.norm == "none"
        and cell.stitch.family != "mlp"
    )


def _outputs(receiver: Side) -> Lookup:
    """Return what gives the whole receiver's outputs for training examples, in float32; computed once, unless they are very many."""
    train = receiver.data.train

    def look_up(indices: Tensor) -> Tensor:
        return torch.cat(
            [output.float() for output, _ in receiver.outputs(train, receiver.whole, indices)]
        ).clone()

    if receiver.data.task.by_position:
        return look_up
    kept = look_up(torch.arange(len(train)))
    return lambda indices: kept[indices.to(kept.device)]


def gather_moments(
    sender: Side, receiver: Side, cells: Sequence[CellSpec], train: Representations, spec: FitSpec
) -> dict[CellSpec, tuple[Moments, Moments]]:
    """Gather, in one pass over the training examples, the moments of every cell that has parameters.

    Returns:
        For each cell the moments of the examples to fit and of those kept aside, in its stitch's canonical form.
    """
    stitches = {
        cell: build(cell.stitch, sender.cut(cell.sender_cut).layout, receiver.cut(cell.receiver_cut).layout)
        for cell in cells
    }
    stitches = {cell: stitch for cell, stitch in stitches.items() if list(stitch.parameters())}
    if not stitches:
        return {}
    examples, aside = divide(len(sender.data.train), automatic=True)
    whole = spec.objective == "match"
    parts = [examples, aside]
    if not whole:
        parts = [spread(examples, _MOMENT_EXAMPLES), spread(aside, _MOMENT_EXAMPLES // 2)]
    found = [
        _moments_of(part, sender, receiver, stitches, train, (tag, whole, train.dtype))
        for tag, part in enumerate(parts)
    ]
    return {cell: (found[0][cell], found[1][cell]) for cell in stitches}


def _moments_of(
    indices: Tensor,
    sender: Side,
    receiver: Side,
    stitches: dict[CellSpec, Stitch],
    train: Representations,
    tag: Hashable,
) -> dict[CellSpec, Moments]:
    keys = {cell: _keys(cell, stitch, tag) for cell, stitch in stitches.items()}
    by_feature = {keys[cell][0]: (cell, stitch) for cell, stitch in stitches.items()}
    by_target = {keys[cell][1]: (cell, stitch) for cell, stitch in stitches.items()}
    senders = {cell.sender_cut: train.at(sender.cut(cell.sender_cut).name) for cell in stitches}
    names = tuple(dict.fromkeys(receiver.cut(cell.receiver_cut).name for cell in stitches))
    prefix = receiver.fast_prefix(names, train.dtype)
    known = {name: sender.grams[name] for name in by_feature if name in sender.grams}
    accumulator = Accumulator(keys.values(), known)
    for some in indices.split(SCORE_BATCH):
        with torch.no_grad():
            images = in_precision(receiver.images(receiver.data.train, some), train.dtype)
            more = receiver.more(receiver.data.train, some)
            expected = dict(zip(names, prefix(images, **more), strict=True))
            provided = {name: look_up(some) for name, look_up in senders.items()}
            features = {
                key: stitch.features(provided[cell.sender_cut].float())
                for key, (cell, stitch) in by_feature.items()
            }
            targets = {
                key: stitch.targets(expected[receiver.cut(cell.receiver_cut).name].float())
                for key, (cell, stitch) in by_target.items()
            }
            accumulator.add(*_without_padding((sender, receiver), some, features, targets))
    moments = accumulator.moments()
    for cell, (feature, _) in keys.items():
        sender.grams[feature] = moments[keys[cell]].gram
    return {cell: moments[key] for cell, key in keys.items()}


def _without_padding(
    sides: tuple[Side, Side], some: Tensor, *canonical: dict[Hashable, Tensor]
) -> Iterator[dict[Hashable, Tensor]]:
    """Yield canonical forms (n, P, F) as rows, less those of positions where nothing is, where positions are those of the mask."""
    present: Tensor | None = None
    for side in sides:
        own = side.seen(side.data.train).present
        if own is not None:
            here = own[some.to(own.device)]
            # Of two networks that read by different tokenizers it is the receiver's positions that are fitted.
            present = here if present is None or present.shape != here.shape else present & here
    for forms in canonical:
        yield {
            key: each[present]
            if present is not None and each.shape[1] == present.shape[1]
            else each.flatten(0, 1)
            for key, each in forms.items()
        }


def _keys(cell: CellSpec, stitch: Stitch, tag: Hashable) -> tuple[Hashable, Hashable]:
    # Two cells share a Gram matrix where their bridges unfold the same representation alike.
    bridge = stitch.bridge
    reads = tuple(
        rule if rule.startswith(("pool", "linear")) else str(step)
        for rule, step in zip(bridge.rules, bridge.stride, strict=True)
    )
    grid = tuple(
        had if rule.startswith("nearest") else wanted
        for rule, wanted, had in zip(bridge.rules, bridge.expected, bridge.provided, strict=True)
    )
    extra = (stitch.carries_extra, stitch.expected_layout.extra)
    return (cell.sender_cut, reads, stitch.reach, extra, tag), (cell.receiver_cut, grid)
