"""The stitched network of a finished cell, from memory and from a run folder."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import modelstitch as ms
from modelstitch.data.parts import Data
from modelstitch.models.network import Network
from modelstitch.results.comparison import Comparison

QUICK = ms.FitSpec(steps=2)


@pytest.fixture
def made(small_run: tuple[Comparison, Path]) -> tuple[Comparison, Path]:
    return small_run


def score_of(comparison: Comparison, *cell: str) -> float:
    return next(
        row.score
        for row in comparison.cells
        if (row.sender_cut, row.receiver_cut, row.stitch) == cell and row.score is not None
    )


@pytest.mark.parametrize("where", ["memory", "folder"])
def test_a_cell_gives_its_network(made: tuple[Comparison, Path], digits: Data, where: str) -> None:
    result = made[0] if where == "memory" else ms.load(made[1])
    for stitch in ("affine", "affine by match"):
        module = result.stitched("layers.0", "layers.2", stitch=stitch)
        # The network scores what its cell says: an oracle that reads neither the fit nor the file.
        assert module.score(digits.heldout) == score_of(result, "layers.0", "layers.2", stitch)
        assert module.cell.stitch == stitch
        assert module.comparison.facts == result.facts
    few = digits.heldout.images[:3]
    outputs = module.receiver_part(module.stitch(*module.sender_part(few.float() / 255)))
    assert outputs.shape == module(few).shape == (3, 10)


def test_the_objective_tells_two_fits_apart(made: tuple[Comparison, Path]) -> None:
    result, _ = made
    by_match = result.stitched("layers.0", "layers.2", stitch="affine", objective="match")
    assert by_match.cell.stitch == "affine by match"
    assert result.stitched("layers.2", "layers.2", stitch="scale", seed=0).cell.family == "scale"


@pytest.mark.parametrize(
    ("cuts", "choice", "message"),
    [
        (
            ("layers.0", "layers.2"),
            {},
            r"one fit of layers.0 -> layers.2, got 2: stitch affine, seed 0, objec.*"
            r"task; stitch affine by match, .*; choose one by stitch, seed or objective",
        ),
        (("layers.1", "layers.2"), {}, "unknown sender cut of this run 'layers.1': expected one of layers.0"),
        (("layers.0", "layer.2"), {}, "unknown receiver cut .* did you mean 'layers.2'"),
        (("layers.0", "layers.2"), {"stitch": "scale"}, "unknown stitch of layers.0 -> layers.2 'scale'"),
        (
            ("layers.0", "layers.2"),
            {"seed": 3},
            "unknown seed of layers.0 -> layers.2 '3': expected one of 0",
        ),
        (("layers.0", "layers.2"), {"objective": "latent"}, "unknown objective .* 'latent'"),
    ],
)
def test_what_no_one_cell_fits_is_refused(
    made: tuple[Comparison, Path], cuts: tuple[str, str], choice: dict[str, object], message: str
) -> None:
    with pytest.raises(ms.SpecError, match=message):
        made[0].stitched(*cuts, **choice)  # type: ignore[arg-type]


def test_a_failed_cell_has_no_network(made: tuple[Comparison, Path]) -> None:
    cells = tuple(replace(row, score=None, failure="no finite loss") for row in made[0].cells)
    with pytest.raises(ms.SpecError, match="which failed: no finite loss"):
        replace(made[0], cells=cells).stitched("layers.2", "layers.2", stitch="affine", objective="task")


def test_numbers_alone_have_no_network(made: tuple[Comparison, Path], tmp_path: Path) -> None:
    made[0].save(tmp_path / "numbers.json")
    for numbers in (ms.load(tmp_path / "numbers.json"), pickle.loads(pickle.dumps(made[0]))):
        assert numbers == made[0]
        with pytest.raises(ms.RunError, match="got numbers alone: take that of compare"):
            numbers.stitched("layers.2", "layers.2", stitch="affine by match")


def test_networks_in_memory_cannot_be_loaded_again(
    networks: tuple[Network, Network], digits: Data, tmp_path: Path
) -> None:
    module = copy.deepcopy(networks[0].module)
    made = ms.compare(
        module, module, digits, out=tmp_path, cuts="layers.2", fit=QUICK, controls=(), evidence=()
    )
    assert made.stitched("layers.2", "layers.2").cell.score is not None
    with pytest.raises(
        ms.RunError, match="given in memory in run .*: call stitched.. on what compare.. returns"
    ):
        ms.load(tmp_path).stitched("layers.2", "layers.2")
    # The stitch belongs to the weights that the network had: others are not stitched without a word.
    with torch.no_grad():
        next(module.parameters()).add_(1)
    with pytest.raises(ms.TruthError, match="has other weights than in the run"):
        made.stitched("layers.2", "layers.2")


def test_a_source_with_other_weights_is_refused(
    made: tuple[Comparison, Path], checkpoints: tuple[Path, Path]
) -> None:
    loaded = ms.load(made[1])
    other = replace(loaded, spec=replace(loaded.spec, sender=loaded.spec.receiver))
    with pytest.raises(ms.TruthError, match="the sender .* has other weights .*: restore its file"):
        other.stitched("layers.2", "layers.2", stitch="scale")
    gone = replace(loaded.spec.sender, source=str(checkpoints[0]) + ".gone.safetensors")
    with pytest.raises(ms.RunError, match="cannot load the sender of run .* again"):
        replace(loaded, spec=replace(loaded.spec, sender=gone)).stitched(
            "layers.2", "layers.2", stitch="scale"
        )
