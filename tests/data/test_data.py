from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from modelstitch.data.load import as_data, load_data
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import choose, divide, stratified_order
from modelstitch.data.texts import decoded
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

labels_of_many = st.lists(st.integers(0, 4), min_size=2, max_size=80).map(torch.tensor)


@settings(deadline=None)
@given(labels_of_many, st.integers(0, 3), st.data())
def test_every_beginning_of_the_order_is_stratified(
    labels: torch.Tensor, seed: int, data: st.DataObject
) -> None:
    order = stratified_order(labels, seed)
    assert order.sort().values.tolist() == list(range(len(labels)))
    n = data.draw(st.integers(1, len(labels)))
    for label in labels.unique():
        share = n * (labels == label).float().mean().item()
        assert abs((labels[order[:n]] == label).sum().item() - share) <= len(labels.unique()) / 2 + 0.5


@settings(deadline=None)
@given(labels_of_many, st.floats(0.05, 0.95), st.integers(0, 3))
def test_a_division_is_one(labels: torch.Tensor, share: float, seed: int) -> None:
    train, heldout = divide(labels, share, seed)
    assert sorted([*train.tolist(), *heldout.tolist()]) == list(range(len(labels)))
    assert len(train) >= 1
    assert len(heldout) >= 1
    assert torch.equal(divide(labels, share, seed)[0], train)


def test_a_choice_is_seeded_and_ascending() -> None:
    labels = torch.arange(100) % 10
    one, two = choose(labels, 30, 0), choose(labels, 30, 1)
    assert not torch.equal(one, two)
    assert torch.equal(one, one.sort().values)
    assert labels[one].bincount().tolist() == [3] * 10
    assert choose(labels, None, 0).tolist() == choose(labels, 500, 0).tolist() == list(range(100))


def test_digits_are_what_scikit_learn_ships(digits: Data) -> None:
    assert digits.train.images.shape == (1198, 1, 8, 8)
    assert (digits.train.images * 16 % 1 == 0).all()
    assert digits.train.images.max() == 1
    assert digits.classes == tuple("0123456789")
    together = torch.cat([digits.train.labels, digits.heldout.labels]).bincount()
    assert together.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert digits.digest == load_data(DataSpec(source="digits")).digest
    assert digits.digest != load_data(DataSpec(source="digits", seed=1)).digest


def images(n: int = 12, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(n) % classes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("nan", r"training part: 1 examples hold NaN or infinity, the first is number 3"),
        ("label", "training part: label 7 is outside the 3 classes, expected 0 to 2"),
        ("negative", "label -1 is outside the 3 classes"),
        ("absent", r"1 of 3 classes have no training example \('c'\)"),
        ("shape", r"expected examples of one shape, got \(1, 4, 4\) in the training part and \(1, 5, 5\)"),
        ("length", "got 12 images and 11 labels"),
        ("empty", "held-out part: expected as many labels as images and at least one"),
    ],
)
def test_data_that_cannot_be_used(change: str, message: str) -> None:
    x, y = images()
    held_x, held_y = images()
    if change == "nan":
        x[3, 0, 0, 0] = float("nan")
    elif change == "label":
        y[0] = 7
    elif change == "negative":
        y[0] = -1
    elif change == "absent":
        y[y == 2] = 0
    elif change == "shape":
        held_x = torch.rand(12, 1, 5, 5)
    elif change == "length":
        y = y[:-1]
    else:
        held_x, held_y = held_x[:0], held_y[:0]
    with pytest.raises(DataError, match=message):
        Data(DataPart(x, y), DataPart(held_x, held_y), ("a", "b", "c"), "D", "made here")


class Pictures(Dataset[Any]):
    """What torchvision's sets give: a Pillow image and a whole number."""

    def __init__(self, mode: str, sizes: list[int]) -> None:
        self.mode, self.sizes = mode, sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        size = self.sizes[index]
        return Image.new(self.mode, (size, size + 1), index), index % 2


def test_whatever_callers_hold() -> None:
    x, y = images()
    for given_data in ((x, y), (x.numpy(), y.numpy()), TensorDataset(x, y)):
        data = as_data(given_data)
        assert len(data.train) + len(data.heldout) == 12
        assert data.division == "stratified split of one part, a third held out, seed 0"
    data = as_data(((x, y), TensorDataset(x[:6], y[:6])))
    assert torch.equal(data.train.images, x)
    assert torch.equal(data.heldout.labels, y[:6])
    assert as_data(data) is data
    pictures = as_data(Pictures("RGB", [4] * 6))
    assert pictures.train.images.shape[1:] == (3, 5, 4)
    assert pictures.train.images.dtype == torch.uint8
    assert as_data(Pictures("L", [4] * 6)).train.images.shape[1:] == (1, 5, 4)


