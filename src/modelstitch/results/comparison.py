"""The outcome of a run: labelled scores with their controls and baselines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from modelstitch.errors import RunError, SpecError, expect_one_of
from modelstitch.evidence.verdict import Thresholds, Verdict
from modelstitch.results import as_json, dataset, figure, json_file, notebook
from modelstitch.results.answers import answered
from modelstitch.results.curves import capacity_curves
from modelstitch.results.disagreements import Disagreements, disagreements
from modelstitch.results.error_tables import error_table
from modelstitch.results.extra_scores import extra_scores
from modelstitch.results.finished_cells import FinishedCells
from modelstitch.results.frames import (
    advantage_frame,
    capacity_frame,
    cell_frame,
    evidence_frame,
    verdict_frame,
)
from modelstitch.results.rows import CellKey
from modelstitch.results.sentences import of_comparison
from modelstitch.results.stitched import GivesStitched, StitchedCell, cell_of, names_of_cell
from modelstitch.results.triangle import MatrixShape, shape
from modelstitch.results.verdicts import judged_controls, over_seeds, verdicts
from modelstitch.specs import CONTROLS, TRAINED
from modelstitch.util.arguments import checked, several
from modelstitch.wording import Sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Comparison(FinishedCells):
    """All cells of a run with the baselines they are read against.

    Attributes:
        sender, receiver, data: names.
        spec: the whole spec of the run.
        facts: what the run records beside it: division of the data, checks passed, versions.
        cells: finished cells, in the order of the grid.
        baselines: score of each whole network, trained and untrained.
        evidence: what was measured about the cells beside their scores.
        advantages: differences to the controls on the same examples, with simultaneous intervals.
        kept: how much of the receiver's content within classes each cell keeps.
        networks: what :meth:`stitched` gets a network from; None where only numbers are known.
    """

    networks: GivesStitched | None = field(default=None, compare=False, repr=False)

    @cached_property
    def dataset(self) -> xr.Dataset:
        """Every number of every cell, over control, seed, stitch, sender_cut and receiver_cut; read-only.

        ==================================== ====================== ==========================================
        variable                             range                  NaN, beside a cell that was not run
        ==================================== ====================== ==========================================
        ``score``, ``low``, ``high``         0 to 1                 the fit failed
        ``penalty`` (receiver less cell)     -1 to 1                the same, or the receiver has no score
        ``above_receiver``                   -1 to 1                the same
        ``standard_error``, ``..._error``    above 0                all examples score alike
        ``normalised``                       1 is the self-stitch   a control; no random sender or self-stitch
        ``selectivity``                      -1 to 1                not measured
        ``kept``, ``kept_low``, ``_high``    0 label, 1 self-stitch no self-stitch or label-only sender beside
        ``head``, ``head_low``, ``_high``    the same behind it     the same
        ``lead``, ``lead_low``, ``_high``    about -1 to 1          no untrained senders were drawn
        ``p_label``                          0 to 1                 not measured
        ``recovered``, ``own``, ``label``    at most 1              the same
        ``KIND.NAME`` (``.low``, ``.high``)  ``.attrs["range"]``    not measured, undefined, too few examples
        ``loss``, ``gain``, ``noise``        any                    the fit failed; a fixed length
        ``converged``, ``failed``            0 or 1                 a fixed length (``converged``)
        ``n_parameters``, ``steps``, ...     0 and up
        ==================================== ====================== ==========================================

        ``low`` and ``high`` are the ends of the 95 % interval of the score of one fit, for other examples:
        Wilson's for right and wrong answers. ``KIND.NAME`` is a measurement of the evidence, such as
        ``geometry.cka``, at the receiver cut of the cell; ``KIND.NAME@PLACE`` the same at a later cut or in
        the output. ``sender_score`` and ``receiver_score`` are those of the whole networks, by control.
        """
        return dataset.dataset(self)

    @checked()
    def matrix(
        self,
        value: str = "score",
        *,
        control: str = TRAINED,
        seed: int | None = None,
        stitch: str | None = None,
    ) -> xr.DataArray:
        """Return one number of every cell by sender cut (rows) and receiver cut (columns).

        Args:
            value: a variable of :attr:`dataset`, which says its range: ``"score"``, ``"low"``, ``"penalty"``,
                ``"kept"``, ``"geometry.cka"`` and more. The name of a control means the scores of its grid.
            control: which grid.
            seed: which fitting seed. Without it the mean over all seeds that were run; the mean of ``low``
                and ``high`` says nothing of other seeds.
            stitch: which stitch; needed where several were fitted.

        Returns:
            (sender cuts, receiver cuts), labelled; NaN for a cell that was not run, whose fit failed with
            some seed, or that has no such value: :attr:`dataset` says when.

        Raises:
            SpecError: no such variable, control, seed or stitch in this comparison.

        Example:
            ``result`` is what :func:`modelstitch.compare` returned.

            >>> scores, kept = result.matrix(), result.matrix("kept")
            >>> bool((result.matrix("low") < scores).all()), kept.dims
            (True, ('sender_cut', 'receiver_cut'))
        """
        if value in CONTROLS:
            value, control = "score", value
        expect_one_of("control", control, self.controls, SpecError)
        if stitch is None and len(self.stitches) > 1:
            raise SpecError(f"expected a stitch, since several were fitted: {', '.join(self.stitches)}")
        chosen = stitch or self.stitches[0]
        expect_one_of("stitch", chosen, self.stitches, SpecError)
        rows = self.cuts_in_order("sender", control)
        if seed is not None:
            expect_one_of("seed", str(seed), [str(each) for each in self.seeds], SpecError)
        return dataset.matrix(self.dataset, value, control=control, stitch=chosen, seed=seed, rows=rows)

    def doubtful(self, control: str, stitch: str) -> xr.DataArray:
        """Tell for each cell of a grid whether some seed's fit ended before its score had converged."""
        rows = self.cuts_in_order("sender", control)
        converged = self.dataset["converged"].sel(control=control, stitch=stitch, sender_cut=rows)
        return (converged == 0).any("seed")

    @checked()
    def heatmap(self, ax: Axes | None = None, control: str = TRAINED, stitch: str | None = None) -> Axes:
        """Draw the matrix of one control; :meth:`figure` draws all of them."""
        return figure.heatmap(self, ax, control, stitch)

    def figure(self) -> Figure:
        """Draw the matrices of all controls (and stitches) that were run, beside each other on one scale."""
        return figure.figure(self)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each cell, with its baselines, its penalty and how it was fitted."""
        names = (self.sender, self.receiver, self.data)
        return cell_frame(self.cells, self.evidence, self.baseline, self.layouts_of, names, self.score_name)

    def evidence_frame(self) -> pd.DataFrame:
        """Return one row for each measurement, beside the score of its cell."""
        return evidence_frame(self.evidence, self._scores(), self.score_name)

    def verdict_frame(self) -> pd.DataFrame:
        """Return one row for each verdict, on the trained pair and on the controls, beside the score."""
        judged = {
            control: self.verdicts(control=control)
            for control in (TRAINED, *judged_controls(self.cells))
            if control in self.controls
        }
        return verdict_frame(judged, self._scores(), self.score_name)

    def capacity_frame(self) -> pd.DataFrame:
        """Return one row for each stitch of each cell: what it keeps, and what it decides about the cell.

        Of stitches that were fitted to the first objective; :func:`capacity_curves` says what is decided.
        """
        return capacity_frame(capacity_curves(self), self.score_name)

    def advantage_frame(self) -> pd.DataFrame:
        """Return one row for each difference to a control, beside the score of the cell of the real grid."""
        return advantage_frame(self.advantages, self._scores(), self.score_name)

    def _scores(self) -> dict[tuple[str, CellKey], float | None]:
        return {(cell.control, cell.key): cell.score for cell in self.cells}

    @checked()
    def verdicts(
        self,
        stitch: str | None = None,
        thresholds: Thresholds | None = None,
        control: str = TRAINED,
    ) -> dict[CellKey, Verdict]:
        """Return the verdict on every cell of one grid, by (sender cut, receiver cut, stitch, seed).

        Args:
            stitch: label of one stitch; all stitches without it.
            thresholds: where the lines are; the package's own without it.
            control: the real grid, or a control with another sender and the same receiver: its answers are
                known beforehand.

        Raises:
            SpecError: a control that was not run, or that no verdict is about.
        """
        judged = (TRAINED, *judged_controls(self.cells))
        expect_one_of("control", control, judged, SpecError)
        if thresholds is not None:
            return self._judged(thresholds, control, stitch)
        if control not in self._verdicts:
            self._verdicts[control] = self._judged(None, control)
        return {key: each for key, each in self._verdicts[control].items() if stitch in (None, key.stitch)}

    @cached_property
    def _verdicts(self) -> dict[str, dict[CellKey, Verdict]]:
        """Verdicts by control, made when they are first asked for."""
        return {}

    def _judged(
        self, thresholds: Thresholds | None, control: str, stitch: str | None = None
    ) -> dict[CellKey, Verdict]:
        return verdicts(
            self.cells,
            self.evidence,
            self.kept,
            self.chance,
            stitch=stitch,
            thresholds=thresholds,
            judged=control,
            receiver=self.whole_score("receiver"),
        )

    def cell_verdicts(self, stitch: str | None = None) -> dict[tuple[str, str, str], Verdict]:
        """Return one verdict for each (sender cut, receiver cut, stitch), over all its seeds."""
        seeds = {cell.seed for cell in self.cells if cell.control == TRAINED}
        return over_seeds(self.verdicts(stitch), sorted(seeds))

    def shape(self, control: str = TRAINED, stitch: str | None = None) -> MatrixShape:
        """Return the shape of one matrix: triangle, corresponding and distant layers, direction."""
        return shape(self.matrix(control=control, stitch=stitch or self.main_stitch))

    def error_table(self) -> pd.DataFrame:
        """Return the paper's tables of EV, ES and SV, over the diagonal and over all cells."""
        senders, receivers = (self.cuts_in_order(role, TRAINED) for role in ("sender", "receiver"))
        pairs = list(zip(senders, receivers, strict=False))
        return error_table(self.evidence, pairs if len(senders) == len(receivers) else ())

    @checked()
    def stitched(
        self,
        sender_cut: str,
        receiver_cut: str,
        *,
        stitch: str | None = None,
        seed: int | None = None,
        objective: str | None = None,
    ) -> StitchedCell:
        """Return the stitched network of one finished cell; nothing is fitted again.

        Args:
            sender_cut, receiver_cut: where the sender ends, and where the receiver begins.
            stitch: label of the stitch; needed where several were fitted.
            seed: of the fit; likewise.
            objective: what the stitch was fitted to; likewise.

        Returns:
            An ordinary module, from the sender's input to the receiver's output, with ``.prefix``,
            ``.stitch``, ``.suffix`` and ``.cell``. Its halves share the parameters of the two networks.

        Raises:
            SpecError: no such cell, or several, which are listed; or one whose fit failed.
            RunError: the comparison is numbers alone, or its networks cannot be loaded again.
            TruthError: the networks, or the file of the stitch, are not those of the run.
        """
        cell = cell_of(self, sender_cut, receiver_cut, stitch, seed, objective)
        if self.networks is None:
            raise RunError(
                "expected a comparison with its stitches for stitched(), got numbers alone: take that of "
                "compare(), or load the run folder"
            )
        return self.networks.stitched(self, cell)

    @checked()
    def disagreements(
        self,
        cell: str | tuple[Any, ...],
        receiver_cut: str | None = None,
        *,
        stitch: str | None = None,
        seed: int | None = None,
    ) -> Disagreements:
        """Return where the stitched network of a cell and its whole receiver answer differently.

        Both networks are run on the held-out examples.

        Args:
            cell: (sender cut, receiver cut), with the stitch and the seed behind them where several were
                fitted, such as a key of :meth:`verdicts` or of :meth:`cell_verdicts`; or the sender cut.
            receiver_cut: the receiver cut beside a sender cut.
            stitch, seed: which fit; needed where several were made.

        Returns:
            By class, by example, and as pictures: ``.by_class()``, ``.examples()``, ``.confused()``,
            ``.contact_sheet()``.

        Raises:
            SpecError: no such cell, several, or a task without one class for each example.
            RunError: the run cannot give its networks.

        Example:
            ``result`` is what :func:`modelstitch.compare` returned.

            >>> found = result.disagreements(("2", "2"))
            >>> rows = found.by_class()
            >>> list(rows.columns)[:4], len(rows)
            (['class', 'n', 'receiver', 'stitched'], 10)
            >>> float((rows["stitched"] * rows["n"]).sum() / rows["n"].sum()) == float(result.matrix().item())
            True
        """
        network = self._network(cell, receiver_cut, stitch, seed)
        return disagreements(answered(network), str(network.spec))

    @checked()
    def scores(
        self,
        cell: str | tuple[Any, ...],
        receiver_cut: str | None = None,
        *,
        names: str | Sequence[str],
        stitch: str | None = None,
        seed: int | None = None,
    ) -> pd.DataFrame:
        """Return further scores of a cell and of its whole receiver on the held-out examples.

        Args:
            cell, receiver_cut, stitch, seed: as for :meth:`disagreements`.
            names: one or several of torchmetrics, such as ``"F1Score"``, or by their short names ``"f1"``,
                ``"auroc"``, ``"calibration"``, ``"precision"``, ``"recall"``, ``"kappa"`` and ``"mcc"``.

        Returns:
            One row for each: ``name``, ``receiver``, ``stitched``, and ``change``, the stitched one less the
            receiver's; first the score of the task.

        Raises:
            MissingExtraError: torchmetrics is not installed.
            SpecError: no such cell or score, or a score that is not one number.
            RunError: the run cannot give its networks.
        """
        network = self._network(cell, receiver_cut, stitch, seed)
        whole = network.sides[1].accuracy()
        own = math.nan if whole is None else whole
        first = {"name": self.score_name, "receiver": own, "stitched": network.accuracy}
        first["change"] = network.accuracy - own
        further = extra_scores(answered(network), several(names))
        return pd.concat([pd.DataFrame([first]), further], ignore_index=True)

    def _network(
        self, cell: str | tuple[Any, ...], receiver_cut: str | None, stitch: str | None, seed: int | None
    ) -> StitchedCell:
        """Return the stitched network of a cell that is given by its cuts or its key."""
        return self.stitched(**names_of_cell(cell, receiver_cut, stitch, seed))

    def __getstate__(self) -> dict[str, Any]:
        # A comparison that travels is numbers: its networks stay where they are.
        return {**self.__dict__, "networks": None}

    def sentences(self) -> list[Sentence]:
        """Return a few plain sentences on what the matrix shows, computed from the numbers alone."""
        return of_comparison(self)

    def n_unconverged(self, stitch: str, *, real: bool) -> int:
        """Return the number of cells of the real grid, or of the controls, with an unconverged seed."""
        return len(
            {
                (cell.control, cell.sender_cut, cell.receiver_cut)
                for cell in self.unconverged
                if cell.stitch == stitch and (cell.control == TRAINED) == real
            }
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values; :meth:`from_json` reads them back.

        ``verdicts`` holds both answers in words, for readers of the file. They follow from the other rows,
        and are not read back. ``sender_score`` and ``receiver_score`` are those of the whole networks. Where
        the score is an accuracy, they stand under ``sender_accuracy`` and ``receiver_accuracy`` too.
        """
        return as_json.values_of(self)

    def save(self, path: str | Path) -> None:
        """Write the comparison to ``path`` as JSON, whole or not at all.

        Raises:
            RunError: the file cannot be written.
        """
        json_file.write_values(self.to_json(), path)

    @classmethod
    def read(cls, path: str | Path) -> Comparison:
        """Read what :meth:`save` wrote, also in the older format.

        Raises:
            RunError: no such file, a file of another kind or of a newer format, or a damaged one.
        """
        values = json_file.read_values(path)
        try:
            return cls.from_json(values)
        except (AttributeError, KeyError, TypeError, ValueError, SpecError) as error:
            raise RunError(
                f"cannot read comparison {str(path)!r} ({values['format']!r}): it is damaged "
                f"({type(error).__name__}: {error}); write it again with Comparison.save"
            ) from error

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Comparison:
        """Return the comparison that :meth:`to_json` gave the values of, in this format or the older one."""
        return cls(**as_json.fields_of(values))

    def __repr__(self) -> str:
        return (
            f"Comparison({self.sender} into {self.receiver} on {self.data}: {len(self.cells)} cells, "
            f"controls {', '.join(self.controls)})"
        )

    def _repr_html_(self) -> str:
        return notebook.of_comparison(self)
