"""The public verbs, as a notebook would use them."""

from __future__ import annotations

import copy
import inspect
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import modelstitch as ms
from modelstitch.api.choices import LabelOptions, PairChoices, PairOptions
from modelstitch.data.parts import Data
from modelstitch.errors import CutError, DataError, ModelError, RunError, StitchError
from modelstitch.grid.side import Side, make_side
from modelstitch.models.network import digest
from modelstitch.util.narrow_convolutions import right_gradients
from modelstitch.util.progress import Progress

QUICK = ms.FitSpec(steps=15, batch_size=128)


class Listening(Progress):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.stages: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)

    def stage(self, text: str) -> None:
        self.stages.append(text)


def test_compare_two_checkpoints(checkpoints: tuple[Path, Path], tmp_path: Path) -> None:
    result = ms.compare(
        str(checkpoints[0]),
        str(checkpoints[1]),
        "digits",
        cuts=["layers.1", "layers.3"],
        fit=QUICK,
        evidence=("errors", "kept"),
        out=tmp_path / "run",
    )
    assert result.matrix().shape == (2, 2)
    assert result.controls == ("trained", "random-sender", "clustered-noise", "one-hot", "self-stitch")
    assert ms.load(tmp_path / "run") == result
    names = {each.name for each in (tmp_path / "run").iterdir()}
    assert names == {
        "report.html",
        "run.sqlite",
        "lock.sqlite",
        "stitches",
        "cells.csv",
        "cells.parquet",
        "evidence.csv",
        "errors.csv",
        "advantages.csv",
        "verdicts.csv",
        "classes.csv",
        "disagreements.json",
        "matrix.png",
        "run.toml",
    }
    drawn = sum(len(row.untrained) for row in result.kept)  # beside the 20 cells of the grids
    assert drawn > 0
    assert len(list((tmp_path / "run" / "stitches").iterdir())) == 20 + drawn
    assert result.facts.pair.cut_difference == 0
    assert result.facts.reloaded_cells == 5
    assert len(result.verdicts()) == 4


def test_in_memory_and_saved_runs_give_the_same_numbers(
    checkpoints: tuple[Path, Path], tmp_path: Path
) -> None:
    results = [
        ms.compare(
            str(checkpoints[0]),
            str(checkpoints[1]),
            "digits",
            cuts=["layers.3"],
            fit=QUICK,
            out=out,
            controls=("random-sender",),
            evidence=(),
        )
        for out in (None, tmp_path / "run")
    ]
    assert [cell.score for cell in results[0].cells] == [cell.score for cell in results[1].cells]
    assert results[0].baselines == results[1].baselines or {
        (b.role, b.control, b.score) for b in results[0].baselines
    } == {(b.role, b.control, b.score) for b in results[1].baselines}


class Plain(nn.Sequential):
    """Somebody's own model, without a source."""

    def __init__(self, width: int, classes: int = 10) -> None:
        super().__init__(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * width * 16, classes),
        )


