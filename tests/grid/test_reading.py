"""How a network's outputs are read: the same network with other ends gives the same numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.errors import ModelError
from modelstitch.evidence.kinds.agreement import calibration_error
from modelstitch.grid.side import make_side
from modelstitch.models.network import wrap
from modelstitch.tasks import Task

N, D, K = 400, 8, 5
X = torch.randn(N, D, generator=torch.Generator().manual_seed(0))
RULE = torch.randn(D, K, generator=torch.Generator().manual_seed(1))
Y = (X @ RULE + torch.randn(N, K, generator=torch.Generator().manual_seed(2))).argmax(1)
DATA = ms.data_from(X[:250], Y[:250], heldout=(X[250:], Y[250:]))
FIT = ms.FitSpec(steps=60, batch_size=64)


class Ending(nn.Module):
    """A network that is right as often as the rule, with an end of its own."""

    def __init__(self, end: Callable[[Tensor], Any], sharp: float = 1.5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(D, 16), nn.Tanh(), nn.Linear(16, 12), nn.Tanh())
        self.head, self.end = nn.Linear(12, K), end
        # Least squares of the rule from the body's features: trained, without a training.
        with torch.no_grad():
            features = torch.cat([self.body(X[:250]), torch.ones(250, 1)], 1)
            solved = torch.linalg.lstsq(features, X[:250] @ RULE).solution
            self.head.weight.copy_(sharp * solved[:-1].T)
            self.head.bias.copy_(sharp * solved[-1])

    def forward(self, x: Tensor) -> Any:
        return self.end(self.head(self.body(x)))


def plain(z: Tensor) -> Tensor:
    return z


ENDS: dict[str, Callable[[Tensor], Any]] = {
    "probabilities": lambda z: z.softmax(1),
    "log-probabilities": lambda z: z.log_softmax(1),
    "sigmoid": torch.sigmoid,
    "log-sigmoid": F.logsigmoid,
}


def compared(end: Callable[[Tensor], Any], **options: Any) -> ms.Comparison:
    return ms.compare(
        Ending(plain, 1.0).eval(),
        Ending(end).eval(),
        DATA,
        cuts=["body.1"],
        controls=(),
        evidence=["agreement"],
        fit=FIT,
        **options,
        allow_untrained=True,
    )


def value(comparison: ms.Comparison, name: str) -> float:
    return float(next(row.value for row in comparison.evidence if row.name == name) or math.nan)


@pytest.fixture(scope="module")
def of_logits() -> ms.Comparison:
    return compared(plain)


def test_the_calibration_of_logits_is_known(of_logits: ms.Comparison) -> None:
    """The oracle of the tests below: the network's own logits, without the library's reading."""
    with torch.no_grad():
        outputs = Ending(plain).eval()(X[250:])
    own = calibration_error(outputs, Y[250:])
    assert value(of_logits, "receiver_calibration_error") == pytest.approx(own, abs=1e-4)
    assert own < 0.15 < abs(calibration_error(outputs.softmax(1), Y[250:]))  # read wrongly it is far off


@pytest.mark.parametrize("scale", ENDS)
def test_a_receiver_is_scored_and_calibrated_alike_whatever_it_ends_in(
    scale: str, of_logits: ms.Comparison
) -> None:
    found = compared(ENDS[scale])
    assert found.baseline("receiver") == of_logits.baseline("receiver")
    known = value(of_logits, "receiver_calibration_error")
    assert value(found, "receiver_calibration_error") == pytest.approx(known, abs=1e-3)
    assert found.facts.pair.outputs.receiver == ms.OutputFacts(scale=scale)
    assert found.facts.pair.outputs.sender is None
    # The stitch is fitted to the same loss: class scores up to rounding, so scores within a few examples.
    assert found.cells[0].score == pytest.approx(of_logits.cells[0].score, abs=0.03)
    assert found.cells[0].loss == pytest.approx(of_logits.cells[0].loss, abs=0.05)


@pytest.mark.parametrize("scale", ENDS)
def test_every_half_that_objectives_read_gives_the_same_logits(scale: str) -> None:
    known, side = (make_side(wrap(Ending(end, 0.7).eval(), "net"), DATA) for end in (plain, ENDS[scale]))
    some = torch.arange(60)
    (y,) = known.represent(("body.1",), "train", some, torch.float32, unaccelerated=True)
    with torch.no_grad():
        own = known.suffix("body.1")(y)
        # In bfloat16 a share of .999 would be 1, so what squashes is kept in float32.
        fast = torch.bfloat16 if side.reading.is_squashed else torch.float32
        for half in (side.suffix("body.1"), side.fast_suffix("body.1", fast)):
            got = half(y)
            assert float((got.log_softmax(1) - own.log_softmax(1)).abs().max()) < 2e-3
            distances = DATA.task.distances(got, own, DATA.train.labels[some])
            assert float(distances.abs().max()) < 2e-3


def test_the_one_output_that_fits_is_scored_and_said(of_logits: ms.Comparison) -> None:
    found = compared(lambda z: (z[:, :2], {"boxes": z[:, :4], "answers": z}))
    assert found.baseline("receiver") == of_logits.baseline("receiver")
    assert found.facts.pair.outputs.receiver == ms.OutputFacts(
        part="1.answers", among=("0 (N, 2)", "1.boxes (N, 4)", "1.answers (N, 5)")
    )
    again = ms.RunFacts.from_plain(found.facts.to_plain())
    assert again == found.facts


def test_several_outputs_that_fit_need_a_choice(of_logits: ms.Comparison) -> None:
    def two(z: Tensor) -> tuple[Tensor, Tensor]:
        return -z, z

    with pytest.raises(ModelError, match=r"several may be meant: 0 \(N, 5\), 1 \(N, 5\)"):
        compared(two)
    wrong, right = (compared(two, receiver_output=number) for number in (0, "1"))
    assert right.baseline("receiver") == of_logits.baseline("receiver")
    assert (wrong.baseline("receiver") or 1) < 0.3
    assert right.spec.receiver.output == "1"
    stitched = ms.stitch(
        Ending(plain).eval(),
        "body.1",
        Ending(two).eval(),
        "body.1",
        DATA,
        fit=FIT,
        receiver_output=1,
        allow_untrained=True,
    )
    assert stitched(X[:3]).shape == (3, K)
    assert stitched.score(DATA.heldout) == stitched.accuracy


def test_a_stitched_network_gives_what_the_receiver_gives() -> None:
    stitched = ms.stitch(
        Ending(plain).eval(),
        "body.1",
        Ending(ENDS["probabilities"]).eval(),
        "body.1",
        DATA,
        fit=FIT,
        allow_untrained=True,
    )
    with torch.no_grad():
        torch.testing.assert_close(stitched(X[:7]).sum(1), torch.ones(7))
    assert stitched.score(DATA.heldout) == stitched.accuracy


def by_hand(z: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-z))


def test_what_cannot_be_recognised_is_asked_for() -> None:
    with pytest.raises(ModelError, match="does not say whether they are logits or probabilities: .*sigmoid"):
        compared(by_hand)
    found = compared(by_hand, receiver_output_scale="sigmoid")
    known = compared(torch.sigmoid)
    assert value(found, "receiver_calibration_error") == pytest.approx(
        value(known, "receiver_calibration_error"), abs=1e-4
    )
    with pytest.raises(ModelError, match="expected probabilities from 0 to 1, got values from"):
        compared(plain, receiver_output_scale="probabilities")
    with pytest.raises(ms.SpecError, match="unknown scale of outputs 'softmax'"):
        compared(plain, receiver_output_scale="softmax")


def test_logits_that_lie_between_0_and_1_by_chance_are_logits() -> None:
    class Small(Ending):
        def forward(self, x: Tensor) -> Any:
            return F.linear(self.body(x), 1e-3 * self.head.weight, torch.full((K,), 0.5))

    side = make_side(wrap(Small(plain).eval(), "small"), DATA)
    assert side.reading.changes_nothing


def test_outputs_of_several_labels_are_read_each_by_itself() -> None:
    targets = torch.nn.functional.one_hot(Y, K)
    data = ms.data_from(X[:250], targets[:250], heldout=(X[250:], targets[250:]), task="multi-label")
    known, sigmoid, softmax = (
        make_side(wrap(Ending(end).eval(), "net"), data)
        for end in (plain, torch.sigmoid, ENDS["probabilities"])
    )
    assert sigmoid.reading.scale == softmax.reading.scale == "sigmoid"
    assert sigmoid.accuracy() == known.accuracy()
    assert (softmax.accuracy() or 0) > 0.8  # read as logits, every label would be answered: 0.2


def test_coarser_labels_sum_the_probabilities_of_their_classes() -> None:
    coarse = ms.LabelSet("halves", ("low", "high"), (0, 0, 1, 1, 1))
    data = replace(DATA, label_sets=(coarse,)).by("halves")
    with torch.no_grad():
        shares = Ending(plain).eval()(X[250:]).softmax(1)
    answers = (shares[:, 2:].sum(1) > 0.5).long()
    known = float((answers == (Y[250:] >= 2).long()).float().mean())
    for end in (plain, ENDS["probabilities"], ENDS["log-probabilities"]):
        assert make_side(wrap(Ending(end).eval(), "net"), data).accuracy() == pytest.approx(known)


class Flowing(Ending):
    """Cannot be captured as a graph: its flow depends on values."""

    def forward(self, x: Tensor) -> Any:
        features = self.body(x)
        if float(features.detach().sum()) > 1e9:
            features = 2 * features
        return self.end(self.head(features))


def test_outputs_of_what_cannot_be_captured_are_read_too() -> None:
    known = make_side(wrap(Ending(plain).eval(), "known"), DATA).accuracy()
    sides = [
        make_side(wrap(Flowing(end).eval(), "net"), DATA)
        for end in (lambda z: (z[:, :2], z), torch.sigmoid, ENDS["probabilities"])
    ]
    assert [side.reading.part for side in sides] == ["1", "", ""]
    assert [side.reading.scale for side in sides] == ["logits", "sigmoid", "probabilities"]
    assert all(side.accuracy() == known for side in sides)


def test_modules_for_all_pairs_say_their_output_in_a_network() -> None:
    both = ms.Network(module=Ending(lambda z: (-z, z)).eval(), name="two", view=ms.View(), output=1)
    found = ms.compare_all(
        {"two": both, "one": Ending(plain).eval()},
        DATA,
        cuts=["body.1"],
        controls=(),
        evidence=(),
        fit=FIT,
        allow_untrained=True,
    )
    scores = {found[pair].baseline(role) for pair in found for role in ("sender", "receiver")}
    assert len(scores) == 1
    assert found["two", "one"].spec.sender.output == 1


def right(outputs: Tensor, y: Tensor) -> Tensor:
    return outputs.argmax(1) == y


def test_a_task_of_ones_own_takes_outputs_as_they_are(of_logits: ms.Comparison) -> None:
    seen: list[float] = []

    def loss(outputs: Tensor, y: Tensor) -> Tensor:
        seen.append(float(outputs.detach().min()))
        return F.nll_loss(outputs.clamp_min(1e-9).log(), y)

    own = Task(name="own", loss=loss, score=right, has_classes=True)
    data = ms.data_from(X[:250], Y[:250], heldout=(X[250:], Y[250:]), task=own, groups=Y)
    found = ms.compare(
        Ending(plain).eval(),
        Ending(ENDS["probabilities"]).eval(),
        data,
        cuts=["body.1"],
        controls=(),
        evidence=["agreement"],
        fit=FIT,
        allow_untrained=True,
    )
    assert min(seen) >= 0
    known = value(of_logits, "receiver_calibration_error")
    assert value(found, "receiver_calibration_error") == pytest.approx(known, abs=1e-3)
    with pytest.raises(ModelError, match="expected no scale of outputs with the task own"):
        ms.compare(Ending(plain), Ending(plain), data, receiver_output_scale="logits", allow_untrained=True)


def test_controls_are_read_as_the_network_is() -> None:
    found = ms.compare(
        Ending(plain).eval(),
        Ending(torch.sigmoid).eval(),
        DATA,
        cuts=["body.1"],
        controls=["random-receiver", "self-stitch"],
        evidence=(),
        fit=FIT,
        allow_untrained=True,
    )
    assert not found.failed


def test_the_page_says_what_was_read(of_logits: ms.Comparison) -> None:
    from modelstitch.report.limits import limits

    found = compared(lambda z: (z[:, :2], z.softmax(1)))
    said = [str(sentence) for sentence in limits(found)]
    assert "The receiver gives several outputs, 0 (N, 2), 1 (N, 5). Output 1 is scored." in said
    assert any(text.startswith("The receiver gives probabilities.") for text in said)
    assert not any("outputs" in str(sentence) for sentence in limits(of_logits))
