"""Rivals: planted truths, what they cost, what they may not see, and what is said of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from modelstitch.adoption.division import Division, divide
from modelstitch.adoption.rivals.heads import features, fit_head, sizes_of
from modelstitch.adoption.rivals.rival_kinds import Contender, RivalFits
from modelstitch.adoption.rivals.students import slimmed, student
from modelstitch.adoption.rivals.table import RIVALS, RivalTable, rivals, standing
from modelstitch.adoption.rivals.training import distilling, of_task
from modelstitch.adoption.work import Load, load_before, load_of, whole_load
from modelstitch.cutting.layouts import as_layout
from modelstitch.errors import ModelError, SpecError
from modelstitch.grid.side import Side, make_side
from modelstitch.models import zoo
from modelstitch.models.network import digest, wrap
from modelstitch.runs.session import Session
from modelstitch.specs import FitSpec
from modelstitch.tasks import CLASSIFICATION
from tests.adoption.toys import mlp, separable

QUICK = RivalFits(max_epochs=16)


@pytest.fixture(scope="module")
def toys() -> tuple[Side, Side]:
    """A sender and a receiver, both untrained, on a task that is linear in their first layer."""
    data = separable()
    return make_side(wrap(mlp(0), "sender"), data), make_side(wrap(mlp(1), "receiver"), data)


def poor(toys: tuple[Side, Side], load: Load | None = None) -> Contender:
    """A candidate that is right six times in ten, at the receiver's cost."""
    n = len(toys[0].data.heldout)
    cut = toys[0].cutting.boundaries[0].name
    return Contender(cut, cut, torch.arange(n) % 10 < 6, load or whole_load(toys[1]))


def parts(toys: tuple[Side, Side]) -> Division:
    return divide(len(toys[0].data.heldout), "toy")


def run(toys: tuple[Side, Side], names: tuple[str, ...], **changes: object) -> RivalTable:
    division = parts(toys)
    options = {"fits": QUICK, **changes}
    candidate = options.pop("candidate", None) or poor(toys)
    return rivals(*toys, candidate, division.choose, division.confirm, names=names, **options)  # type: ignore[arg-type]


def test_where_a_linear_probe_solves_the_task_the_probe_wins(toys: tuple[Side, Side]) -> None:
    (probe,) = run(toys, ("sender-probe",)).rivals
    assert probe.standing == "wins"
    assert probe.score is not None
    assert probe.score > 0.97
    assert probe.low is not None
    assert probe.low > 0.2
    assert probe.converged


def test_an_untrained_receiver_loses_and_a_student_converges(toys: tuple[Side, Side]) -> None:
    table = run(toys, ("whole-receiver", "student-from-scratch"))
    whole, own = table.rivals
    assert whole.converged is None
    assert whole.standing != "wins"
    assert own.converged
    assert own.standing == "wins"
    assert own.score is not None
    assert own.score > 0.95
    assert [rival.name for rival in table.winners] == ["student-from-scratch"]
    assert "A rival wins against the candidate: the same student from scratch." in table.sentences()[0]
    # Trained as users train it on pictures, one that does not win might: the answer says so.
    pictures = replace(table, pictures=True)
    level = replace(pictures, rivals=(replace(own, standing="level"),))
    told = ["shifted and mirrored" in " ".join(one.sentences()) for one in (table, pictures, level)]
    assert told == [False, False, True]


def test_a_rival_that_still_gains_is_unfair_and_neither_wins_nor_loses(toys: tuple[Side, Side]) -> None:
    crawling = FitSpec(optimiser="sgd", learning_rate=0.01, momentum=0, precision="float32", first_steps=2)
    table = run(toys, ("student-from-scratch",), fits=RivalFits(max_epochs=1, whole=crawling))
    (rival,) = table.rivals
    assert rival.converged is False
    assert rival.standing == "unfair"
    assert not table.winners
    assert "Nothing is known of rivals that had not converged" in table.sentences()[0]
    assert "0 lose" in table.sentences()[0]


