"""Image files in class folders: real files of several kinds, and folders that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from modelstitch.data.absent import Unscored
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.errors import DataError, SpecError
from modelstitch.specs import DataSpec


def pixels(seed: int, height: int = 6, width: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(path: Path, seed: int, size: tuple[int, int] = (6, 6), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed, *size)).convert(mode).save(path)


def folder(root: Path, n: int = 4, classes: tuple[str, ...] = ("cat", "dog"), start: int = 0) -> Path:
    for label, name in enumerate(classes):
        for index in range(n):
            write(root / name / f"{index}.png", start + 100 * label + index)
    return root


def load(path: Path, **changes: object) -> Data:
    return load_data(DataSpec(source=str(path), **changes))  # type: ignore[arg-type]


def test_parts_and_classes_are_read_from_the_folders(tmp_path: Path) -> None:
    folder(tmp_path / "train", 4)
    folder(tmp_path / "val", 2, start=1000)
    data = load(tmp_path)
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4
    assert (len(data.heldout), data.division) == (4, "the folders train and val")
    assert torch.equal(data.train.images[5], torch.from_numpy(pixels(101)).permute(2, 0, 1))
    assert load(tmp_path, limit=2, heldout_limit=2).train.labels.tolist() == [0, 1]


def test_one_part_is_divided(tmp_path: Path) -> None:
    data = load(folder(tmp_path / "set", 6))
    assert (len(data.train), len(data.heldout)) == (8, 4)
    assert data.division == "stratified split of one part, a third held out, seed 0"
    assert data.name == "set"


def test_files_of_several_kinds_and_none(tmp_path: Path) -> None:
    for index, ending in enumerate((".png", ".BMP", ".jpeg", ".gif", ".webp", ".tiff", ".ppm")):
        write(tmp_path / "a" / f"{index}{ending}", index)
        write(tmp_path / "b" / f"{index}{ending}", index)
    (tmp_path / "a" / "notes.txt").write_text("not an image")
    (tmp_path / "a" / ".hidden.png").write_text("not an image")
    (tmp_path / ".cache").mkdir()
    data = load(tmp_path)
    assert len(data.train) + len(data.heldout) == 14


def test_grey_and_coloured_images_are_told_by_name_unless_it_is_said_what_to_make_of_them(
    tmp_path: Path,
) -> None:
    parts, mixed = tmp_path / "parts", tmp_path / "mixed"
    folder(parts / "train")
    for name in ("cat", "dog"):
        write(parts / "test" / name / "0.png", 7, mode="L")
    with pytest.raises(
        DataError,
        match=r"test/cat/0.png' is grey, '.*train/cat/0.png' is coloured; .*--data-channels 3, or 1",
    ):
        load(parts)
    folder(mixed)
    write(mixed / "dog" / "0.png", 7, mode="L")
    with pytest.raises(
        DataError, match=r"grey and coloured images in '.*mixed': '.*dog/0.png' is grey, '.*' is coloured"
    ):
        load(mixed)
    for root in (parts, mixed):
        for channels in (1, 3):
            data = load(root, channels=channels)
            assert data.train.images.shape[1:] == data.heldout.images.shape[1:] == (channels, 6, 6)
    with pytest.raises(SpecError, match="expected images of 1 or 3 channels, got 2"):
        load(mixed, channels=2)


def test_more_images_than_there_is_memory_for_are_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder(tmp_path)
    n_bytes = 3 * 6 * 6 * sum(1 for _ in root.rglob("*.png"))
    for memory, fits in ((2 * n_bytes, True), (2 * n_bytes - 2, False)):
        monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": memory}.__getitem__)
        if fits:
            load(root)
            continue
        with pytest.raises(
            DataError, match=r"images of 6 x 6 pixels take .* GB, and this machine has .*--limit"
        ):
            load(root)
        assert load(root, crop=5).train.images.shape[1:] == (3, 5, 5)


def test_images_of_different_sizes_need_a_crop(tmp_path: Path) -> None:
    for index, size in enumerate(((6, 6), (12, 8), (8, 16), (20, 20))):
        for name in ("cat", "dog"):
            write(tmp_path / name / f"{index}.png", index, size)
    with pytest.raises(DataError, match=r"images of different sizes in .*; expected one size, or .*crop"):
        load(tmp_path)
    data = load(tmp_path, crop=4)
    assert data.train.images.shape[1:] == (3, 4, 4)
    same = np.asarray(Image.fromarray(pixels(0)).resize((4, 4), Image.Resampling.BILINEAR))
    wanted = torch.from_numpy(same.copy()).permute(2, 0, 1)
    images = torch.cat([data.train.images, data.heldout.images])
    assert (images == wanted).flatten(1).all(1).sum() == 2


def test_the_crop_is_the_middle(tmp_path: Path) -> None:
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = 200
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for index in range(2):
            Image.fromarray(wide).save(tmp_path / name / f"{index}.png")
    assert (load(tmp_path, crop=4).train.images == 200).all()


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    good = folder(tmp_path / "good")
    (good / "emu").mkdir()
    with pytest.raises(
        DataError, match=r"class folder '.*emu' holds no image: expected files ending in \.png"
    ):
        load(good)
    (good / "emu").rmdir()
    (good / "dog" / "2.png").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"cannot decode the image '.*dog/2\.png': not an image"):
        load(good)
    alone = folder(tmp_path / "alone", classes=("cat",))
    with pytest.raises(DataError, match=r"expected at least two class folders .* got \['cat'\]"):
        load(alone)


def test_a_class_of_the_held_out_part_alone_is_left_out_and_said(tmp_path: Path) -> None:
    folder(tmp_path / "train", classes=("cat", "dog"))
    folder(tmp_path / "test", classes=("ant", "cat"), n=3)
    data = load(tmp_path)
    assert (data.classes, data.heldout.labels.tolist()) == (("cat", "dog"), [0] * 3)
    assert data.unscored == Unscored(n_classes=1, of=3, first=("ant",), n_heldout=3)


def test_an_image_that_claims_to_be_huge_is_not_decoded(tmp_path: Path) -> None:
    from tests.data.sources.test_parquet import png_of

    good = folder(tmp_path)
    (good / "cat" / "0.png").write_bytes(png_of(60_000, 60_000))
    with pytest.raises(DataError, match=r"cannot decode the image .*cat/0\.png.*3600000000 pixels"):
        load(good)


def test_tables_beside_images_are_read_as_tables(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "train.parquet").write_bytes(b"hello")
    with pytest.raises(DataError, match="cannot read Parquet file"):
        load(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(
        DataError, match=r"have no targets for the task classification: .* a folder with train\*\.parquet"
    ):
        load(tmp_path)


def test_files_below_a_class_folder_are_read(tmp_path: Path) -> None:
    for label, name in enumerate(("cat", "dog")):
        for index in range(6):
            write(tmp_path / name / f"{index}.png", 100 * label + index)
        for index in range(20):
            write(
                tmp_path / name / f"{2019 + index % 2}" / "raw" / f"{index}.PNG", 1000 + 100 * label + index
            )
    data = load(tmp_path)
    assert (len(data.train), len(data.heldout)) == (35, 17)
    of_dogs = {pixels(seed).tobytes() for seed in (*range(100, 106), *range(1100, 1120))}
    for part in (data.train, data.heldout):
        for image, label in zip(part.images, part.labels.tolist(), strict=True):
            assert (image.permute(1, 2, 0).numpy().tobytes() in of_dogs) == (label == 1)


def test_a_class_may_have_its_files_in_folders_alone(tmp_path: Path) -> None:
    for name, below in (("cat", "a"), ("dog", "b")):
        for index in range(3):
            write(tmp_path / "train" / name / below / "c" / f"{index}.png", index)
            write(tmp_path / "test" / name / f"{index}.png", 10 + index)
    data = load(tmp_path)
    assert (data.train.labels.tolist(), data.heldout.labels.tolist()) == ([0] * 3 + [1] * 3,) * 2


def test_a_link_to_a_folder_above_is_not_followed(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "cat" / "all").symlink_to(tmp_path)
    (tmp_path / "dog" / "same").symlink_to(tmp_path / "dog")
    data = load(tmp_path)
    assert (len(data.train), len(data.heldout)) == (5, 3)
    assert torch.cat([data.train.labels, data.heldout.labels]).bincount().tolist() == [4, 4]


@pytest.mark.parametrize("other", ["val", "valid", "validation"])
def test_a_test_folder_without_classes_gives_way(tmp_path: Path, other: str) -> None:
    folder(tmp_path / "train", 4)
    folder(tmp_path / other, 2, start=1000)
    for index in range(3):
        write(tmp_path / "test" / f"{index}.png", index)
        write(tmp_path / "test" / "unknown" / f"{index}.png", index)
    data = load(tmp_path)
    assert len(data.heldout) == 4
    assert data.division == f"the folders train and {other}; test has no labels and is not read"
    for name in ("cat", "dog"):
        for path in (tmp_path / other / name).iterdir():
            path.unlink()
    data = load(tmp_path)
    assert (len(data.train), len(data.heldout)) == (5, 3)
    assert data.division == (
        "stratified split of one part, a third held out, seed 0; test has no labels and is not read; "
        f"{other} has no labels and is not read"
    )


def test_class_folders_of_other_names_are_no_part_without_labels(tmp_path: Path) -> None:
    folder(tmp_path / "train", 4)
    folder(tmp_path / "val", 4)
    folder(tmp_path / "test", 2, classes=("0", "1"))
    with pytest.raises(DataError, match=r"test': expected class folders of '.*train' .cat, dog., got 0, 1$"):
        load(tmp_path)


def test_names_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    folder(tmp_path / "train", 4)
    folder(tmp_path / "test", 2, classes=("cat", "Dog"))
    with pytest.raises(DataError, match="the classes 'dog' and 'Dog' differ in spaces or in case alone"):
        load(tmp_path)


def test_train_alone_is_divided(tmp_path: Path) -> None:
    folder(tmp_path / "train", 6)
    data = load(tmp_path)
    assert (data.classes, len(data.train), len(data.heldout)) == (("cat", "dog"), 8, 4)
    folder(tmp_path / "extra", 6)
    with pytest.raises(DataError, match="train' may be a part of a set, .* or a class beside 'extra'"):
        load(tmp_path)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    data = load(folder(tmp_path, 6, classes=("bus", "train")))
    assert (data.classes, len(data.train)) == (("bus", "train"), 8)


@pytest.mark.parametrize(
    "names", [("Train", "Test"), ("training", "testing"), ("cat", "dog", "test"), ("dev", "x")]
)
def test_folders_named_as_parts_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        folder(tmp_path / name)
        write(tmp_path / name / "0.png", 0)
    with pytest.raises(
        DataError, match="is named as a part of a set, not as a class: expected the folders train"
    ):
        load(tmp_path)


def test_two_levels_that_may_both_be_the_classes_are_refused(tmp_path: Path) -> None:
    for domain in ("photo", "sketch"):
        folder(tmp_path / domain)
    with pytest.raises(
        DataError, match="folders photo, sketch holds the folders cat, dog and no image of its own"
    ):
        load(tmp_path)
    assert load(tmp_path / "photo").classes == ("cat", "dog")
    write(tmp_path / "photo" / "emu" / "0.png", 0)
    assert load(tmp_path).classes == ("photo", "sketch")
    for name in ("train", "test"):
        write(tmp_path / "photo" / name / "0.png", 0)
    with pytest.raises(DataError, match="photo' holds the folders .*, which are named as parts of a set"):
        load(tmp_path)


def test_files_that_are_not_read_are_counted_or_refused(tmp_path: Path) -> None:
    folder(tmp_path)
    for name in (
        "cat/notes.txt",
        "cat/deep/boxes.xml",
        "dog/more.txt",
        "readme.md",
        "dog/licence",
        "dog/Thumbs.db",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("not an image")
    write(tmp_path / "loose.png", 0)
    assert load(tmp_path).division == (
        "stratified split of one part, a third held out, seed 0; 6 other files are not read (.md 1, .png 1, "
        ".txt 2, "
        ".xml 1, no ending 1)"
    )
    for name, said in (("dog/3.HEIC", ".heic 1"), ("dog/deep/a.wav", ".heic 1, .wav 1")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"?")
        with pytest.raises(
            DataError, match=rf"dog' holds \d files that are not read as images .{said}; the first is"
        ):
            load(tmp_path)
