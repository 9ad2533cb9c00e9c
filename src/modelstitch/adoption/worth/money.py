"""What it costs to retrain, to reuse, and to leave things as they are, over a stated time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelstitch.adoption.worth.prices import NUMBERS, Prices
from modelstitch.errors import SpecError
from modelstitch.wording import Listed, Sentence, say

CHOICES = ("leave", "reuse", "retrain")
"""The receiver stays in use as it is; a candidate takes its place; the receiver is trained again."""

FACTORS = (0.5, 2.0)
"""What each number is multiplied by, to see how the answer changes."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a run says of the work behind each choice.

    Attributes:
        labels_reuse: labelled examples that the candidate needs.
        labels_retrain: labelled examples that the receiver is trained on again.
        gpu_hours_reuse: hours that the stitch took to fit.
        load: multiply-adds of the candidate over those of the whole receiver.

    Raises:
        SpecError: a negative number.
    """

    labels_reuse: int
    labels_retrain: int
    gpu_hours_reuse: float
    load: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0:
                raise SpecError(f"expected {name} of at least 0, got {value}")


@dataclass(frozen=True)
class Cost:
    """What one choice costs.

    Attributes:
        once: labels, training and engineers.
        monthly: inferences of one month.
        total: both over the stated time.
    """

    once: float
    monthly: float
    total: float


Span = tuple[float, float]
"""Months from a first to a last one, which may be infinite."""


@dataclass(frozen=True)
class Changed:
    """The costs when one number is halved or doubled.

    Attributes:
        name: of the number.
        factor: what it is multiplied by.
        totals: by choice.
        cheapest: the choice of least total.
    """

    name: str
    factor: float
    totals: Mapping[str, float]
    cheapest: str


@dataclass(frozen=True)
class Money:
    """The costs of all choices, and how far they depend on each number.

    Attributes:
        prices: what they follow from.
        needs: what the run says.
        costs: by choice.
        pays: by another choice, the months in which reuse is the cheaper one; None where it never is.
        changed: the costs with each number halved and doubled.
    """

    prices: Prices
    needs: Needs
    costs: Mapping[str, Cost]
    pays: Mapping[str, Span | None]
    changed: tuple[Changed, ...]

    @property
    def cheapest(self) -> str:
        """The choice of least total; among equal ones the least change."""
        return _cheapest({choice: cost.total for choice, cost in self.costs.items()})

    def assumptions(self) -> list[Sentence]:
        """Return everything that the costs take for granted, one sentence each."""
        return _assumptions(self.prices, self.needs)

    def sentences(self) -> list[Sentence]:
        """Return the answer, the pay-back, and what would change the answer."""
        return [*_answer(self), *(_pay_back(self, other) for other in self.pays), _dependence(self)]

    def to_plain(self) -> dict[str, Any]:
        """Return everything as plain values; a span without an end has None there."""
        return {
            "currency": self.prices.currency,
            "months": self.prices.months,
            "costs": {choice: vars(cost) for choice, cost in self.costs.items()},
            "cheapest": self.cheapest,
            "reuse_pays_in_months": {
                other: None if span is None else [span[0], None if span[1] == float("inf") else span[1]]
                for other, span in self.pays.items()
            },
            "changed": [{**vars(one), "totals": dict(one.totals)} for one in self.changed],
            "numbers": self.prices.numbers,
            "needs": vars(self.needs),
            "assumptions": [str(one) for one in self.assumptions()],
        }


def money(prices: Prices, needs: Needs) -> Money:
    """Return the costs of all choices over the stated time.

    The price of an inference is in proportion to its multiply-adds.

    Args:
        prices: of the user.
        needs: of the run.

    Example:
        >>> prices = Prices(labelling_hour=20, gpu_hour=2, engineer_hour=80, million_inferences=5, months=10,
        ...     inferences_a_month=100e6, labels_an_hour=100, engineer_hours_retrain=40,
        ...     engineer_hours_reuse=10, gpu_hours_retrain=50)
        >>> needs = Needs(labels_reuse=500, labels_retrain=10_000, gpu_hours_reuse=0, load=0.6)
        >>> found = money(prices, needs)
        >>> {choice: cost.total for choice, cost in found.costs.items()}
        {'leave': 5000.0, 'reuse': 3900.0, 'retrain': 10300.0}
        >>> found.pays["leave"]
        (4.5, inf)
    """
    costs = _costs(prices, needs)
    changed = []
    for name in NUMBERS:
        for factor in FACTORS:
            other = replace(prices, **{name: getattr(prices, name) * factor})
            totals = {choice: cost.total for choice, cost in _costs(other, needs).items()}
            changed.append(Changed(name, factor, totals, _cheapest(totals)))
    pays = {other: cheaper_between(costs["reuse"], costs[other]) for other in ("leave", "retrain")}
    return Money(prices, needs, costs, pays, tuple(changed))


def cheaper_between(one: Cost, other: Cost) -> Span | None:
    """Return the months in which ``one`` has cost less than ``other``, from the first on; None for none.

    Example:
        >>> one, other = Cost(100, 10, 0), Cost(0, 30, 0)
        >>> cheaper_between(one, other), cheaper_between(other, one)
        ((5.0, inf), (0.0, 5.0))
        >>> cheaper_between(Cost(100, 30, 0), Cost(0, 30, 0)) is None
        True
    """
    more, saved = one.once - other.once, other.monthly - one.monthly
    if more > 0:
        return (more / saved, float("inf")) if saved > 0 else None
    if saved >= 0:
        return (0.0, float("inf")) if more < 0 or saved > 0 else None
    return (0.0, more / saved) if more < 0 else None


def _costs(prices: Prices, needs: Needs) -> dict[str, Cost]:
    of_label = prices.labelling_hour / prices.labels_an_hour
    labels = {"leave": 0, "reuse": needs.labels_reuse, "retrain": needs.labels_retrain}
    gpu = {"leave": 0.0, "reuse": needs.gpu_hours_reuse, "retrain": prices.gpu_hours_retrain}
    engineers = {
        "leave": 0.0,
        "reuse": prices.engineer_hours_reuse,
        "retrain": prices.engineer_hours_retrain,
    }
    a_month = prices.inferences_a_month / 1e6 * prices.million_inferences
    costs = {}
    for choice in CHOICES:
        once = labels[choice] * of_label + gpu[choice] * prices.gpu_hour
        once += engineers[choice] * prices.engineer_hour
        monthly = a_month * (needs.load if choice == "reuse" else 1.0)
        costs[choice] = Cost(once, monthly, once + prices.months * monthly)
    return costs


def _cheapest(totals: Mapping[str, float]) -> str:
    return min(CHOICES, key=lambda choice: totals[choice])


def _amount(value: float, prices: Prices) -> str:
    number = f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:,.2f}"
    return f"{number} {prices.currency}".strip()


def _choice(name: str) -> Sentence:
    return say(f"money.choice.{name}")


def _answer(found: Money) -> list[Sentence]:
    amounts = [
        say("money.of", choice=_choice(choice), amount=_amount(cost.total, found.prices))
        for choice, cost in sorted(found.costs.items(), key=lambda item: item[1].total)
    ]
    return [
        say(
            "money.answer",
            months=found.prices.months,
            cheapest=_choice(found.cheapest),
            amounts=Listed(amounts, "list.semicolon"),
        )
    ]


def _pay_back(found: Money, other: str) -> Sentence:
    span, against = found.pays[other], _choice(other)
    if span is None:
        return say("money.never", other=against)
    if span[1] != float("inf"):
        return say("money.until", other=against, months=span[1])
    return (
        say("money.from", other=against, months=span[0]) if span[0] else say("money.at_once", other=against)
    )


def _dependence(found: Money) -> Sentence:
    others = [
        say(
            "money.halved" if one.factor < 1 else "money.doubled",
            what=say(f"money.number.{one.name}"),
            cheapest=_choice(one.cheapest),
        )
        for one in found.changed
        if one.cheapest != found.cheapest
    ]
    if not others:
        return say("money.stays", cheapest=_choice(found.cheapest))
    return say("money.changes", cheapest=_choice(found.cheapest), others=Listed(others, "list.semicolon"))


def _assumptions(prices: Prices, needs: Needs) -> list[Sentence]:
    numbers = prices.numbers
    given = [
        say(
            "money.assumed",
            what=say(f"money.number.{name}"),
            value=f"{value:,g}" if value < 1e6 else f"{value:,.0f}",
        )
        for name, value in numbers.items()
    ]
    return [
        *given,
        say(
            "money.measured",
            labels_reuse=needs.labels_reuse,
            labels_retrain=needs.labels_retrain,
            hours=needs.gpu_hours_reuse,
            load=needs.load,
        ),
        say("money.load"),
        say("money.today"),
        say("money.unpriced"),
    ]
