"""What every stitch shares: its shapes, its bridge and the count of its parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from modelstitch.bridges import Bridge, plan
from modelstitch.layouts import as_map2d
from modelstitch.specs import StitchSpec


class Stitch(nn.Module, ABC):
    """A bridge and a trainable transformation of one family, from provided to expected representation.

    Args:
        spec: family and norm.
        provided_shape, expected_shape: shapes of one representation, batch axis left out.

    Raises:
        StitchError: a layout that this family cannot stitch.
    """

    def __init__(
        self, spec: StitchSpec, provided_shape: tuple[int, ...], expected_shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.spec = spec
        self.provided_shape = provided_shape
        self.expected_shape = expected_shape
        self.provided = as_map2d(provided_shape, "the sender's cut")
        self.expected = as_map2d(expected_shape, "the receiver's cut")
        self.bridge: Bridge = plan(self.provided[1:], self.expected[1:])

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.parameters())

    def initialise(self, generator: torch.Generator | None) -> None:
        """Draw the random start; a family without parameters has none."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, *provided_shape) to (N, *expected_shape)."""
        grid = self.bridge.reduce(x.reshape(len(x), *self.provided))
        y = self.bridge.enlarge(self.transform(grid))
        return y.reshape(len(x), *self.expected_shape) if len(self.expected_shape) == 1 else y

    @abstractmethod
    def transform(self, x: Tensor) -> Tensor:
        """Map (N, C_provided, h, w) to (N, C_expected, h / stride, w / stride)."""

    def extra_repr(self) -> str:
        return f"{self.spec.label}, {self.provided_shape} -> {self.expected_shape}, {self.bridge.label}"
