"""What an experiment costs before it runs: cells, time, disk and memory, from a minute of measurement."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelstitch.grid.grid import Budget
from modelstitch.runs.estimate import estimate
from modelstitch.runs.experiment import PairUnit
from modelstitch.runs.memory import needed_bytes
from modelstitch.runs.session import Session
from modelstitch.specs import EvidenceSpec
from modelstitch.stitches import build

MEASURED_SECONDS = 60.0
"""Pairs are measured for so long, at least two of them."""

ROW_BYTES = 3500
"""Of a cell beside its stitch and answers: its rows, evidence and the header of its file, as measured."""

PAGE_BYTES = 1_500_000
"""Of the page, the pictures and the tables of a pair, as measured."""

_FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class ExperimentCost:
    """What an experiment costs.

    Attributes:
        n_models, n_pairs: of it.
        cells: number of cells by control.
        fit_seconds, evidence_seconds: expected wall-clock time, on this machine as busy as it is now.
        train_seconds: expected time for the networks that are trained first.
        disk_bytes: expected size of the folder.
        memory_bytes: expected peak of one pair, Python and PyTorch included.
        n_measured: pairs that were measured; the others are scaled by their multiply-adds.
    """

    n_models: int
    n_pairs: int
    cells: dict[str, int]
    fit_seconds: float
    evidence_seconds: float
    train_seconds: float
    disk_bytes: int
    memory_bytes: int
    n_measured: int

    @property
    def n_cells(self) -> int:
        """Cells of all controls."""
        return sum(self.cells.values())

    @property
    def seconds(self) -> float:
        """Expected time in all."""
        return self.fit_seconds + self.evidence_seconds + self.train_seconds


def plan(
    units: Sequence[PairUnit],
    evidence: EvidenceSpec,
    budget_of: Callable[[Session], Budget],
    train_seconds: float = 0.0,
    most_seconds: float = MEASURED_SECONDS,
) -> ExperimentCost:
    """Return what an experiment costs.

    The dearest pair by multiply-adds is measured, then the cheapest, then those between, until the time is
    used up. Fits and evidence of the others cost as much for each multiply-add, and for each cell.

    Args:
        units: every pair.
        evidence: what would be measured.
        budget_of: how much memory a pair may take.
        train_seconds: for networks that are trained before.
        most_seconds: for the measurements.
    """
    weights = [_weight(unit.session) for unit in units]
    order = sorted(range(len(units)), key=weights.__getitem__, reverse=True)
    began = time.perf_counter()
    measured: dict[int, tuple[float, float]] = {}
    memory = 0
    for place in _spread(order):
        session = units[place].session
        cost = estimate(session, budget_of(session), evidence)
        measured[place] = (cost.seconds, cost.evidence_seconds)
        memory = max(memory, cost.bytes + needed_bytes(session))
        spent = time.perf_counter() - began
        if len(measured) >= _FEWEST and spent * (1 + 1 / len(measured)) > most_seconds:
            break
    a_unit = sum(fit for fit, _ in measured.values()) / sum(weights[place] for place in measured)
    n_cells = [len(unit.session.cells) for unit in units]
    a_cell = sum(own for _, own in measured.values()) / sum(n_cells[place] for place in measured)
    fits = [measured[i][0] if i in measured else a_unit * weights[i] for i in range(len(units))]
    judged = [measured[i][1] if i in measured else a_cell * n_cells[i] for i in range(len(units))]
    cells: Counter[str] = Counter()
    for unit in units:
        cells.update(cell.control for cell in unit.session.cells)
    return ExperimentCost(
        n_models=len({name for unit in units for name in (unit.pair.sender, unit.pair.receiver)}),
        n_pairs=len(units),
        cells=dict(cells),
        fit_seconds=sum(fits),
        evidence_seconds=sum(judged),
        train_seconds=train_seconds,
        disk_bytes=_disk_bytes(units),
        memory_bytes=memory,
        n_measured=len(measured),
    )


def _weight(session: Session) -> float:
    """Return the multiply-adds of one example through the suffixes of all cells."""
    cutting = session.pair.receiver.cutting
    n_into = Counter(cell.receiver_cut for cell in session.cells)
    return sum(n * max(1, cutting.counted(name)[1].multiply_adds) for name, n in n_into.items())


def _spread(order: Sequence[int]) -> list[int]:
    """Return the first, the last, the middle, and so on between them.

    Example:
        >>> _spread([10, 11, 12, 13, 14])
        [10, 14, 12, 11, 13]
    """
    found = [order[0], order[-1]]
    gaps = [(0, len(order) - 1)]
    while gaps:
        low, high = gaps.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            found.append(order[middle])
            gaps += [(low, middle), (middle, high)]
    return list(dict.fromkeys(found))


def _disk_bytes(units: Sequence[PairUnit]) -> int:
    n_parameters: dict[object, int] = {}
    total = 0
    for unit in units:
        pair = unit.session.pair
        answers = len(pair.data.heldout) // 8
        for cell in unit.session.cells:
            key = (cell.stitch, *pair.layouts(cell))
            if key not in n_parameters:
                n_parameters[key] = build(cell.stitch, *pair.layouts(cell)).n_parameters
            total += 4 * n_parameters[key] + answers + ROW_BYTES
    return total + PAGE_BYTES * len(units)
