"""What to do, as frozen values: models, data, stitches, fits, cells and runs. No torch here."""

from __future__ import annotations

from modelstitch.specs.controls import TRAINED
from modelstitch.specs.fits import FitSpec, StitchSpec
from modelstitch.specs.names import (
    CONTROLS,
    DEFAULT_SIZES,
    EVIDENCE,
    EVIDENCE_VERSION,
    FAMILIES,
    NORMED_FAMILIES,
    NORMS,
    OBJECTIVES,
    PROTOCOLS,
    RESULT_VERSION,
    ROLE_SEEDS,
    STANDARD_EVIDENCE,
    TASKS,
    TOKEN_TASKS,
    VERDICT_CONTROLS,
    Norm,
    Objective,
)
from modelstitch.specs.runs import CellSpec, EvidenceSpec, RunSpec, content_hash, to_json
from modelstitch.specs.sources import DataSpec, ModelSpec, View

__all__ = [
    "CONTROLS",
    "DEFAULT_SIZES",
    "EVIDENCE",
    "EVIDENCE_VERSION",
    "FAMILIES",
    "NORMED_FAMILIES",
    "NORMS",
    "OBJECTIVES",
    "PROTOCOLS",
    "RESULT_VERSION",
    "ROLE_SEEDS",
    "STANDARD_EVIDENCE",
    "TASKS",
    "TOKEN_TASKS",
    "TRAINED",
    "VERDICT_CONTROLS",
    "CellSpec",
    "DataSpec",
    "EvidenceSpec",
    "FitSpec",
    "ModelSpec",
    "Norm",
    "Objective",
    "RunSpec",
    "StitchSpec",
    "View",
    "content_hash",
    "to_json",
]