@pytest.fixture(scope="module")
def plain(digits: Data) -> Plain:
    """A plain sequential model, trained for a moment."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Plain(8)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(digits.train.images), digits.train.labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


def test_any_module_and_tensors(plain: Plain, digits: Data) -> None:
    plain.train()
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    result = ms.compare(
        plain,
        plain,
        (digits.train.images, digits.train.labels),
        fit=ms.FitSpec(steps=20, batch_size=128),
        controls=(),
        evidence=ms.EvidenceSpec.parse(("errors",), 50),
        allow_untrained=True,
    )
    assert [str(each) for each in result.matrix()["sender_cut"].to_numpy()] == ["0", "1", "2", "3", "4", "5"]
    assert result.matrix().to_numpy().diagonal().min() > 0.8
    assert plain.training
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())
    assert result.facts.division.startswith("stratified split of one part")


def test_vectors_and_maps_stitch_into_each_other(plain: Plain, digits: Data) -> None:
    result = ms.compare(
        plain,
        plain,
        digits,
        sender_cuts=["5"],
        receiver_cuts=["1"],
        fit=QUICK,
        controls=(),
        allow_untrained=True,
    )
    (cell,) = result.cells
    assert cell.bridge == "nearest x8"


def test_sizes_that_are_no_multiples_are_bridged_and_said(plain: Plain, digits: Data) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        other = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)
        )
    there = ms.compare(
        plain,
        other,
        digits,
        sender_cuts=["1"],
        receiver_cuts=["1"],
        fit=QUICK,
        controls=(),
        allow_untrained=True,
    )
    back = ms.compare(
        other,
        plain,
        digits,
        sender_cuts=["1"],
        receiver_cuts=["4"],
        fit=QUICK,
        controls=(),
        allow_untrained=True,
    )
    assert there.cells[0].bridge == "pool 8->6"
    assert back.cells[0].bridge == "pool 6->4"


def test_datasets(plain: Plain, digits: Data) -> None:
    parts = [TensorDataset(part.images, part.labels) for part in (digits.train, digits.heldout)]
    given = ms.compare(
        plain, plain, (parts[0], parts[1]), cuts=["4"], fit=QUICK, controls=(), allow_untrained=True
    )
    direct = ms.compare(plain, plain, digits, cuts=["4"], fit=QUICK, controls=(), allow_untrained=True)
    assert given.cells[0].score == direct.cells[0].score
    assert given.facts.division == "two parts as given"


def test_a_stitched_network_is_an_ordinary_module(checkpoints: tuple[Path, Path], digits: Data) -> None:
    stitched = ms.stitch(
        str(checkpoints[0]), "layers.2", str(checkpoints[0]), "layers.2", digits, fit=ms.FitSpec(steps=150)
    )
    assert isinstance(stitched, nn.Module)
    assert stitched.accuracy > 0.85
    assert stitched.score(digits.heldout) == stitched.accuracy
    outputs = stitched(digits.heldout.images[:7])
    assert outputs.shape == (7, 10)
    assert stitched.stitch.n_parameters == 8 * 8 + 8
    with right_gradients(stitched.parameters()):
        outputs.sum().backward()
    assert stitched.stitch.get_parameter("weight").grad is not None
    exported = torch.export.export(stitched, (digits.heldout.images[:4],)).module()
    torch.testing.assert_close(exported(digits.heldout.images[:4]), stitched(digits.heldout.images[:4]))


def test_identity_of_a_model_into_itself_is_the_model(plain: Plain, digits: Data) -> None:
    result = ms.compare(
        plain, plain, digits, cuts=["1", "4"], stitch="identity", controls=(), fit=QUICK, allow_untrained=True
    )
    # Between the two cuts the shapes differ: those cells do not exist.
    assert len(result.cells) == 2
    assert np.isnan(result.matrix().to_numpy()[0, 1])
    assert result.matrix().to_numpy().diagonal().tolist() == [result.baseline("receiver")] * 2
    assert not result.failed
    assert "nan" not in " ".join(result.sentences())


def test_norm_batch(checkpoints: tuple[Path, Path], digits: Data) -> None:
    spec = ms.StitchSpec(norm="batch")
    stitched = ms.stitch(
        str(checkpoints[0]),
        "layers.2",
        str(checkpoints[0]),
        "layers.2",
        digits,
        stitch=spec,
        fit=ms.FitSpec(steps=150, batch_size=128),
    )
    assert stitched.accuracy > 0.8
    assert stitched.score(digits.heldout) == stitched.accuracy


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"cuts": ["layers.7"]},
            CutError,
            r"no cut 'layers\.7' in model R1111.*nearest legal cuts: layers\.",
        ),
        (
            {"sender_cuts": ["layers.0"], "receiver_cuts": ["layers.2"], "stitch": ["identity"]},
            StitchError,
            r"identity stitch needs equal shapes, got \(4, 8, 8\) -> \(8, 4, 4\)",
        ),
        ({"stitch": "afine"}, ms.InputError, "unknown stitch family 'afine'"),
        ({"controls": ["randm-sender"]}, ms.InputError, "did you mean 'random-sender'"),
        ({"device": "gpu"}, ms.InputError, "cannot use device 'gpu': expected auto, cpu or cuda"),
        ({"seeds": []}, ms.InputError, "at least one of seeds"),
    ],
)
def test_wrong_choices(
    checkpoints: tuple[Path, Path],
    digits: Data,
    changes: dict[str, object],
    error: type[Exception],
    message: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=message):
        ms.compare(str(checkpoints[0]), str(checkpoints[1]), digits, out=tmp_path / "run", **changes)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_labels_outside_the_receiver(plain: Plain, digits: Data) -> None:
    small = Plain(4, classes=7)
    with pytest.raises(DataError, match=r"10 classes, labels 0 to 9, but receiver .* has 7 outputs"):
        ms.compare(plain, small, digits, allow_untrained=True)
    result = ms.compare(small, plain, digits, cuts=["4"], fit=QUICK, controls=(), allow_untrained=True)
    assert result.baseline("sender") is None
    assert "has no such classes" in result.figure().axes[0].get_title()


def test_images_that_the_model_cannot_take(plain: Plain, digits: Data) -> None:
    wrong = (torch.rand(60, 1, 12, 12), torch.arange(60) % 10)
    with pytest.raises(ModelError, match=r"cannot take inputs of shape \(1, 12, 12\).*give the size"):
        ms.compare(plain, plain, wrong, allow_untrained=True)


def test_a_model_that_cannot_be_made_untrained_says_what_to_do(digits: Data) -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = nn.Parameter(torch.ones(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.factor

    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), Scale(), nn.Linear(32, 10))
    with pytest.raises(ModelError, match=r"1 of 5 tensors .* 3\.factor \(Scale\) stays as it is"):
        ms.compare(model, model, digits, fit=QUICK, allow_untrained=True)
    assert ms.compare(
        model, model, digits, cuts=["2"], fit=QUICK, controls=(), allow_untrained=True
    ).matrix().shape == (1, 1)


def test_split_and_cuts(plain: Plain, digits: Data) -> None:
    x = digits.heldout.images[:6]
    assert [cut.name for cut in ms.cuts(plain, x)] == ["0", "1", "2", "3", "4", "5"]
    prefix, suffix = ms.split(plain, "2", x)
    assert torch.equal(suffix(prefix(x)), plain(x))


def test_evidence_and_verdicts_come_with_a_comparison(checkpoints: tuple[Path, Path], tmp_path: Path) -> None:
    """Two cuts, so that the deeper self-stitch is there too; saved, resumed and in memory alike."""
    first, second = map(str, checkpoints)
    cuts, fit = ["layers.2", "layers.4"], ms.FitSpec(steps=4)
    bare = ms.compare(
        first, second, "digits", cuts=cuts, fit=fit, evidence=(), out=tmp_path / "run", allow_untrained=True
    )
    assert bare.evidence == ()
    assert bare.verdicts() == {}
    some = ms.compare(
        first,
        second,
        "digits",
        cuts=cuts,
        fit=fit,
        evidence=["kept"],
        out=tmp_path / "run",
        allow_untrained=True,
    )
    assert some.cells == bare.cells
    assert {row.kind for row in some.evidence} == {"kept"}
    assert len(some.verdicts()) == 4
    again = ms.compare(
        first,
        second,
        "digits",
        cuts=cuts,
        fit=fit,
        evidence=["kept", "agreement"],
        out=tmp_path / "run",
        allow_untrained=True,
    )
    assert {row.kind for row in again.evidence} == {"kept", "agreement"}
    assert [row for row in again.evidence if row.kind == "kept"] == list(some.evidence)
    memory = ms.compare(
        first, second, "digits", cuts=cuts, fit=fit, evidence=["kept", "agreement"], allow_untrained=True
    )
    assert [(r.name, r.where, r.control) for r in memory.evidence] == [
        (r.name, r.where, r.control) for r in again.evidence
    ]
    for one, other in zip(memory.evidence, again.evidence, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-5)
    for name in ("evidence.csv", "verdicts.csv"):
        assert (tmp_path / "run" / name).is_file()
    assert len(again.advantages) == 4 * 4
    assert again.advantages == bare.advantages == memory.advantages
    loaded = ms.load(tmp_path / "run")
    assert loaded.verdicts() == again.verdicts()
    again.save(tmp_path / "saved.json")
    assert ms.load(tmp_path / "saved.json").evidence == again.evidence
    assert any("Verdicts: " in sentence for sentence in again.sentences())


def test_all_pairs_share_what_belongs_to_one_model(
    checkpoints: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelstitch.grid import representations

    made: list[str] = []
    filled: list[str] = []
    fill = representations.Representations._fill

    def counted(network: ms.Network, *arguments: Any) -> Side:
        made.append(network.name)
        return make_side(network, *arguments)

    def filling(self: representations.Representations, names: tuple[str, ...], *others: Any) -> None:
        filled.append(self.side.network.name)
        fill(self, names, *others)

    monkeypatch.setattr("modelstitch.grid.pool.make_side", counted)
    monkeypatch.setattr(representations.Representations, "_fill", filling)
    models = {
        "a": ms.ModelSpec(source=str(checkpoints[0])),
        "b": ms.ModelSpec(source=str(checkpoints[1])),
        "c": ms.ModelSpec(source="zoo:R1111(width=4, channels=1)", seed=3),
    }
    fit = ms.FitSpec(steps=5)
    found = ms.compare_all(
        models, "digits", cuts=["layers.2"], fit=fit, controls=(), evidence=(), allow_untrained=True
    )
    assert set(found) == {(a, b) for a in "abc" for b in "abc" if a != b}
    assert len(made) == 3
    assert len(filled) == 6  # training and held-out part of each sender, for two receivers
    monkeypatch.undo()
    alone = ms.compare(
        models["a"],
        models["b"],
        "digits",
        cuts=["layers.2"],
        fit=fit,
        controls=(),
        evidence=(),
        allow_untrained=True,
    )
    assert found["a", "b"].cells[0].score == alone.cells[0].score


def test_all_pairs_take_what_one_pair_takes() -> None:
    one, every = (inspect.signature(verb).parameters for verb in (ms.compare, ms.compare_all))
    # Plain modules of several models say the same by ms.Network(output=...).
    of_two = {f"{role}_{what}" for role in ("sender", "receiver") for what in ("output", "output_scale")}
    own = {
        "sender",
        "receiver",
        "models",
        "pairs",
        "names",
        *of_two,
    }  # names of several stand in their mapping
    assert [one[name] for name in one if name not in own] == [
        every[name] for name in every if name not in own
    ]
    assert "progress" in every
    # What type checkers and editors see of the options is what the pair takes, and what holds it.
    wanted = get_type_hints(inspect.unwrap(ms.compare))
    for options in (PairOptions, LabelOptions):
        assert (seen := get_type_hints(options)) == {name: wanted[name] for name in seen}
    fields = get_type_hints(PairChoices)
    assert fields == get_type_hints(PairOptions)
    assert set(get_type_hints(LabelOptions)) == set(wanted) - {"sender", "receiver", "data", "out", "return"}
    if (
        TYPE_CHECKING
    ):  # an ignored error that is none is one for mypy: wrong calls are told, right ones are not
        ms.compare_all({}, "digits", seeds=(0, 1), stitch="affine", fit=ms.FitSpec(steps=5), progress=False)
        ms.compare_all({}, "digits", seeds="0")  # type: ignore[arg-type]
        ms.compare_all({}, "digits", sedes=0)  # type: ignore[call-arg]
        ms.compare_all({}, "digits", names=("a", "b"))  # type: ignore[call-arg]
        ms.compare_labels("a", "b", "digits", ["finest", "parity"], names=("old", "new"), seeds=0)
        ms.compare_labels("a", "b", "digits", ["finest", "parity"], sedes=0)  # type: ignore[call-arg]


def test_options_reach_every_pair(checkpoints: tuple[Path, Path], tmp_path: Path) -> None:
    listening = Listening()
    found = ms.compare_all(
        dict(zip("ab", map(str, checkpoints), strict=True)),
        "digits",
        out=tmp_path,
        sender_cuts="layers.2",
        receiver_cuts=["layers.2", "layers.4"],
        stitch=["identity", ms.StitchSpec(family="lowrank", size=2)],
        fit=ms.FitSpec(steps=2),
        controls="random-sender",
        evidence="kept",
        seeds=[3, 4],
        device="cpu",
        pictures=True,
        progress=listening,
    )
    assert set(found) == {("a", "b"), ("b", "a")}
    for (sender, receiver), comparison in found.items():
        assert (comparison.sender, comparison.receiver) == (sender, receiver)
        assert comparison.stitches == ("identity", "lowrank(2)")
        assert {cell.seed for cell in comparison.cells} == {3, 4}
        assert comparison.controls == ("trained", "random-sender")
        assert {row.kind for row in comparison.evidence} == {"kept"}
        assert comparison.matrix(stitch="lowrank(2)").shape == (1, 2)
        assert (tmp_path / f"{sender}-into-{receiver}" / "pictures.png").is_file()
    assert listening.stages.count("reading the data") == 1  # by all pairs together
    again = ms.load(tmp_path)
    assert isinstance(again, ms.Comparisons)
    assert dict(again) == dict(found)
    assert not (tmp_path / "a-into-b" / "run.sqlite").exists()
    assert {"run.sqlite", "cells.csv", "verdicts.csv", "report.html"} <= {
        each.name for each in tmp_path.iterdir()
    }
    one = ms.load(tmp_path / "a-into-b")
    assert one == found["a", "b"]
    # What a model was loaded from is on record: its networks are loaded again wherever the run is opened.
    assert [each.source for each in (one.spec.sender, one.spec.receiver)] == list(map(str, checkpoints))
    key = one.cells[0].key
    named: dict[str, Any] = {"stitch": key.stitch, "seed": key.seed}
    read, kept = (each.stitched(key.sender_cut, key.receiver_cut, **named) for each in (one, found["a", "b"]))
    assert read.accuracy == kept.accuracy
    assert 'href="a-into-b/report.html"' in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"pictures": True}, "expected a run folder and images for pictures, got no folder"),
        ({"stitch": "afine"}, "unknown stitch family 'afine'"),
        ({"evidence": ["trajctory"]}, "unknown kind of evidence 'trajctory'"),
    ],
)
def test_all_pairs_refuse_what_one_pair_refuses(
    checkpoints: tuple[Path, Path], digits: Data, choices: dict[str, Any], message: str, tmp_path: Path
) -> None:
    first, second = map(str, checkpoints)
    with pytest.raises(ms.InputError, match=message):
        ms.compare(first, second, digits, cuts="layers.2", **choices)
    out = None if "pictures" in choices else tmp_path / "all"
    with pytest.raises(ms.InputError, match=message):
        ms.compare_all({"a": first, "b": second}, digits, cuts="layers.2", out=out, **choices)
    assert not list(tmp_path.iterdir())


def test_a_report_is_written_in_both_forms_and_languages(
    checkpoints: tuple[Path, Path], digits: Data, tmp_path: Path
) -> None:
    first, second = map(str, checkpoints)
    found = ms.compare(
        first, second, digits, cuts="layers.2", fit=QUICK, controls=(), evidence=(), allow_untrained=True
    )
    ms.write_report(found, tmp_path / "page.html")
    ms.write_report(found, tmp_path / "seite.html", language="ja")
    ms.write_report(found, str(tmp_path / "page.md"))
    texts = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert 'lang="en"' in texts["page.html"]
    assert 'lang="ja"' in texts["seite.html"]
    assert "<html" not in texts["page.md"]
    assert "layers.2" in texts["page.md"]
    with pytest.raises(ms.SpecError, match="'xx'"):
        ms.write_report(found, tmp_path / "other.html", language="xx")
    with pytest.raises(ms.RunError, match="cannot write"):
        ms.write_report(found, tmp_path / "none" / "there.html")
    assert not (tmp_path / "other.html").exists()


def test_a_stitch_has_one_name_and_the_old_ones_say_so() -> None:
    old: dict[str, Any] = {"stitches": ["affine"]}
    with pytest.raises(TypeError, match="no argument 'stitches' any more: it is called 'stitch'"):
        ms.compare("a", "b", "c", **old, allow_untrained=True)
    with pytest.raises(TypeError, match="no argument 'stitches' any more: it is called 'stitch'"):
        ms.compare_all({"a": "a", "b": "b"}, "c", **old, allow_untrained=True)
    with pytest.raises(TypeError, match="no argument 'family' any more: it is called 'stitch'"):
        ms.stitch("a", "0", "b", "0", "c", **{"family": "affine"}, allow_untrained=True)  # type: ignore[arg-type]


def test_all_pairs_need_two_models(checkpoints: tuple[Path, Path]) -> None:
    with pytest.raises(ms.InputError, match="expected at least two models, got 1"):
        ms.compare_all({"a": str(checkpoints[0])}, "digits")


class Gated(nn.Module):
    """A branch on the values of the input: no graph can be captured."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 6, 3, 2, 1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU())
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(self.first(x))
        if y.max() > 1000:
            y = y / y.max()
        output: torch.Tensor = self.head(y.mean((2, 3)))
        return output


