r"""How much of the receiver's content within classes each cell keeps, with intervals for all cells at once.

At a place l (the receiver cut, a later cut, or the output), with :math:`e_i` what a reader leaves of the
expected residual of example i:

.. math:: \kappa_l = \frac{\sum_i (e_i^\text{label} - e_i)}{\sum_i (e_i^\text{label} - e_i^\text{self})},
    \qquad \text{kept} = \min_l \kappa_l

:math:`e^\text{self}` is that of the self-stitch of the receiver cut, :math:`e^\text{label}` that of the
label-only sender that leaves least, both through the same stitch. So kept is 0 for a sender that holds the
label alone, and 1 for the receiver's own representation.

A stitch that is fitted to the task may throw away what the receiver could do without. The self-stitch is
fitted alike, so this loss is not charged to the sender. What a stitch is too narrow to carry is charged:
through ``lowrank(r)`` with fewer ranks than channels, or ``mlp(h)`` with fewer than two hidden units a
channel, the self-stitch loses it too, and :math:`e^\text{self}` is 0 there: that of the receiver without a
stitch. So 1 is always the whole of what the receiver knows, whatever else a run fits, and the rungs of
``--ladder`` can be compared.

Where a self-stitch that could carry it all loses more than half of the receiver's variance at a place, as
one that was fitted to few examples may, it is no sound 1: senders that keep less than the receiver reach it.
There the value and the low end of the interval are those with :math:`e^\text{self}` = 0, the high end is that
of the self-stitch, and no lead over untrained senders is stated.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TypeVar

import numpy as np

from modelstitch.results.rows import CellKey, KeptRow
from modelstitch.results.simultaneous import half_widths
from modelstitch.specs import CONTROLS, SELF_STITCH, TRAINED, label_only_controls
from modelstitch.specs.verdicts import KeptScale

_LEAST_RANGE = 0.1
"""Share of the variance that must lie between label-only sender and self-stitch at every place."""

_LEAST_ERRORS = 4
"""Standard errors of that range that it must be larger than."""

_LEAST_OWN = 0.5
"""Share of the receiver's variance that the self-stitch must keep at a place to be a 1 there."""

_LEVEL = 0.95

_LOOKS = 2
"""Times that a run looks at the leads: after the first draws, and after more where they leave it unclear."""


@dataclass(frozen=True)
class ExampleParts:
    """What was measured of one cell, by example.

    Attributes:
        errors: (n,) by place, what a reader leaves of the expected residuals, over their mean square; None
            where it is not defined.
        orders: (R,) the statistic of the examples as they are, then in permutations within classes.
    """

    errors: Mapping[str, np.ndarray | None]
    orders: np.ndarray | None = None


_At = TypeVar("_At", bound=Hashable)

PartsByCell = Mapping[tuple[str, CellKey], ExampleParts]
"""Parts by control and cell."""


@dataclass(frozen=True)
class Kept:
    """What one cell keeps.

    Attributes:
        places: the cut, the later cuts and the output.
        values: (L,) kept at each of them; NaN at a place without a range.
        influences: (L, n) of each example on the values; their mean is 0.
        ranges: (L, 2) of the range between label and self-stitch, over that range: the covariance of its
            error with that of the value, and the variance of its error.
        shares: (L, 3) what a reader recovers from the cell, the self-stitch and the label-only sender.
        scaled_by: what 1 is.
        by_self: the same with the self-stitch as 1 everywhere, where ``scaled_by`` is ``BOTH``.
    """

    places: tuple[str, ...]
    values: np.ndarray
    influences: np.ndarray
    ranges: np.ndarray
    shares: np.ndarray
    scaled_by: KeptScale = KeptScale.SELF_STITCH
    by_self: Kept | None = None

    @property
    def at(self) -> int:
        """Number of the place that keeps least; one without a range comes before all others."""
        return int(np.where(np.isnan(self.values), -math.inf, self.values).argmin())

    @property
    def value(self) -> float:
        return float(self.values[self.at])


def kept_at(cell: ExampleParts, own: ExampleParts, labels: Sequence[ExampleParts]) -> Kept:
    """Return what a cell keeps at every place.

    Args:
        cell: of the cell.
        own: of the self-stitch of its receiver cut.
        labels: of the label-only senders at its cuts, at least one.

    Example:
        >>> label = ExampleParts({"output": np.array([1.0, 1.0])})
        >>> own = ExampleParts({"output": np.array([0.2, 0.0])})
        >>> cell = ExampleParts({"output": np.array([0.5, 0.6])})
        >>> round(kept_at(cell, own, [label]).value, 3)
        0.5
    """
    n = max((len(errors) for errors in cell.errors.values() if errors is not None), default=0)
    places = tuple(dict.fromkeys((*cell.errors, *own.errors)))
    found = []
    for place in places:
        floors = [errors for parts in labels if (errors := parts.errors.get(place)) is not None]
        found.append(_at_place(cell.errors.get(place), own.errors.get(place), floors, n))
    values, influences, ranges, shares = (np.array(each) for each in zip(*found, strict=True))
    return Kept(places, values, influences, ranges, shares)


