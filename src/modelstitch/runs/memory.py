"""How a bound on the whole process's memory is divided: a function of the spec and the data alone, so that a run that is resumed gets the same."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from modelstitch.errors import SpecError
from modelstitch.runs.session import Session
from modelstitch.specs import CONTROLS, EvidenceSpec

_BASE_BYTES = 1150 * 10**6
"""Python, PyTorch, two captured models and PyTorch's own buffers, as measured (benchmarks/memory_bound.py)."""

_FEWEST_A_CLASS = 8


def working_bytes(session: Session) -> int:
    """Return the bytes of activations and gradients of one step into the deepest suffix (an upper bound)."""
    spec, receiver = session.spec, session.pair.receiver
    batch = min(spec.fit.batch_size, len(session.pair.data.train))
    return 2 * batch * max(receiver.cutting.activation_bytes(name) for name in spec.receiver_cuts)


def fixed_bytes(session: Session) -> int:
    """Return the bytes that a run takes whatever is kept: Python and PyTorch, images, and both models four times over."""
    data = session.pair.data
    images: int = sum(part.images.numel() * part.images.element_size() for part in (data.train, data.heldout))
    models: int = sum(
        value.numel() * value.element_size()
        for side in (session.pair.sender, session.pair.receiver)
        for value in side.network.module.state_dict().values()
    )
    return _BASE_BYTES + images + 4 * models


def representation_bytes(session: Session, total_bytes: int) -> int:
    """Return how much of ``total_bytes`` is left for representations; 0 where nothing is."""
    return max(0, total_bytes - fixed_bytes(session) - working_bytes(session))


def affordable(session: Session, evidence: EvidenceSpec, total_bytes: int | None) -> EvidenceSpec:
    """Return ``evidence`` on as many examples as ``total_bytes`` allows: those asked for, or fewer.

    For every example there are, in float32, the expected representation at every receiver cut and after it, once and (where information is
    measured) once more of the moved image; the stitched one at a cut and after it, twice; what is provided, twice; two more at the cut. On
    a GPU they lie there, and its own memory is the bound.

    Raises:
        SpecError: fewer than eight examples a class fit.
    """
    if not evidence.kinds:
        return evidence
    pair, spec = session.pair, session.spec
    device = pair.data.train.images.device
    if device.type == "cuda":
        free = torch.cuda.get_device_properties(device).total_memory // 2
    elif total_bytes is None:
        return evidence
    else:
        free = max(0, total_bytes - fixed_bytes(session))
    receiver = pair.receiver
    later = {name: (name, *receiver.cutting.later(name)) for name in spec.receiver_cuts}
    sizes = {name: math.prod(receiver.cut(name).shape) for names in later.values() for name in names}
    provided = max(math.prod(pair.sender.cut(name).shape) for name in spec.sender_cuts)
    trail = max(sum(sizes[name] for name in names) for names in later.values())
    moved = sum(sizes[name] for name in later) if "information" in evidence.kinds else 0
    widest = max(sizes[name] for name in later)
    bytes_each = 4 * (sum(sizes.values()) + moved + 2 * trail + 2 * provided + 2 * widest)
    most = int(free / max(1, bytes_each))
    n_classes = len(pair.data.classes)
    wanted = min(evidence.n_examples, len(pair.data.heldout))
    if most < min(wanted, _FEWEST_A_CLASS * n_classes):
        needed = (fixed_bytes(session) + _FEWEST_A_CLASS * n_classes * bytes_each) / 1e9
        raise SpecError(
            f"expected room for evidence on {_FEWEST_A_CLASS} held-out examples a class, got room for {most} in all: "
            f"give --memory {needed:.1f}GB or more, or --evidence none"
        )
    return replace(evidence, n_examples=min(evidence.n_examples, most))


def completed(session: Session, evidence: EvidenceSpec) -> EvidenceSpec:
    """Return ``evidence`` with what shuffled labels or a coarser label set are chosen for."""
    own = {
        "selectivity": any(CONTROLS[control].shuffled for control in session.spec.controls),
        "label-sets": session.pair.data.finest is not None,
    }
    wanted = [kind for kind, asked in own.items() if asked]
    if not wanted or not evidence.kinds:
        return evidence
    return replace(evidence, kinds=tuple(dict.fromkeys([*evidence.kinds, *wanted])))
