from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from modelstitch.data.absent import Unscored
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.data.splitting import choose
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def pixels(index: int, height: int = 4, width: int = 5) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(index).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image: Image.Image | np.ndarray[Any, Any], kind: str = "PNG") -> dict[str, Any]:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind)
    return {"bytes": buffer.getvalue(), "path": None}


def good(n: int, start: int = 0) -> list[dict[str, Any] | None]:
    return [encoded(pixels(index)) for index in range(start, start + n)]


def write(
    path: Path,
    cells: list[dict[str, Any] | None],
    labels: list[int],
    metadata: str | None = None,
    kind: Any = IMAGE,
    **columns: Any,
) -> Path:
    table = pa.table({**columns, "picture": pa.array(cells, kind), "label": pa.array(labels)})
    if metadata is not None:
        table = table.replace_schema_metadata({"huggingface": metadata})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def hub(names: Any, column: str = "label") -> str:
    return json.dumps({"info": {"features": {column: {"names": names, "_type": "ClassLabel"}}}})


def load(path: Path, **limits: Any) -> Data:
    return load_data(DataSpec(source=str(path), **limits))


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(4, 9), st.integers(0, 9))
def test_pixels_and_labels_arrive_as_they_were_written(
    tmp_path: Path, height: int, width: int, grey: bool, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    planted = rng.integers(0, 256, (n, height, width) if grey else (n, height, width, 3), dtype=np.uint8)
    labels = [index % 2 for index in range(n)]
    for part in ("train", "test"):
        write(tmp_path / "set" / f"{part}.parquet", [encoded(each) for each in planted], labels)
    data = load(tmp_path / "set")
    expected = torch.from_numpy(planted[:, None] if grey else planted.transpose(0, 3, 1, 2))
    for split in (data.train, data.heldout):
        assert torch.equal(split.images, expected)
        assert split.labels.tolist() == labels
    whole = load(tmp_path / "set" / "train.parquet", seed=seed)
    together = torch.cat([whole.train.images, whole.heldout.images])
    assert sorted(each.numpy().tobytes() for each in together) == sorted(
        each.numpy().tobytes() for each in expected
    )


def test_one_grey_image_among_coloured_ones_is_named_or_shown_in_colour_and_the_others_are_not_changed(
    tmp_path: Path,
) -> None:
    cells = [
        *good(3),
        encoded(Image.fromarray(pixels(3)).convert("L")),
        encoded(pixels(4), "TIFF"),
        *good(1, 5),
    ]
    write(tmp_path / "train.parquet", cells, [0, 1] * 3)
    write(tmp_path / "test.parquet", good(2), [0, 1])
    with pytest.raises(DataError, match="row 3 is grey, row 5 is coloured"):
        load(tmp_path)
    images = load_data(DataSpec(source=str(tmp_path), channels=3)).train.images
    assert (images[3, 0] == images[3, 1]).all()
    for index in (0, 1, 2, 4, 5):
        assert torch.equal(images[index], torch.from_numpy(pixels(index)).permute(2, 0, 1))


def test_grey_and_coloured_parts_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [encoded(pixels(i)[..., 0].copy()) for i in range(4)], [0, 1] * 2)
    write(tmp_path / "test.parquet", good(2), [0, 1])
    with pytest.raises(
        DataError, match=r"got \(1, 4, 5\) in the training part and \(3, 4, 5\) in the held-out"
    ):
        load(tmp_path)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "{",
        "[]",
        "null",
        '{"info": null}',
        '{"info": {"features": []}}',
        '{"info": {"features": {}}}',
        '{"info": {"features": {"label": null}}}',
        '{"info": {"features": {"label": [1]}}}',
        '{"info": {"features": {"label": {"dtype": "int64", "_type": "Value"}}}}',
        hub([]),
        hub("ab"),
        hub(["x", "y"], "another column"),
    ],
)
def test_without_class_names_that_can_be_read_labels_name_themselves(
    tmp_path: Path, metadata: str | None
) -> None:
    write(tmp_path / "all.parquet", good(6), [0, 1] * 3, metadata)
    assert load(tmp_path / "all.parquet").classes == ("0", "1")


