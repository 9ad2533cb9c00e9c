"""The outcome of a run: labelled accuracies with their controls and baselines."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.evidence.verdict import Thresholds, Verdict
from modelstitch.results import notebook, plots, sentences
from modelstitch.results.error_tables import error_table
from modelstitch.results.frames import cell_dataset, cell_frame, verdict_frame
from modelstitch.results.json_file import FORMAT, read_values, write_values
from modelstitch.results.rows import AdvantageRow, Baseline, CellRow, EvidenceRow
from modelstitch.results.triangle import Shape, shape
from modelstitch.results.verdicts import CellKey, over_seeds, verdicts
from modelstitch.specs import CONTROLS, TRAINED
from modelstitch.wording import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All cells of a run with the baselines they are read against.

    Attributes:
        sender, receiver, data: names.
        spec: the whole spec of the run as plain values.
        cells: finished cells, in the order of the grid.
        baselines: accuracy of each whole network, trained and untrained.
        notes: what else decided the numbers: division of the data, checks passed, versions.
        evidence: what was measured about the cells beside their scores.
        advantages: differences to the controls on the same examples, with intervals that hold for all of them at once.
    """

    sender: str
    receiver: str
    data: str
    spec: dict[str, Any]
    cells: tuple[CellRow, ...]
    baselines: tuple[Baseline, ...]
    notes: dict[str, Any]
    evidence: tuple[EvidenceRow, ...] = ()
    advantages: tuple[AdvantageRow, ...] = ()

    def baseline(self, role: str, control: str = TRAINED) -> float | None:
        """Return the mean accuracy over seeds of the whole ``sender`` or ``receiver`` under a control."""
        expect_one_of("role", role, ("sender", "receiver"), SpecError)
        values = [b.accuracy for b in self.baselines if (b.role, b.control) == (role, control)]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    @property
    def chance(self) -> float:
        """Score of a guess: the share of the commonest class of the held-out part."""
        return float(self.notes.get("chance", 1 / int(self.notes["n_classes"])))

    @property
    def n_effective(self) -> int:
        """Number of right and wrong answers whose share would be as certain as an accuracy of this run: the median over its cells."""
        return int(np.median([cell.n_effective for cell in self.cells]))

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls that were run, the real grid (``trained``) first."""
        ran = {cell.control for cell in self.cells}
        return tuple(control for control in CONTROLS if control in ran)

    @property
    def stitches(self) -> tuple[str, ...]:
        """The stitches that were fitted, as ``family`` or ``family+norm``."""
        return tuple(dict.fromkeys(cell.stitch for cell in self.cells))

    @property
    def objectives(self) -> tuple[str, ...]:
        """What stitches were fitted to, that of the main stitch first."""
        main = self.main_stitch
        return tuple(
            dict.fromkeys(cell.objective for cell in sorted(self.cells, key=lambda cell: cell.stitch != main))
        )

    @property
    def has_curves(self) -> bool:
        """Whether enough stitches were fitted to one objective to draw accuracy against the number of parameters."""
        first = self.objectives[0]
        return len({cell.stitch for cell in self.cells if cell.objective == first}) > 2

    @property
    def is_cut_short(self) -> bool:
        """Whether cells that the run was to have are not there."""
        planned = self.notes.get("n_cells")
        return planned is not None and len(self.cells) < int(planned)

    @property
    def main_stitch(self) -> str:
        """The stitch that one speaks of where several were fitted: ``affine``, which the paper's is, or else the largest."""
        if "affine" in self.stitches:
            return "affine"
        usual = [cell for cell in self.cells if " by " not in cell.stitch] or self.cells
        return max(usual, key=lambda cell: cell.n_parameters).stitch

    @property
    def failed(self) -> tuple[CellRow, ...]:
        """The cells whose fit failed."""
        return tuple(cell for cell in self.cells if cell.failure is not None)

    @property
    def unconverged(self) -> tuple[CellRow, ...]:
        """The cells whose accuracy still moved when their fit had to end."""
        return tuple(cell for cell in self.cells if cell.converged is False)

    @property
    def dataset(self) -> xr.Dataset:
        """A labelled Dataset over control, seed, stitch, sender_cut and receiver_cut; a cell not run is NaN."""
        axes: dict[str, list[Any]] = {
            "control": list(self.controls),
            "seed": sorted({cell.seed for cell in self.cells}),
            "stitch": list(self.stitches),
            "sender_cut": self._in_spec_order("sender_cut"),
            "receiver_cut": self._in_spec_order("receiver_cut"),
        }
        own = {
            f"{role}_accuracy": [_nan(self.baseline(role, c)) for c in self.controls]
            for role in ("sender", "receiver")
        }
        names = {"sender": self.sender, "receiver": self.receiver, "data": self.data}
        return cell_dataset(self.cells, axes, own, names)

    def layouts_of(self, cell: CellRow) -> tuple[str | None, str | None]:
        """Return how a cell's two representations were read; None where the run does not say."""
        known = self.notes.get("layouts", {})
        sender = "receiver" if cell.control == "self-stitch" else "sender"
        return known.get(sender, {}).get(cell.sender_cut), known.get("receiver", {}).get(cell.receiver_cut)

    def cut_names(self, control: str) -> tuple[list[str], list[str]]:
        """Return the sender's cuts of one grid and the receiver's cuts of all, in the order of the models."""
        return self._in_spec_order("sender_cut", control), self._in_spec_order("receiver_cut")

    def _in_spec_order(self, name: str, control: str | None = None) -> list[str]:
        present = {getattr(cell, name) for cell in self.cells if control in (None, cell.control)}
        # The rows of a self-stitch are cuts of the receiver.
        known = dict.fromkeys([*self.spec[f"{name}s"], *self.spec["receiver_cuts"]])
        return [cut for cut in known if cut in present]

    def matrix(
        self, control: str = TRAINED, seed: int | None = None, stitch: str | None = None
    ) -> xr.DataArray:
        """Return accuracies by sender cut (rows) and receiver cut (columns).

        Args:
            control: which grid.
            seed: which fitting seed; the mean over all of them without it.
            stitch: which stitch; needed where several were fitted.

        Raises:
            SpecError: no such control, seed or stitch in this comparison.
        """
        expect_one_of("control", control, self.controls, SpecError)
        if stitch is None and len(self.stitches) > 1:
            raise SpecError(f"expected a stitch, since several were fitted: {', '.join(self.stitches)}")
        chosen = stitch or self.stitches[0]
        expect_one_of("stitch", chosen, self.stitches, SpecError)
        rows = self._in_spec_order("sender_cut", control)
        values = self.dataset["accuracy"].sel(control=control, stitch=chosen, sender_cut=rows)
        if seed is None:
            # A seed that has not been run yet says nothing; one whose fit failed leaves no mean.
            failed = self.dataset["failed"].sel(control=control, stitch=chosen, sender_cut=rows)
            return values.mean("seed", skipna=True).where(~(failed == 1).any("seed"))
        seeds = [str(each) for each in values["seed"].to_numpy()]
        expect_one_of("seed", str(seed), seeds, SpecError)
        return values.sel(seed=seed)

    def heatmap(self, ax: Axes | None = None, control: str = TRAINED, stitch: str | None = None) -> Axes:
        """Draw the matrix of one control; :meth:`figure` draws all of them."""
        chosen = stitch or self.main_stitch
        doubtful = self.doubtful(control, chosen)
        return plots.heatmap(self.matrix(control, stitch=chosen), ax, self._title(control, chosen), doubtful)

    def doubtful(self, control: str, stitch: str) -> xr.DataArray:
        """Tell for each cell of a grid whether its accuracy still moved, with some seed, when its fit had to end."""
        rows = self._in_spec_order("sender_cut", control)
        converged = self.dataset["converged"].sel(control=control, stitch=stitch, sender_cut=rows)
        return (converged == 0).any("seed")

    def figure(self) -> Figure:
        """Draw the matrices of all controls (and stitches) that were run, beside each other on one scale."""
        panels = [
            (
                self._title(control, stitch),
                self.matrix(control, stitch=stitch),
                self.doubtful(control, stitch),
            )
            for stitch in self.stitches
            for control in self.controls
        ]
        n_seeds = len({cell.seed for cell in self.cells})
        n_heldout = self.cells[0].n_heldout
        heading = (
            f"{self.sender} into {self.receiver} on {self.data}: {n_heldout} held-out examples, "
            f"{n_seeds} fitting seed{'s' if n_seeds > 1 else ''}"
        )
        failed = f"; {len(self.failed)} cells failed" if self.failed else ""
        if self.unconverged:
            failed += f"; {len(self.unconverged)} cells marked ? had not converged"
        alone = (
            ""
            if len(self.controls) > 1
            else "\nno controls were run: a high value may be the stitch's own work"
        )
        return plots.sheet(panels, heading + failed + alone)

    def _title(self, control: str, stitch: str) -> str:
        which = f" ({stitch})" if len(self.stitches) > 1 else ""
        absent = {
            "sender": control in ("clustered-noise", "one-hot"),
            "receiver": control == "probe",
        }
        whole = ", ".join(
            f"whole {role} {_shown(self.baseline(role, control))}" for role in absent if not absent[role]
        )
        return f"{sentences.TITLES[control]}{which}\n{whole}"

    def to_frame(self) -> pd.DataFrame:
        """Return one row a cell, with its baselines and penalty; for the real grid also its normalised score and selectivity."""
        names = (self.sender, self.receiver, self.data)
        return cell_frame(self.cells, self.evidence, self.baseline, self.layouts_of, names)

    def verdicts(
        self, stitch: str | None = None, thresholds: Thresholds | None = None
    ) -> dict[CellKey, Verdict]:
        """Return what may be said of every cell of the real grid, by (sender cut, receiver cut, stitch, seed).

        Args:
            stitch: of this stitch alone; of all without it.
            thresholds: where the lines are; the package's own without it.
        """
        return verdicts(self.cells, self.evidence, self.chance, stitch=stitch, thresholds=thresholds)

    def cell_verdicts(self, stitch: str | None = None) -> dict[tuple[str, str, str], Verdict]:
        """Return one verdict a cell, by (sender cut, receiver cut, stitch): what all seeds say, or that they disagree."""
        seeds = {cell.seed for cell in self.cells if cell.control == TRAINED}
        return over_seeds(self.verdicts(stitch), sorted(seeds))

    def verdict_frame(self) -> pd.DataFrame:
        """Return one row a verdict."""
        return verdict_frame(self.verdicts())

    def shape(self, control: str = TRAINED, stitch: str | None = None) -> Shape:
        """Return the shape of one matrix: triangle, corresponding and distant layers, direction."""
        return shape(self.matrix(control, stitch=stitch or self.main_stitch))

    def error_table(self) -> pd.DataFrame:
        """Return the paper's tables of EV, ES and SV; see :func:`modelstitch.results.error_tables.error_table`."""
        senders, receivers = (self._in_spec_order(f"{role}_cut", TRAINED) for role in ("sender", "receiver"))
        pairs = list(zip(senders, receivers, strict=False))
        return error_table(self.evidence, pairs if len(senders) == len(receivers) else ())

    def evidence_frame(self) -> pd.DataFrame:
        """Return one row a measurement."""
        return pd.DataFrame([asdict(each) for each in self.evidence])

    def sentences(self) -> list[Text]:
        """Say in a few plain sentences what the matrix shows, computed from the numbers alone."""
        stitch = self.main_stitch
        found = sentences.sentences(
            {control: self.matrix(control, stitch=stitch) for control in self.controls},
            receiver_accuracy=self.baseline("receiver"),
            chance=self.chance,
            n_heldout=self.n_effective,
            n_failed=sum(cell.control == TRAINED and cell.stitch == stitch for cell in self.failed),
            n_unconverged=self.n_unconverged(stitch, real=True),
            n_unconverged_controls=self.n_unconverged(stitch, real=False),
        )
        if TRAINED in self.controls:
            seen = self.shape(stitch=stitch)
            found += sentences.of_shape(seen.triangle, seen.asymmetry, seen.corresponding, seen.distant)
            n_seeds = len({cell.seed for cell in self.cells})
            found += sentences.of_verdicts(self._verdict_names(stitch), n_seeds)
        if self.notes.get("labels") and self.spec.get("fit", {}).get("objective", "task") == "task":
            found += sentences.of_label_sets(self.evidence, str(self.notes["labels"]))
        found += sentences.of_advantages([row for row in self.advantages if row.stitch == stitch])
        return found + sentences.of_overlap(self.notes.get("fitting_images_seen") or {})

    def n_unconverged(self, stitch: str, *, real: bool) -> int:
        """Return how many cells of the real grid, or of the controls, had not converged with some seed."""
        return len(
            {
                (cell.control, cell.sender_cut, cell.receiver_cut)
                for cell in self.unconverged
                if cell.stitch == stitch and (cell.control == TRAINED) == real
            }
        )

    def _verdict_names(self, stitch: str) -> np.ndarray:
        """Return the names of the verdicts over all seeds, senders by receivers; empty where there is none."""
        verdicts = self.cell_verdicts(stitch)
        senders, receivers = (self._in_spec_order(f"{role}_cut", TRAINED) for role in ("sender", "receiver"))
        names = [
            [verdicts[i, j, stitch].name if (i, j, stitch) in verdicts else "" for j in receivers]
            for i in senders
        ]
        return np.asarray(names)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values; :func:`load` reads it back."""
        return {
            "format": FORMAT,
            "sender": self.sender,
            "receiver": self.receiver,
            "data": self.data,
            "sender_accuracy": self.baseline("sender"),
            "receiver_accuracy": self.baseline("receiver"),
            "spec": self.spec,
            "notes": self.notes,
            "baselines": [asdict(each) for each in self.baselines],
            "cells": [asdict(each) for each in self.cells],
            "evidence": [asdict(each) for each in self.evidence],
            "advantages": [asdict(each) for each in self.advantages],
        }

    def save(self, path: str | Path) -> None:
        """Write the comparison to ``path`` as JSON, whole or not at all.

        Raises:
            RunError: the file cannot be written.
        """
        write_values(self.to_json(), path)

    @classmethod
    def read(cls, path: str | Path) -> Comparison:
        """Read what :meth:`save` wrote.

        Raises:
            RunError: no such file, or a file of another kind.
        """
        return cls.from_json(read_values(path))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Comparison:
        """Return the comparison that :meth:`to_json` gave the values of."""
        return cls(
            sender=values["sender"],
            receiver=values["receiver"],
            data=values["data"],
            spec=values["spec"],
            cells=tuple(CellRow(**each) for each in values["cells"]),
            baselines=tuple(Baseline(**each) for each in values["baselines"]),
            notes=values["notes"],
            evidence=tuple(EvidenceRow(**each) for each in values.get("evidence", ())),
            advantages=tuple(AdvantageRow(**each) for each in values.get("advantages", ())),
        )

    def __repr__(self) -> str:
        return (
            f"Comparison({self.sender} into {self.receiver} on {self.data}: {len(self.cells)} cells, "
            f"controls {', '.join(self.controls)})"
        )

    def _repr_html_(self) -> str:
        tables = []
        for stitch in self.stitches:
            which = f" ({stitch})" if len(self.stitches) > 1 else ""
            if TRAINED in self.controls and (verdicts := self.cell_verdicts(stitch)):
                tables.append(
                    notebook.verdict_table(f"verdicts{which}", self.matrix(stitch=stitch), verdicts, stitch)
                )
            for control in self.controls:
                title = self._title(control, stitch).replace("\n", ": ")
                matrix, doubtful = self.matrix(control, stitch=stitch), self.doubtful(control, stitch)
                tables.append(notebook.accuracy_table(title, matrix, doubtful))
        return notebook.whole(repr(self), self.sentences() if self.cells else (), tables)


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def _shown(value: float | None) -> str:
    return "has no such classes" if value is None else f"{value:.3f}"
