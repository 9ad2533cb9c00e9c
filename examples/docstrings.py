"""The docstrings of Python's own library, read from its source files; nothing is imported."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

PACKAGES = ("asyncio", "email", "importlib", "logging", "unittest", "xml")


def docstrings(package: str) -> list[str]:
    """Return every docstring of a package, in the order of its files; a missing one is empty."""
    texts = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"], package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts += [
            ast.get_docstring(node) or ""
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    return texts
