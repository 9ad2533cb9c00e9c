"""Everything the page's own program reads, as one JSON value: rounded numbers in lists, row by row."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from modelstitch.evidence.kinds import KINDS
from modelstitch.evidence.verdict import Thresholds, Verdict
from modelstitch.results.colours import LEARNT_MARKS, MARKS, palette
from modelstitch.results.comparison import Comparison
from modelstitch.results.plots import KEPT_COLOURS
from modelstitch.results.rows import CellKey, CellRow, EvidenceRow, KeptRow
from modelstitch.results.verdict_cells import verdicts_of_control
from modelstitch.results.verdicts import judged_controls, normalised_scores
from modelstitch.specs import CONTROLS, SELF_STITCH, TRAINED, StitchSpec
from modelstitch.specs.verdicts import Confidence, Learnt, VerdictName
from modelstitch.wording import LANGUAGES, measure_words, plain, translated

BYTES = 290_000
"""Default size of the page data; evidence of further stitches, seeds and controls beyond it is left out."""

REASON_BYTES = 45_000
"""Size of all reasons; verdicts of further stitches keep their name and numbers."""

_ALONG = "kept"
"""Kind of evidence that is drawn along the receiver; the table of a cell leaves it out."""

_LEFT_OUT = (_ALONG, "trajectory")
"""Kinds of evidence that have a number for each later cut; evidence.csv has them."""

_OUTPUT = "output"

_NAMES, _LEARNT, _SURE = list(VerdictName), list(Learnt), list(Confidence)

VERDICT_FIELDS = (
    *("name", "confidence", "share", "kept", "low", "high", "reason", "learnt", "learnt_confidence"),
    *("lead", "lead_low", "lead_high", "untrained"),
    *("head", "head_low", "head_high", "where", "recovered", "own", "label", "p"),
)
"""What a verdict holds, in this order; words by their number, ``where`` by that of the receiver cut.

Of one seed among several a verdict has the first :data:`_OF_ONE_SEED` alone.
"""

_OF_ONE_SEED = VERDICT_FIELDS.index("untrained")

GridKey = tuple[str, str, int]
"""A grid of one stitch: control, stitch and seed."""


def page_data(
    comparison: Comparison,
    language: str,
    budget_bytes: int = BYTES,
    recommended: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """Return what the page's program needs, in about ``budget_bytes``; ``page.js`` reads it.

    Args:
        comparison: what was run.
        language: of the page.
        budget_bytes: its size.
        recommended: the cell that is shown at the start; None for none.
    """
    rows = {control: comparison.cut_names(control)[0] for control in comparison.controls}
    receivers = comparison.cut_names(comparison.controls[0])[1]
    seeds = sorted({cell.seed for cell in comparison.cells})
    facts: dict[str, Any] = {
        "sender": comparison.sender,
        "receiver": comparison.receiver,
        "receivers": receivers,
        "rows": rows,
        "controls": list(comparison.controls),
        "real": TRAINED,
        "self_stitch": SELF_STITCH,
        "titles": {control: plain(CONTROLS[control].title, language) for control in comparison.controls},
        "short": {
            control: plain(CONTROLS[control].phrase, language)
            if CONTROLS[control].phrase in LANGUAGES[language]
            else control
            for control in comparison.controls
        },
        "main": comparison.main_stitch,
        "recommended": None if recommended is None else list(recommended),
        "stitches": list(comparison.stitches),
        "fitted": _fitted(comparison),
        "objective_words": {name: plain(f"objective.{name}", language) for name in comparison.objectives},
        "seeds": seeds,
        "baselines": {
            control: [_number(comparison.baseline(role, control)) for role in ("sender", "receiver")]
            for control in comparison.controls
        },
        "chance": _number(comparison.chance),
        "n": comparison.n_effective,
        "palette": palette(),
        "kept_palette": palette(KEPT_COLOURS),
        "unknown": _NAMES.index(VerdictName.CANNOT_TELL),
        "looks": [[MARKS[name], plain(f"verdict.{name}", language)] for name in _NAMES],
        "learnt": [[LEARNT_MARKS[name], plain(f"learnt.{name}", language)] for name in _LEARNT],
        "not_asked": _LEARNT.index(Learnt.NOT_ASKED),
        "untrained": _untrained_control(comparison, language),
        "thresholds": asdict(Thresholds()),
        "words": {
            key.removeprefix("ui."): text
            for key, text in LANGUAGES[language].items()
            if key.startswith("ui.")
        }
        | ({} if comparison.score_name == "accuracy" else {"score": comparison.score_name}),
        "confidence": [plain(f"confidence.{name}", language) for name in _SURE],
        "grids": _grids(comparison, rows, receivers),
        "verdict_fields": VERDICT_FIELDS,
        "verdicts": _verdicts(comparison, seeds, language),
        "kept": _kept(comparison, rows, receivers),
        "words_of_controls": _words_of_controls(comparison, rows, receivers),
    }
    facts["normalised"] = _by_place(comparison, normalised_scores(comparison.cells))
    measures, evidence = _evidence(comparison, rows, language)
    along = _along(comparison, rows)
    facts["measures"] = measures
    kept = _affordable(budget_bytes - _size(facts), evidence, along, comparison)
    facts["evidence"] = {_key(grid): evidence[grid] for grid in kept if grid in evidence}
    facts["along"] = {_key(grid): along[grid] for grid in kept if grid in along}
    facts["left_out"] = len(set(evidence) | set(along)) - len(kept)
    return facts


def as_script(facts: dict[str, Any]) -> str:
    """Return the page data as JSON that stays inert inside a page: no character that could end its element.

    Example:
        >>> as_script({"name": "</script>"})
        '{"name":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(facts, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _key(grid: GridKey) -> str:
    return "|".join(map(str, grid))


