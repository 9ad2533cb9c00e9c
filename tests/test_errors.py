from __future__ import annotations

import inspect

import pytest

from modelstitch import errors
from modelstitch.errors import ModelStitchError, SpecError, expect_one_of


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        stripped = line.lstrip(" │├└─")
        name = stripped.split(" ")[0]
        if not name.endswith("Error"):
            continue
        depth = len(line) - len(stripped)
        while stack and stack[-1][0] >= depth:
            stack.pop()
        drawn[name] = stack[-1][1] if stack else "Exception"
        stack.append((depth, name))
    actual = {
        name: each.__bases__[0].__name__
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, ModelStitchError)
    }
    assert drawn == actual


def test_a_long_list_of_legal_names_is_cut_and_counted() -> None:
    legal = [f"name{i}" for i in range(40)]
    with pytest.raises(SpecError, match=r"unknown thing 'nam39'.*\(40 in all\); did you mean 'name39'\?"):
        expect_one_of("thing", "nam39", legal, SpecError)
    expect_one_of("thing", "name3", legal, SpecError)


def test_no_hint_where_nothing_is_near() -> None:
    with pytest.raises(SpecError) as caught:
        expect_one_of("thing", "zzz", ["alpha"], SpecError)
    assert "did you mean" not in str(caught.value)
