"""An experiment of many models as a file: the schema of one run, with any number of models, and pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from modelstitch.specs.config import (
    CHOICES,
    ROLES,
    RunChoices,
    choices_from,
    expect_format,
    merged,
    read_config,
)
from modelstitch.specs.config_lines import Lines
from modelstitch.specs.config_reader import ConfigReader, table_of
from modelstitch.specs.models_and_data import ModelSpec
from modelstitch.specs.pairs import DIFFERENT, chosen_pairs
from modelstitch.specs.training import Recipe, TrainSpec

_OWN = ("pairs", "pictures", "train")
_TRAIN_KEYS = ("limit", *(one.name for one in fields(Recipe) if one.name != "seed"))

LONGEST_NAME = 80
"""Most characters of a name: two of them make the name of a folder."""


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig(RunChoices):
    """What one file of several models asks for.

    Attributes:
        models: by name, in their order.
        pairs: (sender, receiver), those of one sender beside each other.
        pictures: pairs of which it is painted what stitches into the receiver's input make.
        train: how models of the zoo without weights are trained; None leaves them untrained.
    """

    models: Mapping[str, ModelSpec]
    pairs: tuple[tuple[str, str], ...]
    pictures: tuple[tuple[str, str], ...] = ()
    train: TrainSpec | None = None


def experiment_from(
    values: Mapping[str, Any], where: Callable[[Sequence[str | int]], str] | None = None
) -> ExperimentConfig:
    """Return the experiment of plain values, as TOML or JSON holds them.

    Args:
        values: by key.
        where: says where a key stands, from its path; for errors.

    Raises:
        SpecError: a key that no spec has, a value that its spec refuses, models without names of their own,
            or pairs of other models.

    Example:
        >>> models = [{"name": name, "source": f"zoo:{name}"} for name in ("R1111", "R1112", "R2222")]
        >>> found = experiment_from({"models": models, "pairs": "all", "data": {"source": "digits"}})
        >>> len(found.pairs), found.models["R2222"].source
        (9, 'zoo:R2222')
    """
    reader = ConfigReader(where or table_of)
    reader.keys(values, ("format", "models", *_OWN, *CHOICES), ())
    expect_format(reader, values)
    models = _models(reader, values.get("models"))
    names = list(models)
    pairs = reader.under(("pairs",), partial(chosen_pairs, names, values.get("pairs", DIFFERENT)))
    painted = values.get("pictures", [])
    pictures: tuple[tuple[str, str], ...] = ()
    if painted:
        pictures = reader.under(("pictures",), partial(chosen_pairs, names, painted))
    lacking = [pair for pair in pictures if pair not in pairs]
    if lacking and not isinstance(painted, str):
        raise reader.error(("pictures",), f"expected pictures of pairs that are compared, got {lacking[0]}")
    return ExperimentConfig(
        models=models,
        pairs=pairs,
        pictures=tuple(pair for pair in pictures if pair in pairs),
        train=_train(reader, values["train"]) if "train" in values else None,
        **choices_from(reader, values),
    )


def experiment_of_file(path: str | Path, over: Mapping[str, Any] | None = None) -> ExperimentConfig:
    """Return the experiment of a TOML file; ``over`` holds values that take the place of its own.

    Raises:
        SpecError: as for :func:`experiment_from` and a file that cannot be read, with the line.
    """
    values = read_config(path)
    lines = Lines(Path(path).read_text(encoding="utf-8"))
    return experiment_from(merged(values, over or {}), lambda at: f"{str(path)!r}, {lines.of(at)}")


def _models(reader: ConfigReader, given: Any) -> dict[str, ModelSpec]:
    """Return models by name; one without a seed has that of its place, so that no two are alike."""
    if not isinstance(given, list) or not given:
        raise reader.error(("models",), "expected tables [[models]], each with a name and a source, got none")
    found: dict[str, ModelSpec] = {}
    for place, own in enumerate(given):
        spec = reader.model(own, place)
        name = own.get("name")
        if name is None:
            raise reader.error(("models", place), "expected a name of each model, got none")
        at = ("models", place, "name")
        if not isinstance(name, str) or not is_folder_name(name):
            raise reader.error(
                at,
                "expected a name that can be part of the name of a folder: letters, digits, spaces and - _ . "
                f"+ ( ), at most {LONGEST_NAME}, none of {' '.join(ROLES)}, got {name!r}",
            )
        if name.casefold() in (one.casefold() for one in found):  # some file systems know one case alone
            raise reader.error(at, f"expected different names of models, got {name!r} twice")
        found[name] = spec if "seed" in own else replace(spec, seed=place)
    return found


def is_folder_name(name: str) -> bool:
    """Tell whether a model's name can be part of the name of its pairs' folders, on every system.

    Example:
        >>> [is_folder_name(name) for name in ("R1111", "../x", "a/b", ".", "", "sender", "R18 (w=4)")]
        [True, False, False, False, False, False, True]
    """
    return (
        len(name) <= LONGEST_NAME
        and name == name.strip(" .")
        and bool(name)
        and name not in ROLES
        and all(one.isalnum() or one in " -_.+()=," for one in name)
    )


def _train(reader: ConfigReader, own: Any) -> TrainSpec:
    reader.keys(own, _TRAIN_KEYS, ("train",))
    values = {name: value for name, value in own.items() if name != "limit"}
    recipe = reader.made(("train",), own, lambda: Recipe(**values))
    return reader.made(("train",), own, lambda: TrainSpec(recipe=recipe, limit=own.get("limit")))