def test_a_model_without_a_graph_is_stitched_by_hooks(checkpoints: tuple[Path, Path], digits: Data) -> None:
    torch.manual_seed(0)
    result = ms.compare(
        str(checkpoints[0]),
        Gated(),
        digits,
        sender_cuts=["layers.2"],
        receiver_cuts=["second"],
        controls=("self-stitch", "random-receiver"),
        evidence=(),
        allow_untrained=True,
    )
    assert result.facts.pair.technique.sender.startswith("graph capture")
    assert "module hooks" in result.facts.pair.technique.receiver
    assert result.facts.pair.cut_difference == 0
    assert not result.failed
    assert float(result.matrix().max()) > 0.3  # an affine map in front of a random head is a classifier


def test_stitches_fitted_to_a_coarser_label_set(checkpoints: tuple[Path, Path], tmp_path: Path) -> None:
    """Ten outputs read as two labels: all is scored by the two, and evidence looks for the ten digits too."""
    by = {}
    for labels, kinds, n_examples in ((None, ("standard",), 60), ("parity", ("kept", "label-sets"), 500)):
        by[labels] = ms.compare(
            str(checkpoints[0]),
            str(checkpoints[1]),
            ms.DataSpec(source="digits", labels=labels),
            cuts=["layers.3"],
            fit=QUICK,
            controls=("self-stitch", "clustered-noise", "probe", "shuffled-labels"),
            evidence=ms.EvidenceSpec.parse(kinds, n_examples),
            out=tmp_path / str(labels),
        )
    coarse = by["parity"]
    assert (coarse.facts.labels, coarse.facts.n_classes) == ("parity", 2)
    assert 0.5 <= coarse.chance < 0.55
    own, fine = coarse.baseline("receiver"), by[None].baseline("receiver")
    assert own is not None
    assert fine is not None
    assert own > fine  # who knows the digit knows its parity, and some confused digits have the same
    assert {cell.failure for cell in coarse.cells} == {None}
    share = {
        row.control: row.value
        for row in coarse.evidence
        if (row.kind, row.name, row.where) == ("label-sets", "share_by", "labels finest")
    }
    assert set(share) == {"trained", "self-stitch", "clustered-noise"}
    assert share["self-stitch"] is not None
    assert share["clustered-noise"] is not None
    assert share["self-stitch"] > 0.8 > share["clustered-noise"] + 0.2
    (text,) = (each for each in coarse.sentences() if "finest labels" in each)
    assert "fitted to the labels 'parity' alone" in text
    assert not any(row.kind == "label-sets" for row in by[None].evidence)
    assert ms.load(tmp_path / "parity") == coarse
    with pytest.raises(RunError, match="another"):
        ms.compare(
            str(checkpoints[0]),
            str(checkpoints[1]),
            "digits",
            cuts=["layers.3"],
            fit=QUICK,
            controls=("self-stitch", "clustered-noise", "probe", "shuffled-labels"),
            out=tmp_path / "parity",
        )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_models_of_another_precision_run_as_they_are(
    networks: tuple[ms.Network, ms.Network], digits: Data, dtype: torch.dtype
) -> None:
    sender, receiver = (replace(each, module=copy.deepcopy(each.module).to(dtype)) for each in networks)
    found = ms.compare(
        sender,
        receiver,
        digits,
        cuts=("layers.3",),
        controls=("self-stitch",),
        evidence=ms.EvidenceSpec.parse(("kept",), 100),
        fit=ms.FitSpec(steps=20),
        allow_untrained=True,
    )
    plain = ms.compare(
        *networks,
        digits,
        cuts=("layers.3",),
        controls=("self-stitch",),
        evidence=(),
        fit=ms.FitSpec(steps=20),
    )
    assert found.baseline("receiver") == pytest.approx(plain.baseline("receiver"), abs=0.02)
    assert float(abs(found.matrix() - plain.matrix()).max()) < 0.06
    assert all(parameter.dtype == dtype for parameter in sender.module.parameters())
    stitched = ms.stitch(sender, "layers.3", networks[1], "layers.3", digits, fit=ms.FitSpec(steps=20))
    assert stitched.score(digits.heldout) == pytest.approx(stitched.accuracy, abs=0.01)