_AtPlace = tuple[float, np.ndarray, tuple[float, float], tuple[float, float, float]]
"""Value, influences, range and shares of one place; see :class:`Kept`."""


def _at_place(
    errors: np.ndarray | None, own: np.ndarray | None, floors: Sequence[np.ndarray], n: int
) -> _AtPlace:
    """Return what a cell keeps at one place; NaN without a range."""
    floor = min(floors, key=lambda each: float(each.mean())).astype(np.float64) if floors else None
    shares = (_share(errors), _share(own), _share(floor))
    unknown: _AtPlace = (math.nan, np.zeros(n), (0.0, 0.0), shares)
    if errors is None or own is None or floor is None:
        return unknown
    width, gained = floor - own, floor - errors
    spread = float(width.mean())
    if not spread > max(_LEAST_RANGE, _LEAST_ERRORS * _standard_error(width)):
        return unknown
    value = float(gained.mean()) / spread
    influence, relative = (gained - value * width) / spread, width / spread - 1
    pairs = max(1, n * (n - 1))
    ranges = float(influence @ relative) / pairs, float(relative @ relative) / pairs
    return value, influence, ranges, shares


def kept_rows(
    parts: PartsByCell,
    draws: Mapping[CellKey, Sequence[ExampleParts]] | None = None,
    drawn_from: str | None = None,
    narrow: Collection[tuple[str, str]] = (),
) -> list[KeptRow]:
    """Return what every cell keeps that has a self-stitch and a label-only sender beside it.

    The intervals of the trained pair's cells, at all places, hold at once with 95 %. Those of a control's
    cells hold one by one, each at all its places.

    Args:
        parts: of all cells.
        draws: of every untrained sender that was drawn for a cell of the trained pair.
        drawn_from: the control that these are of.
        narrow: (receiver cut, stitch) where the receiver's own representation cannot pass whole.
    """

    def measured(key: CellKey, cell: ExampleParts, control: str = TRAINED) -> Kept | None:
        wide = (key.receiver_cut, key.stitch) not in narrow
        return _kept(parts, key, cell, control, wide=wide)

    kept = {at: each for at, cell in parts.items() if (each := measured(at[1], cell, at[0])) is not None}
    widths = _widths(kept)
    certain = {
        (name, key): p
        for name in dict.fromkeys(control for control, _ in parts)
        for key, p in more_than_label({at[1]: cell for at, cell in parts.items() if at[0] == name}).items()
    }
    led = leads(
        {
            key: (kept[TRAINED, key], [each for one in drawn if (each := measured(key, one)) is not None])
            for key, drawn in (draws or {}).items()
            if (TRAINED, key) in kept
        }
    )
    rows = []
    for (control, key), each in kept.items():
        real = control == TRAINED
        row = replace(_row(control, key, each, widths[control, key]), p_label=certain.get((control, key)))
        rows.append(_with_lead(row, led.get(key), drawn_from) if real else row)
    return rows


def kept_of(parts: PartsByCell, key: CellKey, control: str, *, wide: bool) -> Kept | None:
    """Return what a cell of a run keeps at every place, as its row does; None where something is missing.

    Args:
        parts: of all cells.
        key, control: which cell.
        wide: whether the receiver's own representation can pass whole through its stitch.
    """
    cell = parts.get((control, key))
    return None if cell is None else _kept(parts, key, cell, control, wide=wide)


def _kept(parts: PartsByCell, key: CellKey, cell: ExampleParts, control: str, *, wide: bool) -> Kept | None:
    own = parts.get((SELF_STITCH, key._replace(sender_cut=key.receiver_cut)))
    labels = [parts[name, key] for name in label_only_controls() if (name, key) in parts]
    if CONTROLS[control].self_stitch:  # its rows are the receiver's cuts
        labels = [
            each for (name, at), each in parts.items() if CONTROLS[name].label_only and at[1:] == key[1:]
        ]
    if own is None or not labels or not cell.errors:
        return None
    if not wide:
        bare = kept_at(cell, _without_a_stitch(own, own.errors), labels)
        return replace(bare, scaled_by=KeptScale.RECEIVER)
    lost = [at for at, errors in own.errors.items() if _share(errors) < _LEAST_OWN]
    by_self = kept_at(cell, own, labels)
    if not lost:
        return by_self
    bare = kept_at(cell, _without_a_stitch(own, lost), labels)
    return replace(bare, shares=by_self.shares, scaled_by=KeptScale.BOTH, by_self=by_self)


