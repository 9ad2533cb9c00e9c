"""Arguments of public functions and specs: read by their annotations, refused by name.

An annotation says what an argument may be. One value where several are meant is one; several where one is
meant are refused. An option that does not exist is refused with the place where it belongs: another name, a
field of a spec, or another function.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AnySet
from functools import cache, cached_property, wraps
from importlib import import_module
from numbers import Integral, Real
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from modelstitch.errors import OptionError, SpecError

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_MISFIT = object()
_OWN = "modelstitch"
_MARK = "_modelstitch_fields_are_read"
_PLAIN: Mapping[Any, tuple[str, Callable[[Any], bool], Callable[[Any], Any]]] = {
    bool: ("True or False", lambda value: _named(value, "bool", "bool_"), bool),
    int: ("a whole number", lambda value: isinstance(value, Integral) and not isinstance(value, bool), int),
    float: (
        "a number",
        lambda value: isinstance(value, Real) and not isinstance(value, bool),
        lambda value: value if isinstance(value, int | float) else float(value),
    ),
    str: ("a name", lambda value: isinstance(value, str | PathLike), lambda value: str(fspath(value))),
    Path: ("a path", lambda value: isinstance(value, PathLike), Path),
}
"""What plain values are called, how they are told, and the form that a spec can be hashed by."""


def several(given: Any) -> tuple[Any, ...]:
    """Return one value, or a list or a tuple of several, as several.

    Example:
        >>> several("blocks.1"), several(["a", "b"])
        (('blocks.1',), ('a', 'b'))
    """
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def checked(
    *, renamed: Mapping[str, str] | None = None, forwards: Callable[..., Any] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Read the arguments of a function by its annotations before it is called.

    Args:
        renamed: former names of options, and what they are called now.
        forwards: the function that gets the options which this one does not name itself.

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
        reader = _Reader(function, dict(renamed or {}), forwards)

        @wraps(function)
        def call(*arguments: P.args, **named: P.kwargs) -> R:
            bound = reader.read(arguments, named)
            return function(*bound.args, **bound.kwargs)

        return call

    return decorate


def checked_fields(cls: type[T]) -> type[T]:
    """Read the values of a dataclass by the annotations of its fields, whenever one is built.

    Raises:
        OptionError: a field that the dataclass does not have, or one that is missing.
        SpecError: a value that the field does not allow.

    Example:
        >>> @checked_fields
        ... @dataclasses.dataclass(frozen=True, kw_only=True)
        ... class Grid:
        ...     cuts: tuple[str, ...]
        >>> Grid(cuts="blocks.1").cuts
        ('blocks.1',)
    """
    build = cls.__init__
    reader = _Reader(cls, {}, None)

    @wraps(build)
    def __init__(self: T, *arguments: Any, **named: Any) -> None:  # noqa: N807
        bound = reader.read(arguments, named)
        build(self, *bound.args, **bound.kwargs)

    cls.__init__ = __init__  # type: ignore[method-assign, assignment]
    setattr(cls, _MARK, True)
    return cls


class _Reader:
    """Reads the arguments of one function, or the fields of one dataclass."""

    def __init__(
        self, target: Callable[..., Any], renamed: dict[str, str], forwards: Callable[..., Any] | None
    ) -> None:
        self._target, self._renamed, self._forwards = target, renamed, forwards
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
        return {**further, **options_of(self._target)}

    def _misplaced(self, unknown: Mapping[str, Any], named: Mapping[str, Any]) -> str:
        told = []
        rest = dict(unknown)
        for name in list(rest):
            if name in self._renamed:
                new = self._renamed[name]
                told.append(f"{self._where} has no argument {name!r} any more: it is called {new!r}")
                del rest[name]
        found = {name: _place(name, self._options) for name in rest}
        by_specs: dict[tuple[tuple[str, ...], ...], list[str]] = {}
        for name, place in found.items():
            if isinstance(place, _InSpecs):
                by_specs.setdefault(place.paths, []).append(name)
            else:
                told.append(f"{self._where} has no option {name!r}: {place or self._all()}")
        for paths, names in by_specs.items():
            values = {place.field: rest[name] for name in names if isinstance(place := found[name], _InSpecs)}
            ways = [_written(path, values, self._options, named) for path in paths]
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


def options_of(target: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotation of each option of a function, or of each field of a dataclass, by name.

    What cannot be looked up, such as a name that is imported for type checkers alone, is ``Any``.

    Example:
        >>> options_of(read_as)["option"]
        <class 'str'>
    """
    known = _annotations(inspect.unwrap(target))
    return {
        name: known.get(name, Any)
        for name, each in inspect.signature(target).parameters.items()
        if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL) and name not in ("self", "cls")
    }