def test_an_exported_program_is_stitched_like_the_model_it_was_exported_from(digits: Data) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)).eval()
    free = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(model, (torch.zeros(2, 1, 8, 8),), dynamic_shapes=free)
    arguments = {"sender_cuts": ("1",), "receiver_cuts": ("1",), "controls": (), "evidence": ()}
    one, other = (
        ms.compare(each, model, digits, fit=ms.FitSpec(steps=5), **arguments, allow_untrained=True)  # type: ignore[arg-type]
        for each in (program, model)
    )
    assert one.matrix().item() == other.matrix().item()
    with pytest.raises(ModelError, match="an exported program does not say how its parameters are drawn"):
        ms.compare(program, model, digits, sender_cuts=("1",), receiver_cuts=("1",), allow_untrained=True)
    fixed = torch.export.export(model, (torch.zeros(2, 1, 8, 8),))
    with pytest.raises(ms.InputError):
        ms.compare(fixed, model, digits, fit=ms.FitSpec(steps=5), **arguments, allow_untrained=True)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:quantized")  # has no backward pass, says torch
def test_a_quantised_model_is_cut_everywhere_and_alike_each_time(digits: Data) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about where this function will go
        quantised = torch.ao.quantization.quantize_dynamic(plain, {nn.Linear}, dtype=torch.qint8)
    found = ms.compare(
        quantised,
        plain,
        digits,
        sender_cuts=("1",),
        receiver_cuts=("1",),
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=3),
        allow_untrained=True,
    )
    assert not found.failed
    other = copy.deepcopy(quantised)
    assert digest(other) == digest(quantised)
    other[1].set_weight_bias(other[1].weight(), other[1].bias() + 1)
    assert digest(other) != digest(quantised)
    x = digits.train.images[:4]
    for _ in range(3):  # what is kept of one run must not trip the next
        assert [cut.name for cut in ms.cuts(quantised, x)] == ["0", "1", "2"]
    for cut in ("0", "1", "2"):
        prefix, suffix = ms.split(quantised, cut, x)
        assert torch.equal(suffix(prefix(x)), quantised(x))
    with pytest.raises(CutError, match="no gradient reaches the cut '1' of receiver"):
        ms.compare(plain, quantised, digits, cuts=("1",), controls=(), evidence=(), allow_untrained=True)


