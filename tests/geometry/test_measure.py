from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelstitch import geometry
from modelstitch.errors import GeometryError
from modelstitch.geometry import MEASURES, STANDARD, Measured, as_rows, compare, jackknife, permutation_null
from modelstitch.geometry.cca import components
from modelstitch.geometry.inputs import centre
from tests.geometry.made import normal, related, rotation

names = pytest.mark.parametrize("name", list(MEASURES))
INVARIANCES = ("translation", "scaling", "permutation", "orthogonal", "linear")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one(x: object, y: object, name: str, **options: object) -> Measured:
    settings = {"generator": seeded(), "null": 0, **options}
    (found,) = compare(x, y, [name], **settings)  # type: ignore[arg-type]
    return found


def changed(x: Tensor, how: str, seed: int) -> Tensor:
    d = x.shape[1]
    if how == "translation":
        return x + 3 * normal(d, seed=seed)
    if how == "scaling":
        return 2.7 * x
    if how == "permutation":
        return x[:, torch.randperm(d, generator=seeded(seed))]
    if how == "orthogonal":
        return x @ rotation(d, seed)
    return x @ torch.diag(torch.linspace(0.3, 3, d, dtype=torch.float64)) @ rotation(d, seed)


@names
@settings(deadline=None, max_examples=12)
@given(st.integers(20, 40), st.integers(3, 6), st.integers(0, 1000))
def test_what_the_table_says_is_ignored_is_ignored(name: str, n: int, d: int, seed: int) -> None:
    measure = MEASURES[name]
    x, y = related(n, d, d, seed)
    value = measure.function(x, y)
    low, high = measure.range
    assert low <= value <= high
    for how in measure.invariances:
        assert measure.function(changed(x, how, seed), y) == pytest.approx(value, abs=1e-6), how
        assert measure.function(x, changed(y, how, seed)) == pytest.approx(value, abs=1e-6), how
    if measure.symmetric:
        assert measure.function(y, x) == pytest.approx(value, abs=1e-8)


@names
def test_what_the_table_does_not_say_is_seen(name: str) -> None:
    measure = MEASURES[name]
    x, y = related(60, 6, 6, noise=3)
    value = measure.function(x, y)
    for how in set(INVARIANCES) - set(measure.invariances):
        sides = measure.function(changed(x, how, 1), y), measure.function(x, changed(y, how, 1))
        assert max(abs(each - value) for each in sides) > 1e-5, how
    if not measure.symmetric:
        assert abs(measure.function(y, x) - value) > 1e-5


@names
def test_a_representation_is_as_like_itself_as_can_be(name: str) -> None:
    measure = MEASURES[name]
    x, y = related(60, 6, 6, noise=3)
    own, other = measure.function(x, x), measure.function(x, y)
    if measure.better == "higher":
        assert own > other
        assert name == "mutual_information" or own == pytest.approx(measure.range[1], abs=1e-6)
    else:
        assert own < other
        assert own == pytest.approx(measure.range[0], abs=1e-6)


@names
def test_the_fewest_examples_are_enough_and_one_less_is_not(name: str) -> None:
    measure = MEASURES[name]
    x, y = related(40, 3, 3)
    assert math.isfinite(measure.function(x[: measure.least], y[: measure.least]))
    with pytest.raises(
        GeometryError, match=f"expected at least {measure.least} example.* got {measure.least - 1}$"
    ):
        measure.function(x[: measure.least - 1], y[: measure.least - 1])


@names
def test_every_measure_has_its_source_and_its_place(name: str) -> None:
    measure = MEASURES[name]
    assert measure.name == name
    assert measure.source
    assert set(measure.invariances) <= set(INVARIANCES)
    assert not ("orthogonal" in measure.invariances and "permutation" not in measure.invariances)


def test_the_standard_ones() -> None:
    assert STANDARD == ("cka", "procrustes_similarity", "mutual_knn", "linear_r2")
    found = compare(*related(40, 3, 4), generator=seeded())
    assert [each.name for each in found] == list(STANDARD)
    assert [(each.n, each.p_x, each.p_y, each.rank_x, each.rank_y, each.reading) for each in found] == [
        (40, 3, 4, 3, 4, "flatten")
    ] * 4
    assert not any(each.warning for each in found)


def test_public_names_have_their_documentation() -> None:
    for name in geometry.__all__:
        assert getattr(geometry, name).__doc__
    assert sorted(geometry.__all__) == sorted(set(geometry.__all__))


