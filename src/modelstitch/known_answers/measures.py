"""Measures of similarity that the bed scores: the known ones, and a function of the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import torch

from modelstitch.errors import SpecError, first_line
from modelstitch.geometry import cka, linear_r2, mutual_knn, procrustes_similarity
from modelstitch.geometry.inputs import narrow
from modelstitch.util.imported import imported

BedMeasure: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
"""Of stitched (n, d) and expected (n, d) rows and labels (n,); higher is more alike."""

STANDARD_MEASURES = "standard"


def _narrowed(measure: Callable[[torch.Tensor, torch.Tensor], float]) -> BedMeasure:
    """Return a measure that rotations do not change, of rows in at most n coordinates."""

    def of_rows(stitched: np.ndarray, expected: np.ndarray, labels: np.ndarray) -> float:
        x, y = (narrow(torch.from_numpy(rows).double()) for rows in (stitched, expected))
        return measure(x, y)

    return of_rows


KNOWN_MEASURES = MappingProxyType(
    {
        "CKA": _narrowed(lambda x, y: cka(x, y, debiased=False)),
        "debiased CKA": _narrowed(cka),
        "Procrustes": _narrowed(procrustes_similarity),
        "mutual k-NN": _narrowed(mutual_knn),
        "linear R squared": _narrowed(linear_r2),
    }
)
"""The measures that ``--measure standard`` takes."""


def measures_named(names: Sequence[str]) -> dict[str, BedMeasure]:
    """Return measures by name.

    Args:
        names: ``standard``, or ``package.module:function``.

    Raises:
        SpecError: a function that cannot be imported, or that is no measure.
    """
    chosen: dict[str, BedMeasure] = {}
    for name in names:
        if name == STANDARD_MEASURES:
            chosen |= KNOWN_MEASURES
            continue
        if ":" not in name:
            raise SpecError(
                f"expected {STANDARD_MEASURES!r} or package.module:function as a measure, got {name!r}"
            )
        function: BedMeasure = imported(name, "function", "measure", SpecError)
        _try(name, function)
        chosen[name] = function
    return chosen


def measured(
    name: str, measure: BedMeasure, stitched: np.ndarray, expected: np.ndarray, labels: np.ndarray
) -> float | None:
    """Return the value of a measure; None where one of the two does not vary.

    Raises:
        SpecError: it fails, or its value is no finite number.
    """
    if not (_varies(stitched) and _varies(expected)):
        return None
    try:
        value = measure(stitched, expected, labels)
    except Exception as error:
        raise SpecError(
            f"measure {name!r}: expected a function of stitched (n, d), expected (n, d) and labels (n,), got "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error
    if isinstance(value, bool) or np.ndim(value) != 0 or not np.isrealobj(value):
        raise SpecError(f"measure {name!r}: expected one number, got {_shown(value)}")
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise SpecError(f"measure {name!r}: expected one number, got {_shown(value)}") from error
    if not math.isfinite(number):
        raise SpecError(f"measure {name!r}: expected a finite number, got {number}")
    return number


def _try(name: str, function: BedMeasure) -> None:
    """Call a measure on a few rows before anything is stitched."""
    random = np.random.default_rng(0)
    expected = random.standard_normal((60, 8)).astype(np.float32)
    stitched = expected + random.standard_normal((60, 8)).astype(np.float32)
    measured(name, function, stitched, expected, np.arange(60) % 4)


def _varies(rows: np.ndarray) -> bool:
    spread = float(np.square(rows - rows.mean(0), dtype=np.float64).mean())
    return spread > 1e-10 * float(np.square(rows, dtype=np.float64).mean())


def _shown(value: object) -> str:
    shape = np.shape(value) if isinstance(value, np.ndarray | list | tuple) else None
    return f"{type(value).__name__}" + ("" if shape is None else f" of shape {shape}")
