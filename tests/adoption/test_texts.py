"""Candidates that read texts: each network by its own tokenizer, in the file, in a pilot and in a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import datasets
import pytest
import torch

import modelstitch as ms
from modelstitch.adoption.folder.contract import Contract
from modelstitch.adoption.folder.export import ExportSpec, export
from modelstitch.adoption.monitor.watch import MonitorSpec, monitor
from modelstitch.adoption.pilot.both import both_networks, inputs_as_given
from modelstitch.adoption.pilot.original import Against, load_original
from modelstitch.data.load import as_data
from modelstitch.data.texts import encoded
from modelstitch.errors import DataError
from modelstitch.results.stitched import StitchedCell
from tests.data.test_running_texts import saved_tokenizer

from .conftest import stitched_of

SIGNS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = list("abcdef")
RECEIVER = "tests.adoption.test_kinds_of_network:Words(seed=1, width=5)"


def texts(n: int, seed: int, most: int) -> tuple[list[str], list[int]]:
    """Words of one letter; the first one decides the label."""
    drawn = torch.Generator().manual_seed(seed)
    rows = torch.randint(0, 6, (n, most), generator=drawn)
    lengths = torch.randint(2, most + 1, (n,), generator=drawn)
    found = [" ".join(LETTERS[one] for one in row[:k].tolist()) for row, k in zip(rows, lengths, strict=True)]
    return found, (rows[:, 0] < 3).long().tolist()


def part(n: int, seed: int, most: int = 7) -> datasets.Dataset:
    x, y = texts(n, seed, most)
    return datasets.Dataset.from_dict({"text": x, "label": y})


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> tuple[StitchedCell, Path]:
    base = tmp_path_factory.mktemp("texts")
    networks = []
    for seed, letters in ((0, LETTERS), (1, LETTERS[::-1])):
        (base / str(seed)).mkdir()
        tokenizer = saved_tokenizer(base / str(seed), words=[*SIGNS, *letters])
        spec = ms.ModelSpec(
            source=f"tests.adoption.test_kinds_of_network:Words(seed={seed}, width={4 + seed})",
            view=ms.View(tokenizer=str(tokenizer)),
        )
        networks.append(ms.load_model(spec))
    stitched = stitched_of(networks[0], networks[1], as_data((part(900, 0), part(600, 1))), "mix", "mix")
    return stitched, export(stitched, base / "candidate", ExportSpec(by="Ann", accept_risk="a test")).folder


def receiver_of(folder: Path) -> ms.Network:
    return load_original(Against(source=RECEIVER), ms.load_stitched(folder).spec, folder)


def test_new_texts_are_read_by_the_tokenizer_of_each_network(candidate: tuple[StitchedCell, Path]) -> None:
    stitched, folder = candidate
    module = ms.load_stitched(folder)
    contract = module.spec.contract
    assert [one.name for one in contract.inputs] == ["x", "attention_mask", "receiver_attention_mask"]
    assert Contract.from_plain(json.loads(json.dumps(asdict(contract)))) == contract
    # The new texts are shorter than those of the run, and padded as far.
    new = as_data((part(60, 2, most=4), part(40, 3, most=4)))
    inputs = inputs_as_given(contract, new)
    with torch.no_grad():
        got = module(inputs.pop("x"), **inputs)
        torch.testing.assert_close(got, stitched(new.heldout.images))
    both = both_networks(folder, receiver_of(folder), new)
    rows = torch.arange(40)
    torch.testing.assert_close(both.candidate(rows), got)
    side = stitched.sides[1]
    with torch.no_grad():
        reader = side.inputs.reader
        assert reader is not None
        tokens, further = reader(new.heldout.images)
        torch.testing.assert_close(both.original(rows), side.network.module(tokens, **further)["logits"])
    with pytest.raises(DataError, match="expected single texts, got pairs"):
        inputs_as_given(contract, as_data((_pairs(40), _pairs(40))))
    with pytest.raises(DataError, match="does not say how the candidate reads them"):
        inputs_as_given(replace(contract, texts=None), new)


def _pairs(n: int) -> datasets.Dataset:
    x, y = texts(n, 4, 4)
    return datasets.Dataset.from_dict({"premise": x, "hypothesis": x, "label": y})


def test_lines_of_texts_are_watched_beside_the_receiver(
    candidate: tuple[StitchedCell, Path], tmp_path: Path
) -> None:
    _, folder = candidate
    x, y = texts(120, 5, 7)
    x = [f"{text} {'g' * (1 + number)}" for number, text in enumerate(x)]  # none is the run's

    reads = ms.load_stitched(folder).spec.contract.texts
    assert reads is not None

    def lines(*, tokens: bool = False) -> Iterator[str]:
        for number, (text, label) in enumerate(zip(x, y, strict=True)):
            read = {name: value[0].tolist() for name, value in reads.of(encoded([text])).items()}
            given = read if tokens else {"text": text}
            yield json.dumps({"id": f"e{number}", **given, "label": label}) + "\n"

    def watched(name: str, given: Iterator[str], receiver: str | None = None) -> dict[str, object]:
        options = MonitorSpec(by="Eve", state=tmp_path / name, receiver=receiver)
        outcome = monitor(folder, given, options)
        assert outcome.examples == outcome.labels == 120
        return {process: values["log10"] for process, values in outcome.evidence.items()}

    beside = watched("beside", lines(), RECEIVER)
    assert beside.pop("paired") != 0.0
    assert beside == watched("texts", lines()) == watched("tokens", lines(tokens=True))
    with pytest.raises(DataError, match="expected the text of each example, as text, beside --receiver"):
        monitor(folder, lines(tokens=True), MonitorSpec(by="E", state=tmp_path / "none", receiver=RECEIVER))
    for line, words in (
        ('{"text": ["a", "b"]}\n', "expected text in line 1 of the stream as a text, got"),
        ('{"text": 3}\n', "expected text in line 1 of the stream as a text, got '3'"),
        ('{"text": "a", "x": [1]}\n', "or text alone, in line 1 of the stream, got x, text"),
    ):
        with pytest.raises(DataError, match=words):
            monitor(folder, iter([line]), MonitorSpec(by="E", state=tmp_path / "none"))
    assert not (tmp_path / "none").exists()