@pytest.mark.parametrize(
    ("given_data", "message"),
    [
        (3, r"expected \(x, y\) or a map-style Dataset with a length, got int"),
        ((torch.rand(4, 1), torch.rand(4)), "labels as whole numbers .* got torch.float32"),
        ((torch.rand(4, 1), torch.zeros(4, 2, dtype=torch.int64)), r"of shape \(4, 2\)"),
        (Pictures("L", [4, 5, 4, 4]), "images of different sizes"),
        (Pictures("L", []), "got an empty Dataset"),
        ("nowhere", "unknown data 'nowhere'"),
    ],
)
def test_what_cannot_be_read_as_data(given_data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_data(given_data)


def encoded(image: Image.Image, kind: str = "PNG") -> dict[str, Any]:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return {"bytes": buffer.getvalue(), "path": None}


def write(path: Path, cells: list[dict[str, Any]], labels: list[int], names: list[str] | None = None) -> None:
    table = pa.table({"img": cells, "label": labels})
    if names is not None:
        features = {"img": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def colour(index: int, size: int = 4) -> Image.Image:
    pixels = np.random.default_rng(index).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_folder_as_the_hub_lays_it_out(tmp_path: Path) -> None:
    names = ["cat", "dog"]
    for part, n in (("train-00000-of-00002", 6), ("train-00001-of-00002", 4), ("test-00000-of-00001", 4)):
        write(
            tmp_path / "data" / f"{part}.parquet",
            [encoded(colour(i)) for i in range(n)],
            [0, 1] * (n // 2),
            names,
        )
    data = load_data(DataSpec(source=str(tmp_path)))
    assert (len(data.train), len(data.heldout), data.classes) == (10, 4, ("cat", "dog"))
    assert data.division == "the files train*.parquet and test*.parquet"
    expected = torch.from_numpy(np.asarray(colour(5)).copy()).permute(2, 0, 1)
    assert torch.equal(data.train.images[5], expected)
    limited = load_data(DataSpec(source=str(tmp_path), limit=4, heldout_limit=2))
    assert (limited.train.labels.bincount().tolist(), len(limited.heldout)) == ([2, 2], 2)


def test_one_file_is_split_and_grey_stays_grey(tmp_path: Path) -> None:
    write(tmp_path / "all.parquet", [encoded(colour(i).convert("L")) for i in range(9)], [0, 1, 2] * 3)
    data = load_data(DataSpec(source=str(tmp_path / "all.parquet")))
    assert (len(data.train), len(data.heldout)) == (6, 3)
    assert data.train.images.shape[1:] == (1, 4, 4)
    assert "stratified split of one part" in data.division


def test_mixed_modes_become_colour_where_that_is_asked_for(tmp_path: Path) -> None:
    modes = ["RGB", "L", "RGBA", "P", "1", "RGB"]
    cells = [encoded(colour(i).convert(mode)) for i, mode in enumerate(modes)]
    write(tmp_path / "train.parquet", cells, [0, 1] * 3)
    write(tmp_path / "test.parquet", cells, [0, 1] * 3)
    with pytest.raises(DataError, match="row 4 is grey, row 5 is coloured; expected one kind"):
        load_data(DataSpec(source=str(tmp_path)))
    data = load_data(DataSpec(source=str(tmp_path), channels=3))
    assert data.train.images.shape == (6, 3, 4, 4)
    grey = np.asarray(colour(1).convert("L"))
    assert (data.train.images[1].numpy() == grey).all()


def test_images_beside_the_file(tmp_path: Path) -> None:
    colour(0).save(tmp_path / "a.png")
    cells = [{"bytes": None, "path": "a.png"}] * 4
    write(tmp_path / "train.parquet", cells, [0, 1] * 2)
    write(tmp_path / "validation.parquet", cells, [0, 1] * 2)
    data = load_data(DataSpec(source=str(tmp_path)))
    assert data.division == "the files train*.parquet and validation*.parquet"
    assert len(data.train.images.unique(dim=0)) == 1


def damaged(tmp_path: Path, what: str) -> Path:
    good = [encoded(colour(i)) for i in range(6)]
    path = tmp_path / "train.parquet"
    write(path, good, [0, 1] * 3)
    table = pq.read_table(path)
    if what == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif what == "text":
        path.write_text("a,b\n1,2\n")
    elif what == "no label":
        pq.write_table(table.drop(["label"]), path)
    elif what == "no image":
        pq.write_table(table.drop(["img"]), path)
    elif what == "undecodable":
        write(path, [*good[:4], {"bytes": b"not an image", "path": None}, good[5]], [0, 1] * 3)
    elif what == "cut image":
        write(path, [*good[:2], {"bytes": good[2]["bytes"][:50], "path": None}, *good[3:]], [0, 1] * 3)
    elif what == "no picture":
        write(path, [*good[:5], {"bytes": None, "path": None}], [0, 1] * 3)
    elif what == "missing file":
        write(path, [*good[:5], {"bytes": None, "path": "gone.png"}], [0, 1] * 3)
    elif what == "sizes":
        write(path, [*good[:5], encoded(colour(0, 6))], [0, 1] * 3)
    elif what == "null label":
        pq.write_table(pa.table({"img": good, "label": [0, None, 1, 0, 1, 0]}), path)
    return path


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("truncated", r"cannot read Parquet file '.*train\.parquet'"),
        ("text", "cannot read Parquet file"),
        ("no label", r"no label column in .*the label could be 'img' \(images\)"),
        ("no image", r"no column of images or texts in .*field 'bytes', or strings, got \['label'\]"),
        ("undecodable", "cannot decode the image in row 4 of"),
        ("cut image", "cannot decode the image in row 2 of"),
        ("no picture", "cannot decode the image in row 5 of"),
        ("missing file", r"cannot decode the image in row 5 of .*gone\.png"),
        ("sizes", "images of different sizes in .* 4 x 4, 6 x 6; expected one size"),
        ("null label", "1 labels are missing"),
    ],
)
def test_damaged_files(tmp_path: Path, what: str, message: str) -> None:
    path = damaged(tmp_path, what)
    write(tmp_path / "test.parquet", [encoded(colour(i)) for i in range(2)], [0, 1])
    with pytest.raises(DataError, match=message):
        load_data(DataSpec(source=str(path.parent)))


def test_folders_without_parts(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=(
            r"cannot read data '.*' for the task classification: "
            r"the folder holds nothing; expected one of digits, .*"
        ),
    ):
        load_data(DataSpec(source=str(tmp_path)))
    with pytest.raises(DataError, match=r"no data file '.*x\.parquet'"):
        load_data(DataSpec(source=str(tmp_path / "x.parquet")))
    (tmp_path / "x.csv").write_text("a")
    with pytest.raises(
        DataError, match=r"cannot read data '.*x\.csv' .* expected one of .*FILE\.npz, FILE\.parquet"
    ):
        load_data(DataSpec(source=str(tmp_path / "x.csv")))


class Rows:
    """What the package datasets gives: rows as dictionaries, of Pillow images and whole numbers."""

    column_names: tuple[str, ...] = ("img", "fine_label", "coarse_label")

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = Image.fromarray(np.full((4, 4, 3), 20 * index, np.uint8))
        return {"img": image, "fine_label": index % 3, "coarse_label": 0}


def test_rows_of_the_package_datasets_are_read() -> None:
    data = as_data(Rows())
    assert data.classes == ("0", "1", "2")
    assert tuple(data.train.images.shape[1:]) == (3, 4, 4)
    two = as_data((Rows(), Rows()))
    assert (len(two.train), len(two.heldout)) == (12, 12)


def test_rows_of_texts_are_read_as_texts_and_rows_without_an_input_are_told() -> None:
    class Words(Rows):
        column_names = ("sentence", "label")

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"sentence": f"number {index}", "label": index % 2}

    data = as_data(Words())
    assert data.is_text
    assert sorted(decoded(torch.cat([data.train.images, data.heldout.images]))) == sorted(
        f"number {index}" for index in range(12)
    )

    class Shares(Rows):
        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"share": 0.5, "label": index % 2}

    with pytest.raises(DataError, match=r"no column of images or texts in .* got \['share', 'label'\]"):
        as_data(Shares())
