"""The model card as Markdown, with the metadata that a model hub reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from modelstitch.adoption.folder.card import UNKNOWN, CandidateCard, Source
from modelstitch.report.redaction import shown, source

_HUB_LICENCES = {
    "apache-2.0": "apache-2.0",
    "mit": "mit",
    "bsd-3-clause": "bsd-3-clause",
    "bsd-2-clause": "bsd-2-clause",
    "cc-by-4.0": "cc-by-4.0",
    "cc0-1.0": "cc0-1.0",
    "gpl-3.0": "gpl-3.0",
    "openrail": "openrail",
}


def card_markdown(card: CandidateCard) -> str:
    """Return a card as Markdown; paths of this machine are cut to their last part."""
    sections = [
        _metadata(card),
        f"# {_plain(card.name)}",
        _opening(card),
        _risk(card),
        "## What was joined\n\n" + _table(("", "sender", "receiver"), _origins(card)),
        "## What it scores\n\n" + _scores(card),
        "## Verdict\n\n" + _verdict(card),
        "## Data\n\n" + _table(("", ""), [(name, _plain(value)) for name, value in card.data.items()]),
        "## What it takes and gives\n\n" + _contract(card),
        "## Forms\n\n" + _forms(card),
        "## Intended use\n\n" + _list(card.intended),
        "## What it must not be used for\n\n" + _list(card.not_for),
        "## Known limits\n\n" + _list(card.limits),
        "## How it was made\n\n" + _made(card),
    ]
    return "\n\n".join(part for part in sections if part) + "\n"


def _metadata(card: CandidateCard) -> str:
    """Return the block between the lines ``---``; JSON is YAML too, and needs no quoting rules."""
    licences = {one.licence for one in (card.sender, card.receiver)}
    known = _HUB_LICENCES.get(next(iter(licences)).lower()) if len(licences) == 1 else None
    metric = {"type": card.score_name, "value": round(card.score[0], 6), "name": card.score_name}
    result = {
        "task": {"type": card.contract.task},
        "dataset": {"type": _slug(card.data["name"]), "name": _plain(card.data["name"])},
        "metrics": [metric],
    }
    values: dict[str, Any] = {
        "license": known or "other",
        **({} if known else {"license_name": "see-card"}),
        "library_name": "modelstitch",
        "tags": ["model-stitching", "modelstitch"],
        "model-index": [{"name": _plain(card.name), "results": [result]}],
    }
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join(["---", *lines, "---"])


def _opening(card: CandidateCard) -> str:
    halves = _halves(card)
    return (
        f"The first layers of *{_plain(source(card.sender.name))}* up to `{card.sender.cut}`, a stitch "
        f"(`{card.stitch['label']}`), and the last layers of *{_plain(source(card.receiver.name))}* from "
        f"`{card.receiver.cut}` on, as one network of {card.n_parameters:,} parameters. {halves}"
    )


def _halves(card: CandidateCard) -> str:
    """Return what of the network is still that of the originals."""
    tuned = card.finetuned
    if tuned is None:
        return "Both halves are frozen: they are those of the originals."
    steps = f"{tuned['steps']:,} steps of fine-tuning on {tuned['examples']:,} training examples"
    if card.frozen:
        return f"Both halves are frozen. **The stitch was trained further**: {steps}."
    return (
        f"**The halves are frozen no longer**: the stitch and the receiver's half were trained further, "
        f"{steps}. The sender's half is that of the original."
    )


def _risk(card: CandidateCard) -> str:
    if not card.risk_reasons:
        return ""
    return (
        "> **Exported with an accepted risk**: "
        + "; and ".join(map(_plain, card.risk_reasons))
        + f". Reason given: {_plain(card.accepted_risk)}"
    )


def _origins(card: CandidateCard) -> list[tuple[str, str, str]]:
    def row(name: str, value: Any) -> tuple[str, str, str]:
        return name, value(card.sender), value(card.receiver)

    return [
        row("network", lambda one: _plain(source(one.name))),
        row("source", lambda one: _plain(source(str(one.spec.get("source", ""))))),
        row("licence", _licence),
        row("weights (SHA-256)", lambda one: f"`{one.digest}`"),
        *_after(card),
        row("files (SHA-256)", lambda one: _files(one.files)),
        row("cut", lambda one: f"`{one.cut}`"),
        row("part that is used", lambda one: one.used),
    ]


def _after(card: CandidateCard) -> list[tuple[str, str, str]]:
    """Return the hash of the receiver's half where it is no longer that of the original."""
    if card.finetuned is None or card.frozen:
        return []
    after = f"`{card.finetuned['receiver_digest']}`"
    return [("half after fine-tuning (SHA-256)", "as it was", after)]


