"""The floor of a grid: multiply-adds that its suffixes need, over the machine's own convolution rate.

    python benchmarks/floor.py SENDER RECEIVER --data FOLDER [--limit 10000] [--json]

Counts the multiply-adds of every suffix: for the fits forward and gradient to its input, times the images
that the engine's fits took; for the scores forward only. Divides them by the best rate that this machine
reaches in a 3 x 3 convolution, forward and input gradient, in the precision of the fits and of the scores.
The share says how much of the engine's time cannot be saved without fitting on fewer images. The floor leaves
out the stitches' own multiply-adds, the prefixes and the closed forms.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from options import parser_of_pair, show
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from modelstitch.grid.cell import FittedCell, fit_dtype
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.side import Side
from modelstitch.runs.prepare import prepare
from modelstitch.runs.session import Session
from modelstitch.specs import DataSpec, FitSpec

_SHAPES = ((16, 32), (32, 16), (64, 8), (64, 32), (128, 16))
"""Channels and side of the maps tried; the best of them is the machine's rate."""


def conv_rate(dtype: torch.dtype, device: torch.device, batch: int = 64, repeats: int = 10) -> float:
    """Return the multiply-adds a second of the best 3 x 3 convolution, forward and gradient to its input."""
    rates = []
    for channels, size in _SHAPES:
        conv: nn.Module = nn.Conv2d(channels, channels, 3, padding=1)
        conv = conv.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        conv.requires_grad_(False)
        x = torch.randn(batch, channels, size, size)
        x = x.to(device, dtype, memory_format=torch.channels_last)
        x.requires_grad_()
        up = torch.ones_like(conv(x))
        times = []
        for _ in range(repeats):
            wait(device)
            begin = time.perf_counter()
            torch.autograd.grad(conv(x), x, up)
            wait(device)
            times.append(time.perf_counter() - begin)
        rates.append(2 * batch * (channels * size) ** 2 * 9 / min(times))
    return max(rates)


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that a clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def suffix_macs(receiver: Side, name: str) -> tuple[int, int]:
    """Return multiply-adds of one image through a suffix: forward alone, and with its input's gradient."""
    indices = torch.arange(4)
    with torch.no_grad():
        (expected,) = receiver.halves.prefix(name)(receiver.inputs.images("train", indices))
    counted = []
    for backward in (False, True):
        leaf = expected.detach().clone().requires_grad_(backward)
        with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(backward):
            output = receiver.suffix(name)(leaf)
            if backward:
                F.cross_entropy(output, torch.zeros(4, dtype=torch.long, device=output.device)).backward()
        counted.append(counter.get_total_flops() // 2 // len(indices))
    return counted[0], counted[1]


def floor(session: Session, fit: FitSpec, cells: Sequence[FittedCell], seconds: float) -> dict[str, float]:
    """Return the floor of a fitted grid in seconds and the share of it that ``seconds`` reached."""
    receiver, data = session.pair.receiver, session.pair.data
    macs = {cut: suffix_macs(receiver, cut) for cut in session.spec.receiver_cuts}
    fitted = sum(
        cell.fitted.total_steps * min(fit.batch_size, len(data.train)) * macs[cell.spec.receiver_cut][1]
        for cell in cells
    )
    scored = sum(len(data.heldout) * macs[cell.spec.receiver_cut][0] for cell in cells)
    device = data.train.images.device
    rate = conv_rate(fit_dtype(fit, device), device)
    exact = conv_rate(torch.float32, device)
    total = fitted / rate + scored / exact
    fit_seconds = sum(cell.fitted.seconds for cell in cells)
    return {
        "fit_multiply_adds": fitted,
        "score_multiply_adds": scored,
        "conv_multiply_adds_per_second": rate,
        "conv_multiply_adds_per_second_float32": exact,
        "floor_seconds": total,
        "share_of_conv_rate": total / seconds,
        "fit_seconds": fit_seconds,
        "share_of_conv_rate_in_fits": fitted / rate / fit_seconds,
    }


def main() -> None:
    parser = parser_of_pair(__doc__)
    options = parser.parse_args()
    source = DataSpec(source=options.data, limit=options.limit)
    session = prepare(options.sender, options.receiver, source, controls=())
    fit = FitSpec()
    begin = time.perf_counter()
    cells = list(fit_grid(session.pair, session.cells, fit, Budget(bytes=4 * 10**9)))
    shares = floor(session, fit, cells, time.perf_counter() - begin)
    show(shares, options.json)


if __name__ == "__main__":
    main()
