"""Money: sums made by hand, the months of a pay-back, what is refused, and what would change the answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.adoption.worth.money import CHOICES, Cost, Needs, cheaper_between, money
from modelstitch.adoption.worth.prices import NUMBERS, Prices, prices_from, read_prices
from modelstitch.errors import SpecError

PRICES = Prices(
    labelling_hour=30,
    gpu_hour=2,
    engineer_hour=100,
    million_inferences=8,
    months=24,
    inferences_a_month=50_000_000,
    labels_an_hour=120,
    engineer_hours_retrain=60,
    engineer_hours_reuse=20,
    gpu_hours_retrain=100,
    currency="EUR",
)
NEEDS = Needs(labels_reuse=1000, labels_retrain=12_000, gpu_hours_reuse=0.5, load=0.75)

TOML = """
labelling_hour = 30
gpu_hour = 2
engineer_hour = 100
million_inferences = 8
months = 24
inferences_a_month = 50_000_000
labels_an_hour = 120
engineer_hours_retrain = 60
engineer_hours_reuse = 20
gpu_hours_retrain = 100
currency = "EUR"
"""


def test_sums_made_by_hand() -> None:
    found = money(PRICES, NEEDS)
    # 1,000 labels at 120 an hour and 30 the hour: 250; half an hour of a GPU: 1; 20 engineer's hours: 2,000.
    assert found.costs["reuse"] == Cost(2251.0, 300.0, 2251.0 + 24 * 300)
    # 12,000 labels: 3,000; 100 hours of a GPU: 200; 60 engineer's hours: 6,000.
    # 50 million inferences a month at 8 the million: 400.
    assert found.costs["retrain"] == Cost(9200.0, 400.0, 9200.0 + 24 * 400)
    assert found.costs["leave"] == Cost(0.0, 400.0, 9600.0)
    assert found.cheapest == "reuse"
    assert found.pays["leave"] == (22.51, float("inf"))
    assert found.pays["retrain"] == (0.0, float("inf"))


def test_every_number_is_halved_and_doubled_once() -> None:
    changed = {(one.name, one.factor): one for one in money(PRICES, NEEDS).changed}
    assert set(changed) == {(name, factor) for name in NUMBERS for factor in (0.5, 2.0)}
    # Half the traffic saves 50 a month, 1,200 in all, which is less than the 2,251 that reuse costs once.
    assert changed["inferences_a_month", 0.5].cheapest == "leave"
    assert changed["inferences_a_month", 2.0].totals["reuse"] == 2251 + 24 * 600
    assert changed["labels_an_hour", 2.0].totals["retrain"] == 1500 + 200 + 6000 + 9600


def test_the_sentences_say_the_answer_and_what_would_change_it() -> None:
    found = money(PRICES, NEEDS)
    told = " ".join(found.sentences())
    assert "Over 24 months it is cheapest to reuse the candidate" in told
    assert "to reuse the candidate: 9,451 EUR; to leave the receiver in use as it is: 9,600 EUR" in told
    assert "after 22.5 months" in told
    assert "with half the number of inferences a month it is cheapest to leave" in told
    assert "9,451 EUR" in found.sentences()[0].in_language("ja")


def test_a_robust_answer_says_so() -> None:
    nothing_saved = money(PRICES, replace(NEEDS, load=1.2))
    assert nothing_saved.cheapest == "leave"
    assert nothing_saved.pays["leave"] is None
    assert "stays cheapest to leave the receiver" in nothing_saved.sentences()[-1]
    assert "never pays itself back" in " ".join(nothing_saved.sentences())


def test_every_number_stands_among_the_assumptions_and_in_the_plain_values() -> None:
    found = money(PRICES, NEEDS)
    assumed = found.assumptions()
    assert len(assumed) == len(NUMBERS) + 4
    assert any("50,000,000" in one for one in assumed)
    plain = json.loads(json.dumps(found.to_plain()))
    assert plain["numbers"] == PRICES.numbers
    assert plain["reuse_pays_in_months"] == {"leave": [22.51, None], "retrain": [0.0, None]}


@given(
    st.tuples(*[st.integers(0, 1000)] * 2),
    st.tuples(*[st.integers(0, 1000)] * 2),
    st.floats(0.01, 1e5),
)
def test_a_span_is_where_one_has_cost_less(
    one: tuple[int, int], other: tuple[int, int], month: float
) -> None:
    span = cheaper_between(Cost(*one, 0), Cost(*other, 0))
    gap = (one[0] - other[0]) + month * (one[1] - other[1])
    if abs(gap) > 1e-6 * (sum(one) + sum(other)) * month:
        assert (span is not None and span[0] < month < span[1]) == (gap < 0)


@given(st.sampled_from(NUMBERS), st.floats(1, 4))
def test_no_choice_gets_cheaper_when_a_price_rises(name: str, factor: float) -> None:
    before = money(PRICES, NEEDS).costs
    after = money(replace(PRICES, **{name: getattr(PRICES, name) * factor}), NEEDS).costs
    if name == "labels_an_hour":
        before, after = after, before
    assert all(after[choice].total >= before[choice].total - 1e-9 for choice in CHOICES)


def test_a_file_of_prices_is_read(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(TOML)
    assert read_prices(tmp_path / "prices.toml") == PRICES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("gpu_hour = 2", "gpu_hours = 2"), r"unknown key 'gpu_hours', did you mean 'gpu_hour'\?"),
        (("gpu_hour = 2\n", ""), "expected a number for gpu_hour too"),
        (("gpu_hour = 2", "gpu_hour = -2"), "gpu_hour of at least 0, got -2"),
        (("gpu_hour = 2", "gpu_hour = nan"), "gpu_hour of at least 0, got nan"),
        (("gpu_hour = 2", "gpu_hour = inf"), "gpu_hour of at least 0, got inf"),
        (("gpu_hour = 2", "gpu_hour = true"), "gpu_hour as a number, got True"),
        (("gpu_hour = 2", 'gpu_hour = "2"'), "gpu_hour as a number, got '2'"),
        (("months = 24", "months = 0"), "months above 0, got 0"),
        (('currency = "EUR"', "currency = 3"), "expected currency as a name, got 3"),
        (("gpu_hour = 2", "[gpu]\nhour = 2"), "unknown key 'gpu'"),
        (("gpu_hour = 2", "gpu_hour: 2"), "expected TOML"),
    ],
)
def test_what_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(TOML.replace(*change, 1))
    with pytest.raises(SpecError, match=message) as refused:
        read_prices(path)
    assert "\n" not in str(refused.value).split("(")[0]


def test_no_file_and_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file; the folder .* is empty"):
        read_prices(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="expected TOML"):
        read_prices(tmp_path / "bytes.toml")
    with pytest.raises(SpecError, match=r"prices: unknown key 'zzz'; expected labelling_hour"):
        prices_from({"zzz": 1})


def test_a_negative_measurement_is_refused() -> None:
    with pytest.raises(SpecError, match="load of at least 0, got -1"):
        replace(NEEDS, load=-1)
    with pytest.raises(SpecError, match="load of at least 0, got nan"):
        replace(NEEDS, load=float("nan"))