def test_class_names_of_the_hub_are_those_of_the_label_column(tmp_path: Path) -> None:
    write(tmp_path / "all.parquet", good(6), [0, 1] * 3, hub(["cat", "dog"]))
    assert load(tmp_path / "all.parquet").classes == ("cat", "dog")
    write(tmp_path / "all.parquet", good(6), [0, 1] * 3, hub(["cat", "dog", "emu"]))
    found = load(tmp_path / "all.parquet")
    assert (found.classes, found.numbers) == (("cat", "dog"), (0, 1))
    assert found.unscored == Unscored(n_classes=1, of=3, first=("emu",), n_heldout=0)
    write(tmp_path / "all.parquet", good(6), [0, 1, 2] * 2, hub(["cat", "dog"]))
    with pytest.raises(DataError, match="label 2 is outside the 2 classes, expected 0 to 1"):
        load(tmp_path / "all.parquet")


def test_parts_that_number_their_classes_differently_are_renumbered_by_name(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", good(4), [0, 1] * 2, hub(["cat", "dog"]))
    write(tmp_path / "test.parquet", good(2), [0, 1], hub(["dog", "cat"]))
    data = load(tmp_path)
    assert (data.classes, data.train.labels.tolist()) == (("cat", "dog"), [0, 1] * 2)
    assert data.heldout.labels.tolist() == [1, 0]
    assert data.division.endswith("; test is renumbered by the names of its classes")
    write(tmp_path / "test.parquet", good(2), [0, 1])
    assert load(tmp_path).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"label": [0, 1, 1], "number": [7, 8, 9]}, "label"),
        ({"number": [7, 8, 9], "labels": [0, 1, 1]}, "labels"),
        ({"coarse_label": [0, 0, 0], "fine_label": [0, 1, 1]}, "fine_label"),
        ({"name": ["a", "b", "c"], "kind": [0, 1, 1]}, "kind"),
        ({"label": ["x", "y", "y"], "id": [7, 8, 9]}, "label"),
        ({"share": [0.5, 0.5, 0.5], "digit": pa.array([0, 1, 1], pa.int8())}, "digit"),
    ],
)
def test_which_column_is_the_label(tmp_path: Path, columns: dict[str, Any], expected: str) -> None:
    table = pa.table({**columns, "img": pa.array(good(3), IMAGE)})
    table = table.replace_schema_metadata({"huggingface": hub(["x", "y"], expected)})
    for part in ("train", "test"):
        pq.write_table(table, tmp_path / f"{part}.parquet")
    data = load(tmp_path)
    assert data.train.labels.tolist() == [0, 1, 1]
    assert data.classes == ("x", "y")


def test_columns_that_are_missing_are_named_with_those_there(tmp_path: Path) -> None:
    image = pa.array(good(2), IMAGE)
    pq.write_table(pa.table({"img": image, "name": ["a", "b"], "share": [0.5, 1.0]}), tmp_path / "a.parquet")
    with pytest.raises(
        DataError,
        match=(
            r"no label column in '.*a\.parquet': expected one called label .*; the label could be "
            r"'name' \(texts\), 'share' \(real numbers\); name it with --label-column"
        ),
    ):
        load(tmp_path / "a.parquet")
    bare = pa.array([cell["bytes"] for cell in good(2) if cell])
    pq.write_table(pa.table({"hash": bare, "label": [0, 1]}), tmp_path / "b.parquet")
    with pytest.raises(
        DataError,
        match=(
            r"no column of images or texts in '.*b\.parquet': .* the field 'bytes', or strings, "
            r"got \['hash', 'label'\]"
        ),
    ):
        load(tmp_path / "b.parquet")


