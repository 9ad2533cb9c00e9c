"""The table of model sources: one row and one file in this folder for each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from modelstitch.errors import ModelError, expect_one_of
from modelstitch.models.blueprint import Blueprint


@dataclass(frozen=True)
class ModelSource:
    """One source of models.

    Attributes:
        file: its file in this folder, imported on first use. It defines ``recognises(target: str) -> bool``
            and ``blueprint(target, arguments) -> Blueprint``, for the source ``target(name=value, ...)``.
        written: how a user writes it; error messages list these.
        prefix: what stands before a colon and the name of a model; empty where names have none.
        where: what is looked through then, when models are listed.
    """

    file: str
    written: tuple[str, ...]
    prefix: str = ""
    where: str = ""

    def recognises(self, target: str) -> bool:
        """Tell whether ``target`` names a model of this source."""
        return bool(self._module().recognises(target))

    def blueprint(self, target: str, arguments: dict[str, Any]) -> Blueprint:
        """Return how to build the model."""
        blueprint = self._module().blueprint(target, arguments)
        assert isinstance(blueprint, Blueprint)
        return blueprint

    def names(self, pattern: str) -> dict[str, str]:
        """Return the models of this source that fit a pattern, as a user gives them, with one line each."""
        return dict(self._module().names(pattern))

    def _module(self) -> ModuleType:
        return import_module(f"modelstitch.models.sources.{self.file}")


# The first row that recognises a target builds it; a factory recognises any name with a colon.
MODEL_SOURCES = (
    ModelSource("zoo", ("zoo:NAME (such as zoo:R1111)",), "zoo"),
    ModelSource("timm", ("timm:NAME",), "timm"),
    ModelSource("torchvision", ("torchvision:NAME",), "torchvision"),
    ModelSource("hugging_face", ("hf:NAME", "hf:FOLDER"), "hf"),
    ModelSource("checkpoint", ("the path of a checkpoint that modelstitch train wrote",), where="FOLDER"),
    ModelSource("factory", ("package.module:factory",), where="package.module"),
)


def source_called(source: str) -> tuple[ModelSource, str]:
    """Return the source that a name, a folder or a module means, and the pattern of models in it.

    Raises:
        ModelError: none of them.

    Example:
        >>> row, pattern = source_called("timm:resnet*")
        >>> row.file, pattern
        ('timm', 'resnet*')
    """
    by_file = {row.file: row for row in MODEL_SOURCES}
    prefix, colon, pattern = source.partition(":")
    named = next((row for row in MODEL_SOURCES if row.prefix and row.prefix == prefix), None)
    if named is not None:
        return named, pattern or "*"
    if Path(source).exists():
        return by_file["checkpoint"], source
    if "." in prefix or find_spec(prefix) is not None:
        return by_file["factory"], source if colon else f"{source}:*"
    prefixes = [row.prefix for row in MODEL_SOURCES if row.prefix]
    expect_one_of(
        "source of models", source, [*prefixes, "a folder of checkpoints", "package.module"], ModelError
    )
    raise AssertionError("a source that is expected was found above")
