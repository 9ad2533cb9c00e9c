"""Networks of the zoo: ``zoo:NAME(width=..., classes=..., channels=...)``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from modelstitch.errors import ModelError, expect_one_of
from modelstitch.models import zoo
from modelstitch.models.blueprint import Blueprint
from modelstitch.wording import Listed, say

PREFIX = "zoo:"


def recognises(target: str) -> bool:
    """Tell whether ``target`` begins with ``zoo:``."""
    return target.startswith(PREFIX)


def blueprint(target: str, arguments: dict[str, Any]) -> Blueprint:
    """Return how to build an untrained network of the zoo.

    Raises:
        ModelError: no such network, or an argument that it does not take.
    """
    name = target.removeprefix(PREFIX)
    expect_one_of("zoo network", name.replace("_", ""), zoo.STAGES, ModelError)
    for argument in arguments:
        expect_one_of(f"argument of {target}", argument, ("width", "classes", "channels"), ModelError)
    return Blueprint(
        architecture=zoo.describe(name, **arguments),
        build=partial(zoo.build, name, **arguments),
        is_untrained=True,
    )


def names(pattern: str) -> dict[str, str]:
    """Return the networks of the zoo that fit a pattern, and how many blocks their stages have."""
    return {
        f"{PREFIX}{name}": say("choice.zoo", blocks=Listed([str(n) for n in blocks]))
        for name, blocks in zoo.STAGES.items()
        if fnmatchcase(name, pattern.replace("_", ""))
    }
