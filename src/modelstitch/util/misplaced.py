"""Where an option belongs that a function does not have: another name, a spec, another function."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from modelstitch.util.argument_types import shown
from modelstitch.util.options import OWN, arms_of, is_spec, options_of, public


@dataclasses.dataclass(frozen=True)
class InSpecs:
    """A field of specs: by which options, one inside of another, each spec is given."""

    paths: tuple[tuple[str, ...], ...]
    field: str


_SAME, _NEAR, _NEAR_INSIDE = 0.88, 0.7, 0.75
"""How alike two names are that are one misspelt, by difflib: of the options, of fields of their specs."""


def place_of_option(name: str, options: Mapping[str, Any]) -> InSpecs | str:
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
        # The very name at another function is likelier meant than one that is less alike here.
        _taken_by(name, functions=True),
        _near(name, options, _NEAR),
        *(_in_specs(near, inside) for near in difflib.get_close_matches(name, inside, 1, _NEAR_INSIDE)),
    ):
        if place:
            return place
    return _taken_by(name, functions=False)


def _near(name: str, options: Mapping[str, Any], cutoff: float) -> str:
    near = difflib.get_close_matches(name, list(options), n=1, cutoff=cutoff)
    return f"did you mean {near[0]!r}?" if near else ""


def _in_specs(name: str, inside: Mapping[str, list[tuple[str, ...]]]) -> InSpecs | None:
    if name not in inside:
        return None
    least = min(map(len, inside[name]))
    return InSpecs(tuple(path for path in inside[name] if len(path) == least), name)


def _fields(options: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[str, list[tuple[str, ...]]]:
    """Return by name of a field the ways to it: the options that take its spec, one inside of another."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for option, want in options.items():
        for spec in filter(is_spec, arms_of(want)):
            fields = options_of(spec)
            for name in fields:
                found.setdefault(name, []).append((*path, option))
            for name, ways in _fields(fields, (*path, option)).items():
                found.setdefault(name, []).extend(ways)
    return found


def written(
    path: tuple[str, ...], values: Mapping[str, Any], options: Mapping[str, Any], named: Mapping[str, Any]
) -> str:
    """Return how values are given inside of a spec, such as ``fit=ms.FitSpec(steps=5)``."""
    option, *rest = path
    spec = next(arm for arm in arms_of(options[option]) if is_spec(arm))
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
        inside.append(written(tuple(rest), values, fields, {}))
    else:
        inside += [f"{name}={shown(value)}" for name, value in values.items()]
    return f"{option}=ms.{spec.__name__}({', '.join(inside)})"


def _taken_by(name: str, *, functions: bool) -> str:
    """Return which public functions, or which specs, have an option of this name; empty where none has."""
    modelstitch = import_module(OWN)
    found = []
    for public_name in public():
        target = getattr(modelstitch, public_name)
        if functions and inspect.isfunction(target):
            takes = name in inspect.signature(target).parameters
        else:
            takes = not functions and is_spec(target) and name in options_of(target)
        if takes:
            found.append(f"ms.{public_name}()")
    return f"{' or '.join(found[:3])} takes it" if found else ""
