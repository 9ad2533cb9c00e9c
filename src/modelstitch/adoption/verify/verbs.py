"""Verify a run or a candidate, whichever a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelstitch.adoption.folder.signature import Trust
from modelstitch.adoption.verify.candidate import is_candidate, verify_candidate
from modelstitch.adoption.verify.finished_run import SampleSpec, verify_run
from modelstitch.adoption.verify.record import Target, Verification
from modelstitch.errors import RunError, SpecError
from modelstitch.runs.place import DATABASE, expect_one, holds_run
from modelstitch.util.progress import SILENT, Progress


def kind_of(folder: Path) -> Target:
    """Return what a folder holds.

    Raises:
        RunError: neither a run nor a candidate, or several pairs.
    """
    if folder.is_dir():
        if is_candidate(folder):
            return "candidate"
        expect_one(folder)
        if holds_run(folder):
            return "run"
    raise RunError(
        f"expected a run folder or the folder of a candidate, got {str(folder)!r}, which holds neither "
        f"{DATABASE} nor the files of a candidate"
    )


def verify_either(
    folder: Path,
    by: str,
    *,
    sample: int,
    seed: int,
    data: Any,
    trust: Trust | None,
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> Verification:
    """Check what a folder holds; see :func:`modelstitch.verify`.

    Raises:
        RunError: it holds neither a run nor a candidate.
        SpecError: a signature is asked for that a run does not have, or data that have no name.
    """
    spec = SampleSpec(n=sample, seed=seed)
    if kind_of(folder) == "candidate":
        return verify_candidate(folder, by, data=data, trust=trust, seed=seed)
    if trust is not None:
        raise SpecError("expected a candidate to check a signature of, got a run, which has none")
    if not (data is None or isinstance(data, str)):
        raise SpecError(f"expected the source of the data of a run, as a text, got {type(data).__name__}")
    return verify_run(folder, by, spec, data=data, cache=cache, progress=progress)
