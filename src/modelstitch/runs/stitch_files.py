"""The files of fitted stitches: one stitch a file, or all stitches of a unit of work packed in one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from modelstitch.errors import TruthError

FOLDER = "stitches"

_SHORT = 20
"""Characters of a key that stand for it in a name."""

_NAME = re.compile(rf"{FOLDER}/[0-9a-z-]+\.safetensors")


@dataclass(frozen=True)
class FittedStitch:
    """One stitch as it is written.

    Attributes:
        key: of its cell.
        cell: the numbers of its cell, as plain values.
        weights: of the stitch.
    """

    key: str
    cell: Mapping[str, Any]
    weights: Mapping[str, Tensor]


def name_of(stitches: Sequence[FittedStitch]) -> str:
    """Return the name of the file of one stitch, or of several, below the run folder."""
    if len(stitches) == 1:
        return f"{FOLDER}/{stitches[0].key[:_SHORT]}.safetensors"
    whole = sha256("".join(each.key for each in stitches).encode()).hexdigest()
    return f"{FOLDER}/unit-{whole[:_SHORT]}.safetensors"


def write_stitches(path: Path, stitches: Sequence[FittedStitch]) -> None:
    """Write one stitch, or several, to a file.

    Raises:
        OSError, SafetensorError: the file cannot be written.
    """
    if len(stitches) == 1:
        (one,) = stitches
        tensors = {name: value.detach().cpu().contiguous() for name, value in one.weights.items()}
        save_file(tensors, path, metadata={"cell": json.dumps(one.cell), "key": one.key})
        return
    # Copies: stitches of one unit may be views of one tensor, which a file of safetensors does not hold.
    copies = {
        f"{each.key}.{name}": value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for each in stitches
        for name, value in each.weights.items()
    }
    save_file(copies, path, metadata={each.key: json.dumps(each.cell) for each in stitches})


def read_stitch(folder: Path, key: str, stored_in: Callable[[], str | None]) -> FittedStitch:
    """Return one stitch of a run folder.

    Args:
        folder: of the run.
        key: of the cell.
        stored_in: returns the name of its file by the database; asked where it has no file of its own.

    Raises:
        TruthError: the file is missing, damaged or of another cell.
    """
    path = folder / FOLDER / f"{key[:_SHORT]}.safetensors"
    name = None if path.is_file() else stored_in()
    if name is not None:
        if not _NAME.fullmatch(name):  # the database may be a stranger's
            raise TruthError(f"expected a stitch file of this run for cell {key[:_SHORT]}, got {name!r}")
        path = folder / name
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            names = list(file.keys())
            if "key" in about:
                written_for, cell, start = about["key"], json.loads(about["cell"]), ""
            else:
                written_for, cell, start = key, json.loads(about[key]), f"{key}."
            weights = {
                each.removeprefix(start): file.get_tensor(each) for each in names if each.startswith(start)
            }
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise TruthError(f"cannot read the stitch file {str(path)!r} of a finished cell: {error}") from error
    if written_for != key:
        raise TruthError(f"stitch file {str(path)!r} belongs to another cell ({written_for})")
    return FittedStitch(key, cell, weights)
