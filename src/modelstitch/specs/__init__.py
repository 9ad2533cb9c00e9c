"""What to do, as frozen values: models, data, stitches, fits, cells and runs. No torch here."""

from __future__ import annotations

from modelstitch.specs.controls import (
    CONTROLS,
    RANDOM_SENDER,
    SELF_STITCH,
    SHUFFLED_LABELS,
    TRAINED,
    VERDICT_CONTROLS,
    ControlInfo,
    control_names,
    label_only_controls,
    random_controls,
)
from modelstitch.specs.families import (
    DEFAULT_FAMILY,
    FAMILIES,
    FamilyInfo,
)
from modelstitch.specs.fits import (
    PROTOCOLS,
    FitSpec,
    StitchSpec,
)
from modelstitch.specs.models_and_data import (
    DataSpec,
    ModelSpec,
    View,
)
from modelstitch.specs.names import (
    EVIDENCE,
    EVIDENCE_VERSION,
    IN_MEMORY,
    INTERPOLATIONS,
    NORMS,
    OUTPUT_SCALES,
    RANDOM,
    RESULT_VERSION,
    ROLE_SEEDS,
    STANDARD_EVIDENCE,
    TASKS,
    TOKEN_TASKS,
    Norm,
    RandomName,
)
from modelstitch.specs.objectives import (
    OBJECTIVES,
    ObjectiveInfo,
    ObjectiveName,
)
from modelstitch.specs.runs import (
    CellSpec,
    EvidenceSpec,
    RunSpec,
    content_hash,
    to_json,
)

__all__ = [
    "CONTROLS",
    "DEFAULT_FAMILY",
    "EVIDENCE",
    "EVIDENCE_VERSION",
    "FAMILIES",
    "INTERPOLATIONS",
    "IN_MEMORY",
    "NORMS",
    "OBJECTIVES",
    "OUTPUT_SCALES",
    "PROTOCOLS",
    "RANDOM",
    "RANDOM_SENDER",
    "RESULT_VERSION",
    "ROLE_SEEDS",
    "SELF_STITCH",
    "SHUFFLED_LABELS",
    "STANDARD_EVIDENCE",
    "TASKS",
    "TOKEN_TASKS",
    "TRAINED",
    "VERDICT_CONTROLS",
    "CellSpec",
    "ControlInfo",
    "DataSpec",
    "EvidenceSpec",
    "FamilyInfo",
    "FitSpec",
    "ModelSpec",
    "Norm",
    "ObjectiveInfo",
    "ObjectiveName",
    "RandomName",
    "RunSpec",
    "StitchSpec",
    "View",
    "content_hash",
    "control_names",
    "label_only_controls",
    "random_controls",
    "to_json",
]
