"""The files around the code say the same as the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import modelstitch

ROOT = Path(__file__).parent.parent


def declared() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def test_the_citation_has_the_version_of_the_package() -> None:
    (version,) = re.findall(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), flags=re.MULTILINE)
    assert version == modelstitch.__version__


def test_hosted_tests_begin_at_the_oldest_python_that_is_declared() -> None:
    oldest = str(declared()["requires-python"]).removeprefix(">=")
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    versions = re.findall(r'"(3\.\d+)"', workflow.split("python: [")[1].split("]")[0])
    assert versions[0] == oldest
    assert versions == sorted(versions, key=lambda version: int(version.removeprefix("3.")))


def test_every_dependency_is_pinned_once_for_the_two_commands() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for lines in extras.values() for line in lines)]
    names = {re.split(r"[><=\[; ]", line)[0].lower() for line in wanted}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert sorted(pins) == pins
    pinned = [line.split("==")[0] for line in pins]
    assert len(set(pinned)) == len(pinned)
    assert names <= set(pinned)


def test_the_changelog_keeps_its_headings() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert releases[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", release) for release in releases[1:])
    groups = set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE))
    assert groups <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
