"""Models with further inputs: masks travel to both halves. Sequences whose batch is the second axis."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import GraphCutModel, certify, cut_model, split
from modelstitch.cutting.capture import no_fused_attention
from modelstitch.cutting.hooks import HookCutModel
from modelstitch.models.from_dict import FromDict


class Masked(nn.Module):
    """An encoder whose attention and pooling leave padded positions out."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(16, 2, 24, 0.0, batch_first=batch_first) for _ in range(2)
        )
        self.head = nn.Linear(16, 5)
        self.batch_first = batch_first

    def forward(self, tokens: Tensor, mask: Tensor, **unused: Tensor) -> dict[str, Tensor]:
        x = self.embed(tokens)
        x = x if self.batch_first else x.transpose(0, 1)
        for block in self.blocks:
            x = block(x, src_key_padding_mask=~mask)
        x = x if self.batch_first else x.transpose(0, 1)
        weights = mask.unsqueeze(-1).to(x.dtype)
        return {"logits": self.head((x * weights).sum(1) / weights.sum(1))}


def batch(n: int = 6, length: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 20, (n, length), generator=generator)
    lengths = torch.randint(2, length + 1, (n,), generator=generator)
    return tokens, torch.arange(length)[None] < lengths[:, None]


@pytest.mark.parametrize("batch_first", [True, False])
def test_every_cut_of_a_masked_model_is_exact(batch_first: bool) -> None:
    torch.manual_seed(0)
    model = Masked(batch_first).eval()
    tokens, mask = batch()
    cutting = cut_model(model, tokens, kwargs={"mask": mask})
    assert isinstance(cutting, GraphCutModel)
    entrance = "embed" if batch_first else "embed+transpose"
    assert [cut.name for cut in cutting.boundaries] == [entrance, "blocks.0", "blocks.1"]
    for cut in cutting.cuts:
        assert (
            certify(
                model, cutting.prefix(cut.name), cutting.suffix(cut.name), tokens, cut.name, {"mask": mask}
            )
            == 0
        )
    for cut in cutting.boundaries:
        assert (str(cut.layout), cut.shape) == ("tokens", (7, 16))
    assert cutting.find("blocks.0").before.parameters < cutting.find("blocks.1").before.parameters


def test_a_suffix_feels_the_mask_that_it_is_given() -> None:
    torch.manual_seed(0)
    model = Masked().eval()
    tokens, mask = batch()
    prefix, suffix = split(model, "blocks.0", tokens, {"mask": mask})
    with torch.no_grad(), no_fused_attention():
        y = prefix(tokens, mask=mask)
        whole = model(tokens, mask)["logits"]
        assert torch.equal(suffix(y, mask=mask)["logits"], whole)
        assert not torch.allclose(suffix(y, mask=torch.ones_like(mask))["logits"], whole)
        assert torch.equal(suffix(y[:2], mask=mask[:2])["logits"], model(tokens[:2], mask[:2])["logits"])
        assert torch.equal(suffix(y, mask=mask, other=mask)["logits"], whole)  # what it does not read is left


def test_a_sequence_first_value_is_handed_over_with_the_batch_first() -> None:
    torch.manual_seed(0)

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lift = nn.Linear(3, 4)
            self.gru = nn.GRU(4, 5)
            self.then = nn.Linear(5, 5)
            self.head = nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.then(self.gru(self.lift(x.transpose(0, 1)))[0])
            head: Tensor = self.head(torch.tanh(y)[-1])
            return head

    last = Last().eval()
    x = torch.randn(4, 3, 3)
    cutting = cut_model(last, x)
    found = {cut.name: cut for cut in cutting.cuts}
    assert (str(found["lift"].layout), found["lift"].shape) == ("tokens", (3, 4))
    assert found["then"].shape == (3, 5)
    prefix, suffix = split(last, "then", x)
    assert prefix(x).shape == (4, 3, 5)
    with torch.no_grad():
        assert torch.equal(suffix(prefix(x)), last(x))
        # The trail to later cuts too is handed over with the batch first.
        (later,) = cutting.suffix("lift", later=("then",))(cutting.prefix("lift")(x)[0])
        assert torch.equal(later, prefix(x))


