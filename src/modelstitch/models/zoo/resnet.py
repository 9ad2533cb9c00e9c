"""The paper's Small ResNets: R_abcd, R18 and R34, at any width, class count and number of input channels."""

from __future__ import annotations

from torch import Tensor, nn

from modelstitch.errors import ModelError, SpecError, expect_one_of

STAGES: dict[str, tuple[int, int, int, int]] = {
    **{f"R{a}{b}{c}{d}": (a, b, c, d) for a in (1, 2) for b in (1, 2) for c in (1, 2) for d in (1, 2)},
    "R18": (2, 2, 2, 2),
    "R34": (3, 4, 6, 3),
}


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut around them."""

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
    """A stem of one convolution, stages of basic blocks, pooling and a linear head."""

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


def build(name: str, width: int = 64, classes: int = 10, channels: int = 3) -> SmallResNet:
    """Build an untrained network of the paper.

    Args:
        name: ``R1111`` ... ``R2222`` (blocks in the four stages), ``R18`` or ``R34``; ``R_1111`` is read too.
        width: channels of the first stage, 64 in the paper; the others have 2, 4 and 8 times as many.
        classes: number of outputs.
        channels: channels of the input images.

    Raises:
        ModelError: no such network.
        SpecError: a number below 1.

    Source: Hernandez et al. 2022, section 3.

    Example:
        >>> sum(parameter.numel() for parameter in build("R1111", width=16).parameters())
        308826
    """
    name = name.replace("_", "")
    expect_one_of("zoo network", name, STAGES, ModelError)
    for what, value in (("width", width), ("classes", classes), ("channels", channels)):
        if not isinstance(value, int) or value < 1:
            raise SpecError(f"expected {what} to be a whole number of at least 1, got {value!r}")
    return SmallResNet(STAGES[name], width=width, classes=classes, channels=channels)


def describe(name: str, width: int = 64, classes: int = 10, channels: int = 3) -> str:
    """Return the full call that builds a network, with its defaults filled in.

    Example:
        >>> describe("R_1111", width=16)
        'zoo:R1111(width=16, classes=10, channels=3)'
    """
    return f"zoo:{name.replace('_', '')}(width={width}, classes={classes}, channels={channels})"
