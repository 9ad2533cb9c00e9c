"""Stitch across architectures: a convolutional network into a vision transformer and back, on digits.

    python examples/cnn_to_vit.py [--out runs/cnn-vit] [--quick]

Maps become tokens and tokens become maps: the bridge lays the patches out row by row. If the receiver expects
a class token and the sender provides none, the bridge takes the mean of the other tokens. Both networks are
plain PyTorch; modelstitch finds their cuts and layouts itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from both_ways import train_and_stitch
from torch import Tensor, nn

import modelstitch as ms

CUTS = {"conv_net": ("1", "3"), "vision_transformer": ("blocks.0", "blocks.2")}


def conv_net(width: int = 16) -> nn.Module:
    """Build three convolutions and a pool."""

    def block(before: int, after: int, stride: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1), nn.BatchNorm2d(after), nn.ReLU())

    return nn.Sequential(
        block(1, width, 1),
        block(width, 2 * width, 2),
        block(2 * width, 2 * width, 1),
        block(2 * width, 4 * width, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, 10),
    )


class VisionTransformer(nn.Module):
    """Patches of 2 x 2 pixels, a class token, and encoder blocks."""

    def __init__(self, width: int, n_blocks: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, width, 2, 2)
        self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, 17, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(n_blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.class_token.expand(y.shape[0], -1, -1), y], dim=1) + self.position
        for block in self.blocks:
            y = block(y)
        output: Tensor = self.head(self.norm(y[:, 0]))
        return output


def vision_transformer(width: int = 32, n_blocks: int = 3) -> nn.Module:
    """Build a small vision transformer."""
    return VisionTransformer(width, n_blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="less training, two cuts each, short fits")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = ms.load_data(ms.DataSpec(source="digits"))
    train_and_stitch(
        data,
        {"cnn": conv_net, "vit": vision_transformer},
        CUTS,
        n_steps=400,
        quick=options.quick,
        out=options.out,
    )


if __name__ == "__main__":
    main()
