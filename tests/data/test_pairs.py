"""Pairs of texts: what a model of transformers sees of them is what its own tokenizer makes of two texts."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest
import torch
from options import usable_torchvision
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.data.load import as_data
from modelstitch.data.parts import Data
from modelstitch.data.texts import Reader, encoded, n_tokens
from modelstitch.errors import ModelError
from modelstitch.grid.side import make_side
from modelstitch.specs import ModelSpec, View

usable_torchvision()  # which transformers looks at when it is imported

WORDS = ["a", "b", "c", "d", "e", "f"]
N = 48
FIRST = [" ".join(WORDS[(n + k) % 6] for k in range(1 + n % 3)) for n in range(N)]
SECOND = [" ".join(WORDS[(2 * n + k) % 6] for k in range(1 + n % 4)) for n in range(N)]
LABELS = [n % 2 for n in range(N)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT whose answer depends on the segments, with its tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    path = tmp_path_factory.mktemp("bert")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    own = Tokenizer(models.WordLevel({w: n for n, w in enumerate([*special, *WORDS])}, unk_token="[UNK]"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    own.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=own,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(path)
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        vocab_size=10,
        max_position_embeddings=32,
        num_labels=2,
    )
    model = BertForSequenceClassification(config)
    nn.init.normal_(model.bert.embeddings.token_type_embeddings.weight, std=3.0)
    model.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def data() -> Data:
    rows = {"premise": FIRST, "hypothesis": SECOND, "label": LABELS}
    made = datasets.Dataset.from_dict(rows)
    return as_data((made, made))


def oracle(folder: Path) -> Tensor:
    """What transformers itself says of the pairs."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    batch = AutoTokenizer.from_pretrained(folder)(FIRST, SECOND, padding=True, return_tensors="pt")
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        logits: Tensor = model(**batch).logits
    return logits


def test_a_model_sees_what_its_tokenizer_makes_of_two_texts(folder: Path, data: Data) -> None:
    from transformers import AutoTokenizer

    side = make_side(ms.load_model(ModelSpec(source=f"hf:{folder}(pretrained=True)")), data)
    assert side.inputs.names == ("attention_mask", "token_type_ids")
    wanted = AutoTokenizer.from_pretrained(folder)(FIRST, SECOND, padding=True, return_tensors="pt")
    part = side.inputs.tokenized["held-out"]
    assert torch.equal(part.images, wanted["input_ids"])
    assert torch.equal(part.kwargs["attention_mask"], wanted["attention_mask"])
    assert torch.equal(part.kwargs["token_type_ids"], wanted["token_type_ids"])
    found = torch.cat([batch for batch, _ in side.outputs("held-out", side.whole)])
    torch.testing.assert_close(found, oracle(folder), rtol=1e-4, atol=1e-5)


def test_pairs_are_stitched(folder: Path, data: Data) -> None:
    network = ms.load_model(ModelSpec(source=f"hf:{folder}(pretrained=True)"))
    own = float((oracle(folder).argmax(1) == torch.tensor(LABELS)).float().mean())
    stitched = ms.stitch(
        network,
        "bert.encoder.layer.0",
        network,
        "bert.encoder.layer.0",
        data,
        stitch="identity",
        fit=ms.FitSpec(objective="match"),
        allow_untrained=True,
    )
    assert stitched.score(data.heldout) == own
    torch.testing.assert_close(stitched(encoded(FIRST, SECOND)), oracle(folder), rtol=1e-4, atol=1e-5)


def test_a_sign_inside_a_text_makes_no_pair(folder: Path) -> None:
    plain = n_tokens(encoded(["a b"]), str(folder))
    assert torch.equal(n_tokens(encoded(["a\x1eb"]), str(folder)), plain)
    tokens, further = Reader(str(folder), 8)(encoded(["a\x1eb"]))
    assert set(further) == {"attention_mask"}
    assert tokens.tolist() == [[2, 4, 5, 3, 0, 0, 0, 0]]


def test_a_pair_that_lost_its_sign_is_a_pair_with_an_empty_second_text(folder: Path) -> None:
    tokens, further = Reader(str(folder), 8, pairs=True)(encoded(["a b"]))
    assert tokens.tolist() == [[2, 4, 5, 3, 3, 0, 0, 0]]
    assert further["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 0, 0, 0]]


def test_bytes_are_no_tokenizer_of_pairs(data: Data) -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(257, 4)
            self.head = nn.Linear(4, 2)

        def forward(self, tokens: Tensor) -> Tensor:
            output: Tensor = self.head(self.embed(tokens).mean(1))
            return output

    with pytest.raises(
        ModelError, match="expected a tokenizer of transformers for pairs of texts, .*got bytes"
    ):
        make_side(ms.Network(Mean().eval(), "mean", View()), data)
