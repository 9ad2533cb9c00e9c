"""Read a state dict without running code from its file; load it into a module completely or not at all."""

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

from modelstitch.errors import WeightsError, first_line

_NESTED_UNDER = ("state_dict", "model_state_dict", "model", "net")
_PREFIXES = ("module.", "_orig_mod.", "model.")


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Return the state dict in a safetensors file, whatever its name, or in a file of ``torch.save``.

    A foreign pickle is opened with ``weights_only=True``, and the state dict found at its top or under one of
    the keys ``state_dict``, ``model_state_dict``, ``model``, ``net``.

    Raises:
        WeightsError: no such file, a truncated file, a file that carries code, or no state dict in it.
    """
    path = Path(path)
    if not path.is_file():
        what, folder = ("; it is a folder", path) if path.is_dir() else ("", path.parent)
        files = sorted(file.name for file in folder.glob("*") if file.is_file())[:5]
        hint = f"; files there: {', '.join(files)}" if files else ""
        raise WeightsError(f"no weights file {str(path)!r}{what}{hint}")
    try:
        if path.suffix == ".safetensors" or _is_safetensors(path):
            return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot read weights {str(path)!r}: {error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are of pickle protocols
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        forbidden = re.search(r"GLOBAL (\w[\w.]*)", str(error))
        if forbidden:
            raise WeightsError(
                f"weights {str(path)!r} carry code ({forbidden.group(1)}), which opening them would run: "
                "refused; save the state dict alone, best as .safetensors"
            ) from error
        raise WeightsError(f"cannot read weights {str(path)!r}: not a file of torch.save") from error
    except Exception as error:  # damaged bytes may fail anywhere in torch or pickle
        raise WeightsError(
            f"cannot read weights {str(path)!r}: truncated, or not a file of torch.save ({first_line(error)})"
        ) from error
    return _find(loaded, path)


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(9)
    # The length of a JSON header, then the header; the first bytes of a pickle read as a far larger length.
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


def strip_prefixes(state: dict[str, Tensor], expected: set[str]) -> dict[str, Tensor]:
    """Strip wrappers' prefixes (``module.``, ``_orig_mod.``, ``model.``) while more keys match ``expected``.

    Example:
        >>> list(strip_prefixes({"module.fc.bias": torch.zeros(1)}, {"fc.bias"}))
        ['fc.bias']
    """
    while True:
        for prefix in _PREFIXES:
            if state and all(key.startswith(prefix) for key in state):
                stripped = {key.removeprefix(prefix): value for key, value in state.items()}
                if len(expected & stripped.keys()) > len(expected & state.keys()) or not (
                    expected & state.keys()
                ):
                    state = stripped
                    break
        else:
            return state


def load_weights(module: nn.Module, path: str | Path, name: str, partial: bool = False) -> list[str]:
    """Load the weights at ``path`` into ``module``, in place.

    Args:
        module: the model.
        path: a ``.safetensors`` file, or a file of ``torch.save``.
        name: what to call the model in errors.
        partial: load what fits and leave the rest as it is, instead of refusing.

    Returns:
        The keys of the model that were not loaded: none, unless ``partial`` allows some.

    Raises:
        WeightsError: keys missing, unexpected or of another shape (with how many, and the first three of
            each), or a weight that is not finite. Nothing is loaded then.
    """
    own = module.state_dict()
    state = strip_prefixes(read_state_dict(path), set(own))
    infinite = sorted(
        key
        for key in own.keys() & state.keys()
        if state[key].is_floating_point() and not state[key].isfinite().all()
    )
    if infinite:
        raise WeightsError(
            f"weights {str(path)!r} hold values that are not finite, in {len(infinite)} tensors: "
            f"{_listed(infinite)}"
        )
    missing = _missing(own, state)
    unexpected = sorted(state.keys() - own.keys())
    reshaped = sorted(key for key in own.keys() & state.keys() if own[key].shape != state[key].shape)
    if (missing or unexpected or reshaped) and not partial:
        shapes = [
            f"{key} (file {tuple(state[key].shape)}, model {tuple(own[key].shape)})" for key in reshaped
        ]
        differences = (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        listed = "; ".join(f"{len(keys)} {what}: {_listed(keys)}" for what, keys in differences if keys)
        raise WeightsError(
            f"weights {str(path)!r} do not fit model {name}: of {len(own)} keys, {listed}; "
            "nothing was loaded (--partial, or partial=True, loads what fits)"
        )
    fitting = {key: value for key, value in state.items() if key in own and key not in set(reshaped)}
    if not fitting:
        raise WeightsError(f"weights {str(path)!r} share no key with model {name} at the same shape")
    module.load_state_dict(fitting, strict=False)
    return sorted({*missing, *reshaped})


def _missing(own: dict[str, Tensor], state: dict[str, Tensor]) -> list[str]:
    """Return the keys of a model that a file lacks and that eval mode needs."""
    # Files from before PyTorch 0.4.1 lack this counter, which eval mode never reads.
    counters = {key for key in own if key.endswith("num_batches_tracked")}
    # Tied weights are in a file under one of their names.
    stored = {(value.data_ptr(), value.shape) for key, value in own.items() if key in state and value.numel()}
    tied = {key for key, value in own.items() if (value.data_ptr(), value.shape) in stored}
    return sorted(own.keys() - state.keys() - counters - tied)


def _listed(names: list[str]) -> str:
    """Show at most 3 names."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
