"""Everything the page's own program reads, as one compact JSON value: numbers in lists, row by row, rounded to what is said."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from modelstitch.evidence.kinds import KINDS
from modelstitch.evidence.verdict import Thresholds
from modelstitch.results.colours import VERDICTS, palette
from modelstitch.results.comparison import Comparison
from modelstitch.results.rows import CellKey, CellRow, EvidenceRow
from modelstitch.results.verdicts import normalised_scores
from modelstitch.specs import CONTROLS, TRAINED, StitchSpec
from modelstitch.specs.verdicts import Confidence
from modelstitch.wording import LANGUAGES, measure_words, plain, translated

BYTES = 290_000
"""What the island may take, unless told otherwise, before evidence of further stitches, seeds and controls is left out."""

REASON_BYTES = 70_000
"""What reasons may take; of further stitches the name and the numbers are left."""

_ALONG, _DRAWN = "trajectory", "within_cka"

Grid = tuple[str, str, int]
"""Control, stitch and seed."""


def island(comparison: Comparison, language: str, room: int = BYTES) -> dict[str, Any]:
    """Return what the page's program needs, in about ``room`` bytes; see ``page.js`` for how each part is read."""
    rows = {control: comparison.cut_names(control)[0] for control in comparison.controls}
    receivers = comparison.cut_names(comparison.controls[0])[1]
    seeds = sorted({cell.seed for cell in comparison.cells})
    facts: dict[str, Any] = {
        "sender": comparison.sender,
        "receiver": comparison.receiver,
        "receivers": receivers,
        "rows": rows,
        "controls": list(comparison.controls),
        "titles": {control: plain(CONTROLS[control].title, language) for control in comparison.controls},
        "short": {
            control: plain(CONTROLS[control].phrase, language)
            if CONTROLS[control].phrase in LANGUAGES[language]
            else control
            for control in comparison.controls
        },
        "main": comparison.main_stitch,
        "stitches": list(comparison.stitches),
        "fitted": _fitted(comparison),
        "seeds": seeds,
        "baselines": {
            control: [_number(comparison.baseline(role, control)) for role in ("sender", "receiver")]
            for control in comparison.controls
        },
        "chance": _number(comparison.chance),
        "n": comparison.n_effective,
        "palette": palette(),
        "looks": {name: [*look, plain(f"verdict.{name}", language)] for name, look in VERDICTS.items()},
        "thresholds": asdict(Thresholds()),
        "words": {
            key.removeprefix("ui."): text
            for key, text in LANGUAGES[language].items()
            if key.startswith("ui.")
        }
        | ({} if comparison.score_name == "accuracy" else {"score": comparison.score_name}),
        "confidence": {name: plain(f"confidence.{name}", language) for name in Confidence},
        "grids": _grids(comparison, rows, receivers),
        "verdicts": _verdicts(comparison, seeds, language),
    }
    facts["normalised"] = _by_place(comparison, normalised_scores(comparison.cells))
    measures, evidence, along = _evidence(comparison, rows, language)
    facts["measures"] = measures
    kept = _affordable(room - _size(facts), evidence, along, comparison)
    facts["evidence"] = {_key(grid): evidence[grid] for grid in kept if grid in evidence}
    facts["along"] = {_key(grid): along[grid] for grid in kept if grid in along}
    facts["left_out"] = len(set(evidence) | set(along)) - len(kept)
    return facts


