"""Small models with the habits that make cutting hard."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modelstitch.cutting import GraphCutModel


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


class LengthOfBatch(nn.Module):
    """Class tokens and patches, sequence first (T, N, D), for ``len(x)`` images: a fixed number when run."""

    def __init__(self, n_extra: int = 1) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, stride=4)
        self.extra = nn.Parameter(torch.randn(n_extra, 1, 8))
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1) for _ in range(2))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(x).flatten(2).permute(2, 0, 1)
        y = torch.cat([self.extra.expand(-1, len(x), -1), y])
        for block in self.blocks:
            y = block(y)
        output: Tensor = self.head(y[0])
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


class SharedBlock(nn.Module):
    """A block with children, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(self.block(self.stem(x)))
        output: Tensor = self.head(y.mean((2, 3)))
        return output


class Words(nn.Module):
    """Whole numbers in, an embedding, a class token, one layer of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.start = nn.Parameter(torch.randn(1, 1, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([self.start.expand(x.size(0), -1, -1), self.embedding(x)], 1)
        output: Tensor = self.head(self.block(y)[:, 0])
        return output


class FeaturesToo(nn.Module):
    """Returns the representation before the head beside the logits: a cut that is also an output."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 7)
        self.head = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x).tanh()
        return features, self.head(features)


class Tied(nn.Module):
    """Two layers with one weight: the second name of it is the one that a graph may use."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.middle = nn.Linear(6, 6)
        self.last = nn.Linear(6, 6)
        self.last.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.last(self.middle(self.first(x).relu()).relu())
        return output


class PlainTensor(nn.Module):
    """Values that are neither parameters nor buffers: one kept by the module, one made in its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 3)
        self.scale = torch.randn(3)
        self.head = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x) * self.scale + torch.tensor([1.0, 2.0, 3.0])
        output: Tensor = self.head(y.relu())
        return output


class Rows(nn.Module):
    """Folds another axis into the batch and out of it again; in between no row is an example."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 4)
        self.second = nn.Linear(4, 4)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x.reshape(-1, 2)).relu())
        output: Tensor = self.head(y.view(x.size(0), -1).relu())
        return output


class Filled(nn.Module):
    """Constants whose size comes from the input: a first state, and zeros and ones that look like it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.second = nn.Linear(6, 6)
        self.head = nn.Linear(15, 5)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(x.size(0), 3)
        y = self.second(self.first(x).relu() + torch.ones_like(x))
        output: Tensor = self.head(torch.cat([y, state, torch.zeros_like(x)], 1))
        return output


class Recurrent(nn.Module):
    """A GRU, which returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.lift = nn.Linear(1, 4)
        self.cells = nn.GRU(4, 5, batch_first=True)
        self.head = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.cells(self.lift(x.unsqueeze(-1)))[0][:, -1])
        return output


class StopsPart(nn.Module):
    """A gate computed without gradient: part of the gradient stops there."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.gate = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x).tanh()
        with torch.no_grad():
            gate = self.gate(y).sigmoid()
        output: Tensor = self.head((y * gate).tanh())
        return output


class StopsAll(nn.Module):
    """A backbone run without gradient: none reaches the input."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.backbone(x)
        output: Tensor = self.head(y.relu())
        return output


class CustomBackwardOnWords(nn.Module):
    """A backward of its own behind an embedding, where no gradient at the input can show it."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = _Surrogate.apply(self.embedding(x))  # type: ignore[no-untyped-call]
        output: Tensor = self.head(y).mean(1)
        return output


class Labels(nn.Module):
    """Whole numbers out: there is nothing to differentiate."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.first(x).relu()).argmax(1)
        return output


class RandomInEval(nn.Module):
    """Functional dropout that forgets to ask for the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 64)
        self.head = nn.Linear(64, 5)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(F.dropout(self.first(x), 0.5))
        return output


class BatchBranch(nn.Module):
    """Does something else with large batches, which a graph of a small one does not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        if x.size(0) > 4:
            y = y * 2
        output: Tensor = self.head(y)
        return output


class FixedBatch(nn.Module):
    """Takes batches of three and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.first(x).reshape(3, 6).relu())
        return output


class WritesInput(nn.Module):
    """An in-place activation on the input itself."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)
        self.first = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.first(self.act(x)))
        return output


class Wrapper(nn.Module):
    """A model inside a module that does nothing."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.net(x)
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


_CAPTURED: dict[str, GraphCutModel] = {}


def captured(build: type[nn.Module]) -> GraphCutModel:
    """Capture a model of images once for all tests, which leave it as it is."""
    if build.__name__ not in _CAPTURED:
        images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        _CAPTURED[build.__name__] = GraphCutModel(seeded(build), images)
    return _CAPTURED[build.__name__]
