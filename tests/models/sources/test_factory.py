from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from torch import nn

from modelstitch.errors import ModelError
from modelstitch.models.sources.factory import build_from_factory

SOURCE = """
from torch import nn

_hidden = 1
constant = 3

def smallest(width=2, **rest):
    return nn.Linear(width, 3)

class Small(nn.Linear):
    def __init__(self):
        super().__init__(4, 5)

def text():
    return "a model"

def broken():
    raise RuntimeError("a bug of the user's own")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The dotted name of a module in the current folder; another in each test, since imports are cached."""
    name = re.sub(r"\W", "_", f"pack_{tmp_path.name}")
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "nets.py").write_text(SOURCE)
    (folder / "needs.py").write_text("import a_module_that_nobody_has\n")
    monkeypatch.chdir(tmp_path)
    return f"{name}.nets"


def test_functions_and_classes_of_a_package(package: str) -> None:
    linear = build_from_factory(f"{package}:smallest", {"width": 7})
    assert isinstance(linear, nn.Linear)
    assert (linear.in_features, linear.out_features) == (7, 3)
    assert type(build_from_factory(f"{package}:Small", {})).__name__ == "Small"


def test_an_installed_module() -> None:
    module = build_from_factory(
        "torch.nn:Conv2d", {"in_channels": 2, "out_channels": 3, "kernel_size": (1, 5)}
    )
    assert module.get_parameter("weight").shape == (3, 2, 1, 5)


@pytest.mark.parametrize("target", ["{}:smallest", "{}:smalles", "no_such_module_at_all:f"])
def test_the_search_path_is_left_as_it_was(package: str, target: str) -> None:
    before = list(sys.path)
    try:
        build_from_factory(target.format(package), {})
    except ModelError:
        assert target != "{}:smallest"
    assert sys.path == before


@pytest.mark.parametrize(
    ("target", "arguments", "message"),
    [
        (
            "{}:smalest",
            {},
            r"unknown factory in pack_\w+\.nets 'smalest': "
            r"expected one of .*Small.*did you mean 'smallest'\?",
        ),
        ("{}:", {}, r"unknown factory in pack_\w+\.nets ''"),
        (
            "{}:constant",
            {},
            r"cannot build 'pack_\w+\.nets:constant' with \{\}: 'int' object is not callable",
        ),
        (
            "{}:Small",
            {"width": 2},
            r"cannot build .*:Small' with \{'width': 2\}: .*unexpected keyword .*'width'",
        ),
        ("{}:text", {}, r":text' returned str: expected a torch\.nn\.Module"),
        (
            "nowhere_at_all.nets:f",
            {},
            r"cannot import 'nowhere_at_all\.nets' .*No module named 'nowhere_at_all'",
        ),
    ],
)
def test_what_cannot_be_built(package: str, target: str, arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_from_factory(target.format(package), arguments)


def test_private_names_are_not_offered(package: str) -> None:
    with pytest.raises(ModelError, match="unknown factory") as caught:
        build_from_factory(f"{package}:hidden", {})
    assert "_hidden" not in str(caught.value)


def test_an_import_that_fails_inside_names_what_is_missing(package: str) -> None:
    with pytest.raises(
        ModelError, match=r"cannot import '.*needs' .*No module named 'a_module_that_nobody_has'"
    ):
        build_from_factory(package.replace("nets", "needs") + ":f", {})


def test_a_bug_of_the_factory_keeps_its_traceback(package: str) -> None:
    with pytest.raises(RuntimeError, match="a bug of the user's own"):
        build_from_factory(f"{package}:broken", {})
