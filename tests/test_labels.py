"""Labels that are not the receiver's outputs: matched by name, else told, and never a verdict of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.errors import DataError
from modelstitch.models.network import wrap
from modelstitch.report.limits import limits
from modelstitch.specs.verdicts import Reason, VerdictName
from tests.digit_nets import digit_images, trained_digit_net

ABSENT = 3
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
QUICK: dict[str, Any] = {"controls": (), "evidence": (), "fit": ms.FitSpec(steps=40)}


@pytest.fixture(scope="module")
def pair() -> tuple[nn.Module, nn.Module]:
    return trained_digit_net(0, epochs=12), trained_digit_net(1, epochs=12)


@pytest.fixture(scope="module")
def without_three() -> tuple[Tensor, Tensor]:
    """Images without those of one class, and their labels as they are."""
    x, y = digit_images()
    kept = y != ABSENT
    return x[kept], y[kept]


def shifted(labels: Tensor) -> Tensor:
    """Labels as a folder numbers them where one class is absent."""
    return labels - (labels > ABSENT).long()


def parts(x: Tensor, y: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    return (x[:800], y[:800]), (x[1080:], y[1080:])


def test_shifted_labels_get_no_verdict_and_are_told(
    pair: tuple[nn.Module, nn.Module], without_three: tuple[Tensor, Tensor]
) -> None:
    x, y = without_three
    found = ms.compare(
        *pair,
        parts(x, shifted(y)),
        cuts=["2"],
        evidence=ms.EvidenceSpec.parse(["kept"], 300),
        fit=ms.FitSpec(steps=120),
    )
    own = found.baseline("receiver")
    assert own is not None
    assert own < 0.4 < 0.7 < (found.cells[0].score or 0.0)
    (verdict,) = found.verdicts().values()
    assert (verdict.name, verdict.reason) == (VerdictName.CANNOT_TELL, Reason.SELF_STITCH_ABOVE_RECEIVER)
    texts = limits(found)
    assert any("where class 3 is output 4, class 4 is output 5" in text for text in texts)
    assert any("data and receiver do not fit each other, so that 1 place has no verdict" in t for t in texts)
    # The difference is paired, and larger than any sampling of 400 examples.
    (self_stitch,) = (cell for cell in found.cells if cell.control == "self-stitch")
    assert self_stitch.above_receiver == pytest.approx((self_stitch.score or 0.0) - own)
    assert 0 < (self_stitch.above_receiver_error or 0.0) < 0.04


@pytest.mark.parametrize("classes", [NAMES[:ABSENT] + NAMES[ABSENT + 1 :]])
def test_names_of_the_classes_put_every_label_in_its_place(
    pair: tuple[nn.Module, nn.Module], without_three: tuple[Tensor, Tensor], classes: tuple[str, ...]
) -> None:
    x, y = without_three
    (train, heldout) = parts(x, shifted(y))
    data = ms.data_from(*train, heldout=heldout, data_classes=classes)
    sender, receiver = (replace(wrap(module, "net"), classes=NAMES) for module in pair)
    by_name = ms.compare(sender, receiver, data, cuts=["2"], **QUICK)
    with torch.no_grad():
        right = (pair[1](heldout[0]).argmax(1) == y[1080:]).float().mean()
    assert by_name.baseline("receiver") == pytest.approx(float(right))
    labels = by_name.facts.pair.labels.receiver
    assert labels is not None
    assert (labels.by, labels.n_outputs, labels.n_classes, labels.numbering) == ("names", 10, 9, None)
    # As numbers of the source, with one class without an example, the same labels score the same.
    as_numbers = ms.compare(*pair, parts(x, y), cuts=["2"], **QUICK)
    assert as_numbers.baseline("receiver") == by_name.baseline("receiver")
    assert as_numbers.cells[0].score == by_name.cells[0].score
    assert as_numbers.facts.unscored == ms.Unscored(n_classes=1, of=10, first=("3",), n_heldout=0)
    assert any("1 of 10 classes have no training example (3)" in text for text in limits(as_numbers))


def test_every_model_has_its_own_order_of_outputs(pair: tuple[nn.Module, nn.Module]) -> None:
    """A sender and a receiver whose outputs stand in other orders give the numbers of the plain pair."""
    x, y = digit_images()
    (train, heldout) = (x[:600], y[:600]), (x[1200:1500], y[1200:1500])
    orders = [torch.arange(10).roll(3), torch.arange(10).flip(0)]

    class Permuted(nn.Module):
        def __init__(self, inner: nn.Module, order: Tensor) -> None:
            super().__init__()
            self.inner, self.order = inner, order

        def forward(self, x: Tensor) -> Tensor:
            return torch.index_select(self.inner(x), 1, self.order)

    data = ms.data_from(*train, heldout=heldout, data_classes=NAMES)
    first, second = (
        replace(wrap(Permuted(module, order).eval(), "net"), classes=tuple(NAMES[k] for k in order))
        for module, order in zip(pair, orders, strict=True)
    )
    found = ms.compare(first, second, data, cuts=["inner.2"], **QUICK)
    plain = ms.compare(*pair, (train, heldout), cuts=["2"], **QUICK)
    for role in ("sender", "receiver"):
        assert found.baseline(role) == plain.baseline(role)
    assert found.cells[0].score == pytest.approx(plain.cells[0].score, abs=0.02)


def test_a_class_that_the_receiver_does_not_know_is_refused_with_the_nearest(
    pair: tuple[nn.Module, nn.Module],
) -> None:
    x, y = digit_images()
    data = ms.data_from(x, y, data_classes=(*NAMES[:8], "eigth", "ninety"))
    sender, receiver = (replace(wrap(module, "net"), classes=NAMES) for module in pair)
    with pytest.raises(
        DataError,
        match=r"2 of 10 classes are no class of receiver net by name: 'eigth' \(nearest 'eight'\), 'ninety' "
        r"\(nearest 'nine'\); name the classes alike \(--data-classes, --receiver-classes\)",
    ):
        ms.compare(sender, receiver, data, cuts=["2"])
    with pytest.raises(DataError, match="a class name for each of the 10 outputs of net, got 9"):
        ms.compare(sender, replace(receiver, classes=NAMES[:9]), data, cuts=["2"])


def test_names_without_any_in_common_are_matched_by_number_and_told(
    pair: tuple[nn.Module, nn.Module],
) -> None:
    x, y = digit_images()
    data = ms.data_from(x[:400], y[:400], data_classes=tuple(f"klasse {k}" for k in range(10)))
    sender, receiver = (replace(wrap(module, "net"), classes=NAMES) for module in pair)
    found = ms.compare(sender, receiver, data, cuts=["2"], **QUICK)
    labels = found.facts.pair.labels.receiver
    assert labels is not None
    assert (labels.by, labels.names_differ) == ("numbers", True)
    assert labels.numbering is not None
    assert labels.numbering.as_given > 0.9
    assert not labels.numbering.is_likely_wrong


def test_a_model_of_a_thousand_outputs_on_ten_classes_is_told(pair: tuple[nn.Module, nn.Module]) -> None:
    torch.manual_seed(0)
    wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 1000)).eval()
    found = ms.compare(
        pair[0], wide, digit_images(), sender_cuts=["2"], receiver_cuts=["1"], **QUICK, allow_untrained=True
    )
    assert any(
        "The receiver has 1000 outputs and the data have 10 classes, matched by number: names of both are "
        "not known. Likely, it was trained on other classes than these." in text
        for text in limits(found)
    )


def test_class_names_of_checkpoints_and_files_from_the_shell(
    checkpoints: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of names that swaps two outputs moves the receiver's score as the swap does."""
    from modelstitch.cli import main

    names = [str(label) for label in range(10)]
    swapped = [*names[:8], "9", "8"]
    for name, lines in (("names", names), ("swapped", swapped)):
        (tmp_path / f"{name}.txt").write_text("\n".join(lines))
    arguments = [
        *(
            "compare",
            *map(str, checkpoints),
            "--cuts",
            "layers.3",
            "--controls",
            "none",
            "--evidence",
            "none",
        ),
        *("--steps", "5", "--json", "--device", "cpu"),
    ]
    scores = []
    for name in ("names", "swapped"):
        assert main([*arguments, "--receiver-classes", str(tmp_path / f"{name}.txt")]) == 0
        scores.append(json.loads(capsys.readouterr().out)["receiver_accuracy"])
    assert scores[0] > 0.8
    assert scores[1] < scores[0] - 0.1
    assert main([*arguments, "--receiver-classes", str(tmp_path / "none.txt")]) == 2
    assert "cannot read the class names in" in capsys.readouterr().err
