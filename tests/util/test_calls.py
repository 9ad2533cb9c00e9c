from __future__ import annotations

import keyword
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.errors import ModelError
from modelstitch.util.calls import parse_call

names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name)
)
plain = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=2), max_leaves=5
)
targets = st.sampled_from(["zoo:R1122", "package.module:factory", "folder/net", ""])


@settings(deadline=None, max_examples=60)
@given(targets, st.dictionaries(names, values, max_size=4), st.sampled_from(["", " ", "\n"]))
def test_what_is_written_is_read_back(target: str, arguments: dict[str, Any], space: str) -> None:
    inside = ",".join(f"{space}{name}{space}={space}{value!r}{space}" for name, value in arguments.items())
    assert parse_call(f"{target}({inside})") == (target, arguments)


@settings(deadline=None, max_examples=30)
@given(st.text(st.characters(exclude_characters="("), max_size=20))
def test_without_brackets_everything_is_the_target(source: str) -> None:
    assert parse_call(source) == (source, {})


@settings(deadline=None, max_examples=100)
@given(st.text(st.sampled_from("()[]{}=,.:*'\"\\#-1ax \n\0"), max_size=20))
def test_any_text_is_read_or_refused(rest: str) -> None:
    try:
        target, arguments = parse_call(f"zoo:R1111({rest}")
    except ModelError:
        return
    assert target == "zoo:R1111"
    assert all(name.isidentifier() for name in arguments)


@pytest.mark.parametrize(
    "call",
    [
        "a:b(",
        "a:b(width=16",
        "a:b(width=16))",
        "a:b(16)",
        "a:b(width)",
        "a:b(width=w)",
        "a:b(*[1])",
        "a:b(**{'width': 1})",
        "a:b(width=1, width=2)",
        "a:b(width=1)(depth=2)",
        "a:b(width=1).c(depth=2)",
        "a:b(width=1) + f(depth=2)",
        "a:b(width={[1]: 2})",
        "a:b(width=f'{1}')",
        "a:b(width=" + "-" * 100_000 + "1)",
        "a:b(width=" + "(" * 300 + ")",
        "a:b(width=\0)",
    ],
    ids=lambda call: call[:30].replace("\0", "NUL"),
)
def test_anything_but_plain_values_is_refused(call: str) -> None:
    with pytest.raises(
        ModelError, match=r"cannot read .*expected target\(name=value, \.\.\.\).* each name once"
    ):
        parse_call(call)


def test_nothing_between_the_brackets_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "__import__('pathlib').Path('was-run').touch()"
    eval(code)
    assert (tmp_path / "was-run").exists()  # the code would do it, if it were run
    (tmp_path / "was-run").unlink()
    with pytest.raises(ModelError, match="with plain values"):
        parse_call(f"a:b(width={code})")
    assert not (tmp_path / "was-run").exists()
