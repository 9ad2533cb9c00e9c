"""How options are read: every list with spaces or commas, options that may be left out, one row a command."""

from __future__ import annotations

import ast
import re
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import tyro
from hypothesis import given
from hypothesis import strategies as st

from modelstitch import cli, specs
from modelstitch.cli import COMMANDS, read
from modelstitch.cli.reference import page
from modelstitch.cli.values import split_list

EXAMPLES: dict[Any, list[Any]] = {
    str: ["zoo:R1111(width=8, channels=1)", "layer1", "lowrank(8)"],
    int: [2, 0, 1],
    float: [0.5, 0.25, 1.0],
    Literal["pdf", "svg", "png"]: ["svg", "pdf"],
}
"""Values by type of an item."""


def list_options() -> list[tuple[str, str, list[Any]]]:
    """Return (command, option, values) of every option that takes a list."""
    return [
        (command, option, EXAMPLES[get_args(kind)[0]])
        for command, row in COMMANDS.items()
        for option, kind in get_type_hints(row.command).items()
        if get_origin(kind) is tuple
    ]


def words_before(command: str) -> list[str]:
    """Return a command with something for each argument and each option that it needs."""
    needed = [field.name for field in fields(COMMANDS[command].command) if _is_needed(field)]
    marked = get_type_hints(COMMANDS[command].command, include_extras=True)
    options = [name for name in needed if not _is_positional(marked[name])]
    words = [command, *["x" for name in needed if name not in options]]
    return [*words, *(word for name in options for word in (f"--{name.replace('_', '-')}", "x"))]


def _is_positional(kind: Any) -> bool:
    return tyro.conf.Positional in getattr(kind, "__metadata__", ())


def _is_needed(field: Field[Any]) -> bool:
    return field.default is MISSING


def value(command: str, option: str, *words: str) -> Any:
    return vars(read([*words_before(command), f"--{option.replace('_', '-')}", *words]))[option]


@pytest.mark.parametrize(("command", "option", "values"), list_options())
def test_every_list_takes_commas_and_spaces(command: str, option: str, values: list[Any]) -> None:
    words = list(map(str, values))
    assert value(command, option, *words) == tuple(values)
    assert value(command, option, ",".join(words)) == tuple(values)
    assert value(command, option, ", ".join(words)) == tuple(values)
    assert value(command, option, words[0], ",".join(words[1:])) == tuple(values)
    assert value(command, option, words[0]) == (values[0],)
    again = f"--{option.replace('_', '-')}"
    assert value(command, option, words[0], again, *words[1:]) == tuple(values)
    assert value(command, option, words[0], f"{again}={','.join(words[1:])}") == tuple(values)


@pytest.mark.parametrize(("command", "option", "values"), list_options())
@pytest.mark.parametrize("text", ["{},,{}", "{},", ",{}", "", " "])
def test_an_empty_item_of_a_list_is_refused(
    command: str, option: str, values: list[Any], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        value(command, option, text.format(values[0], values[1]))
    assert stop.value.code == 2
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert f"Error parsing --{option.replace('_', '-')}" in shown
    assert "got an empty one in" in shown


def test_the_commands_have_lists() -> None:
    assert {(command, option) for command, option, _ in list_options()} >= {
        ("compare", "cuts"),
        ("compare", "stitch"),
        ("compare", "seeds"),
        ("compare", "mean"),
        ("cuts", "shape"),
        ("figures", "format"),
        ("selftest", "measure"),
        ("selftest", "models"),
    }


@pytest.mark.parametrize(
    ("word", "items"),
    [
        ("layer1", ["layer1"]),
        ("affine,lowrank(8)", ["affine", "lowrank(8)"]),
        ("zoo:R1111(width=8, channels=1)", ["zoo:R1111(width=8, channels=1)"]),
        ("a:f(x=[1, 2], y={'k': (3, 4)}),b", ["a:f(x=[1, 2], y={'k': (3, 4)})", "b"]),
        ("a:f(x='), (', y=1),b", ["a:f(x='), (', y=1)", "b"]),
        ('a:f(x="it\'s, or", y=1),b', ['a:f(x="it\'s, or", y=1)', "b"]),
        ("'one, two.safetensors',three", ["one, two.safetensors", "three"]),
        ('a, "b,c" ,d', ["a", "b,c", "d"]),
        ("it's.safetensors,b", ["it's.safetensors", "b"]),  # an apostrophe inside a name is no quote
        ("odd).pt,b", ["odd).pt", "b"]),
        ("stage=map2d last,blocks.0=tokens+1 14x14", ["stage=map2d last", "blocks.0=tokens+1 14x14"]),
    ],
)
def test_commas_in_brackets_and_quotes_belong_to_the_item(word: str, items: list[str]) -> None:
    assert split_list(word) == items


@pytest.mark.parametrize("word", ["'a", 'a,"b', "f(x='y)"])
def test_an_open_quote_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="expected a closing ['\"] in"):
        split_list(word)


names = st.from_regex(r"[a-z][a-z0-9.:_+@/-]{0,6}", fullmatch=True)
arguments = st.recursive(
    names | names.map(lambda text: f"'{text}, ({text}'"),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
    max_leaves=5,
)
calls = st.tuples(names, st.lists(arguments, min_size=1, max_size=3)).map(
    lambda c: f"{c[0]}({', '.join(c[1])})"
)


@given(st.lists(names | calls, min_size=1, max_size=4))
def test_a_joined_list_is_split_where_it_was_joined(items: list[str]) -> None:
    assert split_list(",".join(items)) == items


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare", "a", "b", "--seeds", "0,x"], "Error parsing --seeds: expected INT, got 'x'"),
        (["compare", "a", "b", "--mean", "a,b"], "Error parsing --mean: expected FLOAT, got 'a'"),
        (["figures", "run", "--format", "pdf,gif"], "expected one of pdf, svg, png, got 'gif'"),
    ],
)
def test_a_wrong_item_is_named(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        read(words)
    assert stop.value.code == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_the_help_says_of_an_option_left_out_that_none_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(["compare", "--help"])
    shown = capsys.readouterr().out
    assert "--cuts NAME,..." in shown
    assert "--out PATH" in shown
    assert "{None}" not in shown
    assert "(default: )" not in shown
    assert read(["compare", "a", "b"]) == COMMANDS["compare"].command("a", "b")


def test_a_command_is_one_file_and_one_row() -> None:
    folder = Path(cli.__file__).parent
    defining = {}
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and any(
                isinstance(part, ast.FunctionDef) and part.name == "run" for part in node.body
            ):
                defining[path.stem] = node.name
    defining.pop("__init__")  # what a command is, without one
    assert defining == {name: row.command.__name__ for name, row in COMMANDS.items()}
    assert [name for name, row in COMMANDS.items() if row.resumes] == [
        *("demo", "compare", "run", "paper", "reuse")
    ]


def test_the_help_names_every_choice() -> None:
    section = page().split("## modelstitch compare")[1].split("\n## ")[0]
    words = set(re.findall(r"[a-z]+(?:-[a-z]+)*", section))
    known = (specs.FAMILIES, specs.OBJECTIVES, specs.NORMS, specs.EVIDENCE, specs.PROTOCOLS, specs.TASKS)
    assert {name for names in known for name in names} <= words
    assert {control.removesuffix("-bn") for control in specs.CONTROLS} - {"trained"} <= words
