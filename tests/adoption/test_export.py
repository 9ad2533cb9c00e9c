"""What stands in the folder of a candidate, and that it is the network that was stitched."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

import modelstitch as ms
from modelstitch.adoption.folder.calibration_file import CALIBRATION, distances, read_calibration
from modelstitch.adoption.folder.check import check_folder
from modelstitch.adoption.folder.export import Exported, ExportSpec, export
from modelstitch.adoption.folder.ledger import LEDGER, read_ledger
from modelstitch.adoption.folder.loading import WEIGHTS
from modelstitch.adoption.folder.program import PROGRAM
from modelstitch.errors import DataError, ModelError, RunError, SpecError, TruthError
from modelstitch.results.stitched import StitchedCell

FILES = {
    "README.md",
    "bom.cdx.json",
    "calibration.safetensors",
    "card.json",
    "ledger.jsonl",
    "manifest.sha256",
    "model.onnx",
    "model.pt2",
    "model.safetensors",
    "run.py",
    "spec.json",
}


def test_the_folder_holds_all_that_a_candidate_needs(exported: Exported) -> None:
    assert {path.name for path in exported.folder.iterdir()} == FILES
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in exported.folder.iterdir())
    assert [one.form for one in exported.card.forms] == ["model.pt2", "model.safetensors", "model.onnx"]
    assert all(one.holds and one.n == 260 and one.batches == (1, 2, 257) for one in exported.card.forms)
    assert check_folder(exported.folder).holds
    assert list(exported.folder.parent.iterdir()) == [exported.folder]


def test_the_loaded_module_is_the_stitched_network(
    exported: Exported, candidate: StitchedCell, digits: ms.Data
) -> None:
    module = ms.load_stitched(exported.folder)
    x = digits.heldout.images[:9]
    with torch.no_grad():
        torch.testing.assert_close(module(x), candidate(x), rtol=1e-5, atol=1e-6)
    assert module.spec.cell["sender_cut"] == "2"
    assert sum(p.numel() for p in module.parameters()) == exported.card.n_parameters


def test_weights_are_those_that_are_used(exported: Exported, candidate: StitchedCell) -> None:
    weights = load_file(exported.folder / "model.safetensors")
    assert sorted(name.partition(".")[0] for name in weights) == sorted(
        ["sender_part"] * 6 + ["stitch"] * 2 + ["receiver_part"] * 2
    )
    last = candidate.sides[1].network.module.get_parameter("6.weight")
    assert torch.equal(next(value for value in weights.values() if value.shape == last.shape), last)


def test_the_stitched_representation_is_found_in_the_program(
    exported: Exported, candidate: StitchedCell, digits: ms.Data
) -> None:
    module, x = ms.load_stitched(exported.folder), digits.heldout.images[:6]
    with torch.no_grad():
        (provided,) = candidate.prefix(x)
        expected = candidate.stitch(provided)
        torch.testing.assert_close(module.represent(x), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(module.features(x), module.represent(x).mean((2, 3)))


def test_calibration_holds_sorted_numbers_of_the_calibrating_fifth(
    exported: Exported, digits: ms.Data
) -> None:
    found, facts = read_calibration(exported.folder / CALIBRATION)
    assert len(found.loss) == len(found.score) == len(found.distance) == 120
    assert (*found.coordinates.shape, *found.directions.shape) == (8, 120, 12, 8)
    for column in (found.loss, found.score, found.distance, *found.coordinates):
        assert torch.equal(column, column.sort().values)
    assert int(found.answers.sum()) == int(found.labels.sum()) == 120
    # The oracle is the Mahalanobis distance of scikit-learn, over the number of channels.
    module = ms.load_stitched(exported.folder)
    with torch.no_grad():
        features = module.features(digits.train.images)
        own = distances(features, found.mean, found.whitener)
    oracle = LedoitWolf().fit(features.double() / features.double().std(0))
    expected = oracle.mahalanobis(features.double() / features.double().std(0)) / 12
    assert own.numpy() == pytest.approx(expected, rel=1e-3)
    # Scikit-learn's components, of channels of variance 1: their sign is free.
    scaled = (features - features.mean(0)) / features.std(0)
    components = PCA(8).fit_transform(scaled.numpy())
    along = ((features - found.mean) @ found.directions).numpy()
    assert np.abs(along) == pytest.approx(np.abs(components), abs=1e-3)
    held = ["distance", *(f"coordinate-{number}" for number in range(1, 9)), "loss", "label", "paired"]
    assert module.spec.processes == tuple(held)
    assert facts["fingerprint"] == digits.digest


def test_onnx_has_a_free_named_batch_and_gives_the_same(
    exported: Exported, candidate: StitchedCell, digits: ms.Data
) -> None:
    session = onnxruntime.InferenceSession(str(exported.folder / "model.onnx"))
    (x,), (y,) = session.get_inputs(), session.get_outputs()
    assert (x.name, x.shape) == ("x", ["batch", 1, 8, 8])
    assert (y.name, y.shape) == ("output", ["batch", 10])
    some = digits.heldout.images[:31]
    with torch.no_grad():
        expected = candidate(some)
    (got,) = session.run(None, {"x": some.numpy()})
    torch.testing.assert_close(torch.from_numpy(got), expected, rtol=1e-4, atol=1e-5)


def test_torch_alone_runs_the_program(exported: Exported, digits: ms.Data, tmp_path: Path) -> None:
    torch.save(digits.heldout.images[:3].clone(), tmp_path / "x.pt")
    alone = (
        "import sys, runpy\n"
        "class Refuse:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.split('.')[0] in ('modelstitch', 'safetensors', 'tests'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        f"sys.argv = ['run.py', {str(tmp_path / 'x.pt')!r}]\n"
        f"runpy.run_path({str(exported.folder / 'run.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", alone], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("output tensor([[")
    with torch.no_grad():
        expected = ms.load_stitched(exported.folder)(digits.heldout.images[:3])
    first = float(done.stdout.partition("[[")[2].split(",")[0])
    assert first == pytest.approx(float(expected[0, 0]), abs=1e-3)


def test_no_file_holds_an_example(exported: Exported, digits: ms.Data) -> None:
    everything = {path.name: path.read_bytes() for path in exported.folder.iterdir()}
    for part in (digits.heldout, digits.train):
        rows = part.images[:200, 0, 2:6].reshape(200, -1)
        for row in rows:  # the middle of an image, which no other tensor repeats
            piece = row.contiguous().numpy().tobytes()
            assert not [name for name, held in everything.items() if piece in held]


def test_no_file_of_the_network_names_a_folder_of_this_machine(exported: Exported) -> None:
    here = str(Path(__file__).parent.parent.parent).encode()
    for name in ("model.pt2", "model.onnx", "model.safetensors", "README.md", "run.py"):
        assert here not in (exported.folder / name).read_bytes()


def test_the_card_is_one_that_a_hub_reads(exported: Exported) -> None:
    text = (exported.folder / "README.md").read_text()
    card = ModelCard(text, ignore_metadata_errors=False)
    metadata = vars(card.data)
    assert metadata["license"] == "other"
    (result,) = metadata["eval_results"]
    assert result.metric_value == pytest.approx(exported.card.score[0], abs=1e-6)
    assert "| licence | MIT | **unknown** |" in text
    assert "Exported with an accepted risk" in text
    assert "a test" in text
    plain = json.loads((exported.folder / "card.json").read_text())
    assert plain["sender"]["licence"] == "MIT"
    assert plain["receiver"]["licence"] == "unknown"
    assert plain["n_confirm"] == 180
    assert plain["sender"]["digest"] != plain["receiver"]["digest"]


def test_the_bill_of_materials_keeps_its_schema(exported: Exported) -> None:
    text = (exported.folder / "bom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    broken = text.replace('"machine-learning-model"', '"network"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_the_ledger_begins_with_who_and_why(exported: Exported) -> None:
    (entry,) = read_ledger(exported.folder / LEDGER)
    assert (entry.event, entry.by, entry.reason) == ("candidate", "Ann", "smaller; a test")
    assert entry.facts["risk"][0] == "its run has no verdict on it"


def test_a_changed_file_is_named_and_refused(copied: Path) -> None:
    (copied / "run.py").write_text("print('other')\n")
    (copied / "model.onnx").unlink()
    (copied / "more.txt").write_text("")
    found = check_folder(copied)
    assert not found.holds
    assert found.said == "changed: run.py; missing: model.onnx; added: more.txt"
    with pytest.raises(RunError, match="is not what was exported .changed: run.py"):
        ms.load_stitched(copied)


def test_a_folder_without_a_candidate(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no candidate in"):
        ms.load_stitched(tmp_path)


def test_the_contract_refuses_other_inputs(exported: Exported) -> None:
    module = ms.load_stitched(exported.folder)
    with pytest.raises(DataError, match=r"expected x: float32 \(N, 1, 8, 8\), got float32 \(N, 3, 8, 8\)"):
        module(torch.zeros(2, 3, 8, 8))
    with pytest.raises(DataError, match="got uint8"):
        module(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
    with pytest.raises(DataError, match="NaN"):
        module(torch.full((1, 1, 8, 8), torch.nan))
    with pytest.raises(DataError, match="expected the inputs x, got x, mask"):
        module(torch.zeros(1, 1, 8, 8), mask=torch.zeros(1))


def test_a_form_that_differs_is_refused_and_nothing_is_left(
    candidate: StitchedCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelstitch.adoption.folder import forms

    honest = forms._weights

    def off(program: torch.export.ExportedProgram) -> dict[str, torch.Tensor]:
        return {name: value * 1.001 for name, value in honest(program).items()}

    monkeypatch.setattr(forms, "_weights", off)
    with pytest.raises(TruthError, match="model.safetensors differs from the stitched network by"):
        export(candidate, tmp_path / "new", ExportSpec(by="Ann", accept_risk="a test"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [PROGRAM, WEIGHTS])
def test_a_full_disk_is_one_line_and_nothing_is_left(
    name: str, candidate: StitchedCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.write_bytes

    def write(path: Path, data: bytes) -> int:
        if path.name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(RunError, match="^cannot write folder '.*new': No space left on device$"):
        export(candidate, tmp_path / "new", ExportSpec(by="Ann", accept_risk="a test"))
    assert not list(tmp_path.iterdir())


def test_risk_is_refused_unless_somebody_takes_it(candidate: StitchedCell, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="its run has no verdict on it.*--accept-risk"):
        candidate.export(tmp_path / "new", by="Ann")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": " "}, "expected the name of a person"),
        ({"by": "a\nb"}, "expected the name of a person"),
        ({"by": "Ann", "margin": 0.0}, "expected a margin between 0 and 1"),
        ({"by": "Ann", "margin": float("nan")}, "expected a margin between 0 and 1"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ExportSpec(**options)  # type: ignore[arg-type]


def test_a_folder_that_exists_is_refused(candidate: StitchedCell, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="exists: expected the name of a new folder"):
        candidate.export(tmp_path, by="Ann")
    assert not list(tmp_path.iterdir())


def test_outputs_that_are_not_finite_are_refused(
    candidate: StitchedCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert candidate.stitch.weight is not None
    weight = candidate.stitch.weight
    assert isinstance(weight, torch.Tensor)
    held = weight.detach().clone()
    with torch.no_grad():
        weight[0] = torch.inf
    try:
        with pytest.raises(ModelError, match="expected finite outputs"):
            candidate.export(tmp_path / "new", by="Ann", accept_risk="a test")
    finally:
        with torch.no_grad():
            weight.copy_(held)
    assert not list(tmp_path.iterdir())
