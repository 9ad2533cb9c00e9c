"""Stitch across architectures: a convolutional network into a vision transformer and back, on digits.

    python examples/cnn_to_vit.py [--out runs/cnn-vit] [--quick]

Maps become tokens and tokens maps: the bridge lays the patches out row by row, and where a class token is expected that no one
provides, it takes the mean of the others. Both networks are plain PyTorch; modelstitch finds their cuts and layouts itself.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

import modelstitch as ms

HERE = Path(__file__).stem
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


def train(model: nn.Module, data: ms.Data, n_steps: int, path: Path) -> ms.ModelSpec:
    """Train ``model``, save its weights, and say where it comes from."""
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=n_steps)
    generator = torch.Generator().manual_seed(0)
    for _ in range(n_steps):
        indices = torch.randint(0, len(data.train), (128,), generator=generator)
        loss = F.cross_entropy(model(data.train.images[indices]), data.train.labels[indices])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    save_file(model.state_dict(), path)
    factory = "conv_net" if isinstance(model, nn.Sequential) else "vision_transformer"
    return ms.ModelSpec(source=f"{HERE}:{factory}", weights=str(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="less training, two cuts each, short fits")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = ms.load_data(ms.DataSpec(source="digits"))
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        convolutional, transformer = (
            train(model, data, 150 if options.quick else 400, Path(folder, f"{index}.safetensors"))
            for index, model in enumerate((conv_net(), vision_transformer()))
        )
        for name, pair in (
            ("cnn-to-vit", (convolutional, transformer)),
            ("vit-to-cnn", (transformer, convolutional)),
        ):
            cuts = [CUTS[spec.source.partition(":")[2]] if options.quick else None for spec in pair]
            found = ms.compare(
                *pair,
                data,
                sender_cuts=cuts[0],
                receiver_cuts=cuts[1],
                fit=ms.FitSpec(steps=20) if options.quick else None,
                out=None if options.out is None else options.out / name,
            )
            print(
                f"{name}: whole sender {found.baseline('sender'):.3f}, receiver {found.baseline('receiver'):.3f}"
            )
            print(found.matrix().to_pandas().round(3), "\n\nuntrained sender")
            print(found.matrix("random-sender").to_pandas().round(3), "\n")
            for cell, verdict in found.cell_verdicts().items():
                print(f"  {cell[0]} -> {cell[1]}: {verdict.name}, {100 * verdict.kept:.0f} % kept")
            print("\n".join(f"- {sentence}" for sentence in found.sentences()), "\n")


if __name__ == "__main__":
    main()
