"""Write a candidate: one folder with the network, its card, its sums and its ledger."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from modelstitch import __version__
from modelstitch.adoption.division import Division, divide_heldout
from modelstitch.adoption.folder.agreement import BATCHES, Compared, expect_finite
from modelstitch.adoption.folder.bom import BOM, bom
from modelstitch.adoption.folder.calibration_file import (
    CALIBRATION,
    Calibration,
    expect_enough,
    write_calibration,
)
from modelstitch.adoption.folder.card import CARD, CARD_PLAIN, CandidateCard, Source, licence_of, limits_of
from modelstitch.adoption.folder.card_markdown import card_markdown
from modelstitch.adoption.folder.contract import Contract, TensorContract
from modelstitch.adoption.folder.deployed import (
    Deployed,
    StitchedInputs,
    inputs_for,
    inputs_of,
    original_outputs,
    text_inputs_of,
)
from modelstitch.adoption.folder.finetune import Finetuned, FinetuneSpec, Part, finetune_spec, finetuned
from modelstitch.adoption.folder.forms import Written, write_forms
from modelstitch.adoption.folder.ledger import LEDGER, LedgerEntry, expect_name
from modelstitch.adoption.folder.manifest import MANIFEST, SIGNATURE, manifest_text, sum_of, sums
from modelstitch.adoption.folder.measured import Confirmed, calibrated, figures
from modelstitch.adoption.folder.new_folder import expect_new, new_folder
from modelstitch.adoption.folder.processes import processes_of
from modelstitch.adoption.folder.risk import Risk, expect_margin, reasons_against
from modelstitch.adoption.folder.run_file import RUN_FILE, run_file
from modelstitch.adoption.folder.signature import Signer, sign
from modelstitch.adoption.folder.spec_file import SPEC, FolderSpec
from modelstitch.data.ranges import range_of
from modelstitch.errors import RunError
from modelstitch.evidence.verdict import Verdict
from modelstitch.fitting.schedules import spread
from modelstitch.grid.side import Side
from modelstitch.models.network import digest
from modelstitch.results.stitched import StitchedCell
from modelstitch.specs import CONTROLS, TRAINED
from modelstitch.util.progress import SILENT, Progress

MARGIN = 0.02
"""The most of the score that a candidate may lose, by default."""


@dataclass(frozen=True, kw_only=True)
class ExportSpec:
    """What an exporter says beside which cell to export.

    Attributes:
        by: who exports.
        reason: why, for the ledger.
        margin: the most of the score that may be lost against the whole receiver.
        accept_risk: why a candidate that does not show all it must is exported; empty refuses it.
        sender_licence, receiver_licence: licences of the originals; empty is said to be unknown.
        signer: who signs the folder; None leaves it unsigned.
        finetune: how the network is trained further before it is written; None leaves it as it was fitted.
        division_seed: of the division of the held-out examples.
        command: what was asked for, for the card.

    Raises:
        SpecError: no name, or a margin that is no share.
    """

    by: str
    reason: str = ""
    margin: float = MARGIN
    accept_risk: str = ""
    sender_licence: str = ""
    receiver_licence: str = ""
    signer: Signer | None = None
    finetune: FinetuneSpec | None = None
    division_seed: int = 0
    command: str = "StitchedCell.export(...)"

    def __post_init__(self) -> None:
        expect_name(self.by)
        expect_margin(self.margin)


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
        folder: where it lies.
        card: what is known of it.
    """

    folder: Path
    card: CandidateCard


