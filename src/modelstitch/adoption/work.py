"""What a network costs: its parameters, and the multiply-adds of one example."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.cutting.capture import no_fused_attention
from modelstitch.cutting.cost import counter, per_example
from modelstitch.grid.side import Side


@dataclass(frozen=True)
class Load:
    """What a network costs.

    Attributes:
        parameters: numbers in its parameters; one that is used twice counts once.
        multiply_adds: of matrix products, convolutions and attention, for one example.

    Example:
        >>> Load(10, 200) + Load(5, 100)
        Load(parameters=15, multiply_adds=300)
    """

    parameters: int
    multiply_adds: int

    def __add__(self, other: Load) -> Load:
        return Load(self.parameters + other.parameters, self.multiply_adds + other.multiply_adds)

    def within(self, bound: Load) -> bool:
        """Tell whether neither number is above that of ``bound``."""
        return self.parameters <= bound.parameters and self.multiply_adds <= bound.multiply_adds


def n_parameters(parameters: Iterable[Tensor]) -> int:
    """Return how many numbers parameters hold; a tied one counts once."""
    sizes = {id(parameter): parameter.numel() for parameter in parameters}
    return sum(sizes.values())


def multiply_adds(run: Callable[[], Any], n_examples: int) -> int:
    """Return the multiply-adds of one example of a call on ``n_examples``.

    Example:
        >>> layer, x = nn.Linear(20, 10), torch.zeros(4, 20)
        >>> multiply_adds(lambda: layer(x), len(x))
        200
    """
    # The fused kernel of a whole encoder layer is not counted.
    with no_fused_attention(), counter() as operations, torch.no_grad():
        run()
    return per_example(operations.get_total_flops(), n_examples)


def load_of(module: nn.Module, x: Tensor, **kwargs: Tensor) -> Load:
    """Return what a module costs.

    Args:
        module: any module.
        x: (N, ...) its input.
        kwargs: (N, ...) its further inputs by name.

    Example:
        >>> load_of(nn.Conv2d(3, 8, 3, padding=1), torch.zeros(2, 3, 5, 5))
        Load(parameters=224, multiply_adds=5400)
    """
    return Load(n_parameters(module.parameters()), multiply_adds(lambda: module(x, **kwargs), len(x)))


def whole_load(side: Side) -> Load:
    """Return what a whole network costs, counted as its cuts are."""
    cut = side.cutting.cuts[0]
    return Load(
        n_parameters(side.network.module.parameters()), cut.before.multiply_adds + cut.after.multiply_adds
    )


def load_before(side: Side, cut: str) -> Load:
    """Return what the layers before a cut cost."""
    work = side.cut(cut).before
    return Load(work.parameters, work.multiply_adds)
