"""The sentences on the stages of a candidate, in English."""

from __future__ import annotations

SENTENCES = {
    "stages.lacks.pilot": "a passed pilot (modelstitch pilot)",
    "stages.lacks.pilot-undecided": "a passed pilot: the latest one is undecided",
    "stages.lacks.pilot-failed": "a passed pilot: the latest one failed",
    "stages.lacks.verify": "a check by somebody else than the exporter (modelstitch verify --by NAME)",
    "stages.lacks.verify-failed": "a check by somebody else: the latest one did not hold",
    "stages.lacks.reviewed": "examples where both differ that a person looked at, as --reviewed FILE.csv",
}
