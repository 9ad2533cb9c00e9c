"""Texts: from files to networks that read them by tokenizers of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from options import usable_torchvision
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.controls.reinitialise import calibrated
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.data.texts import decoded, encoded, n_tokens, read, reader
from modelstitch.errors import DataError, ModelError, SpecError
from modelstitch.grid.side import make_side
from modelstitch.report.limits import limits
from modelstitch.results.comparison import Comparison
from modelstitch.specs import DataSpec, ModelSpec, View

usable_torchvision()  # which transformers looks at when it is imported

WORDS = {
    "sea": "wave ship salt tide gull",
    "wood": "leaf tree moss owl root",
    "town": "street bell tram square shop",
}


@given(
    st.lists(
        st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\x1e"), min_size=1), min_size=1
    )
)
def test_texts_survive_as_bytes(texts: list[str]) -> None:
    assert decoded(encoded(texts)) == texts
    tokens, mask = read(encoded(texts), "bytes", 7)
    assert tokens.shape == mask.shape == (len(texts), 7)
    assert torch.equal(tokens != 0, mask != 0)
    assert mask.sum(1).tolist() == [min(7, len(text.encode())) for text in texts]


def sentences() -> list[tuple[str, str]]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for label, words in WORDS.items():
        known = words.split()
        for _ in range(60):
            n = int(torch.randint(2, 6, (1,), generator=generator))
            chosen = [known[int(k)] for k in torch.randint(0, 5, (n,), generator=generator)]
            found.append((" the ".join(chosen), label))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("texts")
    for index, (text, label) in enumerate(sentences()):
        (root / label).mkdir(exist_ok=True)
        (root / label / f"{index}.txt").write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A word tokenizer in the hub's own format."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "the", *" ".join(WORDS.values()).split()]
    own = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path_factory.mktemp("tokenizer")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=own, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64
    )
    fast.save_pretrained(path)
    return path


def test_a_folder_and_a_table_of_texts_hold_the_same(folder: Path, tmp_path: Path) -> None:
    of_files = load_data(DataSpec(source=str(folder)))
    assert (of_files.is_text, of_files.classes) == (True, ("sea", "town", "wood"))
    rows = sentences()
    names = sorted(WORDS)
    table = pa.table({"text": [text for text, _ in rows], "label": [names.index(label) for _, label in rows]})
    pq.write_table(table, tmp_path / "train.parquet")
    of_table = load_data(DataSpec(source=str(tmp_path / "train.parquet")))
    both = [
        sorted(zip(decoded(part.images), part.labels.tolist(), strict=True))
        for data in (of_files, of_table)
        for part in (
            ms.DataPart(
                torch.cat([_wide(data.train.images), _wide(data.heldout.images)]),
                torch.cat([data.train.labels, data.heldout.labels]),
            ),
        )
    ]
    assert both[0] == both[1]


def _wide(letters: Tensor) -> Tensor:
    return nn.functional.pad(letters, (0, 200 - letters.shape[1]))


def test_a_tokenizer_of_transformers_reads_as_it_says(tokenizer: Path) -> None:
    tokens, mask = read(encoded(["the owl", "tram the tram the bell"]), str(tokenizer), 4)
    vocabulary = json.loads((tokenizer / "tokenizer.json").read_text())["model"]["vocab"]
    assert tokens[0].tolist() == [vocabulary["the"], vocabulary["owl"], 0, 0]
    assert mask.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert n_tokens(encoded(["the owl", "tram the tram the bell"]), str(tokenizer)).tolist() == [2, 5]
    with pytest.raises(ModelError, match="cannot load the tokenizer '/no/such'"):
        read(encoded(["a"]), "/no/such", 4)


class Mean(nn.Module):
    """Embeddings, a block, and the mean over what is there."""

    def __init__(self, n_tokens: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(n_tokens, width)
        self.block = nn.Sequential(nn.Linear(width, width), nn.GELU())
        self.norm = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, 3)

    def forward(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        weights = attention_mask.unsqueeze(-1).to(self.head.weight.dtype)
        y = (self.block(self.embed(tokens)) * weights).sum(1) / weights.sum(1)
        output: Tensor = self.head(self.norm(y))
        return output


def reading(n_tokens: int, width: int, view: View, data: Data, seed: int) -> ms.Network:
    torch.manual_seed(seed)
    model = Mean(n_tokens, width)
    assert view.tokenizer is not None
    tokens, mask = read(data.train.images, view.tokenizer, view.length or 40)
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(80):
        loss = nn.functional.cross_entropy(model(tokens, mask), data.train.labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return ms.Network(model.eval(), f"mean {width}", view)


def test_networks_with_different_tokenizers_are_stitched(
    folder: Path, tokenizer: Path, tmp_path: Path
) -> None:
    data = load_data(DataSpec(source=str(folder)))
    words = reading(20, 12, View(tokenizer=str(tokenizer), length=9), data, 0)
    letters = reading(257, 16, View(tokenizer="bytes", length=40), data, 1)
    found = ms.compare(
        words, letters, data, cuts=("embed", "block"), out=tmp_path / "run", allow_untrained=True
    )
    own = found.baseline("receiver")
    assert found.baseline("sender") == 1
    assert own is not None
    assert own > 0.9
    assert next(cell.bridge for cell in found.cells if cell.control == "trained").startswith(
        "tokens to tokens"
    )
    assert float(found.matrix().max()) > 0.9
    stitched = ms.stitch(
        words, "block", letters, "block", data, fit=ms.FitSpec(steps=40), allow_untrained=True
    )
    assert stitched.score(data.heldout) == stitched.accuracy
    assert stitched(encoded(["the owl", "tram"])).shape == (2, 3)


def test_evidence_of_texts_takes_every_kind(folder: Path, tokenizer: Path) -> None:
    data = load_data(DataSpec(source=str(folder)))
    words = reading(20, 12, View(tokenizer=str(tokenizer), length=9), data, 0)
    found = ms.compare(
        words,
        words,
        data,
        cuts=("block",),
        controls=("self-stitch",),
        evidence=("all",),
        fit=ms.FitSpec(steps=10),
        allow_untrained=True,
    )
    kinds = {row.kind for row in found.evidence}
    assert {"information", "robustness", "agreement", "trajectory", "geometry"} <= kinds


def test_batch_norms_of_an_untrained_reader_are_calibrated(folder: Path, tokenizer: Path) -> None:
    data = load_data(DataSpec(source=str(folder)))
    words = reading(20, 12, View(tokenizer=str(tokenizer), length=9), data, 0)
    module = calibrated(words, data).module
    assert not torch.equal(module.norm.running_mean, words.module.norm.running_mean)  # type: ignore[union-attr, arg-type]


def test_a_model_brings_its_tokenizer(folder: Path, tokenizer: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    config = BertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        vocab_size=20,
        max_position_embeddings=64,
        num_labels=3,
    )
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(tmp_path)
    network = ms.load_model(ModelSpec(source=f"hf:{tmp_path}(pretrained=True)"))
    assert network.view.tokenizer == str(tmp_path)
    data = load_data(DataSpec(source=str(folder), limit=30, heldout_limit=15))
    side = make_side(network, data)
    assert side.inputs.names == ("attention_mask",)
    seen = side.inputs.tokenized["train"]
    assert seen.present is not None
    assert tuple(seen.images.shape) == (30, 9)
    assert (seen.images[~seen.present] == 0).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "it is empty"), (b"  \n", "it is empty"), (b"\xff\xfe\x00", "cannot read the text")],
)
def test_a_file_without_text_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "good.txt").write_text("good")
        (tmp_path / label / "bad.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"bad.txt'.*{message}" if "holds" in message else message):
        load_data(DataSpec(source=str(tmp_path)))


def test_rows_without_text_are_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", None, "b", "c"], "label": [0, 1, 0, 1]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="row 1 of .* holds no text"):
        load_data(DataSpec(source=str(tmp_path / "x.parquet")))
    pq.write_table(pa.table({"n": [0.5, 0.5], "label": [0, 1]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="no column of images or texts"):
        load_data(DataSpec(source=str(tmp_path / "x.parquet")))


class Counts(nn.Module):
    """Tells from the last tokens of a text which class it is, however long the text."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(257, 8)
        self.positions = nn.Parameter(torch.zeros(most, 8), requires_grad=False)
        self.block = nn.Linear(8, 8)
        self.head = nn.Linear(8, 2, bias=False)
        with torch.no_grad():
            self.embed.weight.zero_()
            self.embed.weight[ord("a") + 1, 0] = self.embed.weight[ord("b") + 1, 1] = 1
            self.block.weight.copy_(torch.eye(8))
            self.block.bias.zero_()
            self.head.weight.copy_(torch.eye(2, 8))

    def forward(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.embed(tokens) + self.positions[: tokens.shape[1]]
        output: Tensor = self.head(self.block(x * attention_mask.unsqueeze(-1)).sum(1))
        return output


def long_texts(n_long: int, length: int) -> Data:
    """Short training texts; ``n_long`` of 20 held-out texts say their class at the end of many letters."""

    def part(n: int, n_long: int) -> tuple[Tensor, Tensor]:
        labels = (torch.arange(n) % 3 == 0).long()
        texts = [
            ("x" * (length - 1) if row < n_long else "xx") + "ab"[int(label)]
            for row, label in enumerate(labels)
        ]
        return encoded(texts), labels

    (x, y), (held_x, held_y) = part(40, 0), part(20, n_long)
    wide = nn.functional.pad(x, (0, held_x.shape[1] - x.shape[1]))
    parts = ms.DataPart(wide, y), ms.DataPart(held_x, held_y)
    return Data(*parts, ("a", "b"), "long", "made", is_text=True)


def compared(sender: ms.Network, receiver: ms.Network, data: Data, progress: ms.Progress) -> Comparison:
    return ms.compare(
        sender,
        receiver,
        data,
        cuts=("block",),
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=2),
        progress=progress,
        allow_untrained=True,
    )


