"""Stitch two modules of your own from Python, here a narrow and a wide one trained for a moment on digits.

python examples/two_modules.py
"""

from __future__ import annotations

import torch
from torch import nn

import modelstitch as ms


def build(width: int, data: ms.Data, seed: int) -> nn.Module:
    """Train a plain convolutional network for 80 steps."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(2 * width, 4 * width, 3, 2, padding=1), nn.ReLU()),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, len(data.classes))),
    )
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(80):
        loss = nn.functional.cross_entropy(model(data.train.images), data.train.labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


def main() -> None:
    data = ms.load_data(ms.DataSpec(source="digits"))
    narrow, wide = build(4, data, seed=0), build(12, data, seed=1)
    fit, evidence = (
        ms.FitSpec(steps=30, batch_size=128),
        ms.EvidenceSpec.parse(["kept"], 200),
    )  # a quick look
    result = ms.compare(narrow, wide, data, fit=fit, evidence=evidence)
    print(result.matrix().to_pandas().round(2))
    print(result.matrix("random-sender").to_pandas().round(2))
    print("\n".join(result.sentences()))


if __name__ == "__main__":
    main()