def trainable(squeezed: bool = False) -> nn.Module:
    """A network as it is built, in train mode; with one output it may leave its axis out."""

    class Built(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5), nn.Flatten()
            )
            self.head = nn.Linear(384, 1 if squeezed else 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.head(self.body(x))
            return y.squeeze(1) if squeezed else y

    return Built()


def test_modules_that_are_being_trained_run_in_eval_mode_and_stay_as_they_were(digits: Data) -> None:
    torch.manual_seed(0)
    sender, receiver = trainable(), trainable()
    before = {name: held.clone() for name, held in sender.state_dict().items()}
    options: dict[str, Any] = {"controls": (), "evidence": (), "fit": ms.FitSpec(steps=5)}
    found = ms.compare(sender, receiver, digits, cuts=("body",), **options, allow_untrained=True)
    stitched = ms.stitch(
        sender, "body", receiver, "body", digits, fit=ms.FitSpec(steps=5), allow_untrained=True
    )
    pairs = ms.compare_all(
        {"a": sender, "b": receiver}, digits, cuts=("body",), **options, allow_untrained=True
    )
    assert all(module.training for module in (*sender.modules(), *receiver.modules()))
    assert all(torch.equal(held, before[name]) for name, held in sender.state_dict().items())
    frozen = ms.compare(
        sender.eval(), receiver.eval(), digits, cuts=("body",), **options, allow_untrained=True
    )
    assert found.matrix().item() == frozen.matrix().item() == pairs["a", "b"].matrix().item()
    assert stitched.score(digits.heldout) == stitched.accuracy == found.matrix().item()


def test_one_output_may_leave_its_axis_out(digits: Data) -> None:
    torch.manual_seed(0)
    images = digits.train.images[:300]
    data = ms.data_from(images, images.flatten(1).mean(1), task="regression")
    model = trainable(squeezed=True).eval()
    found = ms.compare(
        model,
        model,
        data,
        cuts=("body",),
        stitch="affine by match",
        controls=(),
        evidence=(),
        allow_untrained=True,
    )
    assert found.matrix().item() == pytest.approx(found.baseline("receiver"), abs=0.01)


class Frozen(nn.Module):
    """A backbone that takes no gradients, as it stands in many a transfer."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 16))
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(16, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            y = self.backbone(x)
        output: torch.Tensor = self.head(y)
        return output


def test_a_receiver_that_switches_gradients_off_is_told_where(digits: Data) -> None:
    torch.manual_seed(0)
    model, plain = Frozen().eval(), Frozen().eval()
    options: dict[str, Any] = {"sender_cuts": ("backbone",), "controls": (), "evidence": ()}
    with pytest.raises(
        CutError, match=r"no gradient reaches the cut 'backbone.1' of receiver Frozen .* fitted there to task"
    ):
        ms.compare(plain, model, digits, receiver_cuts=("backbone.1",), **options, allow_untrained=True)
    matched = ms.compare(
        plain,
        model,
        digits,
        receiver_cuts=("backbone.1",),
        stitch="affine by match",
        **options,
        allow_untrained=True,
    )
    behind = ms.compare(
        plain,
        model,
        digits,
        receiver_cuts=("backbone",),
        fit=ms.FitSpec(steps=3),
        **options,
        allow_untrained=True,
    )
    assert not matched.failed
    assert not behind.failed


class Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factors = [factor]  # where nothing sees it from outside
        self.one, self.two = nn.Linear(64, 12), nn.Linear(12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.two(self.factors[0] * self.one(x.flatten(1)).relu())
        return output


@pytest.mark.usefixtures("captured_anew")
def test_copies_of_one_architecture_share_a_capture(digits: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelstitch.cutting import capture as capturing
    from modelstitch.cutting import graph

    captured: list[str] = []
    own = capturing.capture

    def counted(model: nn.Module, example: torch.Tensor, name: str, *further: Any) -> Any:
        captured.append(name)
        return own(model, example, name, *further)

    monkeypatch.setattr(graph, "capture", counted)
    torch.manual_seed(0)
    one, other, scaled = Scaled(1.0).eval(), Scaled(1.0).eval(), Scaled(3.0).eval()
    options: dict[str, Any] = {"cuts": ("one",), "controls": ("random-sender",), "evidence": ()}
    found = ms.compare(one, other, digits, fit=ms.FitSpec(steps=3), **options, allow_untrained=True)
    assert len(captured) == 1
    assert found.facts.pair.cut_difference == 0
    captured.clear()
    # Looks the same, and does something else: it is captured by itself.
    found = ms.compare(one, scaled, digits, fit=ms.FitSpec(steps=3), **options, allow_untrained=True)
    assert len(captured) == 2
    assert found.facts.pair.cut_difference == 0


def test_a_run_says_how_every_representation_was_read(digits: Data) -> None:
    torch.manual_seed(0)
    model = trainable().eval()
    network = ms.Network(model, "read as", ms.View(), layouts=(("body.0", "map2d last"),))
    found = ms.compare(
        network,
        model,
        digits,
        cuts=("body.0",),
        controls=("self-stitch",),
        evidence=(),
        fit=ms.FitSpec(steps=3),
        allow_untrained=True,
    )
    frame = found.to_frame().set_index("control")
    assert tuple(frame.loc["trained", ["sender_layout", "receiver_layout"]]) == ("map2d last", "map2d")
    assert tuple(frame.loc["self-stitch", ["sender_layout", "receiver_layout"]]) == ("map2d", "map2d")
    assert found.facts.pair.cut_tolerance == 1e-5


def test_a_stitched_network_is_exported_with_a_free_batch(digits: Data) -> None:
    torch.manual_seed(0)
    sender, receiver = trainable().eval(), Frozen().eval()
    stitched = ms.stitch(
        sender, "body.2", receiver, "backbone", digits, fit=ms.FitSpec(steps=3), allow_untrained=True
    )
    x = digits.heldout.images
    program = torch.export.export(stitched, (x[:4],), dynamic_shapes=({0: torch.export.Dim("n")},))
    for n in (2, 7):
        torch.testing.assert_close(program.module()(x[:n]), stitched(x[:n]))


def test_a_receiver_that_only_guesses_is_told_before_the_work_begins(digits: Data) -> None:
    torch.manual_seed(0)
    guessing = trainable().eval()
    with torch.no_grad():
        guessing.get_parameter("head.bias")[3] = 1e4
    listening = Listening()
    options: dict[str, Any] = {
        "cuts": ("body.0",),
        "controls": (),
        "evidence": (),
        "fit": ms.FitSpec(steps=1),
    }
    ms.compare(guessing, guessing, digits, progress=listening, **options, allow_untrained=True)
    assert len(listening.said) == 2  # one of the receiver, one of the sender, which is the same network
    assert "The whole sender scores" in listening.said[1]
    assert (
        "Are its weights missing (--receiver-weights)? Are its inputs as in its training" in listening.said[0]
    )
