"""Values in the form that an annotation says: several as a tuple, numbers as those of Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AnySet
from numbers import Integral, Real
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from modelstitch.errors import SpecError
from modelstitch.util.options import OWN, arms_of, is_spec

_MISFIT = object()
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
    arms = arms_of(want)
    if not all(map(_is_checked, arms)):
        return value
    sequences = [arm for arm in arms if _is_sequence(arm)]
    direct = [arm for arm in arms if arm not in sequences and _could_take(value, arm)]
    for arm in sequences:
        found = _fit(value, arm)
        # A text beside an option that may be a file, and several names, is the file.
        if found is _MISFIT and set(direct) <= set(arms_of(get_args(arm)[0])):
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
            f"{shown(value)}"
        )
    return f"{where}: expected {option} as {words}, got {shown(value)}{_hint(arms, value, option)}"


def _hint(arms: Sequence[Any], value: Any, option: str) -> str:
    """Return how a mapping, or the name of a protocol, is written as the spec that is wanted."""
    spec = next((arm for arm in arms if is_spec(arm)), None)
    if spec is None:
        return ""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{name}={shown(each)}" for name, each in value.items())
        return f": give {option}=ms.{spec.__name__}({inside})"
    if isinstance(value, str) and hasattr(spec, "named"):
        return f": give {option}=ms.{spec.__name__}.named({value!r})"
    return ""


def _is_sequence(want: Any) -> bool:
    origin = get_origin(want)
    if origin is tuple:
        return len(get_args(want)) == 2 and get_args(want)[1] is Ellipsis
    return origin in (list, Sequence)


def _is_checked(want: Any) -> bool:
    """Tell whether an annotation says something that a value can be held to."""
    origin = get_origin(want)
    if origin in (tuple, list, Sequence, Mapping):
        return all(
            _is_checked(arm) for each in get_args(want) if each is not Ellipsis for arm in arms_of(each)
        )
    if origin is Literal or want in (None, type(None)) or want in _PLAIN:
        return True
    if not inspect.isclass(want) or getattr(want, "_is_protocol", False):
        return False
    return want.__module__.partition(".")[0] == OWN or want.__module__.startswith(
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
    found = (_fit(value, arm) for arm in arms_of(want))
    return next((each for each in found if each is not _MISFIT), _MISFIT)


def _words(arms: Sequence[Any]) -> str:
    """Return what some annotations allow, such as ``a name, or several``."""
    single = [arm for arm in arms if not _is_sequence(arm) and arm not in (None, type(None))]
    one = " or ".join(dict.fromkeys(map(_word, single)))
    for arm in filter(_is_sequence, arms):
        each = _words(arms_of(get_args(arm)[0]))
        one = f"{one}, or several" if each == one else f"{one} or several, each {each}".removeprefix(" or ")
    return one


def _word(want: Any) -> str:
    if want in _PLAIN:
        return _PLAIN[want][0]
    if get_origin(want) is Literal:
        return " or ".join(repr(each) for each in get_args(want))
    if get_origin(want) is Mapping:
        return f"a mapping from a name to {_words(arms_of(get_args(want)[1]))}"
    if get_origin(want) is tuple:
        return f"{len(get_args(want))} values ({', '.join(_words(arms_of(each)) for each in get_args(want))})"
    return f"{'an' if want.__name__[0] in 'AEIOU' else 'a'} {want.__name__}"


def _named(value: Any, *names: str) -> bool:
    return type(value).__name__ in names


def shown(value: Any) -> str:
    text = repr(value)
    if len(text) > 60 or "\n" in text:
        return f"a {type(value).__name__}" if not isinstance(value, str) else repr(value[:50] + "...")
    return text
