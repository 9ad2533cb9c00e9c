"""How a bound on the memory of the process is divided.

A function of the spec and the data alone, so that a resumed run divides it alike.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from modelstitch.errors import SpecError
from modelstitch.evidence.measure import MOST_KEPT
from modelstitch.evidence.units import row_numbers
from modelstitch.evidence.within import TRAINING_EXAMPLES
from modelstitch.runs.session import Session
from modelstitch.specs import CONTROLS, EvidenceSpec

_BASE_BYTES = 1150 * 10**6
"""Python, PyTorch, two captured models and PyTorch's buffers, as measured (benchmarks/memory_bound.py)."""

_FEWEST_A_CLASS = 8


def working_bytes(session: Session) -> int:
    """Return the bytes of activations and gradients of one step into the deepest suffix (an upper bound)."""
    spec, receiver = session.spec, session.pair.receiver
    batch = min(spec.fit.batch_size, len(session.pair.data.train))
    return 2 * batch * max(receiver.cutting.activation_bytes(name) for name in spec.receiver_cuts)


def fixed_bytes(session: Session) -> int:
    """Return the bytes that every run takes: Python and PyTorch, the images, and both models four times."""
    data = session.pair.data
    images: int = sum(part.images.numel() * part.images.element_size() for part in (data.train, data.heldout))
    models: int = sum(
        value.numel() * value.element_size()
        for side in (session.pair.sender, session.pair.receiver)
        for value in side.network.module.state_dict().values()
    )
    return _BASE_BYTES + images + 4 * models


def needed_bytes(session: Session) -> int:
    """Return the bytes that a run takes whatever is kept: models, data and one training step."""
    return fixed_bytes(session) + working_bytes(session)


def representation_bytes(session: Session, total_bytes: int) -> int:
    """Return the part of ``total_bytes`` that is left for representations, at least 0."""
    return max(0, total_bytes - needed_bytes(session))


def affordable(session: Session, evidence: EvidenceSpec, total_bytes: int | None) -> EvidenceSpec:
    """Return ``evidence`` on as many examples as fit into ``total_bytes``, at most those asked for.

    On a GPU the representations lie there, and its own memory is the bound.

    Raises:
        SpecError: fewer than eight examples a class fit.
    """
    free = _free_bytes(session, total_bytes)
    if not evidence.kinds or free is None:
        return evidence
    needed_each, training = _evidence_bytes(session, evidence), training_bytes(session, evidence)
    most = int(max(0, free - training) / max(1, needed_each))
    fewest = _FEWEST_A_CLASS * len(session.pair.data.classes)
    if most < min(evidence.n_examples, len(session.pair.data.heldout), fewest):
        needed = (fixed_bytes(session) + training + fewest * needed_each) / 1e9
        raise SpecError(
            f"expected room for evidence on {_FEWEST_A_CLASS} held-out examples a class, got room for {most} "
            f"in all: give --memory {needed:.1f}GB or more, or --evidence none"
        )
    return replace(evidence, n_examples=min(evidence.n_examples, most))


def _free_bytes(session: Session, total_bytes: int | None) -> int | None:
    """Return the bytes for the representations of the evidence; None without a bound."""
    device = session.pair.data.train.images.device
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory // 2)
    return None if total_bytes is None else max(0, total_bytes - fixed_bytes(session))


def _evidence_bytes(session: Session, evidence: EvidenceSpec) -> int:
    """Return the bytes of the representations of one example, in float32.

    They are: the expected one at every receiver cut and after it, that of the moved image at every receiver
    cut (where information is measured), the stitched one at a cut and after it, twice, the provided one,
    twice, two more at the cut, and the residuals that readers are judged on (where kept is measured).
    """
    pair, spec = session.pair, session.spec
    receiver = pair.receiver
    later = {name: (name, *receiver.cutting.later(name)) for name in spec.receiver_cuts}
    sizes = {name: math.prod(receiver.cut(name).shape) for names in later.values() for name in names}
    provided = max(math.prod(pair.sender.cut(name).shape) for name in spec.sender_cuts)
    trail = max(sum(sizes[name] for name in names) for names in later.values())
    moved = sum(sizes[name] for name in later) if "information" in evidence.kinds else 0
    widest = max(sizes[name] for name in later)
    read = reader_bytes(session) if "kept" in evidence.kinds else 0
    return 4 * (sum(sizes.values()) + moved + 2 * trail + 2 * provided + 2 * widest) + read


def measuring_bytes(session: Session, evidence: EvidenceSpec) -> int:
    """Return the bytes that the evidence of one cell takes."""
    n = min(evidence.n_examples, len(session.pair.data.heldout))
    return n * _evidence_bytes(session, evidence) + training_bytes(session, evidence)


def training_bytes(session: Session, evidence: EvidenceSpec) -> int:
    """Return the bytes of the training examples that readers are fitted to, whatever is held out."""
    if "kept" not in evidence.kinds:
        return 0
    n = min(TRAINING_EXAMPLES, len(session.pair.data.train))
    sender = session.pair.sender
    provided = [4 * n * math.prod(sender.cut(name).shape) for name in session.spec.sender_cuts]
    kept = max((size for size in provided if size <= MOST_KEPT), default=0)
    return n * reader_bytes(session) + kept


def reader_bytes(session: Session) -> int:
    """Return the bytes of the residuals of one example that a reader reads, in float32.

    They are: the expected ones at every receiver cut, after it and in the output, the stitched ones at a cut,
    after it and in the output, and six at the widest place: residuals are made one place at a time, and their
    squares are added up in float64.
    """
    receiver = session.pair.receiver
    later = {name: (name, *receiver.later(name)) for name in session.spec.receiver_cuts}
    sizes = {name: row_numbers(receiver.cut(name).layout) for names in later.values() for name in names}
    trail = max(sum(sizes[name] for name in names) for names in later.values())
    return 4 * (sum(sizes.values()) + trail + 6 * max(sizes.values()) + 2 * receiver.n_outputs)


def completed(session: Session, evidence: EvidenceSpec) -> EvidenceSpec:
    """Return ``evidence`` with the kinds that shuffled labels and a coarser label set are chosen for."""
    implied = {
        "selectivity": any(CONTROLS[control].shuffled for control in session.spec.controls),
        "label-sets": session.pair.data.finest is not None,
    }
    added = [kind for kind, chosen in implied.items() if chosen]
    if not added or not evidence.kinds:
        return evidence
    return replace(evidence, kinds=tuple(dict.fromkeys([*evidence.kinds, *added])))
