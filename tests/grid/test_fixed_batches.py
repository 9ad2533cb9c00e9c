"""Networks whose answer depends on the batch: refused as receivers, read in fixed batches as senders."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.cutting.deterministic import depends_on_batch
from modelstitch.data.load import as_data
from modelstitch.errors import ModelError
from modelstitch.grid.fixed_batches import FIXED_BATCH, in_fixed_batches
from modelstitch.grid.representations import STORAGES, Representations, Storage
from modelstitch.grid.side import Side, make_side
from modelstitch.models.network import wrap
from modelstitch.report import markdown, page
from modelstitch.specs import FitSpec
from modelstitch.tasks import mean_score

N = 600
"""Examples of each part: two whole batches and a part of one."""


def data() -> ms.Data:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2 * N, 8, generator=generator)
    y = (x[:, 0] > 0).long()
    # Sorted by label, so that the batches differ in what they hold.
    order = torch.cat([y[:N].argsort(stable=True), N + y[N:].argsort(stable=True)])
    x, y = x[order], y[order]
    return as_data(((x[:N], y[:N]), (x[N:], y[N:])))


def plain(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 2)).eval()


def without_statistics(seed: int = 0) -> nn.Sequential:
    model = plain(seed)
    model[1] = nn.BatchNorm1d(12, track_running_stats=False)
    return model.eval()


class Centred(nn.Module):
    """Takes the mean over the batch away, by no layer of torch."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class Attending(nn.Module):
    """Lets the examples of a batch attend to each other: the batch axis was taken for that of positions."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.attention(x[:, None], x[:, None], x[:, None])[0][:, 0]
        return y


class Capped(nn.Module):
    """Passes on the examples of a batch up to a capacity, as experts with full queues do."""

    def forward(self, x: Tensor) -> Tensor:
        rank = (x[:, 0] > 0).float().cumsum(0)
        return x * (rank <= 2)[:, None]


def with_layer(layer: nn.Module) -> nn.Module:
    return nn.Sequential(layer, plain()).eval()


@pytest.mark.parametrize(
    ("model", "depends"),
    [
        (without_statistics(), True),
        (with_layer(Centred()), True),
        (with_layer(Attending()), True),
        (with_layer(Capped()), True),
        (plain(), False),
        (with_layer(nn.LayerNorm(8)), False),
        (with_layer(nn.Sequential(nn.Unflatten(1, (2, 4)), nn.InstanceNorm1d(2), nn.Flatten())), False),
    ],
)
def test_what_depends_on_its_batch_is_told(model: nn.Module, depends: bool) -> None:
    x = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    assert depends_on_batch(lambda x, _: model(x), x, {}) == depends
    assert depends_on_batch(lambda x, _: model.double()(x.double()), x, {}) == depends
    model.float()


def test_a_receiver_that_depends_on_its_batch_is_refused_and_its_norm_is_named() -> None:
    message = (
        r"receiver .* other outputs in another batch: 1 has no running statistics.* use this .* as the sender"
    )
    for use in (
        lambda: ms.compare(plain(), without_statistics(), data(), cuts=["2"], allow_untrained=True),
        lambda: ms.stitch(plain(), "2", without_statistics(), "2", data(), allow_untrained=True),
    ):
        with pytest.raises(ModelError, match=message):
            use()
    with pytest.raises(ModelError, match=r"receiver .* other outputs in another batch; expected"):
        ms.compare(plain(), with_layer(Centred()), data(), cuts=["1.2"], allow_untrained=True)


@pytest.fixture(scope="module")
def side() -> Side:
    return make_side(wrap(without_statistics(), "without"), data())


def by_hand(side: Side, layers: int) -> Tensor:
    x = side.data.heldout.images
    half = without_statistics()[:layers]
    return torch.cat([half(x[first : first + FIXED_BATCH]) for first in range(0, N, FIXED_BATCH)]).detach()


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("unaccelerated", [False, True])
def test_representations_are_those_of_fixed_batches_in_any_order(
    side: Side, storage: Storage, unaccelerated: bool
) -> None:
    expected = by_hand(side, 3)
    kept = Representations(side, ("2",), "held-out", storage, torch.float32, unaccelerated)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(3))
    for some in (order, order[:7], torch.tensor([599]), torch.arange(N)):
        torch.testing.assert_close(kept.at("2")(some), expected[some], rtol=0, atol=1e-5)
    alone = without_statistics()[:3](side.data.heldout.images[order[:7]])
    assert (alone - expected[order[:7]]).abs().max() > 0.1


def test_the_score_is_that_of_fixed_batches(side: Side) -> None:
    right = (by_hand(side, 4).argmax(1) == side.data.heldout.labels).float()
    assert side.accuracy() == pytest.approx(float(right.mean()), abs=1e-6)
    some = torch.tensor([5, 300, 599, 2])
    assert torch.equal(side.scores("held-out", side.whole, some).float(), right[some])


def test_the_order_of_gathered_examples_is_that_asked_for() -> None:
    asked: list[int] = []

    def compute(batch: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(len(batch))
        return batch, batch[:, None].float() * torch.ones(3)

    indices = torch.tensor([599, 0, 255, 256, 0])
    one, two = in_fixed_batches(indices, N, compute)
    assert torch.equal(one, indices)
    assert torch.equal(two, indices[:, None].float() * torch.ones(3))
    assert asked == [256, 256, 88]


def test_a_sender_that_depends_on_its_batch_is_stitched_and_the_result_says_so(tmp_path: Path) -> None:
    result = ms.compare(
        without_statistics(),
        plain(1),
        data(),
        out=tmp_path,
        cuts=["2"],
        fit=FitSpec(steps=20),
        controls=["random-sender", "self-stitch"],
        evidence=["kept", "agreement"],
        allow_untrained=True,
    )
    assert result.facts.pair.by_batch == ms.BySide(True, False)
    assert ms.load(tmp_path).facts.pair.by_batch == ms.BySide(True, False)
    said = (
        "gives an example other values in another batch. Here it reads the examples in fixed batches of 256"
    )
    assert said in page(result)
    assert said in markdown(result)
    assert "データの並び順のまま256件ずつ" in page(result, "ja")
    independent = ms.compare(
        plain(0),
        plain(1),
        data(),
        cuts=["2"],
        fit=FitSpec(steps=1),
        controls=(),
        evidence=(),
        allow_untrained=True,
    )
    assert independent.facts.pair.by_batch == ms.BySide(False, False)
    assert "fixed batches" not in page(independent)


def test_the_stitched_score_is_that_of_fixed_batches(side: Side) -> None:
    stitched = ms.stitch(
        side.network, "2", plain(1), "2", data(), fit=FitSpec(steps=20), allow_untrained=True
    )
    provided = by_hand(side, 3)
    with torch.inference_mode():
        outputs = plain(1)[3:](stitched.stitch(provided))
    right = outputs.argmax(1) == side.data.heldout.labels
    assert stitched.accuracy == pytest.approx(float(right.float().mean()), abs=0.002)
    assert mean_score(right) == pytest.approx(stitched.accuracy, abs=0.002)
