"""One run as a file: plain values in the shape of the specs, read from TOML and written as TOML.

The tables are the specs: a key of ``[[models]]`` is a field of :class:`ModelSpec`, one of ``[models.view]``
of :class:`View`, of ``[data]`` one of :class:`DataSpec`, of ``[evidence]`` one of :class:`EvidenceSpec`, of
``[fit]`` one of :class:`FitSpec`. A new field of a spec is a new key of the file, and of nothing else.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.specs.controls import VERDICT_CONTROLS, control_names
from modelstitch.specs.families import DEFAULT_FAMILY
from modelstitch.specs.fits import FitSpec, StitchSpec
from modelstitch.specs.models_and_data import DataSpec, ModelSpec, View
from modelstitch.specs.names import ROLE_SEEDS, RandomName
from modelstitch.specs.objectives import OBJECTIVES
from modelstitch.specs.runs import EvidenceSpec, RunSpec
from modelstitch.util.places import why_not_read

T = TypeVar("T")

FORMAT = 1
"""Version of the file: the entry ``format``. A file without it is of the present one."""

LADDER = "ladder"
"""Stands for all stitches of the ladder."""

ROLES = tuple(ROLE_SEEDS)
"""Names of the two models of one pair: the first in the file is the sender, unless names say otherwise."""


@dataclass(frozen=True, kw_only=True)
class ChosenCuts:
    """Which cuts are stitched, by name; empty for the ends of all blocks.

    Attributes:
        both: of both models.
        sender, receiver: of one model, instead.
    """

    both: tuple[str, ...] = ()
    sender: tuple[str, ...] = ()
    receiver: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What one file asks for.

    Attributes:
        sender, receiver: the two models.
        names: what to call them; None for their sources.
        data: where the examples come from.
        cuts: which cuts are stitched.
        stitch: labels of stitches, such as ``lowrank(8)``; ``ladder`` stands for all of the ladder.
        objective: what each stitch is fitted to.
        norm: of stitches that name none.
        controls, seeds, random: as in :class:`RunSpec`, without the real grid.
        evidence: what is measured.
        fit: how stitches are fitted.
        cache: folder of captured graphs; it changes no number, and no spec of a run holds it.
    """

    sender: ModelSpec
    receiver: ModelSpec
    data: DataSpec
    names: tuple[str, str] | None = None
    cuts: ChosenCuts = field(default_factory=ChosenCuts)
    stitch: tuple[str, ...] = (DEFAULT_FAMILY,)
    objective: tuple[str, ...] = ("task",)
    norm: str = "none"
    controls: tuple[str, ...] = VERDICT_CONTROLS
    seeds: tuple[int, ...] = (0,)
    random: RandomName = "redraw"
    evidence: EvidenceSpec = field(default_factory=EvidenceSpec)
    fit: FitSpec = field(default_factory=FitSpec)
    cache: str | None = None

    def stitches(self, ladder: Sequence[StitchSpec]) -> list[StitchSpec]:
        """Return every stitch with every objective; the first objective is the fit's, and needs no name.

        Args:
            ladder: what ``ladder`` stands for.
        """
        named = [ladder if text == LADDER else [StitchSpec.parse(text, self.norm)] for text in self.stitch]
        parsed = [stitch for several in named for stitch in several]
        further = [replace(one, objective=name) for name in self.objective[1:] for one in parsed]  # type: ignore[arg-type]
        return [*parsed, *further]


_TABLES = {"data": DataSpec, "cuts": ChosenCuts, "evidence": EvidenceSpec}
"""Tables of the file that are a dataclass."""

_MODEL_KEYS = ("name", *(one.name for one in fields(ModelSpec)))
_KEYS = (
    *("format", "models"),
    *(one.name for one in fields(RunConfig) if one.name not in (*ROLES, "names")),
)


