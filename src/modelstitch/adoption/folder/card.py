"""The model card as facts: what was joined, what it does, what is known against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from modelstitch.adoption.folder.agreement import Agreement
from modelstitch.adoption.folder.contract import Contract

CARD, CARD_PLAIN = "README.md", "card.json"
"""Names of the files: the card as a hub shows it, and as JSON."""

UNKNOWN = "unknown"
"""Stands for a licence that nobody named."""

INTENDED = (
    "Use it where the whole receiver was used, on inputs like those of the data named below, after a pilot "
    "on your own inputs.",
)
NOT_FOR = (
    "Do not use it on other kinds of inputs: nothing here was measured on them.",
    "Do not take its score for a proof that it answers as the receiver does: single answers differ.",
    "Do not use it for decisions about people without a review that is your own.",
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One of the two original networks.

    Attributes:
        name: what it is called.
        spec: where it comes from, as values of a ModelSpec.
        digest: SHA-256 of its parameters and buffers.
        files: SHA-256 of each file that it was read from, by its name without folders.
        licence: as the exporter says; ``unknown`` if nothing was said.
        cut: where it was cut.
        used: which part of it stands in the stitched network.
        score: of the whole network on the confirming examples; None if it has none.
    """

    name: str
    spec: Mapping[str, Any]
    digest: str
    files: Mapping[str, str]
    licence: str
    cut: str
    used: str
    score: float | None


@dataclass(frozen=True, kw_only=True)
class CandidateCard:
    """What is known of a candidate.

    Attributes:
        name: of the stitched network.
        sender, receiver: the originals.
        stitch: label, objective, seed and number of parameters of the stitch.
        n_parameters: numbers that the stitched network holds.
        score_name, score: of the stitched network on the confirming examples, with its interval.
        lost: score of the whole receiver less that of the stitched network, with its interval; None if the
            receiver has no score.
        n_confirm: number of confirming examples.
        division: how the held-out examples were divided.
        margin: the most that may be lost.
        run_score: score of the cell on all held-out examples, as the run has it.
        verdict: both answers with their numbers; empty where the run has none.
        controls: score of the same cell under each control, by name.
        data: name, task, fingerprint and division of the data.
        contract: what the network takes and gives.
        forms: how far each form is from the network.
        not_written: forms that could not be made, and why, by file name.
        limits: what is known against it, one sentence each.
        risk_reasons, accepted_risk: what it does not show, and why it was exported all the same.
        frozen: whether both halves are still those of the originals.
        finetuned: what was trained further after the cell was fitted; None where nothing was. Verdict and
            controls are then of the network before.
        intended, not_for: uses.
        versions: of the software.
        command: what was asked for.
        exported_by: who exported it.
    """

    name: str
    sender: Source
    receiver: Source
    stitch: Mapping[str, Any]
    n_parameters: int
    score_name: str
    score: tuple[float, float, float]
    lost: tuple[float, float, float] | None
    n_confirm: int
    division: Mapping[str, Any]
    margin: float
    run_score: float
    verdict: Mapping[str, Any]
    controls: Mapping[str, float | None]
    data: Mapping[str, Any]
    contract: Contract
    forms: tuple[Agreement, ...]
    not_written: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    risk_reasons: tuple[str, ...] = ()
    accepted_risk: str = ""
    frozen: bool = True
    finetuned: Mapping[str, Any] | None = None
    intended: tuple[str, ...] = INTENDED
    not_for: tuple[str, ...] = NOT_FOR
    versions: Mapping[str, str]
    command: str
    exported_by: str

    def to_plain(self) -> dict[str, Any]:
        """Return the card as values that JSON can hold."""
        return asdict(self)


def licence_of(text: str) -> str:
    """Return a licence as the card says it.

    Example:
        >>> licence_of(" "), licence_of("MIT")
        ('unknown', 'MIT')
    """
    return text.strip() or UNKNOWN


def limits_of(
    *,
    unconverged: bool,
    by_batch: Sequence[str],
    seen: Mapping[str, float | None],
    outside: str,
    trained_further: str | None = None,
) -> tuple[str, ...]:
    """Return what is known against a candidate, one sentence each.

    Args:
        unconverged: whether the fit ended before its score had converged.
        by_batch: the networks whose output for an example depends on its batch.
        seen: share of the fitting examples that stand in the training set of each network, where it is known.
        outside: preprocessing that does not stand inside; empty where all does.
        trained_further: what was trained after the cell was fitted; None where nothing was.
    """
    known = [f"{share:.0%} of those of the {name}" for name, share in seen.items() if share is not None]
    return (
        "Scores were measured on held-out examples of one data set; on other data they may be lower.",
        *(
            ["The fit of the stitch ended before its score had converged; its scores may still move."]
            if unconverged
            else []
        ),
        *(f"The {name} gives an example other outputs in another batch." for name in by_batch),
        *([f"The examples that the stitch was fitted on contain {' and '.join(known)}."] if known else []),
        *([f"Outside of the network: {outside}."] if outside else []),
        *(
            [f"After the fit, {trained_further}: verdict and controls are of the network before."]
            if trained_further is not None
            else []
        ),
    )
