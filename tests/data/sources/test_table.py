"""Every source of data is one file and one row; each reads what its row promises."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from modelstitch.data import sources
from modelstitch.data.load import find_source, load_data
from modelstitch.data.sources.table import DATA_SOURCES, DataSource
from modelstitch.errors import DataError
from modelstitch.specs import TASKS, TOKEN_TASKS, DataSpec

N_OF_A_CLASS = 6


def in_class_folders(root: Path, write: Callable[[Path, int], None], ending: str) -> str:
    for label, name in enumerate(("a", "b")):
        (root / name).mkdir(parents=True)
        for number in range(N_OF_A_CLASS):
            write(root / name / f"{number}{ending}", 10 * label + number)
    return str(root)


def image(path: Path, value: int) -> None:
    Image.fromarray(np.full((4, 5, 3), value, np.uint8)).save(path)


def sound(path: Path, value: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.full(50, value, "<i2").tobytes())


def text(path: Path, value: int) -> None:
    path.write_text(f"text number {value}")


def npz(root: Path) -> str:
    np.savez(root / "set.npz", x=np.arange(24.0).reshape(12, 2), y=np.arange(12) % 2)
    return str(root / "set.npz")


def parquet(root: Path) -> str:
    table = pa.table({"text": [f"row {n}" for n in range(12)], "label": [n % 2 for n in range(12)]})
    pq.write_table(table, root / "set.parquet")
    return str(root / "set.parquet")


def hugging_face(root: Path) -> str:
    datasets = pytest.importorskip("datasets")
    rows = {"text": [f"row {n}" for n in range(12)], "label": [n % 2 for n in range(12)]}
    datasets.Dataset.from_dict(rows).save_to_disk(root / "set")
    return f"hf:{root / 'set'}"


# A source for each row; None where another test has one, because it needs a download or an optional package.
MADE: dict[str, Callable[[Path], str] | None] = {
    "digits": lambda root: "digits",
    "numbers": lambda root: "numbers",
    "cifar": None,
    "hugging_face": hugging_face,
    "torchvision": None,
    "npz": npz,
    "parquet": parquet,
    "image_folder": lambda root: in_class_folders(root, image, ".png"),
    "wav_folder": lambda root: in_class_folders(root, sound, ".wav"),
    "text_folder": lambda root: in_class_folders(root, text, ".txt"),
    "text_files": lambda root: in_class_folders(root, text, ".txt"),
}


def test_every_file_has_a_row_and_every_row_a_file() -> None:
    files = {path.stem for path in Path(sources.__path__[0]).glob("*.py")} - {"__init__", "table"}
    assert [source.file for source in DATA_SOURCES] == list(MADE)
    assert files == set(MADE)


CASES = [
    (source, task)
    for source in DATA_SOURCES
    for task in ("classification", "retrieval", "next-token")
    if MADE[source.file] is not None and source.serves(task) and (source.file, task) != ("npz", "next-token")
]


@pytest.mark.parametrize(("source", "task"), CASES, ids=lambda value: getattr(value, "file", value))
def test_a_row_reads_what_it_serves(source: DataSource, task: str, tmp_path: Path) -> None:
    make = MADE[source.file]
    assert make is not None
    spec = DataSpec(source=make(tmp_path), task=task, length=4 if task in TOKEN_TASKS else None)
    assert find_source(spec) is source
    data = load_data(spec)
    assert len(data.train) > len(data.heldout) > 0
    if task not in TOKEN_TASKS and source.file not in ("digits", "numbers"):
        assert (len(data.train), len(data.heldout)) == (8, 4)
        assert data.train.labels.bincount().tolist() == [4, 4]


@pytest.mark.parametrize("task", TASKS)
def test_an_unknown_source_is_answered_with_the_names_of_the_table(task: str) -> None:
    with pytest.raises(DataError) as caught:
        load_data(DataSpec(source="nowhere", task=task))
    for source in DATA_SOURCES:
        for name in source.written:
            assert (f" {name}" in str(caught.value)) == source.serves(task)


def test_a_source_of_other_tasks_is_answered_with_its_own_tasks() -> None:
    with pytest.raises(
        DataError,
        match="'digits' have no targets .* next-token: .* serve the tasks classification, retrieval",
    ):
        load_data(DataSpec(source="digits", task="next-token"))
