"""What a run will cost, from one timed step of each kind: cells, parameters, seconds, bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from modelstitch.fitting.trained import fit
from modelstitch.session import Session
from modelstitch.sides import Side
from modelstitch.specs import FitSpec, StitchSpec
from modelstitch.stitches import build
from modelstitch.tasks import CLASSIFICATION


@dataclass(frozen=True)
class Estimate:
    """The cost of a run.

    Attributes:
        n_cells: cells to fit and score.
        n_parameters: of all stitches together.
        seconds: expected wall-clock time for fitting and scoring, on this machine as busy as it is now.
        bytes: expected peak of representations, data and activations; Python and PyTorch take about 0.4 GB more.
        kept: sender cuts whose representations fit the memory given and are computed once.
    """

    n_cells: int
    n_parameters: int
    seconds: float
    bytes: int
    kept: tuple[str, ...]


def estimate(session: Session, memory_bytes: int) -> Estimate:
    """Time one step into every receiver cut and one pass of every prefix, and add up the run.

    Args:
        session: what to run.
        memory_bytes: how much of one sender cut's representations may be kept.
    """
    pair, spec, data = session.pair, session.spec, session.pair.data
    sender, receiver = pair.sender, pair.receiver
    n_train, n_heldout = len(data.train), len(data.heldout)
    batch = min(spec.fit.batch_size, n_train)
    n_steps = spec.fit.n_steps(n_train)
    image_bytes = sum(part.images.numel() * part.images.element_size() for part in (data.train, data.heldout))
    provided = {name: _timed_prefix(sender, name, batch) for name in spec.sender_cuts}
    stored = {
        name: 4 * torch.Size(sender.cut(name).shape).numel() * (n_train + n_heldout)
        for name in spec.sender_cuts
    }
    kept = tuple(name for name in spec.sender_cuts if stored[name] <= memory_bytes)
    middle = spec.sender_cuts[len(spec.sender_cuts) // 2]
    steps = {name: _step_seconds(session, middle, name, provided[middle][0]) for name in spec.receiver_cuts}
    # Forward values that autograd keeps, and their gradients on the way back.
    working = {name: 2 * batch * receiver.cutting.activation_bytes(name) for name in steps}

    seconds, n_parameters, made = 0.0, 0, set()
    for cell in session.cells:
        per_image = provided[cell.sender_cut][1]
        untrained = cell.control in ("random-sender", "random-both")
        if cell.sender_cut not in kept:
            seconds += per_image * (batch * n_steps + n_heldout)
        elif (where := (cell.sender_cut, cell.seed if untrained else None)) not in made:
            made.add(where)
            seconds += per_image * (n_train + n_heldout)
        shapes = sender.cut(cell.sender_cut).shape, receiver.cut(cell.receiver_cut).shape
        parameters = build(cell.stitch, *shapes).n_parameters
        step = steps[cell.receiver_cut]
        # A forward pass is about a third of a step.
        seconds += step * (n_steps if parameters else 0) + step / 3 * n_heldout / batch
        n_parameters += parameters
    peak = image_bytes + max(working.values()) + max((stored[name] for name in kept), default=0)
    return Estimate(len(session.cells), n_parameters, seconds, peak, kept)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _timed_prefix(side: Side, name: str, batch: int) -> tuple[torch.Tensor, float]:
    """Return the representations of one batch, and the seconds that one image takes."""
    images = side.images(side.data.train, torch.arange(batch))
    times = []
    for _ in range(2):
        _synchronise(images.device)
        start = time.perf_counter()
        with torch.no_grad():
            (provided,) = side.prefix(name)(images)
        _synchronise(images.device)
        times.append(time.perf_counter() - start)
    return provided, min(times) / batch


def _step_seconds(session: Session, sender_name: str, receiver_name: str, provided: torch.Tensor) -> float:
    """Return the seconds of one optimiser step of an affine stitch into ``receiver_name``."""
    pair = session.pair
    shapes = pair.sender.cut(sender_name).shape, pair.receiver.cut(receiver_name).shape
    stitch = build(StitchSpec(), *shapes, torch.Generator().manual_seed(0)).to(provided.device)
    moments = (
        pair.sender.moments((sender_name,))[sender_name],
        pair.receiver.moments((receiver_name,))[receiver_name],
    )
    times = []
    for _ in range(2):
        _synchronise(provided.device)
        start = time.perf_counter()
        fit(
            stitch,
            pair.receiver.suffix(receiver_name),
            lambda indices: provided[indices.to(provided.device)],
            pair.data.train.labels[: len(provided)],
            CLASSIFICATION.loss,
            FitSpec(batch_size=len(provided), steps=1),
            torch.Generator().manual_seed(0),
            moments,
        )
        _synchronise(provided.device)
        times.append(time.perf_counter() - start)
    return min(times)
