"""Examples of a candidate's own run are recognised, from wherever they come; where not, a word says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import modelstitch as ms
from modelstitch.adoption.division import divide_heldout
from modelstitch.adoption.folder.export import ExportSpec, export
from modelstitch.adoption.folder.spec_file import read_spec
from modelstitch.adoption.monitor.watch import MonitorSpec, monitor
from modelstitch.adoption.pilot.original import Against
from modelstitch.adoption.pilot.own_examples import KEPT, own_examples
from modelstitch.adoption.pilot.run import PilotSpec, pilot
from modelstitch.adoption.stages.road import road_of
from modelstitch.cli import main
from modelstitch.errors import DataError, RunError
from modelstitch.models.network import wrap
from tests.adoption.conftest import small, stitched_of

UNKNOWN = "are not recognised"


@pytest.fixture(scope="module")
def made(digits: ms.Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, ms.Data]:
    """A candidate whose run read a file, the file, and what it holds."""
    home = tmp_path_factory.mktemp("own")
    x, y = digits.train.images[:300].numpy(), digits.train.labels[:300].numpy()
    x_test, y_test = digits.heldout.images.numpy(), digits.heldout.labels.numpy()
    np.savez(home / "digits.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    cell = stitched_of(small(0, 4), small(1, 6), str(home / "digits.npz"), "2", "4")
    export(cell, home / "candidate", ExportSpec(by="Ann", accept_risk="a test"))
    return home / "candidate", (home / "digits.npz").read_bytes(), _data(home / "digits.npz")


def _data(path: Path) -> ms.Data:
    with np.load(path) as arrays:
        parts = [(arrays[f"x_{name}"], arrays[f"y_{name}"]) for name in ("train", "test")]
    return ms.data_from(*parts[0], heldout=parts[1])


@pytest.fixture
def folder(made: tuple[Path, bytes, ms.Data], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the candidate; the file of its run lies where its spec says."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "candidate").mkdir()
    for path in made[0].iterdir():
        (tmp_path / "candidate" / path.name).write_bytes(path.read_bytes())
    made[0].with_name("digits.npz").write_bytes(made[1])
    return tmp_path / "candidate"


def spec_of(folder: Path, **options: object) -> PilotSpec:
    against = Against(what=wrap(ms.load_stitched(folder), "itself"))
    return PilotSpec(by="Bo", against=against, **options)  # type: ignore[arg-type]


def test_a_part_of_them_in_another_file_is_recognised(
    folder: Path, made: tuple[Path, bytes, ms.Data], digits: ms.Data, capsys: pytest.CaptureFixture[str]
) -> None:
    chose = divide_heldout(made[2]).choose[:20]
    x = torch.cat([digits.heldout.images[chose].flip(0), digits.train.images[300:340]])
    np.savez("others.npz", x=x.numpy(), y=np.zeros(len(x), np.int64))
    outcome = pilot(folder, "others.npz", spec_of(folder))
    assert len(outcome.examples) == 40
    assert road_of(folder).pilots[-1].facts["own_examples"] == "left out"
    assert not any(UNKNOWN in str(sentence) for sentence in outcome.sentences())
    # Of calibrating examples a pilot takes no harm, a monitor does.
    calibrate = divide_heldout(made[2]).calibrate
    np.savez("calibrating.npz", x=digits.heldout.images[calibrate].numpy())
    with pytest.raises(DataError, match="of the candidate's own run"):
        monitor(folder, "calibrating.npz", MonitorSpec(by="Eve"))
    assert not Path("candidate-monitor").exists()
    # The same by lines; what is new among them is taken.
    rows = [*digits.heldout.images[calibrate[:3]], *digits.train.images[340:344]]
    lines = [json.dumps({"id": str(at), "x": row.tolist()}) for at, row in enumerate(rows)]
    outcome_of_lines = monitor(folder, iter(lines), MonitorSpec(by="Eve"))
    assert outcome_of_lines.examples == 4


def test_a_copy_at_another_path_is_recognised_where_the_source_is_gone(
    folder: Path, made: tuple[Path, bytes, ms.Data]
) -> None:
    made[0].with_name("digits.npz").unlink()
    Path("copy.npz").write_bytes(made[1])
    division = divide_heldout(made[2])
    outcome = pilot(folder, "copy.npz", spec_of(folder))
    assert outcome.facts.own_known is True
    watched = monitor(folder, "copy.npz", MonitorSpec(by="Eve"))
    assert watched.examples == len(division.confirm)
    # What was kept serves where the data can be read no more.
    Path("copy.npz").unlink()
    spec = read_spec(folder)
    kept = own_examples("none", spec, folder, Path("candidate-monitor"))
    assert kept is not None
    assert len(kept.calibrated) == len(division.calibrate)
    assert own_examples("none", spec, folder, folder) is None


@pytest.mark.parametrize("changed", [False, True])
def test_where_they_cannot_be_recognised_a_word_says_so(
    folder: Path,
    made: tuple[Path, bytes, ms.Data],
    digits: ms.Data,
    changed: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = made[0].with_name("digits.npz")
    source.unlink()
    if changed:
        np.savez(source, x_train=made[2].train.images[:9].numpy(), y_train=np.arange(9))
    np.savez("new.npz", x=digits.train.images[300:340].numpy())
    outcome = pilot(folder, "new.npz", spec_of(folder))
    assert road_of(folder).pilots[-1].facts["own_examples"] == "not recognised"
    assert any(UNKNOWN in str(sentence) for sentence in outcome.sentences())
    assert any("見分けられません" in sentence.in_language("ja") for sentence in outcome.sentences())
    assert main(["monitor", str(folder), "--data", "new.npz", "--by", "Eve"]) == 0
    assert UNKNOWN in capsys.readouterr().out
    assert monitor(folder, "new.npz", MonitorSpec(by="Eve")).to_plain()["own_examples"] == "not recognised"


@pytest.mark.parametrize("text", ["", "{}", '{"format": "other"}', "[1]"])
def test_a_damaged_file_is_refused(folder: Path, text: str) -> None:
    Path(KEPT).write_text(text)
    with pytest.raises(RunError, match=KEPT):
        own_examples("none", read_spec(folder), folder, Path())
