"""The sentences on the stages of a candidate, in English."""

from __future__ import annotations

SENTENCES = {
    "stages.name.candidate": "candidate",
    "stages.name.pilot": "pilot",
    "stages.name.adopted": "adopted",
    "stages.name.retired": "retired",
    "stages.result.passed": "passed",
    "stages.result.failed": "failed",
    "stages.result.undecided": "undecided",
    "stages.now": "Stage: {stage}.",
    "stages.step.move": "{day}, {by}: moved to {stage}.",
    "stages.step.pilot": (
        "{day}, {by}: pilot {k} against {against} {result}, margin {margin}, {n} {n:example|examples}."
    ),
    "stages.step.verify": "{day}, {by}: verify holds.",
    "stages.step.verify_not": "{day}, {by}: verify does not hold.",
    "stages.step.monitor": "{day}, {by}: a monitor began.",
    "stages.step.alarm": "{day}, {by}: a monitor raised an alarm.",
    "stages.next.after_candidate": "Next: pilot (modelstitch pilot DIR --data NEW).",
    "stages.next.adopted": "Next: adopted, which needs: {needs}.",
    "stages.next.ready": "Next: adopted, which needs nothing more (modelstitch stage DIR adopted --by NAME).",
    "stages.next.after_adopted": "Next: retired, by a decision (modelstitch stage DIR retired --by NAME).",
    "stages.next.after_retired": "No stage follows.",
    "stages.lacks.pilot": "a passed pilot (modelstitch pilot)",
    "stages.lacks.pilot-undecided": "a passed pilot: the latest one is undecided",
    "stages.lacks.pilot-failed": "a passed pilot: the latest one failed",
    "stages.lacks.verify": "a check by somebody else than the exporter (modelstitch verify --by NAME)",
    "stages.lacks.verify-failed": "a check by somebody else: the latest one did not hold",
    "stages.lacks.reviewed": "examples where both differ that a person looked at, as --reviewed FILE.csv",
}