@cache
def _annotations(target: Callable[..., Any]) -> dict[str, Any]:
    module = sys.modules[target.__module__]
    return {
        name: _evaluated(each, vars(module))
        for name, each in inspect.get_annotations(target).items()
        if name != "return"
    }


def _evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, {}, _Names(names))  # of this package's own source
    except (NameError, AttributeError, TypeError):
        return Any


class _Names(dict[str, Any]):
    """Names of a module; what it imports for type checkers alone is looked up among the public names."""

    def __missing__(self, name: str) -> Any:
        if name not in _public():
            raise KeyError(name)
        return getattr(import_module(_OWN), name)


def read_as(want: Any, value: Any, option: str, where: str) -> Any:
    """Return a value as an annotation says, in plain types: several as a tuple, numbers as those of Python.

    Args:
        want: the annotation. One that says nothing plain, such as ``Any`` or a tensor, allows everything.
        value: what was given.
        option: its name.
        where: what it is an option of, for the error.

    Raises:
        SpecError: a value that the annotation does not allow.

    Example:
        >>> read_as(tuple[int, ...], 3, "seeds", "compare()")
        (3,)
        >>> read_as(str, ["a", "b"], "cut", "split()")
        Traceback (most recent call last):
        ...
        modelstitch.errors.SpecError: split(): expected one cut (a name), got a list of 2: ['a', 'b']
    """
    arms = _arms(want)
    if not all(map(_is_checked, arms)):
        return value
    sequences = [arm for arm in arms if _is_sequence(arm)]
    direct = [arm for arm in arms if arm not in sequences and _could_take(value, arm)]
    for arm in sequences:
        found = _fit(value, arm)
        # A text beside an option that may be a file, and several names, is the file.
        if found is _MISFIT and set(direct) <= set(_arms(get_args(arm)[0])):
            found = _fit((value,), arm)
        if found is not _MISFIT:
            return found
    for arm in direct:
        found = _fit(value, arm)
        if found is not _MISFIT:
            return found
    raise SpecError(_misfit(arms, sequences, value, option, where))


def _could_take(value: Any, arm: Any) -> bool:
    return _fit(value, arm) is not _MISFIT or (arm is Path and isinstance(value, str))


def _misfit(arms: Sequence[Any], sequences: Sequence[Any], value: Any, option: str, where: str) -> str:
    words = _words(arms)
    if isinstance(value, AnySet) and sequences:
        return f"{where}: expected {option} in an order, as {words}, got a set: give a list"
    is_one = not sequences and not any(get_origin(arm) in (tuple, Mapping) for arm in arms)
    if is_one and not isinstance(value, str | bytes | Mapping) and isinstance(value, Collection):
        return (
            f"{where}: expected one {option} ({words}), got a {type(value).__name__} of {len(value)}: "
            f"{_shown(value)}"
        )
    return f"{where}: expected {option} as {words}, got {_shown(value)}{_hint(arms, value, option)}"


def _hint(arms: Sequence[Any], value: Any, option: str) -> str:
    """Return how a mapping, or the name of a protocol, is written as the spec that is wanted."""
    spec = next((arm for arm in arms if _is_spec(arm)), None)
    if spec is None:
        return ""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{name}={_shown(each)}" for name, each in value.items())
        return f": give {option}=ms.{spec.__name__}({inside})"
    if isinstance(value, str) and hasattr(spec, "named"):
        return f": give {option}=ms.{spec.__name__}.named({value!r})"
    return ""