def as_script(facts: dict[str, Any]) -> str:
    """Return the island as JSON that stays inert inside a page: no character that could end its element.

    Example:
        >>> as_script({"name": "</script>"})
        '{"name":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(facts, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _key(grid: Grid) -> str:
    return "|".join(map(str, grid))


def _fitted(comparison: Comparison) -> dict[str, list[str]]:
    """Return of every stitch its family, with size and norm, and the objective."""
    found = {}
    for cell in comparison.cells:
        spec = StitchSpec(family=cell.family, size=cell.size, norm=cell.norm)  # type: ignore[arg-type]
        found[cell.stitch] = [spec.label, cell.objective]
    return found


def _grids(
    comparison: Comparison, rows: dict[str, list[str]], receivers: Sequence[str]
) -> dict[str, dict[str, list[Any]]]:
    found: dict[str, dict[str, list[Any]]] = {}
    for cell in comparison.cells:
        grid = found.setdefault(_key((cell.control, cell.stitch, cell.seed)), {})
        size = len(rows[cell.control]) * len(receivers)
        at = rows[cell.control].index(cell.sender_cut) * len(receivers) + receivers.index(cell.receiver_cut)
        for name, value in _of_cell(cell, comparison.layouts_of(cell)).items():
            grid.setdefault(name, [None] * size)[at] = value
    return found


def _of_cell(cell: CellRow, layouts: tuple[str | None, str | None]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "score": _number(cell.score, 4),
        "state": "failed"
        if cell.failure is not None
        else {None: "", True: "yes", False: "no"}[cell.converged],
        "parameters": cell.n_parameters,
    }
    if cell.control == TRAINED:
        values |= {
            "gain": _number(cell.gain),
            "noise": _number(cell.noise),
            "steps": cell.total_steps,
            "start": cell.start,
            "bridge": _bridge(cell.bridge, layouts),
            "objective": cell.objective,
            "seconds": _number(cell.seconds),
        }
        if cell.failure is not None:
            values["failure"] = cell.failure
    return values


def _bridge(label: str, layouts: tuple[str | None, str | None]) -> str:
    """Say between which layouts a bridge goes, where it does not say so itself."""
    read = " to ".join(layouts) if None not in layouts else ""  # type: ignore[arg-type]
    return label if label.startswith(read) else f"{read}, {label}"


def _verdicts(comparison: Comparison, seeds: Sequence[int], language: str) -> dict[str, list[Any]]:
    """Return by ``stitch|seed``, and by ``stitch|all`` over all seeds, what was judged of each cell of the real grid."""
    if TRAINED not in comparison.controls:
        return {}
    by_seed = comparison.verdicts()
    senders, receivers = comparison.cut_names(TRAINED)
    found: dict[str, list[Any]] = {}
    room = REASON_BYTES
    for stitch in sorted(comparison.stitches, key=lambda each: each != comparison.main_stitch):
        together = comparison.cell_verdicts(stitch)
        # All seeds together first: that is what a reader sees first, and what must have its reasons.
        for seed in (None, *(seeds if len(seeds) > 1 else ())):
            judged = [
                together.get((i, j, stitch)) if seed is None else by_seed.get(CellKey(i, j, stitch, seed))
                for i in senders
                for j in receivers
            ]
            reasons = [None if each is None else translated(each.sentence, language) for each in judged]
            room -= sum(len(text.encode()) for text in reasons if text)
            if any(judged):
                found[f"{stitch}|{'all' if seed is None else seed}"] = [
                    None
                    if each is None
                    else [
                        each.name,
                        each.confidence,
                        *(
                            _number(v, 5)
                            for v in (each.score_share, each.kept, each.kept_low, each.kept_high)
                        ),
                        reason if room > 0 else None,
                    ]
                    for each, reason in zip(judged, reasons, strict=True)
                ]
    return found


def _by_place(comparison: Comparison, values: dict[CellKey, float]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    senders, receivers = comparison.cut_names(TRAINED)
    for (sender, receiver, stitch, seed), value in values.items():
        row = found.setdefault(f"{stitch}|{seed}", [None] * (len(senders) * len(receivers)))
        row[senders.index(sender) * len(receivers) + receivers.index(receiver)] = _number(value)
    return found


def _evidence(
    comparison: Comparison, rows: dict[str, list[str]], language: str
) -> tuple[list[dict[str, Any]], dict[Grid, list[Any]], dict[Grid, list[Any]]]:
    """Return what was measured: descriptions, for each grid one list a measure, and what is kept along the receiver's later cuts."""
    receivers = comparison.cut_names(comparison.controls[0])[1]
    found: dict[Grid, dict[str, list[Any]]] = {}
    along: dict[Grid, list[Any]] = {}
    seen: dict[str, tuple[str, str]] = {}
    for row in comparison.evidence:
        grid = (row.control, row.stitch, row.seed)
        at = rows[row.control].index(row.sender_cut) * len(receivers) + receivers.index(row.receiver_cut)
        size = len(rows[row.control]) * len(receivers)
        if row.kind == _ALONG:
            if row.name == _DRAWN and row.where in receivers:
                series = along.setdefault(grid, [None] * size)
                if series[at] is None:
                    series[at] = [None] * len(receivers)
                series[at][receivers.index(row.where)] = _number(row.value, 2)
            continue
        if row.value is None or not math.isfinite(row.value):
            continue
        key = f"{row.kind}.{row.name}" + (f" ({row.where})" if _is_variant(row, receivers) else "")
        seen.setdefault(key, (row.kind, row.name))
        values = found.setdefault(grid, {}).setdefault(key, [None] * size)
        values[at] = _with_interval(row) if row.control == TRAINED else _number(row.value)
    measures: list[dict[str, Any]] = []
    for key, (kind, name) in seen.items():
        known = KINDS[kind].definitions.get(name)
        better = known.better if known else ""
        english = (known.text, known.range) if known else ("", "")
        text, span = measure_words(f"{kind}.{name}", language, english)
        measures.append({"key": key, "kind": kind, "text": text, "range": span, "better": better})
    single = {grid: [values.get(each["key"], []) for each in measures] for grid, values in found.items()}
    return measures, single, along


def _with_interval(row: EvidenceRow) -> Any:
    """Return a value alone, with its half-width where its interval is symmetric, or with both ends."""
    value, low, high = (_number(each) for each in (row.value, row.low, row.high))
    if low is None or high is None or row.low is None or row.high is None or row.value is None:
        return value
    half = (row.high - row.low) / 2
    symmetric = abs(row.value - (row.low + row.high) / 2) <= 0.01 * half
    return [value, _number(half, 2)] if symmetric else [value, low, high]


def _is_variant(row: EvidenceRow, receivers: Iterable[str]) -> bool:
    """Tell whether a measure has several places in one cell, so that the place belongs to its name."""
    return row.where not in ("", "output", *receivers)


def _size(value: Any) -> int:
    return len(as_script({"": value}).encode())


def _affordable(
    room: int,
    evidence: dict[Grid, list[Any]],
    along: dict[Grid, list[Any]],
    comparison: Comparison,
) -> list[Grid]:
    """Return the grids whose evidence the page holds: as many as its size allows, the first stitch and the real grid first."""
    order = sorted(
        set(evidence) | set(along),
        key=lambda grid: (
            grid[1] != comparison.main_stitch,
            comparison.stitches.index(grid[1]),
            grid[2],
            comparison.controls.index(grid[0]),
        ),
    )
    kept: list[Grid] = []
    for grid in order:
        room -= _size([evidence.get(grid), along.get(grid)])
        if room < 0:
            break
        kept.append(grid)
    return kept


def _number(value: float | None, digits: int = 3) -> float | int | None:
    """Return a value rounded to significant digits, whole where it is whole; None for what is no number.

    Example:
        >>> _number(0.98765), _number(12345.6), _number(2.0), _number(float("nan"))
        (0.988, 12300, 2, None)
    """
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded
