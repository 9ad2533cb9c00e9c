"""Several label sets for the same images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from modelstitch.data.label_sets import LabelSet, set_from_labels
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.rotated import rotated
from modelstitch.errors import DataError
from modelstitch.grid.labelling import labelling
from modelstitch.grid.side import make_side
from modelstitch.models.network import wrap
from modelstitch.runs.requirements import expect_outputs
from modelstitch.specs import DataSpec
from tests.data.sources.test_parquet import good, hub, write


@pytest.mark.parametrize(
    ("classes", "label_of", "message"),
    [
        (("a", "b"), (0, 0, 0), "expected each of the labels 0 to 1 for at least one class, got [0]"),
        (("a", "b"), (0, 1, 2), "expected each of the labels 0 to 1 for at least one class, got [0, 1, 2]"),
        (("a",), (0, 0, 0), "expected from 2 labels to one less than the 3 classes, got 1"),
        (("a", "b"), (0, 1), "expected from 2 labels to one less than the 2 classes, got 2"),
    ],
)
def test_a_label_set_that_is_none_is_refused(
    classes: tuple[str, ...], label_of: tuple[int, ...], message: str
) -> None:
    with pytest.raises(DataError, match=r"label set 'kind'") as caught:
        LabelSet("kind", classes, label_of)
    assert message in str(caught.value)


def test_data_by_a_label_set_keep_their_images_and_remember_the_finest_labels(digits: Data) -> None:
    coarse = digits.by("parity")
    assert torch.equal(coarse.train.images, digits.train.images)
    assert torch.equal(coarse.train.labels, digits.train.labels % 2)
    assert torch.equal(coarse.heldout.labels, digits.heldout.labels % 2)
    assert coarse.finest is not None
    assert torch.equal(coarse.finest.heldout, digits.heldout.labels)
    assert coarse.finest.classes == digits.classes
    moved = coarse.to(torch.device("cpu"))
    assert moved.finest is not None
    assert torch.equal(moved.finest.heldout, digits.heldout.labels)


def test_how_classes_were_put_together_is_part_of_the_content(digits: Data) -> None:
    """A network of ten outputs is read otherwise where the two labels are all there is."""
    coarse = digits.by("parity")
    assert coarse.digest != replace(coarse, finest=None, label_sets=()).digest
    assert coarse.digest != digits.digest
    assert coarse.task.read(torch.zeros(1, 10)).shape == (1, 2)
    assert digits.task.read(torch.zeros(1, 10)).shape == (1, 10)


def test_a_label_set_by_a_wrong_name_is_refused_with_the_right_ones(digits: Data) -> None:
    with pytest.raises(DataError, match=r"unknown label set of data digits 'party'.*did you mean 'parity'"):
        load_data(DataSpec(source="digits", labels="party"))
    with pytest.raises(DataError, match="labelled by 'parity' already"):
        digits.by("parity").by("parity")
    with pytest.raises(DataError, match="data digits has no coarser label set, got 'kind'"):
        replace(digits, label_sets=()).by("kind")
    with pytest.raises(DataError, match="to give a label for each of 10 classes, got 3"):
        replace(digits, label_sets=(LabelSet("kind", ("a", "b"), (0, 1, 1)),))


def test_a_second_label_column_is_a_label_set_where_it_follows_from_the_first(tmp_path: Path) -> None:
    fine, coarse = [0, 1, 2, 0, 1, 2, 0, 1, 2], [4, 4, 1, 4, 4, 1, 4, 4, 1]
    named = write(
        tmp_path / "named.parquet",
        good(9),
        fine,
        hub(["plant", "mineral", "c", "d", "animal"], "coarse_label"),
        coarse_label=coarse,
        label_noise=[0, 1, 2, 1, 1, 2, 0, 1, 2],
        other=coarse,
    )
    data = load_data(DataSpec(source=str(named)))
    assert data.label_sets == (LabelSet("coarse_label", ("mineral", "animal"), (1, 1, 0)),)
    assert data.by("coarse_label").train.labels.unique().tolist() == [0, 1]


def test_a_second_label_column_must_follow_in_both_parts(tmp_path: Path) -> None:
    write(tmp_path / "set" / "train.parquet", good(6), [0, 1, 2] * 2, coarse_label=[0, 0, 1] * 2)
    write(tmp_path / "set" / "test.parquet", good(3), [0, 1, 2], coarse_label=[0, 1, 1])
    assert load_data(DataSpec(source=str(tmp_path / "set"))).label_sets == ()
    write(tmp_path / "set" / "test.parquet", good(3), [0, 1, 2])
    assert load_data(DataSpec(source=str(tmp_path / "set"))).label_sets == ()


@given(st.lists(st.integers(0, 3), min_size=4, max_size=6), st.integers(0, 10**6))
def test_a_planted_label_set_is_found(label_of: list[int], seed: int) -> None:
    fine = torch.randint(0, len(label_of), (200,), generator=torch.Generator().manual_seed(seed))
    fine[: len(label_of)] = torch.arange(len(label_of))
    coarse = torch.tensor(label_of)[fine]
    found = set_from_labels("kind", coarse, fine, None)
    n = len(set(label_of))
    if not 2 <= n < len(label_of):
        assert found is None
        return
    assert found is not None
    assert [int(found.classes[label]) for label in found.label_of] == label_of
    coarse[0] += 1  # one example that says otherwise
    broken = set_from_labels("kind", coarse, torch.cat([fine[:1], fine[:1], fine])[1:-1], None)
    assert broken is None or broken != found


def test_outputs_that_fit_neither_set_are_refused(digits: Data) -> None:
    """Ten outputs are digits, and no rotations of them."""
    data = load_data(DataSpec(source="digits", rotations=True, labels="rotation"))

    def fits(data: Data, n_outputs: int) -> bool:
        found = labelling(wrap(nn.Identity(), "any"), data, n_outputs)
        assert found is not None
        return not found.missing

    assert [fits(data, n) for n in (4, 10, 39, 40, 41)] == [True, False, False, True, True]
    assert [fits(digits, n) for n in (9, 10, 11)] == [False, True, True]
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    side = make_side(wrap(module, "ten"), data)
    assert side.accuracy() is None
    with pytest.raises(
        DataError, match="labelled by 'rotation', 4 labels for 40 classes, but receiver ten has 10 outputs"
    ):
        expect_outputs(side)


def test_rotations_are_quarter_turns_that_the_label_tells(digits: Data) -> None:
    turned = rotated(digits, seed=3)
    for part, original in ((turned.train, digits.train), (turned.heldout, digits.heldout)):
        assert torch.equal(part.labels // 4, original.labels)
        for turn in range(4):
            mine = part.labels % 4 == turn
            assert torch.equal(part.images[mine].rot90(-turn, (2, 3)), original.images[mine])
    counts = turned.train.labels.bincount(minlength=40).double()
    assert (
        float(((counts - 30) ** 2 / 30).sum()) < 80
    )  # chi squared with 39 degrees of freedom: one in ten thousand
    few = rotated(load_data(DataSpec(source="digits", limit=600)), seed=3)
    whole = {image.numpy().tobytes() for image in turned.train.images}
    assert {image.numpy().tobytes() for image in few.train.images} <= whole  # the same image is turned alike
    assert turned.classes[5] == "1, 90 degrees"
    assert torch.equal(rotated(digits, seed=3).train.images, turned.train.images)
    assert not torch.equal(rotated(digits, seed=4).train.labels, turned.train.labels)


@pytest.mark.parametrize(
    ("name", "n_labels", "of"),
    [("class", 10, lambda c, r: c), ("rotation", 4, lambda c, r: r), ("turned", 2, lambda c, r: r > 0)],
)
def test_class_by_rotation_gives_2_10_and_40_labels(
    digits: Data, name: str, n_labels: int, of: object
) -> None:
    turned = rotated(digits)
    data = load_data(DataSpec(source="digits", rotations=True, labels=name))
    assert len(data.classes) == n_labels
    assert callable(of)
    wanted = [int(of(label // 4, label % 4)) for label in turned.heldout.labels.tolist()]
    assert data.heldout.labels.tolist() == wanted
    parity = load_data(DataSpec(source="digits", rotations=True, labels="parity"))
    assert torch.equal(parity.heldout.labels, (turned.heldout.labels // 4) % 2)


def test_what_cannot_be_turned_is_refused(digits: Data) -> None:
    wide = [DataPart(part.images[..., :6], part.labels) for part in (digits.train, digits.heldout)]
    with pytest.raises(DataError, match=r"expected square images to turn, got examples of shape \(1, 8, 6\)"):
        rotated(replace(digits, train=wide[0], heldout=wide[1]))
    with pytest.raises(DataError, match="before a coarser label set is chosen"):
        rotated(digits.by("parity"))
