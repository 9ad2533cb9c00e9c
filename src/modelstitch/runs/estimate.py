"""The cost of a run, from one timed step of each kind: cells, parameters, seconds, bytes, and storage."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
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

_MOST_SECONDS = 1.5
"""Steps are timed at so many cuts as this allows for prefixes, and for suffixes; two at least."""

_FIRST_EXAMPLES, _LONG_BATCH = 4, 0.3
_LEAST_EXAMPLES, _MOST_EXAMPLES = 64, 256


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

    @property
    def evidence_share(self) -> float:
        """Part of the time of a cell that is evidence."""
        return self.evidence_seconds / max(self.seconds + self.evidence_seconds, 1e-9)


def estimate(session: Session, budget: Budget, evidence: EvidenceSpec | None = None) -> RunCost:
    """Return the cost of a run.

    Timed are one step into receiver cuts, one pass of prefixes and the evidence of one cell. What would take
    long is timed on few examples and at few cuts, the first and the last among them: the others lie between.

    Args:
        session: what to run.
        budget: how much of the representations may be kept.
        evidence: what to measure about the cells; the standard set without it.
    """
    spec, data = session.spec, session.pair.data
    n_train, n_heldout = len(data.train), len(data.heldout)
    prefixes = _between(spec.sender_cuts, lambda name: (_prefix_seconds(session, name),))
    suffixes = _between(spec.receiver_cuts, lambda name: _suffix_seconds(session, name))
    trained = [cell for cell in session.cells if cell.control == TRAINED]
    planned = tuple(passes(session.pair.sender, trained, spec.fit, budget))
    again = {name for part in planned if part.storage == "recompute" for name in part.names}
    n_sides = len({(cell.control, cell.seed) for cell in session.cells})
    seconds = sum(
        max(prefixes[name][0] for name in part.names) * (n_train + n_heldout) * n_sides for part in planned
    )
    n_parameters, recomputed, drawn = 0, 0.0, 0.0
    for cell in session.cells:
        n_fitted, (fitted, scored) = _n_fitted(session, cell), suffixes[cell.receiver_cut]
        n_parameters += build(cell.stitch, *session.pair.layouts(cell)).n_parameters
        fit_and_score = n_fitted * fitted + n_heldout * scored
        seconds += fit_and_score
        drawn += fit_and_score if cell.control == TRAINED else 0
        # A self-stitch of another architecture has cuts of its own; the dearest prefix stands for theirs.
        (prefix,) = prefixes.get(cell.sender_cut, max(prefixes.values()))
        recompute = prefix * (n_fitted + n_heldout)
        recomputed += recompute
        seconds += recompute if cell.sender_cut in again else 0
    asked = affordable(session, completed(session, evidence or EvidenceSpec()), budget.total)
    n_draws = len(DRAWS[0]) if "kept" in asked.kinds and untrained_control(session) is not None else 0
    return RunCost(
        n_cells=len(session.cells),
        n_parameters=n_parameters,
        seconds=seconds,
        evidence_seconds=_evidence_seconds(session, asked, max(prefixes.values())[0]),
        bytes=_peak_bytes(session, planned),
        passes=planned,
        drawn_seconds=n_draws * drawn,
        recomputed_seconds=recomputed,
    )


def _between(
    names: Sequence[str], measure: Callable[[str], tuple[float, ...]]
) -> dict[str, tuple[float, ...]]:
    """Return what is measured at cuts, by name; where that takes long, the others lie between some."""
    begin = time.perf_counter()
    known: dict[int, tuple[float, ...]] = {}
    while len(known) < len(names):
        if len(known) > 1 and time.perf_counter() - begin > _MOST_SECONDS:
            break
        index = max(
            (index for index in range(len(names)) if index not in known),
            key=lambda index: min((abs(index - other) for other in known), default=index == 0),
        )
        known[index] = measure(names[index])
    at = sorted(known)
    columns = [
        np.interp(range(len(names)), at, [known[index][part] for index in at])
        for part in range(len(next(iter(known.values()))))
    ]
    return {
        name: tuple(map(float, values))
        for name, values in zip(names, zip(*columns, strict=True), strict=True)
    }


def _an_example(session: Session, ready: Callable[[Tensor], Callable[[], object]]) -> float:
    """Return seconds for one example: of a whole batch, or of a few examples where a batch takes long.

    Args:
        session: what would be run.
        ready: what is timed, by the indices of training examples.
    """
    device = session.pair.data.train.images.device
    batch = torch.arange(min(session.spec.fit.batch_size, len(session.pair.data.train)))
    few = batch[:_FIRST_EXAMPLES]
    run = ready(few)
    begin = time.perf_counter()
    run()
    once = (time.perf_counter() - begin) / len(few)
    if once * len(batch) > _LONG_BATCH and len(few) < len(batch):
        return min(once, timed(run, device) / len(few))
    return timed(ready(batch), device) / len(batch)


def _prefix_seconds(session: Session, name: str) -> float:
    """Time the sender up to a cut, for one example."""
    fit, sender = session.spec.fit, session.pair.sender
    dtype = fit_dtype(fit, session.pair.data.train.images.device)
    half = sender.halves.fast_prefix((name,), dtype) if fit.accelerate else sender.halves.prefix(name)
    run = sender.bound(half, "train")

    def ready(few: Tensor) -> Callable[[], object]:
        images = sender.inputs.images("train", few)
        return lambda: run(in_precision(images, dtype) if fit.accelerate else images, few)

    with torch.no_grad():
        return _an_example(session, ready)


def _suffix_seconds(session: Session, name: str) -> tuple[float, float]:
    """Time the receiver behind a cut, for one example: a training step and a scored pass."""
    fit, receiver, data = session.spec.fit, session.pair.receiver, session.pair.data
    dtype = fit_dtype(fit, data.train.images.device)
    half = receiver.fast_suffix(name, dtype) if fit.accelerate else receiver.suffix(name)
    run, exact = receiver.bound(half, "train"), receiver.bound(scoring_suffix(receiver, name, fit), "train")

    def provided(few: Tensor) -> Tensor:
        with torch.no_grad():
            return receiver.represent((name,), "train", few, torch.float32, unaccelerated=True)[0]

    def stepped(few: Tensor) -> Callable[[], object]:
        expected, targets = provided(few), data.train.targets_for(data.task, few)

        def step() -> None:
            with torch.enable_grad():
                leaf = expected.to(dtype).requires_grad_()
                torch.autograd.grad(data.task.loss(run(leaf, few).float(), targets), leaf)

        return step

    def scored(few: Tensor) -> Callable[[], object]:
        expected = provided(few)
        return lambda: exact(expected, few)

    with torch.no_grad():
        return _an_example(session, stepped), _an_example(session, scored)


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


def _evidence_seconds(session: Session, evidence: EvidenceSpec, an_example: float) -> float:
    """Return the time for the evidence, from that of one cell in the middle of the grid and of a second one.

    The stitches are not fitted. The second cell adds the cost of a cell; the rest is paid once for each
    receiver cut. At most 256 examples are measured, fewer where they would take long; the rest is expected
    in proportion.

    Args:
        session: what would be run.
        evidence: what it measures.
        an_example: seconds of one example through the sender.
    """
    counts = Counter(kinds for cell in session.cells if (kinds := kinds_of(cell, evidence)))
    if not counts:
        return 0.0
    trained = [cell for cell in session.cells if cell.control == TRAINED]
    middle = trained[len(trained) // 2]
    pair = (middle, replace(middle, seed=middle.seed + 1))
    n_asked = min(evidence.n_examples, len(session.pair.data.heldout))
    affordable = max(_LEAST_EXAMPLES, round(_MOST_SECONDS / max(an_example, 1e-9)))
    n_timed = min(n_asked, _MOST_EXAMPLES, affordable)
    total = 0.0
    for index, (kinds, n_cells) in enumerate(counts.items()):
        once = _time_evidence(session, pair[:1], kinds, n_timed)
        of_a_cell = max(0.0, _time_evidence(session, pair, kinds, n_timed) - once)
        total += n_cells * of_a_cell
        if index == 0:
            total += len(session.spec.receiver_cuts) * max(0.0, once - of_a_cell)
    return total * n_asked / n_timed


def _time_evidence(
    session: Session, cells: Sequence[CellSpec], kinds: tuple[str, ...], n_examples: int
) -> float:
    device = session.pair.data.train.images.device
    stitches = {cell: build(cell.stitch, *session.pair.layouts(cell)).to(device) for cell in cells}
    begin = time.perf_counter()
    list(measure_cells(session.pair, stitches, dict.fromkeys(cells, kinds), n_examples))
    return time.perf_counter() - begin
