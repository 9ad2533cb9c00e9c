"""The paper's Small ResNets: R_abcd, R18 and R34, at any width, class count and number of input channels."""

from __future__ import annotations

from torch import Tensor, nn

STAGES: dict[str, tuple[int, int, int, int]] = {
    **{f"R{a}{b}{c}{d}": (a, b, c, d) for a in (1, 2) for b in (1, 2) for c in (1, 2) for d in (1, 2)},
    "R18": (2, 2, 2, 2),
    "R34": (3, 4, 6, 3),
}


class BasicBlock(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        output: Tensor = self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))
        return output


class SmallResNet(nn.Module):
    def __init__(
        self,
        stages: tuple[int, int, int, int],
        width: int = 64,
        classes: int = 10,
        channels: int = 3,
    ) -> None:
        super().__init__()
        stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        layers: list[nn.Module] = [stem]
        in_channels = width
        for stage, n_blocks in enumerate(stages):
            out_channels = width * 2**stage
            for block in range(n_blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(BasicBlock(in_channels, out_channels, stride))
                in_channels = out_channels
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.layers(x))
        return output
