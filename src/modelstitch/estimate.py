"""What a run will cost, from one timed step of each kind: cells, parameters, seconds, bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from modelstitch.fitting.trained import fit
from modelstitch.session import Session
from modelstitch.sides import SCORE_BATCH
from modelstitch.specs import CellSpec, FitSpec
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
    """Time one step of every distinct cell of the real grid and add up the run.

    Args:
        session: what to run.
        memory_bytes: how much of one sender cut's representations may be kept.
    """
    pair, spec, data = session.pair, session.spec, session.pair.data
    sender, receiver = pair.sender, pair.receiver
    n_train, n_heldout = len(data.train), len(data.heldout)
    seconds, n_parameters, peak = 0.0, 0, 0
    kept = []
    repeats = len(spec.controls) * len(spec.seeds)
    device = data.train.images.device
    image_bytes = sum(part.images.numel() * part.images.element_size() for part in (data.train, data.heldout))
    for name in spec.sender_cuts:
        numel = torch.Size(sender.cut(name).shape).numel()
        stored = 4 * numel * (n_train + n_heldout)
        fits = stored <= memory_bytes
        kept += [name] if fits else []
        indices = torch.arange(min(SCORE_BATCH, n_train))
        images = sender.images(data.train, indices)
        prefix = sender.prefix(name)
        start = time.perf_counter()
        with torch.no_grad():
            (provided,) = prefix(images)
        per_image = (time.perf_counter() - start) / len(indices)
        # Untrained senders have representations of their own.
        senders = 1 + sum(control in ("random-sender", "random-both") for control in spec.controls)
        if fits:
            seconds += per_image * (n_train + n_heldout) * min(senders, 2) * len(spec.seeds)
        batch = min(spec.fit.batch_size, n_train)
        for cell in spec.cells():
            if (cell.control, cell.seed, cell.sender_cut) != ("none", spec.seeds[0], name):
                continue
            parameters, step = _step_seconds(session, cell, provided[:batch])
            n_steps = spec.fit.n_steps(n_train)
            scoring = step / 3 * n_heldout / len(provided[:batch])
            computing = 0.0 if fits else per_image * (batch * n_steps + n_heldout)
            seconds += repeats * (step * n_steps + scoring + computing)
            n_parameters += repeats * parameters
            activations = receiver.cutting.activation_bytes(cell.receiver_cut)
            # Forward values that autograd keeps, and their gradients on the way back.
            working = 2 * batch * activations
            peak = max(peak, (stored if fits else 0) + working + image_bytes)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return Estimate(len(spec.cells()), n_parameters, seconds, peak, tuple(kept))


def _step_seconds(session: Session, cell: CellSpec, provided: torch.Tensor) -> tuple[int, float]:
    pair = session.pair
    sender_cut, receiver_cut = pair.sender.cut(cell.sender_cut), pair.receiver.cut(cell.receiver_cut)
    stitch = build(cell.stitch, sender_cut.shape, receiver_cut.shape, torch.Generator().manual_seed(0))
    stitch = stitch.to(provided.device)
    moments = (
        pair.sender.moments((sender_cut.name,))[sender_cut.name],
        pair.receiver.moments((receiver_cut.name,))[receiver_cut.name],
    )
    if stitch.n_parameters == 0:
        return 0, 0.0
    times = []
    for _ in range(2):
        fitted = fit(
            stitch,
            pair.receiver.suffix(receiver_cut.name),
            lambda indices: provided[indices.to(provided.device)],
            pair.data.train.labels[: len(provided)],
            CLASSIFICATION.loss,
            FitSpec(batch_size=len(provided), steps=1),
            torch.Generator().manual_seed(0),
            moments,
        )
        times.append(fitted.seconds)
    return stitch.n_parameters, min(times)
