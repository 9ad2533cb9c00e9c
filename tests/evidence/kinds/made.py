"""Material of one cell with planted truth, for the tests of the kinds of evidence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelstitch.evidence.material import Material, Measurement, Residuals
from modelstitch.evidence.residuals import Rows
from modelstitch.geometry import recovery

CUT = "middle"


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def classes(n: int, n_classes: int) -> Tensor:
    """Labels (n,) of classes of equal size, rising, as material has them."""
    return torch.arange(n) * n_classes // n


def material(labels: Tensor, expected: Tensor, stitched: Tensor | None = None, **given: Any) -> Material:
    """Material of one cut: representations (n, ...), everything that a kind does not read left empty.

    Args:
        labels: (n,), rising.
        expected: the receiver's representation.
        stitched: what the stitch makes; the expected one by default.
        given: other fields, ``provided`` and ``pixels`` as tensors, and ``train``: expected and stitched of
            training examples of two classes in turn, by default the examples themselves.
    """
    stitched = expected if stitched is None else stitched
    provided = given.pop("provided", stitched)
    pixels = given.pop("pixels", expected)
    later = given.pop("later", {})  # by cut: expected and stitched
    train = given.pop("train", None)
    outputs = torch.nn.functional.one_hot(labels).float()
    fields: dict[str, Any] = {
        "cut": CUT,
        "labels": labels,
        "provided": Rows(provided, labels),
        "expected": {CUT: Rows(expected, labels)} | {cut: Rows(x, labels) for cut, (x, _) in later.items()},
        "stitched": {CUT: Rows(stitched, labels)} | {cut: Rows(x, labels) for cut, (_, x) in later.items()},
        "raw_provided": provided,
        "raw_expected": lambda: expected,
        "raw_stitched": stitched,
        "matched": None,
        "outputs": outputs,
        "receiver_outputs": outputs,
        "sender_outputs": None,
        "genuine": None,
        "moved": None,
        "pixels": Rows(pixels, labels),
        "is_image": False,
        "finest": None,
        "changed": lambda change: (outputs, outputs),
        "residuals": [within(labels, expected, stitched, train)],
        "train_right": lambda: torch.ones(len(labels)),
    }
    return Material(**(fields | given))


def within(
    labels: Tensor, expected: Tensor, stitched: Tensor, train: tuple[Tensor, Tensor] | None = None
) -> Residuals:
    """Residuals at the cut, of training examples and of held-out ones in classes of at least four."""
    large = labels.bincount()[labels] >= 4

    def rows(x: Tensor, of: Tensor) -> Tensor:
        return recovery.residuals(x.flatten(1)[:, None].float(), of)

    y, x = train if train is not None else (expected, stitched)
    train_labels = labels if train is None else (torch.arange(len(x)) * 2 // max(1, len(x)))
    return Residuals(
        place=CUT,
        x_train=rows(x, train_labels),
        y_train=rows(y, train_labels),
        x=rows(stitched, labels)[large],
        y=rows(expected, labels)[large],
        labels=labels[large],
        examples=torch.arange(int(large.sum())),
    )


def by_name(found: list[Measurement], where: str | None = None) -> dict[str, Measurement]:
    """Measurements by name, of one place or of the only one."""
    chosen = [measurement for measurement in found if where is None or measurement.where == where]
    assert len({measurement.name for measurement in chosen}) == len(chosen)
    return {measurement.name: measurement for measurement in chosen}


def values(found: list[Measurement], where: str | None = None) -> dict[str, float]:
    return {name: measurement.value for name, measurement in by_name(found, where).items()}


def residuals(x: Tensor, labels: Tensor) -> np.ndarray:
    """Rows (n, d) less the mean of their class, in float64."""
    rows = x.double().flatten(1)
    return torch.stack(
        [row - rows[labels == label].mean(0) for row, label in zip(rows, labels, strict=True)]
    ).numpy()


def u_centred_hsic(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased HSIC as the inner product of U-centred matrices (Székely & Rizzo 2014, equation 2.5)."""
    n = len(x)
    parts = []
    for rows in (x, y):
        gram = rows @ rows.T
        np.fill_diagonal(gram, 0)
        sums = gram.sum(1) / (n - 2)
        centred = gram - sums[:, None] - sums + gram.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(centred, 0)
        parts.append(centred)
    return float((parts[0] * parts[1]).sum() / (n * (n - 3)))


def u_centred_cka(x: np.ndarray, y: np.ndarray, labels: Tensor | None = None) -> float:
    """Debiased CKA, over classes where labels are given."""
    groups = [slice(None)] if labels is None else [(labels == label).numpy() for label in labels.unique()]
    sums = [
        sum(u_centred_hsic(a[members], b[members]) for members in groups) for a, b in ((x, y), (x, x), (y, y))
    ]
    return sums[0] / math.sqrt(sums[1] * sums[2])
