"""Differences of the real grid to its controls on the same examples, with simultaneous intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modelstitch.results.rows import AdvantageRow, CellKey
from modelstitch.specs import CONTROLS, TRAINED

_DRAWS, _AT_ONCE = 2000, 200

Answers = Mapping[tuple[str, CellKey], np.ndarray]
"""Score of each example (n,), in bool or from 0 to 1, by control and cell."""


def max_t(differences: np.ndarray, level: float = 0.95, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    r"""Return means with the half-widths of their simultaneous intervals.

    .. math:: \bar d_c \pm q\, \mathrm{se}_c, \quad q = \text{level-quantile of }
        \max_c \left|\frac{\sum_i g_i (d_{ci} - \bar d_c)}{n\, \mathrm{se}_c}\right|

    with independent standard normal :math:`g_i` in each draw (the multiplier bootstrap). All intervals cover
    their means at once with probability ``level``. Where cells depend on each other, they are narrower than
    those of a Bonferroni correction.

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
    """Return the lead of the real grid over every control, cell by cell, with simultaneous intervals.

    Args:
        answers: of all cells. A control is compared where both it and the real grid have the cell;
            shuffled labels are left out.
    """
    pairs = [
        (control, key)
        for control, key in answers
        if control != TRAINED and not CONTROLS[control].shuffled and (TRAINED, key) in answers
    ]
    if not pairs:
        return []
    differences = np.stack(
        [answers[TRAINED, key].astype(np.float32) - answers[control, key] for control, key in pairs]
    )
    means, widths = max_t(differences)
    return [
        AdvantageRow(
            control=control,
            **key._asdict(),
            difference=float(mean),
            low=float(mean - width),
            high=float(mean + width),
        )
        for (control, key), mean, width in zip(pairs, means, widths, strict=True)
    ]
