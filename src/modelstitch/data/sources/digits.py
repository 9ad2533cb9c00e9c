"""Scans of handwritten digits that come with scikit-learn: 1,797 grey images of 8 x 8 pixels."""

from __future__ import annotations

import torch

from modelstitch.data.in_memory import from_whole
from modelstitch.data.label_sets import LabelSet
from modelstitch.data.parts import Data, DataPart
from modelstitch.specs import DataSpec


def recognises(source: str) -> bool:
    """Tell whether ``source`` is ``digits``."""
    return source == "digits"


def load(spec: DataSpec) -> Data:
    """Load the digits, split by ``spec.seed``; values are divided by 16; the label set is ``parity``."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float().unsqueeze(1) / 16
    labels = torch.from_numpy(bunch.target).long()
    classes = tuple(str(name) for name in bunch.target_names)
    data = from_whole(DataPart(images, labels), classes=classes, name="digits", spec=spec)
    return data.with_label_sets([LabelSet("parity", ("even", "odd"), (0, 1) * 5)])
