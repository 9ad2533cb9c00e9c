"""A run as a TOML file: what it holds, what it refuses and where, and that it comes back as it was."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.cli.compare import Compare
from modelstitch.cli.config_options import places
from modelstitch.errors import SpecError
from modelstitch.specs import CONTROLS, EVIDENCE, DataSpec, EvidenceSpec, FitSpec, ModelSpec, RunSpec, View
from modelstitch.specs.config import ROLES, RunConfig, config_from, config_of_file, plain_config, to_toml
from modelstitch.specs.controls import TRAINED
from modelstitch.specs.fits import StitchSpec

TWO = '[[models]]\nsource = "zoo:R1111"\n[[models]]\nsource = "zoo:R1112"\n'
DIGITS = '[data]\nsource = "digits"\n'

names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=9)
numbers = st.integers(1, 9999)
views = st.builds(
    lambda normal, **more: View(mean=(0.25,) if normal else None, std=(0.5,) if normal else None, **more),
    normal=st.booleans(),
    size=st.none() | st.tuples(numbers, numbers),
    channels=st.none() | st.sampled_from([1, 3]),
    tokenizer=st.none() | names,
)
models = st.builds(
    ModelSpec,
    source=names,
    weights=st.none() | names,
    partial=st.booleans(),
    seed=st.integers(0, 9),
    view=views,
    layouts=st.lists(st.tuples(names, names), max_size=2).map(tuple),
    output=st.none() | names | st.integers(0, 3),
)
lists = st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)
specs = st.builds(
    RunSpec,
    sender=models,
    receiver=models,
    data=st.builds(DataSpec, source=names, limit=st.none() | numbers, seconds=st.none() | st.floats(0.1, 9)),
    sender_cuts=lists,
    receiver_cuts=lists,
    stitches=st.sampled_from(
        [(StitchSpec(),), (StitchSpec(size=3, family="conv", norm="batch"), StitchSpec())]
    ),
    fit=st.builds(FitSpec, steps=st.none() | numbers, momentum=st.floats(0, 0.9), accelerate=st.just(True))
    | st.just(FitSpec.named("paper", objective="match")),
    controls=st.lists(
        st.sampled_from([name for name in CONTROLS if name not in (TRAINED, "probe", "shuffled-labels")]),
        unique=True,
    ).map(lambda found: (TRAINED, *found)),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True).map(tuple),
    random=st.sampled_from(["redraw", "permute"]),
)
evidences = st.none() | st.builds(
    lambda kinds, n: EvidenceSpec.parse(kinds, n), st.lists(st.sampled_from(EVIDENCE), max_size=3), numbers
)


def spec_of(config: RunConfig) -> RunSpec:
    return RunSpec(
        sender=config.sender,
        receiver=config.receiver,
        data=config.data,
        sender_cuts=config.cuts.sender,
        receiver_cuts=config.cuts.receiver,
        stitches=tuple(config.stitches(())),
        fit=config.fit,
        controls=(TRAINED, *config.controls),
        seeds=config.seeds,
        random=config.random,
    )


called_names = st.none() | st.tuples(names, names).filter(
    lambda both: both[0] != both[1] and all(name.strip() and name not in ROLES for name in both)
)


@settings(max_examples=20)
@given(specs, evidences, called_names)
def test_every_run_comes_back_from_its_file(
    spec: RunSpec, evidence: EvidenceSpec | None, called: tuple[str, str] | None
) -> None:
    config = config_from(tomllib.loads(to_toml(plain_config(spec, evidence, called or ROLES))))
    assert spec_of(config) == spec
    assert config.names == called
    assert config.evidence == (evidence or EvidenceSpec(kinds=()))


def read(tmp_path: Path, text: str, over: dict[str, Any] | None = None) -> RunConfig:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return config_of_file(path, over)


def test_a_short_file_has_the_defaults_of_the_command(tmp_path: Path) -> None:
    config = read(tmp_path, TWO + DIGITS)
    assert (config.sender.source, config.sender.seed) == ("zoo:R1111", 0)
    assert (config.receiver.source, config.receiver.seed) == ("zoo:R1112", 1)
    assert config == Compare("zoo:R1111", "zoo:R1112").run_config()
    turned = read(
        tmp_path,
        '[[models]]\nname = "receiver"\nsource = "b"\n[[models]]\nname = "sender"\nsource = "a"\n' + DIGITS,
    )
    assert (turned.sender.source, turned.receiver.source) == ("a", "b")


def test_options_take_the_place_of_values(tmp_path: Path) -> None:
    over = {"models": [{}, {"view": {"size": [8, 8]}}], "data": {"limit": 7}, "seeds": [1, 2]}
    config = read(tmp_path, "seeds = [5]\n" + TWO + DIGITS + "heldout_limit = 4\n", over)
    assert (config.seeds, config.data.limit, config.data.heldout_limit) == ((1, 2), 7, 4)
    assert (config.sender.view.size, config.receiver.view.size) == (None, (8, 8))


def test_names_of_models_come_from_the_file_or_the_option(tmp_path: Path) -> None:
    named = "[[models]]\nname = 'old'\nsource = 'a'\n[[models]]\nname = 'new'\nsource = 'b'\n" + DIGITS
    assert read(tmp_path, named).names == ("old", "new")
    path = tmp_path / "run.toml"
    assert Compare(config=path).run_config().names == ("old", "new")
    assert Compare(config=path, names=("x", "y")).run_config().names == ("x", "y")
    found = Compare("a", "b", names=("x", "y"), save_config=tmp_path / "saved.toml").run_config()
    assert config_of_file(tmp_path / "saved.toml") == found
    assert found.names == ("x", "y")
    for one in (("x",), ("x", "y", "z")):
        with pytest.raises(SpecError, match="expected two names with --names, .*got x"):
            Compare("a", "b", names=one).run_config()
    with pytest.raises(SpecError, match="expected different names of both models, got 'x' twice"):
        Compare("a", "b", names=("x", "x")).run_config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[[models]]\nname = 'old'\nsource = 'a'\n[[models]]\nsource = 'b'\n" + DIGITS,
            "line 2: .*'old' alone",
        ),
        (
            "[[models]]\nname = 'old'\nsource = 'a'\n[[models]]\nname = ' '\nsource = 'b'\n" + DIGITS,
            "line 2: .*none empty, got 'old' and ' '",
        ),
        ("seeds = 1 2\n", "expected TOML: .*line 1"),
        ("seds = [1]\n" + TWO + DIGITS, "line 1: unknown key 'seds': .*did you mean 'seeds'"),
        (TWO + "wieghts = 'a'\n" + DIGITS, "line 5: unknown key 'wieghts': .*did you mean 'weights'"),
        (TWO + DIGITS + "limt = 5\n", "line 7: unknown key 'limt': .*did you mean 'limit'"),
        (
            TWO + "[models.view]\nsise = [4, 4]\n" + DIGITS,
            "line 6: unknown key 'sise': .*did you mean 'size'",
        ),
        (TWO + DIGITS + "limit = 0\n", "line 7: expected limit > 0, got 0"),
        (TWO + DIGITS + "[fit]\nsteps = 5\nmomentum = 2\n", "line 9: expected momentum in"),
        (TWO + DIGITS + "[fit]\nprotocol = 'papers'\n", "line 8: .*did you mean 'paper'"),
        (TWO + DIGITS + "[fit]\nobjective = 'task'\n", "line 8: unknown key 'objective'"),
        (TWO + DIGITS + "[evidence]\nkinds = ['kep']\n", "line 7: .*did you mean 'kept'"),
        ("controls = ['random-sendr']\n" + TWO + DIGITS + "[cut]\n", "line 8: unknown key 'cut': .*'cuts'"),
        ("objective = ['mach']\n" + TWO + DIGITS, "line 1: unknown objective 'mach'"),
        ("objective = []\n" + TWO + DIGITS, "line 1: expected at least one objective"),
        ("stitch = ['afine']\n" + TWO + DIGITS, "line 1: .*did you mean 'affine'"),
        ("seeds = ['a']\n" + TWO + DIGITS, "line 1: expected a list of whole numbers"),
        ("seeds = [true]\n" + TWO + DIGITS, "line 1: expected a list of whole numbers"),
        ("norm = 3\n" + TWO + DIGITS, "line 1: expected norm = 'none' or alike, got 3"),
        ("format = 9\n" + TWO + DIGITS, "line 1: expected format = 1, got 9"),
        (TWO, r"line 1: expected a table \[data\]"),
        (TWO + "[data]\nlimit = 5\n", "line 5: expected the key source"),
        (DIGITS, r"line 1: expected two tables \[\[models\]\], .*got 0"),
        (TWO + "[[models]]\nsource = 'c'\n" + DIGITS, r"line 1: expected two tables .*got 3"),
        ("[[models]]\nname = 'a'\n[[models]]\nsource = 'b'\n" + DIGITS, "line 1: expected the key source"),
        ("data = 'digits'\n" + TWO, "line 1: expected a table with keys, got 'digits'"),
        (
            TWO + DIGITS + "label_column = 'a'\ninput_column = ['a']\n",
            "line [78]: expected another input column",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError, match=rf"run\.toml'[:,] {message}"):
        read(tmp_path, text)


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    read(tmp_path, TWO + DIGITS)
    with pytest.raises(SpecError, match=r"no such file; did you mean '.*run\.toml'"):
        config_of_file(tmp_path / "runs.toml")


def test_every_option_that_a_run_depends_on_has_a_place_of_a_spec() -> None:
    beside = {"out", "config", "save_config", "pictures", "ladder", "allow_untrained", "device", "memory"}
    beside |= {"keep", "dry_run", "json", "by", "fail_unless"}
    assert {field.name for field in fields(Compare) if not places(field.name)} == beside
