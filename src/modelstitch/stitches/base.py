"""What every stitch shares: its shapes, its bridge, its canonical form and the count of its parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from modelstitch.bridges import Bridge, plan
from modelstitch.fitting.coordinates import Coordinates
from modelstitch.layouts import as_map2d
from modelstitch.specs import StitchSpec

Values = dict[str, Tensor]
"""The trainable parameters of a stitch, by name."""


class Stitch(nn.Module, ABC):
    """A bridge and a trainable transformation of one family, from provided to expected representation.

    Args:
        spec: family, size and norm.
        provided_shape, expected_shape: shapes of one representation, batch axis left out.

    Raises:
        StitchError: a layout, or a pair of shapes, that this family cannot stitch.
    """

    down: ClassVar[Literal["stride", "pool"]] = "stride"
    """What the bridge does where the provided size is a multiple of the expected one."""

    def __init__(
        self, spec: StitchSpec, provided_shape: tuple[int, ...], expected_shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.spec = spec
        self.provided_shape = provided_shape
        self.expected_shape = expected_shape
        self.provided = as_map2d(provided_shape, "the sender's cut")
        self.expected = as_map2d(expected_shape, "the receiver's cut")
        self.bridge: Bridge = plan(self.provided[1:], self.expected[1:], self.down)

    @property
    def reach(self) -> int:
        """Positions that the transformation sees beyond its stride, on each side."""
        return 0

    @property
    def n_features(self) -> int:
        """Number of features of the canonical form that the transformation reads."""
        height, width = self.bridge.kernel(self.reach)
        return self.provided[0] * height * width

    @property
    def n_parameters(self) -> int:
        """Number of trainable numbers, less those that a constraint takes away."""
        return sum(parameter.numel() for parameter in self.parameters())

    def initialise(self, generator: torch.Generator | None) -> None:
        """Draw the random start; a family without parameters has none."""

    def features(self, x: Tensor) -> Tensor:
        """Return the canonical form (N, P, F) of a provided representation (N, *provided_shape)."""
        return self.bridge.features(x.reshape(len(x), *self.provided), self.reach)

    def targets(self, e: Tensor) -> Tensor:
        """Return the canonical form (N, P, D) of an expected representation (N, *expected_shape)."""
        return self.bridge.targets(e.reshape(len(e), *self.expected))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, *provided_shape) to (N, *expected_shape)."""
        grid = self.bridge.reduce(x.reshape(len(x), *self.provided))
        y = self.bridge.enlarge(self.transform(grid))
        return y.reshape(len(x), *self.expected_shape) if len(self.expected_shape) == 1 else y

    @abstractmethod
    def transform(self, x: Tensor) -> Tensor:
        """Map (N, C_provided, h, w) to (N, C_expected, h / stride, w / stride)."""

    def to_plain(self, values: Values, coordinates: Coordinates) -> Values:
        """Return the parameters that do in plain coordinates what ``values`` do in ``coordinates``.

        Differentiable, so that an optimiser can work on ``values`` while the network sees the plain ones.
        """
        return values

    def from_plain(self, values: Values, coordinates: Coordinates) -> Values:
        """Undo :meth:`to_plain`."""
        return values

    def random_start(self, generator: torch.Generator) -> Values:
        """Draw parameters in whitened coordinates, scaled so that the stitched variance is that expected."""
        return {name: value.detach().clone() for name, value in self.named_parameters()}

    def project(self, values: Values) -> Values:
        """Bring parameters that a step has moved back to where the family lives; most are free to move."""
        return values

    def extra_repr(self) -> str:
        return f"{self.spec.label}, {self.provided_shape} -> {self.expected_shape}, {self.bridge.label}"
