"""Direct probe: a fixed read-out instead of the receiver. It measures what can be decoded without one.

The read-out has no parameters, so that the probe has exactly the capacity of the stitch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from modelstitch.controls.roles import Roles
from modelstitch.cutting.layouts import Shaped, as_layout
from modelstitch.data.parts import Data
from modelstitch.models.network import Network


def roles(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return both networks, with a fixed read-out in the place of the receiver's later layers."""
    return Roles(sender, receiver, read_out=True)


class ReadOut(nn.Module):
    """Class scores (N, K) from a stitched representation (N, *shape), without parameters to fit.

    With at least K channels it is the mean over positions of the first K; with fewer, a fixed random
    orthonormal map of all values.

    Args:
        layout: of the representation at the receiver's cut.
        n_classes: K.

    Example:
        >>> ReadOut((16, 4, 4), 10)(torch.zeros(2, 16, 4, 4)).shape
        torch.Size([2, 10])
    """

    def __init__(self, layout: Shaped, n_classes: int) -> None:
        super().__init__()
        self.layout = as_layout(layout)
        shape = self.layout.features_first_shape
        self.n_classes = n_classes
        self.by_channel = shape[0] >= n_classes
        size = math.prod(shape)
        drawn = torch.randn(max(size, n_classes), n_classes, generator=torch.Generator().manual_seed(0))
        self.register_buffer(
            "directions", torch.empty(0) if self.by_channel else torch.linalg.qr(drawn).Q[:size]
        )

    def forward(self, y: Tensor, **kwargs: Tensor) -> Tensor:
        y = self.layout.features_first(y)
        if self.by_channel:
            return y.flatten(2).mean(2)[:, : self.n_classes] if y.ndim > 2 else y[:, : self.n_classes]
        directions = self.directions
        assert isinstance(directions, Tensor)
        return y.flatten(1) @ directions.to(y)
