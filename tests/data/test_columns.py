"""One table by every route: the same data, or the same kind of refusal."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import Dataset, Subset

from modelstitch.data.absent import Unscored
from modelstitch.data.columns import Column, Wish, choose_label
from modelstitch.data.label_sets import LabelSet
from modelstitch.data.load import as_data, load_data
from modelstitch.data.parts import Data
from modelstitch.data.sources.hugging_face import table_parts
from modelstitch.data.texts import decoded
from modelstitch.errors import DataError, SpecError
from modelstitch.specs import DataSpec

Table = Mapping[str, list[Any]]
N = 12
LABELS = [n % 3 for n in range(N)]
NAMES = ["sea", "wood", "town"]
TEXTS = [f"text {n}" for n in range(N)]


class Rows(Dataset[Any]):
    """What many sets are: a Dataset of dictionaries."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(next(iter(self.table.values())))

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {name: column[index] for name, column in self.table.items()}


def parquet(root: Path, parts: dict[str, Table], spec: dict[str, Any]) -> Data:
    root.mkdir(parents=True, exist_ok=True)
    for name, table in parts.items():
        pq.write_table(
            pa.table({key: pa.array(column) for key, column in table.items()}), root / f"{name}.parquet"
        )
    return load_data(DataSpec(source=str(root), **spec))


def hub(root: Path, parts: dict[str, Table], spec: dict[str, Any]) -> Data:
    made = {name: datasets.Dataset.from_dict(dict(table)) for name, table in parts.items()}
    datasets.DatasetDict(made).save_to_disk(root)
    return load_data(DataSpec(source=f"hf:{root}", **spec))


def held(root: Path, parts: dict[str, Table], spec: dict[str, Any]) -> Data:
    """A DatasetDict that the caller holds."""
    made = {name: datasets.Dataset.from_dict(dict(table)) for name, table in parts.items()}
    return as_data(datasets.DatasetDict(made), DataSpec(source="in memory", **spec))


def rows(root: Path, parts: dict[str, Table], spec: dict[str, Any]) -> Data:
    made = [Rows(table) for table in parts.values()]
    return as_data(made[0] if len(made) == 1 else made)


Route = Callable[[Path, dict[str, Table], dict[str, Any]], Data]
ROUTES: dict[str, Route] = {"Parquet": parquet, "hf:": hub, "DatasetDict": held, "dictionaries": rows}
WITH_OPTIONS: dict[str, Route] = {name: route for name, route in ROUTES.items() if name != "dictionaries"}


def seen(data: Data) -> dict[str, str]:
    """The class of each text by name, of both parts."""
    return {
        text: data.classes[label]
        for part in (data.train, data.heldout)
        for text, label in zip(decoded(part.images), part.labels.tolist(), strict=True)
    }


