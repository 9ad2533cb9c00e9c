"""A run that grows: the same numbers as one that was asked for everything at once, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import modelstitch as ms
from modelstitch.runs.growth import together
from modelstitch.runs.held import Header
from modelstitch.runs.prepare import widened
from modelstitch.runs.run import run
from modelstitch.runs.session import Session
from modelstitch.runs.store import Store
from modelstitch.specs import EvidenceSpec, RunSpec
from tests.made import run_spec
from tests.runs.made import HEADER

CONTROLS = ("trained", "random-sender", "self-stitch", "one-hot")
ALL = EvidenceSpec(kinds=("agreement", "errors", "kept"), n_examples=100)
FEW = replace(ALL, kinds=("errors",))


def spec_of(session: Session, **changes: Any) -> RunSpec:
    """Return the spec of a small run: one cell, where ``changes`` do not say more."""
    one: dict[str, Any] = {
        "sender_cuts": ("layers.4",),
        "receiver_cuts": ("layers.2",),
        "stitches": (ms.StitchSpec(),),
        "controls": CONTROLS[:2],
        "seeds": (0,),
        "fit": ms.FitSpec(steps=4, batch_size=256),
    }
    return replace(session.spec, **{**one, **changes})


def numbers(found: ms.Comparison) -> ms.Comparison:
    """Return a comparison without how long its fits took and how much memory the process had taken."""
    return replace(
        found,
        cells=tuple(replace(cell, seconds=0.0) for cell in found.cells),
        facts=replace(found.facts, memory=None, reloaded_cells=None),
    )


def test_a_grown_run_has_the_numbers_of_one_that_was_asked_for_all(session: Session, tmp_path: Path) -> None:
    stitches, cuts = (ms.StitchSpec(), ms.StitchSpec.parse("lowrank(2)")), ("layers.2", "layers.4")
    steps: list[tuple[dict[str, Any], EvidenceSpec]] = [
        ({}, FEW),
        ({"seeds": (1,)}, EvidenceSpec(kinds=())),
        ({"sender_cuts": ("layers.2",), "seeds": (0, 1), "stitches": stitches}, FEW),
        ({"controls": CONTROLS}, ALL),
    ]
    found = [
        run(widened(session, spec_of(session, **changes)), out=tmp_path / "grown", evidence=evidence)
        for changes, evidence in steps
    ]
    # A trained and a random sender; two seeds; two cuts and two stitches; a self-stitch has one row.
    assert [len(each.cells) for each in found] == [2, 4, 16, 16 + 4 + 8]
    assert {row.kind for row in found[2].evidence} == {"errors"}
    everything = spec_of(session, sender_cuts=cuts, stitches=stitches, controls=CONTROLS, seeds=(0, 1))
    at_once = run(widened(session, everything), out=tmp_path / "at-once", evidence=ALL)
    grown = found[-1]
    assert grown.kept
    assert {row.kind for row in grown.evidence} == set(ALL.kinds)
    assert numbers(grown) == numbers(at_once)
    # A former command takes nothing away, and fits nothing.
    again = run(widened(session, spec_of(session)), out=tmp_path / "grown", evidence=FEW)
    assert (again.cells, again.kept) == (grown.cells, grown.kept)
    assert numbers(ms.load(tmp_path / "grown")) == numbers(at_once)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 5}, "its steps is 4, this one's 5; choose another folder, or repeat the command of that"),
        ({"objective": "logits"}, 'its objective is "task", this one\'s "logits"'),
    ],
)
def test_another_fit_is_refused_by_its_field(
    session: Session, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    spec = spec_of(session, controls=CONTROLS[:1])
    with Store(tmp_path, header_of(session, spec)):
        pass
    before = (tmp_path / "run.sqlite").read_bytes()
    with pytest.raises(ms.RunError, match=message):
        run(
            replace(session, spec=replace(spec, seeds=(0, 1), fit=replace(spec.fit, **changes))), out=tmp_path
        )
    assert (tmp_path / "run.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("sender_weights", "its sender is .*weights other"),
        ("receiver_weights", "its receiver is .*weights other"),
        ("data_content", "its data is .*content other"),
        ("result_version", 'its result version is "other", this one\'s'),
    ],
)
def test_other_networks_data_and_versions_are_refused_by_name(
    session: Session, tmp_path: Path, field: str, message: str
) -> None:
    header = header_of(session, spec_of(session, controls=CONTROLS[:1]))
    with Store(tmp_path, replace(header, identity={**header.identity, field: "other"})):
        pass
    with pytest.raises(ms.RunError, match=f"holds another run: {message}"):
        run(replace(session, spec=spec_of(session, seeds=(0, 1))), out=tmp_path)


def header_of(session: Session, spec: RunSpec) -> Header:
    return replace(HEADER, spec=spec, identity=replace(session, spec=spec).identity)


def test_a_spec_that_lost_what_another_process_added_is_refused(tmp_path: Path) -> None:
    smaller = replace(HEADER, spec=run_spec(["a"], ["x"]))
    with Store(tmp_path, HEADER):
        pass
    with pytest.raises(ms.RunError, match="has other sender_cuts than a moment ago: another process"):
        Store(tmp_path, smaller)


def test_values_come_in_the_order_of_the_larger() -> None:
    assert together(("b",), ("a", "b")) == ("a", "b")
    assert together(("a", "b"), ("b",)) == ("a", "b")
    assert together(("b", "a"), ("a", "b")) == ("a", "b")
    assert together(("b",), ("a",)) == ("b", "a")