def _licence(one: Source) -> str:
    return f"**{UNKNOWN}**" if one.licence == UNKNOWN else _plain(one.licence)


def _files(files: Mapping[str, str]) -> str:
    return "<br>".join(f"{_plain(name)} `{value}`" for name, value in files.items()) or "none of its own"


def _scores(card: CandidateCard) -> str:
    value, low, high = card.score
    rows = [("this network", f"{value:.4f} ({low:.4f} to {high:.4f})")]
    if card.finetuned is not None:
        rows.append(("the same before fine-tuning", f"{card.finetuned['score_before']:.4f}"))
    for name, score in (("whole sender", card.sender.score), ("whole receiver", card.receiver.score)):
        rows.append((name, "no score of its own" if score is None else f"{score:.4f}"))
    if card.lost is not None:
        lost, least, most = card.lost
        rows.append(("lost against the whole receiver", f"{lost:.4f} ({least:.4f} to {most:.4f})"))
    rows.append(("margin", f"{card.margin:g}"))
    table = _table((card.score_name, f"on {card.n_confirm} confirming examples (95 % interval)"), rows)
    controls = [
        (name, "failed" if score is None else f"{score:.4f}") for name, score in card.controls.items()
    ]
    this = "this" if card.finetuned is None else "this, before fine-tuning"
    beside = _table(("same cell", "on all held-out examples"), [(this, f"{card.run_score:.4f}"), *controls])
    return f"{table}\n\nBeside its controls, as the run has them:\n\n{beside}"


def _verdict(card: CandidateCard) -> str:
    if not card.verdict:
        return "The run has no verdict on this cell."
    said = " ".join(f"{_plain(card.verdict[key])}." for key in ("sentence", "learnt_sentence"))
    numbers = [(name, f"{value:.4f}") for name, value in card.verdict.items() if isinstance(value, float)]
    words = f"**{card.verdict['name']}** ({card.verdict['confidence']} confidence), {card.verdict['learnt']}"
    before = (
        ""
        if card.finetuned is None
        else "**This verdict is of the network before fine-tuning**; of the one in this folder none is "
        "known.\n\n"
    )
    return f"{before}{words}: {said}\n\n" + _table(("number", "value"), numbers)


def _contract(card: CandidateCard) -> str:
    contract = card.contract
    lines = [f"takes {_plain(one.said)}" for one in contract.inputs]
    lines += [f"gives {_plain(one.said)}" for one in contract.outputs]
    inside = {name: value for name, value in contract.preprocessing.items() if value is not None}
    lines.append(
        "preprocessing inside: "
        + (", ".join(f"{name} {_plain(value)}" for name, value in inside.items()) or "none")
    )
    if contract.outside:
        lines.append(f"preprocessing outside: {_plain(contract.outside)}")
    if contract.rate is not None:
        lines.append(f"{contract.rate} samples a second")
    lines.append(f"the first output holds {contract.scale}")
    if contract.classes:
        names = ", ".join(map(_plain, contract.classes[:20]))
        more = f", ... ({len(contract.classes)} in all)" if len(contract.classes) > 20 else ""
        lines.append(f"classes, in the order of the outputs: {names}{more}")
    return _list(lines)


def _forms(card: CandidateCard) -> str:
    rows = [
        (
            f"`{one.form}`",
            f"{one.difference:.2g}",
            f"{one.answers} of {one.n}",
            ", ".join(map(str, one.batches)),
        )
        for one in card.forms
    ]
    head = ("form", "largest difference (share of the largest output)", "other answers", "batches")
    missing = "".join(f"\n\n{_plain(why)}" for why in card.not_written.values())
    return _table(head, rows) + missing


def _made(card: CandidateCard) -> str:
    versions = ", ".join(f"{name} {value}" for name, value in card.versions.items())
    return f"    {shown(card.command)}\n\nExported by {_plain(card.exported_by)}, with {versions}."


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _plain(value: Any) -> str:
    """Return a value as text in one line, whose signs are no Markdown and no HTML, without folders."""
    text = " ".join(shown(str(value)).split())
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", text)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", source(name).lower()).strip("-") or "data"
