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
        raise SpecError(
            f"cannot use device {name!r}: expected auto, cpu or cuda on a machine with a GPU"
        ) from error
    return device
