"""What stands beside candidates, as plain values: rivals for the same cost, and money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.results.plain_values import count_of, interval_of, number_of, text_of
from modelstitch.wording import LANGUAGES


@dataclass(frozen=True, kw_only=True)
class RivalRow:
    """One rival of a candidate.

    Attributes:
        name, standing: of the tables of rivals.
        score: its score; None where it was not run.
        difference: its score less that of the candidate, with the interval; None likewise.
        cost: its multiply-adds over those of the candidate; None likewise.
    """

    name: str
    standing: str
    score: float | None
    difference: ValueWithInterval | None
    cost: float | None


@dataclass(frozen=True, kw_only=True)
class MoneyTable:
    """What each choice costs, and when one number is halved or doubled.

    Attributes:
        currency: to write behind an amount.
        months: time that costs are added up over.
        costs: once, a month, and in all, by choice.
        changed: (number, factor, cheapest choice, its total).
        cheapest: the choice of least total.
    """

    currency: str
    months: float
    costs: Mapping[str, tuple[float, float, float]]
    changed: tuple[tuple[str, float, str, float], ...]
    cheapest: str


@dataclass(frozen=True, kw_only=True)
class RivalTableRows:
    """All rivals of one candidate.

    Attributes:
        sender_cut, receiver_cut: of the candidate.
        rows: in the order of the tables of rivals.
        n: confirming examples.
    """

    sender_cut: str
    receiver_cut: str
    rows: tuple[RivalRow, ...]
    n: int


def rivals_from(plain: Mapping[str, Any]) -> RivalTableRows:
    """Return rivals from the plain values of a table of them.

    Raises:
        KeyError, TypeError, ValueError: values that are none.
    """
    cost = max(1, count_of(plain["multiply_adds"]))
    return RivalTableRows(
        sender_cut=text_of(plain["sender_cut"]),
        receiver_cut=text_of(plain["receiver_cut"]),
        rows=tuple(_rival(row, cost) for row in plain["rivals"]),
        n=count_of(plain["n"]),
    )


def _rival(row: Mapping[str, Any], cost: int) -> RivalRow:
    ran = row["score"] is not None
    return RivalRow(
        name=_named("rival.title.", row["name"]),
        standing=_named("rival.standing.", row["standing"]) if ran else "not-run",
        score=number_of(row["score"]) if ran else None,
        difference=interval_of((row["difference"], row["low"], row["high"])) if ran else None,
        cost=count_of(row["multiply_adds"]) / cost if ran else None,
    )


def money_from(plain: Mapping[str, Any]) -> MoneyTable:
    """Return the costs of all choices from plain values.

    Raises:
        KeyError, TypeError, ValueError: values that are none.
    """
    return MoneyTable(
        currency=text_of(plain["currency"]),
        months=number_of(plain["months"]),
        costs={
            _named("money.choice.", choice): tuple(
                number_of(cost[name]) for name in ("once", "monthly", "total")
            )  # type: ignore[misc]
            for choice, cost in plain["costs"].items()
        },
        changed=tuple(
            (
                _named("money.number.", one["name"]),
                number_of(one["factor"]),
                _named("money.choice.", one["cheapest"]),
                number_of(one["totals"][one["cheapest"]]),
            )
            for one in plain["changed"]
        ),
        cheapest=_named("money.choice.", plain["cheapest"]),
    )


def _named(key: str, name: Any) -> str:
    """Return a name that the catalogue has words for."""
    if f"{key}{name}" not in LANGUAGES["en"]:
        raise ValueError(f"{name!r} is not known here")
    return text_of(name)
