"""What a run will cost, from one timed step of each kind: cells, parameters, seconds, bytes, and where things are kept."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch

from modelstitch.data.views import in_precision
from modelstitch.evidence.measure import appraise, kinds_of
from modelstitch.grid.cell import fit_dtype, scoring_suffix
from modelstitch.grid.grid import USUAL_SCHEDULES, Budget, passes
from modelstitch.grid.representations import Pass
from modelstitch.grid.storage_cost import timed
from modelstitch.runs.memory import affordable, completed, working_bytes
from modelstitch.runs.session import Session
from modelstitch.specs import TRAINED, CellSpec, EvidenceSpec, FitSpec
from modelstitch.stitches import build


@dataclass(frozen=True)
class Estimate:
    """The cost of a run.

    Attributes:
        n_cells: cells to fit and score.
        n_parameters: of all stitches together.
        seconds: expected wall-clock time for fitting and scoring, on this machine as busy as it is now.
        evidence_seconds: expected time for the evidence, beside that.
        bytes: expected peak of representations, data and activations; Python and PyTorch take about 0.5 GB more.
        passes: sender cuts whose representations are computed in one pass, where they are kept, and their bytes.
        recomputed_seconds: what computing them again for each step would add, for all cells together.
    """

    n_cells: int
    n_parameters: int
    seconds: float
    evidence_seconds: float
    bytes: int
    passes: tuple[Pass, ...]
    recomputed_seconds: float


def estimate(session: Session, budget: Budget, evidence: EvidenceSpec | None = None) -> Estimate:
    """Time one step into every receiver cut, one pass of every prefix and the evidence of one cell, and add up the run.

    Args:
        session: what to run.
        budget: how much of the representations may be kept.
        evidence: what would be measured about the cells; the standard set without it.
    """
    pair, spec, data = session.pair, session.spec, session.pair.data
    fit, sender, receiver = spec.fit, pair.sender, pair.receiver
    device = data.train.images.device
    dtype = fit_dtype(fit, device)
    n_train, n_heldout = len(data.train), len(data.heldout)
    batch = min(fit.batch_size, n_train)
    few = torch.arange(batch)
    plain = not fit.accelerate

    def prefix_seconds(name: str) -> float:
        half = sender.halves.prefix(name) if plain else sender.halves.fast_prefix((name,), dtype)
        run, images = sender.bound(half, "train"), sender.inputs.images("train", few)
        return timed(lambda: run(images if plain else in_precision(images, dtype), few), device) / batch

    def suffix_seconds(name: str) -> tuple[float, float]:
        run = receiver.bound(receiver.suffix(name) if plain else receiver.fast_suffix(name, dtype), "train")
        exact = receiver.bound(scoring_suffix(receiver, name, fit), "train")
        with torch.no_grad():
            (expected,) = receiver.represent((name,), "train", few, torch.float32, plain=True)
        targets = data.train.targets_for(data.task, few)

        def step() -> None:
            with torch.enable_grad():
                leaf = expected.to(dtype).requires_grad_()
                torch.autograd.grad(data.task.loss(run(leaf, few).float(), targets), leaf)

        return timed(step, device) / batch, timed(lambda: exact(expected, few), device) / batch

    prefixes = {name: prefix_seconds(name) for name in spec.sender_cuts}
    suffixes = {name: suffix_seconds(name) for name in spec.receiver_cuts}
    planned = tuple(passes(sender, [cell for cell in session.cells if cell.control == TRAINED], fit, budget))
    again = {name for each in planned if each.storage == "recompute" for name in each.names}
    n_steps = fit.n_steps(n_train) * (USUAL_SCHEDULES if fit.automatic else 1)
    sides = {(cell.control, cell.seed) for cell in session.cells}
    seconds = sum(
        max(prefixes[name] for name in each.names) * (n_train + n_heldout) * len(sides) for each in planned
    )
    n_parameters, recomputed = 0, 0.0
    for cell in session.cells:
        n_images = batch * n_steps if _needs_steps(cell, fit) else 0
        step, forward = suffixes[cell.receiver_cut]
        n_parameters += build(cell.stitch, *pair.layouts(cell)).n_parameters
        seconds += n_images * step + n_heldout * forward
        # A self-stitch of another architecture has cuts of its own; the dearest prefix stands for theirs.
        prefix = prefixes.get(cell.sender_cut, max(prefixes.values()))
        recompute = prefix * (n_images + n_heldout)
        recomputed += recompute
        seconds += recompute if cell.sender_cut in again else 0
    kept = max((each.bytes for each in planned if each.storage in ("device", "host")), default=0)
    image_bytes = sum(part.images.numel() * part.images.element_size() for part in (data.train, data.heldout))
    working = working_bytes(session)
    return Estimate(
        n_cells=len(session.cells),
        n_parameters=n_parameters,
        seconds=seconds,
        evidence_seconds=_evidence_seconds(
            session, affordable(session, completed(session, evidence or EvidenceSpec()), budget.total)
        ),
        bytes=image_bytes + kept + working,
        passes=planned,
        recomputed_seconds=recomputed,
    )


def _evidence_seconds(session: Session, evidence: EvidenceSpec) -> float:
    """Measure the evidence of one cell in the middle of the grid, and of a second one, with stitches that are not fitted.

    What the second adds is the cost of a cell; the rest is what a receiver cut costs once.
    """
    pair = session.pair
    real = [cell for cell in session.cells if cell.control == TRAINED]
    middle = real[len(real) // 2]
    pairs = [middle, replace(middle, seed=middle.seed + 1)]
    stitches = {
        cell: build(cell.stitch, *pair.layouts(cell)).to(pair.data.train.images.device) for cell in pairs
    }

    def seconds(cells: list[CellSpec], kinds: tuple[str, ...]) -> float:
        begin = time.perf_counter()
        list(appraise(pair, stitches, dict.fromkeys(cells, kinds), evidence.n_examples))
        return time.perf_counter() - begin

    counts: dict[tuple[str, ...], int] = {}
    for cell in session.cells:
        kinds = kinds_of(cell, evidence)
        if kinds:
            counts[kinds] = counts.get(kinds, 0) + 1
    if not counts:
        return 0.0
    total = 0.0
    for index, (kinds, n_cells) in enumerate(counts.items()):
        once = seconds(pairs[:1], kinds)
        each = max(0.0, seconds(pairs, kinds) - once)
        total += n_cells * each
        if index == 0:
            total += len(session.spec.receiver_cuts) * max(0.0, once - each)
    return total


def _needs_steps(cell: CellSpec, fit: FitSpec) -> bool:
    solved = fit.least_squares and cell.stitch.is_solved(cell.objective)
    return cell.stitch.info.has_parameters and not solved