def _without_a_stitch(own: ExampleParts, places: Collection[str]) -> ExampleParts:
    """Return the self-stitch, with what a reader leaves without a stitch at some places: nothing."""
    return ExampleParts(
        {
            at: np.zeros_like(errors) if errors is not None and at in places else errors
            for at, errors in own.errors.items()
        }
    )


def _widths(kept: Mapping[tuple[str, CellKey], Kept]) -> dict[tuple[str, CellKey], np.ndarray]:
    """Return half the width of the interval at every place: for the trained pair's cells of all at once.

    Cells that have both scales get both, one after the other.
    """
    rows = {
        at: each.influences
        if each.by_self is None
        else np.concatenate([each.influences, each.by_self.influences])
        for at, each in kept.items()
    }
    widths = _at_once({at: each for at, each in rows.items() if at[0] == TRAINED})
    for at, each in rows.items():
        if at not in widths:
            # Bonferroni over a few places costs nothing, and controls are many.
            far = NormalDist().inv_cdf(1 - (1 - _LEVEL) / (2 * max(1, len(each))))
            widths[at] = np.array([far * _standard_error(row) for row in each])
    return widths


def _at_once(
    influences: Mapping[_At, np.ndarray],
    drawn: Mapping[_At, float] | None = None,
    freedom: int = 1,
    error: float = 1 - _LEVEL,
) -> dict[_At, np.ndarray]:
    """Return half-widths (L,) of intervals that all hold at once, by cell.

    Cells that were measured on the same examples share one bootstrap; several such groups share the error.

    Args:
        influences: (L, n) by cell.
        drawn, freedom: by cell, and as in :func:`half_widths`.
        error: of all intervals together.
    """
    groups: dict[int, list[_At]] = {}
    for at, rows in influences.items():
        groups.setdefault(rows.shape[1], []).append(at)
    widths: dict[_At, np.ndarray] = {}
    for some in groups.values():
        sizes = [len(influences[at]) for at in some]
        joint = half_widths(
            np.concatenate([influences[at] for at in some]),
            None if drawn is None else np.repeat([drawn[at] for at in some], sizes),
            freedom,
            1 - error / len(groups),
        )
        ends = np.cumsum(sizes)
        widths |= dict(zip(some, np.split(joint, ends[:-1]), strict=True))
    return widths


def _row(control: str, key: CellKey, kept: Kept, width: np.ndarray) -> KeptRow:
    recovered, own, label = kept.shares[kept.at]
    ends = _ends(kept, width)
    value, low, high = _least(kept.values, *ends)
    head, head_low, head_high = _least(kept.values[1:], *(end[1:] for end in ends))
    return KeptRow(
        scaled_by=kept.scaled_by,
        control=control,
        sender_cut=key.sender_cut,
        receiver_cut=key.receiver_cut,
        stitch=key.stitch,
        seed=key.seed,
        kept=value,
        low=low,
        high=high,
        where=kept.places[kept.at],
        head=head,
        head_low=head_low,
        head_high=head_high,
        recovered=_known(recovered),
        own=_known(own),
        label=_known(label),
        n=kept.influences.shape[1],
    )


def _with_lead(row: KeptRow, lead: UntrainedLead | None, control: str | None) -> KeptRow:
    if lead is None:
        return row
    return replace(
        row,
        lead=lead.value,
        lead_low=_known(lead.value - lead.half),
        lead_high=_known(lead.value + lead.half),
        untrained=lead.untrained,
        untrained_control=control,
    )


