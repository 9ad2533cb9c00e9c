"""Held-out examples that also stand in the training part: planted ones are found, on every kind of data."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

import modelstitch as ms
from modelstitch.data.copies import Copies, copies, without_copies
from modelstitch.data.from_arrays import data_from
from modelstitch.data.load import load_data
from modelstitch.data.near_copies import near_copies
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.texts import encoded
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec
from modelstitch.tasks import IGNORED

N, M = 24, 10
LABELS = torch.arange(N) % 3
COPIED = [0, 4, 7]
"""Held-out examples that are copies of the training examples 2, 3, 5; the last has another label there."""
SOURCES, OTHER_LABEL = [2, 3, 5], [0, 0, 1]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def whole(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed))


KINDS: dict[str, tuple[Tensor, dict[str, Any]]] = {
    "images in uint8": (whole(N + M, 1, 9, 7).to(torch.uint8), {}),
    "colour images as floats": (normal(N + M, 3, 8, 8).sigmoid(), {}),
    "sounds": (normal(N + M, 1, 50), {"rate": 8000}),
    "texts": (encoded([f"text number {row * row}" for row in range(N + M)]), {"is_text": True}),
    "tokens": (whole(N + M, 6), {}),
    "vectors": (normal(N + M, 5), {}),
    "volumes": (normal(N + M, 1, 3, 4, 5), {}),
    "half precision": (normal(N + M, 5).half(), {}),
}


def planted(x: Tensor, **fields: Any) -> Data:
    """Data whose held-out part holds three training examples, one of them under another label."""
    train, heldout = x[:N].clone(), x[N:].clone()
    heldout[COPIED] = train[SOURCES]
    labels = torch.arange(M) % 3
    labels[COPIED] = (LABELS[SOURCES] + torch.tensor(OTHER_LABEL)) % 3
    return Data(
        DataPart(train, LABELS), DataPart(heldout, labels), ("a", "b", "c"), "planted", "two parts", **fields
    )


@pytest.mark.parametrize("kind", KINDS)
def test_exact_copies_of_every_kind_are_counted_and_left_out(kind: str) -> None:
    x, fields = KINDS[kind]
    data = planted(x, **fields)
    assert copies(data) == Copies(n_heldout=M, exact=3, near=None, other_label=1)
    rest = without_copies(data)
    kept = [row for row in range(M) if row not in COPIED]
    assert torch.equal(rest.heldout.images, data.heldout.images[kept])
    assert torch.equal(rest.heldout.labels, data.heldout.labels[kept])
    assert torch.equal(rest.train.images, data.train.images)
    assert copies(rest) == Copies(n_heldout=M - 3, exact=0, near=None, other_label=0, left_out=3)


def test_a_copy_is_found_whatever_type_holds_it() -> None:
    half = planted(KINDS["half precision"][0])
    assert copies(replace(half, train=replace(half.train, images=half.train.images.float()))).exact == 3


def test_minus_zero_is_zero() -> None:
    x = normal(N + M, 5)
    data = planted(x)
    data.train.images[:, 0], data.heldout.images[:, 0] = 0.0, -0.0
    assert copies(data).exact == 3


def test_further_inputs_make_examples_differ_where_they_count() -> None:
    x, mask = whole(N + M, 6), torch.ones(N + M, 6)
    mask[N + COPIED[0], 0] = 0
    data = planted(x)
    data = replace(
        data,
        train=replace(data.train, kwargs={"mask": mask[:N], "id": torch.arange(N)}),
        heldout=replace(data.heldout, kwargs={"mask": mask[N:], "id": torch.arange(M) + N}),
    )
    assert copies(data).exact == 0  # all have an id of their own
    assert copies(data, ["mask"]).exact == 2
    assert copies(data, []).exact == 3


def test_several_originals_count_once_and_any_other_label_counts() -> None:
    x = normal(6, 4)[[0, 0, 1, 2]]
    train = DataPart(x, torch.tensor([0, 1, 0, 1]))
    heldout = DataPart(x[[0, 2, 2]], torch.tensor([0, 0, 1]))
    data = Data(train, heldout, ("a", "b"), "planted", "two parts")
    assert copies(data) == Copies(n_heldout=3, exact=3, near=None, other_label=2)


def test_targets_tell_whether_a_label_is_another_one() -> None:
    x, y = normal(30, 4), torch.rand(30, 2, generator=torch.Generator().manual_seed(1))
    held = (x[[0, 1, 2]], torch.stack([y[0], y[1], y[2] + 1]))
    data = data_from(x, y, task="regression", heldout=held, groups=[0] * 33)
    assert copies(data) == Copies(n_heldout=3, exact=3, near=None, other_label=1)


def test_copies_under_another_mask_are_copies() -> None:
    tokens = whole(20, 8) + 1
    masked = torch.rand(20, 8, generator=torch.Generator().manual_seed(2)) < 0.3
    masked[:, 0] = True
    x, y = tokens.masked_fill(masked, 0), tokens.masked_fill(~masked, IGNORED)
    other = masked.roll(1, 1)
    held = (tokens.masked_fill(other, 0)[:4], tokens.masked_fill(~other, IGNORED)[:4])
    data = data_from(x, y, task="masked-token", heldout=held)
    assert copies(data) == Copies(n_heldout=4, exact=4, near=None, other_label=0)


# Near copies.


def picture(*shape: int, seed: int = 0, smooth: int = 8) -> Tensor:
    """Images with large shapes and a little detail, as pictures are, in 0 to 1."""
    n, channels, height, width = shape
    coarse = torch.nn.functional.interpolate(normal(n, channels, smooth, smooth, seed=seed), (height, width))
    return (0.5 + 0.12 * coarse + 0.02 * normal(*shape, seed=seed + 1)).clamp(0, 1)


def by_numpy(images: Tensor, others: Tensor) -> np.ndarray:
    """Correlations (M, N) of all pairs, by numpy."""
    rows = torch.cat([images, others]).double().flatten(1).numpy()
    return np.asarray(np.corrcoef(rows)[: len(images), len(images) :])


@settings(max_examples=12)
@given(
    st.integers(0, 10**6),
    st.sampled_from([(1, 32, 32), (3, 32, 32), (3, 33, 45), (1, 40, 32), (4, 47, 39)]),
    st.sampled_from([2, 8, 32]),
)
def test_near_copies_are_those_that_numpy_finds(seed: int, shape: tuple[int, ...], smooth: int) -> None:
    others = picture(12, *shape, seed=seed, smooth=smooth)
    # From nearly the same to clearly another picture, lighter and darker, some with the sign turned.
    noise = torch.linspace(0.0, 0.05, 12)[:, None, None, None]
    images = 0.7 * others + 0.2 + noise * normal(12, *shape, seed=seed + 2)
    images[11] = 1 - others[11]
    labels = torch.arange(12) % 2
    near, other = near_copies(images, others, labels, torch.zeros(12, dtype=torch.int64))
    expected = by_numpy(images, others) >= 0.995
    assert near.tolist() == expected.any(1).tolist()
    assert other.tolist() == (expected.any(1) & (labels == 1).numpy()).tolist()
    assert 0 < int(near.sum()) < 12


def test_no_near_copy_is_passed_over_where_most_pairs_are_near() -> None:
    """A tile of near copies is compared by products at full size; images without detail as well."""
    base = picture(1, 3, 32, 32)
    others = base + 0.005 * normal(40, 3, 32, 32, seed=3)
    images = torch.cat([base + 0.005 * normal(5, 3, 32, 32, seed=4), picture(5, 3, 32, 32, seed=9)])
    labels = torch.zeros(10, dtype=torch.int64)
    near, other = near_copies(images, others, labels, torch.ones(40, dtype=torch.int64))
    assert near.tolist() == (by_numpy(images, others) >= 0.995).any(1).tolist() == [True] * 5 + [False] * 5
    assert torch.equal(near, other)
    noise = normal(30, 1, 32, 32, seed=5)
    near, _ = near_copies(noise[:10], noise[10:], labels, torch.ones(20, dtype=torch.int64))
    assert not near.any()


def test_a_near_copy_of_another_label_counts_beside_one_of_the_same() -> None:
    base = picture(2, 1, 32, 32)
    near, other = near_copies(base, base[[0, 0, 1]] * 0.9, torch.tensor([0, 0]), torch.tensor([0, 1, 0]))
    assert near.tolist() == [True, True]
    assert other.tolist() == [True, False]


def test_images_of_one_colour_are_near_to_nothing() -> None:
    flat = torch.stack([torch.full((3, 32, 32), value) for value in (0.1, 0.5, 1e4)])
    near, _ = near_copies(flat, flat, torch.zeros(3), torch.zeros(3))
    assert not near.any()


def _saved_again(image: Tensor, quality: int) -> Tensor:
    file = BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)


def test_a_picture_saved_again_is_a_near_copy_and_a_smaller_one_is_not_asked() -> None:
    smooth = torch.nn.functional.interpolate(normal(N + M, 3, 5, 5).sigmoid(), (48, 48), mode="bilinear")
    x = (255 * smooth).to(torch.uint8)
    data = planted(x)
    data.heldout.images[4] = _saved_again(data.train.images[3], 80)
    data.heldout.images[7] = _saved_again(data.train.images[5], 80)
    assert copies(data) == Copies(n_heldout=M, exact=1, near=2, other_label=1)
    rest = without_copies(data)
    assert (len(rest.heldout), rest.copies_left_out) == (M - 3, 3)
    assert copies(planted(x[:, :, :31])).near is None
    # A further input that differs makes another example of the same picture.
    asked = replace(
        data,
        train=replace(data.train, kwargs={"question": torch.zeros(N)}),
        heldout=replace(data.heldout, kwargs={"question": torch.arange(M) % 2}),
    )
    assert copies(asked) == Copies(n_heldout=M, exact=1, near=1, other_label=0)


# In a run.


def test_digits_have_none() -> None:
    assert copies(load_data(DataSpec(source="digits"))) == Copies(
        n_heldout=599, exact=0, near=None, other_label=0
    )


def test_copies_alone_are_no_held_out_part() -> None:
    x = normal(6, 3)
    data = Data(DataPart(x, torch.arange(6) % 2), DataPart(x[:2], torch.arange(2)), ("a", "b"), "D", "two")
    with pytest.raises(DataError, match="data D: all 2 held-out examples also stand in the training part"):
        without_copies(data)


def test_finest_labels_follow_their_examples() -> None:
    data = load_data(DataSpec(source="digits", limit=50, heldout_limit=20)).by("parity")
    data.heldout.images[3] = data.train.images[0]
    rest = without_copies(data)
    assert rest.finest is not None
    assert data.finest is not None
    assert torch.equal(rest.finest.heldout, torch.cat([data.finest.heldout[:3], data.finest.heldout[4:]]))


def _net(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))


def _compare(data: Any, **options: Any) -> ms.Comparison:
    return ms.compare(
        _net(0),
        _net(1),
        data,
        cuts=["1"],
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=1, batch_size=8),
        **options,
        allow_untrained=True,
    )


def test_every_route_counts_copies_and_says_so(tmp_path: Path) -> None:
    data = planted(normal(N + M, 5))
    pairs = tuple((part.images, part.labels) for part in (data.train, data.heldout))
    (x_train, y_train), (x_test, y_test) = ((x.numpy(), y.numpy()) for x, y in pairs)
    np.savez(tmp_path / "set.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    expected = Copies(n_heldout=M, exact=3, near=None, other_label=1)
    for given_data in (data, pairs, str(tmp_path / "set.npz")):
        run = _compare(given_data)
        assert run.facts.copies == expected
        said = "3 of 10 held-out examples (30 %) also stand in the training part: 3 exact copies."
        assert any(text.startswith(f"{said} 1 of them has another label there.") for text in run.sentences())
    dropped = _compare(DataSpec(source=str(tmp_path / "set.npz"), drop_copies=True), out=tmp_path / "run")
    assert dropped.facts.copies == Copies(n_heldout=7, exact=0, near=None, other_label=0, left_out=3)
    assert {cell.n_heldout for cell in dropped.cells} == {7}
    assert ms.load(tmp_path / "run").facts == dropped.facts
    assert ms.Comparison.from_json(dropped.to_json()) == dropped
    in_memory = data_from(*pairs[0], heldout=pairs[1], drop_copies=True)
    assert _compare(in_memory).facts.copies == dropped.facts.copies
    page = (tmp_path / "run" / "report.html").read_text()
    assert "3 held-out examples were left out, since they stand in the training part too." in page


def test_a_run_without_copies_says_nothing_of_them() -> None:
    x = normal(N + M, 5)
    run = _compare(((x[:N], LABELS), (x[N:], torch.arange(M) % 3)))
    assert run.facts.copies == Copies(n_heldout=M, exact=0, near=None, other_label=0)
    assert not any("stand in the training part" in text for text in run.sentences())


def test_of_many_models_copies_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelstitch.grid import pool

    counted = []

    def counting(*given: Any) -> Copies:
        counted.append(given)
        return copies(*given)

    monkeypatch.setattr(pool, "copies", counting)
    data = planted(normal(N + M, 5))
    runs = ms.compare_all(
        {"a": _net(0), "b": _net(1)},
        data,
        cuts=["1"],
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=1, batch_size=8),
        allow_untrained=True,
    )
    assert {run.facts.copies and run.facts.copies.exact for run in runs.values()} == {3}
    assert len(counted) == 1
