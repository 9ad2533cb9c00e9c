"""Every source that divides one part keeps copies in one part, and groups where a column names them."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import modelstitch as ms
from modelstitch.cli import main
from modelstitch.data.copies import Copies, copies
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.errors import DataError, SpecError
from modelstitch.specs import DataSpec

N = 36
OF = [row // 3 for row in range(N)]
"""The picture, text or sound of each example: three copies of each."""


def picture(number: int, size: int = 6) -> Image.Image:
    rows = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(rows)


def png(number: int, level: int = 6) -> bytes:
    """The same pixels at every level of compression, in other bytes."""
    file = io.BytesIO()
    picture(number).save(file, "PNG", compress_level=level)
    return file.getvalue()


def inputs(part: ms.DataPart) -> set[bytes]:
    return {row.numpy().tobytes() for row in part.images}


def expect_apart(data: Data, n_heldout: int = N // 3) -> None:
    assert len(data.train) + len(data.heldout) == N
    assert not inputs(data.train) & inputs(data.heldout)
    assert n_heldout - 3 < len(data.heldout) <= n_heldout
    assert copies(data).exact == 0


def table(path: Path, cells: list[Any], **columns: Any) -> str:
    labels = [number % 2 for number in OF]
    pq.write_table(pa.table({"image": cells, "label": labels, **columns}), path)
    return str(path)


def test_rows_with_the_same_picture_come_into_one_part(tmp_path: Path) -> None:
    same_bytes = table(tmp_path / "same.parquet", [{"bytes": png(n), "path": None} for n in OF])
    expect_apart(load_data(DataSpec(source=same_bytes)))
    again = [{"bytes": png(n, row % 3), "path": None} for row, n in enumerate(OF)]
    assert len({cell["bytes"] for cell in again}) > N // 3
    expect_apart(load_data(DataSpec(source=table(tmp_path / "again.parquet", again))))
    for row, n in enumerate(OF):
        (tmp_path / f"{row}.png").write_bytes(png(n))
    by_path = [{"bytes": None, "path": f"{row}.png"} for row in range(N)]
    expect_apart(load_data(DataSpec(source=table(tmp_path / "paths.parquet", by_path))))
    arrays = [np.asarray(picture(n))[:, :, :1].astype(float).tolist() for n in OF]
    expect_apart(load_data(DataSpec(source=table(tmp_path / "arrays.parquet", arrays))))


def test_rows_with_the_same_text_come_into_one_part(tmp_path: Path) -> None:
    columns = {"text": [f"text {n}" for n in OF], "label": [n % 2 for n in OF]}
    pq.write_table(pa.table(columns), tmp_path / "texts.parquet")
    expect_apart(load_data(DataSpec(source=str(tmp_path / "texts.parquet"))))


def test_rows_of_one_group_come_into_one_part(tmp_path: Path) -> None:
    cells = [{"bytes": png(row), "path": None} for row in range(N)]
    patients = [f"patient {row % 9}" for row in range(N)]
    source = table(tmp_path / "set.parquet", cells, patient=patients)
    of = {picture(row).tobytes(): patients[row] for row in range(N)}

    def patients_of(part: ms.DataPart) -> set[str]:
        return {of[image.permute(1, 2, 0).numpy().tobytes()] for image in part.images}

    data = load_data(DataSpec(source=source, group_column="patient"))
    assert not patients_of(data.train) & patients_of(data.heldout)
    assert len(data.heldout) == 12
    # The numbers of the groups stay with the examples: what is divided again keeps them whole, too.
    for part in (data.train, data.heldout):
        assert part.groups is not None
        names = {
            number: of[image.permute(1, 2, 0).numpy().tobytes()]
            for image, number in zip(part.images, part.groups.tolist(), strict=True)
        }
        assert len(names) == len(set(names.values())) == len(patients_of(part))
    assert data.division.endswith("; each group of 'patient' in one part")
    plain = load_data(DataSpec(source=source))
    assert patients_of(plain.train) & patients_of(plain.heldout)
    assert plain.heldout.groups is None
    assert plain.digest != data.digest
    with pytest.raises(DataError, match="unknown group column 'patients'.*did you mean 'patient'"):
        load_data(DataSpec(source=source, group_column="patients"))
    missing = table(tmp_path / "missing.parquet", cells, patient=[None, *patients[1:]])
    with pytest.raises(DataError, match="whole numbers or names, got None .* example number 0"):
        load_data(DataSpec(source=missing, group_column="patient"))


def test_a_column_of_groups_is_no_input_and_no_label(tmp_path: Path) -> None:
    columns = {
        "comment": [f"text {row}" for row in range(N)],
        "review": [f"writer {row % 6}" for row in range(N)],
        "label": [row % 2 for row in range(N)],
    }
    pq.write_table(pa.table(columns), tmp_path / "texts.parquet")
    source = str(tmp_path / "texts.parquet")
    with pytest.raises(DataError, match="several columns could be the input"):
        load_data(DataSpec(source=source))
    assert len(load_data(DataSpec(source=source, group_column="review")).train) == 24


def test_two_parts_that_share_a_group_are_refused(tmp_path: Path) -> None:
    for name, numbers in (("train", range(8)), ("test", range(7, 12))):
        cells = [{"bytes": png(n), "path": None} for n in numbers]
        columns = {"image": cells, "label": [n % 2 for n in numbers], "film": list(numbers)}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    load_data(DataSpec(source=str(tmp_path)))
    message = r"expected each group of 'film' in one part, got 1 in both \(7\), with 1 of 5 held-out"
    with pytest.raises(DataError, match=message):
        load_data(DataSpec(source=str(tmp_path), group_column="film"))


def test_sets_of_the_package_datasets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    columns = {
        "text": [f"text {n}" for n in OF],
        "label": [row % 2 for row in range(N)],
        "writer": [n // 2 for n in OF],
    }
    datasets.Dataset.from_dict(columns).save_to_disk(str(tmp_path / "set"))
    source = f"hf:{tmp_path / 'set'}"
    expect_apart(load_data(DataSpec(source=source)))
    data = load_data(DataSpec(source=source, group_column="writer"))
    assert len(data.heldout) == 12
    writers = [
        {int(bytes(row).rstrip(b"\0").decode().removeprefix("text ")) // 2 for row in part.images.numpy()}
        for part in (data.train, data.heldout)
    ]
    assert not writers[0] & writers[1]


def _sound(path: Path, number: int, rate: int = 100) -> None:
    samples = np.random.default_rng(number).integers(-9000, 9000, 50, dtype=np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def test_files_with_the_same_content_come_into_one_part(tmp_path: Path) -> None:
    for kind in ("images", "texts", "sounds"):
        for row, n in enumerate(OF):
            folder = tmp_path / kind / f"class {n % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            if kind == "images":
                (folder / f"{row}.png").write_bytes(png(n, row % 3))
            elif kind == "texts":
                (folder / f"{row}.txt").write_text(f"text {n}")
            else:
                _sound(folder / f"{row}.wav", n)
        expect_apart(load_data(DataSpec(source=str(tmp_path / kind))))


def test_with_a_limit_no_copy_of_the_same_bytes_is_chosen_into_both_parts(tmp_path: Path) -> None:
    for row, n in enumerate(OF):
        folder = tmp_path / f"class {n % 2}"
        folder.mkdir(exist_ok=True)
        (folder / f"{row}.png").write_bytes(png(n))
    data = load_data(DataSpec(source=str(tmp_path), limit=10, heldout_limit=6))
    assert (len(data.train), len(data.heldout)) == (10, 6)
    assert not inputs(data.train) & inputs(data.heldout)


# Archives.


def archive(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return str(path)


def test_groups_of_an_archive_stay_in_one_part_and_are_no_further_input(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)
    arrays = {"x": x, "y": np.arange(N) % 2, "film": np.arange(N) % 9, "mask": np.ones((N, 4))}
    source = archive(tmp_path / "set.npz", **arrays)
    for task in ("classification", "retrieval", "regression"):
        data = load_data(DataSpec(source=source, task=task, group_column="film"))
        assert data.train.groups is not None
        assert data.heldout.groups is not None
        assert not set(data.train.groups.tolist()) & set(data.heldout.groups.tolist())
        films = [
            {int(np.flatnonzero((x == row.numpy()).all(1))[0]) % 9 for row in part.images}
            for part in (data.train, data.heldout)
        ]
        assert not films[0] & films[1]
        assert len(data.heldout) == 12
        assert set(data.train.kwargs) == {"mask"}
        assert "each group of 'film' in one part" in data.division
    with pytest.raises(DataError, match="unknown group column 'movie'"):
        load_data(DataSpec(source=source, group_column="movie"))
    parts = archive(
        tmp_path / "parts.npz",
        x_train=x[:20],
        y_train=np.arange(20) % 2,
        film_train=np.arange(20),
        x_test=x[20:],
        y_test=np.arange(16) % 2,
        film_test=np.arange(16) + 18,
    )
    with pytest.raises(DataError, match=r"each group of 'film' in one part, got 2 in both \(18, 19\)"):
        load_data(DataSpec(source=parts, group_column="film"))


def _within_half(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (outputs[:, 0] - targets).abs() < 0.5


def _squares(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (outputs[:, 0] - targets).square().mean()


PITCH = ms.Task(name="pitch", loss=_squares, score=_within_half)


def test_groups_within_which_evidence_is_measured_come_from_the_archive(tmp_path: Path) -> None:
    train, heldout = np.arange(80) % 40, np.arange(60) % 40
    heldout[:8] = 100 + np.arange(8) % 5
    random = np.random.default_rng(0)
    arrays = {
        "x_train": random.normal(size=(80, 3)).astype(np.float32),
        "y_train": train,
        "octave_train": np.char.add("octave ", (train // 12 % 3).astype(str)),
        "x_test": random.normal(size=(60, 3)).astype(np.float32),
        "y_test": heldout,
        "octave_test": np.char.add("octave ", (heldout // 12 % 3).astype(str)),
    }
    source = archive(tmp_path / "pitches.npz", **arrays)
    task = f"{__name__}:PITCH"
    with pytest.raises(DataError, match="8 of 60 held-out examples stand in 5 groups .*--within-column NAME"):
        load_data(DataSpec(source=source, task=task))
    data = load_data(DataSpec(source=source, task=task, within_column="octave"))
    assert data.classes == ("octave 0", "octave 1", "octave 2")
    assert np.array_equal(data.heldout.labels.numpy(), heldout // 12 % 3)
    assert not data.train.kwargs


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ({"source": "digits", "group_column": "writer"}, DataError, r"--group-column with data .*FILE.npz"),
        (
            {"source": "digits", "within_column": "writer", "task": "retrieval"},
            DataError,
            "expected --within-column with data that have such a column .*got 'writer' with data 'digits'",
        ),
        ({"source": "a.npz", "within_column": "k"}, SpecError, "expected within_column with another task"),
        (
            {"source": "t.parquet", "group_column": "k", "task": "next-token"},
            DataError,
            "expected no --group-column for texts with the task next-token",
        ),
    ],
)
def test_where_there_is_no_column_it_is_refused(
    spec: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_data(DataSpec(**spec))


MODEL = f"{__name__}:net"


def net() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))


def test_the_command_line_says_what_is_copied_and_leaves_it_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    x[30:33] = x[:3]
    y = np.arange(40) % 2
    y[30] = 1
    source = archive(
        tmp_path / "set.npz",
        x_train=x[:30],
        y_train=y[:30],
        film_train=np.arange(30),
        x_test=x[30:],
        y_test=y[30:],
        film_test=np.arange(10) + 50,
    )
    command = [
        "compare",
        "--allow-untrained",
        MODEL,
        MODEL,
        "--data",
        source,
        "--cuts",
        "1",
        "--controls",
        "none",
    ]
    command += ["--evidence", "none", "--steps", "1", "--device", "cpu"]
    assert main([*command, "--group-column", "film"]) == 0
    printed = capsys.readouterr().out.replace("\n", " ")
    assert "3 of 10 held-out examples (30 %) also stand in the training part: 3 exact copies." in printed
    assert "1 of them has another label there." in printed
    assert main([*command, "--drop-copies"]) == 0
    assert "3 held-out examples were left out" in capsys.readouterr().out.replace("\n", " ")
    assert main([*command, "--within-column", "film"]) == 2
    assert main([*command, "--group-column", "movie"]) == 2
    assert "unknown group column 'movie_train'" in capsys.readouterr().err
    data = load_data(DataSpec(source=source, drop_copies=True, group_column="film"))
    assert copies(data) == Copies(n_heldout=7, exact=0, near=None, other_label=0, left_out=3)