def _arms(want: Any) -> tuple[Any, ...]:
    if get_origin(want) in (Union, types.UnionType):
        return tuple(arm for each in get_args(want) for arm in _arms(each))
    return (want,)


def _is_sequence(want: Any) -> bool:
    origin = get_origin(want)
    if origin is tuple:
        return len(get_args(want)) == 2 and get_args(want)[1] is Ellipsis
    return origin in (list, Sequence)


def _is_checked(want: Any) -> bool:
    """Tell whether an annotation says something that a value can be held to."""
    origin = get_origin(want)
    if origin in (tuple, list, Sequence, Mapping):
        return all(_is_checked(arm) for each in get_args(want) if each is not Ellipsis for arm in _arms(each))
    if origin is Literal or want in (None, type(None)) or want in _PLAIN:
        return True
    if not inspect.isclass(want) or getattr(want, "_is_protocol", False):
        return False
    return want.__module__.partition(".")[0] == _OWN or want.__module__.startswith(
        ("torch.nn", "torch.export")
    )


def _fit(value: Any, want: Any) -> Any:
    """Return a value in the form that one annotation wants, or ``_MISFIT``."""
    if want in (None, type(None)):
        return None if value is None else _MISFIT
    if want in _PLAIN:
        _, fits, plain = _PLAIN[want]
        return plain(value) if fits(value) else _MISFIT
    origin = get_origin(want)
    if origin is Literal:
        kinds = tuple({type(each) for each in get_args(want)})
        return value if isinstance(value, kinds) else _MISFIT
    if origin is Mapping:
        keys, values = get_args(want)
        if not isinstance(value, Mapping):
            return _MISFIT
        found = {_fit_one(key, keys): _fit_one(each, values) for key, each in value.items()}
        return _MISFIT if _MISFIT in found or _MISFIT in found.values() else found
    if origin in (tuple, list, Sequence):
        return _fit_each(value, want)
    return value if isinstance(value, want) else _MISFIT


def _fit_each(value: Any, want: Any) -> Any:
    if isinstance(value, str | bytes | Mapping | AnySet):
        return _MISFIT
    if hasattr(value, "to_numpy"):  # of pandas or xarray
        value = value.to_numpy()
    if hasattr(value, "tolist"):  # of numpy or torch
        value = value.tolist()
    if not isinstance(value, Iterable):
        return _MISFIT
    items = list(value)
    wanted = list(get_args(want))
    if _is_sequence(want):
        wanted = wanted[:1] * len(items)
    if len(wanted) != len(items):
        return _MISFIT
    found = tuple(_fit_one(item, each) for item, each in zip(items, wanted, strict=True))
    return _MISFIT if any(each is _MISFIT for each in found) else found


def _fit_one(value: Any, want: Any) -> Any:
    found = (_fit(value, arm) for arm in _arms(want))
    return next((each for each in found if each is not _MISFIT), _MISFIT)


def _words(arms: Sequence[Any]) -> str:
    """Return what some annotations allow, such as ``a name, or several``."""
    single = [arm for arm in arms if not _is_sequence(arm) and arm not in (None, type(None))]
    one = " or ".join(dict.fromkeys(map(_word, single)))
    for arm in filter(_is_sequence, arms):
        each = _words(_arms(get_args(arm)[0]))
        one = f"{one}, or several" if each == one else f"{one} or several, each {each}".removeprefix(" or ")
    return one


def _word(want: Any) -> str:
    if want in _PLAIN:
        return _PLAIN[want][0]
    if get_origin(want) is Literal:
        return " or ".join(repr(each) for each in get_args(want))
    if get_origin(want) is Mapping:
        return f"a mapping from a name to {_words(_arms(get_args(want)[1]))}"
    if get_origin(want) is tuple:
        return f"{len(get_args(want))} values ({', '.join(_words(_arms(each)) for each in get_args(want))})"
    return f"{'an' if want.__name__[0] in 'AEIOU' else 'a'} {want.__name__}"


def _named(value: Any, *names: str) -> bool:
    return type(value).__name__ in names


