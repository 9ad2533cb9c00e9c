"""Packed sequences are cut exactly where a padded form can be, and refused by name where it cannot."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from modelstitch.cutting import cuts
from modelstitch.cutting.certify import RELATIVE_TOLERANCE, relative_difference
from modelstitch.errors import CutError

IDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 0, 0, 0], [6, 5, 3, 0, 0], [8, 0, 0, 0, 0]])
OTHERS = torch.tensor([[2, 7, 1, 0, 0], [8, 0, 0, 0, 0]])


class Packing(nn.Module):
    """Tokens through a recurrent network that skips padding.

    Args:
        kind: class of the recurrent layers.
        reads: what the head reads beside the last state.
    """

    def __init__(self, kind: type[nn.LSTM | nn.GRU], reads: str = "mean") -> None:
        super().__init__()
        self.words, self.layers = nn.Embedding(10, 4), kind(4, 3, 2, batch_first=True, bidirectional=True)
        self.head, self.reads = nn.Linear(9, 2), reads

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        n = (ids != 0).sum(1) if lengths is None else lengths
        packed = pack_padded_sequence(self.words(ids), n.cpu(), batch_first=True, enforce_sorted=False)
        given, states = self.layers(packed)
        total = None if self.reads == "longest" else ids.shape[1]
        y, _ = pad_packed_sequence(given, batch_first=True, total_length=total)
        last = states[1 if self.reads == "cells" else 0][-1] if isinstance(states, tuple) else states[-1]
        y = given.data.mean(0).expand(len(ids), -1) if self.reads == "steps" else y.mean(1)
        output: Tensor = self.head(torch.cat([last, y], -1))
        return output


@pytest.mark.parametrize(("kind", "beside"), [(nn.LSTM, False), (nn.GRU, True)])
def test_lengths_are_bookkeeping_and_the_halves_are_the_model(
    kind: type[nn.LSTM | nn.GRU], beside: bool
) -> None:
    torch.manual_seed(0)
    model = Packing(kind).eval()
    more = {"lengths": (IDS != 0).sum(1)} if beside else None
    found = cuts(model, IDS, more)
    assert found.technique.startswith("graph capture")
    assert found[0].name == "words"
    assert not any(cut.shape[0] == 4 and len(cut.shape) == 2 for cut in found if "layers" in cut.name)
    further = {"lengths": (OTHERS != 0).sum(1)} if beside else {}
    for cut in (found[0], found[-1]):
        prefix, suffix = found.split(cut)
        again = {} if getattr(suffix, "input_name", None) is None else {"ids": OTHERS}
        with torch.no_grad():
            got = suffix(prefix(OTHERS, **further), **further, **again)
            assert relative_difference(got, model(OTHERS, **further)) <= RELATIVE_TOLERANCE


@pytest.mark.parametrize(
    ("reads", "reason"),
    [
        ("longest", "give it total_length=x.shape"),
        ("cells", "it reads the cell states of a layer over a packed sequence"),
        ("steps", "it reads the steps of a packed sequence by itself"),
    ],
)
def test_what_has_no_padded_form_is_named(reads: str, reason: str) -> None:
    with pytest.raises(CutError, match=reason) as caught:
        cuts(Packing(nn.LSTM, reads).eval(), IDS)
    assert "usual reason" not in str(caught.value)
