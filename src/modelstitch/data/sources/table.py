"""The table of data sources: one row and one file in this folder for each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from modelstitch.data.parts import Data
from modelstitch.specs import TOKEN_TASKS, DataSpec

CLASS_TASKS = ("classification", "retrieval")


@dataclass(frozen=True)
class DataSource:
    """One source of data.

    Attributes:
        file: its file in this folder, imported on first use. It defines ``recognises(source: str) -> bool``,
            and ``load(spec) -> Data``, and ``texts(spec)`` where ``has_texts``.
        written: how a user writes it; error messages list these.
        has_labels: whether it serves classification and retrieval.
        has_texts: whether it serves the token tasks, with texts that need no labels.
        has_targets: whether it serves every task, those of the user's own too.
        is_image_files: whether ``crop`` and ``channels`` apply, because it decodes image files.
        has_columns: whether ``label_column`` and ``input_column`` apply.
    """

    file: str
    written: tuple[str, ...]
    has_labels: bool = True
    has_texts: bool = False
    has_targets: bool = False
    is_image_files: bool = False
    has_columns: bool = False

    def serves(self, task: str) -> bool:
        """Tell whether the source has the targets of a task."""
        if task in TOKEN_TASKS:
            return self.has_texts or self.has_targets
        return self.has_targets or (self.has_labels and task in CLASS_TASKS)

    def recognises(self, source: str) -> bool:
        """Tell whether ``source`` names data of this kind."""
        return bool(self._module().recognises(source))

    def load(self, spec: DataSpec) -> Data:
        """Load the data."""
        data = self._module().load(spec)
        assert isinstance(data, Data)
        return data

    def texts(self, spec: DataSpec) -> tuple[list[list[str]], str]:
        """Return the texts of one part or of two, and how the parts came about."""
        parts, division = self._module().texts(spec)
        return parts, division

    def _module(self) -> ModuleType:
        return import_module(f"modelstitch.data.sources.{self.file}")


# The first row that recognises a source and serves its task reads it.
DATA_SOURCES = (
    DataSource("digits", ("digits",)),
    DataSource("numbers", ("numbers",)),
    DataSource("cifar", ("cifar10", "cifar100", "the official CIFAR archive")),
    DataSource("hugging_face", ("hf:NAME_OR_FOLDER",), has_texts=True, is_image_files=True, has_columns=True),
    DataSource("torchvision", ("torchvision:NAME(root=...)",), is_image_files=True),
    DataSource("npz", ("FILE.npz",), has_targets=True, has_columns=True),
    DataSource(
        "parquet",
        ("FILE.parquet", "a folder with train*.parquet and test*.parquet"),
        has_texts=True,
        is_image_files=True,
        has_columns=True,
    ),
    DataSource("image_folder", ("a folder with one folder of images a class",), is_image_files=True),
    DataSource("wav_folder", ("a folder with one folder of sounds (.wav) a class",)),
    DataSource("text_folder", ("a folder with one folder of texts (.txt) a class",)),
    DataSource("text_files", ("FILE.txt", "a folder of .txt files"), has_labels=False, has_texts=True),
)
