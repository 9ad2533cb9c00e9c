"""Small models with the habits that make cutting hard."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FunctionalResNet(nn.Module):
    """Functional ReLUs, a strided slice with zero padding as shortcut, sizes read off the input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.bn2 = nn.BatchNorm2d(8)
        self.linear = nn.Linear(8 * 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        short = F.pad(y[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        y = F.relu(self.bn2(self.conv2(y)) + short)
        output: Tensor = self.linear(y.view(y.size(0), -1))
        return output


class DroppedInPlace(nn.Module):
    """Results of in-place calls are dropped: symbolic tracing would lose them without a word."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        y.mul_(2)
        self.relu(y)
        output: Tensor = self.head(y.mean((2, 3)))
        return output


class Reused(nn.Module):
    """One activation called several times, one convolution called twice (tied weights)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.again = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU()
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.first(x))
        y = self.act(self.again(y))
        y = self.act(self.again(y))
        output: Tensor = self.head(y.mean((2, 3)))
        return output


class ZeroBranch(nn.Module):
    """A residual branch that starts at zero: feeding another input would call a cut inside it legal."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.branch = nn.Conv2d(4, 4, 3, padding=1)
        nn.init.zeros_(self.branch.weight)
        assert self.branch.bias is not None
        nn.init.zeros_(self.branch.bias)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        output: Tensor = self.head((y + self.branch(y)).mean((2, 3)))
        return output


class UNet(nn.Module):
    """Skips from each level down to the same level up; between the skips nothing can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.down = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.out = nn.Conv2d(8, 2, 1)
        self.head = nn.Linear(2, 5)

    def forward(self, x: Tensor) -> Tensor:
        first = F.relu(self.stem(x))
        low = F.relu(self.middle(F.relu(self.down(first))))
        y = self.out(torch.cat([first, self.up(low)], 1))
        output: Tensor = self.head(y.mean((2, 3)))
        return output


class Dense(nn.Module):
    """Concatenation of all earlier features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.one = nn.Conv2d(4, 4, 3, padding=1)
        self.two = nn.Conv2d(8, 4, 3, padding=1)
        self.transition = nn.Conv2d(12, 6, 1)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        a = self.stem(x)
        b = torch.cat([a, self.one(a).relu()], 1)
        c = torch.cat([b, self.two(b).relu()], 1)
        output: Tensor = self.head(self.transition(c).mean((2, 3)))
        return output


class Trained(nn.Module):
    """Dropout and batch norm, as a model stands in the middle of its training."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(4, 4, 3)
        )
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.body(x).mean((2, 3)))
        return output


class Tokens(nn.Module):
    """A tiny transformer on patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, stride=4)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True) for _ in range(2)
        )
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(x).flatten(2).transpose(1, 2)
        for block in self.blocks:
            y = block(y)
        output: Tensor = self.head(y.mean(1))
        return output


class Pair(nn.Module):
    """A dictionary and a tuple as output."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> dict[str, object]:
        y = self.stem(x).relu().mean((2, 3))
        return {"logits": self.head(y), "parts": (y, y.sum(1))}


class _Surrogate(torch.autograd.Function):
    """A hard step forward, a straight line backward."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return 3 * gradient


class CustomBackward(nn.Module):
    """A backward of its own, which a captured graph does not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = _Surrogate.apply(self.conv(x))  # type: ignore[no-untyped-call]
        output: Tensor = self.head(y.mean((2, 3)))
        return output


class Counting(nn.Module):
    """Writes to a buffer in every call, also in eval mode."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.register_buffer("calls", torch.zeros(()))
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        output: Tensor = self.head(self.conv(x).mean((2, 3)))
        return output


class DataDependent(nn.Module):
    """Takes a branch by the values of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if y.sum() > 0:
            y = y * 2
        output: Tensor = self.head(y.mean((2, 3)))
        return output


class Bypass(nn.Module):
    """The output reads the input once more at the very end: no tensor stands on every path."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.conv(x).sigmoid()
        return x.mean((2, 3)) + gate.mean((2, 3))


class Side(nn.Module):
    """A module whose output is not on the path to the output."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.unused = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        self.unused(y)
        output: Tensor = self.head(y.mean((2, 3)))
        return output


def seeded(build: type[nn.Module], seed: int = 0) -> nn.Module:
    """Build a model with random weights and random running statistics from ``seed``."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return model
