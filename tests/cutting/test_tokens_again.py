"""What a model computes from places of known tokens is handed to the suffix; what tokens say is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.cutting import CutModel, cut_model
from modelstitch.cutting.certify import certify
from modelstitch.errors import CutError
from tests.cutting.test_further_inputs import Masked

PADDING, END, VOCABULARY = 0, 1, 20
BLOCKS = ["blocks.0", "blocks.1"]


def tokens(n: int = 5, length: int = 6, seed: int = 0) -> Tensor:
    """Texts of different lengths: an end, and padding behind it."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, VOCABULARY, (n, length), generator=generator)
    lengths = 1 + torch.arange(n) % (length - 1)
    ids[torch.arange(n), lengths] = END
    ids[torch.arange(length)[None] > lengths[:, None]] = PADDING
    return ids


class Reads(nn.Module):
    """Embeds tokens, runs blocks, and pools by what it reads off the tokens once more."""

    def __init__(self, pool: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, 8)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(2))
        self.head, self.pool = nn.Linear(8, 3), pool

    def forward(self, input_ids: Tensor) -> Tensor:
        x = self.embed(input_ids)
        for block in self.blocks:
            x = block(x)
        output: Tensor = self.head(self.pool(x, input_ids))
        return output


def at(x: Tensor, places: Tensor) -> Tensor:
    return x[torch.arange(len(x)), places]


BOOKKEEPING: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "last that is no padding": lambda x, ids: at(x, (ids != PADDING).sum(1) - 1),
    "first padding": lambda x, ids: at(x, ids.eq(PADDING).int().argmax(-1)),
    "place of the largest": lambda x, ids: at(x, ids.to(torch.int).argmax(-1)),
    "mean without padding": lambda x, ids: (x * (ids > 0)[..., None]).sum(1) / (ids > 0).sum(1, keepdim=True),
    "filled": lambda x, ids: x.masked_fill((ids == PADDING)[..., None], -9.0).amax(1),
    "float mask": lambda x, ids: (x + (ids.view(len(ids), -1) <= END).to(x.dtype)[..., None] * -9).amax(1),
    "one number of its own": lambda x, ids: at(x, (ids == torch.tensor(END)).int().argmax(-1)),
}
CONTENT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "one-hot": lambda x, ids: x.mean(1) + nn.functional.one_hot(ids, VOCABULARY).float().mean(1)[:, :8],
    "the tokens as numbers": lambda x, ids: x.mean(1) + ids.float().mean(1, keepdim=True),
    "compared with each other": lambda x, ids: x.mean(1) * (ids[:, :1] == ids).float().mean(1, keepdim=True),
    "a token of the text as a place": lambda x, ids: at(x, ids[:, 0] % 6),
}


def made(pool: Callable[[Tensor, Tensor], Tensor]) -> Reads:
    torch.manual_seed(0)
    return Reads(pool).eval()


def certified(cutting: CutModel, model: nn.Module, name: str) -> float:
    return certify(model, cutting.prefix(name), cutting.suffix(name), tokens(), name)


@pytest.mark.parametrize("kind", BOOKKEEPING)
def test_places_of_known_tokens_are_handed_over(kind: str) -> None:
    model = made(BOOKKEEPING[kind])
    cutting = cut_model(model, tokens())
    assert cutting.input_name == "input_ids"
    assert [name for name in (cut.name for cut in cutting.boundaries) if name in BLOCKS] == BLOCKS
    assert max(certified(cutting, model, cut.name) for cut in cutting.cuts) == 0
    other = tokens(3, seed=1)
    (y,) = cutting.prefix("blocks.0")(other)
    # Other texts have their places elsewhere: those of the example are not kept.
    assert torch.equal(cutting.suffix("blocks.0")(y, input_ids=other), model(other))


@pytest.mark.parametrize("kind", CONTENT)
def test_what_tokens_say_flows_around_every_block(kind: str) -> None:
    with pytest.raises(CutError, match="data also flows"):
        cut_model(made(CONTENT[kind]), tokens()).find("blocks.0")


def test_numbers_that_are_no_tokens_are_content() -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.two(self.one(x).tanh() * (x > 0))
            return output

    with pytest.raises(CutError, match="data also flows"):
        cut_model(Gate(), torch.randn(4, 4)).find("one")


def test_a_suffix_says_which_input_it_reads_again() -> None:
    model, ids = made(BOOKKEEPING["last that is no padding"]), tokens()
    prefix, suffix = ms.split(model, "blocks.0", ids)
    assert torch.equal(suffix(prefix(ids), input_ids=ids), model(ids))
    with pytest.raises(CutError, match="expected input_ids by name beside the first input, got no input_ids"):
        suffix(prefix(ids))


def test_a_suffix_that_looks_for_no_token_takes_the_representation_alone() -> None:
    model = made(lambda x, ids: x.mean(1))
    cutting = cut_model(model, tokens())
    assert cutting.input_name is None
    prefix, suffix = ms.split(model, "blocks.1", tokens())
    assert torch.equal(suffix(prefix(tokens())), model(tokens()))


def test_a_mask_made_of_the_tokens_is_a_mask() -> None:
    class OfTokens(Masked):
        def forward(self, tokens: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
            return super().forward(tokens, tokens != 0)

    torch.manual_seed(0)
    model = OfTokens().eval()
    cutting = cut_model(model, tokens())
    assert [cut.name for cut in cutting.boundaries] == ["embed", "blocks.0", "blocks.1"]
    for cut in cutting.boundaries:
        assert certified(cutting, model, cut.name) == 0