def _fitted(comparison: Comparison) -> dict[str, list[str]]:
    """Return of every stitch its family, with size and norm, and the objective."""
    fitted = {}
    for cell in comparison.cells:
        spec = StitchSpec(family=cell.family, size=cell.size, norm=cell.norm)  # type: ignore[arg-type]
        fitted[cell.stitch] = [spec.label, cell.objective]
    return fitted


def _grids(
    comparison: Comparison, rows: dict[str, list[str]], receivers: Sequence[str]
) -> dict[str, dict[str, list[Any]]]:
    grids: dict[str, dict[str, list[Any]]] = {}
    for cell in comparison.cells:
        grid = grids.setdefault(_key((cell.control, cell.stitch, cell.seed)), {})
        size = len(rows[cell.control]) * len(receivers)
        at = rows[cell.control].index(cell.sender_cut) * len(receivers) + receivers.index(cell.receiver_cut)
        for name, value in _of_cell(cell, comparison.layouts_of(cell)).items():
            grid.setdefault(name, [None] * size)[at] = value
    return grids


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
    """Return the label of a bridge with the two layouts in front, unless it begins with them."""
    read = " to ".join(layouts) if None not in layouts else ""  # type: ignore[arg-type]
    return label if label.startswith(read) else f"{read}, {label}"


def _verdicts(comparison: Comparison, seeds: Sequence[int], language: str) -> dict[str, list[Any]]:
    """Return the verdicts of the trained grid by ``stitch|seed``, and over all seeds by ``stitch|all``."""
    if TRAINED not in comparison.controls:
        return {}
    by_seed = comparison.verdicts()
    places = [*comparison.cut_names(TRAINED)[1], _OUTPUT]
    rows_of = {row.key: row for row in comparison.kept if row.control == TRAINED}
    senders, receivers = comparison.cut_names(TRAINED)
    rows: dict[str, list[Any]] = {}
    budget_bytes = REASON_BYTES
    for stitch in sorted(comparison.stitches, key=lambda name: name != comparison.main_stitch):
        together = comparison.cell_verdicts(stitch)
        # A reader sees all seeds together first, so those get their reasons first.
        for seed in (None, *(seeds if len(seeds) > 1 else ())):
            keys = [CellKey(i, j, stitch, _seed(seed, seeds)) for i in senders for j in receivers]
            judged = [together.get(key[:3]) if seed is None else by_seed.get(key) for key in keys]
            reasons = [None if v is None else translated(v.sentence, language) for v in judged]
            budget_bytes -= sum(len(text.encode()) for text in reasons if text)
            if any(judged):
                n_fields = len(VERDICT_FIELDS) if seed is None else _OF_ONE_SEED
                rows[f"{stitch}|{'all' if seed is None else seed}"] = [
                    None
                    if verdict is None
                    else _verdict_row(
                        verdict, reason if budget_bytes > 0 else None, rows_of.get(key), places
                    )[:n_fields]
                    for key, verdict, reason in zip(keys, judged, reasons, strict=True)
                ]
    return rows