def export(
    stitched: StitchedCell, folder: str | Path, options: ExportSpec, progress: Progress = SILENT
) -> Exported:
    """Write the stitched network of a finished cell as a candidate; the folder appears whole or not at all.

    Args:
        stitched: from :meth:`modelstitch.Comparison.stitched`.
        folder: a new one.
        options: who exports, and what else is said.
        progress: receives news.

    Raises:
        RunError: the folder exists or cannot be written, or the data are not those of the run.
        SpecError: the candidate does not show what it must, and nobody accepted that; or it cannot be
            fine-tuned.
        DataError: fewer than 100 examples to calibrate a monitor.
        ModelError: the network cannot be traced, or its outputs are not finite.
        TruthError: a form gives other outputs than the network.
    """
    folder = Path(folder)
    expect_new(folder)
    division = _division(stitched, options.division_seed)
    expect_enough(len(division.calibrate))
    progress.stage("measuring the candidate on the confirming examples")
    measured = figures(stitched, division)
    verdict = stitched.comparison.verdicts().get(stitched.cell.key)
    further = None
    if options.finetune is not None:
        progress.stage("training the stitched network further")
        stitched, further = finetuned(stitched, options.finetune, measured.score[0])
        measured = figures(stitched, division)
    risk = Risk(
        reasons=reasons_against(verdict, measured.lost, measured.n, options.margin),
        accepted=options.accept_risk,
    )
    inputs = inputs_of(*stitched.sides)
    batches = _batches(stitched, inputs)
    expect_finite(batches)
    contract = _contract(stitched, inputs, batches[-1])
    numbers = calibrated(stitched, division)
    deployed = Deployed(stitched, inputs, tuple(batches[0].outputs))
    with new_folder(folder) as unfinished:
        progress.stage("writing the forms, and comparing each with the network")
        written = write_forms(unfinished, deployed, contract, batches)
        card = _card(stitched, options, measured, verdict, further, risk, contract, written, division)
        _write(unfinished, stitched, card, written, division, numbers, options)
    return Exported(folder, card)


def export_with(
    stitched: StitchedCell,
    folder: str | Path,
    *,
    finetune: int | None = None,
    finetune_part: Part | None = None,
    **options: Any,
) -> Path:
    """Write a candidate with options given in Python; return the folder."""
    further = finetune_spec(finetune, finetune_part)
    return export(stitched, folder, ExportSpec(finetune=further, **options)).folder


def _division(stitched: StitchedCell, seed: int) -> Division:
    """Return how the held-out examples are divided, after a check that they are those of the run."""
    facts, data = stitched.comparison.facts, stitched.sides[1].data
    if facts.data_content and data.digest != facts.data_content:
        raise RunError(
            f"the data {data.name} have changed since the run ({data.digest[:8]}, in the run "
            f"{facts.data_content[:8]}): restore them, or run again"
        )
    return divide_heldout(data, seed)


def _batches(stitched: StitchedCell, inputs: StitchedInputs) -> list[Compared]:
    """Return held-out examples in batches of 1, 2 and 257; where there are fewer, some come again."""
    sender, receiver = stitched.sides
    n = len(receiver.data.heldout)
    order = spread(torch.arange(n), sum(BATCHES))
    order = order[torch.arange(sum(BATCHES)) % len(order)]
    found = []
    for some in order.split(list(BATCHES)):
        targets = receiver.data.heldout.mapped(lambda value: value.cpu()).targets_for(stitched.task, some)
        found.append(
            Compared(
                inputs=inputs_for(inputs, sender, receiver, "held-out", some),
                outputs=original_outputs(stitched, sender, receiver, "held-out", some),
                targets=targets,
            )
        )
    return found


def _contract(stitched: StitchedCell, inputs: StitchedInputs, batch: Compared) -> Contract:
    sender, receiver = stitched.sides
    data, view = receiver.data, sender.inputs.view
    resampled = inputs.rate is not None and inputs.rate != sender.inputs.rate
    outside = [
        *([f"texts become tokens by {sender.network.view.tokenizer or 'bytes'}"] if data.is_text else []),
        *([f"sounds are brought to {inputs.rate} samples a second"] if resampled else []),
    ]
    limits = range_of(view, is_sound=inputs.rate is not None)
    train = inputs_for(inputs, sender, receiver, "train", spread(torch.arange(len(data.train)), 1000))
    found = []
    for name, value in batch.inputs.items():
        low, high = (None, None) if name != "x" or value.dtype == torch.uint8 or limits is None else limits
        if value.dtype == torch.uint8:
            low, high = 0.0, 255.0
        seen = tuple(float(end) for end in train[name].aminmax())
        found.append(
            TensorContract(
                name=name,
                dtype=_name_of(value.dtype),
                shape=tuple(value.shape[1:]),
                low=low,
                high=high,
                seen=(seen[0], seen[1]),
            )
        )
    return Contract(
        inputs=tuple(found),
        outputs=tuple(
            TensorContract(name=name, dtype=_name_of(value.dtype), shape=tuple(value.shape[1:]))
            for name, value in batch.outputs.items()
        ),
        preprocessing={name: value for name, value in asdict(view).items() if value is not None},
        outside="; ".join(outside),
        rate=inputs.rate,
        task=stitched.task.name,
        scale=stitched.reading.scale,
        classes=_classes(receiver),
        texts=text_inputs_of(inputs, sender, receiver),
        data_rate=sender.inputs.rate if resampled else None,
    )


