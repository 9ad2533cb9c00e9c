"""The verbs: compare two networks, stitch one cell, load a finished run."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.errors import RunError, TruthError
from modelstitch.grid import FittedCell, fit_grid, score
from modelstitch.progress import SILENT, Progress
from modelstitch.results import Baseline, CellRow, Comparison
from modelstitch.session import Model, Session, prepare
from modelstitch.sides import Representations, Side
from modelstitch.sources.data import Split
from modelstitch.specs import CellSpec, FitSpec, StitchSpec
from modelstitch.stitches import Stitch, build
from modelstitch.store import Store, read_run
from modelstitch.tasks import CLASSIFICATION, accuracy
from modelstitch.views import show

MEMORY_BYTES = 2 * 2**30
"""How much of one sender cut's representations is kept instead of computed again, unless told otherwise."""


def compare(
    sender: Model,
    receiver: Model,
    data: Any,
    *,
    out: str | Path | None = None,
    cuts: Sequence[str] | None = None,
    sender_cuts: Sequence[str] | None = None,
    receiver_cuts: Sequence[str] | None = None,
    stitches: Sequence[StitchSpec | str] = ("affine",),
    fit: FitSpec | None = None,
    controls: Sequence[str] = ("random-sender",),
    seeds: Sequence[int] = (0,),
    device: str = "auto",
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> Comparison:
    """Stitch every sender cut into every receiver cut and score each stitched network on held-out examples.

    Args:
        sender, receiver: source name, ModelSpec, Network or any module; both stay frozen and in eval mode.
        data: source name, DataSpec, Data, ``(x, y)``, a Dataset, or a pair ``(train, heldout)`` of these.
        out: run folder; an existing one is continued. Without it nothing is written.
        cuts, sender_cuts, receiver_cuts: names of cuts, for both or for one; all block boundaries without them.
        stitches: families to fit.
        fit: optimiser and schedule.
        controls: grids with untrained copies to run beside the real one; ``()`` for none.
        seeds: fitting seeds; each also draws its own untrained copies.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory_bytes: how much of one sender cut's representations may be kept.
        progress: who watches.

    Returns:
        All cells with their baselines.

    Raises:
        InputError: something given cannot be used.
        TruthError: a check of the run failed, so that its numbers must not be believed.

    Source: Hernandez et al. 2022, section 3.
    """
    session = prepare(
        sender,
        receiver,
        data,
        cuts=cuts,
        sender_cuts=sender_cuts,
        receiver_cuts=receiver_cuts,
        stitches=stitches,
        fit=fit,
        controls=controls,
        seeds=seeds,
        device=device,
        progress=progress,
    )
    return run(session, out=out, memory_bytes=memory_bytes, progress=progress)


def run(
    session: Session,
    *,
    out: str | Path | None = None,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> Comparison:
    """Fit and score what a session still lacks, save each cell as it finishes, and check the saved run."""
    if out is None:
        rows = []
        cells = session.cells
        progress.start(len(cells), 0)
        for fitted in fit_grid(session.pair, cells, session.spec.fit, memory_bytes):
            rows.append(_row(fitted))
            progress.cell(str(fitted.spec), rows[-1].accuracy)
        order = {cell: index for index, cell in enumerate(cells)}
        rows.sort(key=lambda row: order[_cell_spec(row)])
        return Comparison(cells=tuple(rows), baselines=tuple(_baselines(session)), **_header(session))
    facts = {**_header(session), **session.identity}
    with Store(out, facts, identity=tuple(session.identity)) as store:
        keys = {cell: session.key(cell) for cell in session.cells}
        finished = store.finished()
        todo = [cell for cell, key in keys.items() if key not in finished]
        progress.start(len(keys), len(keys) - len(todo))
        for fitted in fit_grid(session.pair, todo, session.spec.fit, memory_bytes):
            row = _row(fitted)
            store.write_cell(keys[fitted.spec], row, fitted.stitch.state_dict())
            progress.cell(str(fitted.spec), row.accuracy)
        store.write_baselines(_baselines(session))
        progress.stage("checking that the reloaded stitches give the same scores")
        n_checked = _reload(session, store, keys, memory_bytes)
        store.write_fact("notes", {**facts["notes"], "reloaded_cells": n_checked})
        comparison = store.comparison()
        _write_files(store, comparison)
        return comparison


def _write_files(store: Store, comparison: Comparison) -> None:
    frame = comparison.to_frame()
    store.write_file("cells.csv", lambda path: frame.to_csv(path, index=False))
    store.write_file("cells.parquet", lambda path: frame.to_parquet(path, index=False))
    figure = comparison.figure()
    store.write_file("matrix.png", lambda path: figure.savefig(path, format="png", dpi=150))


def _header(session: Session) -> dict[str, Any]:
    from modelstitch import __version__

    pair = session.pair
    return {
        "sender": pair.sender.network.name,
        "receiver": pair.receiver.network.name,
        "data": pair.data.name,
        "spec": asdict(session.spec),
        "notes": {
            **session.facts,
            "division": pair.data.division,
            "n_train": len(pair.data.train),
            "n_heldout": len(pair.data.heldout),
            "n_classes": len(pair.data.classes),
            "device": str(pair.data.train.images.device),
            "modelstitch": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _row(fitted: FittedCell) -> CellRow:
    cell, share = fitted.spec, fitted.accuracy
    failed = fitted.fitted.failure is not None
    n_heldout = len(fitted.correct)
    return CellRow(
        sender_cut=cell.sender_cut,
        receiver_cut=cell.receiver_cut,
        family=cell.stitch.family,
        norm=cell.stitch.norm,
        objective=cell.objective,
        control=cell.control,
        seed=cell.seed,
        accuracy=None if failed else share,
        standard_error=None if failed else math.sqrt(share * (1 - share) / n_heldout),
        loss=None if math.isnan(fitted.fitted.loss) else fitted.fitted.loss,
        n_parameters=fitted.stitch.n_parameters,
        bridge=fitted.stitch.bridge.label,
        steps=fitted.fitted.steps,
        seconds=fitted.fitted.seconds,
        n_heldout=n_heldout,
        failure=fitted.fitted.failure,
    )


def _cell_spec(row: CellRow) -> CellSpec:
    return CellSpec(
        sender_cut=row.sender_cut,
        receiver_cut=row.receiver_cut,
        stitch=StitchSpec(family=row.family, norm=row.norm),  # type: ignore[arg-type]
        objective=row.objective,
        control=row.control,
        seed=row.seed,
    )


def _baselines(session: Session) -> list[Baseline]:
    return [
        Baseline(
            role=role,
            control=control,
            seed=seed,
            accuracy=side.accuracy(CLASSIFICATION),
            digest=side.digest,
        )
        for control in session.spec.controls
        for seed in session.spec.seeds
        for role, side in zip(("sender", "receiver"), session.pair.sides(control, seed), strict=True)
    ]


def _reload(session: Session, store: Store, keys: dict[CellSpec, str], memory_bytes: int) -> int:
    """Score one cell of each grid again from its file, and check that every other file is whole."""
    rows = {_cell_spec(row): row for row in store.comparison().cells}
    chosen: dict[tuple[str, StitchSpec], CellSpec] = {}
    for cell, key in keys.items():
        store.read_weights(key)
        if rows[cell].accuracy is not None:
            chosen.setdefault((cell.control, cell.stitch), cell)
    for cell in chosen.values():
        sender, receiver = session.pair.sides(cell.control, cell.seed)
        shapes = sender.cut(cell.sender_cut).shape, receiver.cut(cell.receiver_cut).shape
        stitch = build(cell.stitch, *shapes)
        stitch.load_state_dict(store.read_weights(keys[cell]))
        heldout = session.pair.data.heldout
        provided = Representations(sender, cell.sender_cut, heldout, memory_bytes)
        stitch = stitch.to(heldout.images.device)
        got = accuracy(score(stitch, receiver.suffix(cell.receiver_cut), provided, heldout.labels))
        if got != rows[cell].accuracy:
            raise TruthError(
                f"cell {cell}: reloaded from its file it scores {got}, when it was fitted {rows[cell].accuracy}"
            )
    return len(chosen)


class Stitched(nn.Module):
    """A sender's prefix, a fitted stitch and a receiver's suffix as one ordinary module.

    Takes images as the data holds them (uint8, or values in 0-1) and shows them to the sender in its own view.

    Attributes:
        stitch: the fitted stitch.
        accuracy: held-out accuracy measured when it was fitted.
    """

    def __init__(self, fitted: FittedCell, sender: Side, receiver: Side) -> None:
        super().__init__()
        self.spec = fitted.spec
        self.view = sender.network.view
        self.prefix = sender.cutting.prefix(fitted.spec.sender_cut)
        self.stitch: Stitch = fitted.stitch
        self.suffix = receiver.cutting.suffix(fitted.spec.receiver_cut)
        self.accuracy = fitted.accuracy
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to the receiver's outputs (N, K)."""
        (representation,) = self.prefix(show(images, self.view))
        output = self.suffix(self.stitch(representation))
        assert isinstance(output, Tensor)
        return output

    def score(self, part: Split) -> float:
        """Return the accuracy on a part of a data set, from 0 to 1."""
        with torch.no_grad():
            correct = [
                CLASSIFICATION.correct(self(images), labels)
                for images, labels in zip(part.images.split(256), part.labels.split(256), strict=True)
            ]
        return accuracy(torch.cat(correct))


def stitch(
    sender: Model,
    sender_cut: str,
    receiver: Model,
    receiver_cut: str,
    data: Any,
    *,
    family: StitchSpec | str = "affine",
    fit: FitSpec | None = None,
    seed: int = 0,
    device: str = "auto",
    memory_bytes: int = MEMORY_BYTES,
) -> Stitched:
    """Fit one stitch and return the stitched network as an ordinary module.

    Args: as for :func:`compare`, for a single cell.

    Returns:
        A module with ``.stitch``, ``.accuracy`` (held-out) and ``.score(part)``; its halves share the parameters of
        the two networks.

    Raises:
        InputError: something given cannot be used.
        TruthError: a check failed.
    """
    session = prepare(
        sender,
        receiver,
        data,
        sender_cuts=(sender_cut,),
        receiver_cuts=(receiver_cut,),
        stitches=(family,),
        fit=fit,
        controls=(),
        seeds=(seed,),
        device=device,
    )
    (fitted,) = fit_grid(session.pair, session.cells, session.spec.fit, memory_bytes)
    return Stitched(fitted, session.pair.sender, session.pair.receiver)


def load(path: str | Path) -> Comparison:
    """Load a comparison from a run folder, or from a file that :meth:`Comparison.save` wrote.

    Raises:
        RunError: neither of them.
    """
    path = Path(path)
    if path.is_dir():
        return read_run(path)
    if not path.exists():
        raise RunError(f"no run folder or saved comparison at {str(path)!r}")
    return Comparison.read(path)
