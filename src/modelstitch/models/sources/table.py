"""The table of model sources: one row and one file in this folder for each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from modelstitch.models.blueprint import Blueprint


@dataclass(frozen=True)
class ModelSource:
    """One source of models.

    Attributes:
        file: its file in this folder, imported on first use. It defines ``recognises(target: str) -> bool``
            and ``blueprint(target, arguments) -> Blueprint``, for the source ``target(name=value, ...)``.
        written: how a user writes it; error messages list these.
    """

    file: str
    written: tuple[str, ...]

    def recognises(self, target: str) -> bool:
        """Tell whether ``target`` names a model of this source."""
        return bool(self._module().recognises(target))

    def blueprint(self, target: str, arguments: dict[str, Any]) -> Blueprint:
        """Return how to build the model."""
        blueprint = self._module().blueprint(target, arguments)
        assert isinstance(blueprint, Blueprint)
        return blueprint

    def _module(self) -> ModuleType:
        return import_module(f"modelstitch.models.sources.{self.file}")


# The first row that recognises a target builds it; a factory recognises any name with a colon.
MODEL_SOURCES = (
    ModelSource("zoo", ("zoo:NAME (such as zoo:R1111)",)),
    ModelSource("timm", ("timm:NAME",)),
    ModelSource("torchvision", ("torchvision:NAME",)),
    ModelSource("hugging_face", ("hf:NAME", "hf:FOLDER")),
    ModelSource("checkpoint", ("the path of a checkpoint that modelstitch train wrote",)),
    ModelSource("factory", ("package.module:factory",)),
)
