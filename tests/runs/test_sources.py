"""Relative sources of a run are found again from any folder, with the content that they had."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import modelstitch as ms
from modelstitch.cli import main
from modelstitch.runs.sources import Origin, folders_of, working_in

FACTORY = """
from torch import nn

def net():
    return nn.Sequential(nn.Sequential(nn.Linear(6, 8), nn.ReLU()), nn.Linear(8, 3)).eval()
"""


def weights(path: Path, seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    shapes = {"0.0.weight": (8, 6), "0.0.bias": (8,), "1.weight": (3, 8), "1.bias": (3,)}
    save_file({name: torch.randn(shape, generator=drawn) for name, shape in shapes.items()}, path)


def examples(path: Path, seed: int) -> None:
    drawn = np.random.default_rng(seed)
    x = drawn.normal(size=(300, 6)).astype("float32")
    np.savez(path, x_train=x[:150], y_train=np.arange(150) % 3, x_test=x[150:], y_test=np.arange(150) % 3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a factory, two weights files, data, and a run whose sources are all relative."""
    home = tmp_path_factory.mktemp("made") / "project"
    (home / "nets").mkdir(parents=True)
    (home / "own_nets.py").write_text(FACTORY)
    for seed in (0, 1):
        weights(home / "nets" / f"{seed}.safetensors", seed)
    examples(home / "some.npz", 0)
    with working_in(home):
        ms.compare(
            ms.ModelSpec(source="own_nets:net", weights="nets/0.safetensors"),
            ms.ModelSpec(source="own_nets:net", weights="nets/1.safetensors"),
            "some.npz",
            out="runs/one",
            cuts="0",
            controls=(),
            evidence=(),
            fit=ms.FitSpec(steps=1),
            allow_untrained=True,
        )
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy of the project; its run still names the folder of the first one."""
    return Path(shutil.copytree(made, tmp_path / "moved"))


def score(run: Path) -> float | None:
    return ms.load(run).stitched("0", "0").cell.score


def test_from_any_folder_the_sources_lie_where_the_run_was_started(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = ms.load(made / "runs/one").stitched("0", "0")
    assert module.cell.score is not None
    assert Path.cwd() == tmp_path.resolve()
    # The sums are those of the files that were read, wherever the command was given.
    (name, found), *rest = module.sides[0].network.files
    assert (name, len(found), rest) == ("0.safetensors", 64, [])
    assert main(["reuse", str(made / "runs/one"), "--no-latency"]) in (3, 4)
    # What builds an untrained copy later begins in the same folder.
    assert module.sides[1].network.rebuild is not None
    assert module.sides[1].network.rebuild()(torch.zeros(1, 6)).shape == (1, 3)


def test_a_project_that_moved_as_a_whole_is_found(
    home: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gone = made.rename(made.with_name("gone"))
    try:
        assert score(home / "runs/one") is not None
        # Alone, a run folder has its sources inside, where somebody packed them so.
        alone = Path(shutil.copytree(home / "runs/one", tmp_path / "elsewhere" / "deep" / "alone"))
        with pytest.raises(ms.RunError, match=r"cannot load the sender of run .* again: .*looked for in "):
            score(alone)
        for name in ("nets", "own_nets.py", "some.npz"):
            (shutil.copytree if (home / name).is_dir() else shutil.copy)(home / name, alone / name)
        assert score(alone) is not None
    finally:
        gone.rename(made)


def test_what_is_called_alike_and_holds_something_else_is_passed_over(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "own_nets.py").write_text(FACTORY)
    weights(tmp_path / "nets" / "0.safetensors", 7)
    examples(tmp_path / "some.npz", 7)
    monkeypatch.chdir(tmp_path)
    assert score(made / "runs/one") is not None


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("nets/0.safetensors", weights, "the sender own_nets:net has other weights .* restore its file"),
        ("nets/1.safetensors", weights, "the receiver own_nets:net has other weights"),
        ("some.npz", examples, "the data some.npz have other content .* restore them"),
    ],
)
def test_other_content_everywhere_is_refused_by_name(
    made: Path, name: str, change: object, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = (made / name).read_bytes()
    try:
        change(made / name, 9)  # type: ignore[operator]
        with pytest.raises(ms.TruthError, match=message):
            score(made / "runs/one")
    finally:
        (made / name).write_bytes(kept)


def test_a_run_that_grows_from_another_folder_has_the_origin_of_its_sources(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home / "nets")
    monkeypatch.syspath_prepend(str(home))

    def run(weights_folder: str, data: str, seeds: list[int]) -> None:
        ms.compare(
            ms.ModelSpec(source="own_nets:net", weights=f"{weights_folder}0.safetensors"),
            ms.ModelSpec(source="own_nets:net", weights=f"{weights_folder}1.safetensors"),
            data,
            out=home / "runs/one",
            cuts="0",
            controls=(),
            evidence=(),
            fit=ms.FitSpec(steps=1),
            allow_untrained=True,
            seeds=seeds,
        )

    run("", "../some.npz", [0, 1])
    monkeypatch.chdir(tmp_path)
    grown = ms.load(home / "runs/one")
    assert grown.spec.data.source == "../some.npz"
    assert grown.stitched("0", "0", seed=1).cell.score is not None


def test_the_origin_stands_in_the_database_alone(made: Path, tmp_path: Path) -> None:
    result = ms.load(made / "runs/one")
    result.save(tmp_path / "run.json")
    assert str(made) not in (tmp_path / "run.json").read_text()
    assert str(made) not in (made / "runs/one" / "report.html").read_text()


def test_folders_come_once_and_those_that_are_gone_do_not(tmp_path: Path) -> None:
    run = tmp_path / "a" / "run"
    run.mkdir(parents=True)
    with working_in(tmp_path):
        origin = Origin.here("a/run").to_plain()
        assert json.loads(json.dumps(origin)) == {"folder": str(Path.cwd()), "back": "../.."}
        assert folders_of(run, origin) == (tmp_path.resolve(), run.resolve())
    elsewhere = {**origin, "folder": str(tmp_path / "gone")}
    assert folders_of(run, elsewhere) == (Path.cwd(), tmp_path.resolve(), run.resolve())
