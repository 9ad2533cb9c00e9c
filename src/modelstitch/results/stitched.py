"""The stitched network of one finished cell, and where a comparison gets it from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, final

import numpy as np

from modelstitch.errors import ModelError, SpecError, expect_one_of
from modelstitch.grid.side import Side
from modelstitch.grid.stitched import Stitched
from modelstitch.results.rows import CellKey, CellRow
from modelstitch.specs import TRAINED, CellSpec, StitchSpec
from modelstitch.stitches import Stitch
from modelstitch.util.imported import imported

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

_MOST_LISTED = 8

_EXPORT = "modelstitch.adoption.folder.export:export_with"
"""What writes a candidate; by name, since it stands below this module in the tower."""


@final
class StitchedCell(Stitched):
    """The stitched network of a finished cell: an ordinary module that was not fitted again.

    Attributes:
        cell: the finished cell, with its score and how it was fitted.
        comparison: the run that the cell is of, with its sources, facts, verdicts and controls.
        sides: sender and receiver with their data, as the run prepared them.
    """

    def __init__(
        self, comparison: Comparison, cell: CellRow, spec: CellSpec, stitch: Stitch, sides: tuple[Side, Side]
    ) -> None:
        assert cell.score is not None
        super().__init__(spec, stitch, cell.score, *sides)
        self.comparison, self.cell, self.sides = comparison, cell, sides

    def export(
        self,
        folder: str | Path,
        *,
        by: str,
        reason: str = "",
        margin: float = 0.02,
        accept_risk: str = "",
        sender_licence: str = "",
        receiver_licence: str = "",
        finetune: int | None = None,
        finetune_part: str | None = None,
        division_seed: int = 0,
    ) -> Path:
        """Write the network as a candidate: weights, program, ONNX file, model card, sums and ledger.

        Args:
            folder: a new one; it appears whole or not at all.
            by: who exports, the first name in the ledger.
            reason: why, for the ledger.
            margin: the most of the score that may be lost against the whole receiver.
            accept_risk: why a candidate that does not show all it must is exported; empty refuses it.
            sender_licence, receiver_licence: licences of the originals.
            finetune: steps to train the network further, by its task, on a copy; by default none.
            finetune_part: ``"stitch"`` (the default) or ``"stitch-and-receiver"``: what is trained.
            division_seed: of the division of the held-out examples into those that choose, confirm and
                calibrate.

        Returns:
            The folder, for :func:`modelstitch.load_stitched`.

        Raises:
            RunError: the folder exists, or the data are not those of the run.
            SpecError: the candidate does not show what it must, or cannot be fine-tuned.
            DataError: fewer than 100 examples to calibrate a monitor.
            ModelError: the network cannot be traced.
            TruthError: a form gives other outputs than the network.
        """
        write = imported(_EXPORT, "function", "export", ModelError)
        options: dict[str, object] = {
            "by": by,
            "reason": reason,
            "margin": margin,
            "accept_risk": accept_risk,
            "sender_licence": sender_licence,
            "receiver_licence": receiver_licence,
            "finetune": finetune,
            "finetune_part": finetune_part,
            "division_seed": division_seed,
        }
        written: Path = write(self, folder, **options)
        return written


class GivesStitched(Protocol):
    """Gives the stitched network of a finished cell: from memory, or from a run folder."""

    def stitched(self, comparison: Comparison, cell: CellRow) -> StitchedCell:
        """Return the stitched network of a cell of the real grid."""

    def sides(self, comparison: Comparison) -> tuple[Any, Any]:
        """Return sender and receiver with their data, each a :class:`modelstitch.grid.side.Side`."""

    def answers(self) -> dict[tuple[str, CellKey], np.ndarray]:
        """Return the score of each held-out example, (n_heldout,), by control and cell."""

    def parts(self) -> Mapping[tuple[str, CellKey], Any]:
        """Return what was measured by example, by control and cell.

        Each is a :class:`modelstitch.results.kept.ExampleParts`.
        """


def cell_of(
    comparison: Comparison,
    sender_cut: str,
    receiver_cut: str,
    stitch: str | None = None,
    seed: int | None = None,
    objective: str | None = None,
) -> CellRow:
    """Return the one finished cell of the real grid that fits.

    Args:
        comparison: what was run.
        sender_cut, receiver_cut: names of cuts.
        stitch: label of the stitch, such as ``affine``; a family with another objective is found by it too.
        seed: of the fit.
        objective: what the stitch was fitted to.

    Raises:
        SpecError: no such cell, several of them, or one whose fit failed.
    """
    rows = [row for row in comparison.cells if row.control == TRAINED]
    for name, cut in (("sender cut", sender_cut), ("receiver cut", receiver_cut)):
        held = list(dict.fromkeys(getattr(row, name.replace(" ", "_")) for row in rows))
        expect_one_of(f"{name} of this run", cut, held, SpecError)
    rows = [row for row in rows if (row.sender_cut, row.receiver_cut) == (sender_cut, receiver_cut)]
    at = f"{sender_cut} -> {receiver_cut}"
    if not rows:
        raise SpecError(f"expected a finished cell, got {at}, which this run has not fitted: run it first")
    if objective is not None:
        expect_one_of(f"objective of {at}", objective, [row.objective for row in rows], SpecError)
        rows = [row for row in rows if row.objective == objective]
    if stitch is not None:
        labels = list(dict.fromkeys(row.stitch for row in rows))
        exact = [row for row in rows if row.stitch == stitch]
        rows = exact or [row for row in rows if _without_objective(row.stitch) == stitch]
        if not rows:
            expect_one_of(f"stitch of {at}", stitch, labels, SpecError)
    if seed is not None:
        expect_one_of(f"seed of {at}", str(seed), [str(row.seed) for row in rows], SpecError)
        rows = [row for row in rows if row.seed == seed]
    if len(rows) > 1:
        raise SpecError(
            f"expected one fit of {at}, got {len(rows)}: {_listed(rows)}; choose one by stitch, seed or "
            "objective"
        )
    (row,) = rows
    if row.failure is not None:
        raise SpecError(
            f"expected a cell that was fitted, got {at} ({_named(row)}), which failed: {row.failure}"
        )
    return row


def _without_objective(label: str) -> str:
    spec = StitchSpec.parse(label)
    return StitchSpec(family=spec.family, size=spec.size, norm=spec.norm).label


def _named(row: CellRow) -> str:
    return f"stitch {row.stitch}, seed {row.seed}, objective {row.objective}"


def _listed(rows: Sequence[CellRow]) -> str:
    n_more = len(rows) - _MOST_LISTED
    shown = "; ".join(map(_named, rows[:_MOST_LISTED]))
    return shown + (f"; and {n_more} more" if n_more > 0 else "")


def names_of_cell(
    cell: str | tuple[Any, ...], receiver_cut: str | None, stitch: str | None, seed: int | None
) -> dict[str, Any]:
    """Return how :meth:`modelstitch.Comparison.stitched` is asked for a cell given by cuts or key.

    Raises:
        SpecError: it is given twice, or in part.

    Example:
        >>> names_of_cell(("a", "b"), None, None, 3)
        {'sender_cut': 'a', 'receiver_cut': 'b', 'seed': 3}
    """
    if receiver_cut is not None and not isinstance(cell, str):
        raise SpecError(
            f"expected a cell, or a sender cut and a receiver cut, got {cell!r} and {receiver_cut!r}"
        )
    key = (cell,) if isinstance(cell, str) else cell
    key = key if receiver_cut is None else (*key, receiver_cut)
    if not 2 <= len(key) <= 4:
        raise SpecError(f"expected a cell as (sender cut, receiver cut), got {cell!r}")
    names = ("sender_cut", "receiver_cut", "stitch", "seed")
    named: dict[str, Any] = dict(zip(names, key, strict=False))
    chosen: dict[str, Any] = {"stitch": stitch, "seed": seed}
    return {**named, **{name: each for name, each in chosen.items() if each is not None}}
