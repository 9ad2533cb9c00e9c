"""Check a run again: its files and rows, its networks and data, some of its scores, and one fit."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelstitch.adoption.verify.record import Verification, VerifiedCheck
from modelstitch.adoption.verify.run_files import (
    RECORD,
    ReadRun,
    files_check,
    read_database,
    rows_check,
)
from modelstitch.errors import RunError, SpecError, TruthError
from modelstitch.grid.grid import fit_grid
from modelstitch.results.comparison import Comparison
from modelstitch.results.from_cells import cell_spec
from modelstitch.runs.check import score_again
from modelstitch.runs.place import DATABASE
from modelstitch.runs.prepare import widened
from modelstitch.runs.reader import StoredCell, origin_of, read_run, read_weights
from modelstitch.runs.run import BUDGET
from modelstitch.runs.session import Session
from modelstitch.runs.sources import OtherContentError, folders_of, load_again
from modelstitch.specs import TRAINED
from modelstitch.stitches import build
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.locks import locked
from modelstitch.util.progress import SILENT, Progress

MOST_EXAMPLES_OFF = 2
"""Held-out examples by which a score may be another one: their answers hang by a rounding."""

_WAIT = 10.0


@dataclass(frozen=True, kw_only=True)
class SampleSpec:
    """Which cells are scored again.

    Attributes:
        n: how many of the real grid, and of the controls; a larger number than the run has takes all.
        seed: of the choice.

    Raises:
        SpecError: fewer than one cell.
    """

    n: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n < 1:
            raise SpecError(f"expected at least one cell to score again, got a sample of {self.n}")


def sampled(cells: Mapping[str, StoredCell], spec: SampleSpec) -> list[str]:
    """Return the keys of the cells that are scored again: of the real grid, and of every control.

    Example:
        >>> sampled({}, SampleSpec())
        []
    """
    drawn = random.Random(spec.seed)
    scored = sorted(key for key, cell in cells.items() if cell.row.score is not None)
    real = [key for key in scored if cells[key].row.control == TRAINED]
    others = [key for key in scored if cells[key].row.control != TRAINED]
    drawn.shuffle(real)
    drawn.shuffle(others)
    first = {cells[key].row.control: key for key in reversed(others)}  # each control once at least
    order = list(dict.fromkeys((*first.values(), *others)))
    return [*real[: spec.n], *order[: max(spec.n, len(first))]]


def verify_run(
    folder: str | Path,
    by: str,
    sample: SampleSpec | None = None,
    *,
    data: str | None = None,
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> Verification:
    """Check a run again, and add the record to ``verified.jsonl`` in its folder.

    Args:
        folder: of the run.
        by: who checks.
        sample: which cells are scored again; eight of the real grid and eight of the controls without it.
        data: where the data lie on this machine, if not where the run had them.
        cache: folder where captured graphs are kept, and looked for first.
        progress: receives news.

    Raises:
        RunError: no run there, or its networks or data cannot be loaded again.
    """
    folder, sample = Path(folder), sample or SampleSpec()
    left = ["evidence, verdicts, page and pictures were not made again: their rows and files have sums"]
    try:
        found = read_database(folder)
    except TruthError as error:
        broken = VerifiedCheck(name="files", holds=False, said=str(error), facts={"changed": [DATABASE]})
        return _recorded(folder, by, [broken], left)
    files, files_left = files_check(folder, found)
    rows, rows_left = rows_check(folder, found)
    checks, left = [files, rows], [*left, *files_left, *rows_left]
    if not (files.holds and rows.holds):
        left.append("networks, data, scores and a fit: files or rows are not those of the run")
        return _recorded(folder, by, checks, left)
    comparison = read_run(folder)
    progress.stage("loading both networks and the data again")
    try:
        session = _session(folder, comparison, data, cache)
    except OtherContentError as error:
        name = "data" if error.role == "data" else "networks"
        other = VerifiedCheck(name=name, holds=False, said=str(error), facts={"changed": [error.role]})
        return _recorded(folder, by, [*checks, other], [*left, "scores and a fit: a source is another one"])
    checks.append(_same_sources(session))
    keys = sampled(found.cells, sample)
    progress.stage(f"scoring {len(keys)} cells again")
    checks += [_networks_score(session, comparison), _scores(folder, session, found, keys, sample.seed)]
    n_left = sum(cell.row.score is not None for cell in found.cells.values()) - len(keys)
    if n_left:
        left.append(f"the scores of {n_left} more cells, which the sample did not take")
    real = [key for key in keys if found.cells[key].row.control == TRAINED]
    if real:
        progress.stage("fitting one cell again")
        checks.append(_fit_again(session, found.cells[real[0]]))
    else:
        left.append("a fit: no cell of the real grid has a score")
    return _recorded(folder, by, checks, left)


def _session(folder: Path, comparison: Comparison, data: str | None, cache: Path | None) -> Session:
    spec = comparison.spec
    recorded = {row.role: row.digest for row in comparison.baselines if row.control == TRAINED}
    if comparison.facts.data_content:
        recorded["data"] = comparison.facts.data_content
    if data is not None:
        spec = replace(spec, data=replace(spec.data, source=data))
    folders = folders_of(folder, origin_of(folder))
    session = load_again(spec, recorded, folders, f"run {str(folder)!r}", cache)
    whole = replace(
        session.spec, stitches=spec.stitches, fit=spec.fit, controls=spec.controls, seeds=spec.seeds
    )
    return widened(session, whole)


def _same_sources(session: Session) -> VerifiedCheck:
    pair = session.pair
    digests = {"sender": pair.sender.digest, "receiver": pair.receiver.digest, "data": pair.data_digest}
    said = ", ".join(f"{role} {value[:8]}" for role, value in digests.items())
    return VerifiedCheck(
        name="networks", holds=True, said=f"have the content that they had: {said}", facts=digests
    )


def _networks_score(session: Session, comparison: Comparison) -> VerifiedCheck:
    """Score both whole networks again."""
    n = len(session.pair.data.heldout)
    again = {"sender": session.pair.sender.accuracy(), "receiver": session.pair.receiver.accuracy()}
    rows = {row.role: row.score for row in comparison.baselines if row.control == TRAINED}
    off = {
        role: abs(value - own) * n
        for role, value in again.items()
        if value is not None and (own := rows.get(role)) is not None
    }
    wrong = [role for role, value in off.items() if value > MOST_EXAMPLES_OFF + 1e-6]
    said = (
        f"another score of the whole {' and '.join(wrong)} by more than {MOST_EXAMPLES_OFF} held-out examples"
        if wrong
        else f"{' and '.join(off) or 'no network'} score as in the run, within {MOST_EXAMPLES_OFF} examples"
    )
    return VerifiedCheck(name="whole networks", holds=not wrong, said=said, facts={"examples_off": off})


def _scores(folder: Path, session: Session, found: ReadRun, keys: Sequence[str], seed: int) -> VerifiedCheck:
    """Score cells again from their stitch files."""
    off: dict[str, float] = {}
    foreign: list[str] = []
    for key in keys:
        cell = found.cells[key]
        spec = replace(cell_spec(cell.row), draw=cell.draw)
        stitch = build(spec.stitch, *session.pair.layouts(spec))
        stitch.load_state_dict(read_weights(folder, key))
        stitch = stitch.to(session.pair.data.heldout.images.device)
        assert cell.row.score is not None
        off[str(spec)] = abs(score_again(session, spec, stitch) - cell.row.score) * cell.row.n_heldout
        if session.key(spec) != key:
            foreign.append(str(spec))
    wrong = [name for name, value in off.items() if value > MOST_EXAMPLES_OFF + 1e-6]
    said = (
        f"{len(off)} cells score as in the run, within {MOST_EXAMPLES_OFF} held-out examples (at most "
        f"{max(off.values(), default=0.0):.3g})"
    )
    if wrong:
        said = f"another score by more than {MOST_EXAMPLES_OFF} held-out examples: {', '.join(wrong)}"
    elif foreign:
        said = f"the key is not that of the cell, of these networks and this version: {', '.join(foreign)}"
    facts: dict[str, Any] = {"seed": seed, "n": len(off), "examples_off": off, "other_keys": foreign}
    return VerifiedCheck(name="scores", holds=not (wrong or foreign), said=said, facts=facts)


def _fit_again(session: Session, cell: StoredCell) -> VerifiedCheck:
    """Fit one cell of the real grid again; its score is to lie in the interval of the one in the run."""
    spec, row = cell_spec(cell.row), cell.row
    assert row.score is not None
    (fitted,) = fit_grid(session.pair, [spec], session.spec.fit, BUDGET)
    low, high = row.interval or (0.0, 1.0)
    again = fitted.accuracy
    holds = low <= again <= high or again == row.score
    said = f"{spec} fitted again scores {again:.4f}, in the run {row.score:.4f} ({low:.4f} to {high:.4f})"
    facts = {"cell": str(spec), "score": again, "run": row.score, "low": low, "high": high}
    return VerifiedCheck(name="fit", holds=holds, said=said, facts=facts)


def _recorded(folder: Path, by: str, checks: Sequence[VerifiedCheck], left: Sequence[str]) -> Verification:
    """Return the record, after it was added to the file of records in the folder."""
    found = Verification(
        target="run",
        name=folder.resolve().name,
        by=by,
        checks=tuple(checks),
        not_checked=tuple(left),
    )
    path = folder / RECORD
    line = json.dumps(found.to_plain(), ensure_ascii=False, allow_nan=False) + "\n"
    try:
        with locked(path.with_name(RECORD + ".lock"), f"{str(path)!r} is in use by another process", _WAIT):
            before = path.read_text(encoding="utf-8") if path.is_file() else ""
            atomic_write(path, lambda new: new.write_text(before + line, encoding="utf-8", newline="\n"))
    except (OSError, RunError) as error:
        return replace(found, not_checked=(*found.not_checked, f"the record is not in {RECORD}: {error}"))
    return found