def config_from(
    values: Mapping[str, Any], where: Callable[[Sequence[str | int]], str] | None = None
) -> RunConfig:
    """Return the config of plain values, as TOML or JSON holds them.

    Args:
        values: by key.
        where: says where a key stands, from its path; for errors.

    Raises:
        SpecError: a key that no spec has, a value that its spec refuses, or not two models.

    Example:
        >>> models = [{"source": "zoo:R1111"}, {"source": "zoo:R1112"}]
        >>> config_from({"models": models, "data": {"source": "digits", "limit": 9}}).data.limit
        9
        >>> config_from({"models": models, "data": {"source": "digits", "limt": 9}})
        Traceback (most recent call last):
        ...
        modelstitch.errors.SpecError: [data]: unknown key 'limt': expected one of source, limit, ...
    """
    reader = _Reader(where or _table)
    reader.keys(values, _KEYS, ())
    if values.get("format", FORMAT) != FORMAT:
        raise reader.error(("format",), f"expected format = {FORMAT}, got {values['format']!r}")
    sender, receiver = reader.models(values.get("models"))
    names = reader.names(values["models"])
    tables: dict[str, Any] = {
        name: reader.table(kind, values, name) for name, kind in _TABLES.items() if name in values
    }
    if "data" not in tables:
        raise reader.error((), 'expected a table [data], such as source = "digits", got none')
    objective = reader.plain(values, "objective", ("task",))
    for name in objective:
        reader.under(("objective",), partial(expect_one_of, "objective", name, OBJECTIVES, SpecError))
    if not objective or len(set(objective)) < len(objective):
        got = " ".join(map(str, objective)) or "none"
        raise reader.error(("objective",), f"expected at least one objective, none twice, got {got}")
    fit = reader.fit(values.get("fit", {}), objective[0])
    further = ("stitch", "norm", "controls", "seeds", "random")
    chosen = {name: reader.plain(values, name, _default(name)) for name in further if name in values}
    if "cache" in values:
        chosen["cache"] = reader.plain(values, "cache", "")
    if "controls" in chosen:
        chosen["controls"] = reader.under(("controls",), partial(control_names, chosen["controls"]))
    config = RunConfig(
        sender=sender, receiver=receiver, names=names, objective=objective, **{**tables, "fit": fit, **chosen}
    )
    reader.under(("stitch",), lambda: config.stitches(()))
    return config


def read_config(path: str | Path) -> dict[str, Any]:
    """Return the plain values of a TOML file.

    Raises:
        SpecError: no such file, or no TOML; the line is named.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"cannot read the config {str(path)!r}: {why_not_read(path, error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot read the config {str(path)!r}: expected TOML: {error}") from error


def config_of_file(path: str | Path, over: Mapping[str, Any] | None = None) -> RunConfig:
    """Return the config of a TOML file; ``over`` holds values that take the place of its own.

    Raises:
        SpecError: as for :func:`read_config` and :func:`config_from`, with the line of the file.
    """
    values = read_config(path)
    lines = Lines(Path(path).read_text(encoding="utf-8"))
    return config_from(merged(values, over or {}), lambda at: f"{str(path)!r}, {lines.of(at)}")


def merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values with others over them, table by table and model by model.

    Example:
        >>> merged({"data": {"source": "a", "limit": 5}}, {"data": {"limit": 6}, "seeds": [1]})
        {'data': {'source': 'a', 'limit': 6}, 'seeds': [1]}
        >>> merged({"cuts": {"sender": ["a"], "receiver": ["b"]}}, {"cuts": {"both": ["c"]}})
        {'cuts': {'both': ['c']}}
    """
    found = dict(values)
    for name, value in over.items():
        before = found.get(name)
        if name == "cuts" and isinstance(before, Mapping) and isinstance(value, Mapping):
            found[name] = _cuts_over(before, value)
        elif isinstance(value, Mapping) and isinstance(before, Mapping):
            found[name] = merged(before, value)
        elif name == "models" and isinstance(before, list) and len(before) == len(value):
            found[name] = [merged(one, other) for one, other in zip(_in_order(before), value, strict=True)]
        else:
            found[name] = value
    return found


