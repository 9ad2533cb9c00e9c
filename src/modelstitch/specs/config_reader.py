"""Makes specs of plain values, as TOML and JSON hold them; every refusal says where the value stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import partial
from typing import Any, TypeVar

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.specs.fits import FitSpec
from modelstitch.specs.models_and_data import ModelSpec, View
from modelstitch.specs.runs import EvidenceSpec

T = TypeVar("T")

MODEL_KEYS = ("name", *(one.name for one in fields(ModelSpec)))
"""What a table ``[[models]]`` may have."""


class ConfigReader:
    """Makes specs of plain values; every refusal says where the value stands."""

    def __init__(self, where: Callable[[Sequence[str | int]], str]) -> None:
        self._where = where

    def error(self, at: Sequence[str | int], text: str) -> SpecError:
        """Return a refusal that says where it belongs."""
        place = self._where(at)
        return SpecError(f"{place}: {text}" if place else text)

    def keys(self, values: Any, legal: Sequence[str], at: Sequence[str | int]) -> None:
        """Raise unless values are a table with legal keys alone."""
        if not isinstance(values, Mapping):
            raise self.error(at, f"expected a table with keys, got {values!r}")
        for name in values:
            self.under((*at, name), partial(expect_one_of, "key", name, legal, SpecError))

    def under(self, at: Sequence[str | int], make: Callable[[], T]) -> T:
        """Return what ``make`` makes; its refusal gets the place."""
        try:
            return make()
        except SpecError as error:
            raise self.error(at, str(error)) from error

    def plain(self, values: Mapping[str, Any], name: str, default: Any) -> Any:
        """Return one value of the top, in the type of its default."""
        given = values.get(name, default)
        if not isinstance(default, tuple):
            if not isinstance(given, type(default)):
                raise self.error((name,), f"expected {name} = {default!r} or alike, got {given!r}")
            return given
        listed = (given,) if isinstance(given, str | int) else given
        kind = type(default[0])
        if not isinstance(listed, list | tuple) or any(type(one) is not kind for one in listed):
            what = {str: "names", int: "whole numbers"}[kind]
            raise self.error((name,), f"expected a list of {what}, such as {list(default)}, got {given!r}")
        return tuple(listed)

    def table(self, kind: type[T], values: Mapping[str, Any], name: str) -> T:
        """Return the spec of one table."""
        own = values[name]
        known = fields(kind)  # type: ignore[arg-type]
        self.keys(own, [one.name for one in known], (name,))
        needed = [one.name for one in known if one.default is MISSING and one.default_factory is MISSING]
        for missing in (one for one in needed if one not in own):
            raise self.error((name,), f"expected the key {missing} in [{name}], got none")
        if kind is EvidenceSpec and "kinds" in own:
            kinds = own["kinds"]
            named = [kinds] if isinstance(kinds, str) else kinds
            rest = {key: value for key, value in own.items() if key != "kinds"}
            return self.made((name,), own, lambda: EvidenceSpec.parse(named, **rest))  # type: ignore[return-value]
        return self.made((name,), own, lambda: kind(**_tupled(own)))

    def fit(self, own: Any, objective: str) -> FitSpec:
        """Return the fit: a protocol by its name, with changes."""
        legal = [one.name for one in fields(FitSpec) if one.name != "objective"]
        self.keys(own, legal, ("fit",))
        changes = {name: value for name, value in own.items() if name != "protocol"}
        protocol = own.get("protocol", "default")
        return self.made(
            ("fit",), own, lambda: FitSpec.named(protocol, **{"objective": objective, **changes})
        )

    def model(self, own: Any, place: int) -> ModelSpec:
        """Return the model of one table ``[[models]]``."""
        at = ("models", place)
        self.keys(own, MODEL_KEYS, at)
        if "source" not in own:
            raise self.error(at, 'expected the key source in [[models]], such as "zoo:R1111", got none')
        view = own.get("view", {})
        self.keys(view, [one.name for one in fields(View)], (*at, "view"))
        values = {name: value for name, value in own.items() if name not in ("name", "view")}
        made_view = self.made((*at, "view"), view, lambda: View(**_tupled(view)))
        return self.made(at, own, lambda: ModelSpec(**_tupled(values), view=made_view))

    def made(self, at: Sequence[str | int], own: Mapping[str, Any], make: Callable[[], T]) -> T:
        """Return a spec; its refusal gets the line of the key that it names, or of its table."""
        try:
            return make()
        except SpecError as error:
            named = [
                key for key in own if re.search(rf"\b{re.escape(key.replace('_', '[ _]'))}\b", str(error))
            ]
            near = [key for key in own if re.search(rf"\b{key.replace('_', '[ _]')}\b", str(error))]
            key = next(iter(named or near), None)
            raise self.error(at if key is None else (*at, key), str(error)) from error


def table_of(at: Sequence[str | int]) -> str:
    """Return the table of a key in words, where there is no file."""
    table = ".".join(str(part) for part in at[:-1] if not isinstance(part, int))
    return f"[{table}]" if table else ""


def _tupled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with tuples for lists, also inside."""

    def one(value: Any) -> Any:
        return tuple(map(one, value)) if isinstance(value, list) else value

    return {name: one(value) for name, value in values.items()}
