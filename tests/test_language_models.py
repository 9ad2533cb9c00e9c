"""Networks that are wanted at every position: planted truths on a small language of our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.controls.shuffled_labels import shuffled
from modelstitch.data.parts import Data
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.pool import Pair
from modelstitch.models.network import wrap
from modelstitch.specs import CellSpec, FitSpec
from modelstitch.tasks import IGNORED

N_TOKENS, LENGTH, WIDTH = 12, 10, 16


class Writer(nn.Module):
    """Each block sees the places before; padded ones are left out by a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(N_TOKENS, WIDTH)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, 2, 32, 0.0, batch_first=True, norm_first=True) for _ in range(2)
        )
        self.head = nn.Linear(WIDTH, N_TOKENS)
        self.register_buffer("ahead", torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1), persistent=False)

    def forward(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        y = self.embed(tokens)
        for block in self.blocks:
            y = block(y, src_mask=self.ahead, src_key_padding_mask=attention_mask == 0)
        output: Tensor = self.head(y)
        return output


def language(n: int = 1200, seed: int = 0) -> Data:
    """Sentences whose next word is the sum of the last two, of different lengths; 0 fills up."""
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(1, N_TOKENS, (n, LENGTH), generator=generator)
    for place in range(2, LENGTH):
        words[:, place] = 1 + (words[:, place - 1] + words[:, place - 2]) % (N_TOKENS - 1)
    lengths = torch.randint(5, LENGTH + 1, (n,), generator=generator)
    mask = (torch.arange(LENGTH)[None] < lengths[:, None]).long()
    return ms.data_from(words * mask, task="next-token", kwargs={"attention_mask": mask}, name="sums")


@pytest.fixture(scope="module")
def writers() -> tuple[Writer, Writer, Data]:
    data, found = language(), []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = Writer()
        optimiser = torch.optim.Adam(model.parameters(), 5e-3)
        for _ in range(400):
            some = data.train.take(torch.randint(0, len(data.train), (128,)))
            loss = data.task.loss(model(some.images, **some.kwargs), some.targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        found.append(model.eval())
    return found[0], found[1], data


def test_language_models_are_stitched_scored_and_judged(
    writers: tuple[Writer, Writer, Data], tmp_path: Path
) -> None:
    sender, receiver, data = writers
    found = ms.compare(
        sender,
        receiver,
        data,
        cuts=("embed", "blocks.0"),
        controls=("clustered-noise", "one-hot", "self-stitch"),
        fit=FitSpec(steps=120, batch_size=64),
        evidence=ms.EvidenceSpec.parse(("kept", "agreement"), 510),
        out=tmp_path / "run",
        allow_untrained=True,
    )
    whole = found.baseline("receiver")
    assert whole is not None
    assert whole > 0.75  # the first word is anyone's guess
    assert found.chance < 0.2
    assert float(found.matrix("self-stitch").sel(sender_cut="embed", receiver_cut="embed")) > 0.9 * whole
    # Senders that hold the next word and nothing else: right everywhere, and seen through.
    assert float(found.matrix("one-hot").min()) > whole
    within = {
        (row.control, row.receiver_cut): row.value
        for row in found.evidence
        if (row.kind, row.name, row.where, row.sender_cut)
        == ("kept", "recovered", row.receiver_cut, row.receiver_cut)
    }
    for cut in ("embed", "blocks.0"):
        own, label = within["self-stitch", cut], within["clustered-noise", cut]
        assert own is not None
        assert label is not None
        assert own > 0.8 > 0.1 > abs(label)
    assert len(found.verdicts()) == 4
    assert all(verdict.reason is not ms.Reason.NO_VALUE for verdict in found.verdicts().values())
    (row, *_) = (each for each in found.evidence if each.name == "agreement_receiver")
    assert row.n > 500  # positions, not sentences
    assert found.cells[0].n_heldout == len(data.heldout)
    assert found.cells[0].n_effective > len(data.heldout)
    again = ms.load(tmp_path / "run")
    assert again.matrix().equals(found.matrix())
    assert "The task is next-token" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_run_of_tokens_is_continued_with_its_scores(
    writers: tuple[Writer, Writer, Data], tmp_path: Path
) -> None:
    sender, receiver, data = writers
    arguments = {
        "cuts": ("blocks.0",),
        "controls": ("random-sender",),
        "fit": FitSpec(steps=4),
        "evidence": (),
    }
    first = ms.compare(sender, receiver, data, out=tmp_path, **arguments, allow_untrained=True)  # type: ignore[arg-type]
    second = ms.compare(sender, receiver, data, out=tmp_path, **arguments, allow_untrained=True)  # type: ignore[arg-type]
    assert [each.difference for each in first.advantages] == [each.difference for each in second.advantages]
    assert [cell.score for cell in first.cells] == [cell.score for cell in second.cells]


@pytest.mark.parametrize("objective", ["match", "latent", "logits", "task"])
def test_what_stands_at_padded_places_does_not_touch_a_fit(
    writers: tuple[Writer, Writer, Data], objective: str
) -> None:
    """Other words in the padded positions change nothing that a stitch is fitted to."""
    sender, _, data = writers

    def filled(change: Callable[[Tensor], Tensor]) -> Data:
        parts = []
        for part in (data.train, data.heldout):
            assert part.present is not None
            parts.append(replace(part, images=torch.where(part.present, part.images, change(part.images))))
        return replace(data, train=parts[0], heldout=parts[1])

    weights = []
    for change in (lambda x: x, lambda x: torch.full_like(x, 7)):
        # One network as both, so that it is captured once.
        pair = Pair(wrap(sender, "a"), wrap(sender, "a"), filled(change))
        cell = CellSpec(sender_cut="embed", receiver_cut="blocks.0", objective=objective)  # type: ignore[arg-type]
        fit = FitSpec(steps=3, objective=objective, precision="float32")  # type: ignore[arg-type]
        (fitted,) = fit_grid(pair, [cell], fit, Budget(10**9))
        weights.append([value.detach().clone() for value in fitted.stitch.parameters()])
    for one, other in zip(*weights, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_a_stitched_language_model_takes_its_mask(writers: tuple[Writer, Writer, Data]) -> None:
    sender, receiver, data = writers
    stitched = ms.stitch(
        sender, "blocks.0", receiver, "blocks.0", data, fit=FitSpec(steps=20), allow_untrained=True
    )
    few = data.heldout.take(torch.arange(7))
    assert stitched(few.images, **few.kwargs).shape == (7, LENGTH, N_TOKENS)
    assert stitched.score(data.heldout) == pytest.approx(stitched.accuracy, abs=0.01)


def test_the_control_probe_is_refused(writers: tuple[Writer, Writer, Data]) -> None:
    sender, receiver, data = writers
    with pytest.raises(
        ms.InputError, match="control probe with one label for each example, got the task next-token"
    ):
        ms.compare(sender, receiver, data, cuts=("blocks.0",), controls=("probe",), allow_untrained=True)


def test_shuffled_labels_stay_where_something_is_wanted(writers: tuple[Writer, Writer, Data]) -> None:
    _, _, data = writers
    mixed = shuffled(data, 0)
    assert torch.equal(mixed.train.targets == IGNORED, data.train.targets == IGNORED)
    assert not torch.equal(mixed.train.targets, data.train.targets)
    assert torch.equal(
        mixed.train.targets.flatten().sort().values, data.train.targets.flatten().sort().values
    )


def test_every_kind_of_evidence_by_position(writers: tuple[Writer, Writer, Data]) -> None:
    sender, receiver, data = writers
    found = ms.compare(
        sender,
        receiver,
        data,
        cuts=("blocks.0",),
        controls=("self-stitch",),
        evidence=ms.EvidenceSpec.parse(("all",), 60),
        fit=FitSpec(steps=4),
        allow_untrained=True,
    )
    kinds = {row.kind for row in found.evidence}
    assert {"agreement", "robustness", "geometry-pooled", "rank", "information", "distribution"} <= kinds


def test_batch_norms_and_masks_do_not_go_together(writers: tuple[Writer, Writer, Data]) -> None:
    sender, receiver, data = writers
    with pytest.raises(ms.InputError, match=r"norm none with a mask, got affine\+batch"):
        ms.compare(
            sender,
            receiver,
            data,
            cuts=("blocks.0",),
            stitch="affine+batch",
            controls=(),
            allow_untrained=True,
        )


def test_a_stitched_language_model_without_its_mask_says_so(writers: tuple[Writer, Writer, Data]) -> None:
    sender, receiver, data = writers
    stitched = ms.stitch(
        sender, "blocks.0", receiver, "blocks.0", data, fit=FitSpec(steps=2), allow_untrained=True
    )
    with pytest.raises(ms.InputError, match="takes attention_mask too: give it by name"):
        stitched(data.heldout.images[:2])


def test_what_is_pooled_over_a_text_is_pooled_over_what_is_there(
    writers: tuple[Writer, Writer, Data],
) -> None:
    """The mean over the letters of a text is one linear map of them, whatever the padding holds."""

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(N_TOKENS, WIDTH)
            self.pool = nn.Linear(WIDTH, WIDTH)
            self.head = nn.Linear(WIDTH, 3)

        def forward(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
            weights = attention_mask[..., None].to(torch.float32)
            mean = (self.embed(tokens) * weights).sum(1) / weights.sum(1)
            output: Tensor = self.head(self.pool(mean))
            return output

    torch.manual_seed(0)
    model, data = Pooled().eval(), writers[2]
    labels = data.train.images.sum(1) % 3
    texts = ms.data_from(data.train.images, labels, kwargs=dict(data.train.kwargs))
    pair = Pair(wrap(model, "a"), wrap(model, "a"), texts)
    cell = CellSpec(sender_cut="embed", receiver_cut="pool", objective="match")
    (fitted,) = fit_grid(pair, [cell], FitSpec(objective="match"), Budget(10**9))
    few = torch.arange(50)
    (provided,) = pair.sender.represent(("embed",), "held-out", few, torch.float32)
    (expected,) = pair.sender.represent(("pool",), "held-out", few, torch.float32)
    with torch.no_grad():
        torch.testing.assert_close(fitted.stitch(provided), expected, atol=1e-3, rtol=1e-3)
