"""Texts whose every token is a target: every text once, in one part, with the targets of a slow oracle."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from options import usable_torchvision
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.data.texts import pieces, reads_as
from modelstitch.errors import DataError, ModelError
from modelstitch.runs.prepare import read_alike
from modelstitch.specs import DataSpec, View
from modelstitch.tasks import IGNORED

usable_torchvision()  # which transformers looks at when it is imported

TEXTS = [f"text {n} of the sea, " * (1 + n % 4) for n in range(30)]
LENGTH = 16


def letters(tokens: Tensor) -> bytes:
    return bytes((tokens[tokens > 0] - 1).to(torch.uint8).tolist())


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6), st.integers(1, 9))
def test_pieces_hold_every_byte_once_and_no_piece_holds_two_texts(texts: list[str], length: int) -> None:
    tokens, mask, own = pieces(texts, "bytes", length)
    assert tokens.shape == mask.shape == own.shape
    assert torch.equal(tokens > 0, mask == 1)
    assert letters(tokens) == "".join(texts).encode()
    assert len(tokens) == sum(-(-len(text.encode()) // length) for text in texts)


def folder_of(texts: list[str], root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        (root / f"{number:02d}.txt").write_text(text, encoding="utf-8")
    return root


def test_a_folder_of_texts_is_divided_by_texts(tmp_path: Path) -> None:
    root = folder_of(TEXTS[:15], tmp_path / "a" / "b")
    folder_of(TEXTS[15:], tmp_path / "a" / "c")
    data = load_data(DataSpec(source=str(root.parent), task="next-token", length=LENGTH))
    shown = [letters(part.images) for part in (data.train, data.heldout)]
    of = [{text for text in TEXTS if f"text {text.split()[1]} ".encode() in each} for each in shown]
    assert len(of[1]) == 10
    assert not of[0] & of[1]
    assert Counter(b"".join(shown)) == Counter("".join(TEXTS).encode())
    assert data.division == "a third of the texts held out, seed 0; examples of 16 tokens, tokenizer bytes"
    for part in (data.train, data.heldout):
        for tokens, wanted, mask in zip(
            part.images, part.targets, part.kwargs["attention_mask"], strict=True
        ):
            for place in range(LENGTH):
                there = place + 1 < LENGTH and mask[place + 1]
                assert wanted[place] == (tokens[place + 1] if there else IGNORED)


def test_the_end_of_a_single_text_is_held_out(tmp_path: Path) -> None:
    text = "".join(f"line {n}\n" for n in range(100))
    (tmp_path / "all.txt").write_text(text)
    data = load_data(DataSpec(source=str(tmp_path / "all.txt"), task="next-token", length=10))
    train, held = letters(data.train.images).decode(), letters(data.heldout.images).decode()
    # A last piece of one token has nothing that is wanted.
    assert text.startswith(train)
    assert text.endswith(held)
    assert len(text) - len(train) - len(held) <= 2
    assert held.startswith("line 6")
    (tmp_path / "one.txt").write_text("no line ends here " * 9)
    data = load_data(DataSpec(source=str(tmp_path / "one.txt"), task="next-token", length=10, limit=4))
    assert len(data.train) == 4


def test_parts_of_folders_and_tables_stay_as_they_are(tmp_path: Path) -> None:
    folder_of(TEXTS[:20], tmp_path / "set" / "train")
    folder_of(TEXTS[20:], tmp_path / "set" / "validation")
    tables = tmp_path / "tables"
    tables.mkdir()
    pq.write_table(pa.table({"text": [*TEXTS[:20], "", None]}), tables / "train-0.parquet")
    pq.write_table(pa.table({"text": TEXTS[20:]}), tables / "test.parquet")
    found = [
        load_data(DataSpec(source=str(path), task="next-token", length=LENGTH))
        for path in (tmp_path / "set", tables)
    ]
    for data in found:
        assert letters(data.train.images) == "".join(TEXTS[:20]).encode()
        assert letters(data.heldout.images) == "".join(TEXTS[20:]).encode()
    assert found[1].division.startswith("the files train*.parquet and test*.parquet; ")
    one = load_data(DataSpec(source=str(tables / "train-0.parquet"), task="next-token", length=LENGTH))
    assert len(letters(one.train.images)) + len(letters(one.heldout.images)) == len("".join(TEXTS[:20]))


def test_rows_of_datasets_are_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    parts = {"train": datasets.Dataset.from_dict({"text": [*TEXTS[:20], " "]})}
    parts["test"] = datasets.Dataset.from_dict({"text": TEXTS[20:]})
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "set"))
    data = load_data(DataSpec(source=f"hf:{tmp_path / 'set'}", task="next-token", length=LENGTH))
    assert letters(data.train.images) == "".join(TEXTS[:20]).encode()
    assert data.division.startswith("the parts train and test; ")
    datasets.Dataset.from_dict({"n": [1, 2]}).save_to_disk(str(tmp_path / "numbers"))
    with pytest.raises(DataError, match=r"no column of texts in data numbers: expected strings, got \['n'\]"):
        load_data(DataSpec(source=f"hf:{tmp_path / 'numbers'}", task="next-token"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def saved_tokenizer(path: Path, **changes: Any) -> Path:
    """A word tokenizer with marks around each text, and a mask, in the hub's own format."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "text", "of", "the", "sea", ","]
    numbers = {word: index for index, word in enumerate(changes.pop("words", words))}
    own = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    marks = [("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])]
    own.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=own, **special, mask_token="[MASK]", **changes)
    fast.save_pretrained(path)
    return path


def test_masked_tokens_are_a_seventh_and_no_marks(tmp_path: Path, tokenizer: Path) -> None:
    root = folder_of(TEXTS * 8, tmp_path / "texts")
    spec = DataSpec(source=str(root), task="masked-token", tokenizer=str(tokenizer), length=LENGTH)
    data = load_data(spec)
    assert torch.equal(load_data(spec).train.images, data.train.images)
    hidden = data.train.images == 4
    assert torch.equal(hidden, data.train.targets != IGNORED)
    assert hidden.any(1).all()
    # Not the marks before and behind a text, and not what fills up.
    assert not (data.train.targets[hidden] < 4)[data.train.targets[hidden] != 1].any()
    whole, mask, own = pieces(TEXTS * 8, str(tokenizer), LENGTH)
    n_hidden = sum(int((part.images == 4).sum()) for part in (data.train, data.heldout))
    assert n_hidden / int(own.sum()) == pytest.approx(0.15, abs=0.02)
    assert int(mask.sum() - own.sum()) == 2 * len(TEXTS) * 8
    assert (whole == 2).sum() == len(TEXTS) * 8


def test_tokenizers_are_alike_by_what_they_do(tmp_path: Path, tokenizer: Path) -> None:
    same = saved_tokenizer(tmp_path / "same")
    other = saved_tokenizer(
        tmp_path / "other", words=["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]", "text", "of"]
    )
    pieces(["text of"], str(same), 4)
    assert reads_as(str(tokenizer), str(same))
    assert not reads_as(str(tokenizer), str(other))
    assert not reads_as(str(tokenizer), "bytes")
    spec = DataSpec(source="texts", task="next-token")

    def networks(*views: View) -> list[ms.Network]:
        return [ms.Network(nn.Identity(), f"model {n}", view) for n, view in enumerate(views)]

    by_words = [View(tokenizer=str(each), length=8) for each in (tokenizer, same)]
    read = read_alike(spec, networks(*by_words))
    assert (read.tokenizer, read.length) == (str(tokenizer), 8)
    with pytest.raises(DataError, match=r"expected one tokenizer .* bytes of model 1: give --tokenizer"):
        read_alike(spec, networks(by_words[0], View(length=8)))
    with pytest.raises(
        DataError, match="expected one length .* 8 of model 0, None of model 1: give --length"
    ):
        read_alike(spec, networks(View(length=8), View()))
    given = DataSpec(source="texts", task="next-token", tokenizer="bytes", length=5)
    assert read_alike(given, networks(*by_words)) == given
    plain = DataSpec(source="texts")
    assert read_alike(plain, networks(*by_words)) == plain


class Looking(nn.Module):
    """Scores of the next byte from this one and the one before: enough to learn a text that repeats."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(257, width)
        self.mix = nn.Sequential(nn.Linear(2 * width, width), nn.GELU())
        self.head = nn.Linear(width, 257)

    def forward(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        y = self.embed(tokens) * attention_mask[..., None].to(self.head.weight.dtype)
        before = torch.cat([torch.zeros_like(y[:, :1]), y[:, :-1]], 1)
        output: Tensor = self.head(self.mix(torch.cat([y, before], 2)))
        return output


def trained(width: int, data: Data) -> ms.Network:
    torch.manual_seed(width)
    model = Looking(width)
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        loss = data.task.loss(
            model(data.train.images, data.train.kwargs["attention_mask"]), data.train.targets
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return ms.Network(model.eval(), f"looking {width}", View(tokenizer="bytes", length=LENGTH))


def test_language_models_are_stitched_on_texts(tmp_path: Path) -> None:
    root = folder_of(TEXTS, tmp_path / "texts")
    spec = DataSpec(source=str(root), task="next-token")
    models = [
        trained(width, load_data(DataSpec(source=str(root), task="next-token", length=LENGTH)))
        for width in (12, 16)
    ]
    found = ms.compare(
        models[0],
        models[1],
        spec,
        cuts=("mix",),
        controls=("random-sender",),
        evidence=("geometry",),
        out=tmp_path / "run",
        allow_untrained=True,
    )
    own = found.baseline("receiver")
    assert own is not None
    assert own > 0.7
    real, control = (found.matrix(control=name).item() for name in ("trained", "random-sender"))
    assert real > own - 0.05
    assert real > control
    again = ms.load(tmp_path / "run")
    assert again.matrix().item() == real
    pairs = ms.compare_all(
        {"a": models[0], "b": models[1]}, spec, cuts=("mix",), controls=(), evidence=(), allow_untrained=True
    )
    assert pairs["a", "b"].matrix().item() == pytest.approx(real)


@pytest.mark.parametrize(
    ("source", "task", "message"),
    [
        (
            "empty",
            "next-token",
            "cannot read data '.*empty' .*: the folder holds nothing; expected one of hf:",
        ),
        ("halves", "next-token", r"expected text files \(.txt\) in the folder, at any depth, got none"),
        ("short", "next-token", "expected texts of at least two tokens, got none"),
        ("nothing", "next-token", "holds no text"),
        ("latin", "next-token", r"cannot read the text '.*latin/a.txt': 'utf-8' codec can't decode"),
        ("words", "masked-token", "expected a tokenizer with a mask for the task masked-token, got 'bytes'"),
        (
            "words/a.txt",
            "classification",
            "have no targets for the task classification: expected .* a folder with",
        ),
        ("words/a.bin", "next-token", "FILE.npz, FILE.parquet, .*, FILE.txt, a folder of .txt files"),
        ("none.parquet", "next-token", "no data file"),
        ("numbers.parquet", "next-token", r"no column of texts in .*: expected strings, got \['n'\]"),
        ("blank.parquet", "next-token", "no row of .*blank.parquet' holds a text in the column 'text'"),
    ],
)
def test_what_is_no_text_is_told(tmp_path: Path, source: str, task: str, message: str) -> None:
    for name, content in (
        ("short", b"a"),
        ("nothing", b" \n"),
        ("latin", b"caf\xe9"),
        ("words", b"some words"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_bytes(content)
        other = {"short": b"b", "words": b"more words"}.get(name, content)
        (tmp_path / name / "b.txt").write_bytes(other)
    (tmp_path / "empty").mkdir()
    (tmp_path / "halves" / "train").mkdir(parents=True)
    (tmp_path / "halves" / "test").mkdir()
    (tmp_path / "halves" / "train" / "a.txt").write_text("some words")
    (tmp_path / "words" / "a.bin").write_bytes(b"1")
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "numbers.parquet")
    pq.write_table(pa.table({"text": ["", None]}), tmp_path / "blank.parquet")
    with pytest.raises(DataError, match=message):
        load_data(DataSpec(source=str(tmp_path / source), task=task))


def test_more_tokens_than_a_model_has_places_for(tmp_path: Path) -> None:
    root = folder_of(TEXTS, tmp_path / "texts")
    model = nn.Sequential(nn.Embedding(50, 8), nn.Linear(8, 257))
    with pytest.raises(ModelError, match=r"tokens from 0 to \d+: give the tokenizer that it was made for"):
        ms.compare(
            model,
            model,
            DataSpec(source=str(root), task="next-token"),
            cuts=("0",),
            controls=(),
            allow_untrained=True,
        )


@pytest.mark.parametrize("text", ["Title\n" + "x" * 3000, "Title\n" + "word " * 600, "xyz" * 1000])
def test_a_text_of_one_long_line_is_divided_by_its_length(tmp_path: Path, text: str) -> None:
    (tmp_path / "all.txt").write_text(text)
    data = load_data(DataSpec(source=str(tmp_path / "all.txt"), task="next-token", length=LENGTH))
    share = len(data.heldout) / (len(data.train) + len(data.heldout))
    assert share == pytest.approx(1 / 3, abs=0.04)


def test_of_more_texts_than_examples_are_wanted_few_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelstitch.data import running_texts

    n_read: list[int] = []

    def counted(texts: list[str], tokenizer: str, length: int) -> tuple[Tensor, Tensor, Tensor]:
        n_read.append(len(texts))
        return pieces(texts, tokenizer, length)

    monkeypatch.setattr(running_texts, "pieces", counted)
    root = folder_of(TEXTS, tmp_path / "texts")
    spec = DataSpec(source=str(root), task="next-token", length=LENGTH, limit=6, heldout_limit=4)
    data = load_data(spec)
    assert n_read == [6, 4]
    assert (len(data.train), len(data.heldout)) == (6, 4)
    assert torch.equal(load_data(spec).train.images, data.train.images)


def test_tokens_in_a_file_ask_no_tokenizer() -> None:
    spec = DataSpec(source="tokens.npz", task="next-token")
    views = [View(tokenizer="/no/such", length=4), View(length=5)]
    networks = [ms.Network(nn.Identity(), str(n), view) for n, view in enumerate(views)]
    assert read_alike(spec, networks) == spec


def test_texts_that_are_copies_come_into_one_part(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.txt").write_text(f"text of number {number // 3} and no other\n" * 3)
    data = load_data(DataSpec(source=str(tmp_path), task="next-token", length=8))
    of = [set(map(tuple, part.images.tolist())) for part in (data.train, data.heldout)]
    numbers = [{tokens for tokens in some if any(ord(str(n)) + 1 in tokens for n in range(4))} for some in of]
    assert numbers[0]
    assert numbers[1]
    assert not numbers[0] & numbers[1]