def _ends(kept: Kept, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the ends (L,) of the interval at every place: those of a ratio.

    With z standard errors in half a width, it holds every :math:`\kappa` for which
    :math:`\sum_i (e_i^\text{label} - e_i) - \kappa (e_i^\text{label} - e_i^\text{self})` is within z of its
    standard errors of 0. Half a width to either side would say too seldom that a value is too high: where a
    sample has little error, its standard error is small as well.

    Args:
        kept: of one cell.
        width: (L,) half-widths, or (2 L,) of both scales: then from the lower to the higher end of the two.

    Source: Fieller 1954, Journal of the Royal Statistical Society B 16.
    """
    if kept.by_self is not None:
        own_width, self_width = np.split(width, 2)
        low, high = _ends(replace(kept, by_self=None), own_width)
        self_low, self_high = _ends(kept.by_self, self_width)
        # Where the self-stitch keeps nothing to compare with, any value from the low end on would do.
        return np.fmin(low, self_low), np.where(np.isnan(self_high), math.inf, np.maximum(high, self_high))
    n = kept.influences.shape[1]
    variance = (kept.influences**2).sum(1) / max(1, n * (n - 1))
    square = width**2 / np.where(variance > 0, variance, 1)
    covariance, of_range = kept.ranges.T
    rest = 1 - square * of_range
    rest[rest <= 0] = math.nan  # the range is within z standard errors of 0: any value would do
    middle = kept.values - square * covariance / rest
    reach = np.sqrt((middle - kept.values) ** 2 + width**2 / rest)
    return middle - reach, middle + reach


def _least(
    values: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[float | None, float | None, float | None]:
    """Return the smallest value with its interval; nothing where one of them is not known.

    Each end is the smallest of those ends: the true smallest value lies between, where all values do.
    """
    if not len(values) or np.isnan(values).any() or np.isnan(low).any() or not np.isfinite(high).any():
        return None, None, None
    return float(values.min()), float(low.min()), float(high.min())


def more_than_label(parts: Mapping[CellKey, ExampleParts]) -> dict[CellKey, float]:
    r"""Return by cell the p-value of "no more than the label comes across", corrected for all cells.

    .. math:: p_c = \frac{1}{R} \left|\{r : \max_{c'} T_{c' r} \ge T_{c 0}\}\right|

    The permutations are the same for all cells, so that the maximum keeps how they depend on each other.

    Args:
        parts: of the cells.

    Source: max-T, Westfall & Young 1993.
    """
    known = {key: cell.orders for key, cell in parts.items() if cell.orders is not None}
    by_length: dict[int, list[CellKey]] = {}
    for key, orders in known.items():
        by_length.setdefault(len(orders), []).append(key)
    return {
        key: float((np.max([known[each] for each in keys], axis=0) >= known[key][0]).mean())
        for keys in by_length.values()
        for key in keys
    }


@dataclass(frozen=True)
class UntrainedLead:
    """Kept less the mean over untrained senders.

    Attributes:
        value: the difference.
        half: half the width of its interval; NaN where no cell has two draws.
        untrained: kept of each untrained sender.
    """

    value: float
    half: float
    untrained: tuple[float, ...]


def leads(cells: Mapping[CellKey, tuple[Kept, Sequence[Kept]]]) -> dict[CellKey, UntrainedLead]:
    r"""Return how much more each cell keeps than untrained senders do, with intervals for all cells at once.

    .. math:: \text{lead} = \text{kept} - \frac{1}{m} \sum_d \text{kept}_d, \quad
        \mathrm{se}^2 = \mathrm{se}_\text{examples}^2 + s^2 / m

    The examples are the same on both sides. :math:`s^2` is the variance between draws, pooled over the cells,
    or that between the cell's own draws where it is larger: a few draws say little of one cell, but draws of
    some cells differ more than those of others, and the mean alone would make those cells look too sure. A
    run looks twice, at the first draws and at more where they leave it unclear: each look has half the error.

    Args:
        cells: what each cell keeps, and what each untrained sender drawn for it keeps. Those that have both
            scales are left out: without a stitch as 1, differences are too small.
    """
    known = {
        key: (kept, drawn)
        for key, (kept, drawn) in cells.items()
        if drawn
        and kept.scaled_by is not KeptScale.BOTH
        and not any(math.isnan(each.value) for each in (kept, *drawn))
    }
    if not known:
        return {}
    draws = {key: [one.value for one in drawn] for key, (_, drawn) in known.items()}
    freedom = sum(len(values) - 1 for values in draws.values())
    squares = {key: float(np.var(values)) * len(values) for key, values in draws.items()}
    pooled = sum(squares.values()) / max(1, freedom)
    influences, spread = {}, {}
    for key, (kept, drawn) in known.items():
        mean = np.mean([one.influences[one.at] for one in drawn], axis=0)
        influences[key] = (kept.influences[kept.at] - mean)[None]
        own = squares[key] / max(1, len(drawn) - 1)
        spread[key] = math.sqrt(max(own, pooled) / len(drawn))
    widths = _at_once(influences, spread, max(1, freedom), (1 - _LEVEL) / _LOOKS)
    return {
        key: UntrainedLead(
            kept.value - float(np.mean(draws[key])),
            float(widths[key][0]) if freedom else math.nan,
            tuple(draws[key]),
        )
        for key, (kept, _) in known.items()
    }


def _share(errors: np.ndarray | None) -> float:
    return math.nan if errors is None else 1 - float(errors.mean())


def _standard_error(values: np.ndarray) -> float:
    return float(values.std()) / math.sqrt(max(1, len(values) - 1)) if len(values) else math.nan


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
