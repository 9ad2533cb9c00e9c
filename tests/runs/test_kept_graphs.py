"""One folder of captured graphs serves every verb and every command that captures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import modelstitch as ms
from modelstitch.cli import main
from modelstitch.errors import RunError
from modelstitch.specs import RunSpec

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions of a folder")

SHORT: dict[str, Any] = {"fit": ms.FitSpec(steps=2), "controls": "none", "evidence": "none"}
DATA = ms.DataSpec(source="digits", limit=100, heldout_limit=100)


def test_every_verb_and_command_finds_what_the_first_run_captured(
    checkpoints: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sender, receiver = map(str, checkpoints)
    kept, run = tmp_path / "graphs", tmp_path / "run"
    first = ms.compare(sender, receiver, DATA, cuts="layers.1", out=run, cache=kept, **SHORT)
    (graph,) = kept.glob("*.graph")  # of both: they have one architecture

    def captured(*_: object, **__: object) -> None:
        raise AssertionError("captured again")

    monkeypatch.setattr("modelstitch.cutting.graph.capture", captured)
    models, fit = {"a": sender, "b": receiver}, SHORT["fit"]
    again = ms.compare_all(models, DATA, cuts="layers.1", cache=str(kept), **SHORT)["a", "b"]
    assert again.matrix().item() == first.matrix().item()
    assert again.facts.pair == first.facts.pair
    assert ms.stitch(sender, "layers.1", receiver, "layers.1", DATA, fit=fit, cache=kept).accuracy > 0
    assert ms.load(run, cache=kept).stitched("layers.1", "layers.1").accuracy == first.cells[0].score

    config = tmp_path / "run.toml"
    text = (run / "run.toml").read_text(encoding="utf-8")
    assert "cache" not in text
    config.write_text(f"cache = {str(kept)!r}\n{text}", encoding="utf-8")
    for command in (
        ["compare", "--config", str(config), "--out", str(run)],  # no other run: nothing is fitted
        ["verify", str(run), "--by", "Ann", "--sample", "1", "--cache", str(kept)],
    ):
        assert main(command) == 0, capsys.readouterr().err
    assert graph.exists()
    assert "cache" not in RunSpec.__dataclass_fields__


def test_a_cache_that_others_can_write_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(RunError, match="expected a cache that nobody else can write"):
        ms.compare("no-such-model", "no-such-model", "digits", cache=tmp_path)
    with pytest.raises(RunError, match="expected a cache that nobody else can write"):
        ms.compare_all({"a": "no-such-model", "b": "none"}, "digits", cache=tmp_path)
