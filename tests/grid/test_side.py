"""One network made ready: parts by name, other held-out examples, other labels, plants and read-outs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from modelstitch.controls.roles import Given
from modelstitch.controls.shuffled_labels import shuffled
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.texts import Reader, encoded
from modelstitch.errors import ModelError
from modelstitch.grid.moments import SecondMoments
from modelstitch.grid.planted import planted
from modelstitch.grid.read_outs import read_out
from modelstitch.grid.representations import Representations
from modelstitch.grid.side import Side, make_side
from modelstitch.models.network import Network, wrap
from modelstitch.specs import CellSpec, FitSpec, View

CUT = "layers.2"
FEW = torch.tensor([3, 0, 7])


@pytest.fixture
def side(networks: tuple[Network, Network], digits: Data) -> Side:
    return make_side(networks[0], digits)


def by_hand(network: Network, images: Tensor) -> Tensor:
    """The output of ``layers.2`` as a hook sees it."""
    seen: list[Tensor] = []
    handle = network.module.get_submodule(CUT).register_forward_hook(lambda m, i, o: seen.append(o.clone()))
    with torch.no_grad():
        network.module(images)
    handle.remove()
    return seen[0]


def test_each_part_is_named(side: Side, digits: Data) -> None:
    for part, examples in (("train", digits.train), ("held-out", digits.heldout)):
        (x,) = side.represent((CUT,), part, FEW, torch.float32)  # type: ignore[arg-type]
        expected = by_hand(side.network, side.inputs.images(part, FEW))  # type: ignore[arg-type]
        torch.testing.assert_close(x, expected, rtol=1e-4, atol=1e-5)
        assert side.inputs.given[part] is examples  # type: ignore[index]


def test_other_held_out_examples_leave_the_side_as_it_was(side: Side, digits: Data) -> None:
    before = side.represent((CUT,), "held-out", FEW, torch.float32)[0]
    blank = replace(digits.heldout, images=torch.zeros_like(digits.heldout.images))
    other = side.with_heldout(blank)
    (x,) = other.represent((CUT,), "held-out", FEW, torch.float32)
    torch.testing.assert_close(x, x[:1].expand_as(x))
    assert not torch.allclose(x, before)
    assert torch.equal(side.represent((CUT,), "held-out", FEW, torch.float32)[0], before)
    assert torch.equal(other.represent((CUT,), "train", FEW, torch.float32)[0], by_train(side))
    assert other.halves is side.halves


def by_train(side: Side) -> Tensor:
    return side.represent((CUT,), "train", FEW, torch.float32)[0]


def test_another_score_comes_from_other_held_out_examples(side: Side, digits: Data) -> None:
    own = side.accuracy()
    assert own is not None
    wrong = replace(digits.heldout, labels=(digits.heldout.labels + 1) % 10)
    other = side.with_heldout(wrong).accuracy()
    assert other is not None
    assert other < 1 - own + 1e-9


def test_other_labels_change_targets_and_no_input(side: Side, digits: Data) -> None:
    other = side.relabelled(shuffled(digits, 0))
    assert torch.equal(by_train(other), by_train(side))
    (_, targets), *_ = other.outputs("train", other.whole, FEW)
    assert targets is not None
    assert torch.equal(torch.as_tensor(targets), shuffled(digits, 0).train.labels[FEW])
    assert not torch.equal(other.inputs.given["train"].labels, side.inputs.given["train"].labels)


def test_a_plant_gets_the_part_and_its_labels(side: Side, digits: Data) -> None:
    seen: list[Given] = []

    def plant(given: Given) -> Tensor:
        seen.append(given)
        return given.genuine(given.indices) + 1

    sender = planted(side, plant)
    (x,) = sender.represent((CUT,), "held-out", FEW, torch.float32)
    torch.testing.assert_close(x, side.represent((CUT,), "held-out", FEW, torch.float32)[0] + 1)
    assert (seen[0].part, seen[0].cut, seen[0].n_classes) == ("held-out", CUT, 10)
    assert torch.equal(seen[0].own_labels, digits.heldout.labels[FEW])
    sender.represent((CUT,), "train", FEW, torch.float32)
    assert torch.equal(seen[1].own_labels, digits.train.labels[FEW])


def test_only_a_whole_network_has_a_score_of_its_own(side: Side) -> None:
    assert side.accuracy() is not None
    assert planted(side, lambda given: given.genuine(given.indices)).accuracy() is None
    probe = read_out(side)
    assert probe.accuracy() is None
    assert probe.later(CUT) == ()
    assert side.later(CUT) == ("layers.3", "layers.4")


def test_a_side_is_a_key_by_itself(side: Side) -> None:
    twin = replace(side)
    assert side != twin
    assert len({side, twin, side}) == 2


def test_a_model_elsewhere_is_refused(digits: Data) -> None:
    elsewhere = wrap(nn.Sequential(nn.Flatten(), nn.Linear(64, 10, device="meta")).eval(), "elsewhere")
    with pytest.raises(ModelError, match="model elsewhere is not on device cpu, where the data is"):
        make_side(elsewhere, digits)


class Reads(nn.Module):
    """Embeds bytes, transforms each position, and classifies the mean over the text."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embed = nn.Embedding(257, 5)
        self.mix = nn.Linear(5, 5)
        self.head = nn.Linear(5, 2)

    def forward(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        weights = attention_mask[..., None].float()
        output: Tensor = self.head((self.mix(self.embed(tokens)) * weights).sum(1) / weights.sum(1))
        return output


def texts() -> Data:
    words = ["a bat", "cow", "dromedary", "e", "fox and", "goat", "hen ho", "ibis", "jackal", "kiwi k"] * 4
    labels = torch.arange(40) % 2
    images = encoded(words)
    train, heldout = DataPart(images[:30], labels[:30]), DataPart(images[30:], labels[30:])
    return Data(train, heldout, ("even", "odd"), "words", "by hand", is_text=True)


def shortened(side: Side) -> Side:
    """The same side as if its tokenizer left out the first byte of each text."""
    tokenized = {}
    for name, part in side.inputs.tokenized.items():
        mask = part.kwargs["attention_mask"].clone()
        mask[:, 0] = 0
        tokenized[name] = replace(part, kwargs={"attention_mask": mask})
    return replace(side, inputs=replace(side.inputs, tokenized=tokenized, reader=Reader("other", 9)))


def test_moments_do_not_depend_on_a_receiver_with_another_mask() -> None:
    data = texts()
    sender, first = (make_side(wrap(Reads(seed).eval(), "reads", View(length=9)), data) for seed in (0, 1))
    second = shortened(first)
    cells = [CellSpec(sender_cut="embed", receiver_cut="mix", objective="match")]
    train, spec = Representations(sender, (), "train", "recompute"), FitSpec(objective="match")
    (alone,) = SecondMoments().gather(sender, second, cells, train, spec).values()
    shared = SecondMoments()
    (before,) = shared.gather(sender, first, cells, train, spec).values()
    (after,) = shared.gather(sender, second, cells, train, spec).values()
    assert before[0].gram.n == alone[0].gram.n + 27  # one byte of each text that is fitted
    for one, other in zip(alone, after, strict=True):
        torch.testing.assert_close(one.gram.covariance, other.gram.covariance, rtol=0, atol=0)
        assert one.gram.n == other.gram.n