def test_what_is_fitted_does_not_see_the_held_out_examples(toys: tuple[Side, Side]) -> None:
    names = ("sender-probe", "student-from-scratch")
    first = run(toys, names)
    data = toys[0].data
    wrong = replace(data, heldout=replace(data.heldout, labels=(data.heldout.labels + 1) % 3))
    second = run((toys[0].relabelled(wrong), toys[1].relabelled(wrong)), names)
    for one, other in zip(first.rivals, second.rivals, strict=True):
        assert one.spent == other.spent
        assert one.score is not None
        assert other.score is not None
        assert one.score > 0.9 > 0.1 > other.score


def test_every_rival_is_fair_costs_what_it_may_and_leaves_the_networks_alone(toys: tuple[Side, Side]) -> None:
    whole = whole_load(toys[1])
    bound = Load(whole.parameters * 7 // 10, whole.multiply_adds * 7 // 10)
    table = run(toys, RIVALS, candidate=poor(toys, bound))
    by_name = {rival.name: rival for rival in table.rivals}
    assert tuple(by_name) == RIVALS
    assert all(rival.standing not in ("unfair", "not-run") for rival in table.rivals)
    assert by_name["whole-receiver"].load == whole
    for name in ("distilled-student", "student-from-scratch"):
        load = by_name[name].load
        assert load is not None
        assert load.within(bound)
        assert load.multiply_adds > 0.7 * bound.multiply_adds
    taught, alone = by_name["distilled-student"].spent, by_name["student-from-scratch"].spent
    # The teacher has answered every training example once.
    answers = len(toys[0].data.train) * whole.multiply_adds
    assert taught.multiply_adds - answers == taught.steps / alone.steps * alone.multiply_adds
    for side in toys:
        assert side.network.module.training is False
        assert digest(side.network.module) == side.digest
    again = run(toys, ("distilled-student",), candidate=poor(toys, bound))
    assert again.rivals[0].score == by_name["distilled-student"].score
    assert len(json.loads(json.dumps(table.to_plain()))["rivals"]) == len(RIVALS)
    assert len(table.sentences()) == len(RIVALS) + 2


def test_a_fine_tuned_receiver_starts_where_the_receiver_is(session: Session) -> None:
    receiver = session.pair.receiver
    division = divide(len(session.pair.data.heldout), "digits")
    assert receiver.own_scores is not None
    own = receiver.own_scores.cpu()
    still = FitSpec(learning_rate=1e-9, precision="float32")
    candidate = Contender("layers.2", "layers.2", own, whole_load(receiver))
    table = rivals(
        session.pair.sender,
        receiver,
        candidate,
        division.choose,
        division.confirm,
        names=("fine-tuned-receiver",),
        fits=RivalFits(tuned=still),
    )
    difference = table.rivals[0].difference
    assert difference is not None
    assert abs(difference) < 0.02


def test_what_cannot_be_run_is_named_and_does_not_lose(toys: tuple[Side, Side]) -> None:
    table = run(toys, ("distilled-student",), candidate=poor(toys, Load(1, 1)))
    (rival,) = table.rivals
    assert (rival.standing, rival.score) == ("not-run", None)
    assert "costs more than the candidate" in rival.what
    assert "Not run: a distilled student of equal cost." in table.sentences()[0]
    assert table.to_plain()["rivals"][0]["multiply_adds"] is None


def test_bad_names_and_shared_examples_are_refused(toys: tuple[Side, Side]) -> None:
    with pytest.raises(SpecError, match=r"unknown rival 'sender-prob'.*mean 'sender-probe'"):
        run(toys, ("sender-prob",))
    division = parts(toys)
    with pytest.raises(SpecError, match="choose or confirm, got some that do both"):
        rivals(*toys, poor(toys), division.confirm, division.confirm)


@given(st.floats(-0.5, 0.5), st.floats(0, 0.2), st.floats(0.1, 3), st.floats(0.001, 0.1))
def test_a_standing_follows_its_rule(middle: float, half: float, cost: float, margin: float) -> None:
    low, high = middle - half, middle + half
    found = standing(low, high, cost, True, margin)
    if found == "wins":
        assert cost <= 1.05
        assert low >= -margin
    if found == "loses":
        assert high < 0
    assert standing(low, high, cost, False, margin) == "unfair"
    assert standing(low, high, cost, None, margin) == found
    # Whoever is cheaper stands no worse.
    if found == "wins":
        assert standing(low, high, cost / 2, True, margin) == "wins"


def test_a_head_does_as_well_as_a_logistic_regression(session: Session) -> None:
    side = session.pair.receiver
    head = fit_head(side, "layers.2", RivalFits().of("head"), n_outputs=10, before=0)
    every = torch.arange(len(side.data.train)), torch.arange(len(side.data.heldout))
    x = features(side, "layers.2", "train", every[0], head.size).numpy()
    x_heldout = features(side, "layers.2", "held-out", every[1], head.size).numpy()
    oracle = LogisticRegression(max_iter=2000).fit(x, side.data.train.labels.numpy())
    expected = oracle.score(x_heldout, side.data.heldout.labels.numpy())
    outputs = head.outputs(side, "layers.2", "held-out", every[1])
    own = float((outputs.argmax(1) == side.data.heldout.labels).double().mean())
    assert own > expected - 0.02
    assert head.outcome.converged


def test_a_head_reads_at_most_4096_numbers() -> None:
    for shape in ((8, 4, 4), (512, 7, 7), (64, 100, 30), (3, 5)):
        layout = as_layout(shape)
        for size in sizes_of(layout):
            positions = 1
            for n in layout.positions:
                positions *= min(size, n)
            assert layout.n_features * positions <= 4096


def test_costs_are_those_of_the_closed_formulas() -> None:
    net = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.Flatten(), nn.Linear(5 * 16, 7))
    assert load_of(net, torch.zeros(2, 3, 8, 8)) == Load((27 * 5 + 5) + (80 * 7 + 7), 27 * 5 * 16 + 80 * 7)


