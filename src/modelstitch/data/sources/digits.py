"""Real scans of handwritten digits that come inside scikit-learn: 1,797 grey images of 8 x 8 pixels."""

from __future__ import annotations

from dataclasses import replace

import torch
from sklearn.datasets import load_digits

from modelstitch.data.in_memory import from_arrays
from modelstitch.data.label_sets import LabelSet
from modelstitch.data.parts import Data, DataPart
from modelstitch.specs import DataSpec


def load(spec: DataSpec) -> Data:
    """Load the digits, split by ``spec.seed``; values are 0-16 divided by 16. Their coarser label set is ``parity``."""
    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float().unsqueeze(1) / 16
    labels = torch.from_numpy(bunch.target).long()
    classes = tuple(str(name) for name in bunch.target_names)
    data = from_arrays(DataPart(images, labels), classes=classes, name="digits", spec=spec)
    return replace(data, label_sets=(LabelSet("parity", ("even", "odd"), (0, 1) * 5),))