RIGHT: dict[str, tuple[Table, list[str]]] = {
    "whole numbers before the label": (
        {"weight": [7] * N, "year": list(range(N)), "text": TEXTS, "label": LABELS},
        list(map(str, LABELS)),
    ),
    "ids before the text": ({"id": [f"i{n}" for n in range(N)], "tweet": TEXTS, "label": LABELS}, []),
    "a text of another name": ({"uuid": [f"i{n}" for n in range(N)], "body": TEXTS, "label": LABELS}, []),
    "a title": ({"title": ["same"] * N, "text": TEXTS, "label": LABELS}, []),
    "the label in words": ({"label_text": [NAMES[k] for k in LABELS], "tweet": TEXTS, "label": LABELS}, []),
    "an index": ({"sentence": TEXTS, "label": LABELS, "idx": list(range(N))}, []),
    "another case": ({"Weight": [7] * N, "Text": TEXTS, "Label": LABELS}, []),
    "target": ({"count": [1] * N, "text": TEXTS, "target": LABELS}, []),
    "class": ({"count": [1] * N, "text": TEXTS, "class": LABELS}, []),
    "names": ({"text": TEXTS, "label": [NAMES[k] for k in LABELS]}, [NAMES[k] for k in LABELS]),
    "names in numbers": ({"text": TEXTS, "label": [str(k) for k in LABELS]}, []),
    "truth values": ({"text": TEXTS, "label": [k == 1 for k in LABELS]}, [str(k == 1) for k in LABELS]),
    "a path and a language": (
        {"path": ["a/b"] * N, "lang": ["en"] * N, "post": TEXTS, "label": LABELS, "score": [0.5] * N},
        [],
    ),
    "coarse and fine": (
        {"coarse_label": [k // 2 for k in LABELS], "text": TEXTS, "fine_label": LABELS},
        [],
    ),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", RIGHT)
def test_the_right_columns_are_read(tmp_path: Path, case: str, route: str) -> None:
    table, names = RIGHT[case]
    data = ROUTES[route](tmp_path / "set", {"train": table}, {})
    assert data.is_text
    assert seen(data) == dict(zip(TEXTS, names or map(str, LABELS), strict=True))


PAIRED: dict[str, Table] = {
    "premise and hypothesis": {"hypothesis": ["second"] * N, "premise": TEXTS, "label": LABELS},
    "numbered": {"idx": list(range(N)), "sentence1": TEXTS, "sentence2": ["second"] * N, "label": LABELS},
    "lettered": {"text_b": ["second"] * N, "text_a": TEXTS, "label": LABELS},
    "a question": {"question": TEXTS, "sentence": ["second"] * N, "label": LABELS, "idx": LABELS},
    "a pair beside others": {"genre": ["g"] * N, "text1": TEXTS, "text2": ["second"] * N, "label": LABELS},
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", PAIRED)
def test_pairs_of_texts_are_read_as_pairs(tmp_path: Path, case: str, route: str) -> None:
    data = ROUTES[route](tmp_path / "set", {"train": PAIRED[case]}, {})
    wanted = {f"{text}\x1esecond": str(label) for text, label in zip(TEXTS, LABELS, strict=True)}
    assert seen(data) == wanted
    assert data.division.endswith("'text1' and 'text2', not 'genre'") == (case == "a pair beside others")


@pytest.mark.parametrize("route", WITH_OPTIONS)
def test_two_columns_may_be_asked_for(tmp_path: Path, route: str) -> None:
    table: Table = {"title": ["t"] * N, "body": TEXTS, "label": LABELS, "share": [0.5] * N}
    data = WITH_OPTIONS[route](tmp_path / "set", {"train": table}, {"input_column": ("title", "body")})
    assert set(seen(data)) == {f"t\x1e{text}" for text in TEXTS}
    with pytest.raises(
        DataError, match="'share' of .* holds real numbers: expected texts as a pair of inputs"
    ):
        WITH_OPTIONS[route](tmp_path / "set", {"train": table}, {"input_column": ("title", "share")})


WRONG: dict[str, tuple[Table, str]] = {
    "no label": (
        {"year": [1999 + n for n in range(N)], "species": LABELS, "text": TEXTS},
        "no label column in .*'year' .whole numbers., 'species' .whole numbers.",
    ),
    "two labels": (
        {"target": LABELS, "text": TEXTS, "label": LABELS},
        "several columns could be the label in .*: 'target' .whole numbers., 'label' .whole numbers.",
    ),
    "two texts": (
        {"headline": TEXTS, "story": TEXTS, "label": LABELS},
        "several columns could be the input in .*: 'headline' .texts., 'story' .texts.",
    ),
    "a text and half of a pair": (
        {"text": TEXTS, "question": TEXTS, "label": LABELS},
        "several columns could be the input in .*: 'text' .texts., 'question' .texts.",
    ),
    "ids and names of labels alone": (
        {"url": TEXTS, "label_text": TEXTS, "label": LABELS},
        "no column of images or texts in .*'url', 'label_text', 'label'",
    ),
    "names of files": ({"image": ["a.png"] * N, "label": LABELS}, "no column of images or texts in "),
    "real labels": ({"text": TEXTS, "label": [0.5] * N}, "expected labels as whole numbers .*0.5"),
    "whole labels stored as real ones": (
        {"text": TEXTS, "label": [float(k) for k in LABELS]},
        "expected labels as whole numbers .*0.0",
    ),
    "missing labels": (
        {"text": TEXTS, "label": [*LABELS[:7], None, None, *LABELS[9:]]},
        "2 labels are missing in .*row 7",
    ),
    "missing names": (
        {"text": TEXTS, "label": ["a", "b", *["a"] * 9, None]},
        "1 labels are missing in .*row 11",
    ),
    "empty names": (
        {"text": TEXTS, "label": ["a", "b", *["a"] * 9, " "]},
        "1 labels are missing in .*row 11",
    ),
    "ragged labels": (
        {"text": TEXTS, "label": [[0], [1], [0, 1], *[[0]] * (N - 3)]},
        "row 2 of .*expected labels .*a list of 2",
    ),
    "lists of two": ({"text": TEXTS, "label": [[0, 1]] * N}, "row 0 of .*expected labels .*a list of 2"),
    "dictionaries": ({"text": TEXTS, "label": [{"a": 1}] * N}, "row 0 of .*expected labels .*a dict of 1"),
    "no label for some": (
        {"text": TEXTS, "label": [0, 1, -1, *[0] * (N - 3)]},
        "row 2 of .*label -1 is outside the 2 classes, expected 0 to 1",
    ),
    "ids as labels": (
        {"text": TEXTS, "label": [f"i{n}" for n in range(N)]},
        "each of the 12 rows of .* has a label of its own .'i0', 'i1'",
    ),
    "numbers of the rows as labels": (
        {"text": TEXTS, "label": list(range(N))},
        "each of the 12 rows of .* has a label of its own",
    ),
    "names that differ in spaces": (
        {"text": TEXTS, "label": ["a", "a ", *["b"] * (N - 2)]},
        "the classes 'a' and 'a ' differ in spaces or in case alone",
    ),
    "a text that is missing": ({"text": [*TEXTS[:-1], " "], "label": LABELS}, "row 11 of .* holds no text"),
    "an input in words beside an image": (
        {"share": [0.5] * N, "label": LABELS},
        "no column of images or texts",
    ),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_clear_or_cannot_be_used_is_refused_by_name(
    tmp_path: Path, case: str, route: str
) -> None:
    table, message = WRONG[case]
    with pytest.raises(DataError, match=message) as caught:
        ROUTES[route](tmp_path / "set", {"train": table}, {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("route", WITH_OPTIONS)
def test_the_options_say_which_columns_are_meant(tmp_path: Path, route: str) -> None:
    table: Table = {
        "year": list(range(N)),
        "species": [NAMES[k] for k in LABELS],
        "id": [f"i{n}" for n in range(N)],
        "note": ["same"] * N,
        "story": TEXTS,
    }
    read = WITH_OPTIONS[route]
    data = read(tmp_path / "a", {"train": table}, {"label_column": "species", "input_column": ("story",)})
    assert seen(data) == dict(zip(TEXTS, table["species"], strict=True))
    for spec, message in (
        ({"label_column": "specis"}, "unknown label column 'specis': .*did you mean 'species'"),
        ({"label_column": "species", "input_column": ("stori",)}, "unknown input column 'stori'"),
        ({"label_column": "species", "input_column": ("year",)}, "'year' of .* holds whole numbers"),
        ({"label_column": "species"}, "several columns could be the input in .*: 'note' .*, 'story'"),
        ({"input_column": ("story",)}, "no label column in .*'year' .*'species'"),
    ):
        with pytest.raises(DataError, match=message):
            read(tmp_path / "a", {"train": table}, spec)


@pytest.mark.parametrize("route", ROUTES)
def test_coarser_labels_are_a_label_set(tmp_path: Path, route: str) -> None:
    fine = [n % 4 for n in range(N)]
    table: Table = {
        "text": TEXTS,
        "label": fine,
        "coarse_label": [k // 2 for k in fine],
        "label_id": list(range(N)),
    }
    for parts in ({"train": table}, {"train": table, "test": table}):
        data = ROUTES[route](tmp_path / str(len(parts)), parts, {})
        assert data.label_sets == (LabelSet("coarse_label", ("0", "1"), (0, 0, 1, 1)),)


@pytest.mark.parametrize("route", ROUTES)
def test_what_was_passed_over_is_said(tmp_path: Path, route: str) -> None:
    table: Table = {"title": ["same"] * N, "text": TEXTS, "label": LABELS}
    data = ROUTES[route](tmp_path / "set", {"train": table, "test": table}, {})
    assert data.division.endswith("; input from the column 'text', not 'title'")


@pytest.mark.parametrize("route", ROUTES)
def test_names_of_parts_that_cover_different_classes_are_one_numbering(tmp_path: Path, route: str) -> None:
    train: Table = {"text": TEXTS, "label": [NAMES[k] for k in LABELS]}
    test: Table = {"text": ["p", "q", "r"], "label": ["town", "town", "wood"]}
    data = ROUTES[route](tmp_path / "set", {"train": train, "test": test}, {})
    assert data.classes == ("sea", "town", "wood")
    assert data.heldout.labels.tolist() == [1, 1, 2]
    # A class of the held-out part alone comes last, so that it moves no other number, and is left out.
    test = {"text": ["p", "q", "r"], "label": ["town", "bog", "wood"]}
    data = ROUTES[route](tmp_path / "other", {"train": train, "test": test}, {})
    assert (data.classes, data.heldout.labels.tolist()) == (("sea", "town", "wood"), [1, 2])
    assert data.unscored == Unscored(n_classes=1, of=4, first=("bog",), n_heldout=1)


@pytest.mark.parametrize("route", ROUTES)
def test_numbers_in_one_part_and_names_in_the_other_are_refused(tmp_path: Path, route: str) -> None:
    parts: dict[str, Table] = {
        "train": {"text": TEXTS, "label": [NAMES[k] for k in LABELS]},
        "test": {"text": TEXTS, "label": LABELS},
    }
    with pytest.raises(DataError, match="labels are whole numbers in .* and names in .*: expected the same"):
        ROUTES[route](tmp_path / "set", parts, {})


class Named(Rows):
    """Dictionaries of a set that knows the names of its classes, as sets of the package datasets do."""

    def __init__(self, table: Table, names: list[str]) -> None:
        super().__init__(table)
        self.features = {"label": datasets.ClassLabel(names=names)}


class Pairs(Dataset[Any]):
    """Pairs of a set that knows the names of its classes, as ImageFolder does."""

    def __init__(self, labels: list[int], names: list[str]) -> None:
        self.labels, self.classes = labels, names

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.tensor([float(index), 1]), self.labels[index]


def with_names(labels: list[int], names: list[str]) -> datasets.Dataset:
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)}
    )
    rows = {"text": [f"t{n}" for n in range(len(labels))], "label": labels}
    return datasets.Dataset.from_dict(rows, features=features)


NAMED: dict[str, Callable[[Path, list[tuple[list[int], list[str]]]], Data]] = {}


def named(make: Callable[[Path, list[tuple[list[int], list[str]]]], Data]) -> None:
    NAMED[make.__name__] = make


@named
def named_parquet(root: Path, parts: list[tuple[list[int], list[str]]]) -> Data:
    for name, (labels, names) in zip(("train", "test"), parts, strict=True):
        with_names(labels, names).to_parquet(root / f"{name}.parquet")
    return load_data(DataSpec(source=str(root)))


@named
def named_hub(root: Path, parts: list[tuple[list[int], list[str]]]) -> Data:
    made = {name: with_names(*part) for name, part in zip(("train", "test"), parts, strict=True)}
    datasets.DatasetDict(made).save_to_disk(root / "set")
    return load_data(DataSpec(source=f"hf:{root / 'set'}"))


@named
def named_pair_of_sets(root: Path, parts: list[tuple[list[int], list[str]]]) -> Data:
    return as_data(tuple(with_names(*part) for part in parts))


@named
def named_dictionaries(root: Path, parts: list[tuple[list[int], list[str]]]) -> Data:
    return as_data(
        [
            Named({"text": [f"t{n}" for n in range(len(labels))], "label": labels}, names)
            for labels, names in parts
        ]
    )


@named
def named_pairs(root: Path, parts: list[tuple[list[int], list[str]]]) -> Data:
    return as_data(tuple(Pairs(*part) for part in parts))


@named
def named_folders(root: Path, parts: list[tuple[list[int], list[str]]]) -> Data:
    for name, (labels, names) in zip(("train", "test"), parts, strict=True):
        for row, label in enumerate(labels):
            folder = root / name / names[label]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{row}.txt").write_text(f"t{row}")
    return load_data(DataSpec(source=str(root)))


@pytest.mark.parametrize("route", NAMED)
def test_parts_that_number_the_same_names_differently_are_renumbered(tmp_path: Path, route: str) -> None:
    labels = [0, 1, 1, 0, 1]
    data = NAMED[route](tmp_path, [(labels, ["cat", "dog"]), ([0, 0, 1], ["dog", "cat"])])
    assert data.classes == ("cat", "dog")
    assert sorted(data.train.labels.tolist()) == sorted(labels)
    assert sorted(data.heldout.labels.tolist()) == [0, 1, 1]
    if route != "named_folders":  # whose numbers are not given
        assert data.heldout.labels.tolist() == [1, 1, 0]
        assert "renumbered by the names of its classes" in data.division


@pytest.mark.parametrize("route", NAMED)
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_a_class_is_the_same_in_both_parts_whatever_their_numbering(
    tmp_path_factory: pytest.TempPathFactory, route: str, drawn: st.DataObject
) -> None:
    names = ["ant", "bee", "cat", "dog"]
    orders = [drawn.draw(st.permutations(names)) for _ in range(2)]
    of_train = [*names, *names, *drawn.draw(st.lists(st.sampled_from(names), max_size=4))]
    of_test = drawn.draw(st.lists(st.sampled_from(names), min_size=1, max_size=6))
    parts = [
        ([order.index(name) for name in wanted], list(order))
        for order, wanted in zip(orders, (of_train, of_test), strict=True)
    ]
    data = NAMED[route](tmp_path_factory.mktemp("drawn"), parts)
    for part, wanted in ((data.train, of_train), (data.heldout, of_test)):
        found = [data.classes[label] for label in part.labels.tolist()]
        assert sorted(found) == sorted(wanted) if route == "named_folders" else found == wanted


def encoded(image: Image.Image) -> dict[str, Any]:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.mark.parametrize("route", ROUTES)
def test_the_image_is_read_not_the_mask(tmp_path: Path, route: str) -> None:
    pictures = [Image.new("RGB", (4, 5), (n, 2 * n, 3 * n)) for n in range(N)]
    masks = [Image.new("RGB", (4, 5), (255, 255, 255)) for _ in range(N)]
    kinds: tuple[list[Any], list[Any]] = (pictures, masks)
    if route != "dictionaries":
        kinds = ([encoded(each) for each in pictures], [encoded(each) for each in masks])
    table = {"mask": kinds[1], "image": kinds[0], "caption": TEXTS, "label": LABELS}
    data = ROUTES[route](tmp_path / "a", {"train": table}, {})
    images = torch.cat([data.train.images, data.heldout.images])
    assert sorted(images[:, 0, 0, 0].tolist()) == list(range(N))
    assert data.division.endswith("; input from the column 'image', not 'mask'")
    table = {"before": kinds[1], "after": kinds[0], "label": LABELS}
    with pytest.raises(
        DataError, match="several columns could be the input .*'before' .images., 'after' .images."
    ):
        ROUTES[route](tmp_path / "b", {"train": table}, {})
    table = {"image": kinds[0], "text": TEXTS, "label": LABELS}
    with pytest.raises(
        DataError, match="several columns could be the input .*'image' .images., 'text' .texts."
    ):
        ROUTES[route](tmp_path / "c", {"train": table}, {})
    if route in WITH_OPTIONS:
        data = ROUTES[route](
            tmp_path / "b", {"train": {**table, "before": kinds[1]}}, {"input_column": ("before",)}
        )
        assert (data.train.images == 255).all()


@pytest.mark.parametrize("route", ROUTES)
def test_arrays_are_inputs_where_there_is_nothing_else(tmp_path: Path, route: str) -> None:
    vectors = [[float(n), 0.5] for n in range(N)]
    cases: tuple[tuple[str, Table], ...] = (
        ("features", {}),
        ("x", {"other": [[0.0, 0.0]] * N, "note": TEXTS}),
    )
    for name, others in cases:
        data = ROUTES[route](tmp_path / name, {"train": {**others, name: vectors, "label": LABELS}}, {})
        inputs = torch.cat([data.train.images, data.heldout.images])
        assert sorted(inputs[:, 0].tolist()) == list(range(N))
        assert inputs.dtype == torch.float32


def of_parts(test: list[Any] | None, val: list[Any]) -> dict[str, Table]:
    parts: dict[str, Table] = {"train": {"text": TEXTS, "label": LABELS}}
    parts["test"] = {"text": ["u", "v", "w"], **({} if test is None else {"label": test})}
    return {**parts, "validation": {"text": ["p", "q", "r"], "label": val}}


@pytest.mark.parametrize("route", WITH_OPTIONS)
@pytest.mark.parametrize("test", [None, [-1] * 3, [None] * 3], ids=str)
def test_a_test_part_without_labels_gives_way(tmp_path: Path, route: str, test: list[Any] | None) -> None:
    data = WITH_OPTIONS[route](tmp_path / "a", of_parts(test, [2, 0, 1]), {})
    assert decoded(data.heldout.images) == ["p", "q", "r"]
    assert data.heldout.labels.tolist() == [2, 0, 1]
    assert data.division.endswith("; test has no labels and is not read")
    assert "validation" in data.division
    parts = of_parts(test, [0])
    del parts["validation"]
    data = WITH_OPTIONS[route](tmp_path / "b", parts, {})
    assert (len(data.train), len(data.heldout)) == (8, 4)
    assert data.division == (
        "stratified split of one part, a third held out, seed 0; test has no labels and is not read"
    )


@pytest.mark.parametrize("route", WITH_OPTIONS)
def test_parts_with_other_columns_are_refused(tmp_path: Path, route: str) -> None:
    train: Table = {"text": TEXTS, "label": LABELS}
    cases: tuple[tuple[Table, str], ...] = (
        ({"text": TEXTS, "target": LABELS}, "in the column 'label' of .* and in 'target' of"),
        ({"sentence": TEXTS, "label": LABELS}, "texts in the column 'text' of .*, got the columns sentence"),
        ({"text": LABELS, "label": LABELS}, "texts in the column 'text' of .*, got whole numbers"),
    )
    for place, (test, message) in enumerate(cases):
        with pytest.raises(DataError, match=message):
            WITH_OPTIONS[route](tmp_path / str(place), {"train": train, "test": test}, {})


def npz(root: Path, **arrays: Any) -> Data:
    np.savez(root / "set.npz", **arrays)
    return load_data(DataSpec(source=str(root / "set.npz")))


X = np.arange(2.0 * N).reshape(N, 2)


def test_labels_of_an_archive_are_those_of_every_route(tmp_path: Path) -> None:
    for labels, names in (
        (np.array([NAMES[k] for k in LABELS]), [NAMES[k] for k in LABELS]),
        (np.array(LABELS) == 1, [str(k == 1) for k in LABELS]),
        (np.array(LABELS, np.uint8)[:, None], list(map(str, LABELS))),
        (np.array([NAMES[k] for k in LABELS], "S"), [NAMES[k] for k in LABELS]),
    ):
        data = npz(tmp_path, x=X, y=labels)
        found = {
            float(x[0]): data.classes[label]
            for part in (data.train, data.heldout)
            for x, label in zip(part.images, part.labels.tolist(), strict=True)
        }
        assert found == dict(zip(X[:, 0].tolist(), names, strict=True))
    for labels, message in (
        (np.array(LABELS, float), "expected labels as whole numbers .*float64 .*0.0"),
        (np.array([[0, 1]] * N), r"expected labels as whole numbers .*got int64 of shape \(12, 2\)"),
        (np.arange(N), "each of the 12 rows of .* has a label of its own"),
        (np.array([np.nan, *LABELS[1:]]), "1 labels are missing in .*row 0"),
    ):
        with pytest.raises(DataError, match=message):
            npz(tmp_path, x=X, y=labels)


def test_arrays_of_an_archive_by_name(tmp_path: Path) -> None:
    by_name = npz(tmp_path, images=X, labels=np.array(LABELS))
    assert by_name.digest == npz(tmp_path, x=X, y=np.array(LABELS)).digest
    with pytest.raises(DataError, match="several columns could be the label .*'y' .*, 'target'"):
        npz(tmp_path, x=X, y=np.array(LABELS), target=np.array(LABELS))
    spec = {"label_column": "kind", "input_column": ("a",)}
    np.savez(tmp_path / "set.npz", a=X, b=X, kind=np.array(LABELS))
    data = load_data(DataSpec(source=str(tmp_path / "set.npz"), **spec))  # type: ignore[arg-type]
    assert torch.equal(data.train.images, by_name.train.images)
    assert set(data.train.kwargs) == {"b"}
    for changes, message in (
        ({"label_column": "kin"}, "unknown label column 'kin': .*did you mean 'kind'"),
        ({"input_column": ("a", "b")}, "expected one input column in a .npz file"),
    ):
        with pytest.raises(DataError, match=message):
            load_data(DataSpec(source=str(tmp_path / "set.npz"), **{**spec, **changes}))  # type: ignore[arg-type]


def test_a_test_part_of_an_archive_without_labels_gives_way(tmp_path: Path) -> None:
    parts = {
        "x_train": X,
        "y_train": np.array(LABELS),
        "x_test": X[:4],
        "x_val": X[:3],
        "y_val": np.arange(3),
    }
    for test in ({}, {"y_test": np.full(4, -1)}):
        data = npz(tmp_path, **parts, **test)
        assert data.heldout.labels.tolist() == [0, 1, 2]
        assert data.division == "x_train and x_val as given; test has no labels and is not read"


@pytest.mark.parametrize("source", ["digits", "cifar10", "torchvision:FakeData(size=4)"])
def test_data_without_columns_refuse_names_of_columns(source: str) -> None:
    for spec, option in (
        ({"label_column": "a"}, "--label-column"),
        ({"input_column": ("a",)}, "--input-column"),
    ):
        with pytest.raises(DataError, match=f"expected {option} with data that have columns .*got 'a'"):
            load_data(DataSpec(source=source, **spec))


def test_class_folders_have_no_columns(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.txt").write_text("text")
    with pytest.raises(DataError, match="expected --label-column with data that have columns .*got 'label'"):
        load_data(DataSpec(source=str(tmp_path), label_column="label"))


def test_columns_that_cannot_be_are_refused_when_they_are_given() -> None:
    for spec, message in (
        ({"input_column": ("a", "b", "c")}, "expected one input column, or two"),
        ({"input_column": ("a", "a")}, "expected one input column, or two"),
        ({"input_column": ("",)}, "expected the name of a column"),
        ({"label_column": "a", "input_column": ("a",)}, "expected another input column than the label"),
    ):
        with pytest.raises(SpecError, match=message):
            DataSpec(source="x.parquet", **spec)
    assert DataSpec(source="x", input_column="tweet").input_column == ("tweet",)  # type: ignore[arg-type]


def test_a_column_of_sounds_is_refused_by_name(tmp_path: Path) -> None:
    cell = {"bytes": b"RIFF", "path": None}
    table: Table = {"audio": [cell] * N, "transcription": TEXTS, "label": LABELS}
    with pytest.raises(
        DataError, match="'audio' of .* holds sounds, .*'transcription' .texts.*--input-column"
    ):
        parquet(tmp_path / "set", {"train": table}, {})
    data = parquet(tmp_path / "set", {"train": table}, {"input_column": ("transcription",)})
    assert seen(data) == dict(zip(TEXTS, map(str, LABELS), strict=True))


def test_metadata_that_name_a_column_decide(tmp_path: Path) -> None:
    kinds = {
        "year": datasets.Value("int64"),
        "species": datasets.ClassLabel(names=NAMES),
        "text": datasets.Value("string"),
    }
    made = datasets.Dataset.from_dict(
        {"year": list(range(N)), "species": LABELS, "text": TEXTS}, features=datasets.Features(kinds)
    )
    made.to_parquet(tmp_path / "set.parquet")
    for data in (load_data(DataSpec(source=str(tmp_path / "set.parquet"))), as_data(made)):
        assert seen(data) == {text: NAMES[k] for text, k in zip(TEXTS, LABELS, strict=True)}
    both = made.add_column("sex", LABELS).cast_column("sex", datasets.ClassLabel(names=["f", "m", "?"]))
    with pytest.raises(
        DataError, match="several columns could be the label .*'species' .*, 'sex' .*rename_column"
    ):
        as_data(both)


def test_a_set_with_a_transform_is_read_through_it() -> None:
    made = datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS})
    changed = made.with_transform(lambda batch: {**batch, "text": [text.upper() for text in batch["text"]]})
    upper = dict(zip(map(str.upper, TEXTS), map(str, LABELS), strict=True))
    parts = datasets.DatasetDict({"train": changed, "validation": changed})
    for data in (as_data(changed), as_data(parts), as_data({"train": changed})):
        assert seen(data) == upper
    assert as_data(parts).division == "the parts train and validation"
    for wrong in ({"test": changed}, datasets.IterableDatasetDict({"train": made.to_iterable_dataset()})):
        with pytest.raises(DataError, match="expected .x, y. or a map-style Dataset with a length, got "):
            as_data(wrong)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_set_that_gives_arrays_is_the_same_data(kind: str) -> None:
    made = datasets.Dataset.from_dict({"x": [[float(n), 1.0] for n in range(N)], "label": LABELS})
    assert as_data(made.with_format(kind)).digest == as_data(made).digest


def test_types_of_the_package_datasets() -> None:
    grid = [[[float(n), 1.0, 2.0]] * 4 for n in range(N)]
    kinds = {"x": datasets.Array2D((4, 3), "float32"), "label": datasets.Value("int8")}
    typed = datasets.Dataset.from_dict({"x": grid, "label": LABELS}, features=datasets.Features(kinds))
    plain = datasets.Dataset.from_dict({"x": grid, "label": LABELS})
    assert as_data(typed).digest == as_data(plain).digest
    grey = [Image.new("L", (4, 5), n) for n in range(N)]
    for mode, channels in (("RGB", 3), ("L", 1), (None, 1)):
        kinds = {"image": datasets.Image(mode=mode), "label": datasets.Value("int8")}
        made = datasets.Dataset.from_dict({"image": grey, "label": LABELS}, features=datasets.Features(kinds))
        assert as_data(made).train.images.shape[1:] == (channels, 5, 4)


def test_a_set_that_is_streamed_is_refused() -> None:
    made = datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS}).to_iterable_dataset()
    with pytest.raises(DataError, match="expected rows with a length, got IterableDataset"):
        table_parts(datasets.IterableDatasetDict({"train": made}), "data set")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"clip": {"_type": "Video"}}, "no column of images or texts"),
        ({"clip": {"_type": "Audio"}}, "'clip' of .* holds sounds"),
        ({}, r"cannot decode the image in row \d of"),
    ],
)
def test_what_a_struct_with_bytes_is_the_metadata_say(
    tmp_path: Path, features: dict[str, Any], message: str
) -> None:
    table = pa.table({"clip": [{"bytes": b"?", "path": None}] * N, "label": LABELS})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "set.parquet")
    with pytest.raises(DataError, match=message):
        load_data(DataSpec(source=str(tmp_path / "set.parquet"), limit=2))