def test_bytes_in_a_column_called_image_are_images(tmp_path: Path) -> None:
    bare = pa.array([cell["bytes"] for cell in good(4) if cell])
    pq.write_table(pa.table({"hash": bare, "img": bare, "label": [0, 1] * 2}), tmp_path / "train.parquet")
    write(tmp_path / "x.parquet", good(4), [0, 1] * 2)
    assert load(tmp_path).digest == load(tmp_path / "x.parquet").digest


@pytest.mark.parametrize("name", ["test", "validation", "valid", "val"])
def test_names_of_the_held_out_part(tmp_path: Path, name: str) -> None:
    write(tmp_path / "train-00000-of-00001.parquet", good(4), [0, 1] * 2)
    write(tmp_path / f"{name}-00000-of-00001.parquet", good(2, 4), [1, 0])
    data = load(tmp_path)
    assert (len(data.train), data.heldout.labels.tolist()) == (4, [1, 0])
    assert data.division.startswith("the files train*.parquet and ")


def test_test_is_taken_before_validation(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", good(4), [0, 1] * 2)
    write(tmp_path / "validation.parquet", good(3), [0, 1, 1])
    write(tmp_path / "test.parquet", good(2), [1, 0])
    data = load(tmp_path)
    assert data.heldout.labels.tolist() == [1, 0]
    assert data.division == "the files train*.parquet and test*.parquet"


def test_a_part_without_labels_is_named_once(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", good(6), [0, 1] * 3)
    write(tmp_path / "validation.parquet", good(3), [-1, -1, -1])
    assert load(tmp_path).division.count("has no labels") == 1


def test_files_of_one_part_that_number_their_classes_differently_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train-0.parquet", good(4), [0, 1] * 2, hub(["cat", "dog"]))
    write(tmp_path / "train-1.parquet", good(4), [0, 1] * 2, hub(["dog", "cat"]))
    with pytest.raises(
        DataError, match="number their classes differently: .*label: cat, dog and label: dog, cat"
    ):
        load(tmp_path)
    write(tmp_path / "train-1.parquet", good(4), [0, 1] * 2, hub(["cat", "dog"]))
    assert load(tmp_path).classes == ("cat", "dog")


@pytest.mark.parametrize("below", ["", "data"])
def test_a_folder_with_one_part_is_divided(tmp_path: Path, below: str) -> None:
    write(tmp_path / below / "train.parquet", good(9), [0, 1, 2] * 3)
    data = load(tmp_path, seed=4)
    assert (data.train.labels.bincount().tolist(), data.heldout.labels.bincount().tolist()) == (
        [2] * 3,
        [1] * 3,
    )
    assert data.division == "stratified split of one part, a third held out, seed 4"
    assert load(tmp_path, seed=4).digest == data.digest
    assert load(tmp_path, seed=5).digest != data.digest
    limited = load(tmp_path, seed=4, limit=3, heldout_limit=2)
    assert (len(limited.train), len(limited.heldout)) == (3, 2)
    whole = {image.numpy().tobytes() for image in data.train.images}
    assert {image.numpy().tobytes() for image in limited.train.images} <= whole


@pytest.mark.parametrize("below", ["", "data"])
@pytest.mark.parametrize("empty", [None, b""])
def test_a_path_in_place_of_bytes_starts_at_the_file(tmp_path: Path, below: str, empty: bytes | None) -> None:
    (tmp_path / below / "images").mkdir(parents=True)
    cells: list[dict[str, Any] | None] = []
    for index in range(4):
        Image.fromarray(pixels(index)).save(tmp_path / below / "images" / f"{index}.png")
        cells.append({"bytes": empty, "path": f"images/{index}.png"})
    write(tmp_path / below / "train.parquet", cells, [0, 1] * 2)
    write(tmp_path / below / "test.parquet", cells, [0, 1] * 2)
    images = load(tmp_path).train.images
    assert torch.equal(images, torch.stack([torch.from_numpy(pixels(i)).permute(2, 0, 1) for i in range(4)]))


def png_of(width: int, height: int) -> bytes:
    """A few bytes that claim to be a large image."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


BAD_IMAGES: dict[str, tuple[dict[str, Any] | None, str]] = {
    "text": ({"bytes": b"hello", "path": None}, "not an image"),
    "none": (None, "neither bytes nor a path"),
    "empty": ({"bytes": None, "path": None}, "neither bytes nor a path"),
    "gone": ({"bytes": None, "path": "gone.png"}, r"No such file or directory: '.*gone\.png'"),
    "folder": ({"bytes": None, "path": "."}, "Is a directory|Permission denied"),
    "NUL": ({"bytes": None, "path": "a\0b"}, "null byte"),
    "cut short": ({"bytes": encoded(pixels(0, 40, 40))["bytes"][:900], "path": None}, "truncated"),
    "32 bits": (
        encoded(np.arange(20, dtype=np.int32).reshape(4, 5) - 1, "TIFF"),
        "mode I with values from -1 to 18, expected 0 to 65535",
    ),
    "real numbers": (
        encoded(np.ones((4, 5), np.float32), "TIFF"),
        "mode F is refused: its range is not stated",
    ),
    "far too large": ({"bytes": png_of(60_000, 60_000), "path": None}, "3600000000 pixels"),
    "no pixels": ({"bytes": png_of(4, 4).replace(b"IDAT", b"\0DAT"), "path": None}, "not an image"),
    "broken end": ({"bytes": png_of(40, 40).replace(b"IEND", b"\0END"), "path": None}, "broken PNG file"),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_an_image_that_cannot_be_decoded_names_its_row(tmp_path: Path, kind: str) -> None:
    cell, reason = BAD_IMAGES[kind]
    write(tmp_path / "train.parquet", [*good(3), cell, *good(2)], [0, 1] * 3)
    write(tmp_path / "test.parquet", good(2), [0, 1])
    with pytest.raises(
        DataError, match=rf"cannot decode the image in row 3 of '.*train\.parquet': .*({reason})"
    ) as caught:
        load(tmp_path)
    assert " at 0x" not in str(caught.value)


def test_the_row_is_counted_in_its_own_file(tmp_path: Path) -> None:
    for index, cells in enumerate([good(4), good(2), [*good(1), {"bytes": b"?", "path": None}, *good(1)]]):
        write(tmp_path / f"train-{index}.parquet", cells, [0, 1, 0, 1][: len(cells)])
    write(tmp_path / "test.parquet", good(2), [0, 1])
    with pytest.raises(DataError, match=r"row 1 of '.*train-2\.parquet': not an image"):
        load(tmp_path)
    write(tmp_path / "train-2.parquet", good(2), [0, 1])
    write(tmp_path / "test.parquet", [*good(1), {"bytes": b"?", "path": None}], [0, 1])
    with pytest.raises(DataError, match=r"row 1 of '.*test\.parquet': not an image"):
        load(tmp_path)


def test_rows_that_were_not_chosen_are_not_decoded(tmp_path: Path) -> None:
    labels = [0, 1] * 6
    chosen = choose(torch.tensor(labels), 4, 0).tolist()
    for bad in range(12):
        cells = good(12)
        cells[bad] = {"bytes": b"?", "path": None}
        write(tmp_path / "train.parquet", cells, labels)
        write(tmp_path / "test.parquet", good(2), [0, 1])
        if bad in chosen:
            with pytest.raises(DataError, match=f"image in row {bad} of"):
                load(tmp_path, limit=4)
        else:
            assert len(load(tmp_path, limit=4).train) == 4


def test_a_struct_of_bytes_alone_is_enough(tmp_path: Path) -> None:
    kind = pa.struct([("bytes", pa.binary())])
    write(
        tmp_path / "all.parquet",
        [cell and {"bytes": cell["bytes"]} for cell in good(4)],
        [0, 1] * 2,
        kind=kind,
    )
    assert len(load(tmp_path / "all.parquet").train) == 3
    write(tmp_path / "all.parquet", [{"bytes": None}] * 4, [0, 1] * 2, kind=kind)
    with pytest.raises(DataError, match="neither bytes nor a path"):
        load(tmp_path / "all.parquet")


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (0, None, r"no rows in '.*train\.parquet': expected at least one example"),
        (1, None, "expected at least 2 examples to split, got 1"),
        (0, 2, r"no rows in '.*train\.parquet'"),
        (2, 0, r"no rows in '.*test\.parquet'"),
    ],
)
def test_parts_with_too_few_rows(tmp_path: Path, train: int, test: int | None, message: str) -> None:
    for part, n in (("train", train), ("test", test)):
        if n is not None:
            table = pa.table({"img": pa.array(good(n), IMAGE), "label": pa.array([0, 1][:n], pa.int64())})
            pq.write_table(table, tmp_path / f"{part}.parquet")
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_files_of_one_part_must_agree_on_their_columns(tmp_path: Path) -> None:
    write(tmp_path / "train-0.parquet", good(2), [0, 1])
    write(tmp_path / "train-1.parquet", good(2), [0, 1], number=[1, 2])
    with pytest.raises(DataError, match=r"cannot read Parquet file '.*train-0\.parquet': .*[Ss]chema"):
        load(tmp_path)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, share: float) -> None:
    whole = write(tmp_path / "whole.parquet", good(4), [0, 1] * 2).read_bytes()
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"cannot read Parquet file '.*cut\.parquet'"):
        load(cut)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "BMP"]),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255))),
)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_damaged_images_are_decoded_or_refused(
    tmp_path: Path, kind: str, damage: list[tuple[float, int]]
) -> None:
    content = bytearray(encoded(pixels(0, 8, 8), kind)["bytes"])
    for place, value in damage:
        content[int(place * len(content))] = value
    damaged: dict[str, Any] = {"bytes": bytes(content), "path": None}
    write(tmp_path / "all.parquet", [damaged] * 2, [0, 0])
    try:
        data = load(tmp_path / "all.parquet")
    except DataError:
        assert damage
    else:
        assert torch.equal(data.train.images, data.heldout.images)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["test.parquet"], r"expected train\*\.parquet and test\*\.parquet in the folder, got test\.parquet"),
        (
            ["images.zip", "data/readme.md"],
            "cannot read data .* the folder holds data, images.zip; expected one of",
        ),
        (["deep/er/train.parquet"], "cannot read data .* the folder holds deep; expected one of"),
    ],
)
def test_folders_that_hold_something_else(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_labels_may_be_names(tmp_path: Path) -> None:
    words = ["sea", "wood", "sea", "town"]
    pq.write_table(
        pa.table({"text": ["a b", "c", "d", "e"] * 3, "label": words * 3}), tmp_path / "train.parquet"
    )
    pq.write_table(pa.table({"text": ["f", "g"], "label": ["wood", "sea"]}), tmp_path / "test.parquet")
    data = load_data(DataSpec(source=str(tmp_path)))
    assert data.classes == ("sea", "town", "wood")
    assert [data.classes[label] for label in data.train.labels.tolist()] == words * 3
    assert data.heldout.labels.tolist() == [2, 0]
    pq.write_table(pa.table({"text": ["f", "g"], "label": ["wood", None]}), tmp_path / "test.parquet")
    with pytest.raises(DataError, match="1 labels are missing in '.*test.parquet'"):
        load_data(DataSpec(source=str(tmp_path)))


def test_labels_may_be_categories(tmp_path: Path) -> None:
    words = pa.array(["sea", "wood", "sea", "town"] * 3).dictionary_encode()
    pq.write_table(pa.table({"text": ["a", "b", "c", "d"] * 3, "label": words}), tmp_path / "train.parquet")
    assert load_data(DataSpec(source=str(tmp_path / "train.parquet"))).classes == ("sea", "town", "wood")


@pytest.mark.parametrize("source", ["digits", "cifar10", "set.npz"])
def test_a_number_of_channels_is_for_image_files(source: str) -> None:
    with pytest.raises(DataError, match="expected a number of channels .* with image files alone, got 3"):
        load_data(DataSpec(source=source, channels=3))
