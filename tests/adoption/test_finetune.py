"""A network that is trained further: what is trained, what is not, and that everything says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import modelstitch as ms
from modelstitch.adoption.division import divide
from modelstitch.adoption.folder.export import Exported, ExportSpec, export
from modelstitch.adoption.folder.finetune import FinetuneSpec, finetuned
from modelstitch.adoption.folder.ledger import LEDGER, read_ledger
from modelstitch.cli import main
from modelstitch.cli.export import tuned_lines
from modelstitch.errors import SpecError
from modelstitch.models.network import digest
from modelstitch.results.comparison import Comparison
from modelstitch.results.stitched import StitchedCell

from .conftest import small, stitched_of
from .test_kinds_of_network import hooked


def everything(stitched: StitchedCell) -> list[str]:
    halves = (stitched.prefix, stitched.stitch, stitched.suffix)
    return [digest(module) for module in (*halves, *(side.network.module for side in stitched.sides))]


@pytest.fixture(scope="module")
def tuned(candidate: StitchedCell, tmp_path_factory: pytest.TempPathFactory) -> tuple[Exported, list[str]]:
    before = everything(candidate)
    options = ExportSpec(
        by="Ann", accept_risk="a test", finetune=FinetuneSpec(steps=40, part="stitch-and-receiver")
    )
    return export(candidate, tmp_path_factory.mktemp("tuned") / "folder", options), before


def test_the_folder_holds_the_network_that_was_trained_further(
    tuned: tuple[Exported, list[str]], exported: Exported, candidate: StitchedCell, digits: ms.Data
) -> None:
    found, before = tuned
    assert everything(candidate) == before
    # Scores and loss of the loaded network, counted here, are those of the card.
    confirm = divide(len(digits.heldout), digits.digest).confirm
    x, labels = digits.heldout.images[confirm], digits.heldout.labels[confirm]
    with torch.no_grad():
        right = (ms.load_stitched(found.folder)(x).argmax(1) == labels).double()
        whole = (candidate.sides[1].network.module(x).argmax(1) == labels).double()
    assert found.card.score[0] == pytest.approx(float(right.mean()))
    assert found.card.lost is not None
    assert found.card.lost[0] == pytest.approx(float((whole - right).mean()))
    assert found.card.finetuned is not None
    assert found.card.finetuned["score_before"] == exported.card.score[0]
    assert found.card.score[0] > exported.card.score[0] + 0.1
    assert all(one.holds for one in found.card.forms)


def test_every_file_says_so(tuned: tuple[Exported, list[str]], exported: Exported) -> None:
    folder, card = tuned[0].folder, tuned[0].card
    facts = card.finetuned
    assert facts is not None
    assert (facts["steps"], facts["examples"], facts["parameters"]) == (40, 1198, 12 * 16 + 12 + 10 * 193)
    assert not card.frozen
    assert exported.card.frozen
    assert exported.card.finetuned is None
    plain = json.loads((folder / "card.json").read_text())
    assert (plain["frozen"], plain["finetuned"]) == (False, facts)
    assert ms.load_stitched(folder).spec.finetuned == facts
    (entry,) = read_ledger(folder / LEDGER)
    assert (entry.facts["frozen"], entry.facts["finetuned"]) == (False, facts)
    text = (folder / "README.md").read_text()
    assert "**The halves are frozen no longer**: the stitch and the receiver's half were trained" in text
    assert facts["receiver_digest"] in text
    assert card.receiver.digest in text  # the original, which a pilot is run against
    assert card.receiver.digest == exported.card.receiver.digest
    assert "verdict and controls are of the network before" in text
    assert "| this, before fine-tuning |" in text
    assert (
        "Both halves are frozen: they are those of the originals."
        in (exported.folder / "README.md").read_text()
    )
    assert "verdict and controls are of the network before" in (folder / "bom.cdx.json").read_text()
    lines = tuned_lines(card)
    assert "the receiver's half is frozen no longer" in lines[0]
    assert lines[1] == "the verdict and the controls are of the network before fine-tuning"
    assert tuned_lines(exported.card) == []


def test_the_stitch_alone(candidate: StitchedCell, digits: ms.Data) -> None:
    again, facts = finetuned(candidate, FinetuneSpec(steps=60), 0.5)
    assert digest(again.suffix) == digest(candidate.suffix)
    assert digest(again.prefix) == digest(candidate.prefix)
    assert digest(again.stitch) != digest(candidate.stitch)
    assert (facts.receiver_changed, facts.score_before) == (False, 0.5)
    assert facts.parameters == sum(value.numel() for value in candidate.stitch.parameters())
    with torch.no_grad():
        before, after = (
            nn.functional.cross_entropy(network(digits.train.images), digits.train.labels)
            for network in (candidate, again)
        )
    assert after < before - 0.005
    same, _ = finetuned(candidate, FinetuneSpec(steps=60), 0.5)
    assert digest(same.stitch) == digest(again.stitch)


def test_batch_norms_and_layers_before_the_cut_stay(digits: ms.Data) -> None:
    networks = [hooked(seed, width).eval() for seed, width in ((0, 4), (1, 6))]
    stitched = stitched_of(networks[0], networks[1], digits, "inner.2", "inner.0")
    assert type(stitched.suffix).__name__ == "HookSuffix"
    again, _ = finetuned(stitched, FinetuneSpec(steps=5, part="stitch-and-receiver"), 0.5)
    before, after = stitched.suffix.state_dict(), again.suffix.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    # The first convolution stands before the cut; a batch norm learns, and keeps its statistics.
    assert changed == {
        f"model.inner.{name}" for name in ("1.weight", "1.bias", "4.weight", "4.bias", "7.weight", "7.bias")
    }


@pytest.mark.parametrize(
    ("steps", "part", "message"),
    [
        (0, "stitch", "whole number of steps of fine-tuning above 0, got 0"),
        (-3, "stitch", "above 0, got -3"),
        (2.5, "stitch", "above 0, got 2.5"),
        (True, "stitch", "above 0, got True"),
        (3, "sender", "unknown part to fine-tune 'sender'"),
    ],
)
def test_what_cannot_be_asked_for(steps: object, part: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        FinetuneSpec(steps=steps, part=part)  # type: ignore[arg-type]


def test_what_cannot_be_trained(candidate: StitchedCell) -> None:
    def other(objective: str = "task") -> StitchedCell:
        cell = replace(candidate.cell, objective=objective)
        return StitchedCell(candidate.comparison, cell, candidate.spec, candidate.stitch, candidate.sides)

    with pytest.raises(
        SpecError, match="expected a cell that was fitted to the task, got one fitted to match"
    ):
        finetuned(other("match"), FinetuneSpec(steps=3), 0.5)
    half = other()
    half.suffix = nn.Linear(2, 2).to(torch.bfloat16)
    with pytest.raises(SpecError, match="a receiver in float32 to fine-tune, got .* in bfloat16"):
        finetuned(half, FinetuneSpec(steps=3, part="stitch-and-receiver"), 0.5)
    plain = other()
    plain.stitch = nn.Identity()  # type: ignore[assignment]
    with pytest.raises(SpecError, match="a stitch with parameters to fine-tune, got affine, which has none"):
        finetuned(plain, FinetuneSpec(steps=3), 0.5)


def test_a_receiver_of_half_precision_keeps_its_numbers(digits: ms.Data) -> None:
    stitched = stitched_of(small(0, 4), small(1, 6).to(torch.bfloat16), digits, "2", "4")
    again, _ = finetuned(stitched, FinetuneSpec(steps=5), 0.5)
    assert digest(again.suffix) == digest(stitched.suffix)
    assert digest(again.stitch) != digest(stitched.stitch)


def test_an_orthogonal_stitch_stays_orthogonal(digits: ms.Data) -> None:
    run = ms.compare(
        small(0, 6),
        small(1, 6),
        digits,
        sender_cuts="2",
        receiver_cuts="2",
        stitch="orthogonal",
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=3, batch_size=64),
    )
    again, _ = finetuned(run.stitched("2", "2"), FinetuneSpec(steps=8), 0.5)
    (weight, *_) = (value for value in again.stitch.parameters() if value.ndim >= 2)
    values = torch.linalg.svdvals(weight.detach().reshape(6, -1))  # one scale for all directions
    torch.testing.assert_close(values, values.mean().expand(6), rtol=1e-5, atol=0)


CELL = ["--sender-cut", "layers.0", "--receiver-cut", "layers.2", "--by", "Ann"]


def test_from_the_command_line(
    small_run: tuple[Comparison, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = [str(small_run[1]), *CELL, "--accept-risk", "a test", "--out", str(tmp_path / "new")]
    refused = [
        (["--finetune-part", "stitch"], "expected steps beside the part 'stitch' to fine-tune, got none"),
        (["--finetune", "0"], "expected a whole number of steps of fine-tuning above 0, got 0"),
        (["--finetune", "3", "--stitch", "affine by match"], "got one fitted to match"),
    ]
    for options, message in refused:
        assert main(["export", *run, "--stitch", "affine", *options]) == 2
        printed = capsys.readouterr().err
        assert message in printed
        assert not list(tmp_path.iterdir())
    assert main(["export", *run, "--stitch", "affine", "--finetune", "2"]) == 0
    printed = capsys.readouterr().out
    assert "fine-tuned for 2 steps (both halves are frozen): accuracy" in printed
    spec = ms.load_stitched(tmp_path / "new").spec
    assert spec.finetuned is not None
    assert spec.finetuned["part"] == "stitch"