def _classes(receiver: Side) -> tuple[str, ...]:
    """Return what the outputs stand for: the classes of the data, or the finest where these are coarser."""
    data = receiver.data
    if receiver.labelling is None:
        return ()
    if data.finest is not None and receiver.n_outputs != len(data.classes):
        return data.finest.classes
    return data.classes


def _card(
    stitched: StitchedCell,
    options: ExportSpec,
    measured: Confirmed,
    verdict: Verdict | None,
    further: Finetuned | None,
    risk: Risk,
    contract: Contract,
    written: Written,
    division: Division,
) -> CandidateCard:
    comparison, cell, (sender, receiver) = stitched.comparison, stitched.cell, stitched.sides
    pair = comparison.facts.pair
    return CandidateCard(
        name=f"{_last(comparison.sender)} at {cell.sender_cut} into {_last(comparison.receiver)} at "
        f"{cell.receiver_cut}",
        sender=_source(stitched, "sender", options.sender_licence, measured.sender),
        receiver=_source(stitched, "receiver", options.receiver_licence, measured.receiver),
        stitch={
            "label": cell.stitch,
            "objective": cell.objective,
            "seed": cell.seed,
            "n_parameters": cell.n_parameters,
            "bridge": cell.bridge,
        },
        n_parameters=written.n_parameters,
        score_name=comparison.score_name,
        score=measured.score,
        lost=measured.lost,
        n_confirm=measured.n,
        division=_sizes(division, options),
        margin=options.margin,
        run_score=float(cell.score or 0.0),
        verdict=_said(verdict) | ({"of": "the network before fine-tuning"} if verdict and further else {}),
        controls=_controls(stitched),
        data={
            "name": comparison.data,
            "task": comparison.facts.task,
            "fingerprint": receiver.data.digest,
            "n_train": len(receiver.data.train),
            "n_heldout": len(receiver.data.heldout),
            "division": receiver.data.division,
        },
        contract=contract,
        forms=written.agreements,
        not_written=written.not_written,
        limits=limits_of(
            unconverged=cell.converged is False,
            by_batch=[role for role, side in (("sender", sender), ("receiver", receiver)) if side.by_batch],
            seen=asdict(pair.fitting_images_seen),
            outside=contract.outside,
            trained_further=None if further is None else further.said,
        ),
        risk_reasons=risk.reasons,
        accepted_risk=risk.accepted.strip() if risk.reasons else "",
        frozen=further is None or not further.receiver_changed,
        finetuned=None if further is None else further.to_plain(),
        versions={
            "modelstitch": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        command=options.command,
        exported_by=options.by,
    )


def _source(stitched: StitchedCell, role: str, licence: str, score: float | None) -> Source:
    side = stitched.sides[0 if role == "sender" else 1]
    half = stitched.prefix if role == "sender" else stitched.suffix
    spec = getattr(stitched.comparison.spec, role)
    used, whole = (sum(p.numel() for p in module.parameters()) for module in (half, side.network.module))
    return Source(
        name=_last(side.network.name),
        spec=asdict(spec),
        digest=digest(side.network.module),
        files=dict(side.network.files),
        licence=licence_of(licence),
        cut=getattr(stitched.cell, f"{role}_cut"),
        used=f"{used:,} of {whole:,} parameters",
        score=score,
    )


def _last(name: str) -> str:
    """Return the name of a network; of a file without its folders."""
    return Path(name).name if Path(name).suffix else name


def _said(verdict: Verdict | None) -> dict[str, Any]:
    """Return both answers of a verdict with their numbers; a number that is not known is None."""
    if verdict is None:
        return {}
    numbers = ("score_share", "kept", "kept_low", "kept_high", "head", "lead", "lead_low", "lead_high")
    values = {name: getattr(verdict, name) for name in numbers}
    return {
        "name": verdict.name.value,
        "confidence": verdict.confidence.value,
        "reason": verdict.reason.value,
        "learnt": verdict.learnt.value,
        "learnt_confidence": verdict.learnt_confidence.value,
        **{name: value if math.isfinite(value) else None for name, value in values.items()},
        "sentence": str(verdict.sentence),
        "learnt_sentence": str(verdict.learnt_sentence),
    }


def _controls(stitched: StitchedCell) -> dict[str, float | None]:
    """Return the score of the same cell under each control; of a self-stitch that of the receiver cut."""
    cell, found = stitched.cell, {}
    for row in stitched.comparison.cells:
        begins = cell.receiver_cut if CONTROLS[row.control].self_stitch else cell.sender_cut
        if row.control != TRAINED and row.key == cell.key._replace(sender_cut=begins):
            found[row.control] = row.score
    return found


def _sizes(division: Division, options: ExportSpec) -> dict[str, int]:
    sizes = {name: len(part) for name, part in vars(division).items()}
    return {"seed": options.division_seed, **sizes}


def _write(
    folder: Path,
    stitched: StitchedCell,
    card: CandidateCard,
    written: Written,
    division: Division,
    numbers: Calibration,
    options: ExportSpec,
) -> None:
    """Write everything beside the network: spec, cards, calibration, sums, signature and ledger."""
    forms = {one.form: sum_of(folder / one.form) for one in card.forms}
    spec = _folder_spec(stitched, card, written, division, options, processes_of(numbers))
    layout = stitched.sides[1].cut(stitched.spec.receiver_cut).layout
    facts = {
        "channels": f"axis {spec.channel_axis} of {layout}, averaged over positions",
        "fingerprint": stitched.sides[1].data.digest,
        "division_seed": str(options.division_seed),
    }
    entry = LedgerEntry(event="candidate", by=options.by, reason=_reason(card, options))
    _text(folder / SPEC, spec.to_json())
    write_calibration(numbers, folder / CALIBRATION, facts)
    _text(folder / RUN_FILE, run_file(card.contract))
    _text(folder / BOM, _json(bom(card, forms, entry.when)))
    _text(folder / CARD_PLAIN, _json(card.to_plain()))
    _text(folder / CARD, card_markdown(card))
    manifest = manifest_text(sums(folder))
    _text(folder / MANIFEST, manifest)
    if options.signer is not None:
        sign(folder, options.signer)
    recorded = {
        "manifest": sha256(manifest.encode()).hexdigest(),
        "signature": sum_of(folder / SIGNATURE) if options.signer is not None else None,
        "risk": list(card.risk_reasons),
        "frozen": card.frozen,
        "finetuned": card.finetuned,
    }
    _text(folder / LEDGER, LedgerEntry(**{**asdict(entry), "facts": recorded}).line)


def _folder_spec(
    stitched: StitchedCell,
    card: CandidateCard,
    written: Written,
    division: Division,
    options: ExportSpec,
    processes: tuple[str, ...],
) -> FolderSpec:
    comparison, cell, (sender, receiver) = stitched.comparison, stitched.cell, stitched.sides
    layout = receiver.cut(stitched.spec.receiver_cut).layout
    last = layout.kind == "tokens" or layout.last
    return FolderSpec(
        contract=card.contract,
        forms=tuple(one.form for one in card.forms),
        stitched_value=written.stitched_value,
        channel_axis=len(layout.shape) if last else 1,
        cell={
            name: getattr(cell, name)
            for name in ("sender_cut", "receiver_cut", "stitch", "objective", "seed")
        },
        sources={name: asdict(getattr(comparison.spec, name)) for name in ("sender", "receiver", "data")},
        digests={
            "sender": card.sender.digest,
            "receiver": card.receiver.digest,
            "data": receiver.data.digest,
        },
        division=_sizes(division, options),
        margin=options.margin,
        processes=processes,
        further={"sender": sender.inputs.names, "receiver": receiver.inputs.names},
        finetuned=card.finetuned,
    )


def _reason(card: CandidateCard, options: ExportSpec) -> str:
    return "; ".join(text for text in (options.reason.strip(), card.accepted_risk) if text)


def _name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
