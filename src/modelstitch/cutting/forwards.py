"""Another ``forward`` in place of a model's own, for as long as a block runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn


@contextlib.contextmanager
def with_forward(model: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Let a model run ``forward`` instead of its own; a forward that was set on the model comes back behind.

    Example:
        >>> model = nn.Identity()
        >>> with with_forward(model, lambda x: -x):
        ...     inside = model(2)
        >>> inside, model(2)
        (-2, 2)
    """
    before = vars(model).get("forward")
    model.forward = forward
    try:
        yield
    finally:
        del model.forward
        if before is not None:
            model.forward = before
