"""The report: one self-contained HTML page from a finished run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined, Template

from modelstitch.errors import RunError, SpecError, expect_one_of
from modelstitch.evidence.verdict import Thresholds
from modelstitch.geometry.intervals import wilson
from modelstitch.report.answer import answer
from modelstitch.report.island import as_script, island
from modelstitch.report.limits import limits, readable
from modelstitch.report.maps import accuracy_map, short, verdict_map
from modelstitch.report.recipes import recipes, stitch_words
from modelstitch.report.redaction import redacted
from modelstitch.results.colours import VERDICTS
from modelstitch.results.comparison import Comparison
from modelstitch.results.curves import Curve, CurvePoint, capacity_curves
from modelstitch.results.facts import RunFacts
from modelstitch.results.rows import CellKey
from modelstitch.specs import CONTROLS, TRAINED
from modelstitch.specs.verdicts import VerdictName
from modelstitch.util.atomic_files import atomic_write
from modelstitch.wording import LANGUAGES, plain, translated

Say = Callable[..., str]
"""A sentence of the catalogue in the language of the page, by key and values."""

_POINTS = ("tried", "stand_in", "sure", "not_meant", "next")
BYTES = 499_000
"""What a page may take before evidence that it would show is left to evidence.csv."""

_MOST_ROWS = 400
"""Rows of the table of all cells."""

_GEOMETRY = ("geometry", "geometry-pooled")


def page(
    comparison: Comparison,
    language: str = "en",
    *,
    strips: Mapping[str, str] | None = None,
    folder: Path | None = None,
    paths: bool = False,
) -> str:
    """Return the report on a comparison as one HTML page that asks nothing of the network.

    Args:
        comparison: what was run.
        language: ``en`` or ``ja``.
        strips: painted images by title, as ``data:`` addresses; see :mod:`modelstitch.report.strips`.
        folder: the run folder: paths inside it are shown from there.
        paths: show the paths of the user's machine as they are.

    Raises:
        RunError: no cell is finished yet.
        SpecError: no such language.
    """
    expect_one_of("language", language, tuple(LANGUAGES), SpecError)
    comparison = readable(comparison) if paths else _without_paths(readable(comparison), folder)
    stitch = comparison.main_stitch

    def t(key: str, **values: Any) -> str:
        return plain(key, language, **values)

    found = answer(comparison, stitch)
    points = zip(
        _POINTS, (found.tried, found.stand_in, found.sure, found.not_meant, found.next_steps), strict=True
    )
    real = TRAINED in comparison.controls
    verdicts = verdict_map(comparison, stitch, language) if real else None
    added = {
        "recipes": recipes(comparison.spec),
        "stitch_words": stitch_words(comparison.spec),
    }
    lines = Thresholds()
    bounds = {"high": 100 * lines.kept_high, "low": 100 * (1 - lines.kept_low)}
    render = partial(
        _template().render,
        lang=language,
        t=t,
        short=short,
        css=_part("page.css"),
        script=_part("page.js"),
        sender=comparison.sender,
        receiver=comparison.receiver,
        data=comparison.data,
        n_heldout=comparison.cells[0].n_heldout,
        answer=_Told(found.recommendation, translated(found.headline, language), found.counts),
        points=[(key, [translated(line, language) for line in texts]) for key, texts in points],
        limits=[translated(text, language) for text in limits(comparison)],
        looks=VERDICTS,
        how=dict(
            zip(
                VERDICTS,
                (
                    t("page.how_interchangeable", **bounds),
                    t("page.how_decodable", **bounds),
                    t("page.how_incompatible"),
                    t("page.how_unknown"),
                ),
                strict=True,
            )
        ),
        main_maps=[
            each
            for each in (verdicts, accuracy_map(comparison, TRAINED, stitch, language) if real else None)
            if each is not None
        ],
        control_maps=[
            accuracy_map(comparison, control, stitch, language)
            for control in comparison.controls
            if control != TRAINED
        ],
        sentences=[translated(text, language) for text in comparison.sentences()],
        curves=_curves(comparison, t),
        strips=list((strips or {}).items()),
        scatter=_scatter(comparison, stitch) if real else None,
        errors=_errors(comparison, t),
        cells=_cells(comparison, t),
        facts=_facts(comparison, t),
        spec=json.dumps(_without_none(asdict(comparison.spec)), indent=1, ensure_ascii=False),
        version=comparison.facts.versions.modelstitch,
    )
    rest = render(island=as_script(added), left_out=1)
    facts = island(comparison, language, BYTES - len(rest.encode()))
    return render(island=as_script(facts | added), left_out=facts["left_out"])


def write_page(text: str, path: Path) -> None:
    """Write a page to a file, whole or not at all.

    Raises:
        RunError: it cannot be written.
    """
    try:
        atomic_write(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8", errors="replace"))
    except OSError as error:
        raise RunError(f"cannot write {str(path)!r}: {error.strerror}") from error


class _Told:
    """What the template reads of the answer."""

    def __init__(self, recommendation: str, headline: str, counts: Mapping[VerdictName, int]) -> None:
        self.recommendation, self.headline, self.counts = recommendation, headline, counts


@cache
def _part(name: str) -> str:
    return resources.files("modelstitch.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    return environment.from_string(_part("page.html"))


def _without_paths(comparison: Comparison, folder: Path | None) -> Comparison:
    values = comparison.to_json()
    return Comparison.from_json(redacted(values, folder))


def _curves(comparison: Comparison, t: Say) -> list[list[str]]:
    if not comparison.has_curves or TRAINED not in comparison.controls:
        return []

    def told(point: CurvePoint | None) -> str:
        return (
            t("page.never")
            if point is None
            else t("page.parameters", stitch=point.stitch, n=point.n_parameters)
        )

    def row(curve: Curve) -> list[str]:
        return [f"{curve.sender_cut} → {curve.receiver_cut}", told(curve.sufficient), told(curve.caught_up)]

    return [row(curve) for curve in capacity_curves(comparison) if curve.points]


def _scatter(comparison: Comparison, stitch: str) -> dict[str, Any] | None:
    """Return the points of geometry against the score, for the first measure that was taken, mean over seeds."""
    measured: dict[str, dict[tuple[str, str], list[float]]] = {}
    for row in comparison.evidence:
        if (
            row.kind in _GEOMETRY
            and row.control == TRAINED
            and row.stitch == stitch
            and not row.name.endswith("_null")
            and row.value is not None
        ):
            cells = measured.setdefault(f"{row.kind}.{row.name}", {})
            cells.setdefault((row.sender_cut, row.receiver_cut), []).append(row.value)
    if not measured:
        return None
    name = "geometry.cka" if "geometry.cka" in measured else next(iter(measured))
    matrix = comparison.matrix(stitch=stitch)
    points, rows = [], []
    for (sender, receiver), values in measured[name].items():
        score = float(matrix.sel(sender_cut=sender, receiver_cut=receiver))
        value = sum(values) / len(values)
        if math.isnan(score):
            continue
        at = min(1.0, max(0.0, value))
        points.append((round(50 + 350 * at, 1), round(260 - 240 * score, 1)))
        rows.append([f"{sender} → {receiver}", f"{value:.3f}", f"{score:.3f}"])
    shares = ((0, "0"), (0.5, "0.5"), (1, "1"))
    return {
        "name": name,
        "measures": [name, *(each for each in measured if each != name)],
        "points": points,
        "rows": rows,
        "ticks": [(264 - 240 * share, text) for share, text in shares],
        "x_ticks": [(50 + 350 * share, text) for share, text in shares],
    }


def _errors(comparison: Comparison, t: Say) -> dict[str, Any] | None:
    frame = comparison.error_table()
    if not len(frame):
        return None
    head = ("grid", "stitch", "error", "part", "minimum", "mean", "maximum", "deviation")
    rows = [
        [
            t(CONTROLS[row["control"]].title),
            row["stitch"],
            row["error"],
            f"{row['cells']} ({row['n']})",
            *(f"{row[name]:.3g}" for name in ("minimum", "mean", "maximum", "standard_deviation")),
        ]
        for row in frame.to_dict("records")
    ]
    return {"head": [t(f"page.{name}") for name in head], "rows": rows}


def _cells(comparison: Comparison, t: Say) -> dict[str, Any]:
    """Return the cells of the pair as a table; where there are very many, those of the first stitch and seed."""
    frame = comparison.to_frame()
    frame = frame[frame["control"] == TRAINED]
    left_out = 0
    for name in ("stitch", "seed"):
        if len(frame) > _MOST_ROWS:
            chosen = comparison.main_stitch if name == "stitch" else frame[name].iloc[0]
            first = frame[frame[name] == chosen]
            left_out += len(frame) - len(first)
            frame = first
    names = [
        "sender",
        "receiver",
        "stitch",
        "seed",
        "score",
        "interval",
        "penalty",
        "converged",
        "verdict",
        "kept",
    ]
    # A column that says the same in every row says nothing.
    names = [name for name in names if name not in ("stitch", "seed") or frame[name].nunique() > 1]
    verdicts = comparison.verdicts()
    rows = []
    for row in frame.to_dict("records"):
        verdict = verdicts.get(CellKey(row["sender_cut"], row["receiver_cut"], row["stitch"], row["seed"]))
        failed = pd.isna(row["score"])
        told = {
            "sender": row["sender_cut"],
            "receiver": row["receiver_cut"],
            "stitch": row["stitch"],
            "seed": row["seed"],
            "score": "–" if failed else f"{row['score']:.4f}",
            "interval": "–"
            if failed
            else "{:.3f} – {:.3f}".format(*_wilson(row["score"], comparison.n_effective)),
            "penalty": "–" if pd.isna(row["penalty"]) else f"{row['penalty']:+.4f}",
            "converged": t({True: "page.yes", False: "page.no"}.get(row["converged"], "page.fixed")),
            "verdict": "–" if verdict is None else t(f"verdict.{verdict.name}"),
            "kept": "–" if verdict is None or math.isnan(verdict.kept) else f"{100 * verdict.kept:.0f} %",
        }
        rows.append([told[name] for name in names])
    return {"head": [t(f"page.{name}") for name in names], "rows": rows, "left_out": left_out}


def _wilson(score: float, n: int) -> tuple[float, float]:
    return wilson(round(score * n), n)


def _facts(comparison: Comparison, t: Say) -> list[tuple[str, str]]:
    rows = [
        (t("page.weights_hash", role=t(f"page.{each.role}")), each.digest)
        for each in comparison.baselines
        if each.control == TRAINED and each.seed == min(other.seed for other in comparison.baselines)
    ]
    rows += [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in _flat(comparison.facts).items()
        if value not in (None, "")
    ]
    rows.append((t("page.seconds"), f"{sum(cell.seconds for cell in comparison.cells):.0f}"))
    return rows


def _without_none(value: Any) -> Any:
    """Return plain values without the entries that are None: choices that were left to the package."""
    if isinstance(value, Mapping):
        return {name: _without_none(part) for name, part in value.items() if part is not None}
    return [_without_none(part) for part in value] if isinstance(value, list | tuple) else value


def _flat(facts: RunFacts) -> dict[str, Any]:
    """Return the facts of a run by name, those about the networks and the versions without a level of their own."""
    return {
        **asdict(facts.pair),
        **{name: value for name, value in facts.to_plain().items() if name not in ("pair", "versions")},
        **asdict(facts.versions),
    }
