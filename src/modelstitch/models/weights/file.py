"""Read a weights file without running code from it."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from modelstitch.errors import WeightsError, first_line
from modelstitch.util.places import neighbours

_DEEPEST = 16
"""Mappings inside mappings are read to this depth."""

_READABLE = (None, "pt", "np")
"""Formats in the metadata of safetensors whose arrays have the axes of PyTorch; others turn their kernels."""


@dataclass(frozen=True)
class Entry:
    """One value of a weights file.

    Attributes:
        value: a tensor, or anything else.
        container: dotted name of the mapping that holds it; empty at the top.
    """

    value: Any
    container: str


def read_entries(path: str | Path) -> dict[str, Entry]:
    """Return every value of a weights file by its dotted name, such as ``state_dict.model.fc.weight``.

    Read are safetensors, whatever their name; files of ``torch.save``, with ``weights_only=True``; and the
    index of either in several files (``.index.json``).

    Raises:
        WeightsError: no such file, a truncated file, a file that carries code, or no tensor in it.
    """
    path = Path(path)
    content = read(path)
    entries: dict[str, Entry] = {}
    for name, entry in _entries(content, "", 0):
        if name in entries and not _equal(entries[name].value, entry.value):
            raise WeightsError(f"weights {str(path)!r} hold two values called {name!r}: expected one")
        entries[name] = entry
    if not any(isinstance(entry.value, Tensor) for entry in entries.values()):
        got = (
            f"keys {', '.join(map(str, list(content)[:6]))}"
            if isinstance(content, Mapping)
            else type(content).__name__
        )
        raise WeightsError(f"no state dict in {str(path)!r}: expected tensors by name, got {got}")
    return entries


def read(path: Path) -> Any:
    """Return the content of a weights file.

    Raises:
        WeightsError: as for :func:`read_entries`.
    """
    if not path.is_file():
        what = "; it is a folder" if path.is_dir() else ""
        beside = neighbours(path / path.name if path.is_dir() else path)
        raise WeightsError(f"no weights file {str(path)!r}{what}{beside}")
    if path.name.endswith(".index.json"):
        return _read_index(path)
    try:
        if path.suffix == ".safetensors" or _is_safetensors(path):
            _expect_axes_of_torch(path)
            return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot read weights {str(path)!r}: {error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are of pickle protocols
            return torch.load(path, map_location="cpu", weights_only=True)
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


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(9)
    # The length of a JSON header, then the header; the first bytes of a pickle read as a far larger length.
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size


def _expect_axes_of_torch(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        written_for = (file.metadata() or {}).get("format")
    if written_for not in _READABLE:
        raise WeightsError(
            f"weights {str(path)!r} were written for {written_for}: expected the format pt, since other "
            "formats order the axes of a weight in another way"
        )


def _read_index(path: Path) -> dict[str, Any]:
    """Return the tensors of all files that an index names."""
    try:
        file_of = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        wanted = {str(key): str(file) for key, file in file_of.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"cannot read weights {str(path)!r}: expected an index with a weight_map, {first_line(error)}"
        ) from error
    content: dict[str, Any] = {}
    for file in sorted(set(wanted.values())):
        if Path(file).name != file:
            raise WeightsError(
                f"weights {str(path)!r} name the file {file!r}: expected a file in the folder of the index"
            )
        part = read(path.with_name(file))
        held = part if isinstance(part, Mapping) else {}
        absent = [key for key, holder in wanted.items() if holder == file and key not in held]
        if absent:
            raise WeightsError(
                f"weights {str(path)!r} say that {file!r} holds {absent[0]!r}, and it does not: "
                "the files do not belong together"
            )
        # Keys that the index does not name are kept too: what a network cannot use of them is then told.
        content |= {key: value for key, value in held.items() if wanted.get(key, file) == file}
    return content


def _entries(content: Any, name: str, depth: int) -> Iterator[tuple[str, Entry]]:
    """Yield the values inside nested mappings, and inside lists of mappings, by dotted name."""
    items: list[tuple[Any, Any]] | None = None
    if isinstance(content, Mapping):
        items = list(content.items())
    elif isinstance(content, list | tuple) and any(isinstance(item, Mapping) for item in content):
        items = list(enumerate(content))
    if items is None or depth > _DEEPEST:
        if name:
            container, _, _ = name.rpartition("\0")
            yield name.replace("\0", "."), Entry(content, container.replace("\0", "."))
        return
    for key, value in items:
        yield from _entries(value, f"{name}\0{key}" if name else str(key), depth + 1)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return type(one) is type(other) and bool(one == other)