def test_hooks_give_the_mask_to_both_halves_too() -> None:
    torch.manual_seed(0)
    model = Masked().eval()
    tokens, mask = batch()
    cutting = HookCutModel(model, tokens, "masked", "for the test", {"mask": mask})
    for name in ("blocks.0", "blocks.1"):
        prefix, suffix = cutting.prefix(name), cutting.suffix(name)
        assert certify(model, prefix, suffix, tokens, name, {"mask": mask}) == 0
    other = tokens.flip(0)
    with torch.no_grad(), no_fused_attention():
        (y,) = cutting.prefix("blocks.0")(other, mask=mask)
        assert torch.equal(cutting.suffix("blocks.0")(y, mask=mask)["logits"], model(other, mask)["logits"])


def test_a_model_that_takes_a_dictionary_is_cut_like_any_other() -> None:
    class OfDict(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Masked()

        def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            return self.inner(batch["tokens"], batch["mask"])  # type: ignore[no-any-return]

    torch.manual_seed(0)
    model = FromDict(OfDict(), "tokens").eval()
    tokens, mask = batch()
    cutting = cut_model(model, tokens, kwargs={"mask": mask})
    assert isinstance(cutting, GraphCutModel)
    assert [cut.name for cut in cutting.boundaries][1:] == [f"model.inner.blocks.{k}" for k in range(2)]
    for cut in cutting.cuts:
        halves = cutting.prefix(cut.name), cutting.suffix(cut.name)
        assert certify(model, *halves, tokens, cut.name, {"mask": mask}) == 0


def test_a_suffix_with_a_mask_can_be_exported_again_and_carries_gradients() -> None:
    torch.manual_seed(0)
    model = Masked().eval()
    tokens, mask = batch()
    prefix, suffix = split(model, "blocks.0", tokens, {"mask": mask})
    y = prefix(tokens, mask=mask).detach().requires_grad_()
    suffix(y, mask=mask)["logits"].sum().backward()
    assert y.grad is not None
    assert (y.grad[mask] != 0).any()
    assert not y.grad[~mask].any()  # what stands at padded places moves nothing
    again = torch.export.export(suffix, (y.detach(),), {"mask": mask}, strict=False).module()
    with torch.no_grad():
        assert torch.equal(again(y.detach(), mask=mask)["logits"], suffix(y.detach(), mask=mask)["logits"])


def test_a_decoder_is_given_its_own_tokens_again() -> None:
    from options import usable_torchvision

    usable_torchvision()
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    config = T5Config(
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_decoder_layers=1,
        num_heads=2,
        vocab_size=20,
        use_cache=False,
    )
    model = T5ForConditionalGeneration(config).eval()
    tokens, mask = batch()
    kwargs = {"attention_mask": mask.long(), "decoder_input_ids": tokens.flip(1)}
    cutting = cut_model(model, tokens, kwargs=kwargs)
    assert isinstance(cutting, GraphCutModel)
    names = [cut.name for cut in cutting.cuts]
    assert any("encoder.block.0" in name for name in names)
    for name in names:
        halves, outputs = (cutting.prefix(name), cutting.suffix(name)), cutting.outputs_after(name)
        assert certify(model, *halves, tokens, name, kwargs, outputs) == 0


def test_the_line_that_cannot_be_captured_is_named() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.one(x)
            if y.sum() > 0:
                y = y + 1
            output: Tensor = self.two(y)
            return output

    technique = cut_model(Branching().eval(), torch.randn(4, 3)).technique
    assert re.search(r"cannot be captured as a graph, at test_further_inputs\.py:\d+ \(", technique)
