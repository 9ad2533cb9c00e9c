"""From what the engine and the evidence return to the rows of a run's tables, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from modelstitch.evidence.material import Measurement
from modelstitch.grid.cell import FittedCell
from modelstitch.results.kept import ExampleParts
from modelstitch.results.rows import CellKey, CellRow, EvidenceRow
from modelstitch.specs import CellSpec, StitchSpec


def cell_row(fitted: FittedCell, whole: Tensor | None = None) -> CellRow:
    """Return a finished cell as a row.

    Args:
        fitted: the cell.
        whole: (n_heldout,) the score of each held-out example by the whole receiver of the cell's grid; None
            where it has none.
    """
    cell, fit = fitted.spec, fitted.fitted
    failed = fit.failure is not None
    above, above_error = (None, None) if failed or whole is None else _paired(fitted.correct, whole)
    return CellRow(
        sender_cut=cell.sender_cut,
        receiver_cut=cell.receiver_cut,
        stitch=cell.stitch.label,
        family=cell.stitch.family,
        size=cell.stitch.size,
        norm=cell.stitch.norm,
        objective=cell.objective,
        control=cell.control,
        seed=cell.seed,
        score=None if failed else fitted.accuracy,
        standard_error=None if failed else _standard_error(fitted),
        loss=None if math.isnan(fit.loss) else fit.loss,
        n_parameters=fitted.stitch.n_parameters,
        bridge=fitted.stitch.bridge_label,
        steps=fit.steps,
        seconds=fit.seconds,
        n_heldout=len(fitted.correct),
        failure=fit.failure,
        start=fit.start,
        converged=fit.converged,
        gain=fit.gain,
        noise=fit.noise,
        total_steps=fit.total_steps,
        precision=fit.precision,
        above_receiver=above,
        above_receiver_error=above_error,
    )


def _paired(scores: Tensor, reference: Tensor) -> tuple[float, float]:
    """Return the mean difference of two scores of the same examples, and its standard error."""
    difference = scores.double() - reference.cpu().double()
    error = float(difference.std(correction=0)) / math.sqrt(len(difference))
    return float(difference.mean()), error


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
        stitch=StitchSpec.parse(row.stitch),
        objective=row.objective,  # type: ignore[arg-type]
        control=row.control,
        seed=row.seed,
    )


def cell_key(cell: CellSpec) -> CellKey:
    """Return which cell of its grid a spec is."""
    return CellKey(cell.sender_cut, cell.receiver_cut, cell.stitch.label, cell.seed)


def evidence_rows(cell: CellSpec, measurements: Sequence[Measurement]) -> list[EvidenceRow]:
    """Return the measurements of a cell as rows; a value that is not finite becomes None."""
    return [
        EvidenceRow(
            sender_cut=cell.sender_cut,
            receiver_cut=cell.receiver_cut,
            stitch=cell.stitch.label,
            control=cell.control,
            seed=cell.seed,
            kind=measurement.kind,
            name=measurement.name,
            where=measurement.where,
            value=_finite(measurement.value),
            low=_finite(measurement.low),
            high=_finite(measurement.high),
            n=measurement.n,
        )
        for measurement in measurements
    ]


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def parts_of(measurements: Sequence[Measurement]) -> ExampleParts | None:
    """Return what was measured of a cell by example; None without the kind ``kept``."""
    kept = [each for each in measurements if each.kind == "kept"]
    errors = {
        each.where: None if each.parts is None else each.parts.numpy()
        for each in kept
        if each.name == "recovered"
    }
    orders = next((each.parts for each in kept if each.name == "more_than_label"), None)
    return ExampleParts(errors, None if orders is None else orders.numpy()) if errors else None
