"""Shapes are checked in the tests alone: annotations of jaxtyping hold for every call, by beartype.

It stands here, not in tests/, because the hook has to come before the first import of the library.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jaxtyping import install_import_hook

CHECKED = (
    "modelstitch.cutting.layouts",
    "modelstitch.geometry",
    "modelstitch.stitches",
    "modelstitch.tasks",
)
"""Packages whose annotations are checked at every call."""

# An int is a legal float (PEP 484).
install_import_hook(list(CHECKED), "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")


_MEMORY, _ROOM = Path("/dev/shm"), 4 * 2**30
"""Where files lie in memory, and the bytes that have to be free there."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let the tests write into memory where there is room: a run waits for the disk after every cell."""
    if config.option.basetemp is not None or hasattr(config, "workerinput"):
        return
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        config.option.basetemp = tempfile.mkdtemp(prefix="modelstitch-tests-", dir=_MEMORY)
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the slow tests: two processes then end together."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


STAND_INS = {
    **dict.fromkeys(("old", "new", "images", "labels"), "trained_pair"),
    "result": "finished",
    "candidate": "exported",
}
"""Names that examples in docstrings take for granted, and the fixtures that make them."""


@pytest.fixture(scope="session")
def trained_pair() -> dict[str, Any]:
    """Two small networks that were trained on the digits, and examples that they have not seen."""
    import torch
    from torch import nn

    from modelstitch.data.load import load_data
    from modelstitch.specs import DataSpec

    digits = load_data(DataSpec(source="digits"))
    modules = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = nn.Sequential(
                nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 10)
            )
        optimiser = torch.optim.Adam(module.parameters(), 1e-2)
        for _ in range(100):
            loss = nn.functional.cross_entropy(module(digits.train.images), digits.train.labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        modules.append(module.eval())
    return {
        "old": modules[0],
        "new": modules[1],
        "images": digits.heldout.images,
        "labels": digits.heldout.labels,
    }


@pytest.fixture(scope="session")
def finished(trained_pair: dict[str, Any]) -> Any:
    """The comparison of these two at one cut."""
    import modelstitch as ms

    digits = ms.load_data(ms.DataSpec(source="digits"))
    few = ms.EvidenceSpec(kinds=("errors", "kept"), n_examples=200)
    old, new, fit = trained_pair["old"], trained_pair["new"], ms.FitSpec(steps=40)
    return ms.compare(old, new, digits, cuts="2", fit=fit, evidence=few)


@pytest.fixture(scope="session")
def exported(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A candidate that was exported from it."""
    folder = tmp_path_factory.mktemp("shown") / "candidate"
    written: Path = finished.stitched("2", "2").export(folder, by="Ann", accept_risk="an example", margin=0.1)
    return written


@pytest.fixture(autouse=True)
def stand_ins(
    request: pytest.FixtureRequest, doctest_namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Give an example of a docstring the names that it takes for granted, and a folder of its own."""
    item = request.node
    if isinstance(item, pytest.DoctestItem):
        source = "".join(each.source for each in item.dtest.examples) if item.dtest is not None else ""
        used = set(re.findall(r"\w+", source)) - set(re.findall(r"^(\w+) =", source, re.MULTILINE))
        given = {name: fixture for name, fixture in STAND_INS.items() if name in used}
        for name, fixture in given.items():
            value = request.getfixturevalue(fixture)
            doctest_namespace[name] = value[name] if fixture == "trained_pair" else value
        if given:
            monkeypatch.chdir(request.getfixturevalue("tmp_path"))
    yield
    for name in STAND_INS:
        doctest_namespace.pop(name, None)
