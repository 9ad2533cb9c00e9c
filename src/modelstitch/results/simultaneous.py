"""Differences of the real grid to its controls on the same examples, with intervals that hold for all cells at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modelstitch.results.rows import AdvantageRow
from modelstitch.results.verdicts import CellKey
from modelstitch.specs import TRAINED

_DRAWS, _AT_ONCE = 2000, 200
Answers = Mapping[tuple[str, CellKey], np.ndarray]
"""Scores (n,) of the examples, right and wrong in bool or from 0 to 1, by control and place."""


def max_t(differences: np.ndarray, level: float = 0.95, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    r"""Return means with the half-widths of their simultaneous intervals.

    .. math:: \bar d_c \pm q\, \mathrm{se}_c, \quad q = \text{level-quantile of } \max_c \left|\frac{\sum_i g_i (d_{ci} - \bar d_c)}{n\, \mathrm{se}_c}\right|

    with independent standard normal :math:`g_i`, drawn anew each time (the multiplier bootstrap): cells that rise and fall on the same
    examples cost less than a Bonferroni correction. All intervals cover their means at once with probability ``level``.

    Args:
        differences: per-example differences, (cells, n).
        level: of all intervals together.
        seed: of the draws.

    Returns:
        (cells,) and (cells,); a cell without variance has width 0.

    Source: Chernozhukov, Chetverikov & Kato 2013, section 3; max-T of Westfall & Young 1993.
    """
    cells, n = differences.shape
    means = differences.mean(1)
    centred = differences - means[:, None]
    errors = np.sqrt((centred**2).sum(1) / (n * max(1, n - 1)))
    varying = errors > 0
    if not varying.any():
        return means, np.zeros(cells)
    scaled = (centred[varying] / (n * errors[varying, None])).astype(np.float32)
    random = np.random.default_rng(seed)
    largest = np.concatenate(
        [
            np.abs(random.standard_normal((_AT_ONCE, n), dtype=np.float32) @ scaled.T).max(1)
            for _ in range(_DRAWS // _AT_ONCE)
        ]
    )
    return means, float(np.quantile(largest, level)) * errors


def advantages(answers: Answers) -> list[AdvantageRow]:
    """Return how far the real grid is ahead of every control, cell by cell, with intervals that hold for all of them at once.

    Args:
        answers: of all cells; a control is compared where both it and the real grid have the cell. Shuffled labels are left out.
    """
    pairs = [
        (control, place)
        for control, place in answers
        if control not in (TRAINED, "shuffled-labels") and (TRAINED, place) in answers
    ]
    if not pairs:
        return []
    differences = np.stack(
        [answers[TRAINED, place].astype(np.float32) - answers[control, place] for control, place in pairs]
    )
    means, widths = max_t(differences)
    return [
        AdvantageRow(
            control=control,
            sender_cut=place[0],
            receiver_cut=place[1],
            stitch=place[2],
            seed=place[3],
            difference=float(mean),
            low=float(mean - width),
            high=float(mean + width),
        )
        for (control, place), mean, width in zip(pairs, means, widths, strict=True)
    ]
