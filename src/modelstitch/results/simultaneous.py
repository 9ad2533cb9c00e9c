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
    means = differences.mean(1)
    return means, half_widths(differences - means[:, None], level=level, seed=seed)


def half_widths(
    influences: np.ndarray,
    drawn: np.ndarray | None = None,
    freedom: int = 1,
    level: float = 0.95,
    seed: int = 0,
) -> np.ndarray:
    r"""Return half-widths of simultaneous intervals from what each example moves the estimates by.

    The error of an estimate is :math:`\mathrm{se}_c^2 = \sum_i \psi_{ci}^2 / (n (n - 1)) + s_c^2`. The
    second part, which :func:`max_t` lacks, is that of a mean over a few draws; one variance, with ``freedom``
    degrees of freedom, is behind all :math:`s_c`.

    Args:
        influences: :math:`\psi`, of mean 0, (cells, n).
        drawn: :math:`s`, (cells,).
        freedom: of the variance between draws.
        level: of all intervals together.
        seed: of the bootstrap.

    Returns:
        (cells,); a cell without variance has width 0.
    """
    cells, n = influences.shape
    spread = np.zeros(cells) if drawn is None else drawn
    errors = np.sqrt((influences**2).sum(1) / max(1, n * (n - 1)) + spread**2)
    varying = errors > 0
    if not varying.any():
        return np.zeros(cells)
    scaled = (influences[varying] / (n * errors[varying, None])).astype(np.float32)
    random = np.random.default_rng(seed)
    largest = []
    for _ in range(_DRAWS // _AT_ONCE):
        moved = random.standard_normal((_AT_ONCE, n), dtype=np.float32) @ scaled.T
        if drawn is not None:
            doubt = np.sqrt(freedom / random.chisquare(freedom, (_AT_ONCE, 1)))
            moved = (
                moved
                + doubt
                * random.standard_normal(moved.shape)
                * (spread / np.where(varying, errors, 1))[varying]
            )
        largest.append(np.abs(moved).max(1))
    widths: np.ndarray = float(np.quantile(np.concatenate(largest), level)) * errors
    return widths


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