def test_columns_of_one_name_are_refused_in_one_line(tmp_path: Path) -> None:
    table = pa.Table.from_arrays(
        [pa.array(LABELS), pa.array(LABELS), pa.array(TEXTS)], ["label", "label", "text"]
    )
    pq.write_table(table, tmp_path / "set.parquet")
    with pytest.raises(DataError, match="label"):
        load_data(DataSpec(source=str(tmp_path / "set.parquet")))
    columns = [Column("label", "whole numbers"), Column("label", "whole numbers")]
    with pytest.raises(DataError, match="several columns could be the label"):
        choose_label(columns, Wish(), "here")
    with pytest.raises(DataError, match="here has 2 columns called 'label': expected one"):
        choose_label(columns, Wish("label"), "here")


def test_token_tasks_read_one_column_of_texts_and_no_label(tmp_path: Path) -> None:
    table: Table = {"id": [f"i{n}" for n in range(N)], "premise": TEXTS, "hypothesis": ["x y"] * N}
    pq.write_table(pa.table(dict(table)), tmp_path / "set.parquet")

    def read(**spec: Any) -> Data:
        return load_data(DataSpec(source=str(tmp_path / "set.parquet"), task="next-token", length=4, **spec))

    data = read(input_column="premise")
    assert bytes((data.train.images[0] - 1).tolist()) == b"text"
    for spec, message in (
        ({}, "expected one column of texts in .* for the task next-token, got 'premise' and 'hypothesis'"),
        ({"input_column": ("premise", "hypothesis")}, "expected one column of texts for the task next-token"),
        (
            {"input_column": "premise", "label_column": "id"},
            "expected no label column for the task next-token",
        ),
    ):
        with pytest.raises(DataError, match=message):
            read(**spec)


