"""The device to work on, by name."""

from __future__ import annotations

import torch

from modelstitch.errors import SpecError


def choose_device(name: str) -> torch.device:
    """Return the device called ``name``; ``auto`` is a GPU where there is one.

    Raises:
        SpecError: this machine has no such device.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SpecError(f"cannot use device {name!r}: {_why(name)}") from error
    return device


def _why(name: str) -> str:
    """Return why a device cannot be used, and what to give instead."""
    kind, _, number = name.partition(":")
    if kind == "cuda" and (not number or number.isdecimal()):
        if torch.version.cuda is None:
            return "this PyTorch was built without CUDA; give cpu or auto, or install a PyTorch with CUDA"
        n = torch.cuda.device_count()
        if n == 0:
            return "no GPU with CUDA was found on this machine; give cpu, or auto (a GPU if there is one)"
        return f"this machine has {n} of them, cuda:0 to cuda:{n - 1}; expected one of these, cpu or auto"
    return "expected auto, cpu or cuda on a machine with a GPU"
