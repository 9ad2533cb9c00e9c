"""Modules by hand, of the kinds that people write: masks, writes, routing, recurrence, several outputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from wide_models import Built

D = 8
OWN: dict[str, Callable[[], Built]] = {}


def vectors() -> Tensor:
    return torch.randn(4, D)


def rows() -> Tensor:
    return torch.randn(4, 6, D)


def images() -> Tensor:
    return torch.randn(3, 3, 16, 16)


def ids() -> Tensor:
    made = torch.randint(1, 20, (4, 7))
    made[0, 5:] = 0
    made[2, 3:] = 0
    return made


def case(x: Callable[[], Tensor], **variants: dict[str, Any]) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Add a class to the list, once for each of its variants."""

    def add(kind: type[nn.Module]) -> type[nn.Module]:
        for name, options in (variants or {"": {}}).items():
            called = f"{kind.__name__}{'-' if name else ''}{name}"
            OWN[called] = partial(_made, kind, x, options)
        return kind

    return add


def _made(kind: type[nn.Module], x: Callable[[], Tensor], options: dict[str, Any]) -> Built:
    torch.manual_seed(0)
    own = dict(options)
    more = {name: make() for name, make in own.pop("kwargs", {}).items()}
    return Built(kind(**own).eval(), x(), more)


def mlp(width: int = D, out: int = D) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, out))


@case(vectors, parameter_list={"listed": True}, leaves={"listed": False})
class Residual(nn.Module):
    def __init__(self, listed: bool) -> None:
        super().__init__()
        if listed:
            self.weights = nn.ParameterList([nn.Parameter(torch.randn(D, D) / 3) for _ in range(3)])
        else:
            self.a, self.b, self.c = (nn.Linear(D, D) for _ in range(3))
        self.listed, self.head = listed, nn.Linear(D, 4)

    def forward(self, x: Tensor) -> Any:
        parts: Any = self.weights if self.listed else (self.a, self.b, self.c)
        for one in parts:
            x = x + torch.tanh(x @ one if self.listed else one(x))
        return self.head(x)


@case(
    images,
    relu={"act": nn.ReLU, "place": False},
    inplace={"act": nn.ReLU, "place": True},
    silu={"act": nn.SiLU, "place": True},
    hard={"act": nn.Hardswish, "place": True},
)
class ConvNet(nn.Module):
    def __init__(self, act: Any, place: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, D, 3, 2, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(D, D, 3, padding=1), nn.BatchNorm2d(D), act(inplace=place))
            for _ in range(3)
        )
        self.head = nn.Linear(D, 4)

    def forward(self, x: Tensor) -> Any:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x.mean((2, 3)))


