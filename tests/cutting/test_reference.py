"""The stated reference of exactness: the model without the fast path of torch's own attention."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import cuts
from modelstitch.cutting.capture import no_fused_attention
from modelstitch.cutting.reference import reference_of

pytestmark = pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")


class Reader(nn.Module):
    """torch's own encoder with a mask of padding, pooled or position by position."""

    def __init__(self, *, pooled: bool) -> None:
        super().__init__()
        self.pooled = pooled
        self.embed = nn.Embedding(20, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, ids: Tensor, padding: Tensor | None = None) -> Tensor:
        y: Tensor = self.encoder(self.embed(ids), src_key_padding_mask=padding)
        return self.head(y.mean(1)) if self.pooled else y


PADDING = torch.arange(7)[None] >= torch.tensor([7, 3, 5, 4])[:, None]


def made(*, pooled: bool) -> tuple[Reader, Tensor]:
    torch.manual_seed(0)
    return Reader(pooled=pooled).eval(), torch.randint(1, 20, (4, 7))


def test_a_difference_of_the_fast_path_is_measured_and_said() -> None:
    model, ids = made(pooled=True)
    found = cuts(model, ids, {"padding": PADDING})
    with torch.no_grad():
        fast = model(ids, PADDING)
        with no_fused_attention():
            plain = model(ids, PADDING)
            for cut in found.boundaries:
                prefix, suffix = found.split(cut)
                assert torch.equal(suffix(prefix(ids, padding=PADDING), padding=PADDING), plain)
    said = re.search(r"fast path .*which gives other outputs \(by up to (.*), of", found.technique)
    assert said is not None
    assert float(said[1]) == pytest.approx((fast - plain).abs().max().item(), rel=0.1)
    assert float(said[1]) > 0.01


def test_padded_positions_are_compared_as_padding() -> None:
    model, ids = made(pooled=False)
    assert reference_of(model, ids, kwargs={"padding": PADDING}).endswith("gives zeros at padded positions")
    with torch.no_grad():
        fast, present = model(ids, PADDING), ~PADDING
        with no_fused_attention():
            torch.testing.assert_close(fast[present], model(ids, PADDING)[present])


def test_nothing_is_said_where_both_agree() -> None:
    model, ids = made(pooled=True)
    assert reference_of(model, ids) == ""
    assert reference_of(model, ids, kwargs={"padding": torch.zeros_like(PADDING)}) == ""
