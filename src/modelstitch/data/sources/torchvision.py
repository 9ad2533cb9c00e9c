"""Sets of torchvision: ``torchvision:NAME(root="...")``."""

from __future__ import annotations

from dataclasses import replace

from modelstitch.data.in_memory import as_parts, from_parts, from_whole
from modelstitch.data.parts import Data
from modelstitch.errors import DataError, expect_one_of, first_line
from modelstitch.specs import DataSpec
from modelstitch.util.calls import parse_call
from modelstitch.util.optional import optional_package

PREFIX = "torchvision:"


def recognises(source: str) -> bool:
    """Tell whether ``source`` begins with ``torchvision:``."""
    return source.startswith(PREFIX)


def load(spec: DataSpec) -> Data:
    """Build a set of torchvision with its training and its test part, or with its only part.

    Raises:
        MissingExtraError: torchvision is not installed.
        DataError: no such set, or one that cannot be built or read.
    """
    target, arguments = parse_call(spec.source.removeprefix(PREFIX))
    package = optional_package("torchvision.datasets", "torchvision", f"data '{PREFIX}{target}'")
    expect_one_of("data of torchvision", target, package.__all__, DataError)
    build = getattr(package, target)
    try:
        try:
            parts = [build(**arguments, train=train) for train in (True, False)]
        except TypeError:  # the set has no parts
            read = as_parts([build(**arguments)], target, spec)
            whole = from_whole(read.parts[0], classes=read.classes, name=target, spec=spec)
            return replace(whole, division="; ".join([whole.division, *read.notes]))
        read = as_parts(parts, target, spec)
        division = "; ".join(["the training and the test part", *read.notes])
        return from_parts(read.parts[0], read.parts[1], read.classes, target, division, spec)
    except DataError:
        raise
    except (OSError, ValueError, TypeError, RuntimeError, KeyError, ImportError) as error:
        raise DataError(f"cannot load data '{PREFIX}{target}': {first_line(error)}") from error
