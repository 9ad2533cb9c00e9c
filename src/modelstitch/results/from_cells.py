"""From what the engine and the evidence return to the rows of a run's tables, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from modelstitch.evidence.material import Measurement
from modelstitch.grid.cell import FittedCell
from modelstitch.results.rows import CellRow, EvidenceRow
from modelstitch.specs import CellSpec, StitchSpec


def cell_row(fitted: FittedCell) -> CellRow:
    """Return a finished cell as a row."""
    cell, share = fitted.spec, fitted.accuracy
    failed = fitted.fitted.failure is not None
    n_heldout = len(fitted.correct)
    return CellRow(
        sender_cut=cell.sender_cut,
        receiver_cut=cell.receiver_cut,
        family=cell.stitch.name,
        norm=cell.stitch.norm,
        objective=cell.objective,
        control=cell.control,
        seed=cell.seed,
        accuracy=None if failed else share,
        standard_error=None if failed else _standard_error(fitted),
        loss=None if math.isnan(fitted.fitted.loss) else fitted.fitted.loss,
        n_parameters=fitted.stitch.n_parameters,
        bridge=fitted.stitch.bridge_label,
        steps=fitted.fitted.steps,
        seconds=fitted.fitted.seconds,
        n_heldout=n_heldout,
        failure=fitted.fitted.failure,
        start=fitted.fitted.start,
        converged=fitted.fitted.converged,
        gain=fitted.fitted.gain,
        noise=fitted.fitted.noise,
        total_steps=fitted.fitted.total_steps,
        precision=fitted.fitted.precision,
    )


def _standard_error(fitted: FittedCell) -> float:
    scores = fitted.correct
    if scores.dtype == torch.bool:
        return math.sqrt(fitted.accuracy * (1 - fitted.accuracy) / len(scores))
    return float(scores.double().std(correction=0)) / math.sqrt(len(scores))


def cell_spec(row: CellRow) -> CellSpec:
    """Return the spec that a row came from."""
    return CellSpec(
        sender_cut=row.sender_cut,
        receiver_cut=row.receiver_cut,
        stitch=StitchSpec.parse(row.family, row.norm),
        objective=row.objective,  # type: ignore[arg-type]
        control=row.control,
        seed=row.seed,
    )


def evidence_rows(cell: CellSpec, found: Sequence[Measurement]) -> list[EvidenceRow]:
    """Return what was measured about a cell as rows; what is not finite becomes None."""
    return [
        EvidenceRow(
            sender_cut=cell.sender_cut,
            receiver_cut=cell.receiver_cut,
            family=cell.stitch.name,
            norm=cell.stitch.norm,
            control=cell.control,
            seed=cell.seed,
            kind=each.kind,
            name=each.name,
            where=each.where,
            value=_finite(each.value),
            low=_finite(each.low),
            high=_finite(each.high),
            n=each.n,
        )
        for each in found
    ]


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
