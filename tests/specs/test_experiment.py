"""An experiment as a TOML file: its models, its pairs, what it refuses and where."""

from __future__ import annotations

import contextlib
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.errors import InputError, SpecError
from modelstitch.specs.config import config_from
from modelstitch.specs.experiment import ExperimentConfig, experiment_from, experiment_of_file, is_folder_name
from modelstitch.specs.pairs import chosen_pairs
from modelstitch.specs.paper import FORMS, chosen_part, paper_numbers

MODELS = "".join(f'[[models]]\nname = "{name}"\nsource = "zoo:R1111"\n' for name in ("a", "b", "c"))
DIGITS = '[data]\nsource = "digits"\n'


def read(tmp_path: Path, text: str) -> ExperimentConfig:
    path = tmp_path / "experiment.toml"
    path.write_text(text, encoding="utf-8")
    return experiment_of_file(path)


def test_a_short_file_has_every_different_pair_and_the_defaults_of_one_run(tmp_path: Path) -> None:
    found = read(tmp_path, MODELS + DIGITS)
    assert found.pairs == tuple(permutations("abc", 2))
    assert [model.seed for model in found.models.values()] == [0, 1, 2]
    one = config_from({"models": [{"source": "x"}, {"source": "y"}], "data": {"source": "digits"}})
    same = ("data", "cuts", "stitch", "objective", "controls", "seeds", "evidence", "fit")
    assert [getattr(found, name) for name in same] == [getattr(one, name) for name in same]


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True), st.data())
@settings(max_examples=30)
def test_pairs_are_those_that_were_asked_for(models: list[str], data: st.DataObject) -> None:
    every = chosen_pairs(models, "all")
    assert set(every) == set(product(models, repeat=2))
    assert len(every) == len(models) ** 2
    some = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    listed = chosen_pairs(models, [list(pair) for pair in some])
    assert set(listed) == set(some)
    senders = [sender for sender, _ in listed]  # the pairs of one sender share its representations
    assert senders == sorted(senders, key=models.index)
    if len(models) > 1:
        center = data.draw(st.sampled_from(models))
        around = chosen_pairs(models, {"center": center})
        assert set(around) == {pair for pair in permutations(models, 2) if center in pair}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pairs = 'al'\n" + MODELS + DIGITS, "line 1: unknown choice of pairs 'al'.*did you mean 'all'"),
        ("pairs = [['a', 'd']]\n" + MODELS + DIGITS, "line 1: unknown model 'd': expected one of a, b, c"),
        ("pairs = [['a']]\n" + MODELS + DIGITS, r"line 1: expected a pair as \[SENDER, RECEIVER\]"),
        ("pairs = [['a', 'b'], ['a', 'b']]\n" + MODELS + DIGITS, "line 1: expected each pair once"),
        ("pairs = []\n" + MODELS + DIGITS, "line 1: expected at least one pair"),
        ("pairs = 7\n" + MODELS + DIGITS, "line 1: expected pairs as all, different"),
        ("\npairs = { centre = 'a' }\n" + MODELS + DIGITS, "line 2: expected pairs as { center = NAME }"),
        ("pairs = { center = 'aa' }\n" + MODELS + DIGITS, "line 1: unknown model 'aa'.*did you mean 'a'"),
        (MODELS.replace('name = "b"\n', "") + DIGITS, "line 4: expected a name of each model, got none"),
        (MODELS.replace('"b"', '"../b"') + DIGITS, "line 5: expected a name that can be part.*'../b'"),
        (MODELS.replace('"b"', '"sender"') + DIGITS, "line 5: expected a name that can be part.*'sender'"),
        (MODELS.replace('"b"', '"A"') + DIGITS, "line 5: expected different names of models, got 'A' twice"),
        (MODELS.replace('"b"', "3") + DIGITS, "line 5: expected a name that can be part.*got 3"),
        (MODELS + DIGITS + "[train]\nepoch = 2\n", "line 13: unknown key 'epoch'.*did you mean 'epochs'"),
        (MODELS + DIGITS + "[train]\nepochs = 0\n", "line 13: expected epochs > 0, got 0"),
        (MODELS + DIGITS + "[train]\nlimit = 0\n", "line 13: .*limit"),
        (
            "pictures = [['a', 'a']]\n" + MODELS + DIGITS,
            "line 1: expected pictures of pairs that are compared",
        ),
        (MODELS, r"line 1: expected a table \[data\]"),
        (DIGITS, r"line 1: expected tables \[\[models\]\]"),
        ("pairs = 'all", "expected TOML"),
        ("seed = [1]\n" + MODELS + DIGITS, "line 1: unknown key 'seed'.*did you mean 'seeds'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as refused:
        read(tmp_path, text)
    assert "experiment.toml" in str(refused.value)
    assert "\n" not in str(refused.value).rstrip()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"pairs = " + b"[" * 5000, "inside each other without end"),
        (b"a = '" + b"x" * 10**6 + b"'", "at most 1 MB of TOML, got more"),
        (b"\xff\xfe", "expected TOML"),
        (b"a = 1\0", "expected TOML"),
        (b"a = " + b"9" * 5000, "expected TOML"),
        (b"[models]\nx = 1\n" + DIGITS.encode(), r"expected tables \[\[models\]\]"),
        (b"seeds = 1979-05-27\n" + (MODELS + DIGITS).encode(), "line 1: expected a list of whole numbers"),
    ],
)
def test_hostile_text_is_refused_in_one_line(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "experiment.toml"
    path.write_bytes(text)
    with pytest.raises(SpecError, match=message) as refused:
        experiment_of_file(path)
    assert "\n" not in str(refused.value)


def test_a_list_over_several_lines_hides_no_line(tmp_path: Path) -> None:
    pairs = "pairs = [\n  ['a', 'b'],\n  ['b', 'c']\n]\nstich = 'affine'\n"
    with pytest.raises(SpecError, match="line 5: unknown key 'stich'"):
        read(tmp_path, pairs + MODELS + DIGITS)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["models", "pairs", "pictures", "data", "train", "fit", "cuts", "evidence", "seeds"])


