"""The verbs: compare two networks, stitch one cell, load a finished run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelstitch.data.load import as_data
from modelstitch.errors import RunError, SpecError
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.pool import Pool
from modelstitch.grid.stitched import Stitched
from modelstitch.results.comparison import Comparison
from modelstitch.runs.prepare import Model, as_network, device_for, in_eval_mode, prepare, read_alike
from modelstitch.runs.reader import read_run
from modelstitch.runs.run import BUDGET, run
from modelstitch.specs import VERDICT_CONTROLS, DataSpec, EvidenceSpec, FitSpec, StitchSpec
from modelstitch.util.progress import SILENT, Progress


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
    controls: Sequence[str] = VERDICT_CONTROLS,
    evidence: Sequence[str] | EvidenceSpec = ("standard",),
    seeds: Sequence[int] = (0,),
    device: str = "auto",
    budget: Budget = BUDGET,
    pictures: bool = False,
    progress: Progress = SILENT,
) -> Comparison:
    """Stitch every sender cut into every receiver cut and score each stitched network on held-out examples.

    Args:
        sender, receiver: source name, ModelSpec, Network or any module; both stay frozen, run in eval mode and get their own mode back.
        data: source name, DataSpec, Data, ``(x, y)``, a Dataset, or a pair ``(train, heldout)`` of these.
        out: run folder; an existing one is continued. Without it nothing is written.
        cuts, sender_cuts, receiver_cuts: names of cuts, for both or for one; all block boundaries without them.
        stitches: families to fit.
        fit: optimiser and schedule.
        controls: grids to run beside the real one; those that a verdict is read against without it, ``()`` for none.
        evidence: kinds of evidence to measure, ``standard``, ``all`` or names; ``()`` for none.
        seeds: fitting seeds; each also draws its own untrained copies.
        device: ``auto``, ``cpu`` or ``cuda``.
        budget: how much of the representations may be kept at once.
        pictures: whether to paint what stitches into the receiver's input make, as ``pictures.png`` in ``out``.
        progress: who watches.

    Returns:
        All cells with their baselines.

    Raises:
        InputError: something given cannot be used.
        TruthError: a check of the run failed, so that its numbers must not be believed.

    Source: Hernandez et al. 2022, section 3.
    """
    with in_eval_mode((sender, receiver)):
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
        wanted = evidence if isinstance(evidence, EvidenceSpec) else EvidenceSpec.parse(evidence)
        return run(session, out=out, budget=budget, evidence=wanted, pictures=pictures, progress=progress)


def compare_all(
    models: Mapping[str, Model],
    data: Any,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    budget: Budget = BUDGET,
    controls: Sequence[str] = VERDICT_CONTROLS,
    evidence: Sequence[str] | EvidenceSpec = ("standard",),
    progress: Progress = SILENT,
    **options: Any,
) -> dict[tuple[str, str], Comparison]:
    """Compare every ordered pair of different models; what depends on one model alone is computed once.

    Each model is loaded, captured and scored once. Its training representations are computed once while it is the sender, for all
    receivers, where they fit the budget in one pass. So n models cost n times that work, and n (n - 1) times the fits.

    Args:
        models: two or more, by the names that they get in the answer and in the run folder.
        data, device, budget, controls, evidence, progress: as for :func:`compare`.
        out: folder of run folders, one a pair, called ``SENDER-into-RECEIVER``.
        options: further arguments of :func:`compare`, the same for every pair.

    Returns:
        Comparisons by (sender, receiver).

    Raises:
        InputError: something given cannot be used, or there are fewer than two models.
        TruthError: a check of a run failed.
    """
    if len(models) < 2:
        raise SpecError(f"expected at least two models, got {len(models)}")
    where = device_for(device, models.values())
    with in_eval_mode(models.values()):
        networks = {
            name: as_network(model, name, seed, where) for seed, (name, model) in enumerate(models.items())
        }
        if isinstance(data, DataSpec):
            data = read_alike(data, list(networks.values()))
        pool = Pool(as_data(data).to(where), many=True)
        wanted = evidence if isinstance(evidence, EvidenceSpec) else EvidenceSpec.parse(evidence)
        found: dict[tuple[str, str], Comparison] = {}
        for sender, receiver in itertools.permutations(networks, 2):
            session = prepare(
                networks[sender],
                networks[receiver],
                data,
                controls=controls,
                device=str(where),
                pool=pool,
                progress=progress,
                **options,
            )
            folder = None if out is None else Path(out) / f"{sender}-into-{receiver}"
            found[sender, receiver] = run(
                session, out=folder, budget=budget, evidence=wanted, progress=progress
            )
    return found


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
    budget: Budget = BUDGET,
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
    with in_eval_mode((sender, receiver)):
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
        (fitted,) = fit_grid(session.pair, session.cells, session.spec.fit, budget)
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
