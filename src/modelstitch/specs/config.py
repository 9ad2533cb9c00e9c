"""One run as a file: plain values in the shape of the specs, read from TOML and written as TOML.

The tables are the specs: a key of ``[[models]]`` is a field of :class:`ModelSpec`, one of ``[models.view]``
of :class:`View`, of ``[data]`` one of :class:`DataSpec`, of ``[evidence]`` one of :class:`EvidenceSpec`, of
``[fit]`` one of :class:`FitSpec`. A new field of a spec is a new key of the file, and of nothing else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.specs.config_lines import Lines
from modelstitch.specs.config_reader import ConfigReader, table_of
from modelstitch.specs.controls import VERDICT_CONTROLS, control_names
from modelstitch.specs.families import DEFAULT_FAMILY
from modelstitch.specs.fits import FitSpec, StitchSpec
from modelstitch.specs.models_and_data import DataSpec, ModelSpec, View
from modelstitch.specs.names import ROLE_SEEDS, RandomName
from modelstitch.specs.objectives import OBJECTIVES
from modelstitch.specs.runs import EvidenceSpec, RunSpec
from modelstitch.util.places import why_not_read

FORMAT = 1
"""Version of the file: the entry ``format``. A file without it is of the present one."""

LADDER = "ladder"
"""Stands for all stitches of the ladder."""

MOST_BYTES = 10**6
"""Of a file; a longer one is no config."""

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
class RunChoices:
    """What a file asks for beside its models.

    Attributes:
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

    data: DataSpec
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


@dataclass(frozen=True, kw_only=True)
class RunConfig(RunChoices):
    """What one file of two models asks for.

    Attributes:
        sender, receiver: the two models.
        names: what to call them; None for their sources.
    """

    sender: ModelSpec
    receiver: ModelSpec
    names: tuple[str, str] | None = None


_TABLES = {"data": DataSpec, "cuts": ChosenCuts, "evidence": EvidenceSpec}
"""Tables of the file that are a dataclass."""

CHOICES = tuple(one.name for one in fields(RunChoices))
"""The keys of a file beside its models."""


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
    reader = ConfigReader(where or table_of)
    reader.keys(values, ("format", "models", *CHOICES), ())
    expect_format(reader, values)
    sender, receiver = _both(reader, values.get("models"))
    names = _names(reader, values["models"], one=sender == receiver)
    return RunConfig(sender=sender, receiver=receiver, names=names, **choices_from(reader, values))


def expect_format(reader: ConfigReader, values: Mapping[str, Any]) -> None:
    """Raise where a file is of another version.

    Raises:
        SpecError: it is.
    """
    if values.get("format", FORMAT) != FORMAT:
        raise reader.error(("format",), f"expected format = {FORMAT}, got {values['format']!r}")


def choices_from(reader: ConfigReader, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of :class:`RunChoices` that plain values ask for.

    Raises:
        SpecError: a key that no spec has, a value that its spec refuses, or no data.
    """
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
    found = {"objective": objective, **tables, "fit": fit, **chosen}
    reader.under(("stitch",), lambda: RunChoices(**found).stitches(()))
    return found


def read_config(path: str | Path) -> dict[str, Any]:
    """Return the plain values of a TOML file.

    Raises:
        SpecError: no such file, or no TOML; the line is named.
    """
    try:
        with Path(path).open("rb") as file:
            found = file.read(MOST_BYTES + 1)
        if len(found) > MOST_BYTES:
            raise SpecError(
                f"cannot read the config {str(path)!r}: expected at most {MOST_BYTES // 10**6} MB of TOML, "
                "got more"
            )
        return tomllib.loads(found.decode("utf-8"))
    except OSError as error:
        raise SpecError(f"cannot read the config {str(path)!r}: {why_not_read(path, error)}") from error
    except RecursionError as error:
        raise SpecError(
            f"cannot read the config {str(path)!r}: expected TOML, got lists or tables inside each other "
            "without end"
        ) from error
    except ValueError as error:  # no TOML, no text, or a number that Python does not read
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


def _both(reader: ConfigReader, given: Any) -> tuple[ModelSpec, ModelSpec]:
    """Return sender and receiver: by these names, or else the first and the second model."""
    if not isinstance(given, list) or len(given) != len(ROLES):
        n = len(given) if isinstance(given, list) else 0
        raise reader.error(
            ("models",),
            f"expected two tables [[models]], the sender's and the receiver's, got {n}"
            + ("" if n < len(ROLES) else ": modelstitch run reads a file of several"),
        )
    made = [reader.model(own, place) for place, own in enumerate(given)]
    order = _order(given)
    sender, receiver = (
        replace(made[place], seed=seed) if "seed" not in given[place] else made[place]
        for place, seed in zip(order, ROLE_SEEDS.values(), strict=True)
    )
    return sender, receiver


def _names(reader: ConfigReader, given: Sequence[Mapping[str, Any]], *, one: bool) -> tuple[str, str] | None:
    """Return what sender and receiver are called; None where they have no name but their role.

    Args:
        reader: says where a name stands.
        given: the tables of both models.
        one: whether they are one model, which then has one name.

    Raises:
        SpecError: one has a name and the other has none, two have the same one, or one is empty.
    """
    named = [each.get("name") for each in _in_order(given)]
    own = [name for name in named if name not in (None, *ROLES)]
    if not own:
        return None
    at = ("models", next(place for place, each in enumerate(given) if each.get("name") == own[0]), "name")
    if len(own) < len(ROLES):
        raise reader.error(at, f"expected a name of both models, or of neither, got {own[0]!r} alone")
    if not all(isinstance(name, str) and name.strip() for name in own):
        raise reader.error(at, f"expected two names of models, none empty, got {own[0]!r} and {own[1]!r}")
    if own[0] == own[1] and not one:
        raise reader.error(at, f"expected different names of both models, got {own[0]!r} twice")
    return str(own[0]), str(own[1])


def _order(models: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return the places of sender and receiver."""
    return (1, 0) if [one.get("name") for one in models] == [*reversed(ROLES)] else (0, 1)


def _in_order(models: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [models[place] for place in _order(models)]


def _default(name: str) -> Any:
    return next(one.default for one in fields(RunChoices) if one.name == name)


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
