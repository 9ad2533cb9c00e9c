"""Plain sentences on what a matrix shows, made from its numbers and those of its controls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from modelstitch.results.facts import BySide
from modelstitch.results.rows import AdvantageRow, EvidenceRow
from modelstitch.specs import CONTROLS, TRAINED
from modelstitch.wording import Listed, Text, say

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

_RANDOM = tuple(name for name in CONTROLS if name.startswith("random-"))
_LABEL_ONLY = ("clustered-noise", "one-hot")

TITLES: dict[str, Text] = {name: say(f"title.{name}") for name in CONTROLS}
"""Title of the picture of each grid."""


def margin(n_heldout: int, score: float) -> float:
    r"""Return the difference of two scores that held-out sampling alone explains, at two standard errors.

    .. math:: 2 \sqrt{2\, p (1 - p) / n}

    Both are measured on the same examples, so this is rather too wide.

    Example:
        >>> round(margin(599, 0.95), 3)
        0.025
    """
    return 2 * math.sqrt(2 * score * (1 - score) / n_heldout)


def lower_triangle(shape: tuple[int, int]) -> np.ndarray:
    """Tell for each cell whether the receiver cut is no deeper than the sender cut: j / J <= i / I.

    Source: Hernandez et al. 2022, section 4.

    Example:
        >>> lower_triangle((2, 3)).astype(int).tolist()
        [[1, 0, 0], [1, 1, 1]]
    """
    rows, columns = shape
    i = np.arange(rows)[:, None] / max(1, rows - 1)
    j = np.arange(columns)[None, :] / max(1, columns - 1)
    return np.asarray(j <= i + 1e-9)


def sentences(
    matrices: Mapping[str, xr.DataArray],
    *,
    receiver_score: float | None,
    chance: float,
    n_heldout: int,
    n_failed: int = 0,
    n_unconverged: int = 0,
    n_unconverged_controls: int = 0,
) -> list[Text]:
    """Return two or three sentences on the trained matrix and on how far the controls explain it.

    Args:
        matrices: scores by control; ``trained`` is the real grid.
        receiver_score: of the whole receiver.
        chance: score of the best constant answer.
        n_heldout: number of held-out examples.
        n_failed: number of cells of the real grid whose fit failed, one for each seed.
        n_unconverged, n_unconverged_controls: number of cells of the real grid, of the controls, that had not
            converged.
    """
    real = matrices[TRAINED].to_numpy() if TRAINED in matrices else None
    if real is None:
        return [say("matrix.no_real")]
    texts = [_where_it_works(real, receiver_score, chance)]
    controls = {name: matrix.to_numpy() for name, matrix in matrices.items() if name in _RANDOM}
    labels = {name: matrix.to_numpy() for name, matrix in matrices.items() if name in _LABEL_ONLY}
    if controls:
        texts += _against_controls(matrices[TRAINED], controls, n_heldout)
    if labels:
        texts += _against_labels(real, labels, n_heldout)
    if not controls and not labels:
        texts.append(say("matrix.no_control"))
    if n_unconverged_controls:
        texts.append(say("matrix.controls_moved", n=n_unconverged_controls))
    if n_unconverged:
        texts.append(say("matrix.moved", n=n_unconverged, of=real.size))
    if n_failed:
        texts.append(say("matrix.failed", n=n_failed))
    return texts


def of_comparison(comparison: Comparison) -> list[Text]:
    """Return all sentences on the main stitch of a comparison."""
    stitch = comparison.main_stitch
    texts = sentences(
        {control: comparison.matrix(control, stitch=stitch) for control in comparison.controls},
        receiver_score=comparison.baseline("receiver"),
        chance=comparison.chance,
        n_heldout=comparison.n_effective,
        n_failed=sum(cell.control == TRAINED and cell.stitch == stitch for cell in comparison.failed),
        n_unconverged=comparison.n_unconverged(stitch, real=True),
        n_unconverged_controls=comparison.n_unconverged(stitch, real=False),
    )
    if TRAINED in comparison.controls:
        shape = comparison.shape(stitch=stitch)
        texts += of_shape(shape.triangle, shape.asymmetry, shape.corresponding, shape.distant)
        texts += of_verdicts(_verdict_names(comparison, stitch), len(comparison.seeds))
    if comparison.facts.labels and comparison.spec.fit.objective == "task":
        texts += of_label_sets(comparison.evidence, comparison.facts.labels)
    texts += of_advantages([row for row in comparison.advantages if row.stitch == stitch])
    return texts + of_overlap(comparison.facts.pair.fitting_images_seen)


def _verdict_names(comparison: Comparison, stitch: str) -> np.ndarray:
    """Return the names of the verdicts over all seeds, (senders, receivers); empty where a cell has none."""
    judged = comparison.cell_verdicts(stitch)
    senders, receivers = (comparison.cuts_in_order(role, TRAINED) for role in ("sender", "receiver"))
    names = [
        [judged[i, j, stitch].name if (i, j, stitch) in judged else "" for j in receivers] for i in senders
    ]
    return np.asarray(names)


def of_verdicts(names: np.ndarray, n_seeds: int = 1) -> list[Text]:
    """Return one or two sentences on a grid of verdict names over all seeds; empty where a cell has none."""
    n_cells = int((names != "").sum())
    if n_cells == 0:
        return []
    counts = _counts(names[names != ""])
    texts = [
        say("matrix.verdicts", counts=counts)
        if n_seeds == 1
        else say("matrix.verdicts_seeds", seeds=n_seeds, counts=counts)
    ]
    lower = lower_triangle(names.shape) & (names != "")
    if 0 < int(lower.sum()) < n_cells:
        texts.append(say("matrix.lower", n=int(lower.sum()), counts=_counts(names[lower])))
    return texts


def of_advantages(rows: Sequence[AdvantageRow]) -> list[Text]:
    """Return a sentence on the number of cells in which the real grid is ahead of the random controls."""
    counts = []
    for control in dict.fromkeys(row.control for row in rows if row.control in _RANDOM):
        own = [row for row in rows if row.control == control]
        ahead, behind = sum(row.low > 0 for row in own), sum(row.high < 0 for row in own)
        name = say(f"control.{control}")
        counts.append(say("matrix.advantage", control=name, ahead=ahead, of=len(own), behind=behind))
    return [say("matrix.advantages", told=Listed(counts, "list.semicolon"))] if counts else []


def of_label_sets(rows: Sequence[EvidenceRow], labels: str) -> list[Text]:
    """Return a sentence on how much of the finest labels survives in stitches fitted to a coarser set."""
    shares = {}
    for control in (TRAINED, "self-stitch", *_LABEL_ONLY, "random-sender"):
        values = [
            row.value
            for row in rows
            if (row.control, row.name, row.where) == (control, "share_by", "labels finest")
            and row.value is not None
        ]
        if values:
            shares[control] = sum(values) / len(values)
    if TRAINED not in shares:
        return []
    controls = [
        say("matrix.label_other", control=say(f"control.{name}"), share=value)
        for name, value in shares.items()
        if name != TRAINED
    ]
    others = say("matrix.label_others", told=Listed(controls)) if controls else say("matrix.no_others")
    return [say("matrix.label_sets", labels=labels, share=shares[TRAINED], others=others)]


def of_overlap(seen: BySide[float | None]) -> list[Text]:
    """Return a sentence on the share of the fitting images in the training sets; none where unknown."""
    shares = {"sender": seen.sender, "receiver": seen.receiver}
    known = {role: share for role, share in shares.items() if share}
    parts = [say(f"matrix.overlap_{role}", share=100 * share) for role, share in known.items()]
    return [say("matrix.overlap", told=Listed(parts, "list.and"))] if parts else []


def of_shape(triangle: float, asymmetry: float, corresponding: float, distant: float) -> list[Text]:
    """Return a sentence on the shape of a matrix; none where it has none."""
    parts: list[Text] = []
    if not math.isnan(triangle):
        parts.append(say("matrix.shape_triangle", share=100 * triangle))
    if not math.isnan(corresponding) and not math.isnan(distant):
        key = "matrix.shape_near" if parts else "matrix.shape_near_first"
        parts.append(say(key, near=corresponding, far=distant))
    if not math.isnan(asymmetry):
        parts.append(
            say("matrix.shape_direction" if parts else "matrix.shape_direction_first", gap=asymmetry)
        )
    return [say("matrix.shape", told=Listed(parts, "list.semicolon"))] if parts else []


def _counts(names: np.ndarray) -> Listed:
    kinds = ("interchangeable", "decodable only", "incompatible", "cannot tell")
    counts = {kind: int((names == kind).sum()) for kind in kinds}
    return Listed(
        [say("matrix.count", n=count, name=say(f"verdict.{kind}")) for kind, count in counts.items() if count]
    )


def _where_it_works(real: np.ndarray, receiver_score: float | None, chance: float) -> Text:
    lower = lower_triangle(real.shape) & ~np.isnan(real)
    upper = ~lower_triangle(real.shape) & ~np.isnan(real)
    own = say("matrix.no_own") if receiver_score is None else say("matrix.own", own=receiver_score)
    if not lower.any() or not upper.any():
        values = real[~np.isnan(real)]
        mean = say("matrix.score", score=values.mean()) if values.size else say("matrix.nothing")
        return say("matrix.mean", mean=mean, own=own, chance=chance)
    below, above = real[lower].mean(), real[upper].mean()
    key = "plain"
    if abs(below - above) < 0.02:
        key = "no_direction"
    elif below < above:
        key = "reversed"
    more = say(f"matrix.{key}")
    return say("matrix.triangle", below=below, own=own, above=above, chance=chance, more=more)


def _best_of(controls: Sequence[np.ndarray]) -> np.ndarray:
    """Return the best of several matrices in each cell, NaN where none has a value."""
    stacked = np.stack(controls)
    best = np.where(np.isnan(stacked), -np.inf, stacked).max(0)
    return np.where(np.isinf(best), np.nan, best)


def _against_labels(real: np.ndarray, labels: Mapping[str, np.ndarray], n_heldout: int) -> list[Text]:
    best = _best_of(list(labels.values()))
    usable = ~np.isnan(real) & ~np.isnan(best)
    if not usable.any():
        return []
    slack = np.vectorize(lambda p: margin(n_heldout, p))(np.nan_to_num(real))
    n_reached = int((usable & (np.nan_to_num(best) >= real - slack)).sum())
    names = Listed([say(f"control.{name}") for name in labels], "list.or")
    return [say("matrix.labels", names=names, n=n_reached, of=int(usable.sum()))]


def _against_controls(real: xr.DataArray, controls: Mapping[str, np.ndarray], n_heldout: int) -> list[Text]:
    values = real.to_numpy()
    names = list(controls)
    stacked = np.stack([controls[name] for name in names])
    best = _best_of(list(controls.values()))
    usable = ~np.isnan(values) & ~np.isnan(best)
    n_cells = int(usable.sum())
    if not n_cells:
        return []
    slack = np.vectorize(lambda p: margin(n_heldout, p))(np.nan_to_num(values))
    reached = usable & (np.nan_to_num(best) >= values - slack)
    gap = np.where(usable, values - best, -np.inf)
    row, column = np.unravel_index(int(gap.argmax()), gap.shape)
    strongest = names[int(np.nanargmax(stacked[:, row, column]))]
    sender, receiver = (
        str(real[axis].to_numpy()[index]) for axis, index in (("sender_cut", row), ("receiver_cut", column))
    )
    n_reached = int(reached.sum())
    if n_reached == n_cells:
        return [say("matrix.all_reached", n=n_cells)]
    lead = say(
        "matrix.lead",
        sender=sender,
        receiver=receiver,
        score=values[row, column],
        best=best[row, column],
        control=say(f"control.{strongest}"),
    )
    if n_reached == 0:
        return [say("matrix.none_reached", n=n_cells, lead=lead)]
    by_name = Listed(
        [
            say(
                "matrix.with",
                n=int((usable & (np.nan_to_num(controls[name], nan=-np.inf) >= values - slack)).sum()),
                control=say(f"control.{name}"),
            )
            for name in names
        ]
    )
    return [
        say("matrix.some_reached", n=n_reached, of=n_cells, by_name=by_name),
        say("matrix.rest", n=n_cells - n_reached, lead=lead),
    ]
