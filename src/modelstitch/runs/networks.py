"""Where a finished run gets its stitched networks from: what is in memory, or its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
from torch import Tensor

from modelstitch.errors import TruthError
from modelstitch.grid.side import Side
from modelstitch.models.network import digest
from modelstitch.results.from_cells import cell_spec
from modelstitch.results.kept import PartsByCell
from modelstitch.results.rows import CellKey, CellRow
from modelstitch.results.stitched import StitchedCell
from modelstitch.specs import TRAINED, CellSpec
from modelstitch.stitches import build

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison
    from modelstitch.runs.session import Session

Weights = Mapping[str, Tensor]
ScoresByCell = dict[tuple[str, CellKey], np.ndarray]


@final
class HeldNetworks:
    """Both networks of a run in memory, with the weights of its stitches.

    Args:
        session: what was run.
        weights_of: the weights of the stitch of a finished cell, by its key.
        answers_of: the score of each held-out example, by control and cell.
        parts_of: what was measured by example, by control and cell.
    """

    def __init__(
        self,
        session: Session,
        weights_of: Callable[[str], Weights],
        answers_of: Callable[[], ScoresByCell],
        parts_of: Callable[[], PartsByCell],
    ) -> None:
        self._sides = session.pair.sender, session.pair.receiver
        # Also of cells that a run folder had before, and that were not asked for now.
        self._key_of = session.key
        self._weights_of, self.answers, self.parts = weights_of, answers_of, parts_of

    def sides(self, comparison: Comparison) -> tuple[Side, Side]:
        """Return sender and receiver.

        Raises:
            TruthError: a network has other weights than when the cells were fitted.
        """
        for role, side in zip(("sender", "receiver"), self._sides, strict=True):
            if digest(side.network.module) != side.digest:
                raise TruthError(
                    f"the {role} {side.network.name} has other weights than in the run: its stitches belong "
                    "to the weights that it had then"
                )
        return self._sides

    def stitched(self, comparison: Comparison, cell: CellRow) -> StitchedCell:
        """Return the stitched network of a cell.

        Raises:
            TruthError: a network has other weights than when the cell was fitted.
        """
        spec = cell_spec(cell)
        return joined(comparison, cell, spec, self._weights_of(self._key_of(spec)), self.sides(comparison))


@final
@dataclass(frozen=True)
class StoredNetworks:
    """Both networks of a run folder, loaded again from their sources when they are asked for.

    Attributes:
        folder: of the run.
        cache: folder where captured graphs are kept, and looked for first.
    """

    folder: Path
    cache: Path | None = None
    _loaded: list[tuple[Side, Side]] = field(default_factory=list, compare=False, repr=False)

    def stitched(self, comparison: Comparison, cell: CellRow) -> StitchedCell:
        """Return the stitched network of a cell.

        Raises:
            RunError: a network or the data were given in memory, or cannot be loaded again.
            TruthError: a source holds other weights than in the run, or the file of the stitch is not its
                own.
        """
        from modelstitch.runs.reader import key_of, read_weights

        # By the key that the database holds: another version would compute another one.
        weights = read_weights(self.folder, key_of(self.folder, cell))
        return joined(comparison, cell, cell_spec(cell), weights, self.sides(comparison))

    def answers(self) -> ScoresByCell:
        """Return the score of each held-out example, by control and cell."""
        from modelstitch.runs.reader import read_answers

        return read_answers(self.folder)

    def parts(self) -> PartsByCell:
        """Return what was measured by example, by control and cell."""
        from modelstitch.runs.reader import read_parts

        return read_parts(self.folder)

    def sides(self, comparison: Comparison) -> tuple[Side, Side]:
        """Return sender and receiver, loaded once.

        Raises:
            RunError: a network or the data were given in memory, or cannot be loaded again.
            TruthError: a source holds other weights than in the run.
        """
        if not self._loaded:
            self._loaded.append(self._load(comparison))
        return self._loaded[0]

    def _load(self, comparison: Comparison) -> tuple[Side, Side]:
        from modelstitch.runs.reader import origin_of
        from modelstitch.runs.sources import folders_of, load_again

        recorded = {row.role: row.digest for row in comparison.baselines if row.control == TRAINED}
        if comparison.facts.data_content:
            recorded["data"] = comparison.facts.data_content
        folders = folders_of(self.folder, origin_of(self.folder))
        session = load_again(comparison.spec, recorded, folders, f"run {str(self.folder)!r}", self.cache)
        return session.pair.sender, session.pair.receiver


def joined(
    comparison: Comparison, cell: CellRow, spec: CellSpec, weights: Weights, sides: tuple[Side, Side]
) -> StitchedCell:
    """Return the stitched network of a cell from its parts."""
    sender, receiver = sides
    stitch = build(spec.stitch, sender.cut(spec.sender_cut).layout, receiver.cut(spec.receiver_cut).layout)
    stitch.load_state_dict(dict(weights))
    stitch = stitch.to(receiver.data.heldout.images.device)
    return StitchedCell(comparison, cell, spec, stitch, sides)
