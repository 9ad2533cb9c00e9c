"""The same pictures are the same tensors by every route, and look as the formulas of their mode say."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from options import usable_torchvision
from PIL import Image
from torch import Tensor

from modelstitch.data.from_arrays import data_from
from modelstitch.data.images import decode
from modelstitch.data.load import as_data, load_data
from modelstitch.data.parts import Data
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec
from tests.data.pictures import MADE
from tests.made import Items

PNG = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")
TIFF = ("I;16B", "I", "PA", "CMYK", "YCbCr", "LAB")
LABELS = [0, 1]
HUB = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
Files = dict[str, list[bytes]]
"""Two encoded pictures, of the classes a and b, by part."""


def encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG" if image.mode in PNG else "TIFF")
    return file.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def loaded(content: bytes) -> Image.Image:
    image = opened(content)
    image.load()
    return image


def of_folder(files: Files, root: Path, **options: Any) -> Data:
    for part, contents in files.items():
        for name, content in zip("ab", contents, strict=True):
            folder = root / part / name
            folder.mkdir(parents=True)
            (folder / f"0{'.png' if content[1:4] == b'PNG' else '.tif'}").write_bytes(content)
    return load_data(DataSpec(source=str(root), **options))


def of_parquet(files: Files, root: Path, **options: Any) -> Data:
    root.mkdir(exist_ok=True)
    for part, contents in files.items():
        cells = [{"bytes": content, "path": None} for content in contents]
        pq.write_table(pa.table({"image": cells, "label": LABELS}), root / f"{part}.parquet")
    return load_data(DataSpec(source=str(root), **options))


def hub_sets(files: Files) -> dict[str, Any]:
    return {
        part: datasets.Dataset.from_dict(
            {"image": [{"bytes": content, "path": None} for content in contents], "label": LABELS},
            features=HUB,
        )
        for part, contents in files.items()
    }


def of_hub_folder(files: Files, root: Path, **options: Any) -> Data:
    datasets.DatasetDict(hub_sets(files)).save_to_disk(root)
    return load_data(DataSpec(source=f"hf:{root}", **options))


def of_hub_in_memory(files: Files, root: Path) -> Data:
    return as_data(tuple(hub_sets(files).values()))


def of_undecoded_hub_in_memory(files: Files, root: Path) -> Data:
    kept = [rows.cast_column("image", datasets.Image(decode=False)) for rows in hub_sets(files).values()]
    return as_data(tuple(kept))


def of_formatted_hub_in_memory(kind: str) -> Callable[[Files, Path], Data]:
    def read(files: Files, root: Path) -> Data:
        return as_data(tuple(rows.with_format(kind) for rows in hub_sets(files).values()))

    return read


def of_items(make: Callable[[bytes], Any], as_dictionary: bool = False) -> Callable[[Files, Path], Data]:
    def read(files: Files, root: Path) -> Data:
        return as_data(
            tuple(
                Items(
                    [
                        {"image": make(content), "label": label} if as_dictionary else (make(content), label)
                        for content, label in zip(contents, LABELS, strict=True)
                    ]
                )
                for contents in files.values()
            )
        )

    return read


def of_torchvision(files: Files, root: Path, **options: Any) -> Data:
    usable_torchvision()
    from torchvision import datasets as sets

    def build(train: bool) -> Items:
        contents = files["train" if train else "test"]
        return Items([(opened(content), label) for content, label in zip(contents, LABELS, strict=True)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sets, "Made", build, raising=False)
        patch.setattr(sets, "__all__", (*sets.__all__, "Made"))
        return load_data(DataSpec(source="torchvision:Made", **options))


def of_lists(make: Callable[[list[Any]], Any] = list) -> Callable[[Files, Path], Data]:
    def read(files: Files, root: Path) -> Data:
        return as_data(
            tuple((make([opened(one) for one in contents]), LABELS) for contents in files.values())
        )

    return read


def in_an_array(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def of_data_from(files: Files, root: Path) -> Data:
    parts = [([opened(one) for one in contents], np.array(LABELS)) for contents in files.values()]
    return data_from(*parts[0], heldout=parts[1], task="retrieval")


ROUTES: dict[str, Callable[..., Data]] = {
    "folder": of_folder,
    "parquet": of_parquet,
    "hf:FOLDER": of_hub_folder,
    "datasets in memory": of_hub_in_memory,
    "datasets in memory, not decoded": of_undecoded_hub_in_memory,
    "datasets as torch": of_formatted_hub_in_memory("torch"),
    "datasets as numpy": of_formatted_hub_in_memory("numpy"),
    "Dataset of pictures": of_items(opened),
    "Dataset of loaded pictures": of_items(loaded),
    "Dataset of copies": of_items(lambda content: opened(content).copy()),
    "Dataset of dictionaries": of_items(opened, as_dictionary=True),
    "Dataset of bytes": of_items(bytes),
    "lists": of_lists(),
    "tuples": of_lists(tuple),
    "arrays of objects": of_lists(in_an_array),
    "data_from": of_data_from,
    "torchvision:NAME": of_torchvision,
}


def both(data: Data) -> Tensor:
    assert data.train.labels.tolist() == data.heldout.labels.tolist() == LABELS
    return torch.cat([data.train.images, data.heldout.images])


def channels_first(seen: list[np.ndarray]) -> np.ndarray:
    x = np.stack(seen).astype(float)
    return x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("route", ROUTES)
def test_every_mode_is_the_same_tensor_by_every_route(route: str, tmp_path: Path) -> None:
    cases = [
        case for case in MADE if case.split(",")[0].split(" ")[0] in (*PNG, *TIFF) and case != "P of RGBA"
    ]
    assert len(cases) == 18
    for place, case in enumerate(cases):
        made = [MADE[case](seed) for seed in range(4)]
        contents = [encoded(one.image) for one in made]
        folder = tmp_path / str(place)
        folder.mkdir()
        data = ROUTES[route]({"train": contents[:2], "test": contents[2:]}, folder)
        read = both(data)
        assert read.dtype == torch.uint8, case
        seen = channels_first([one.seen for one in made])
        assert tuple(read.shape) == seen.shape, case
        assert np.abs(read.numpy() - seen).max() <= made[0].tolerance + 1e-9, case
        if route != "data_from":
            n = sum(one.is_transparent for one in made)
            told = [f"{n} of 4 pictures with transparency, shown on white"] if n else []
            told += ["4 of 4 pictures with 16 bits, read with 8"] if case.startswith("I") else []
            assert data.division.endswith(
                "; " + ", ".join(told) if told else ("given", "test", "part", "parquet")
            ), case


@pytest.mark.parametrize("case", MADE)
def test_every_mode_of_a_picture_in_memory(case: str) -> None:
    made = [MADE[case](seed) for seed in range(4)]
    parts = [
        Items([(one.image, label) for one, label in zip(some, LABELS, strict=True)])
        for some in (made[:2], made[2:])
    ]
    read = both(as_data(tuple(parts)))
    assert np.abs(read.numpy() - channels_first([one.seen for one in made])).max() <= made[0].tolerance + 1e-9


@pytest.mark.parametrize("route", ROUTES)
def test_a_turned_picture_is_upright_by_every_route(route: str, tmp_path: Path) -> None:
    x = [np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8) for seed in range(4)]
    exif = Image.Exif()
    exif[0x0112] = 6
    contents = []
    for pixels in x:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", exif=exif)
        contents.append(file.getvalue())
    read = both(ROUTES[route]({"train": contents[:2], "test": contents[2:]}, tmp_path))
    assert np.array_equal(
        read.numpy(), np.stack([np.rot90(pixels, -1) for pixels in x]).transpose(0, 3, 1, 2)
    )


# A copy of a picture is one frame.
@pytest.mark.parametrize(
    ("fault", "route"),
    [
        (fault, route)
        for fault in ("frames", "cut short", "real numbers", "modes", "sizes")
        for route in ROUTES
        if (fault, route) != ("frames", "Dataset of copies")
    ],
)
def test_what_cannot_be_read_is_refused_by_every_route(route: str, fault: str, tmp_path: Path) -> None:
    grey = Image.fromarray(np.arange(0, 240, 12, dtype=np.uint8).reshape(4, 5))
    film = io.BytesIO()
    grey.save(film, "TIFF", save_all=True, append_images=[grey])
    wrong, message = {
        "frames": (film.getvalue(), "cannot decode the image .*2 frames or pages, expected one"),
        "cut short": (
            encoded(grey)[:50],
            "cannot decode the image .*truncated|truncated|not an image|broken",
        ),
        "real numbers": (encoded(Image.new("F", (5, 4))), "mode F is refused: its range is not stated"),
        "modes": (
            encoded(grey.convert("RGB")),
            "grey and coloured images in .*is grey, .*is coloured; .*--data-channels",
        ),
        "sizes": (encoded(grey.resize((3, 3))), r"images of different sizes in .*: 3 x 3, 5 x 4; .*--crop"),
    }[fault]
    content = encoded(grey)
    with pytest.raises((DataError, OSError), match=message):
        ROUTES[route]({"train": [content, wrong], "test": [content, content]}, tmp_path)


def pictures_and_arrays() -> dict[str, tuple[list[Any], str]]:
    grey = Image.new("L", (4, 4))
    x = np.zeros((4, 4, 3), np.uint8)
    return {
        "a picture and an array": (
            [grey, np.zeros((4, 4))],
            "got a picture as example 0 and ndarray as example 1",
        ),
        "bytes and floating values": (
            [x, x.astype(float)],
            "of one type, got torch.uint8 and floating values",
        ),
        "two whole types": ([x, x.astype(np.int32)], "of one type, got torch.int32 and torch.uint8"),
        "no channels": (
            [np.zeros((8, 8, 8))] * 2,
            r"cannot tell where arrays of shape \(8, 8, 8\) have their channels",
        ),
        "channels twice": ([np.zeros((3, 8, 3))] * 2, r"cannot tell where arrays of shape \(3, 8, 3\)"),
        "channels twice, unlike": (
            [np.zeros((1, 8, 3))] * 2,
            r"cannot tell where arrays of shape \(1, 8, 3\)",
        ),
        "nothing in it": (
            [{"bytes": None, "path": None}] * 2,
            "image in example 0 of .*neither bytes nor a path",
        ),
        "no picture": ([b"hello"] * 2, "cannot decode the image in example 0 of .*: not an image"),
        "no such file": ([Path("gone.png")] * 2, "cannot decode the image in example 0 of .*No such file"),
    }


@pytest.mark.parametrize("case", pictures_and_arrays())
def test_inputs_of_two_kinds_and_arrays_that_are_not_clear_are_refused(case: str) -> None:
    values, message = pictures_and_arrays()[case]
    items = Items([(value, label) for value, label in zip(values * 2, LABELS * 2, strict=True)])
    with pytest.raises(DataError, match=message):
        as_data(items)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_an_array_may_have_its_channels_first_or_last(channels: int, dtype: Any) -> None:
    x = np.random.default_rng(0).integers(0, 256, (6, channels, 7, 5)).astype(dtype)
    y = np.arange(6) % 2
    first = as_data(Items([({"image": own, "label": int(label)}) for own, label in zip(x, y, strict=True)]))
    last = as_data(Items([(own.transpose(1, 2, 0), int(label)) for own, label in zip(x, y, strict=True)]))
    assert first.digest == last.digest == as_data((x, y)).digest
    tensors = as_data(Items([(torch.from_numpy(own), int(label)) for own, label in zip(x, y, strict=True)]))
    assert tensors.digest == first.digest


BY_SPEC = ("folder", "parquet", "hf:FOLDER", "torchvision:NAME")


@pytest.mark.parametrize("route", BY_SPEC)
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_several_modes_and_sizes_become_alike_by_choice(
    route: str, channels: int, tmp_path: Path
) -> None:
    modes = [("L", (8, 6)), ("P", (6, 9)), ("RGBA", (7, 7)), ("CMYK", (12, 6))]
    images = [Image.linear_gradient("L").resize(size).convert("RGB").convert(mode) for mode, size in modes]
    contents = [encoded(image) for image in images]
    files = {"train": contents[:2], "test": contents[2:]}
    with pytest.raises(DataError, match="grey and coloured images"):
        ROUTES[route](files, tmp_path / "as they are")
    read = both(ROUTES[route](files, tmp_path / "alike", crop=6, channels=channels))
    assert tuple(read.shape) == (4, channels, 6, 6)
    expected = [np.asarray(decode(image, 6, channels)) for image in images]
    assert np.array_equal(read.numpy(), channels_first(expected))


def test_a_crop_is_of_pictures_alone(tmp_path: Path) -> None:
    rows = {"text": ["a", "b", "c", "d"], "label": LABELS * 2}
    arrays = {"image": np.zeros((4, 2, 2), np.uint8).tolist(), "label": LABELS * 2}
    for name, columns in (("texts", rows), ("arrays", arrays)):
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        datasets.Dataset.from_dict(columns).save_to_disk(tmp_path / name)
        for source in (str(tmp_path / f"{name}.parquet"), f"hf:{tmp_path / name}"):
            for options in ({"crop": 2}, {"channels": 3}):
                with pytest.raises(DataError, match=r"\(--crop, --data-channels\) with pictures alone, got"):
                    load_data(DataSpec(source=source, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_arrays_in_a_column_keep_their_type(dtype: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 5)).astype(dtype)
    features = datasets.Features(
        {"image": datasets.Array3D((3, 4, 5), dtype), "label": datasets.Value("int64")}
    )
    rows = datasets.Dataset.from_dict({"image": list(x), "label": LABELS * 3}, features=features)
    rows.save_to_disk(tmp_path / "set")
    expected = as_data((x, np.array(LABELS * 3)))
    for data in (as_data(rows), load_data(DataSpec(source=f"hf:{tmp_path / 'set'}"))):
        assert data.train.images.dtype == expected.train.images.dtype
        assert torch.equal(data.train.images, expected.train.images)


def test_the_mode_that_a_column_asks_for_is_made_by_the_same_rules() -> None:
    made = [MADE["RGBA"](seed) for seed in range(4)]
    columns = {"image": [{"bytes": encoded(one.image), "path": None} for one in made], "label": LABELS * 2}
    features = datasets.Features({"image": datasets.Image(mode="RGB"), "label": datasets.Value("int64")})
    data = as_data(datasets.Dataset.from_dict(columns, features=features))
    read = torch.cat([data.train.images, data.heldout.images]).double()
    seen = channels_first([one.seen for one in made])
    assert all(min(np.abs(image.numpy() - other).max() for other in seen) <= 0.5 for image in read)


@pytest.mark.parametrize("case", ["L", "LA", "I;16", "P, opacities", "RGB", "RGBA", "CMYK"])
def test_a_folder_of_torchvision_reads_its_files_by_the_same_rules_in_colour(
    case: str, tmp_path: Path
) -> None:
    usable_torchvision()
    from torchvision.datasets import ImageFolder

    made = [MADE[case](seed) for seed in range(6)]
    for place, one in enumerate(made):
        content = encoded(one.image)
        folder = tmp_path / "ab"[place // 3]
        folder.mkdir(exist_ok=True)
        (folder / f"{place}{'.png' if content[1:4] == b'PNG' else '.tif'}").write_bytes(content)
    seen = channels_first([one.seen for one in made]).repeat(3 // channels_first([made[0].seen]).shape[1], 1)
    whole = ImageFolder(str(tmp_path))
    kept = torch.utils.data.Subset(whole, range(6))
    half = {"channels": 1} if case == "L" else {}
    for data in (
        as_data(whole),
        as_data(kept),
        load_data(DataSpec(source=f"torchvision:ImageFolder(root='{tmp_path}')", **half)),  # type: ignore[arg-type]
    ):
        images = torch.cat([data.train.images, data.heldout.images]).numpy().astype(float)
        nearest = [np.abs(seen[:, : images.shape[1]] - image).max((1, 2, 3)).min() for image in images]
        assert len(images) == 6
        assert max(nearest) <= made[0].tolerance + 1e-9
    assert whole.loader.__module__ == "torchvision.datasets.folder"
    if case != "RGB":
        return
    turned = as_data(
        ImageFolder(str(tmp_path), transform=lambda image: image.transpose(Image.Transpose.ROTATE_90))
    )
    assert tuple(turned.train.images.shape[1:]) == (3, 5, 4)


@pytest.mark.parametrize(
    "route", ["parquet", "hf:FOLDER", "torchvision:NAME", "Dataset of pictures", "lists"]
)
def test_parts_of_two_modes_or_sizes_are_told_apart(route: str, tmp_path: Path) -> None:
    grey = Image.linear_gradient("L").resize((5, 4))
    for place, (other, message) in enumerate(
        (
            (grey.convert("RGB"), r"one is grey and one coloured: .* \(--data-channels 3, or 1\)"),
            (grey.resize((6, 6)), r"give a size to crop pictures to \(--crop\)"),
        )
    ):
        files = {"train": [encoded(grey)] * 2, "test": [encoded(other)] * 2}
        (tmp_path / str(place)).mkdir()
        with pytest.raises(
            DataError, match=f"expected examples of one shape, got .* held-out part; {message}"
        ):
            ROUTES[route](files, tmp_path / str(place))
