"""The cost of a run, from one timed step of each kind: cells, parameters, seconds, bytes, and storage."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modelstitch.data.views import in_precision
from modelstitch.evidence.measure import kinds_of, measure_cells
from modelstitch.grid.cell import fit_dtype, scoring_suffix
from modelstitch.grid.grid import USUAL_SCHEDULES, Budget, passes
from modelstitch.grid.representations import Pass
from modelstitch.grid.storage_cost import timed
from modelstitch.runs.memory import affordable, completed, working_bytes
from modelstitch.runs.session import Session
from modelstitch.runs.untrained import DRAWS, untrained_control
from modelstitch.specs import TRAINED, CellSpec, EvidenceSpec
from modelstitch.stitches import build


@dataclass(frozen=True)
class RunCost:
    """The cost of a run.

    Attributes:
        n_cells: cells to fit and score.
        n_parameters: of all stitches together.
        seconds: expected wall-clock time for fitting and scoring, on this machine as busy as it is now.
        evidence_seconds: expected time for the evidence, beside that.
        bytes: expected peak of representations, data and activations; Python and PyTorch take about 0.5 GB
            more.
        passes: sender cuts whose representations are computed in one pass, their storage and their bytes.
        drawn_seconds: most time for the untrained senders that are drawn to ask what was learnt, beside that:
            they are drawn for the cells where more than the label comes across.
        recomputed_seconds: time that computing them again for each step would add, over all cells.
    """

    n_cells: int
    n_parameters: int
    seconds: float
    evidence_seconds: float
    bytes: int
    passes: tuple[Pass, ...]
    drawn_seconds: float
    recomputed_seconds: float


@dataclass(frozen=True)
class _Step:
    """Seconds for one example: of a training step into a suffix, and of a forward pass that is scored."""

    fitted: float
    scored: float


def estimate(session: Session, budget: Budget, evidence: EvidenceSpec | None = None) -> RunCost:
    """Return the cost of a run.

    Timed are one step into every receiver cut, one pass of every prefix and the evidence of one cell.

    Args:
        session: what to run.
        budget: how much of the representations may be kept.
        evidence: what to measure about the cells; the standard set without it.
    """
    spec, data = session.spec, session.pair.data
    n_train, n_heldout = len(data.train), len(data.heldout)
    prefixes = {name: _prefix_seconds(session, name) for name in spec.sender_cuts}
    steps = {name: _suffix_seconds(session, name) for name in spec.receiver_cuts}
    trained = [cell for cell in session.cells if cell.control == TRAINED]
    planned = tuple(passes(session.pair.sender, trained, spec.fit, budget))
    again = {name for part in planned if part.storage == "recompute" for name in part.names}
    n_sides = len({(cell.control, cell.seed) for cell in session.cells})
    seconds = sum(
        max(prefixes[name] for name in part.names) * (n_train + n_heldout) * n_sides for part in planned
    )
    n_parameters, recomputed, drawn = 0, 0.0, 0.0
    for cell in session.cells:
        n_fitted, step = _n_fitted(session, cell), steps[cell.receiver_cut]
        n_parameters += build(cell.stitch, *session.pair.layouts(cell)).n_parameters
        fit_and_score = n_fitted * step.fitted + n_heldout * step.scored
        seconds += fit_and_score
        drawn += fit_and_score if cell.control == TRAINED else 0
        # A self-stitch of another architecture has cuts of its own; the dearest prefix stands for theirs.
        prefix = prefixes.get(cell.sender_cut, max(prefixes.values()))
        recompute = prefix * (n_fitted + n_heldout)
        recomputed += recompute
        seconds += recompute if cell.sender_cut in again else 0
    asked = affordable(session, completed(session, evidence or EvidenceSpec()), budget.total)
    n_draws = len(DRAWS[0]) if "kept" in asked.kinds and untrained_control(session) is not None else 0
    return RunCost(
        n_cells=len(session.cells),
        n_parameters=n_parameters,
        seconds=seconds,
        evidence_seconds=_evidence_seconds(session, asked),
        bytes=_peak_bytes(session, planned),
        passes=planned,
        drawn_seconds=n_draws * drawn,
        recomputed_seconds=recomputed,
    )


def _few(session: Session) -> Tensor:
    """Return the indices of one batch of training examples."""
    return torch.arange(min(session.spec.fit.batch_size, len(session.pair.data.train)))


def _prefix_seconds(session: Session, name: str) -> float:
    """Time the sender up to a cut on one batch, for one example."""
    fit, sender = session.spec.fit, session.pair.sender
    device, few = session.pair.data.train.images.device, _few(session)
    dtype = fit_dtype(fit, device)
    half = sender.halves.fast_prefix((name,), dtype) if fit.accelerate else sender.halves.prefix(name)
    run, images = sender.bound(half, "train"), sender.inputs.images("train", few)
    return timed(lambda: run(in_precision(images, dtype) if fit.accelerate else images, few), device) / len(
        few
    )


def _suffix_seconds(session: Session, name: str) -> _Step:
    """Time the receiver behind a cut on one batch, for one example: a training step and a scored pass."""
    fit, receiver, data = session.spec.fit, session.pair.receiver, session.pair.data
    device, few = data.train.images.device, _few(session)
    dtype = fit_dtype(fit, device)
    half = receiver.fast_suffix(name, dtype) if fit.accelerate else receiver.suffix(name)
    run, exact = receiver.bound(half, "train"), receiver.bound(scoring_suffix(receiver, name, fit), "train")
    with torch.no_grad():
        (expected,) = receiver.represent((name,), "train", few, torch.float32, unaccelerated=True)
    targets = data.train.targets_for(data.task, few)

    def step() -> None:
        with torch.enable_grad():
            leaf = expected.to(dtype).requires_grad_()
            torch.autograd.grad(data.task.loss(run(leaf, few).float(), targets), leaf)

    fitted, scored = timed(step, device), timed(lambda: exact(expected, few), device)
    return _Step(fitted / len(few), scored / len(few))


def _n_fitted(session: Session, cell: CellSpec) -> int:
    """Return the number of examples in all steps of the fit of a cell."""
    fit = session.spec.fit
    solved = fit.least_squares and cell.stitch.is_solved(cell.objective)
    if solved or not cell.stitch.info.has_parameters:
        return 0
    n_train = len(session.pair.data.train)
    n_steps = fit.n_steps(n_train) * (USUAL_SCHEDULES if fit.automatic else 1)
    return int(min(fit.batch_size, n_train) * n_steps)


def _peak_bytes(session: Session, planned: Sequence[Pass]) -> int:
    """Return the expected peak of data, kept representations and activations."""
    data = session.pair.data
    kept = max((part.bytes for part in planned if part.storage in ("device", "host")), default=0)
    images: int = sum(part.images.numel() * part.images.element_size() for part in (data.train, data.heldout))
    return images + kept + working_bytes(session)


def _evidence_seconds(session: Session, evidence: EvidenceSpec) -> float:
    """Return the time for the evidence, from that of one cell in the middle of the grid and of a second one.

    The stitches are not fitted. The second cell adds the cost of a cell; the rest is paid once for each
    receiver cut.
    """
    counts = Counter(kinds for cell in session.cells if (kinds := kinds_of(cell, evidence)))
    if not counts:
        return 0.0
    trained = [cell for cell in session.cells if cell.control == TRAINED]
    middle = trained[len(trained) // 2]
    pair = (middle, replace(middle, seed=middle.seed + 1))
    total = 0.0
    for index, (kinds, n_cells) in enumerate(counts.items()):
        once = _time_evidence(session, pair[:1], kinds, evidence.n_examples)
        of_a_cell = max(0.0, _time_evidence(session, pair, kinds, evidence.n_examples) - once)
        total += n_cells * of_a_cell
        if index == 0:
            total += len(session.spec.receiver_cuts) * max(0.0, once - of_a_cell)
    return total


def _time_evidence(
    session: Session, cells: Sequence[CellSpec], kinds: tuple[str, ...], n_examples: int
) -> float:
    device = session.pair.data.train.images.device
    stitches = {cell: build(cell.stitch, *session.pair.layouts(cell)).to(device) for cell in cells}
    begin = time.perf_counter()
    list(measure_cells(session.pair, stitches, dict.fromkeys(cells, kinds), n_examples))
    return time.perf_counter() - begin
