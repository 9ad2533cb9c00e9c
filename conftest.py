"""Shapes are checked in the tests alone: annotations of jaxtyping hold for every call, by beartype.

It stands here, not in tests/, because the hook has to come before the first import of the library.
"""

from __future__ import annotations

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the slow tests: two processes then end together."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
