"""Read a state dict from a file without running its code, and load it into a module completely or not at all."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from modelstitch.errors import WeightsError

_NESTED_UNDER = ("state_dict", "model_state_dict", "model", "net")
_PREFIXES = ("module.", "_orig_mod.", "model.")


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Return the state dict in a safetensors file, whatever its name, or in a file as ``torch.save`` writes it.

    A foreign pickle is opened with ``weights_only=True``, and the state dict found at its top or under one of the
    keys ``state_dict``, ``model_state_dict``, ``model``, ``net``.

    Raises:
        WeightsError: no such file, a truncated file, a file that carries code, or no state dict in it.
    """
    path = Path(path)
    if not path.is_file():
        what, folder = ("; it is a folder", path) if path.is_dir() else ("", path.parent)
        there = sorted(each.name for each in folder.glob("*") if each.is_file())[:5]
        hint = f"; files there: {', '.join(there)}" if there else ""
        raise WeightsError(f"no weights file {str(path)!r}{what}{hint}")
    try:
        if path.suffix == ".safetensors" or _is_safetensors(path):
            return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot read weights {str(path)!r}: {error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols; what matters ends in an error
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        forbidden = re.search(r"GLOBAL (\w[\w.]*)", str(error))
        if forbidden:
            raise WeightsError(
                f"weights {str(path)!r} carry code ({forbidden.group(1)}), which opening them would run: refused; "
                "save the state dict alone, best as .safetensors"
            ) from error
        raise WeightsError(f"cannot read weights {str(path)!r}: not a file of torch.save") from error
    except Exception as error:  # damaged bytes fail in whatever line of torch or pickle trips over them first
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsError(
            f"cannot read weights {str(path)!r}: truncated, or not a file of torch.save ({first_line})"
        ) from error
    return _find(loaded, path)


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(9)
    # The length of a header in JSON, then the header; a pickle read so would be far longer than its file.
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size


def _find(loaded: Any, path: Path) -> dict[str, Tensor]:
    candidates = [loaded]
    if isinstance(loaded, Mapping):
        candidates += [loaded[key] for key in _NESTED_UNDER if key in loaded]
    for candidate in candidates:
        if (
            isinstance(candidate, Mapping)
            and candidate
            and all(isinstance(value, Tensor) for value in candidate.values())
        ):
            return {str(key): value for key, value in candidate.items()}
    got = (
        f"keys {', '.join(map(str, list(loaded)[:6]))}"
        if isinstance(loaded, Mapping)
        else type(loaded).__name__
    )
    raise WeightsError(
        f"no state dict in {str(path)!r}: expected one at the top or under one of "
        f"{', '.join(_NESTED_UNDER)}, got {got}"
    )


def strip_prefixes(state: dict[str, Tensor], wanted: set[str]) -> dict[str, Tensor]:
    """Strip wrappers' prefixes (``module.``, ``_orig_mod.``, ``model.``) as long as that fits more keys to ``wanted``.

    Example:
        >>> list(strip_prefixes({"module.fc.bias": torch.zeros(1)}, {"fc.bias"}))
        ['fc.bias']
    """
    while True:
        for prefix in _PREFIXES:
            if state and all(key.startswith(prefix) for key in state):
                stripped = {key.removeprefix(prefix): value for key, value in state.items()}
                if len(wanted & stripped.keys()) > len(wanted & state.keys()) or not (wanted & state.keys()):
                    state = stripped
                    break
        else:
            return state


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def load_weights(module: nn.Module, path: str | Path, name: str, partial: bool = False) -> list[str]:
    """Load the weights at ``path`` into ``module``, in place.

    Args:
        module: the model.
        path: a ``.safetensors`` file, or a file of ``torch.save``.
        name: what to call the model in errors.
        partial: load what fits and leave the rest at its start, instead of refusing.

    Returns:
        The keys of the model that were left at their start: none, unless ``partial`` allowed some.

    Raises:
        WeightsError: keys missing, unexpected or of another shape (with how many, and the first three of each),
            or a weight that is not finite. Nothing is loaded then.
    """
    own = module.state_dict()
    state = strip_prefixes(read_state_dict(path), set(own))
    # A counter that eval mode never reads, and that files from before PyTorch 0.4.1 lack.
    counters = {key for key in own if key.endswith("num_batches_tracked")}
    # A weight that is tied to another is in a file under one of its names.
    known = {(value.data_ptr(), value.shape) for key, value in own.items() if key in state and value.numel()}
    tied = {key for key, value in own.items() if (value.data_ptr(), value.shape) in known}
    missing = sorted(own.keys() - state.keys() - counters - tied)
    unexpected = sorted(state.keys() - own.keys())
    reshaped = sorted(key for key in own.keys() & state.keys() if own[key].shape != state[key].shape)
    infinite = sorted(
        key
        for key in own.keys() & state.keys()
        if state[key].is_floating_point() and not state[key].isfinite().all()
    )
    if infinite:
        raise WeightsError(
            f"weights {str(path)!r} hold values that are not finite, in {len(infinite)} tensors: {_listed(infinite)}"
        )
    fitting = {key: value for key, value in state.items() if key in own and key not in set(reshaped)}
    if (missing or unexpected or reshaped) and not partial:
        shapes = [
            f"{key} (file {tuple(state[key].shape)}, model {tuple(own[key].shape)})" for key in reshaped
        ]
        parts = [
            f"{len(names)} {what}: {_listed(names)}"
            for what, names in (
                ("missing", missing),
                ("unexpected", unexpected),
                ("of another shape", shapes),
            )
            if names
        ]
        raise WeightsError(
            f"weights {str(path)!r} do not fit model {name}: of {len(own)} keys, {'; '.join(parts)}; "
            "nothing was loaded (--partial, or partial=True, loads what fits)"
        )
    if not fitting:
        raise WeightsError(f"weights {str(path)!r} share no key with model {name} at the same shape")
    module.load_state_dict(fitting, strict=False)
    return sorted({*missing, *reshaped})
