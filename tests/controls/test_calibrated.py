from __future__ import annotations

import torch
from torch import nn

from modelstitch.controls.reinitialise import calibrated, untrained
from modelstitch.data.parts import Data
from modelstitch.data.views import show
from modelstitch.models.network import Network, digest


def test_batch_norms_hold_the_statistics_of_their_own_input(
    networks: tuple[Network, Network], digits: Data
) -> None:
    copy = untrained(networks[0], seed=0)
    before = digest(copy.module)
    fair = calibrated(copy, digits)
    assert digest(copy.module) == before
    assert not any(module.training for module in fair.module.modules())
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    first = next(m for m in fair.module.modules() if isinstance(m, nn.BatchNorm2d))
    handle = first.register_forward_hook(
        lambda m, x, y: seen.append((x[0].mean((0, 2, 3)), y.std((0, 2, 3))))
    )
    with torch.no_grad():
        fair.module(show(digits.train.images, fair.view))
    handle.remove()
    mean, spread = seen[0]
    assert first.running_mean is not None
    # Statistics are means over batches, the last of which is smaller.
    torch.testing.assert_close(first.running_mean, mean, rtol=0.05, atol=0.02)
    torch.testing.assert_close(spread, torch.ones_like(spread), rtol=0.1, atol=0.05)


def test_parameters_are_those_of_the_raw_copy(networks: tuple[Network, Network], digits: Data) -> None:
    copy = untrained(networks[0], seed=0)
    fair = calibrated(copy, digits)
    for (name, a), (_, b) in zip(copy.module.named_parameters(), fair.module.named_parameters(), strict=True):
        assert torch.equal(a, b), name
    assert digest(copy.module) != digest(fair.module)
    assert digest(calibrated(copy, digits).module) == digest(fair.module)
    assert "calibrated" in fair.name


def test_activations_no_longer_die_or_grow_with_depth(
    networks: tuple[Network, Network], digits: Data
) -> None:
    copy = untrained(networks[0], seed=0)
    sizes = []
    for network in (copy, calibrated(copy, digits)):
        with torch.no_grad():
            out = network.module(show(digits.heldout.images, network.view))
        sizes.append(float(out.std(0).mean()))
    assert sizes[1] > 2 * sizes[0]