def _untrained_control(comparison: Comparison, language: str) -> str:
    """Return the title of the control that untrained senders are of; empty where none was drawn."""
    names = [row.untrained_control for row in comparison.kept if row.untrained_control is not None]
    return plain(CONTROLS[names[0]].title, language) if names else ""


def _seed(seed: int | None, seeds: Sequence[int]) -> int:
    """Return the seed whose row of what is kept belongs to a verdict; of several seeds together, none."""
    if seed is not None:
        return seed
    return seeds[0] if len(seeds) == 1 else -1


def _verdict_row(
    verdict: Verdict, reason: str | None, row: KeptRow | None, places: Sequence[str]
) -> list[Any]:
    """Return a verdict in the order of :data:`VERDICT_FIELDS`.

    Args:
        verdict: on the cell.
        reason: its sentence, or None.
        row: what the cell keeps; None of several seeds together.
        places: cuts of the receiver, and the output.
    """
    because = verdict.because.least or verdict.because
    values = (
        *(_NAMES.index(verdict.name), _SURE.index(verdict.confidence), _number(verdict.score_share)),
        *(_number(value, 4) for value in (verdict.kept, verdict.kept_low, verdict.kept_high)),
        *(reason, _LEARNT.index(verdict.learnt), _SURE.index(verdict.learnt_confidence)),
        *(_number(value) for value in (verdict.lead, verdict.lead_low, verdict.lead_high)),
        [_number(value) for value in verdict.untrained],
        _number(verdict.head),
        *(_number(value) for value in ((row.head_low, row.head_high) if row else (None, None))),
        places.index(because.where) if because.where in places else None,
        *(_number(value) for value in (because.recovered, because.own, because.label, because.p_label)),
    )
    return list(values)


def _words_of_controls(
    comparison: Comparison, rows: dict[str, list[str]], receivers: Sequence[str]
) -> dict[str, list[int | None]]:
    """Return by ``control|stitch`` the number of the word of each cell, over all seeds."""
    words: dict[str, list[int | None]] = {}
    for control in comparison.controls:
        for stitch in comparison.stitches:
            judged = verdicts_of_control(comparison, control, stitch)
            if judged:
                names = {place: _NAMES.index(verdict.name) for place, verdict in judged.items()}
                words[f"{control}|{stitch}"] = [names.get((i, j)) for i in rows[control] for j in receivers]
    return words


def _kept(
    comparison: Comparison, rows: dict[str, list[str]], receivers: Sequence[str]
) -> dict[str, list[float | int | None]]:
    """Return for each grid what its cells keep."""
    by_grid: dict[str, list[float | int | None]] = {}
    judged = {TRAINED, *judged_controls(comparison.cells)} & set(rows)
    for row in comparison.kept:
        if row.control in judged:
            empty: list[float | int | None] = [None] * (len(rows[row.control]) * len(receivers))
            values = by_grid.setdefault(_key((row.control, row.stitch, row.seed)), empty)
            values[_index(row, rows, receivers)] = _number(row.kept, 4)
    return by_grid


def _by_place(comparison: Comparison, values: dict[CellKey, float]) -> dict[str, list[Any]]:
    values_by_seed: dict[str, list[Any]] = {}
    senders, receivers = comparison.cut_names(TRAINED)
    for (sender, receiver, stitch, seed), value in values.items():
        row = values_by_seed.setdefault(f"{stitch}|{seed}", [None] * (len(senders) * len(receivers)))
        row[senders.index(sender) * len(receivers) + receivers.index(receiver)] = _number(value)
    return values_by_seed


