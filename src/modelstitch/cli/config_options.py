"""Where in a config each option of ``compare`` belongs; the keys are the fields of the specs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from modelstitch.cli.options import layouts
from modelstitch.errors import SpecError
from modelstitch.specs import DataSpec, FitSpec, ModelSpec, View
from modelstitch.specs.config import ROLES, RunConfig

ConfigPlace = tuple[str, ...]
"""The keys from the top of a config to a value; the second of ``models`` is a role."""

_MODEL, _VIEW, _DATA, _FIT, _TOP = (
    frozenset(field.name for field in fields(kind))
    for kind in (ModelSpec, View, DataSpec, FitSpec, RunConfig)
)

_OTHERWISE: Mapping[str, ConfigPlace] = {
    "data": ("data", "source"),
    "data_seed": ("data", "seed"),
    "data_channels": ("data", "channels"),
    "evidence": ("evidence", "kinds"),
    "evidence_examples": ("evidence", "n_examples"),
    "cuts": ("cuts", "both"),
    "sender_cuts": ("cuts", "sender"),
    "receiver_cuts": ("cuts", "receiver"),
    **{role: ("models", role, "source") for role in ROLES},
    **{f"{role}_layout": ("models", role, "layouts") for role in ROLES},
}
"""Options that are not called as the field that they set."""


def places(option: str) -> tuple[ConfigPlace, ...]:
    """Return where an option belongs: twice where it is of both models, nowhere where no config holds it.

    Example:
        >>> places("receiver_size"), places("limit"), places("out")
        ((('models', 'receiver', 'view', 'size'),), (('data', 'limit'),), ())
        >>> places("mean")
        (('models', 'sender', 'view', 'mean'), ('models', 'receiver', 'view', 'mean'))
    """
    if option == "names":
        return tuple(_of_model(role, "name") for role in ROLES)
    if option in _OTHERWISE:
        return (_OTHERWISE[option],)
    role, _, own = option.partition("_")
    if role in ROLES:
        return (_of_model(role, own),)
    if option in _TOP:
        return ((option,),)
    if option in _VIEW or option in ("partial", "weights_key"):
        return tuple(_of_model(each, option) for each in ROLES)
    for table, names in (("data", _DATA), ("fit", _FIT)):
        if option in names:
            return ((table, option),)
    return ()


def _of_model(role: str, name: str) -> ConfigPlace:
    return ("models", role, name) if name == "name" or name in _MODEL else ("models", role, "view", name)


def plain_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as the plain values of a config; what stands in none is left out.

    Args:
        options: values by name; an option of one model takes the place of that of both.

    Example:
        >>> plain_of({"size": 32, "receiver_size": 64, "seeds": (0, 1), "out": None})["models"]
        [{'name': 'sender', 'view': {'size': [32, 32]}}, {'name': 'receiver', 'view': {'size': [64, 64]}}]
    """
    values: dict[str, Any] = {"models": {role: {"name": role} for role in ROLES}}
    for option in sorted(options, key=lambda name: -len(places(name))):  # those of both models first
        for place in places(option):
            into = values
            for key in place[:-1]:
                into = into.setdefault(key, {})
            value = _of_role(place[1], options[option]) if option == "names" else options[option]
            into[place[-1]] = _plain(place[-1], value)
    return {**values, "models": list(values["models"].values())}


def _of_role(role: str, names: Sequence[str]) -> str:
    if len(names) != len(ROLES):
        got = ", ".join(names) or "none"
        raise SpecError(f"expected two names with --names, those of sender and receiver, got {got}")
    return names[ROLES.index(role)]


def _plain(key: str, value: Any) -> Any:
    """Return the value of an option as a config holds it."""
    if isinstance(value, Path):
        return str(value)
    if key == "size" and isinstance(value, int):
        return [value, value]
    if key == "layouts":
        return [list(pair) for pair in layouts(value)]
    if key == "labels":
        return value[0] if len(value) == 1 else None
    return list(value) if isinstance(value, tuple) else value