@case(images, cat={"how": "cat"}, add={"how": "add"}, pixel={"how": "pixel"})
class UNet(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.down, self.mid, self.up = (
            nn.Conv2d(3, D, 3, 2, 1),
            nn.Conv2d(D, D, 3, 2, 1),
            nn.Conv2d(D, D, 3, 1, 1),
        )
        self.out = nn.Conv2d(2 * D if how == "cat" else D // 4 if how == "pixel" else D, 2, 1)

    def forward(self, x: Tensor) -> Any:
        a = torch.relu(self.down(x))
        b = torch.relu(self.mid(a))
        c = self.up(F.interpolate(b, scale_factor=2.0))
        if self.how == "cat":
            return self.out(torch.cat([a, c], 1))
        return self.out(F.pixel_shuffle(c, 2)) if self.how == "pixel" else self.out(a + c)


@case(
    rows,
    lstm={"kind": nn.LSTM},
    gru={"kind": nn.GRU},
    rnn={"kind": nn.RNN},
    bi={"kind": nn.LSTM, "bi": True},
    deep={"kind": nn.GRU, "layers": 3},
    state={"kind": nn.LSTM, "read": "state"},
    states={"kind": nn.LSTM, "read": "states", "layers": 2},
    attention={"kind": nn.GRU, "read": "attention"},
)
class Recurrent(nn.Module):
    def __init__(self, kind: Any, bi: bool = False, layers: int = 1, read: str = "last") -> None:
        super().__init__()
        self.pre, self.read = nn.Linear(D, D), read
        self.net = kind(D, D, layers, batch_first=True, bidirectional=bi)
        self.score, self.head = (
            nn.Linear(D, 1),
            nn.Linear(2 * D if bi else D * layers if read == "states" else D, 4),
        )

    def forward(self, x: Tensor) -> Any:
        y, states = self.net(torch.relu(self.pre(x)))
        h = states[0] if isinstance(states, tuple) else states
        if self.read == "state":
            return self.head(h[-1])
        if self.read == "states":
            return self.head(h.transpose(0, 1).flatten(1))
        if self.read == "attention":
            return self.head((torch.softmax(self.score(y), 1) * y).sum(1))
        return self.head(y[:, -1])


@case(
    ids,
    last={"read": "last"},
    total={"read": "total"},
    longest={"read": "longest"},
    bi={"read": "total", "bi": True},
    gru={"read": "last", "kind": nn.GRU},
    cells={"read": "cells"},
    given={"read": "total", "kwargs": {"lengths": lambda: (ids() != 0).sum(1)}},
)
class Packed(nn.Module):
    def __init__(self, read: str, bi: bool = False, kind: Any = nn.LSTM) -> None:
        super().__init__()
        self.words, self.pre, self.read = nn.Embedding(20, D), nn.Linear(D, D), read
        self.net, self.head = kind(D, D, batch_first=True, bidirectional=bi), nn.Linear(2 * D if bi else D, 4)

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Any:
        n = (ids != 0).sum(1) if lengths is None else lengths
        packed = pack_padded_sequence(
            self.pre(self.words(ids)), n.cpu(), batch_first=True, enforce_sorted=False
        )
        y, states = self.net(packed)
        if self.read in ("last", "cells"):
            h = states[int(self.read == "cells")] if isinstance(states, tuple) else states
            return self.head(h[-1])
        total = ids.shape[1] if self.read == "total" else None
        return self.head(pad_packed_sequence(y, batch_first=True, total_length=total)[0].mean(1))


@case(
    rows, cell={"kind": nn.LSTMCell}, gru={"kind": nn.GRUCell}, written={"kind": nn.RNNCell, "written": True}
)
class Loop(nn.Module):
    def __init__(self, kind: Any, written: bool = False) -> None:
        super().__init__()
        self.pre, self.cell, self.head, self.written = nn.Linear(D, D), kind(D, D), nn.Linear(D, 4), written

    def forward(self, x: Tensor) -> Any:
        x = self.pre(x)
        state: Any = None
        out = torch.zeros_like(x)
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
            out[:, t] = state[0] if isinstance(state, tuple) else state
        return self.head(out.mean(1) if self.written else out[:, -1])


@case(
    rows,
    shift={"how": "shift"},
    half={"how": "half"},
    index={"how": "index"},
    masked={"how": "masked"},
    fft={"how": "fft"},
)
class Writes(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.a, self.b, self.head, self.how = mlp(), mlp(), nn.Linear(D, 4), how

    def forward(self, x: Tensor) -> Any:
        h = self.a(x)
        o = torch.zeros_like(h)
        if self.how == "shift":
            o[:, :-1, :4], o[:, 1:, 4:] = h[:, 1:, :4], h[:, :-1, 4:]
        elif self.how == "half":
            o[:, :, :4] = h[:, :, 4:]
        elif self.how == "index":
            o.index_copy_(1, torch.arange(6).flip(0), h)
        elif self.how == "masked":
            o = h.masked_fill(h < 0, 0.0)
            o[:, 0] += 1
        else:
            o = torch.fft.ifft(torch.fft.fft(h, dim=1) * 0.5, dim=1).real
        return self.head(self.b(o).mean(1))


@case(
    rows,
    dense={"k": 4},
    top1={"k": 1},
    top2={"k": 2},
    sparse={"k": 1, "sparse": True},
    nonzero={"k": 2, "sparse": True},
)
class Mixture(nn.Module):
    def __init__(self, k: int, sparse: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Experts(k, sparse) for _ in range(3))
        self.head = nn.Linear(D, 4)

    def forward(self, x: Tensor) -> Any:
        for block in self.blocks:
            x = x + block(x)
        return self.head(x.mean(1))


class _Experts(nn.Module):
    def __init__(self, k: int, sparse: bool) -> None:
        super().__init__()
        self.router, self.k, self.sparse = nn.Linear(D, 4), k, sparse
        self.experts = nn.ModuleList(mlp() for _ in range(4))

    def forward(self, x: Tensor) -> Any:
        weights, chosen = torch.softmax(self.router(x), -1).topk(self.k, -1)
        if self.sparse:
            flat, out = x.reshape(-1, D), torch.zeros_like(x).reshape(-1, D)
            which, weight = chosen.reshape(-1, self.k), weights.reshape(-1, self.k)
            for number, expert in enumerate(self.experts):
                row, place = torch.where(which == number)
                if row.numel():
                    out.index_add_(0, row, expert(flat[row]) * weight[row, place, None])
            return out.reshape(x.shape)
        mask = torch.zeros(*x.shape[:-1], 4).scatter(-1, chosen, weights)
        return sum(mask[..., n : n + 1] * expert(x) for n, expert in enumerate(self.experts))


@case(
    vectors,
    item={"how": "item"},
    sign={"how": "sign"},
    depth={"how": "depth"},
    gate={"how": "where"},
    late={"how": "late"},
)
class Branching(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.a, self.b, self.c, self.head, self.how = mlp(), mlp(), mlp(), nn.Linear(D, 4), how

    def forward(self, x: Tensor) -> Any:
        if self.how == "item" and x.abs().max().item() > 100:
            x = x / 100
        if self.how == "sign":
            x = self.a(x) if x.sum() > 0 else self.b(x)
        y = self.a(x)
        if self.how == "depth":
            for _ in range(int(y.norm().clamp(1, 3).item())):
                y = self.b(y)
        y = self.b(torch.where(y > 0, y, 0.1 * y)) if self.how == "where" else self.b(y)
        z = self.c(y)
        return self.head(z) * (2 if self.how == "late" and z.mean() > 0 else 1)


@case(
    rows,
    dict={"how": "dict"},
    tuple={"how": "tuple"},
    list={"how": "list"},
    hidden={"how": "hidden"},
    flow={"how": "flow"},
    memory={"how": "memory"},
)
class Outputs(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.blocks, self.head, self.how = nn.ModuleList(mlp() for _ in range(3)), nn.Linear(D, 4), how

    def forward(self, x: Tensor) -> Any:
        hidden, det = [x], torch.zeros(len(x))
        for block in self.blocks:
            x = x + block(x)
            hidden.append(x)
            det = det + x.abs().sum((1, 2))
        logits = self.head(x.mean(1))
        given = {
            "dict": {"hidden": hidden[1], "logits": logits},
            "tuple": (logits, hidden[2]),
            "list": [logits, hidden[1]],
            "hidden": {"logits": logits, "hidden_states": tuple(hidden)},
            "flow": {"logits": logits, "log_det": det},
            "memory": {"logits": logits, "mems": hidden[1].detach()},
        }
        return given[self.how]


@case(
    ids,
    last={"how": "last"},
    mean={"how": "mean"},
    eos={"how": "eos"},
    padding={"how": "padding"},
    causal={"how": "causal"},
    tied={"how": "tied"},
    rotary={"how": "rotary"},
    mask={"how": "mask", "kwargs": {"mask": lambda: (ids() != 0).long()}},
)
class Reader(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.words, self.places, self.how = nn.Embedding(20, D), nn.Parameter(torch.randn(7, D) / 3), how
        self.blocks = nn.ModuleList(_Attention() for _ in range(2))
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, 4)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Any:
        y = self.words(ids)
        if self.how == "rotary":
            angle = torch.arange(7)[:, None] / 10 ** torch.arange(D // 2)
            y = torch.cat(
                [
                    y[..., :4] * angle.cos() - y[..., 4:] * angle.sin(),
                    y[..., 4:] * angle.cos() + y[..., :4] * angle.sin(),
                ],
                -1,
            )
        else:
            y = y + self.places
        bias: Tensor | None = None
        if self.how == "causal":
            bias = torch.full((7, 7), -1e9).triu(1)
        elif self.how in ("padding", "mask"):
            keep = (ids != 0) if mask is None else mask.bool()
            bias = torch.zeros(len(ids), 1, 1, 7).masked_fill(~keep[:, None, None], -1e9)
        for block in self.blocks:
            y = block(y, bias)
        y = self.norm(y)
        if self.how == "tied":
            return y @ self.words.weight.T
        if self.how == "last":
            y = y[torch.arange(len(y)), (ids != 0).sum(1) - 1]
        elif self.how == "eos":
            y = y[torch.arange(len(y)), ids.argmax(-1)]
        else:
            y = y.mean(1)
        return self.head(y)


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out, self.ffn = nn.Linear(D, 3 * D), nn.Linear(D, D), mlp()
        self.norms = nn.ModuleList(nn.LayerNorm(D) for _ in range(2))

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        q, k, v = self.qkv(self.norms[0](x)).reshape(*x.shape[:2], 3, 2, D // 2).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = x + self.out(y.transpose(1, 2).reshape(x.shape))
        result: Tensor = x + self.ffn(self.norms[1](x))
        return result


@case(rows, pre={"first": True}, post={"first": False}, mha={"first": True, "mha": True})
class TorchTransformer(nn.Module):
    def __init__(self, first: bool, mha: bool = False) -> None:
        super().__init__()
        self.mha = nn.MultiheadAttention(D, 2, batch_first=True) if mha else None
        layer = nn.TransformerEncoderLayer(D, 2, 16, batch_first=True, norm_first=first)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(D, 4)

    def forward(self, x: Tensor) -> Any:
        x = x if self.mha is None else x + self.mha(x, x, x)[0]
        return self.head(self.encoder(x).mean(1))


@case(
    lambda: torch.randn(4, 2, D),
    shared={"how": "shared"},
    product={"how": "product"},
    difference={"how": "difference"},
    one={"how": "one"},
)
class Siamese(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.net, self.how = mlp(), how
        self.head = nn.Sequential(nn.Linear(2 * D if how == "shared" else D, D), nn.ReLU(), nn.Linear(D, 2))

    def forward(self, x: Tensor) -> Any:
        if self.how == "one":
            return self.head(self.net(x).mean(1))
        a, b = self.net(x[:, 0]), self.net(x[:, 1])
        return self.head(
            torch.cat([a, b], -1)
            if self.how == "shared"
            else a * b
            if self.how == "product"
            else (a - b).abs()
        )


@case(
    images,
    autocast={"how": "autocast"},
    off={"how": "off"},
    half={"how": "half"},
    last={"how": "last"},
    compiled={"how": "compiled"},
)
class Precision(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()) for _ in range(3))
        self.head, self.how = nn.Linear(3, 4), how
        if how == "compiled":
            self.blocks[1] = torch.compile(self.blocks[1])  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Any:
        if self.how in ("autocast", "off"):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.how == "autocast"):
                for block in self.blocks:
                    x = block(x)
            return self.head(x.float().mean((2, 3)))
        x = x.contiguous(memory_format=torch.channels_last) if self.how == "last" else x
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)).double().float() if self.how == "half" else x.mean((2, 3)))


class _Clipped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0]


class _Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grads[0] * (s + x * s * (1 - s))


@case(
    vectors,
    straight={"how": "straight"},
    swish={"how": "swish"},
    frozen={"how": "frozen"},
    grad={"how": "grad"},
    checkpoint={"how": "checkpoint"},
)
class Gradients(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.a, self.b, self.head, self.how = mlp(), mlp(), nn.Linear(D, 4), how

    def forward(self, x: Tensor) -> Any:
        if self.how == "grad":
            with torch.enable_grad():
                z = x.detach().requires_grad_(True)
                return self.head(torch.autograd.grad(self.a(z).sum(), z, create_graph=True)[0] + self.b(x))
        if self.how == "checkpoint":
            y = torch.utils.checkpoint.checkpoint(self.a, x, use_reentrant=False)
        elif self.how == "frozen":
            with torch.no_grad():
                y = self.a(x)
        else:
            y = self.a(x)
        act: Any = {"straight": _Clipped.apply, "swish": _Swish.apply}.get(self.how, nn.Identity())
        y = act(y)
        return self.head(self.b(y))


@case(
    lambda: torch.randn(3, 1, 400),
    plain={"how": "plain"},
    dilated={"how": "dilated"},
    stft={"how": "stft"},
    gated={"how": "gated"},
)
class Sound(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.stem = nn.Conv1d(21 if how == "stft" else 1, D, 5, 2)
        self.blocks = nn.ModuleList(
            nn.Conv1d(D, 2 * D if how == "gated" else D, 3, padding=d, dilation=d)
            for d in ((1, 2, 4) if how == "dilated" else (1, 1, 1))
        )
        self.head = nn.Linear(D, 4)

    def forward(self, x: Tensor) -> Any:
        if self.how == "stft":
            x = torch.stft(x[:, 0], 40, 20, window=torch.hann_window(40), return_complex=True).abs()
        x = self.stem(x)
        for block in self.blocks:
            y = block(x)
            x = x + (F.glu(y, 1) if self.how == "gated" else torch.relu(y))
        return self.head(x.mean(-1))


@case(
    images,
    weight={"how": "weight"},
    spectral={"how": "spectral"},
    pruned={"how": "pruned"},
    lazy={"how": "lazy"},
    group={"how": "group"},
    instance={"how": "instance"},
)
class Normed(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        conv: Any = nn.LazyConv2d(D, 3) if how == "lazy" else nn.Conv2d(3, D, 3)
        if how == "weight":
            conv = nn.utils.parametrizations.weight_norm(conv)
        elif how == "spectral":
            conv = nn.utils.parametrizations.spectral_norm(conv)
        elif how == "pruned":
            prune.random_unstructured(conv, "weight", 0.5)
        norm = (
            nn.GroupNorm(2, D)
            if how == "group"
            else nn.InstanceNorm2d(D)
            if how == "instance"
            else nn.BatchNorm2d(D)
        )
        self.net = nn.Sequential(
            conv, norm, nn.ReLU(), nn.Conv2d(D, D, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        )
        self.head = nn.Linear(4 * D, 4)
        if how == "lazy":
            self.net(torch.randn(2, 3, 16, 16))

    def forward(self, x: Tensor) -> Any:
        return self.head(self.net(x))


@case(
    images,
    cls={"extra": 1},
    registers={"extra": 5},
    none={"extra": 0},
    end={"extra": -1},
    windows={"extra": 0, "windows": True},
)
class Vision(nn.Module):
    def __init__(self, extra: int, windows: bool = False) -> None:
        super().__init__()
        self.patch, self.extra, self.windows = nn.Conv2d(3, D, 4, 4), extra, windows
        self.tokens = nn.Parameter(torch.randn(1, abs(extra), D))
        self.places = nn.Parameter(torch.randn(1, 16, D) / 3)
        self.blocks, self.head = nn.ModuleList(_Attention() for _ in range(2)), nn.Linear(D, 4)

    def forward(self, x: Tensor) -> Any:
        y = self.patch(x)
        if self.windows:
            y = y.reshape(len(x), D, 2, 2, 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(len(x), 16, D)
        else:
            y = y.flatten(2).transpose(1, 2)
        tokens = self.tokens.expand(len(x), -1, -1)
        y = torch.cat([y + self.places, tokens] if self.extra < 0 else [tokens, y + self.places], 1)
        for block in self.blocks:
            y = block(y, None)
        return self.head(y.mean(1))


@case(lambda: torch.randn(2, 3, 4, 8, 8), plain={"split": False}, split={"split": True})
class Films(nn.Module):
    def __init__(self, split: bool) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, D, 3, padding=1)
        kernels = [(3, 1, 1), (1, 3, 3)] if split else [(3, 3, 3), (3, 3, 3)]
        self.blocks = nn.ModuleList(
            nn.Conv3d(D, D, kernel, padding=(kernel[0] // 2, kernel[1] // 2, kernel[2] // 2))
            for kernel in kernels
        )
        self.head = nn.Linear(D, 4)

    def forward(self, x: Tensor) -> Any:
        x = self.stem(x)
        for block in self.blocks:
            x = x + torch.relu(block(x))
        return self.head(x.mean((2, 3, 4)))


@case(
    rows,
    sequence_first={"how": "first"},
    mixer={"how": "mixer"},
    ssm={"how": "ssm"},
    linear={"how": "linear"},
)
class Mixers(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.across = how, nn.ModuleList(nn.Linear(6, 6) for _ in range(2))
        self.blocks, self.decay, self.head = (
            nn.ModuleList(mlp() for _ in range(2)),
            nn.Parameter(torch.ones(D)),
            nn.Linear(D, 4),
        )

    def forward(self, x: Tensor) -> Any:
        x = x.transpose(0, 1) if self.how == "first" else x
        for across, block in zip(self.across, self.blocks, strict=True):
            if self.how == "mixer":
                x = x + across(x.transpose(1, 2)).transpose(1, 2)
            elif self.how == "ssm":
                x = x + torch.cumsum(x * torch.sigmoid(self.decay), 1)
            elif self.how == "linear":
                x = x + torch.einsum("ntd,nte,nse->nsd", x, F.elu(x) + 1, F.elu(x) + 1) / 6
            x = x + block(x)
        return self.head(x.mean(0 if self.how == "first" else 1))