def test_held_out_texts_longer_than_all_of_training_are_read_to_their_end() -> None:
    data = long_texts(9, 30)
    network = ms.Network(Counts(64).eval(), "counts", View())
    found = compared(network, network, data, ms.Progress())
    assert found.baseline("receiver") == 1
    assert found.facts.pair.cut.receiver is None


def test_what_the_model_does_not_take_is_cut_counted_and_said() -> None:
    data = long_texts(8, 30)
    reads_20, reads_all = (
        ms.Network(Counts(64).eval(), "counts", View(most_tokens=most)) for most in (20, 64)
    )
    warnings: list[str] = []

    class Progress(ms.Progress):
        def warn(self, text: str) -> None:
            warnings.append(str(text))

    found = compared(reads_all, reads_20, data, Progress())
    # The class of 8 of 20 texts stands beyond the end: equal scores count as the first class, which 5 have.
    assert found.baseline("sender") == 1
    assert found.baseline("receiver") == pytest.approx((12 + 5) / 20)
    cut = found.facts.pair.cut.receiver
    assert cut is not None
    assert (cut.unit, cut.most, cut.n_train, cut.n_heldout) == ("tokens", 20, 0, 8)
    assert found.facts.pair.cut.sender is None
    said = (
        "The receiver takes 20 tokens of a text. 8 of 20 held-out texts and 0 of 40 training texts are longer"
    )
    assert any(said in text for text in warnings)
    assert any(said in str(limit) for limit in limits(found))
    assert Comparison.from_json(found.to_json()).facts.pair.cut == found.facts.pair.cut


