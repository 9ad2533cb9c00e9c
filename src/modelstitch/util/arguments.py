"""Arguments of public functions and specs: read by their annotations, refused by name.

An annotation says what an argument may be. One value where several are meant is one; several where one is
meant are refused. An option that does not exist is refused with the place where it belongs: another name, a
field of a spec, or another function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar

from modelstitch.errors import OptionError
from modelstitch.util.argument_types import read_as
from modelstitch.util.misplaced import InSpecs, place_of_option, written
from modelstitch.util.options import MARK, options_of

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def several(given: Any) -> tuple[Any, ...]:
    """Return one value, or a list or a tuple of several, as several.

    Example:
        >>> several("blocks.1"), several(["a", "b"])
        (('blocks.1',), ('a', 'b'))
    """
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def checked(
    *,
    renamed: Mapping[str, str] | None = None,
    forwards: Callable[..., Any] | None = None,
    without: Collection[str] = (),
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Read the arguments of a function by its annotations before it is called.

    Args:
        renamed: former names of options, and what they are called now.
        forwards: the function that gets the options which this one does not name itself; they stand in its
            signature too, and are defined once.
        without: options of that function which this one does not take.

    Raises:
        OptionError: an option that the function does not have, one that is missing, or too many.
        SpecError: an argument that its annotation does not allow.

    Example:
        >>> @checked()
        ... def fit(*, seeds: int | Sequence[int] = 0) -> object:
        ...     return seeds
        >>> fit(seeds=1)
        (1,)
        >>> fit(seed=1)
        Traceback (most recent call last):
        ...
        modelstitch.errors.OptionError: fit() has no option 'seed': did you mean 'seeds'?
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        reader = _Reader(function, dict(renamed or {}), forwards, without)

        @wraps(function)
        def call(*arguments: P.args, **named: P.kwargs) -> R:
            bound = reader.read(arguments, named)
            return function(*bound.args, **bound.kwargs)

        if forwards is not None:
            call.__signature__ = _with_forwarded(function, forwards, without)  # type: ignore[attr-defined]
        return call

    return decorate


def checked_fields(cls: type[T]) -> type[T]:
    """Mark a dataclass as a choice that users build, and read its fields as :func:`read_fields` does.

    A misplaced option of a function is told to belong to it, where it has a field of that name.
    """
    setattr(cls, MARK, True)
    return read_fields(cls)


def read_fields(cls: type[T]) -> type[T]:
    """Read the values of a dataclass by the annotations of its fields, whenever one is built.

    Raises:
        OptionError: a field that the dataclass does not have, or one that is missing.
        SpecError: a value that the field does not allow.

    Example:
        >>> from dataclasses import dataclass
        >>> @read_fields
        ... @dataclass(frozen=True, kw_only=True)
        ... class Grid:
        ...     cuts: tuple[str, ...]
        >>> Grid(cuts="blocks.1").cuts
        ('blocks.1',)
    """
    build = cls.__init__
    reader = _Reader(cls, {}, None, ())

    @wraps(build)
    def __init__(self: T, *arguments: Any, **named: Any) -> None:  # noqa: N807
        bound = reader.read(arguments, named)
        build(self, *bound.args, **bound.kwargs)

    cls.__init__ = __init__  # type: ignore[method-assign, assignment]
    return cls


def _with_forwarded(
    function: Callable[..., Any], forwards: Callable[..., Any], without: Collection[str]
) -> inspect.Signature:
    """Return the signature of a function with the options that it hands on, by name."""
    own = inspect.signature(function)
    named = {name: each for name, each in own.parameters.items() if each.kind is not each.VAR_KEYWORD}
    by_name = {
        name: named.pop(name, each)
        for name, each in inspect.signature(forwards).parameters.items()
        if each.kind is each.KEYWORD_ONLY and name not in without
    }
    return own.replace(parameters=[*named.values(), *by_name.values()])


class _Reader:
    """Reads the arguments of one function, or the fields of one dataclass."""

    def __init__(
        self,
        target: Callable[..., Any],
        renamed: dict[str, str],
        forwards: Callable[..., Any] | None,
        without: Collection[str],
    ) -> None:
        self._target, self._renamed = target, renamed
        self._forwards, self._without = forwards, without
        self._signature = inspect.signature(target)
        self._where = f"{target.__qualname__.rpartition('<locals>.')[2]}()"
        self._rest = next(
            (name for name, each in self._signature.parameters.items() if each.kind is each.VAR_KEYWORD), None
        )

    def read(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> inspect.BoundArguments:
        """Return the arguments that were given, each in the form that its annotation says."""
        legal = self._options
        unknown = {name: value for name, value in named.items() if name not in legal}
        if unknown:
            first = [name for name in self._signature.parameters if name not in ("self", "cls")]
            raise OptionError(
                self._misplaced(unknown, {**dict(zip(first, arguments, strict=False)), **named})
            )
        try:
            bound = self._signature.bind(*arguments, **named)
        except TypeError:
            raise OptionError(self._miscounted(arguments, named)) from None
        for name, value in bound.arguments.items():
            if name in legal:
                bound.arguments[name] = read_as(legal[name], value, name, self._where)
            elif name == self._rest:
                bound.arguments[name] = {
                    each: read_as(legal[each], one, each, self._where) for each, one in value.items()
                }
        return bound

    @cached_property
    def _options(self) -> dict[str, Any]:
        """Annotations by name of option, those that are forwarded among them."""
        further = {} if self._forwards is None else options_of(self._forwards)
        further = {name: each for name, each in further.items() if name not in self._without}
        return {**further, **options_of(self._target)}

    def _misplaced(self, unknown: Mapping[str, Any], named: Mapping[str, Any]) -> str:
        told = []
        rest = dict(unknown)
        for name in list(rest):
            if name in self._renamed:
                new = self._renamed[name]
                told.append(f"{self._where} has no argument {name!r} any more: it is called {new!r}")
                del rest[name]
        found = {name: place_of_option(name, self._options) for name in rest}
        by_specs: dict[tuple[tuple[str, ...], ...], list[str]] = {}
        for name, place in found.items():
            if isinstance(place, InSpecs):
                by_specs.setdefault(place.paths, []).append(name)
            else:
                told.append(f"{self._where} has no option {name!r}: {place or self._all()}")
        for paths, names in by_specs.items():
            values = {place.field: rest[name] for name in names if isinstance(place := found[name], InSpecs)}
            ways = [written(path, values, self._options, named) for path in paths]
            told.append(f"{self._where} has no option {_listed(names)}: give {' or '.join(ways)}")
        return "; ".join(told)

    def _all(self) -> str:
        return f"expected some of {', '.join(self._options)}"

    def _miscounted(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> str:
        first = [
            name
            for name, each in self._signature.parameters.items()
            if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        ]
        if len(arguments) > len(first):
            other = next((name for name in self._options if name not in first), first[-1] if first else "")
            listed = f"{len(first)} arguments without a name ({', '.join(first)})" if first else "names alone"
            return (
                f"{self._where} takes {listed}, got {len(arguments)} values without one: give options by "
                f"name, such as {other}=..."
            )
        twice = [name for name in first[: len(arguments)] if name in named]
        if twice:
            return f"{self._where} got {_listed(twice)} twice: by its place and by its name"
        missing = [
            name
            for name, each in self._signature.parameters.items()
            if each.default is each.empty
            and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
            and name not in first[: len(arguments)]
            and name not in named
        ]
        return (
            f"{self._where} lacks {_listed(missing)}: give {' and '.join(f'{each}=...' for each in missing)}"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
