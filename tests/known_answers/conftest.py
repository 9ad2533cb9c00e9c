"""A small network on digits, and grounds to plant senders in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Plant
from modelstitch.data.parts import Data, PartName
from modelstitch.grid.pool import Pool
from modelstitch.known_answers.ground import Ground
from modelstitch.models.network import Network

Planted = Callable[[Ground, Plant, PartName, Tensor], Tensor]


@pytest.fixture(scope="module")
def trained(digits: Data) -> Network:
    from modelstitch.cli.selftest import trained

    return trained(digits, 2)


@pytest.fixture(scope="module")
def pool(digits: Data) -> Pool:
    return Pool(digits)


@pytest.fixture(scope="module")
def ground(trained: Network, pool: Pool) -> Ground:
    return Ground(pool.side(trained), "layers.2", 0)


@pytest.fixture(scope="module")
def last(trained: Network, pool: Pool) -> Ground:
    return Ground(pool.side(trained), "layers.4", 0)


@pytest.fixture(scope="session")
def planted_rows() -> Planted:
    """What a plant gives for some examples, features first; with other labels than theirs if asked."""

    def rows(
        ground: Ground, plant: Plant, part: PartName, indices: Tensor, seed: int | None = None
    ) -> Tensor:
        labels = ground.side.inputs.given[part].labels
        if seed is not None:
            labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]

        def genuine(some: Tensor) -> Tensor:
            return ground.side.represent((ground.cut,), part, some, torch.float32)[0]

        return plant(Given(ground.cut, ground.shape, part, indices, labels, 10, genuine))

    return rows
