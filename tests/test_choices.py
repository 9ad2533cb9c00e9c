"""What there is to choose from: every name that is listed can be given, and says what it means."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import modelstitch as ms
from modelstitch.errors import ModelError
from modelstitch.models.sources.table import MODEL_SOURCES
from modelstitch.specs import CONTROLS, EVIDENCE, FAMILIES, STANDARD_EVIDENCE, TRAINED, VERDICT_CONTROLS
from modelstitch.specs.controls import control_names
from modelstitch.stitches.ladder import LADDER, stitches_named


def test_every_row_of_the_tables_is_listed_and_can_be_given() -> None:
    stitches, controls, evidence = ms.list_stitches(), ms.list_controls(), ms.list_evidence()
    assert {stitch.family for stitch in stitches_named(list(stitches))} == set(FAMILIES)
    assert control_names(list(controls)) == tuple(name for name in CONTROLS if name != TRAINED)
    assert set(ms.EvidenceSpec.parse(list(evidence)).kinds) == set(EVIDENCE)
    assert stitches.default == ("affine",)
    assert controls.default == VERDICT_CONTROLS
    assert evidence.default == STANDARD_EVIDENCE
    for listing in (stitches, controls, evidence, ms.list_models()):
        assert len(listing) == len(list(listing))
        for name, meaning in listing.items():
            assert name in repr(listing)
            assert len(meaning.split()) > 2, name
            assert "\n" not in meaning


def test_a_table_has_a_line_a_name_and_a_note() -> None:
    text = repr(ms.list_controls()).splitlines()
    assert text[0] == "controls"
    assert text[1].startswith("* random-sender ")
    assert text[2].startswith("  random-sender-bn ")
    assert len(text) == 1 + len(CONTROLS) - 1 + 1
    assert "&#x27;" in ms.list_controls()._repr_html_()  # what stands in a table of HTML is escaped


def test_groups_stand_for_several() -> None:
    every = tuple(name for name in CONTROLS if name != TRAINED)
    assert set(control_names(["all"])) == set(every)
    assert control_names(["none", "probe"]) == ("probe",)
    assert control_names(["probe", "probe"]) == ("probe", "probe")  # a repeat is refused by the run
    assert stitches_named(["ladder"]) == LADDER
    assert [each.label for each in stitches_named(["conv(5)"], "batch")] == ["conv(5)+batch"]


def test_models_of_a_source_can_be_loaded_by_their_names() -> None:
    names = list(ms.list_models("zoo:R2*"))
    assert names == [f"zoo:R2{a}{b}{c}" for a in (1, 2) for b in (1, 2) for c in (1, 2)]
    assert ms.load_model(ms.ModelSpec(source=names[0])).name.startswith("zoo:R2111")
    assert len(ms.list_models("zoo")) == len(ms.list_models("zoo:")) > len(names)
    assert list(ms.list_models()) == [row.prefix or row.where for row in MODEL_SOURCES]


def test_checkpoints_of_a_folder_and_functions_of_a_package(checkpoints: tuple[object, object]) -> None:
    first = str(checkpoints[0])
    folder = first.rpartition("/")[0]
    assert list(ms.list_models(folder)) == sorted(map(str, checkpoints))
    assert ms.list_models(first)[first] == "zoo:R1111(width=4, classes=10, channels=1), trained"
    own = ms.list_models("tests.digit_nets")
    assert "tests.digit_nets:digit_net" in own
    assert list(ms.list_models("tests.digit_nets:trained*")) == ["tests.digit_nets:trained_digit_net"]


def test_hub_models_are_those_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    hub, errors = pytest.importorskip("huggingface_hub"), pytest.importorskip("huggingface_hub.errors")
    monkeypatch.setattr(hub, "scan_cache_dir", _raise(errors.CacheNotFound("none", "cache")))
    empty = ms.list_models("hf")
    assert len(empty) == 0
    assert "nothing found" in repr(empty)
    held = [
        SimpleNamespace(repo_id=name, repo_type=kind)
        for name, kind in (("b/two", "model"), ("a/x", "dataset"))
    ]
    monkeypatch.setattr(hub, "scan_cache_dir", lambda: SimpleNamespace(repos=held))
    assert list(ms.list_models("hf")) == ["hf:b/two"]
    assert list(ms.list_models("hf:c*")) == []


def _raise(error: Exception) -> object:
    def call() -> object:
        raise error

    return call


@pytest.mark.parametrize(
    ("source", "expected"),
    [("zooo", "did you mean 'zoo'"), ("no.such.package", "cannot import 'no.such.package'")],
)
def test_a_source_that_is_none_is_refused(source: str, expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        ms.list_models(source)
