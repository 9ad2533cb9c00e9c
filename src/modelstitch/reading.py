"""Say in plain sentences what a matrix shows, from its numbers and those of its controls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from modelstitch.rows import AdvantageRow, EvidenceRow

_NAMES = {
    "random-sender": "a random sender",
    "random-sender-bn": "a random sender with calibrated batch norms",
    "random-receiver": "a random receiver",
    "random-receiver-bn": "a random receiver with calibrated batch norms",
    "random-both": "two random networks",
    "random-both-bn": "two random networks with calibrated batch norms",
}
TITLES = {
    "none": "trained sender, trained receiver",
    "random-sender": "random sender, trained receiver",
    "random-sender-bn": "random sender (batch norms calibrated)",
    "random-receiver": "trained sender, random receiver",
    "random-receiver-bn": "random receiver (batch norms calibrated)",
    "random-both": "random sender, random receiver",
    "random-both-bn": "both random (batch norms calibrated)",
    "clustered-noise": "clustered noise for a sender: the label only",
    "one-hot": "one-hot label for a sender: the label only",
    "self-stitch": "receiver into itself",
    "probe": "stitch read directly, no receiver",
    "shuffled-labels": "fitted to shuffled labels",
}
"""What each grid is, as the title of its picture."""

_LABEL_ONLY = {"clustered-noise": "clustered noise", "one-hot": "a one-hot label"}


def margin(n_heldout: int, accuracy: float) -> float:
    r"""Return the difference of two accuracies that held-out sampling alone explains, at two standard errors.

    .. math:: 2 \sqrt{2\, p (1 - p) / n}

    Both are measured on the same examples, so this is on the wide side.

    Example:
        >>> round(margin(599, 0.95), 3)
        0.025
    """
    return 2 * math.sqrt(2 * accuracy * (1 - accuracy) / n_heldout)


def lower_triangle(shape: tuple[int, int]) -> np.ndarray:
    """Tell for each cell whether the receiver cut lies no deeper than the sender cut, in proportion: j / J <= i / I.

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
    receiver_accuracy: float | None,
    n_classes: int,
    n_heldout: int,
    n_unconverged: int = 0,
    n_unconverged_controls: int = 0,
) -> list[str]:
    """Return two or three sentences on the trained matrix and on how far the controls explain it.

    Args:
        matrices: accuracies by control; ``none`` is the real grid.
        receiver_accuracy: of the whole receiver.
        n_classes, n_heldout: of the data.
        n_unconverged, n_unconverged_controls: cells of the real grid, of the controls, whose accuracy still moved when
            their fit ended.
    """
    real = matrices["none"].to_numpy() if "none" in matrices else None
    if real is None:
        return ["Only controls were run, so there is no matrix of the pair itself to read."]
    failed = int(np.isnan(real).sum())
    found = [_where_it_works(real, receiver_accuracy, n_classes)]
    controls = {name: matrix.to_numpy() for name, matrix in matrices.items() if name in _NAMES}
    labels = {name: matrix.to_numpy() for name, matrix in matrices.items() if name in _LABEL_ONLY}
    if controls:
        found += _against_controls(matrices["none"], controls, n_heldout)
    if labels:
        found.append(_against_labels(real, labels, n_heldout))
    if not controls and not labels:
        found.append(
            "No control was run, so a high value here may be the work of the stitch alone: "
            "run the controls before believing it."
        )
    if n_unconverged_controls:
        found.append(
            f"{n_unconverged_controls} cell{'s' if n_unconverged_controls > 1 else ''} of the controls had not converged: the "
            "controls may do better than shown."
        )
    if n_unconverged:
        found.append(
            f"{n_unconverged} of {real.size} cells had not converged: their values are lower bounds of what the stitch "
            "could do, not facts about the networks."
        )
    if failed:
        found.append(f"{failed} of {real.size} cells failed and are left out of these sentences.")
    return found


def of_verdicts(names: np.ndarray, n_seeds: int = 1) -> list[str]:
    """Return one or two sentences on a grid of verdict names (empty where a cell has none), each held by all seeds."""
    n_cells = int((names != "").sum())
    if n_cells == 0:
        return []
    which = "Verdicts" if n_seeds == 1 else f"Verdicts (where {n_seeds} seeds agree)"
    found = [f"{which}: {_counts(names[names != ''])}."]
    lower = lower_triangle(names.shape) & (names != "")
    if 0 < int(lower.sum()) < n_cells:
        found.append(
            f"Of the {int(lower.sum())} cells into receiver cuts no deeper than the sender's own: {_counts(names[lower])}."
        )
    return found


def of_advantages(rows: Sequence[AdvantageRow]) -> list[str]:
    """Return a sentence on the cells in which the real grid is ahead of the random controls whatever sampling does."""
    told = []
    for control in dict.fromkeys(row.control for row in rows if row.control in _NAMES):
        own = [row for row in rows if row.control == control]
        ahead, behind = sum(row.low > 0 for row in own), sum(row.high < 0 for row in own)
        told.append(f"ahead of {_NAMES[control]} in {ahead} of {len(own)} cells and behind in {behind}")
    if not told:
        return []
    return [
        f"With one error rate of 5 % for all comparisons together, the trained pair is {'; '.join(told)}."
    ]


