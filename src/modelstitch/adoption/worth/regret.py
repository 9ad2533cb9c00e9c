"""What is lost by choosing sender cuts by a proxy, without fitting and scoring every stitch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from modelstitch.errors import SpecError
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.tasks import mean_score
from modelstitch.wording import Sentence, say

LEVEL = 0.95

CutPair = tuple[str, str]
"""A cell by its sender cut and its receiver cut."""

_UNKNOWN = (math.nan, math.nan, math.nan)


@dataclass(frozen=True, kw_only=True)
class Regret:
    """The score lost by a proxy's choice.

    Attributes:
        proxy: by name.
        receiver_cut: the cut that a sender cut is chosen for; None for a choice over the whole map, and for
            the mean over receiver cuts.
        chosen, best: the cells (sender cut, receiver cut) that the proxy and the score choose; None for the
            mean over receiver cuts.
        value, low, high: score of the best cell less that of the chosen one, with its interval; NaN where the
            proxy is known of no cell. By chance it may be negative.
    """

    proxy: str
    receiver_cut: str | None
    chosen: tuple[str, str] | None
    best: tuple[str, str] | None
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ProxyRegret:
    """All regrets of one proxy.

    Attributes:
        by_receiver: of each receiver cut.
        mean: over the receiver cuts.
        whole: of one choice over the whole map.
    """

    by_receiver: tuple[Regret, ...]
    mean: Regret
    whole: Regret


@dataclass(frozen=True)
class RegretTable:
    """The regrets of several proxies on one map.

    Attributes:
        proxies: by name.
        n_choose, n_confirm: examples that the best cells are chosen by, and that are scored.
    """

    proxies: Mapping[str, ProxyRegret]
    n_choose: int
    n_confirm: int

    def sentences(self) -> list[Sentence]:
        """Return one sentence a proxy, then the rule."""
        return [
            *(
                say(
                    "regret.proxy",
                    proxy=say(f"regret.name.{name}"),
                    mean=found.mean.value,
                    low=found.mean.low,
                    high=found.mean.high,
                    whole=found.whole.value,
                )
                for name, found in self.proxies.items()
            ),
            say("regret.rule", choose=self.n_choose, confirm=self.n_confirm),
        ]

    def to_plain(self) -> dict[str, Any]:
        """Return everything as plain values; what is not known is None."""
        return {
            "n_choose": self.n_choose,
            "n_confirm": self.n_confirm,
            "proxies": {
                name: {
                    "by_receiver": [_plain(one) for one in found.by_receiver],
                    "mean": _plain(found.mean),
                    "whole": _plain(found.whole),
                }
                for name, found in self.proxies.items()
            },
        }


def regrets(
    scores: Mapping[tuple[str, str], Shaped[Tensor, " n"]],
    proxies: Mapping[str, Mapping[tuple[str, str], float]],
    choose: Int[Tensor, " n_choose"],
    confirm: Int[Tensor, " n_confirm"],
) -> RegretTable:
    r"""Return what each proxy loses.

    .. math:: \frac1n \sum_i \left(s_i(a^*, b) - s_i(\hat a, b)\right)

    with b a receiver cut, :math:`\hat a` the sender cut of highest proxy, and :math:`a^*` that of the highest
    score on the choosing examples. The sum is over the confirming examples: on the choosing ones the best of
    many is flattered. Of equal cells the first counts.

    Args:
        scores: (n_heldout,) of every cell (sender cut, receiver cut).
        proxies: by name, the value of cells; higher is better. A cell that is not there, or NaN, is not
            chosen.
        choose, confirm: numbers of held-out examples.

    Raises:
        SpecError: no cell, or examples that choose and confirm.

    Example:
        >>> right, wrong = torch.ones(8), torch.zeros(8)
        >>> scores = {("a", "x"): right, ("b", "x"): wrong}
        >>> halves = torch.arange(4), torch.arange(4, 8)
        >>> found = regrets(scores, {"same": {("a", "x"): 2.0, ("b", "x"): 1.0}}, *halves)
        >>> found.proxies["same"].whole.value
        0.0
        >>> found = regrets(scores, {"other": {("a", "x"): 1.0, ("b", "x"): 2.0}}, *halves)
        >>> found.proxies["other"].mean.value
        1.0
    """
    if not scores:
        raise SpecError("expected the scores of some cells, got none")
    if set(choose.tolist()) & set(confirm.tolist()):
        raise SpecError("expected examples that choose or confirm, got some that do both")
    chosen_by = {cell: mean_score(values[choose]) for cell, values in scores.items()}
    confirmed = {cell: values[confirm].double() for cell, values in scores.items()}
    receiver_cuts = list(dict.fromkeys(cut for _, cut in scores))
    return RegretTable(
        {
            name: _of_proxy(name, values, chosen_by, confirmed, receiver_cuts)
            for name, values in proxies.items()
        },
        len(choose),
        len(confirm),
    )


def _of_proxy(
    name: str,
    values: Mapping[CutPair, float],
    chosen_by: Mapping[CutPair, float],
    confirmed: Mapping[CutPair, Tensor],
    receiver_cuts: list[str],
) -> ProxyRegret:
    rows, lost = [], []
    for cut in receiver_cuts:
        cells = [cell for cell in chosen_by if cell[1] == cut]
        row, difference = _choice(name, cut, values, {cell: chosen_by[cell] for cell in cells}, confirmed)
        rows.append(row)
        lost.append(difference)
    whole, _ = _choice(name, None, values, chosen_by, confirmed)
    known = [difference for difference in lost if difference is not None]
    # A mean over the cuts that a proxy happens to know is no mean over the map.
    mean = _interval(torch.stack(known).mean(0)) if len(known) == len(lost) else _UNKNOWN
    return ProxyRegret(tuple(rows), _row(name, None, None, None, mean), whole)


def _choice(
    name: str,
    cut: str | None,
    values: Mapping[CutPair, float],
    chosen_by: Mapping[CutPair, float],
    confirmed: Mapping[CutPair, Tensor],
) -> tuple[Regret, Tensor | None]:
    best = max(chosen_by, key=lambda cell: chosen_by[cell])
    known = [cell for cell in chosen_by if not math.isnan(values.get(cell, math.nan))]
    if not known:
        return _row(name, cut, None, best, _UNKNOWN), None
    chosen = max(known, key=lambda cell: values[cell])
    difference = confirmed[best] - confirmed[chosen]
    if chosen == best:
        return _row(name, cut, chosen, best, (0.0, 0.0, 0.0)), difference
    return _row(name, cut, chosen, best, _interval(difference)), difference


def _row(
    name: str, cut: str | None, chosen: CutPair | None, best: CutPair | None, value: ValueWithInterval
) -> Regret:
    return Regret(
        proxy=name, receiver_cut=cut, chosen=chosen, best=best, value=value[0], low=value[1], high=value[2]
    )


def _interval(difference: Float[Tensor, " n"]) -> ValueWithInterval:
    r"""Return the mean of paired differences in [-1, 1], and its interval.

    Differences that are all 0 are one and the same cell: 0, without a width. Otherwise one difference of +1
    and one of -1 are added to the n others.

    Source: Agresti & Min 2005 (Statistics in Medicine 24), pseudo-frequencies for matched pairs.
    """
    if not bool(difference.any()):
        return 0.0, 0.0, 0.0
    n = len(difference) + 2
    middle = float(difference.sum()) / n
    square = (float(difference.square().sum()) + 2) / n
    z = statistics.NormalDist().inv_cdf((1 + LEVEL) / 2)
    half = z * math.sqrt(max(0.0, square - middle * middle) / n)
    return float(difference.mean()), max(-1.0, middle - half), min(1.0, middle + half)


def _plain(one: Regret) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in vars(one).items()
    }
