"""Real scans of handwritten digits that come inside scikit-learn: 1,797 grey images of 8 x 8 pixels."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits

from modelstitch.sources.data.labelled import Data
from modelstitch.sources.data.tensors import from_arrays
from modelstitch.specs import DataSpec


def load(spec: DataSpec) -> Data:
    """Load the digits, split by ``spec.seed``; values are 0-16 divided by 16."""
    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float().unsqueeze(1) / 16
    labels = torch.from_numpy(bunch.target).long()
    classes = tuple(str(name) for name in bunch.target_names)
    return from_arrays(images, labels, classes=classes, name="digits", spec=spec)
