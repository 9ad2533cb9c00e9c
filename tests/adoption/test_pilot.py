"""``modelstitch pilot``: two networks on new examples, labels that come later, and what is refused."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import modelstitch as ms
from modelstitch.adoption.folder.check import check_folder
from modelstitch.adoption.folder.export import ExportSpec, export
from modelstitch.adoption.folder.ledger import LEDGER, LedgerEntry, append
from modelstitch.adoption.folder.spec_file import read_spec
from modelstitch.adoption.pilot.both import both_networks, paired
from modelstitch.adoption.pilot.new_data import read_new, shuffled
from modelstitch.adoption.pilot.original import Against
from modelstitch.adoption.pilot.own_examples import own_examples
from modelstitch.adoption.pilot.record import LOCK, read_state
from modelstitch.adoption.pilot.run import PilotSpec, pilot
from modelstitch.adoption.stages.road import Road, road_of
from modelstitch.cli import main
from modelstitch.data.partly_labelled import new_examples
from modelstitch.data.partly_targeted import partly_targeted
from modelstitch.errors import DataError, ModelError, RunError, SpecError
from modelstitch.models.network import Network, wrap
from modelstitch.specs import DataSpec
from modelstitch.tasks import TOKENS, regression
from modelstitch.util.locks import locked
from tests.adoption.conftest import small, stitched_of

RECEIVER = "tests.adoption.conftest:small(seed=1, width=6)"


@pytest.fixture
def folder(copied: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(copied.parent)
    return copied


@pytest.fixture
def data(folder: Path, digits: ms.Data) -> dict[str, np.ndarray]:
    """All held-out examples, written as new.npz; without their labels as bare.npz."""
    x, y = digits.heldout.images.numpy(), digits.heldout.labels.numpy()
    np.savez("new.npz", x=x, y=y)
    np.savez("bare.npz", x=x)
    return {"x": x, "y": y}


def run(folder: Path, *words: str) -> int:
    return main(["pilot", str(folder), "--receiver", RECEIVER, "--by", "Bo", *words])


def last(folder: Path) -> dict[str, Any]:
    return dict(road_of(folder).pilots[-1].facts)


def answers(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        outputs: torch.Tensor = module(torch.from_numpy(x))
    return np.asarray(outputs.argmax(1))


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_a_pilot_counts_what_two_networks_answer(
    folder: Path, data: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    state = folder.parent / "state"
    # Networks that are not trained differ much: this margin is never decided on so few examples.
    assert run(folder, "--data", "new.npz", "--margin", "0.01", "--state", "state") == 3
    own = answers(ms.load_stitched(folder), data["x"])
    other = answers(small(1, 6), data["x"])
    facts = last(folder)
    assert facts["disagreements"] == int((own != other).sum())
    assert facts["difference"] == pytest.approx((own == data["y"]).mean() - (other == data["y"]).mean())
    assert (facts["k"], facts["result"], facts["n"], facts["labelled"]) == (1, "undecided", 599, True)
    assert len(rows_of(state / "differ.csv")) == facts["disagreements"]
    with Image.open(state / "differ.png") as sheet:
        assert sheet.size[0] > 100
    assert check_folder(folder).holds
    assert road_of(folder).stage == "pilot"
    # The same examples again count once, and leave no line.
    before = (folder / LEDGER).read_bytes()
    capsys.readouterr()
    assert run(folder, "--data", "new.npz", "--state", "state") == 3
    assert "599 of 599 examples, or others of their group, were taken before" in capsys.readouterr().err
    assert (folder / LEDGER).read_bytes() == before


def test_labels_are_asked_where_both_differ_and_may_come_later(
    folder: Path, data: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--data", "bare.npz", "--margin", "0.4") == 3
    state = folder.with_name(f"{folder.name}-pilot-1")
    own, other = answers(ms.load_stitched(folder), data["x"]), answers(small(1, 6), data["x"])
    asked = rows_of(state / "labels-needed.csv")
    differ = set(np.flatnonzero(own != other).tolist())
    assert {int(row["source"].split()[1]) for row in asked} == differ
    assert set(asked[0]) == {"example", "label", "source"}  # who labels does not see the answers
    facts = last(folder)
    assert (facts["labels_needed"], facts["labelled"]) == (len(differ), False)
    assert Road(road_of(folder).entries).lacks[0] == "pilot"
    # The first half of the labels: it goes on as far as they reach.
    given = {
        row["example"]: str(data["y"][int(row["source"].split()[1])]) for row in asked[: len(asked) // 2]
    }
    lines = [f"{name},{label}" for name, label in given.items()]
    Path("given.csv").write_text("\n".join(["example,label", *lines, f"{asked[-1]['example']}, "]), "utf-8")
    capsys.readouterr()
    code = run(folder, "--labels-file", "given.csv", "--json")
    said = json.loads(capsys.readouterr().out)
    assert code == {"passed": 0, "failed": 4, "undecided": 3}[said["result"]]
    assert (said["k"], said["labelled"]) == (1, True)
    found = read_state(state)
    assert found is not None
    known = [one.difference for one in found[1]]
    for one, difference in zip(found[1], known, strict=True):
        row = int(one.source.split()[1])
        right = float(own[row] == data["y"][row]) - float(other[row] == data["y"][row])
        assert difference == (right if one.id[:12] in given or row not in differ else None)
    reach = known.index(None)
    assert len(given) == sum(one.differ for one in found[1][:reach])
    assert said["n"] == reach if said["result"] == "undecided" else said["n"] <= reach
    assert said["difference"] == pytest.approx(np.mean([x for x in known[: said["n"]] if x is not None]))


def test_it_passes_against_itself_without_a_label(folder: Path, data: dict[str, np.ndarray]) -> None:
    itself = wrap(ms.load_stitched(folder), "itself")
    given = {"by": "Bo", "against": itself, "state": folder.parent / "s"}
    found = ms.pilot(folder, (data["x"], None), **given)  # type: ignore[arg-type]
    assert found.decision.result == "passed"
    assert (found.disagreements, found.labels_needed) == (0, 0)
    assert road_of(folder).lacks == ("verify",)
    again = ms.pilot(folder, (data["x"], None), **given)  # type: ignore[arg-type]
    assert again.decision == found.decision


def test_batches_come_one_after_another(folder: Path, data: dict[str, np.ndarray]) -> None:
    for name, rows in (("a", slice(0, 200)), ("b", slice(150, 400))):
        np.savez(f"{name}.npz", x=data["x"][rows], y=data["y"][rows])
    run(folder, "--data", "a.npz", "--margin", "0.01")
    run(folder, "--data", "b.npz")
    assert [entry.facts["n_taken"] for entry in road_of(folder).pilots] == [200, 400]
    run(folder, "--data", "new.npz", "--state", "other", "--margin", "0.01", "--at-most", "300")
    facts = last(folder)
    assert (facts["k"], facts["n"], facts["ended"], facts["level"]) == (2, 300, True, 0.025)


def test_the_examples_that_fitted_or_chose_it_are_left_out(folder: Path, digits: ms.Data) -> None:
    from modelstitch.adoption.division import divide

    spec = read_spec(folder)
    own = own_examples(digits, spec, folder, folder)
    assert own is not None
    new = read_new(digits, spec, folder, own.fitted_or_chose)
    division = divide(len(digits.heldout), digits.digest)
    assert len(new) == len(division.confirm) + len(division.calibrate)
    assert new.of_run == 1797 - len(new)
    chosen = digits.heldout.images[division.choose[0]]
    assert not bool((new.data.heldout.images == chosen).flatten(1).all(1).any())


def test_a_folder_whose_files_have_labels_in_part(tmp_path: Path) -> None:
    for name in ("3/a.png", "7/b.png", "c.png"):
        path = tmp_path / "new" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), len(name) * 9 + ord(name[0]), np.uint8)).save(path)
    source = str(tmp_path / "new")
    found = new_examples(source, DataSpec(source=source))
    assert dict(zip(found.places, found.labels, strict=True)) == {
        "3/a.png": "3",
        "7/b.png": "7",
        "c.png": None,
    }


def test_an_order_that_depends_on_the_examples_alone() -> None:
    ids = [f"{number:x}" for number in range(50)]
    order = [ids[row] for row in shuffled(ids, 0)]
    assert order == [ids[::-1][row] for row in shuffled(ids[::-1], 0)]
    assert order != ids
    assert order != [ids[row] for row in shuffled(ids, 1)]
    assert len(shuffled([*ids, *ids], 0)) == 50


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "expected new examples, as --data"),
        (("--data", "none.npz"), "no data file 'none.npz'"),
        (("--data", "wide.npz"), "do not fit the candidate: expected x: float32 (N, 1, 8, 8)"),
        (
            ("--data", "classes.npz"),
            "another label set: expected labels among 0, 1, 2, 3, 4, ... (10), got cat",
        ),
        (("--data", "nan.npz"), "NaN or infinity"),
        (("--data", "new.npz", "--margin", "0"), "expected a margin between 0 and 1"),
        (("--data", "new.npz", "--margin", "nan"), "expected a margin between 0 and 1"),
        (("--data", "new.npz", "--at-most", "0"), "expected at most 1 to"),
        (("--data", "new.npz", "--by", " "), "expected the name of a person"),
        (("--data", "new.npz", "--state", "copy/state"), "expected a state folder outside of the candidate"),
        (("--data", "new.npz", "--state", "."), "expected a new folder or the state folder of a pilot"),
        (("--data", "new.npz", "--against", "sender"), "expected --receiver with --against receiver"),
        (
            ("--data", "new.npz", "--receiver", "tests.adoption.conftest:small(seed=2, width=6)"),
            "has other weights",
        ),
        (("--data", "new.npz", "--labels-file", "x.csv"), "expected labels for a pilot that was begun"),
    ],
)
def test_bad_input_is_one_line(
    folder: Path,
    data: dict[str, np.ndarray],
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    x = data["x"][:20]
    np.savez("wide.npz", x=np.random.default_rng(0).random((4, 1, 9, 8), np.float32), y=np.arange(4))
    np.savez("classes.npz", x=x, y=np.array(["cat"] * 20))
    np.savez("nan.npz", x=np.where(x > 0.9, np.nan, x), y=data["y"][:20])
    before, there = (folder / LEDGER).read_bytes(), set(folder.parent.iterdir())
    assert run(folder, *words) == 2
    error = capsys.readouterr().err.splitlines()
    assert message in error[-1]
    assert sum(line.startswith("modelstitch:") for line in error) == 1
    assert (folder / LEDGER).read_bytes() == before
    assert set(folder.parent.iterdir()) == there


def test_an_original_that_was_given_in_memory(
    folder: Path, data: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pilot", str(folder), "--data", "new.npz"]) == 2
    assert "give its source with --receiver" in capsys.readouterr().err


def test_a_state_folder_belongs_to_one_pilot(
    folder: Path, data: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--data", "new.npz", "--margin", "0.01", "--state", "s") == 3
    for words, message in (
        (("--margin", "0.5"), "holds a pilot whose margin is 0.01, got 0.5"),
        (("--seed", "4"), "holds a pilot whose seed is 0, got 4"),
        (("--at-most", "9"), "holds a pilot whose at most is 10000, got 9"),
    ):
        assert run(folder, "--data", "new.npz", "--state", "s", *words) == 2
        assert message in capsys.readouterr().err
    # It goes on elsewhere than in the usual folder: nobody begins another one unasked.
    assert run(folder, "--data", "new.npz") == 2
    assert "give it as --state to go on" in capsys.readouterr().err
    with locked(Path("s") / LOCK, "held"):
        assert run(folder, "--data", "new.npz", "--state", "s") == 2
    assert "is in use by another pilot" in capsys.readouterr().err
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    lines = (other / LEDGER).read_text(encoding="utf-8").splitlines(keepends=True)
    first = json.loads(lines[0])
    first.pop("hash")
    (other / LEDGER).write_text(LedgerEntry(**{**first, "by": "Cy"}).line, encoding="utf-8")
    assert run(other, "--data", "new.npz", "--state", "s") == 2
    assert "belongs to a pilot of another candidate" in capsys.readouterr().err
    Path("s/pilot.sqlite").write_bytes(b"no database")
    assert run(folder, "--data", "new.npz", "--state", "s") == 2
    assert "cannot read the state of a pilot" in capsys.readouterr().err


def test_labels_that_cannot_be(
    folder: Path, data: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("some.npz", x=data["x"][:60])
    run(folder, "--data", "some.npz")
    name = rows_of(folder.with_name(f"{folder.name}-pilot-1") / "labels-needed.csv")[0]["example"]
    for text, message in (
        ("example;label\n", "expected the columns example, label"),
        (f"example,label\n{name},cat\n", "expected one of the classes 0, 1"),
        ("example,label\nzzz,1\n", "expected an example of this pilot in line 2"),
        (f"example,label\n{name},1\n{name},2\n", "another label than it has"),
    ):
        Path("labels.csv").write_text(text, encoding="utf-8")
        assert run(folder, "--labels-file", "labels.csv") == 2
        assert message in capsys.readouterr().err
    assert last(folder)["labels_needed"] > 0


def test_a_retired_or_changed_candidate(
    folder: Path, data: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    append(folder / LEDGER, LedgerEntry(event="retired", by="Bo"))
    assert run(folder, "--data", "new.npz") == 2
    assert "is retired" in capsys.readouterr().err
    (folder / "card.json").write_text("{}", encoding="utf-8")
    assert run(folder, "--data", "new.npz") == 2
    assert "is not what was exported (changed: card.json)" in capsys.readouterr().err


def test_outputs_that_are_not_finite(folder: Path, data: dict[str, np.ndarray]) -> None:
    broken = small(1, 6)
    with torch.no_grad():
        broken.get_parameter("6.bias")[3] = torch.inf
    new = read_new((data["x"], data["y"]), read_spec(folder), folder)
    # Only a damaged network gives them, which is refused before, where it is loaded or where it is run.
    with pytest.raises(ModelError, match="NaN or infinity|not finite|scored"):
        paired(
            both_networks(folder, Network(module=broken, name="b", view=ms.View()), new.data), torch.arange(4)
        )


def test_what_an_original_can_be() -> None:
    with pytest.raises(SpecError, match="beside another model"):
        Against(what="zoo:R1111", source="elsewhere")


def test_of_a_group_one_example_is_taken(folder: Path, data: dict[str, np.ndarray]) -> None:
    groups = np.array([f"patient {row % 40}" for row in range(300)])
    np.savez("grouped.npz", x=data["x"][:300], y=data["y"][:300], patient=groups)
    np.savez(
        "further.npz", x=data["x"][300:599], y=data["y"][300:599], patient=np.repeat(groups[:46], 7)[:299]
    )
    assert run(folder, "--data", "grouped.npz", "--margin", "0.01", "--group-column", "patient") == 3
    assert last(folder)["n_taken"] == 40
    run(folder, "--data", "further.npz", "--group-column", "patient")
    assert len(road_of(folder).pilots) == 1  # it has patients of before alone


def test_a_full_disk_leaves_state_and_ledger(
    folder: Path, data: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez("some.npz", x=data["x"][:30], y=data["y"][:30])
    run(folder, "--data", "some.npz", "--margin", "0.01")
    state = folder.with_name(f"{folder.name}-pilot-1")
    before = ((folder / LEDGER).read_bytes(), (state / "pilot.sqlite").read_bytes())

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)  # of the ledger, after the new state was written beside the old one
        assert run(folder, "--data", "new.npz") == 2
    assert ((folder / LEDGER).read_bytes(), (state / "pilot.sqlite").read_bytes()) == before
    assert not list(state.glob("*.unfinished"))
    assert run(folder, "--data", "new.npz") == 3
    assert last(folder)["n_taken"] == 599


def linear(seed: int, width: int) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return torch.nn.Sequential(
            torch.nn.Linear(6, width),
            torch.nn.ReLU(),
            torch.nn.Linear(width, width),
            torch.nn.Linear(width, 3),
        ).eval()


def test_scores_from_0_to_1_and_networks_of_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # the ONNX file takes longest, and is not needed
    x = torch.randn(1800, 6, generator=torch.Generator().manual_seed(0))
    made = ms.data_from(x, (x[:, :3] > 0).long(), task="multi-label")
    stitched = stitched_of(linear(0, 8), linear(1, 9), made, "1", "1")
    folder = export(stitched, tmp_path / "c", ExportSpec(by="Ann", accept_risk="a test")).folder
    new = x.roll(1, 1)
    right = (new[:, :3] > 0).long()
    options = PilotSpec(by="Bo", against=Against(what=linear(1, 9)), margin=0.01, horizon=400)
    found = pilot(folder, ms.data_from(new, right, task="multi-label"), options)
    with torch.no_grad():
        shares = [
            ((network(new) > 0).long() == right).double().mean(1)
            for network in (ms.load_stitched(folder), linear(1, 9))
        ]
    by_place = {one.source: one.difference for one in found.examples}
    data = ms.data_from(new, right, task="multi-label")
    whole = torch.cat([data.train.images, data.heldout.images])
    names = [f"train {row}" for row in range(len(data.train))]
    names += [f"held-out {row}" for row in range(len(data.heldout))]
    expected = {}
    for name, example in zip(names, whole, strict=True):
        if name in by_place:
            (row,) = (new == example).all(1).nonzero().flatten().tolist()
            expected[name] = float(shares[0][row] - shares[1][row])
    assert by_place == pytest.approx(expected)
    assert len(by_place) == found.to_ledger()["n_taken"] >= 256


def test_targets_may_come_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    x = torch.randn(1500, 6, generator=torch.Generator().manual_seed(0))
    made = ms.data_from(x, (x[:, :3] > 0).long(), task="multi-label")
    stitched = stitched_of(linear(0, 8), linear(1, 9), made, "1", "1")
    folder = export(stitched, tmp_path / "c", ExportSpec(by="Ann", accept_risk="a test")).folder
    new = x.roll(1, 1)[:200]
    right = (new[:, :3] > 0).long()
    options = PilotSpec(by="Bo", against=Against(what=linear(1, 9)), margin=0.01)

    waiting = pilot(folder, (new, None), options)
    with torch.no_grad():
        own, other = ms.load_stitched(folder)(new) > 0, linear(1, 9)(new) > 0
    shares = (own == other).double().mean(1)
    assert waiting.agreement is not None
    assert waiting.agreement[0] == pytest.approx(float(shares.mean()))
    assert waiting.agreement[1] < waiting.agreement[0] < waiting.agreement[2]
    assert {one.source for one in waiting.examples if one.differ} == {
        f"row {row} of x" for row in (shares < 1).nonzero().flatten().tolist()
    }
    assert (waiting.labels_needed, waiting.labelled, waiting.decision.n) == (200, False, 0)
    said = "\n".join(map(str, waiting.sentences()))
    assert "Where the answers of the " in said
    assert "200 targets needed: see labels-needed.csv. Give the same examples again" in said
    assert "Both agree on" not in said

    # Some targets: those of the examples before the first one that still lacks its own count.
    some = right.clone()
    some[100:] = -1
    half = pilot(folder, (new, some), options)
    assert half.labels_needed == 100
    assert half.decision.n == next(
        n for n, one in enumerate(half.examples) if int(one.source.split()[1]) >= 100
    )
    labels = tmp_path / "labels.csv"
    labels.write_text("example,label\n", encoding="utf-8")
    with pytest.raises(DataError, match="expected the targets as data"):
        pilot(folder, None, replace(options, labels=labels))
    whole = pilot(folder, (new, right), options)
    expected = [
        float((own[row] == right[row]).double().mean() - (other[row] == right[row]).double().mean())
        for row in (int(one.source.split()[1]) for one in whole.examples)
    ]
    assert [one.difference for one in whole.examples] == pytest.approx(expected)
    assert (whole.labels_needed, whole.labelled) == (0, True)
    spec = read_spec(folder)
    retrieval = replace(spec, contract=replace(spec.contract, task="retrieval"))
    with pytest.raises(DataError, match="expected the target of every new example with the task retrieval"):
        read_new((new, None), retrieval, folder)


def test_an_answer_as_the_target() -> None:
    """Agreement of each task, worked out by hand."""
    tokens = torch.tensor([[[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]])
    other = torch.tensor([[[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]])
    assert TOKENS.agreed(tokens, other, torch.tensor([[1, 0, -100]])) == torch.tensor([0.5])
    unit = regression(torch.tensor([[0.0], [2.0]]))  # variance 1
    found = unit.agreed(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.5], [0.0]]), torch.zeros(2, 1))
    assert found is not None
    assert found.tolist() == [0.75, 0.0]
    own = ms.Task(name="own", loss=unit.loss, score=unit.score)
    assert own.agreed(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1)) is None


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (
            torch.tensor([[0.0, float("nan")]] * 3),
            r"all targets of an example or none, got some .* example 0",
        ),
        (torch.zeros(3, 4), r"expected targets \(3, 2\) for the task regression, got \(3, 4\)"),
        (torch.zeros(2, 2), r"expected targets \(3, 2\) for the task regression, got \(2, 2\)"),
    ],
)
def test_targets_that_cannot_be(y: torch.Tensor, said: str) -> None:
    spec = DataSpec(source="in memory", task="regression")
    with pytest.raises(DataError, match=said):
        partly_targeted((torch.zeros(3, 5), y), spec, 2, lambda: regression(torch.rand(9, 2)))


def test_an_npz_file_without_targets_in_part(tmp_path: Path) -> None:
    y = np.array([0.5, np.nan, 2.0])
    np.savez(tmp_path / "new.npz", x=np.ones((3, 5), np.float32), y=y)
    np.savez(tmp_path / "bare.npz", x_test=np.ones((3, 5), np.float32))
    task = regression(torch.rand(9, 1))
    known = []
    for name in ("new.npz", "bare.npz"):
        spec = DataSpec(source=str(tmp_path / name), task="regression")
        found = partly_targeted(spec.source, spec, 1, lambda: task)
        assert found is not None
        known.append((found.known.tolist(), found.places[0]))
    assert known == [([True, False, True], "row 0 of x"), ([False] * 3, "row 0 of x_test")]


def test_arrays_in_the_type_of_numpy_are_read_in_that_of_the_run(tmp_path: Path) -> None:
    """New examples in float64 are those of a run of the same file, which holds them in float32."""
    x, y = np.random.default_rng(0).normal(size=(30, 5)), np.arange(30) % 3
    np.savez(tmp_path / "run.npz", x=x, y=y)
    np.savez(tmp_path / "new.npz", x=x)
    spec = DataSpec(source=str(tmp_path / "new.npz"))
    read = ms.load_data(replace(spec, source=str(tmp_path / "run.npz")))
    in_run = torch.cat([read.train.images, read.heldout.images])
    assert in_run.dtype == torch.float32
    for given in (spec.source, (x, None)):
        found = partly_targeted(
            given, replace(spec, task="multi-label"), 2, lambda: regression(torch.rand(9, 2))
        )
        assert found is not None
        for images in (new_examples(given, spec).images, found.data.heldout.images):
            torch.testing.assert_close(images.sort(0).values, in_run.sort(0).values, atol=0, rtol=0)


def test_a_pilot_of_an_earlier_version_goes_on(folder: Path, data: dict[str, np.ndarray]) -> None:
    np.savez("some.npz", x=data["x"][:30], y=data["y"][:30])
    run(folder, "--data", "some.npz", "--margin", "0.01")
    state = folder.with_name(f"{folder.name}-pilot-1")
    before = read_state(state)
    with contextlib.closing(sqlite3.connect(state / "pilot.sqlite")) as connection, connection:
        connection.execute("ALTER TABLE examples DROP COLUMN agreed")
        connection.execute("PRAGMA user_version = 1")
    found = read_state(state)
    assert found is not None
    assert before is not None
    assert found[1] == tuple(replace(one, agreed=None) for one in before[1])
    assert run(folder, "--data", "new.npz") == 3
    facts = last(folder)
    assert (facts["n_taken"], facts["k"]) == (599, 1)
    with contextlib.closing(sqlite3.connect(state / "pilot.sqlite")) as connection, connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(RunError, match="expected the state of a pilot of format 2, got 9"):
        read_state(state)