def _cuts_over(before: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return chosen cuts with others over them: those of both models are those of each."""
    if "both" in over:
        return dict(over)
    each = dict.fromkeys(ROLES, before["both"]) if "both" in before else before
    return {**each, **over}


def plain_config(
    spec: RunSpec, evidence: EvidenceSpec | None, names: Sequence[str] = ROLES
) -> dict[str, Any]:
    """Return the plain values that repeat a run.

    Args:
        spec: of the run.
        evidence: what was measured; None for nothing.
        names: what sender and receiver are called; by their roles where nobody chose.
    """
    models = [
        {"name": name, **_without_defaults(getattr(spec, role), seed=ROLE_SEEDS[role])}
        for role, name in zip(ROLES, names, strict=True)
    ]
    fit = {
        name: value
        for name, value in asdict(spec.fit).items()
        if value != getattr(FitSpec(), name) and name != "objective"
    }
    measured = EvidenceSpec(kinds=()) if evidence is None else evidence
    values: dict[str, Any] = {
        "format": FORMAT,
        "stitch": [stitch.label for stitch in spec.stitches],
        "objective": [spec.fit.objective],
        "controls": list(spec.controls[1:]),
        "seeds": list(spec.seeds),
        "random": spec.random,
        "models": models,
        "data": _without_defaults(spec.data),
        "cuts": {"sender": list(spec.sender_cuts), "receiver": list(spec.receiver_cuts)},
        "evidence": asdict(measured),
        "fit": fit,
    }
    return {name: _as_toml(value) for name, value in values.items()}


def to_toml(values: Mapping[str, Any], command: str = "modelstitch compare --config run.toml") -> str:
    """Return plain values as the text of a TOML file; keys first, then tables.

    Args:
        values: of a config.
        command: that reads the file, for its first line.
    """
    import tomlkit  # only where a file is written

    document = tomlkit.document()
    document.add(tomlkit.comment(f"{command} repeats this run. A path begins in the folder of the command."))
    for name, value in sorted(values.items(), key=lambda item: _is_table(item[1])):
        document.add(name, tomlkit.item(_as_toml(value)))
    return tomlkit.dumps(document)


class Lines:
    """The lines on which keys and tables of a TOML text stand.

    Example:
        >>> text = "seeds = [1]|[[models]]|name = 'a'|[[models]]|name = 'b'|[models.view]|size = 3"
        >>> lines = Lines(text.replace("|", chr(10)))
        >>> lines.of(("models", 1, "view", "size")), lines.of(("models", 0, "weights")), lines.of(("data",))
        ('line 7', 'line 2', 'line 1')
    """

    def __init__(self, text: str) -> None:
        self._at: dict[tuple[str | int, ...], int] = {(): 1}
        table: tuple[str | int, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            header = re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", line)
            key = re.match(r"""\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))\s*[=.]""", line)
            if header:
                table = self._table(tuple(_dotted(header[2])), repeats=header[1] == "[[")
                self._at.setdefault(table, number)
            elif key:
                self._at.setdefault((*table, next(part for part in key.groups() if part)), number)

    def _table(self, names: tuple[str, ...], *, repeats: bool) -> tuple[str | int, ...]:
        """Return the path of a header: a table in the last model, or a further model."""
        at: tuple[str | int, ...] = ()
        for place, name in enumerate(names):
            at = (*at, name)
            so_far = sum(one[:-1] == at and isinstance(one[-1], int) for one in self._at if one)
            if repeats and place == len(names) - 1:
                return (*at, so_far)
            if so_far:
                at = (*at, so_far - 1)
        return at

    def of(self, at: Sequence[str | int]) -> str:
        """Return the line of a key in words; that of its table where the key has none."""
        path = tuple(at)
        while path not in self._at:
            path = path[:-1]
        return f"line {self._at[path]}"


class _Reader:
    """Makes specs of plain values; every refusal says where the value stands."""

    def __init__(self, where: Callable[[Sequence[str | int]], str]) -> None:
        self._where = where

    def error(self, at: Sequence[str | int], text: str) -> SpecError:
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
            return self._made((name,), own, lambda: EvidenceSpec.parse(named, **rest))  # type: ignore[return-value]
        return self._made((name,), own, lambda: kind(**_tupled(own)))

    def fit(self, own: Any, objective: str) -> FitSpec:
        """Return the fit: a protocol by its name, with changes."""
        legal = [one.name for one in fields(FitSpec) if one.name != "objective"]
        self.keys(own, legal, ("fit",))
        changes = {name: value for name, value in own.items() if name != "protocol"}
        protocol = own.get("protocol", "default")
        return self._made(
            ("fit",), own, lambda: FitSpec.named(protocol, **{"objective": objective, **changes})
        )

    def models(self, given: Any) -> tuple[ModelSpec, ModelSpec]:
        """Return sender and receiver: by these names, or else the first and the second model."""
        if not isinstance(given, list) or len(given) != len(ROLES):
            n = len(given) if isinstance(given, list) else 0
            raise self.error(
                ("models",), f"expected two tables [[models]], the sender's and the receiver's, got {n}"
            )
        made = [self._model(own, place) for place, own in enumerate(given)]
        order = _order(given)
        sender, receiver = (
            replace(made[place], seed=seed) if "seed" not in given[place] else made[place]
            for place, seed in zip(order, ROLE_SEEDS.values(), strict=True)
        )
        return sender, receiver

    def names(self, given: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
        """Return what sender and receiver are called; None where they have no name but their role.

        Raises:
            SpecError: one has a name and the other has none, both have the same one, or one is empty.
        """
        named = [one.get("name") for one in _in_order(given)]
        own = [name for name in named if name not in (None, *ROLES)]
        if not own:
            return None
        at = ("models", next(place for place, one in enumerate(given) if one.get("name") == own[0]), "name")
        if len(own) < len(ROLES):
            raise self.error(at, f"expected a name of both models, or of neither, got {own[0]!r} alone")
        if not all(isinstance(name, str) and name.strip() for name in own):
            raise self.error(at, f"expected two names of models, none empty, got {own[0]!r} and {own[1]!r}")
        if own[0] == own[1]:
            raise self.error(at, f"expected different names of both models, got {own[0]!r} twice")
        return str(own[0]), str(own[1])

    def _model(self, own: Any, place: int) -> ModelSpec:
        at = ("models", place)
        self.keys(own, _MODEL_KEYS, at)
        if "source" not in own:
            raise self.error(at, 'expected the key source in [[models]], such as "zoo:R1111", got none')
        view = own.get("view", {})
        self.keys(view, [one.name for one in fields(View)], (*at, "view"))
        values = {name: value for name, value in own.items() if name not in ("name", "view")}
        made_view = self._made((*at, "view"), view, lambda: View(**_tupled(view)))
        return self._made(at, own, lambda: ModelSpec(**_tupled(values), view=made_view))

    def _made(self, at: Sequence[str | int], own: Mapping[str, Any], make: Callable[[], T]) -> T:
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


def _table(at: Sequence[str | int]) -> str:
    """Return the table of a key in words, where there is no file."""
    table = ".".join(str(part) for part in at[:-1] if not isinstance(part, int))
    return f"[{table}]" if table else ""


def _order(models: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return the places of sender and receiver."""
    return (1, 0) if [one.get("name") for one in models] == [*reversed(ROLES)] else (0, 1)


