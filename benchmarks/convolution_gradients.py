"""Which convolutions give other values or gradients in float32, channels last, than in float64.

    python benchmarks/convolution_gradients.py

Each shape is tried in a process of its own, since a faulty kernel may end it. Prints as JSON: processor,
version, how many shapes were tried, and those that differ by more than 1e-4 of the largest value, or that
ended their process: output, gradient of the input, gradient of the weight.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys

import torch
import torch.nn.functional as F

CHANNELS, KERNELS, STRIDES = (1, 2, 3, 4, 6, 7, 8, 9, 12, 16), (1, 3), (1, 2, 4)
WRONG = 1e-4
REPEATS = 40
"""Times that a shape is run: damaged memory is not seen at once."""


def differences(channels: int, kernel: int, stride: int) -> list[float]:
    """Return the largest relative difference of output and both gradients."""
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(64, channels, 8, 8, generator=drawn)
    weight = torch.randn(2 * channels, channels, kernel, kernel, generator=drawn)
    side = (8 + 2 * (kernel // 2) - kernel) // stride + 1
    up = torch.randn(64, 2 * channels, side, side, generator=drawn)
    found = []
    for dtype, memory in (
        (torch.float64, torch.contiguous_format),
        (torch.float32, torch.channels_last),
    ):
        own = [value.to(dtype).contiguous(memory_format=memory).requires_grad_() for value in (x, weight)]
        y = F.conv2d(own[0], own[1], stride=stride, padding=kernel // 2)
        found.append([value.double() for value in (y, *torch.autograd.grad(y, own, up.to(dtype)))])
    return [float((one - other).abs().max() / one.abs().max()) for one, other in zip(*found, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shape", type=int, nargs=3, help="one shape, in this process")
    shape = parser.parse_args().shape
    if shape is not None:
        worst = [differences(*shape) for _ in range(REPEATS)]
        print(json.dumps([max(values) for values in zip(*worst, strict=True)]))
        return
    faulty = []
    shapes = list(itertools.product(CHANNELS, KERNELS, STRIDES))
    for one in shapes:
        command = [sys.executable, __file__, "--shape", *map(str, one)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        values = json.loads(done.stdout) if done.returncode == 0 else None
        if values is None or max(values) > WRONG:
            names = dict(zip(("channels", "kernel", "stride"), one, strict=True))
            faulty.append({**names, "differences": values, "exit_code": done.returncode})
    print(
        json.dumps(
            {
                "processor": torch.backends.cpu.get_cpu_capability(),
                "torch": torch.__version__,
                "shapes": len(shapes),
                "faulty": faulty,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
