"""How much of a bound on the whole process's memory is left for what can be made smaller."""

from __future__ import annotations

import math

from modelstitch.places import resident_bytes
from modelstitch.session import Session

_SPARE_BYTES = 150 * 10**6
"""What PyTorch's own buffers grow by during a run, as measured."""


def working_bytes(session: Session) -> int:
    """Return the bytes of activations and gradients of one step into the deepest suffix (an upper bound)."""
    spec, receiver = session.spec, session.pair.receiver
    batch = min(spec.fit.batch_size, len(session.pair.data.train))
    return 2 * batch * max(receiver.cutting.activation_bytes(name) for name in spec.receiver_cuts)


def representation_bytes(session: Session, total_bytes: int) -> int:
    """Return how much of ``total_bytes``, the bound on the process, is left for representations; 0 where nothing is.

    Args:
        session: models and data, in memory already.
        total_bytes: the bound.
    """
    return max(0, total_bytes - resident_bytes() - working_bytes(session) - _SPARE_BYTES)


def evidence_examples(session: Session, wanted: int, total_bytes: int) -> int:
    """Return on how many examples evidence can be measured within ``total_bytes``: ``wanted`` or fewer.

    For every example there are, in float32, the expected representation at every receiver cut and after it, the stitched one at a cut and
    after it, twice while it is centred, the provided one twice, and a row of each Gram matrix in float64.
    """
    pair, spec = session.pair, session.spec
    receiver = pair.receiver
    names = dict.fromkeys(
        [
            *spec.receiver_cuts,
            *(later for name in spec.receiver_cuts for later in receiver.cutting.later(name)),
        ]
    )
    expected = sum(math.prod(receiver.cut(name).shape) for name in names)
    provided = max(math.prod(pair.sender.cut(name).shape) for name in spec.sender_cuts)
    floats = 4 * (3 * expected + 2 * provided)
    n_grams = 8 * (len(names) + 3)
    free = max(0, total_bytes - resident_bytes() - _SPARE_BYTES)
    # n (floats + n_grams n) <= free
    most = (-floats + math.sqrt(floats**2 + 4 * n_grams * free)) / (2 * n_grams)
    return max(1, min(wanted, int(most)))
