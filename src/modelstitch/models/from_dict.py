"""Models whose forward takes one dictionary."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class FromDict(nn.Module):
    """Wrap a model that takes a dictionary into one that takes its main input first, the others by name.

    .. math:: f(x, m) = \\mathrm{model}(\\{p: x\\} \\cup m)

    Args:
        model: takes one dictionary.
        primary: p, the key of the input that carries the data; its others are further inputs.

    Example:
        >>> class Sum(nn.Module):
        ...     def forward(self, batch):
        ...         return batch["x"] + batch["offset"]
        >>> import torch
        >>> FromDict(Sum(), "x")(torch.ones(2, 1), offset=torch.ones(2, 1)).flatten().tolist()
        [2.0, 2.0]
    """

    def __init__(self, model: nn.Module, primary: str) -> None:
        super().__init__()
        self.model, self.primary = model, primary

    def forward(self, x: Tensor, **kwargs: Tensor) -> Any:
        """Return what the model gives for the dictionary of ``x`` and ``kwargs``."""
        return self.model({self.primary: x, **kwargs})
