"""The house: who may import whom, what is public, what is loaded when."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import modelstitch
from modelstitch import specs, stitches, tasks
from modelstitch.controls import roles_of
from modelstitch.evidence.kinds import KINDS

SOURCE = Path(modelstitch.__file__).parent

# Each room may import from itself and from the rooms above it, never from a room below.
TOWER = (
    "errors",
    "util",
    "specs",
    "wording",
    "tasks",
    "geometry",
    "cutting",
    "data",
    "stitches",
    "fitting",
    "models",
    "controls",
    "grid",
    "evidence",
    "results",
    "report",
    "known_answers",
    "runs",
    "adoption",
    "api",
    "cli",
)
RANK = {room: rank for rank, room in enumerate(TOWER)}
# Likewise inside the room of adoption; its own files stand above its packages.
FLOORS_OF_ADOPTION = (
    "",
    "candidates",
    "rivals",
    "worth",
    "folder",
    "stages",
    "pilot",
    "verify",
    "monitor",
    "summary",
)
MOST_ROOT_NAMES = 24


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("modelstitch"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.split(".")[1] for alias in node.names if alias.name.startswith("modelstitch.")
            }
    return found - {"__version__"}


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    assert room in RANK, f"{room} has no place in the house"
    for imported in imports(path):
        assert RANK[imported] <= RANK[room], f"{room} imports {imported}, which stands below it"


@pytest.mark.parametrize("path", sorted((SOURCE / "adoption").rglob("*.py")), ids=lambda path: path.name)
def test_imports_point_one_way_inside_the_room_of_adoption(path: Path) -> None:
    def floor(parts: Sequence[str]) -> int:
        return FLOORS_OF_ADOPTION.index(parts[0] if len(parts) > 1 else "")

    here = floor(path.relative_to(SOURCE / "adoption").parts)
    for name in re.findall(r"from modelstitch\.adoption\.([\w.]+) import", path.read_text(encoding="utf-8")):
        assert floor(name.split(".")) <= here, f"{path.name} imports {name}, which stands below it"


def test_the_check_of_imports_sees_an_arrow_the_other_way(tmp_path: Path) -> None:
    wrong = tmp_path / "grid.py"
    wrong.write_text("def f():\n    from modelstitch.results.comparison import Comparison\n")
    assert imports(wrong) == {"results"}
    assert RANK["results"] > RANK["grid"]


def test_the_root_holds_the_tower_and_nothing_else() -> None:
    names = {path.name.removesuffix(".py") for path in SOURCE.iterdir() if path.name != "__pycache__"}
    assert names == {*TOWER, "__init__", "__main__", "py.typed"}
    assert len(names) <= MOST_ROOT_NAMES


def type_names(path: Path) -> set[str]:
    """Return the public classes and aliases that a module defines."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if name[0].isupper() and len(name) > 1 and not name.isupper()}


def test_type_names_do_not_collide() -> None:
    homes: dict[str, list[str]] = {}
    for path in files():
        for name in type_names(path):
            homes.setdefault(name, []).append(str(path.relative_to(SOURCE)))
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}
    assert homes["Side"] == ["grid/side.py"]


def test_exported_names() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    for_type_checks = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name
            for_type_checks[alias.name] = str(node.module).removeprefix("modelstitch.")
    assert for_type_checks == modelstitch._HOMES
    assert modelstitch.__all__ == sorted(modelstitch._HOMES)
    assert {"compare", "cuts", "CutList", "Layout", "Progress"} <= set(modelstitch.__all__)
    for name in modelstitch.__all__:
        assert getattr(modelstitch, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = modelstitch.no_such_name


def test_every_name_of_a_spec_has_its_file() -> None:
    assert all(issubclass(stitches.class_of(family), stitches.Stitch) for family in specs.FAMILIES)
    assert all(callable(roles_of(control)) for control in specs.CONTROLS)
    assert set(specs.EVIDENCE) == set(KINDS)
    assert set(specs.TASKS) == set(tasks.TASK_TABLE)


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"], ["compare", "--help"], ["--version"]])
def test_help_does_not_wait_for_torch(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from modelstitch.cli import main\n"
        "try:\n"
        f"    code = main({arguments!r})\n"
        "except SystemExit as stop:\n"
        "    code = stop.code\n"
        "assert not code, code\n"
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