def test_arrays_of_which_none_is_called_an_input(tmp_path: Path) -> None:
    table: Table = {"one": [[0.5, n] for n in range(N)], "other": [[0.5]] * N, "label": LABELS}
    for place, route in enumerate(ROUTES.values()):
        with pytest.raises(DataError, match="several columns could be the input .*'one' .arrays., 'other'"):
            route(tmp_path / str(place), {"train": table}, {})


def test_names_of_classes_of_a_dataset_are_taken_where_they_are_those_of_its_labels() -> None:
    part = Pairs([0, 1] * 4, ["cat", "dog"])
    assert as_data(part).classes == as_data(Subset(part, range(8))).classes == ("cat", "dog")
    changed = Pairs([0, 1] * 4, ["cat", "dog"])
    changed.target_transform = lambda label: 1 - label  # type: ignore[attr-defined]
    for other in (changed, Pairs([0, 2, 1] * 4, ["cat", "dog"]), Pairs([0, 1] * 4, ["cat", "cat"])):
        assert as_data(other).classes == tuple(map(str, sorted(set(other.labels))))
    words = Pairs(["b", "a"] * 4, ["x", "y"])  # type: ignore[list-item]
    assert as_data(words).classes == ("a", "b")


def test_dictionaries_that_differ_are_refused() -> None:
    texts, images = Rows({"text": TEXTS, "label": LABELS}), Rows({"x": [[0.5]] * N, "label": LABELS})
    with pytest.raises(DataError, match="expected texts in both parts or in none"):
        as_data((texts, images))

    class Lacking(Rows):
        def __getitem__(self, index: int) -> dict[str, Any]:
            example = super().__getitem__(index)
            return example if index != 3 else {"label": 0}

    with pytest.raises(
        DataError, match="expected a dictionary with label, text .* got none with text as example 3"
    ):
        as_data(Lacking({"text": TEXTS, "label": LABELS}))