def _in_order(models: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [models[place] for place in _order(models)]


def _default(name: str) -> Any:
    return next(one.default for one in fields(RunConfig) if one.name == name)


def _tupled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with tuples for lists, also inside."""

    def one(value: Any) -> Any:
        return tuple(map(one, value)) if isinstance(value, list) else value

    return {name: one(value) for name, value in values.items()}


def _without_defaults(spec: Any, **other: Any) -> dict[str, Any]:
    """Return the fields of a spec that are not as a new one has them, those of specs inside likewise."""
    found: dict[str, Any] = {}
    for one in fields(spec):
        value = getattr(spec, one.name)
        usual = one.default_factory() if one.default_factory is not MISSING else one.default
        if isinstance(value, View):
            inside = _without_defaults(value)
            found |= {one.name: inside} if inside else {}
        elif value != other.get(one.name, usual):
            found[one.name] = value
    return found


def _as_toml(value: Any) -> Any:
    """Return a value as TOML can hold it: lists for tuples, and no None."""
    if isinstance(value, Mapping):
        return {name: _as_toml(one) for name, one in value.items() if one is not None}
    return [_as_toml(one) for one in value] if isinstance(value, list | tuple) else value


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    )


def _dotted(name: str) -> Iterator[str]:
    """Yield the parts of a dotted name."""
    for quoted, single, bare in re.findall(r'"([^"]*)"|\'([^\']*)\'|([\w-]+)', name):
        yield quoted or single or bare
