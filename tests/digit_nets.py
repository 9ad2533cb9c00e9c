"""Small networks on the digits, trained alike from several seeds: what tests of whole answers compare."""

from __future__ import annotations

from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

N_TRAINED = 1200
"""Images that the networks are trained on; the others are free to hold out."""


def digit_images() -> tuple[Tensor, Tensor]:
    """Return all images (1797, 1, 8, 8) in 0-1, and their labels."""
    x, y = load_digits(return_X_y=True)
    return torch.tensor(x).float().view(-1, 1, 8, 8) / 16, torch.tensor(y)


def digit_net(wrap: Callable[[nn.Module], nn.Module] = lambda layer: layer) -> nn.Sequential:
    """Return an untrained network; ``wrap`` changes each convolution."""

    def block(i: int, o: int, stride: int) -> nn.Module:
        return nn.Sequential(wrap(nn.Conv2d(i, o, 3, stride, 1)), nn.ReLU())

    return nn.Sequential(
        block(1, 8, 1),
        block(8, 16, 2),
        block(16, 16, 1),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def trained_digit_net(
    seed: int, wrap: Callable[[nn.Module], nn.Module] = lambda layer: layer, epochs: int = 25
) -> nn.Module:
    """Return a network trained on the first 1,200 images: about .97 on the others."""
    x, y = digit_images()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = digit_net(wrap)
        optimiser = torch.optim.Adam(module.parameters(), 3e-3)
        for _ in range(epochs):
            for some in torch.randperm(N_TRAINED).split(64):
                loss = nn.functional.cross_entropy(module(x[some]), y[some])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    return module.eval()