def test_a_length_of_the_users_is_counted_too_and_one_beyond_the_model_is_refused() -> None:
    data = long_texts(8, 30)
    side = make_side(ms.Network(Counts(64).eval(), "counts", View(length=2)), data)
    assert side.inputs.n_cut == {"train": 40, "held-out": 20}
    with pytest.raises(SpecError, match="expected a length of at most 64 tokens.*got 65"):
        View(length=65, most_tokens=64)


def test_without_a_limit_the_length_is_512_and_with_one_it_may_be_more() -> None:
    lengths = [torch.tensor([3]), torch.tensor([700])]
    assert reader(View(), lengths).length == 512
    assert reader(View(most_tokens=4096), lengths).length == 700
    assert reader(View(most_tokens=600), lengths).length == 600


@pytest.mark.parametrize("truncation_side", ["right", "left"])
@pytest.mark.parametrize("padding_side", ["right", "left"])
def test_tokens_are_those_of_the_tokenizers_own_call(
    truncation_side: str, padding_side: str, tmp_path: Path
) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *" ".join(WORDS.values()).split()]
    own = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    own.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=own,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=5,
        truncation_side=truncation_side,
        padding_side=padding_side,
    ).save_pretrained(tmp_path)
    texts = ["owl", "wave ship salt tide gull leaf tree", "tram bell leaf"]
    expected = AutoTokenizer.from_pretrained(tmp_path)(
        texts, truncation=True, padding="max_length", max_length=5, return_tensors="pt"
    )
    letters = encoded(texts)
    assert n_tokens(letters, str(tmp_path)).tolist() == [3, 9, 5]
    own_reader = reader(View(tokenizer=str(tmp_path)), [n_tokens(letters, str(tmp_path))])
    assert own_reader.length == 5
    tokens, further = own_reader(letters)
    assert torch.equal(tokens, expected["input_ids"])
    assert further.keys() == {"attention_mask"}  # all tokens are of kind 0, which models take by default
    assert torch.equal(further["attention_mask"], expected["attention_mask"])


