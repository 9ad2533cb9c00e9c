"""The docstrings of Python's own library, read from the sources beside the running Python; nothing is imported."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

PACKAGES = ("asyncio", "email", "importlib", "logging", "unittest", "xml")


def docstrings(package: str) -> list[str]:
    """Return every docstring of a package, in the order of its files; one that is missing is empty."""
    found = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"], package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [
            ast.get_docstring(node) or ""
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    return found