def _shown(value: Any) -> str:
    text = repr(value)
    if len(text) > 60 or "\n" in text:
        return f"a {type(value).__name__}" if not isinstance(value, str) else repr(value[:50] + "...")
    return text


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


@dataclasses.dataclass(frozen=True)
class _InSpecs:
    """A field of specs: by which options, one inside of another, each spec is given."""

    paths: tuple[tuple[str, ...], ...]
    field: str


_SAME, _NEAR, _NEAR_INSIDE = 0.88, 0.7, 0.75
"""How alike two names are that are one misspelt, by difflib: of the options, of fields of their specs."""


def _place(name: str, options: Mapping[str, Any]) -> _InSpecs | str:
    """Return where an unknown option belongs: in a spec, or in words; empty where nobody knows."""
    inside = _fields(options)
    for place in (
        _near(name, options, _SAME),
        _in_specs(name, inside),
        # The command line has one name for an option of one model: --sender-weights.
        *(
            _in_specs(name.removeprefix(f"{option}_"), _fields({option: want}))
            for option, want in options.items()
            if name.startswith(f"{option}_")
        ),
        _near(name, options, _NEAR),
        *(_in_specs(near, inside) for near in difflib.get_close_matches(name, inside, 1, _NEAR_INSIDE)),
    ):
        if place:
            return place
    takers = _who_takes(name)
    return f"{takers} takes it" if takers else ""


def _near(name: str, options: Mapping[str, Any], cutoff: float) -> str:
    near = difflib.get_close_matches(name, list(options), n=1, cutoff=cutoff)
    return f"did you mean {near[0]!r}?" if near else ""


def _in_specs(name: str, inside: Mapping[str, list[tuple[str, ...]]]) -> _InSpecs | None:
    if name not in inside:
        return None
    least = min(map(len, inside[name]))
    return _InSpecs(tuple(path for path in inside[name] if len(path) == least), name)


def _fields(options: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[str, list[tuple[str, ...]]]:
    """Return by name of a field the ways to it: the options that take its spec, one inside of another."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for option, want in options.items():
        for spec in filter(_is_spec, _arms(want)):
            fields = options_of(spec)
            for name in fields:
                found.setdefault(name, []).append((*path, option))
            for name, ways in _fields(fields, (*path, option)).items():
                found.setdefault(name, []).extend(ways)
    return found


def _is_spec(want: Any) -> bool:
    """Tell whether a class is a choice that users build: a public one whose fields are read as here."""
    return inspect.isclass(want) and _MARK in vars(want) and want.__name__ in _public()


@cache
def _public() -> tuple[str, ...]:
    return tuple(import_module(_OWN).__all__)


def _written(
    path: tuple[str, ...], values: Mapping[str, Any], options: Mapping[str, Any], named: Mapping[str, Any]
) -> str:
    """Return how values are given inside of a spec, such as ``fit=ms.FitSpec(steps=5)``."""
    option, *rest = path
    spec = next(arm for arm in _arms(options[option]) if _is_spec(arm))
    fields = options_of(spec)
    needed = [
        name
        for name, each in inspect.signature(spec).parameters.items()
        if each.default is each.empty and name not in values and name not in rest
    ]
    given = named.get(option)
    inside = [f"{name}={given!r}" if isinstance(given, str) else f"{name}=..." for name in needed]
    if dataclasses.is_dataclass(given) or (given is not None and not needed):
        inside = ["..."]
    if rest:
        inside.append(_written(tuple(rest), values, fields, {}))
    else:
        inside += [f"{name}={_shown(value)}" for name, value in values.items()]
    return f"{option}=ms.{spec.__name__}({', '.join(inside)})"


def _who_takes(name: str) -> str:
    """Return the public functions, or else the specs, that have an option of this name."""
    modelstitch = import_module(_OWN)
    functions, specs = [], []
    for public in _public():
        target = getattr(modelstitch, public)
        if inspect.isfunction(target) and name in inspect.signature(target).parameters:
            functions.append(f"ms.{public}()")
        elif _is_spec(target) and name in options_of(target):
            specs.append(f"ms.{public}()")
    return " or ".join((functions or specs)[:3])
