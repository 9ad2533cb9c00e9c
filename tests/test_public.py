"""What is public: one table of names, every type in a public signature among them, all of them documented."""

from __future__ import annotations

import ast
import builtins
import enum
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import modelstitch as ms
from modelstitch import errors, geometry

SOURCE = Path(ms.__file__).parent
API_PAGE = SOURCE.parent.parent / "docs" / "api.md"
PUBLIC = {id(getattr(ms, name)) for name in ms.__all__} | {
    id(getattr(geometry, name)) for name in geometry.__all__
}


def names_of_the_module() -> dict[str, Any]:
    """Return what annotations of a module may name that is imported for type checks alone."""
    names: dict[str, Any] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.If)
                and ast.unparse(node.test) == "TYPE_CHECKING"
                and path.parent != SOURCE
            ):
                exec(compile(ast.Module(node.body, []), str(path), "exec"), names)
    return names


FOR_TYPE_CHECKS = names_of_the_module()


def hints(thing: Any) -> list[Any]:
    return list(get_type_hints(thing, localns=FOR_TYPE_CHECKS).values())


def signatures(public: Any) -> Iterator[tuple[str, list[Any]]]:
    """Yield the annotations of a function, or of a class: its fields and public methods, with its own bases.

    What a class is made of is in its fields where it is a dataclass; others are made by the verbs.
    """
    if not inspect.isclass(public):
        yield public.__name__, hints(public)
        return
    yield public.__name__, hints(public) if not issubclass(public, enum.Enum) else []
    for cls in public.__mro__:
        if not cls.__module__.startswith("modelstitch"):
            continue
        for name, member in vars(cls).items():
            function: Any = member
            if isinstance(member, property):
                function = member.fget
            elif isinstance(member, classmethod | staticmethod):
                function = member.__func__
            if inspect.isfunction(function) and not name.startswith("_"):
                yield f"{public.__name__}.{name}", hints(function)


def classes_in(annotation: Any) -> Iterator[type]:
    cls = get_origin(annotation) or annotation
    if inspect.isclass(cls):
        yield cls
    for argument in get_args(annotation):
        for one in argument if isinstance(argument, list) else [argument]:
            yield from classes_in(one)


def private_types(public: Any) -> list[str]:
    """Return the classes of modelstitch in public signatures of a name that are not public themselves."""
    return sorted(
        {
            f"{where}: {cls.__module__}.{cls.__name__}"
            for where, annotations in signatures(public)
            for annotation in annotations
            for cls in classes_in(annotation)
            if cls.__module__.startswith("modelstitch") and id(cls) not in PUBLIC
        }
    )


def public_names() -> list[str]:
    return [*ms.__all__, *(f"geometry.{name}" for name in geometry.__all__)]


def public_object(name: str) -> Any:
    return getattr(geometry, name.removeprefix("geometry.")) if "." in name else getattr(ms, name)


@pytest.mark.parametrize("name", public_names())
def test_every_type_in_a_public_signature_is_public(name: str) -> None:
    public = public_object(name)
    if callable(public):
        assert private_types(public) == []


class Hidden:
    """A private class of this package, if it said so."""


def test_the_walk_sees_a_private_type_wherever_it_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hidden, "__module__", "modelstitch.somewhere")

    class Public:
        def method(self, many: dict[str, tuple[Hidden, ...]]) -> None: ...
        @property
        def one(self) -> Hidden | None:
            return None

        @classmethod
        def made(cls) -> list[Hidden]:
            return []

        def _private(self) -> list[Hidden]:
            return []

    def verb(call: Callable[[Hidden], int]) -> None: ...

    monkeypatch.setattr(Public, "__module__", "modelstitch.somewhere")
    monkeypatch.setitem(FOR_TYPE_CHECKS, "Hidden", Hidden)
    hidden = "modelstitch.somewhere.Hidden"
    assert private_types(Public) == [f"Public.{name}: {hidden}" for name in ("made", "method", "one")]
    assert private_types(verb) == [f"verb: {hidden}"]


@pytest.mark.parametrize("name", public_names())
def test_every_error_that_a_public_docstring_names_is_public(name: str) -> None:
    public = public_object(name)
    members = [public, *(vars(public).values() if inspect.isclass(public) else ())]
    texts = [
        inspect.getdoc(member) or "" for member in members if callable(member) or isinstance(member, property)
    ]
    raised = {error for text in texts for error in re.findall(r"^ +(\w+Error): ", text, re.MULTILINE)}
    builtin = {error for error in raised if hasattr(builtins, error)}
    assert raised - builtin <= set(ms.__all__)


def test_every_error_is_public() -> None:
    every = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert every - {"Iterable"} <= set(ms.__all__)


def test_the_page_of_the_interface_lists_what_is_public() -> None:
    listed = re.findall(r"^::: modelstitch\.(\S+)$", API_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(set(listed)) == len(listed)
    assert set(listed) == {*ms.__all__, "geometry"}
