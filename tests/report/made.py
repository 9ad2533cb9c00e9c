"""Runs with planted numbers, as tests of the report need them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import RunFacts, Versions
from modelstitch.results.rows import Baseline, CellRow, EvidenceRow, KeptRow
from modelstitch.specs import VERDICT_CONTROLS, ObjectiveName, RunSpec, StitchSpec
from tests.made import cell_row, run_spec, with_stitch

SINGLE = {
    "errors": ("ev", "es", "sv", "ev_share", "es_share", "sv_share"),
    "similarity": ("cka", "within_cka", "procrustes", "r2", "within_r2"),
    "agreement": ("agreement_receiver", "agreement_sender", "kappa_receiver", "kappa_sender", "kl_receiver"),
    "information": ("retrieval", "retrieval_chance", "retrieval_moved", "pixels_r2", "pixels_r2_expected"),
    "geometry": (
        "cka",
        "cka_null",
        "linear_r2",
        "linear_r2_null",
        "mutual_knn",
        "mutual_knn_null",
        "procrustes",
    ),
    "distribution": (
        "mahalanobis_auroc",
        "mahalanobis_auroc_genuine",
        "class_mahalanobis_auroc",
        "class_mahalanobis_auroc_genuine",
        "neighbour_ratio_auroc",
        "neighbour_ratio_auroc_genuine",
        "size_auroc",
        "size_auroc_genuine",
        "sparsity_auroc",
        "sparsity_auroc_genuine",
    ),
}
MEASURED = ("trained", "self-stitch")
KEPT = {"trained": 0.95, "self-stitch": 1.0, "random-sender": 0.4, "clustered-noise": 0.0, "one-hot": 0.0}
SCORE = {"trained": 0.93, "self-stitch": 0.95, "random-sender": 0.5, "clustered-noise": 0.99, "one-hot": 1.0}
OWN, LABEL = 0.9, 0.1
"""What a reader recovers from the self-stitch and from the label alone, at every place."""

UNTRAINED = (-0.02, 0.0, 0.02)
"""Kept of each untrained sender, beside their mean."""


def run(
    n_senders: int = 2,
    n_receivers: int = 3,
    *,
    controls: tuple[str, ...] = ("trained", *VERDICT_CONTROLS),
    seeds: tuple[int, ...] = (0,),
    kept: float | None = None,
    lead: float | None = 0.55,
    score: float | None = None,
    names: tuple[str, str, str] = ("A", "B", "D"),
    prefix: str = "c",
    receiver_prefix: str | None = None,
    spec: RunSpec | None = None,
    **cell_changes: Any,
) -> Comparison:
    """Return a run of every sender cut into every receiver cut, where all that the rule reads is planted.

    Args:
        kept, score: of the real grid, instead of an interchangeable one's.
        lead: of the real grid over untrained senders; None where none was drawn.
        names: of sender, receiver and data.
        prefix: of the names of the sender's cuts.
        receiver_prefix: of the names of the receiver's cuts; by default ``prefix``.
        cell_changes: to every cell of the real grid.
    """
    senders = [f"{prefix}{i}" for i in range(n_senders)]
    receivers = [f"{receiver_prefix or prefix}{j}" for j in range(n_receivers)]
    cells, evidence, keeps = [], [], []
    for control in controls:
        rows = receivers if control == "self-stitch" else senders
        for seed in seeds:
            for sender in rows:
                for j, receiver in enumerate(receivers):
                    changes = cell_changes if control == "trained" else {}
                    planted = SCORE[control] if score is None or control != "trained" else score
                    cell = cell_row(
                        **{
                            "sender_cut": sender,
                            "receiver_cut": receiver,
                            "control": control,
                            "seed": seed,
                            "score": planted,
                            "n_heldout": 2000,
                            "converged": True,
                            **changes,
                        }
                    )
                    cells.append(cell)
                    share = KEPT[control] if kept is None or control != "trained" else kept
                    evidence += _along(cell, [*receivers[j:], "output"], share)
                    keeps.append(kept_row(cell, share, lead if control == "trained" else None))
                    if control in MEASURED:
                        evidence += _single(cell, j)
    baselines = [
        Baseline(role=role, control=control, seed=seed, score=0.95, digest=f"{role}-digest")
        for control in controls
        for seed in seeds
        for role in ("sender", "receiver")
    ]
    return Comparison(
        sender=names[0],
        receiver=names[1],
        data=names[2],
        spec=spec or run_spec(senders, receivers),
        cells=tuple(cells),
        baselines=tuple(baselines),
        facts=RunFacts(
            n_classes=10, n_train=5000, n_heldout=2000, chance=0.1, versions=Versions(modelstitch="0.1.0")
        ),
        evidence=tuple(evidence),
        kept=tuple(keeps) if {"self-stitch", "one-hot"} <= set(controls) else (),
    )


def kept_row(cell: CellRow, kept: float, lead: float | None = None, half: float = 0.03) -> KeptRow:
    """Return what a cell keeps: least at its cut, and for this head a tenth more.

    Args:
        cell: the cell.
        kept: its share.
        lead: over untrained senders; None where none was drawn.
        half: half the width of every interval.
    """
    compared: dict[str, Any] = {
        "lead": lead,
        "lead_low": None if lead is None else lead - half,
        "lead_high": None if lead is None else lead + half,
        "untrained": () if lead is None else tuple(kept - lead + each for each in UNTRAINED),
        "untrained_control": None if lead is None else "random-sender",
    }
    return KeptRow(
        control=cell.control,
        **cell.key._asdict(),
        kept=kept,
        low=kept - half,
        high=kept + half,
        where=cell.receiver_cut,
        head=kept + 0.1,
        head_low=kept + 0.1 - half,
        head_high=kept + 0.1 + half,
        recovered=_recovered(kept),
        own=OWN,
        label=LABEL,
        p_label=0.002 if cell.control == "trained" else None,
        n=1000,
        **compared,
    )


def _recovered(kept: float) -> float:
    return LABEL + kept * (OWN - LABEL)


def _row(cell: CellRow, kind: str, name: str, where: str, value: float, half: float) -> EvidenceRow:
    return EvidenceRow(
        sender_cut=cell.sender_cut,
        receiver_cut=cell.receiver_cut,
        stitch=cell.stitch,
        control=cell.control,
        seed=cell.seed,
        kind=kind,
        name=name,
        where=where,
        value=value,
        low=value - half,
        high=value + half,
        n=1000,
    )


def _along(cell: CellRow, places: list[str], kept: float) -> list[EvidenceRow]:
    recovered = [_row(cell, "kept", "recovered", where, _recovered(kept), 0.01) for where in places]
    return [*recovered, _row(cell, "kept", "more_than_label", "all", 0.002, 0.001)]


def _single(cell: CellRow, j: int) -> list[EvidenceRow]:
    return [
        _row(cell, kind, name, cell.receiver_cut, 0.3123 + 0.01 * j, 0.0234)
        for kind, names in SINGLE.items()
        for name in names
    ]


def with_stitches(comparison: Comparison, added: dict[str, tuple[int, float]]) -> Comparison:
    """Return a run of further stitches, each with its number of parameters and score of the real grid."""
    more = [
        with_stitch(cell, label, n_parameters=n, score=score if cell.control == "trained" else 0.2)
        for label, (n, score) in added.items()
        for cell in comparison.cells
    ]
    stitches = tuple(StitchSpec.parse(label) for label in added)
    spec = replace(comparison.spec, stitches=(*stitches, *comparison.spec.stitches))
    return replace(comparison, cells=(*more, *comparison.cells), spec=spec)


def with_objective(comparison: Comparison, objective: ObjectiveName, score: float) -> Comparison:
    """Return a run whose every stitch was fitted to a second objective too."""
    more = [
        with_stitch(cell, f"{cell.stitch} by {objective}", score=score if cell.control == "trained" else 0.2)
        for cell in comparison.cells
    ]
    own = comparison.spec.stitches
    spec = replace(
        comparison.spec, stitches=(*own, *(replace(stitch, objective=objective) for stitch in own))
    )
    return replace(comparison, cells=(*comparison.cells, *more), spec=spec)
