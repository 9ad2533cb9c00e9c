"""Tokens instead of images: whole numbers that no precision and no view may touch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.data.views import in_precision, show
from modelstitch.errors import DataError, SpecError
from modelstitch.evidence.kinds.robustness import replace_tokens
from modelstitch.specs import View

N_WORDS, LENGTH, N_CLASSES = 12, 6, 3


class Reader(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(N_WORDS, width)
        self.mix = nn.Linear(width, width)
        self.head = nn.Linear(width, N_CLASSES)

    def forward(self, words: Tensor) -> Tensor:
        y = torch.relu(self.mix(self.embed(words)))
        output: Tensor = self.head(y.mean(1))
        return output


def words(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Class k uses mostly the words of its own third."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % N_CLASSES
    own = 4 * labels[:, None] + torch.randint(0, 4, (n, LENGTH), generator=generator)
    stray = torch.randint(0, N_WORDS, (n, LENGTH), generator=generator)
    return torch.where(torch.rand(n, LENGTH, generator=generator) < 0.7, own, stray), labels


def trained(width: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = Reader(width)
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    x, y = words(600)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()
    return model.eval()


def test_two_readers_are_stitched_with_all_that_is_measured() -> None:
    x, y = words(900)
    found = ms.compare(
        trained(8, 0),
        trained(12, 1),
        ((x[:600], y[:600]), (x[600:], y[600:])),
        sender_cuts=["embed", "mix"],
        receiver_cuts=["mix"],
        fit=ms.FitSpec(steps=40),
        evidence=["standard", "robustness"],
        allow_untrained=True,
    )
    own = found.baseline("receiver")
    assert own is not None
    assert own > 0.9
    assert not found.failed
    assert float(found.matrix().min()) > own - 0.05
    measured = {(row.kind, row.name): row.value for row in found.evidence if row.control == "trained"}
    # Tokens replaced at random cost some of the score, and the more the more are replaced.
    clean, few, many = (
        measured["robustness", f"score_{name}"] or 0.0 for name in ("clean", "noise_5", "noise_10")
    )
    assert clean >= few >= many - 0.02
    # Averages over words say how often each stands there.
    assert (measured["information", "pixels_r2_expected"] or 0.0) > 0.5
    assert ("robustness", "score_shift_1") not in measured


def test_a_view_and_a_precision_leave_tokens_alone() -> None:
    x, _ = words(4)
    assert show(x, View()) is x
    assert in_precision(x, torch.bfloat16) is x
    assert in_precision(x.float(), torch.bfloat16).dtype == torch.bfloat16
    with pytest.raises(SpecError, match="expected images"):
        show(x, View(size=(4, 4)))


@given(share=st.floats(0, 1), seed=st.integers(0, 5))
def test_replaced_tokens_come_from_the_same_places_of_other_examples(share: float, seed: int) -> None:
    x, _ = words(30, seed)
    changed = replace_tokens(x, share)
    assert changed.shape == x.shape
    assert changed.dtype == torch.int64
    for place in range(LENGTH):
        assert set(changed[:, place].tolist()) <= set(x[:, place].tolist())
    assert (changed != x).float().mean() <= share + 0.3
    assert torch.equal(replace_tokens(x, 0.0), x)
    assert torch.equal(replace_tokens(x, share), changed)


def test_what_is_no_token_is_refused() -> None:
    x, y = words(30)
    data = ms.DataPart(x, y)
    with pytest.raises(DataError, match="expected tokens from 0 on, got -1"):
        ms.Data(ms.DataPart(x - 1 - x.min(), y), data, ("a", "b", "c"), "d", "as given")
    with pytest.raises(DataError, match=r"or tokens \(N, T\) in int64"):
        ms.Data(ms.DataPart(x.int(), y), data, ("a", "b", "c"), "d", "as given")