@settings(max_examples=120)
@given(st.dictionaries(keys, trees, max_size=4), st.booleans())
def test_any_values_are_read_or_refused_by_name(values: dict[str, Any], whole: bool) -> None:
    if whole:  # one hostile part in a file that is otherwise right
        models = [{"name": name, "source": "zoo:R1111"} for name in "ab"]
        values = {"models": models, "data": {"source": "digits"}} | dict(list(values.items())[:1])
    with contextlib.suppress(InputError):
        found = experiment_from(values)
        assert set(found.pairs) <= set(product(found.models, repeat=2))


@given(st.text(max_size=12))
def test_a_name_that_is_legal_stays_in_its_folder(name: str) -> None:
    if is_folder_name(name):
        assert Path("x", f"{name}-into-{name}").resolve().parent == Path("x").resolve()
        assert not set(name) & set("/\\\0:")


def test_the_forms_of_the_paper_are_experiments() -> None:
    forms = {form: experiment_from(chosen_part(form)) for form in FORMS}
    assert [len(forms[form].pairs) for form in ("full", "small", "resnet-34")] == [256, 16, 2]
    assert forms["full"].fit.protocol == "paper"
    assert {model.source for model in forms["small"].models.values()} == {
        f"zoo:{name}(width=16)" for name in ("R1111", "R1112", "R1122", "R2222")
    }
    assert forms["small"].data.limit == forms["small"].data.heldout_limit == 2000
    part = experiment_from(chosen_part("full", part="similarity", networks=["R_1111", "R2222"], limit=9))
    assert (len(part.pairs), part.objective, part.pictures, part.data.limit) == (4, ("match",), (), 9)
    with pytest.raises(SpecError, match="unknown network of the form small 'R2221'.*did you mean 'R2222'"):
        chosen_part("small", networks=["R2221"])
    numbers = paper_numbers()
    assert [len(row) for row in numbers["vanilla"]["scores"]] == [5] * 5
    assert numbers["errors"]["diagonal"] == {"ev": 4.4e-2, "es": 1.5e-2, "sv": 2.3e-2}