def test_what_lies_before_a_cut_is_counted(toys: tuple[Side, Side]) -> None:
    first, second = (cut.name for cut in toys[0].cutting.boundaries[:2])
    assert load_before(toys[0], first) == Load(6 * 12 + 12, 6 * 12)
    assert load_before(toys[0], second) == Load(7 * 12 + 13 * 12, 6 * 12 + 12 * 12)


@pytest.mark.parametrize("width", [2, 3])
def test_a_copy_with_all_its_channels_is_the_receiver_itself(width: int) -> None:
    receiver = zoo.build("R1111", width=width, channels=1)
    x = torch.randn(4, 1, 8, 8)
    copied = slimmed(receiver, x, {}, 1.0, 10)
    assert load_of(copied, x) == load_of(receiver.eval(), x)
    assert load_of(slimmed(receiver, x, {}, 2.0, 10), x) == load_of(
        zoo.build("R1111", 2 * width, channels=1), x
    )
    assert all(parameter.requires_grad for parameter in copied.parameters())


def test_a_receiver_that_cannot_be_slimmed_gets_a_student_of_the_zoo() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
            self.head = nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.two(self.one(x)).mean((2, 3))
            output: Tensor = self.head(y.view(-1, 16))  # a number of channels stands in the code
            return output

    x, bound = torch.randn(2, 1, 80, 80), Load(20_000, 3_000_000)
    found = student(Fixed(), x, {}, bound, 4, 0)
    assert "R1111 of width" in found.rule
    assert "averaged 2 to 1" in found.rule
    assert found.load.within(bound)
    assert found.module(x).shape == (2, 4)
    with pytest.raises(ModelError, match=r"parameters in a LayerNorm.*takes images alone"):
        student(nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4)), torch.randn(2, 6), {}, bound, 4, 0)


def test_a_student_is_taught_by_labels_and_teacher_alike() -> None:
    labels = torch.tensor([0, 1])
    outputs, taught = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 0.0], [0.0, 3.0]])
    some = torch.arange(2)

    def targets(indices: Tensor | None) -> Tensor:
        return labels if indices is None else labels[indices]

    both = distilling(CLASSIFICATION, targets, lambda indices: taught[indices])
    cross = nn.functional.cross_entropy(outputs, labels)
    teacher = taught.softmax(1)
    apart = (teacher * (teacher.log() - outputs.log_softmax(1))).sum(1).mean()
    assert torch.allclose(both.loss(outputs, some), (cross + apart) / 2)
    assert torch.equal(both.judge(outputs, some)[0], of_task(CLASSIFICATION, targets).judge(outputs, some)[0])
