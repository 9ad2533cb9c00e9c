"""Only the tables name controls, families and objectives; what the tables say is true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelstitch
from modelstitch.fitting.objectives import CRITERIA
from modelstitch.specs import CONTROLS, FAMILIES, OBJECTIVES, TRAINED, VERDICT_CONTROLS, StitchSpec
from modelstitch.stitches.ladder import LADDER, within
from modelstitch.wording import LANGUAGES

SOURCE = Path(modelstitch.__file__).parent
TABLES = ("specs/controls.py", "specs/families.py")
NAMES = {*CONTROLS, *FAMILIES}

OTHER_MEANINGS = {
    ("geometry/measure.py", "orthogonal"),  # an invariance of a measure
    ("stitches/scale.py", "scale"),  # a parameter
    ("fitting/closed_form.py", "scale"),  # the same
    ("known_answers/plants/invertible.py", "scale"),  # the purpose of a random draw
    ("known_answers/families.py", "one-hot"),  # a family of known answers
    ("known_answers/conditions.py", "one-hot"),  # the same
    ("known_answers/conditions.py", "conv"),  # the stitch of a condition, as a reader would choose it
    ("known_answers/conditions.py", "mlp"),  # the same
}


def quoted_names(source: str) -> Iterator[str]:
    """Yield names of controls and families in quotes, alone or with a size, outside docstrings."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            name = re.sub(r"\(\d+\)", "", node.value)
            if name in NAMES:
                yield name


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_file_but_the_tables_names_a_control_or_a_family(path: Path) -> None:
    where = path.relative_to(SOURCE).as_posix()
    if where not in TABLES:
        assert {(where, name) for name in quoted_names(path.read_text())} <= OTHER_MEANINGS


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('"""one-hot"""\nif control in ("probe", "one-hot"): pass', ["probe", "one-hot"]),
        ('def f(family="lowrank(4)"):\n    "affine"', ["lowrank"]),
        ('print("the family affine")', []),
    ],
)
def test_the_search_sees_names_in_code_and_not_in_prose(source: str, names: list[str]) -> None:
    assert list(quoted_names(source)) == names


def test_the_other_meanings_are_still_there() -> None:
    assert {
        (where, name) for where, name in OTHER_MEANINGS if name in quoted_names((SOURCE / where).read_text())
    } == (OTHER_MEANINGS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_control_has_its_sentences(language: str) -> None:
    for info in CONTROLS.values():
        assert info.title in LANGUAGES[language]
        if info.random or info.label_only or info.self_stitch:
            assert info.phrase in LANGUAGES[language]


def test_every_objective_has_its_criterion() -> None:
    assert list(CRITERIA) == list(OBJECTIVES)
    assert {name for name, info in OBJECTIVES.items() if info.reads_outputs or info.reads_expected} == (
        set(OBJECTIVES) - {"task"}
    )


def test_what_a_control_is_follows_from_what_it_changes() -> None:
    assert [name for name, info in CONTROLS.items() if not info.reaches] == [TRAINED]
    assert [name for name, info in CONTROLS.items() if info.random] == [
        f"random-{which}{end}" for which in ("sender", "receiver", "both") for end in ("", "-bn")
    ]
    assert [name for name, info in CONTROLS.items() if info.random_sender] == [
        "random-sender",
        "random-sender-bn",
    ]
    assert [name for name, info in CONTROLS.items() if info.needs_task] == ["probe", "shuffled-labels"]
    assert [name for name, info in CONTROLS.items() if info.ought_to == "succeed"] == ["self-stitch"]
    assert VERDICT_CONTROLS == ("random-sender", "clustered-noise", "one-hot", "self-stitch")
    assert all(info.random for info in CONTROLS.values() if info.calibrated)


def test_the_order_of_capacity_is_a_partial_order_that_the_ladder_follows() -> None:
    for name, info in FAMILIES.items():
        assert name not in info.within
        for wider in info.within:
            assert set(FAMILIES[wider].within) <= set(info.within)
    for index, smaller in enumerate(LADDER):
        assert not any(within(larger, smaller) for larger in LADDER[index + 1 :])
    assert [stitch.label for stitch in LADDER] == [
        "identity",
        "scale",
        "orthogonal",
        "lowrank(1)",
        "lowrank(2)",
        "lowrank(4)",
        "lowrank(8)",
        "pooled",
        "affine",
        "conv(3)",
        "mlp(64)",
    ]


def test_least_squares_solves_match_alone_where_the_family_has_a_solution() -> None:
    assert [name for name in FAMILIES if not StitchSpec(family=name).is_solved("match")] == [
        "identity",
        "mlp",
    ]
    assert not any(StitchSpec(family=name).is_solved("task") for name in FAMILIES)
    assert not StitchSpec(norm="batch").is_solved("match")
