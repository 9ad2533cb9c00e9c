"""The view that a feature extractor of transformers describes, checked against the extractor itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from modelstitch.data.views import play
from modelstitch.errors import first_line
from modelstitch.specs import View

_INERT = frozenset(
    {
        "_processor_class",
        "auto_map",
        "feature_extractor_type",
        "model_input_names",
        "processor_class",
        "return_tensors",
    }
)
"""Keys of an extractor's file that change no sound."""

READS_SAMPLES = ("Wav2Vec2FeatureExtractor",)
"""Classes whose output are the samples themselves; the others make spectrograms."""

_TOLERANCE = 1e-4


def view_of(extractor: Any, written: Mapping[str, Any]) -> View:
    """Return the view of a feature extractor.

    Args:
        extractor: of transformers.
        written: the values in its file.

    Returns:
        The view; with ``unread``, what it does not hold.
    """
    name = type(extractor).__name__
    if name not in READS_SAMPLES:
        return View(unread=name)
    unread = _unread(extractor, written)
    if unread:
        return View(rate=extractor.sampling_rate, flat=True, unread=f"{unread} of {name}")
    view = View(
        rate=int(extractor.sampling_rate),
        flat=True,
        standardised=bool(extractor.do_normalize) or None,
        masked=bool(extractor.return_attention_mask) or None,
    )
    difference = _difference(view, extractor)
    return view if difference is None else View(rate=view.rate, flat=True, unread=f"{name} ({difference})")


def _unread(extractor: Any, written: Mapping[str, Any]) -> str | None:
    known = {*inspect.signature(type(extractor).__init__).parameters, *_INERT, "padding_side"}
    # A switch that is off changes nothing, whatever it would do.
    unknown = sorted(key for key, value in written.items() if key not in known and value not in (None, False))
    if unknown:
        return f"the key {', '.join(map(repr, unknown))}"
    for key, usual in (("padding_side", "right"), ("padding_value", 0.0), ("feature_size", 1)):
        if getattr(extractor, key, usual) != usual:
            return f"{key} {getattr(extractor, key)!r}"
    return None


def _difference(view: View, extractor: Any) -> str | None:
    """Return how the view and the extractor differ on two sounds of different length, or None."""
    generator = torch.Generator().manual_seed(0)
    sounds = torch.zeros(2, 1, 400)
    samples = torch.tensor([400, 250])
    for row, n in zip(sounds, samples.tolist(), strict=True):
        row[0, :n] = 0.2 + 0.3 * torch.randn(n, generator=generator)
    assert view.rate is not None
    try:
        made = extractor(
            [row[0, :n].numpy().astype(np.float32) for row, n in zip(sounds, samples.tolist(), strict=True)],
            padding="max_length",
            max_length=400,
            truncation=True,
            sampling_rate=view.rate,
            return_tensors="pt",
        )["input_values"]
    except Exception as error:  # any code of the extractor's may run here
        return first_line(error)
    ours = play(sounds, view, view.rate, samples)
    if made.shape != ours.shape or (made - ours).abs().max() > _TOLERANCE:
        return "what it makes of a sound differs"
    return None
