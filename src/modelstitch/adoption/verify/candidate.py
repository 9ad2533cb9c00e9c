"""Check the folder of a candidate again: its files, its signature, its forms and, with data, its score."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modelstitch.adoption.division import divide_heldout
from modelstitch.adoption.folder.agreement import BATCHES
from modelstitch.adoption.folder.card import CARD_PLAIN
from modelstitch.adoption.folder.check import check_files, is_signed
from modelstitch.adoption.folder.ledger import LEDGER, LedgerEntry, append
from modelstitch.adoption.folder.loading import network_in
from modelstitch.adoption.folder.manifest import MANIFEST
from modelstitch.adoption.folder.signature import Trust, why_not_signed
from modelstitch.adoption.folder.spec_file import SPEC, FolderSpec, read_spec
from modelstitch.adoption.pilot.both import inputs_as_given
from modelstitch.adoption.pilot.new_data import expect_fit
from modelstitch.adoption.verify.forms_again import drawn_inputs, forms_again
from modelstitch.adoption.verify.record import Verification, VerifiedCheck
from modelstitch.data.load import as_data
from modelstitch.data.parts import Data
from modelstitch.errors import RunError
from modelstitch.fitting.schedules import spread
from modelstitch.specs import DataSpec
from modelstitch.tasks.scales import as_logits

MOST_EXAMPLES_OFF = 2
"""Held-out examples by which a score may be another one: their answers hang by a rounding."""

_BATCH = 256


def is_candidate(folder: Path) -> bool:
    """Tell whether a folder is that of a candidate, whole or damaged: it holds a file that says so."""
    return any((folder / name).is_file() for name in (MANIFEST, SPEC, LEDGER, CARD_PLAIN))


def verify_candidate(
    folder: str | Path, by: str, *, data: Any = None, trust: Trust | None = None, seed: int = 0
) -> Verification:
    """Check a candidate again, and add a line to its ledger.

    Args:
        folder: of the candidate.
        by: who checks.
        data: those of the run, to check the score; as for :func:`modelstitch.compare`. Without them the score
            is not checked.
        trust: whose signature is accepted; without it a signature is not checked.
        seed: of the inputs that the forms are compared on where no data are given.

    Raises:
        RunError: no candidate there, or the ledger cannot be written.
        DataError: data that do not fit the candidate.
    """
    folder = Path(folder)
    if not is_candidate(folder):
        raise RunError(f"no candidate in {str(folder)!r}: expected a folder that modelstitch export wrote")
    left: list[str] = []
    checks = [_files(folder)]
    if trust is None:
        signed = "it has one, and" if is_signed(folder) else "it has none, and"
        left.append(f"the signature: {signed} no key and no certificates were given")
    else:
        checks.append(_signature(folder, trust))
    if checks[0].holds:
        checks += _network(folder, data, seed, left)
    else:
        left.append("forms and score: the files are not those that were exported")
    left += [
        "the verdict, the controls and the loss against the receiver: verify the run",
        "the calibration: its file is the one that was exported, its numbers were not computed again",
    ]
    found = Verification(
        target="candidate", name=folder.resolve().name, by=by, checks=tuple(checks), not_checked=tuple(left)
    )
    return _recorded(folder, found)


def _files(folder: Path) -> VerifiedCheck:
    changes, ledger = check_files(folder)
    named = {"changed": changes.changed, "missing": changes.missing, "added": changes.added}
    said = "; ".join(text for text in (changes.said, ledger) if text)
    return VerifiedCheck(
        name="files",
        holds=changes.none and ledger is None,
        said=said or "every file is the one that was exported, and the ledger holds",
        facts={**{what: list(names) for what, names in named.items()}, "ledger": ledger},
    )


def _signature(folder: Path, trust: Trust) -> VerifiedCheck:
    try:
        why = why_not_signed(folder, trust)
    except RunError as error:  # no signature where one is asked for
        why = str(error)
    return VerifiedCheck(name="signature", holds=why is None, said=why or "the signature holds")


def _network(folder: Path, data: Any, seed: int, left: list[str]) -> list[VerifiedCheck]:
    spec = read_spec(folder)
    if data is None:
        left.append("the score: no data were given")
        left.append("the forms on real examples: they were compared on drawn inputs")
        batches = [drawn_inputs(spec.contract, n, seed + n) for n in BATCHES]
        check, missing = forms_again(folder, spec, batches)
        left += missing
        return [check]
    read = data if isinstance(data, Data) else as_data(_read_as(data, spec))
    read = read.to(torch.device("cpu"))
    expect_fit(read, spec)
    inputs = inputs_as_given(spec.contract, read)
    same = read.digest == spec.digests["data"]
    every = torch.arange(len(read.heldout))
    rows = divide_heldout(read, spec.division["seed"]).confirm if same else every
    order = spread(rows, sum(BATCHES))
    order = order[torch.arange(sum(BATCHES)) % len(order)]
    batches = [_taken(inputs, some) for some in order.split(list(BATCHES))]
    check, missing = forms_again(folder, spec, batches)
    left += missing
    return [check, *_score(folder, spec, read, inputs, rows, left)]


def _read_as(data: Any, spec: FolderSpec) -> Any:
    """Return how data are read: by the options of the run's, from another source."""
    return replace(DataSpec(**spec.sources["data"]), source=data) if isinstance(data, str) else data


def _taken(inputs: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    return {name: value[rows] for name, value in inputs.items()}


def _score(
    folder: Path,
    spec: FolderSpec,
    data: Data,
    inputs: Mapping[str, Tensor],
    rows: Tensor,
    left: list[str],
) -> list[VerifiedCheck]:
    """Score the candidate again; on other data than the run's this checks nothing, and says so."""
    module, contract, found = network_in(folder), spec.contract, []
    examples = data.heldout.mapped(lambda value: value.cpu())
    with torch.no_grad():
        # Examples that are scored against each other are scored at once.
        for some in rows.split(len(rows) if data.task.together else _BATCH):
            given = _taken(inputs, some)
            output = module(given.pop(contract.inputs[0].name), **given)
            targets = examples.targets_for(data.task, some)
            found.append(data.task.scored(as_logits(output, contract.scale), targets).double())
    again = float(torch.cat(found).mean())
    if data.digest != spec.digests["data"]:
        left.append(
            f"the score: these are other data than the run's (fingerprint {data.digest[:8]}, not "
            f"{spec.digests['data'][:8]}); on all {len(rows)} held-out examples of them it is {again:.4f}"
        )
        return []
    card = json.loads((folder / CARD_PLAIN).read_text(encoding="utf-8"))
    own = float(card["score"][0])
    off = abs(again - own) * len(rows)
    said = f"{card['score_name']} {again:.4f} on {len(rows)} confirming examples, {own:.4f} in the card"
    facts = {"score": again, "card": own, "n": len(rows), "examples_off": off}
    return [VerifiedCheck(name="score", holds=off <= MOST_EXAMPLES_OFF + 1e-6, said=said, facts=facts)]


def _recorded(folder: Path, found: Verification) -> Verification:
    """Add a line to the ledger; a ledger that does not hold itself gets none."""
    if found.checks[0].facts["ledger"] is not None:
        why = f"the record is not in the ledger: {found.checks[0].facts['ledger']}"
        return replace(found, not_checked=(*found.not_checked, why))
    facts = {name: value for name, value in found.to_plain().items() if name not in ("by", "when")}
    append(folder / LEDGER, LedgerEntry(event="verify", by=found.by, facts=facts, when=found.when))
    return found