def _evidence(
    comparison: Comparison, rows: dict[str, list[str]], language: str
) -> tuple[list[dict[str, Any]], dict[GridKey, list[Any]]]:
    """Return descriptions of what was measured, and for each grid one list a measure."""
    receivers = comparison.cut_names(comparison.controls[0])[1]
    by_grid: dict[GridKey, dict[str, list[Any]]] = {}
    names: dict[str, tuple[str, str]] = {}
    for row in comparison.evidence:
        if row.kind in _LEFT_OUT or row.value is None or not math.isfinite(row.value):
            continue
        key = f"{row.kind}.{row.name}" + (f" ({row.where})" if _is_variant(row, receivers) else "")
        names.setdefault(key, (row.kind, row.name))
        empty = [None] * (len(rows[row.control]) * len(receivers))
        values = by_grid.setdefault((row.control, row.stitch, row.seed), {}).setdefault(key, empty)
        values[_index(row, rows, receivers)] = (
            _with_interval(row) if row.control == TRAINED else _number(row.value)
        )
    measures = [_description(key, kind, name, language) for key, (kind, name) in names.items()]
    return measures, {grid: [values.get(key, []) for key in names] for grid, values in by_grid.items()}


def _along(comparison: Comparison, rows: dict[str, list[str]]) -> dict[GridKey, list[Any]]:
    """Return for each grid and cell what a reader recovers at the receiver's cut and behind it."""
    receivers = comparison.cut_names(comparison.controls[0])[1]
    places = [*receivers, _OUTPUT]
    along: dict[GridKey, list[Any]] = {}
    for row in comparison.evidence:
        if (row.kind, row.name) != (_ALONG, "recovered") or row.where not in places:
            continue
        empty = [None] * (len(rows[row.control]) * len(receivers))
        cells = along.setdefault((row.control, row.stitch, row.seed), empty)
        at = _index(row, rows, receivers)
        first = receivers.index(row.receiver_cut)
        cells[at] = cells[at] or [None] * (len(places) - first)
        cells[at][places.index(row.where) - first] = _number(row.value, 2)
    return along


def _index(row: EvidenceRow | KeptRow, rows: dict[str, list[str]], receivers: Sequence[str]) -> int:
    """Return the place of a cell in the lists of its grid, which go row by row."""
    return rows[row.control].index(row.sender_cut) * len(receivers) + receivers.index(row.receiver_cut)


def _description(key: str, kind: str, name: str, language: str) -> dict[str, str]:
    known = KINDS[kind].definitions.get(name)
    better = known.better if known else ""
    english = (known.text, known.range) if known else ("", "")
    text, span = measure_words(f"{kind}.{name}", language, english)
    return {"key": key, "kind": kind, "text": text, "range": span, "better": better}


def _with_interval(row: EvidenceRow) -> Any:
    """Return a value alone, with its half-width where its interval is symmetric, or with both ends."""
    value, low, high = (_number(number) for number in (row.value, row.low, row.high))
    if low is None or high is None or row.low is None or row.high is None or row.value is None:
        return value
    half = (row.high - row.low) / 2
    symmetric = abs(row.value - (row.low + row.high) / 2) <= 0.01 * half
    return [value, _number(half, 2)] if symmetric else [value, low, high]


def _is_variant(row: EvidenceRow, receivers: Iterable[str]) -> bool:
    """Return whether a measure is taken at several places of a cell: the place is part of its name then."""
    return row.where not in ("", "output", *receivers)


def _size(value: Any) -> int:
    return len(as_script({"": value}).encode())


def _affordable(
    budget_bytes: int,
    evidence: dict[GridKey, list[Any]],
    along: dict[GridKey, list[Any]],
    comparison: Comparison,
) -> list[GridKey]:
    """Return the grids whose evidence fits into the page, the main stitch and the trained grid first."""
    order = sorted(
        set(evidence) | set(along),
        key=lambda grid: (
            grid[1] != comparison.main_stitch,
            comparison.stitches.index(grid[1]),
            grid[2],
            comparison.controls.index(grid[0]),
        ),
    )
    kept: list[GridKey] = []
    for grid in order:
        budget_bytes -= _size([evidence.get(grid), along.get(grid)])
        if budget_bytes < 0:
            break
        kept.append(grid)
    return kept


def _number(value: float | None, digits: int = 3) -> float | int | None:
    """Return a value rounded to significant digits, an integer if it is whole; None for NaN and infinity.

    Example:
        >>> _number(0.98765), _number(12345.6), _number(2.0), _number(float("nan"))
        (0.988, 12300, 2, None)
    """
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded
