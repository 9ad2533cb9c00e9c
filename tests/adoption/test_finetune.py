"""A network that is trained further: what is trained, what is not, and that everything says so."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import modelstitch as ms
from modelstitch.adoption.division import divide
from modelstitch.adoption.folder.export import Exported
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


CELL = ["--sender-cut", "layers.0", "--receiver-cut", "layers.2", "--stitch", "affine", "--by", "Ann"]


@pytest.fixture(scope="module")
def tuned(
    small_run: tuple[Comparison, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, list[str]]:
    """A candidate that was trained further, as a user exports it; what was printed; hashes before."""
    stitched = small_run[0].stitched("layers.0", "layers.2", stitch="affine")
    before = everything(stitched)
    folder, printed = tmp_path_factory.mktemp("tuned") / "folder", io.StringIO()
    words = ["export", str(small_run[1]), *CELL, "--accept-risk", "a test", "--out", str(folder)]
    with contextlib.redirect_stdout(printed):
        assert main([*words, "--finetune", "60", "--finetune-part", "stitch-and-receiver"]) == 0
    return folder, printed.getvalue(), before


def test_the_folder_holds_the_network_that_was_trained_further(
    tuned: tuple[Path, str, list[str]], small_run: tuple[Comparison, Path], digits: ms.Data
) -> None:
    stitched = small_run[0].stitched("layers.0", "layers.2", stitch="affine")
    assert everything(stitched) == tuned[2]
    # Scores and loss of the loaded network, counted here, are those of the card.
    card = json.loads((tuned[0] / "card.json").read_text())
    confirm = divide(len(digits.heldout), digits.digest).confirm
    x, labels = digits.heldout.images[confirm], digits.heldout.labels[confirm]
    with torch.no_grad():
        right, before = (
            float((network(x).argmax(1) == labels).double().mean())
            for network in (ms.load_stitched(tuned[0]), stitched)
        )
    assert stitched.sides[1].own_scores is not None
    whole = float(stitched.sides[1].own_scores[confirm].double().mean())
    assert card["score"][0] == pytest.approx(right)
    assert card["lost"][0] == pytest.approx(whole - right)
    assert card["finetuned"]["score_before"] == pytest.approx(before)
    assert right > before + 0.1
    assert [one["answers"] for one in card["forms"]] == [0, 0, 0]
    assert ms.verify(tuned[0], "Bo", data=digits).holds


def test_every_file_says_so(tuned: tuple[Path, str, list[str]], exported: Exported) -> None:
    folder, printed, before = tuned
    card = json.loads((folder / "card.json").read_text())
    facts = card["finetuned"]
    assert (facts["steps"], facts["examples"], card["frozen"]) == (60, 1198, False)
    assert facts["parameters"] > card["stitch"]["n_parameters"]
    assert facts["receiver_digest"] != before[2]
    assert card["receiver"]["digest"] == before[4]  # the original, which a pilot is run against
    assert ms.load_stitched(folder).spec.finetuned == facts
    entry = read_ledger(folder / LEDGER)[0]
    assert (entry.facts["frozen"], entry.facts["finetuned"]) == (False, facts)
    text = (folder / "README.md").read_text()
    assert "**The halves are frozen no longer**: the stitch and the receiver's half were trained" in text
    assert facts["receiver_digest"] in text
    assert before[4] in text
    assert "| this, before fine-tuning |" in text
    for name in ("README.md", "bom.cdx.json"):
        assert "verdict and controls are of the network before" in (folder / name).read_text()
    assert "the receiver's half is frozen no longer" in printed
    assert "the verdict and the controls are of the network before fine-tuning" in printed
    assert (exported.card.frozen, exported.card.finetuned) == (True, None)
    plain = (exported.folder / "README.md").read_text()
    assert "Both halves are frozen: they are those of the originals." in plain
    assert "fine-tun" not in plain
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
        allow_untrained=True,
    )
    again, _ = finetuned(run.stitched("2", "2"), FinetuneSpec(steps=8), 0.5)
    (weight, *_) = (value for value in again.stitch.parameters() if value.ndim >= 2)
    values = torch.linalg.svdvals(weight.detach().reshape(6, -1))  # one scale for all directions
    torch.testing.assert_close(values, values.mean().expand(6), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--finetune-part", "stitch"], "expected steps beside the part 'stitch' to fine-tune, got none"),
        (["--finetune", "0"], "expected a whole number of steps of fine-tuning above 0, got 0"),
        (["--finetune", "3", "--stitch", "affine by match"], "got one fitted to match"),
    ],
)
def test_what_the_command_refuses(
    small_run: tuple[Comparison, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    words = ["export", str(small_run[1]), *CELL, "--accept-risk", "a test", "--out", str(tmp_path / "new")]
    assert main([*words, *options]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