def of_label_sets(rows: Sequence[EvidenceRow], labels: str) -> list[str]:
    """Return a sentence on how much of the finest labels survives in stitches that were fitted to a coarser set."""
    told = {
        "none": "",
        "self-stitch": "the receiver into itself",
        **_LABEL_ONLY,
        "random-sender": _NAMES["random-sender"],
    }
    shares = {}
    for control in told:
        values = [
            row.value
            for row in rows
            if (row.control, row.name, row.where) == (control, "share_by", "labels finest")
            and row.value is not None
        ]
        if values:
            shares[control] = sum(values) / len(values)
    if "none" not in shares:
        return []
    others = ", ".join(f"{told[name]} {value:.2f}" for name, value in shares.items() if name != "none")
    return [
        f"Fitted to the labels {labels!r} alone, the stitched networks keep {shares['none']:.2f} of the receiver's score above chance "
        f"by the finest labels, on average{f' ({others})' if others else ''}: what a stitch was not fitted to."
    ]


def of_overlap(seen: Mapping[str, float | None]) -> str:
    """Return a sentence on how many of the images that stitches were fitted on the networks had seen; empty where none is known."""
    known = {role: share for role, share in seen.items() if share}
    if not known:
        return ""
    told = " and ".join(f"{100 * share:.0f} % in the {role}'s" for role, share in known.items())
    return (
        f"Of the images that stitches were fitted on, about {told} training set: representations of such images may be cleaner "
        "than those of new ones. Held-out scores are not touched by this."
    )


def _counts(names: np.ndarray) -> str:
    kinds = ("interchangeable", "decodable only", "incompatible", "cannot tell")
    counts = {kind: int((names == kind).sum()) for kind in kinds}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


def of_shape(triangle: float, asymmetry: float, corresponding: float, distant: float) -> str:
    """Return a sentence on the shape of a matrix; empty where it has none."""
    parts = []
    if not math.isnan(triangle):
        parts.append(
            f"whether the receiver cut is the deeper one explains {100 * triangle:.0f} % of the variance between cells"
        )
    if not math.isnan(corresponding) and not math.isnan(distant):
        parts.append(f"corresponding layers score {corresponding:.2f}, distant ones {distant:.2f}")
    if not math.isnan(asymmetry):
        parts.append(f"late into early scores {asymmetry:+.2f} against early into late")
    return (parts[0][0].upper() + "; ".join(parts)[1:] + ".") if parts else ""


def _where_it_works(real: np.ndarray, receiver_accuracy: float | None, n_classes: int) -> str:
    lower = lower_triangle(real.shape) & ~np.isnan(real)
    upper = ~lower_triangle(real.shape) & ~np.isnan(real)
    own = "" if receiver_accuracy is None else f" (the whole receiver: {receiver_accuracy:.2f})"
    if not lower.any() or not upper.any():
        values = real[~np.isnan(real)]
        mean = f"{values.mean():.2f}" if values.size else "nothing"
        return f"The stitched networks score {mean} on average{own}; chance is {1 / n_classes:.2f}."
    below, above = real[lower].mean(), real[upper].mean()
    text = (
        f"Stitched into receiver cuts that lie no deeper than the sender's own, the networks score "
        f"{below:.2f} on average{own}; into deeper cuts {above:.2f}; chance is {1 / n_classes:.2f}."
    )
    if abs(below - above) < 0.02:
        text += " So in this matrix the direction of the stitch makes little difference."
    elif below < above:
        text += " So this matrix is the other way round than the paper's lower-left triangle."
    return text


def _against_labels(real: np.ndarray, labels: Mapping[str, np.ndarray], n_heldout: int) -> str:
    best = np.stack([np.nan_to_num(each, nan=-1.0) for each in labels.values()]).max(0)
    usable = ~np.isnan(real)
    slack = np.vectorize(lambda p: margin(n_heldout, p))(np.nan_to_num(real))
    n_reached = int((usable & (best >= real - slack)).sum())
    names = " or ".join(_LABEL_ONLY[name] for name in labels)
    return (
        f"A sender that holds the label and no image ({names}) does as well in {n_reached} of {int(usable.sum())} cells: "
        "accuracy alone cannot tell whether more than the label comes across."
    )


def _against_controls(real: xr.DataArray, controls: Mapping[str, np.ndarray], n_heldout: int) -> list[str]:
    values = real.to_numpy()
    names = list(controls)
    stacked = np.stack([np.nan_to_num(controls[name], nan=-1.0) for name in names])
    best = stacked.max(0)
    usable = ~np.isnan(values)
    n_cells = int(usable.sum())
    slack = np.vectorize(lambda p: margin(n_heldout, p))(np.nan_to_num(values))
    reached = usable & (best >= values - slack)
    gap = np.where(usable, values - best, -np.inf)
    row, column = np.unravel_index(int(gap.argmax()), gap.shape)
    strongest = names[int(stacked[:, row, column].argmax())]
    sender, receiver = (
        str(real[axis].to_numpy()[index]) for axis, index in (("sender_cut", row), ("receiver_cut", column))
    )
    lead = (
        f"the trained pair is furthest ahead at {sender} -> {receiver}, {values[row, column]:.2f} against "
        f"{best[row, column]:.2f} with {_NAMES[strongest]}"
    )
    n_reached = int(reached.sum())
    if n_reached == n_cells:
        return [
            f"In all {n_cells} cells a random control does as well as the trained pair, within sampling error: "
            "this matrix is no evidence that the two networks learnt anything alike."
        ]
    if n_reached == 0:
        return [f"No random control reaches the trained pair in any of the {n_cells} cells; {lead}."]
    by_name = ", ".join(
        f"{int((usable & (controls[name] >= values - slack)).sum())} with {_NAMES[name]}" for name in names
    )
    return [
        f"In {n_reached} of {n_cells} cells a random control does as well as the trained pair, within sampling "
        f"error ({by_name}): there the number says nothing about what the networks learnt.",
        f"In the other {n_cells - n_reached} cells training matters; {lead}.",
    ]
