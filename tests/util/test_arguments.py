"""Arguments are read by their annotations: one where several are meant, and what is refused, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import modelstitch as ms
from modelstitch.errors import OptionError, SpecError
from modelstitch.util.argument_types import read_as
from modelstitch.util.arguments import checked, checked_fields
from modelstitch.util.options import options_of

FUNCTIONS = [name for name in ms.__all__ if inspect.isfunction(getattr(ms, name))]
CHOICES = ("ModelSpec", "View", "DataSpec", "StitchSpec", "FitSpec", "EvidenceSpec", "RunSpec", "CellSpec")
MORE_CHOICES = ("Budget", "RivalFits", "Prices", "Thresholds")
MODEL, DATA = ms.ModelSpec(source="a"), ms.DataSpec(source="b")


def run_spec(**changes: Any) -> ms.RunSpec:
    values: dict[str, Any] = {"sender_cuts": "x", "receiver_cuts": "y"}
    return ms.RunSpec(sender=MODEL, receiver=MODEL, data=DATA, **{**values, **changes})


@pytest.mark.parametrize("name", [*FUNCTIONS, *CHOICES, *MORE_CHOICES])
def test_no_public_function_and_no_choice_takes_an_option_that_it_does_not_have(name: str) -> None:
    target: Callable[..., Any] = getattr(ms, name)
    with pytest.raises(OptionError, match="no option 'no_such_option'"):
        target(no_such_option=1)
    with pytest.raises(TypeError):  # as Python itself would say it
        target(no_such_option=1)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"steps": 5}, r"compare\(\) has no option 'steps': give fit=ms.FitSpec\(steps=5\)"),
        (
            {"steps": 5, "batch_size": 8},
            r"no option 'steps', 'batch_size': give fit=ms.FitSpec\(steps=5, batch_size=8\)",
        ),
        ({"steps": 5, "fit": ms.FitSpec()}, r"give fit=ms.FitSpec\(\.\.\., steps=5\)"),
        ({"limit": 9}, r"give data=ms.DataSpec\(source='digits', limit=9\)"),
        ({"sender_weights": "w.pt"}, r"give sender=ms.ModelSpec\(source='zoo:R1111', weights='w.pt'\)$"),
        ({"weights": "w.pt"}, r"give sender=ms.ModelSpec\(.*\) or receiver=ms.ModelSpec\("),
        ({"receiver_mean": 0.5}, r"receiver=ms.ModelSpec\(source='zoo:R1122', view=ms.View\(mean=0.5\)\)"),
        ({"objective": "match"}, r"stitch=ms.StitchSpec\(objective='match'\) or fit=ms.FitSpec\("),
        ({"seed": 1}, "did you mean 'seeds'"),
        ({"contrls": ()}, "did you mean 'controls'"),
        ({"step": 5}, r"give fit=ms.FitSpec\(steps=5\)"),
        ({"margin": 0.1}, r"ms.candidates\(\).* takes it"),
        ({"stitches": ()}, "no argument 'stitches' any more: it is called 'stitch'"),
        ({"zzz": 1}, "expected some of sender, receiver, data, out"),
    ],
)
def test_a_misplaced_option_is_shown_its_place(call: dict[str, Any], expected: str) -> None:
    with pytest.raises(OptionError, match=expected):
        ms.compare("zoo:R1111", "zoo:R1122", "digits", **call)


def test_the_place_of_an_option_holds_for_every_field_of_every_choice_that_compare_takes() -> None:
    own = options_of(ms.compare)
    specs = (ms.FitSpec, ms.EvidenceSpec, ms.Budget, ms.DataSpec, ms.ModelSpec, ms.StitchSpec)
    for spec in specs:
        for field in options_of(spec):
            if field in own or f"{field}s" in own:
                continue
            option: dict[str, Any] = {field: 1}
            with pytest.raises(OptionError) as caught:
                ms.compare("zoo:R1111", "zoo:R1122", "digits", **option)
            assert f"ms.{spec.__name__}(" in str(caught.value), field


def test_too_many_too_few_and_twice_are_said_by_name() -> None:
    with pytest.raises(OptionError, match=r"3 arguments without a name \(sender, receiver, data\), got 4"):
        ms.compare("a", "b", "digits", "out")  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="lacks 'data'"):
        ms.compare("a", "b")  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="got 'data' twice"):
        ms.compare("a", "b", "digits", data="digits")  # type: ignore[misc]
    with pytest.raises(OptionError, match="takes names alone"):
        ms.FitSpec("paper")  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="did you mean 'steps'"):
        replace(ms.FitSpec(), step=5)  # type: ignore[call-arg]


@pytest.mark.parametrize("given", ["one-hot", ["one-hot"], ("one-hot",), np.array(["one-hot"])])
def test_one_name_and_a_list_of_it_are_the_same(given: Any) -> None:
    assert run_spec(controls=given) == run_spec(controls=("one-hot",))


@settings(max_examples=20)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5, unique=True))
def test_seeds_come_in_every_form_of_several(seeds: list[int]) -> None:
    forms = [seeds, tuple(seeds), np.array(seeds), torch.tensor(seeds), pd.Index(seeds), pd.Series(seeds)]
    for form in forms:
        spec = run_spec(seeds=form)
        assert spec == run_spec(seeds=tuple(seeds))
        assert all(type(seed) is int for seed in spec.seeds)
    assert run_spec(seeds=np.int64(seeds[0])).seeds == (seeds[0],)
    assert run_spec(seeds=iter(seeds)).seeds == tuple(seeds)


@settings(max_examples=50)
@given(st.text(min_size=1))
def test_a_text_is_never_divided(name: str) -> None:
    assert read_as(tuple[str, ...], name, "cuts", "f()") == (name,)
    assert read_as(str | Sequence[str] | None, name, "cuts", "f()") == (name,)
    assert run_spec(sender_cuts=name).sender_cuts == (name,)
    assert ms.View(framing=None).framing is None


def test_what_else_is_one_where_several_are_meant() -> None:
    assert ms.EvidenceSpec(kinds="rank").kinds == ("rank",)  # type: ignore[arg-type]
    assert ms.EvidenceSpec.parse("rank") == ms.EvidenceSpec(kinds=("rank",))
    assert run_spec(stitches=ms.StitchSpec()).stitches == (ms.StitchSpec(),)
    assert ms.ModelSpec(source="a", layouts=("b", "tokens")).layouts == (("b", "tokens"),)  # type: ignore[arg-type]
    assert ms.View(mean=0.5, std=[0.2]).std == (0.2,)  # type: ignore[arg-type]
    assert ms.View(size=[8, 9]).size == (8, 9)  # type: ignore[arg-type]
    assert ms.DataSpec(source="a", input_column="x").input_column == ("x",)  # type: ignore[arg-type]


def test_a_file_is_no_list_of_names() -> None:
    want = str | Path | Sequence[str] | None
    assert read_as(want, "names.txt", "data_classes", "f()") == "names.txt"
    assert read_as(want, ["cat", "dog"], "data_classes", "f()") == ("cat", "dog")
    assert read_as(str | Path | Sequence[str | Path], "run", "folders", "f()") == ("run",)


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (lambda: ms.split(torch.nn.ReLU(), ["a", "b"], torch.zeros(2, 2)), "one cut .* got a list of 2"),  # type: ignore[arg-type]
        (lambda: ms.load(["a"]), r"load\(\): expected one path .* got a list of 1"),  # type: ignore[arg-type]
        (lambda: ms.StitchSpec(family=["affine"]), "expected one family"),  # type: ignore[arg-type]
        (lambda: ms.FitSpec(steps=[5]), "expected one steps"),  # type: ignore[arg-type]
        (lambda: ms.FitSpec(steps=5.0), "expected steps as a whole number, got 5.0"),  # type: ignore[arg-type]
        (lambda: ms.FitSpec(steps=True), "expected steps as a whole number, got True"),
        (lambda: ms.FitSpec(accelerate="no"), "expected accelerate as True or False, got 'no'"),  # type: ignore[arg-type]
        (lambda: ms.compare("a", "b", "c", fit="paper"), r"give fit=ms.FitSpec.named\('paper'\)"),  # type: ignore[arg-type]
        (lambda: ms.compare("a", "b", "c", fit={"steps": 5}), r"give fit=ms.FitSpec\(steps=5\)"),  # type: ignore[arg-type]
        (lambda: ms.compare("a", "b", "c", seeds={0, 1}), "in an order.*got a set: give a list"),  # type: ignore[arg-type]
        (lambda: ms.compare("a", "b", "c", seeds="01"), "seeds as a whole number, or several, got '01'"),  # type: ignore[arg-type]
        (lambda: ms.compare("a", "b", "c", seeds=[0, "1"]), "seeds as a whole number, or several"),  # type: ignore[list-item]
        (lambda: ms.compare("a", "b", "c", names="old"), "names as 2 values"),  # type: ignore[arg-type]
        (lambda: ms.compare("a", "b", "c", device=["cpu"]), "expected one device"),  # type: ignore[arg-type]
        (lambda: ms.compare(None, "b", "c"), "expected sender as a name or a ModelSpec"),  # type: ignore[arg-type]
        (lambda: ms.compare_all(["a", "b"], "c"), "models as a mapping from a name to"),  # type: ignore[arg-type]
        (lambda: ms.compare("a", "b", "c", cuts=[]), "at least one cut in cuts, got none"),
        (lambda: ms.compare("a", "b", "c", controls="one-hot,probe"), r"as a list, \['one-hot', 'probe'\]"),
        (lambda: ms.write_report("run", "page.html"), "comparison as a Comparison, got 'run'"),  # type: ignore[arg-type]
        (lambda: ms.View(size=8), "size as 2 values"),  # type: ignore[arg-type]
        (lambda: ms.ModelSpec(source="a", layouts={"b": "tokens"}), "layouts as several, each 2 values"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_fit_is_refused_by_name_before_anything_is_loaded(
    refused: Callable[[], object], expected: str
) -> None:
    with pytest.raises(SpecError, match=expected) as caught:
        refused()
    assert "\n" not in str(caught.value)


def test_ladder_and_stitch_contradict_each_other_and_so_do_three_kinds_of_cuts() -> None:
    with pytest.raises(SpecError, match="either ladder=True or stitch"):
        ms.compare("a", "b", "c", ladder=True, stitch="scale")
    with pytest.raises(SpecError, match="got all three: leave cuts out"):
        ms.compare("a", "b", "c", cuts="x", sender_cuts="y", receiver_cuts="z")


def test_what_a_function_hands_on_is_read_as_the_other_one_reads_it() -> None:
    def inner(*, seeds: int | Sequence[int] = 0) -> object:
        return seeds

    @checked(forwards=inner)
    def outer(name: str, **options: Any) -> object:
        return name, inner(**options)

    assert outer("a", seeds=3) == ("a", (3,))
    assert str(inspect.signature(outer)).startswith("(name: 'str', *, seeds: 'int | Sequence[int]' = 0)")
    with pytest.raises(OptionError, match=r"outer\(\) has no option 'seed': did you mean 'seeds'"):
        outer("a", seed=3)

    def wide(one: str, *, seeds: int | Sequence[int] = 0, names: str = "x") -> object:
        return seeds, names

    @checked(forwards=wide, without=("one", "names"))
    def narrow(**options: Any) -> object:
        return wide("", **options)

    assert list(inspect.signature(narrow).parameters) == ["seeds"]
    with pytest.raises(OptionError, match=r"narrow\(\) has no option 'names': "):
        narrow(names="y")


def test_annotations_that_say_nothing_plain_allow_everything() -> None:
    tensor = torch.zeros(2)
    for want in (Any, torch.Tensor, int | torch.Tensor, tuple[Any, ...], Callable[[], int]):
        assert read_as(want, tensor, "x", "f()") is tensor
    assert read_as(Literal["a", "b"], "c", "x", "f()") == "c"  # the function's own check names the nearest
    assert read_as(Mapping[str, int], {"a": np.int64(1)}, "x", "f()") == {"a": 1}


def test_a_dataclass_keeps_its_own_checks_and_its_signature() -> None:
    @checked_fields
    @dataclass(frozen=True, kw_only=True)
    class Few:
        names: tuple[str, ...]

        def __post_init__(self) -> None:
            if len(self.names) > 1:
                raise SpecError("too many")

    assert list(inspect.signature(Few).parameters) == ["names"]
    with pytest.raises(SpecError, match="too many"):
        Few(names=("a", "b"))


def test_the_package_lists_what_is_public_and_names_the_nearest() -> None:
    assert set(dir(ms)) == {*ms.__all__, "geometry", "__version__", "__doc__", "__all__"}
    assert all(getattr(ms, name) is not None for name in dir(ms))
    with pytest.raises(AttributeError, match="did you mean 'list_controls'"):
        _ = ms.list_control