@names
def test_each_row_is_what_the_functions_say_alone(name: str) -> None:
    """Also with more features than examples, where comparing turns rows into fewer coordinates first."""
    measure = MEASURES[name]
    for d in (4, 70):
        x, y = related(40, d, d, noise=3)
        found = one(x, y, name, null=4)
        assert found.value == pytest.approx(measure.function(x, y), abs=1e-7)
        error = jackknife(measure.function, x, y).standard_error
        assert found.standard_error == pytest.approx(error, abs=1e-6)
        seed = int(torch.randint(2**62, (1,), generator=seeded()))
        null = permutation_null(measure.function, x, y, n=4, generator=seeded(seed))
        assert found.null_mean == pytest.approx(null.mean, abs=1e-6)
        assert found.null_sd == pytest.approx(null.standard_deviation, abs=1e-6)


def test_the_generator_decides_and_every_measure_sees_the_same_permutations() -> None:
    x, y = related(30, 4, 4)
    before = torch.random.get_rng_state()
    found = compare(x, y, ["cka", "biased_cka"], generator=seeded(1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert compare(x, y, ["cka", "biased_cka"], generator=seeded(1)) == found
    assert compare(x, y, ["biased_cka"], generator=seeded(1)) == found[1:]
    assert compare(x, y, ["cka"], generator=seeded(2)) != found[:1]


def test_no_null_is_asked_for() -> None:
    found = one(*related(30, 4, 4), "cka")
    assert math.isnan(found.null_mean)
    assert math.isnan(found.null_sd)
    assert found.standard_error > 0


def test_unrelated_rows_stand_at_their_null_and_related_ones_far_above() -> None:
    x, y = normal(80, 20), normal(80, 20, seed=1)
    for other, related_rows in ((y, False), (x @ normal(20, 20, seed=2) + y, True)):
        for found in compare(x, other, generator=seeded()):
            distance = (found.value - found.null_mean) / found.null_sd
            assert (distance > 4) == related_rows, found
            assert found.standard_error < 0.2


@pytest.mark.parametrize("name", ["biased_cka", "linear_r2_unridged", "svcca", "pwcca"])
def test_a_measure_that_overfits_says_so_where_examples_are_few(name: str) -> None:
    measure = MEASURES[name]
    assert measure.dimensions is not None
    few = one(*related(60, 8, 8), name)
    fitted = measure.dimensions(centre(related(60, 8, 8)[0]))
    assert few.warning.startswith(f"60 examples are not well above the dimensions ({fitted} of x")
    assert few.warning.endswith("examples or more, or read it beside its null")
    assert not one(*related(90, 8, 8), name).warning


def test_the_dimensions_that_count_are_those_that_are_fitted() -> None:
    x, y = related(60, 2, 3)
    wide = x @ normal(2, 30)  # 30 features in 2 dimensions
    assert not one(wide, y, "biased_cka").warning
    y_wide = related(60, 20, 20)[1]
    assert not one(x, y_wide, "linear_r2_unridged").warning  # y is not fitted to
    assert one(y_wide, x, "linear_r2_unridged").warning
    spread = torch.cat(
        [100 * x, 0.01 * normal(60, 20, seed=5)], 1
    )  # SVCCA sees the two large directions alone
    assert components(centre(spread)) <= 2
    assert not one(spread, y, "svcca").warning
    assert one(spread, y, "pwcca").warning


@pytest.mark.parametrize("name", [name for name in MEASURES if MEASURES[name].dimensions is None])
def test_the_others_do_not_warn(name: str) -> None:
    assert not one(*related(30, 100, 100), name).warning


@pytest.mark.parametrize(
    ("x", "y", "which"),
    [
        (torch.ones(30, 4), normal(30, 4), "x"),
        (normal(30, 4), torch.zeros(30, 4), "y"),
        (torch.ones(30, 4), torch.zeros(30, 4), "x and y"),
    ],
)
def test_a_constant_side_is_a_warning_and_no_number(x: Tensor, y: Tensor, which: str) -> None:
    for found in compare(x, y, list(MEASURES), generator=seeded()):
        assert math.isnan(found.value)
        assert math.isnan(found.null_mean)
        assert math.isnan(found.standard_error)
        assert found.warning == f"{which} constant: all rows are equal, and no measure is defined"
        assert (found.rank_x == 0) == ("x" in which)


def test_too_few_examples_for_an_error_is_a_warning() -> None:
    x, y = related(11, 3, 3)
    found = one(x, y, "mutual_knn")
    assert math.isfinite(found.value)
    assert math.isnan(found.standard_error)
    assert (
        found.warning == "no standard error: expected at least 11 examples for 10 nearest neighbours, got 9"
    )
    assert one(x[:6], y[:6], "cka").warning.startswith(
        "no standard error: expected from 2 groups to one an example"
    )


def test_readings_are_taken_and_recorded() -> None:
    x, y = normal(30, 3, 4, 4), normal(30, 5, 2, 2, seed=1)
    for reading, size in (("flatten", (30, 48, 20)), ("pool", (30, 3, 5))):
        found = one(x, y, "cka", reading=reading)
        assert (found.n, found.p_x, found.p_y, found.reading) == (*size, reading)
        rows = [as_rows(each, reading) for each in (x, y)]  # type: ignore[arg-type]
        assert found.value == pytest.approx(geometry.cka(*rows), abs=1e-9)
    tokens = normal(30, 7, 5)
    found = one(x, tokens, "cka", reading="pool", layouts=(None, "tokens"))
    assert found.value == pytest.approx(geometry.cka(x.mean((2, 3)), tokens.mean(1)), abs=1e-9)


def test_positions_of_one_example_stay_together() -> None:
    """Each example is a code that its four positions share, and y is another: nothing to learn of others."""
    code, target = normal(40, 60), normal(40, 4, seed=1)
    x = code[:, :, None, None] + 1e-3 * normal(40, 60, 2, 2, seed=2)
    y = target[:, :, None, None] + 1e-3 * normal(40, 4, 2, 2, seed=3)
    found = one(x, y, "linear_r2", reading="positions", null=10)
    assert found.n == 160
    assert found.value < 0.1
    assert geometry.linear_r2(as_rows(x, "positions"), as_rows(y, "positions")) > 0.9
    similar = one(x, y, "cka", reading="positions", null=20)
    whole = one(x, y, "cka", reading="pool", null=20)
    assert similar.null_sd == pytest.approx(whole.null_sd, rel=0.5)
    assert similar.standard_error == pytest.approx(whole.standard_error, rel=0.5)


def test_float32_with_a_large_offset() -> None:
    x, y = related(80, 5, 5, noise=3)
    shifted = (x - x.mean(0) + 1e4).float()
    for name in MEASURES:
        if "translation" in MEASURES[name].invariances and name != "mutual_information":
            assert one(shifted, y, name).value == pytest.approx(one(x, y, name).value, abs=2e-2), name
    assert one(shifted, y, "cka").rank_x == 5


def test_ranks_are_of_the_number_type_as_given() -> None:
    x = (normal(60, 2) @ normal(2, 9)).float()
    found = one(x, normal(60, 80), "cka")
    assert (found.p_x, found.rank_x, found.p_y, found.rank_y) == (9, 2, 80, 59)
    line = (
        normal(20, 1) @ normal(1, 40)
    ).float()  # more features than examples, all but one direction rounding
    for name in ("mutual_information", "svcca", "pwcca"):
        y = normal(20, 2, seed=1)
        assert one(line, y, name).value == MEASURES[name].function(line, y)


def test_what_is_measured_is_plain_data() -> None:
    found = one(*related(30, 4, 4), "cka", null=2)
    assert all(type(value) in (str, int, float) for value in dataclasses.asdict(found).values())
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.value = 1.0  # type: ignore[misc]
    for measure in MEASURES.values():
        assert type(measure.function(*related(30, 4, 4))) is float


def test_refusals() -> None:
    x = normal(30, 4)
    with pytest.raises(GeometryError, match=r"unknown measure 'cca': expected one of cka, .*; did you mean"):
        compare(x, x, ["cca"], generator=seeded())
    with pytest.raises(GeometryError, match="expected 0 or more permutations, got -1"):
        compare(x, x, null=-1, generator=seeded())
    with pytest.raises(GeometryError, match="as many examples in y as in x, got 5 and 30"):
        compare(x, x[:5], generator=seeded())
    with pytest.raises(GeometryError, match="as many positions in y as in x, got 4 and 9"):
        compare(normal(30, 4, 3, 3), normal(30, 4, 2, 2), reading="positions", generator=seeded())
    with pytest.raises(GeometryError, match="as many examples in y as in x, got 20 and 40"):
        compare(normal(40, 4, 2, 2), normal(20, 4, 4, 2), reading="positions", generator=seeded())
    with pytest.raises(GeometryError, match="as many features in y as in x for cosine, got 3 and 4"):
        compare(x, x[:, :3], ["cosine"], generator=seeded())
    with pytest.raises(GeometryError, match="at least 11 examples for 10 nearest neighbours, got 10"):
        compare(x[:10], x[:10], generator=seeded())
    with pytest.raises(GeometryError, match="finite numbers in y, got 120 nan"):
        compare(x, x / 0, generator=seeded())