CELLS: dict[str, st.SearchStrategy[list[Any]]] = {
    "few whole numbers": st.lists(st.integers(0, 2), min_size=N, max_size=N),
    "whole numbers": st.lists(st.integers(-1, 40), min_size=N, max_size=N),
    "names": st.lists(st.sampled_from(["cat", "Cat", "dog", "dog ", ""]), min_size=N, max_size=N),
    "few names": st.lists(st.sampled_from(["cat", "dog"]), min_size=N, max_size=N),
    "names, some missing": st.lists(st.sampled_from(["cat", "dog", None]), min_size=N, max_size=N),
    "real numbers": st.lists(st.sampled_from([0.0, 1.0, 0.5]), min_size=N, max_size=N),
    "truth values": st.lists(st.booleans(), min_size=N, max_size=N),
    "texts": st.just(TEXTS),
    "lists": st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=2), min_size=N, max_size=N),
    "structs": st.just([{"a": 1, "b": "x"}] * N),
    "nothing": st.just([None] * N),
}
COLUMN_NAMES = [
    "label",
    "labels",
    "target",
    "Label",
    "coarse_label",
    "text",
    "tweet",
    "premise",
    "hypothesis",
]
COLUMN_NAMES += ["id", "title", "other", "x", "image", "label_text"]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    names = draw(st.lists(st.sampled_from(COLUMN_NAMES), min_size=1, max_size=4, unique=True))
    table = {name: draw(CELLS[draw(st.sampled_from(list(CELLS)))]) for name in names}
    if draw(st.booleans()):
        table["label"] = draw(
            CELLS[draw(st.sampled_from(["few whole numbers", "few names", "truth values"]))]
        )
    return {**table, "text": TEXTS} if draw(st.booleans()) else table


def outcome(read: Callable[[], Data]) -> str:
    """The data, or that they are refused: anything but a DataError fails the test."""
    try:
        data = read()
    except DataError as error:
        return f"refused: {str(error).count(chr(10)) + 1} line"
    return f"{data.digest} {data.classes} {data.division.partition('; ')[2]}"


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables())
def test_any_table_is_the_same_data_by_every_route_or_refused_by_each(tmp_path: Path, table: Table) -> None:
    for part in ("train", "test"):
        pq.write_table(
            pa.table({name: pa.array(cells) for name, cells in table.items()}), tmp_path / f"{part}.parquet"
        )
    hub = datasets.Dataset.from_dict(dict(table))
    found = {
        outcome(lambda: load_data(DataSpec(source=str(tmp_path)))),
        outcome(lambda: as_data((hub, hub))),
        outcome(lambda: as_data((Rows(table), Rows(table)))),
    }
    assert len(found) == 1