def test_kinds_of_tokens_reach_the_model_where_the_tokenizer_tells_them_apart(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        AutoTokenizer,
        PreTrainedTokenizerFast,
        XLNetConfig,
        XLNetForSequenceClassification,
    )

    words = ["[PAD]", "[UNK]", "[SEP]", "[CLS]", *" ".join(WORDS.values()).split()]
    own = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    own.post_processor = processors.TemplateProcessing(
        single="$A:0 [SEP]:0 [CLS]:2", special_tokens=[("[SEP]", 2), ("[CLS]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=own,
        pad_token="[PAD]",
        unk_token="[UNK]",
        padding_side="left",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(tmp_path)
    small = {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16, "num_labels": 2}
    config = XLNetConfig(vocab_size=20, **small, initializer_range=0.5)
    torch.manual_seed(0)
    XLNetForSequenceClassification(config).eval().save_pretrained(tmp_path)
    texts = ["owl tree", "wave ship salt tide gull", "tram", "bell leaf root"] * 3
    labels = torch.arange(12) % 2
    part = ms.DataPart(encoded(texts), labels)
    data = Data(part, part, ("a", "b"), "kinds", "made", is_text=True)
    network = ms.load_model(ModelSpec(source=f"hf:{tmp_path}(pretrained=True)"))
    side = make_side(network, data)
    batch = side.inputs.batch("held-out", torch.arange(12))
    expected = AutoTokenizer.from_pretrained(tmp_path)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        ours = network.module(batch.x, **batch.kwargs).logits
        theirs = network.module(**expected).logits
        without = network.module(batch.x, attention_mask=batch.kwargs["attention_mask"]).logits
    assert side.inputs.names == ("attention_mask", "token_type_ids")
    assert torch.equal(ours, theirs)
    assert not torch.allclose(without, theirs)


def test_a_model_of_the_kind_of_roberta_takes_fewer_tokens_than_it_has_positions() -> None:
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        RobertaConfig,
        RobertaForSequenceClassification,
    )

    from modelstitch.models.sources.hugging_face import most_tokens

    small = {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "vocab_size": 20,
        "max_position_embeddings": 18,
    }
    roberta = RobertaForSequenceClassification(RobertaConfig(**small, pad_token_id=1)).eval()
    bert = BertForSequenceClassification(BertConfig(**small)).eval()
    assert (most_tokens(bert), most_tokens(roberta)) == (18, 16)
    for model, most in ((bert, 18), (roberta, 16)):
        model(torch.full((1, most), 5))
        with pytest.raises((IndexError, RuntimeError)):
            model(torch.full((1, most + 1), 5))
