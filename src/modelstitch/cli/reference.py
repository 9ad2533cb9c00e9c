"""Every command with its options, as a page: ``python -m modelstitch.cli.reference`` prints docs/cli.md."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from modelstitch.cli import COMMANDS

_HEAD = """# The command line

An option that takes several values takes them with commas or spaces: `--cuts layer1,layer2` is
`--cuts layer1 layer2`. Commas inside brackets or quotes do not count: `zoo:R1111(width=8, channels=1)` is one
model.

Exit codes: 0 done, and what was asked for holds; 2 cannot be done as asked, with what to do; 3 undecided or
incomplete: some cells failed; 4 checked and does not hold: a truth check failed, so that the run must not be
believed, `reuse` finds no candidate that qualifies, or a pilot failed; 130 interrupted.

This page is printed by `python -m modelstitch.cli.reference`, and tested to be the help of the commands.
"""


def page() -> str:
    """Return all commands as Markdown."""
    parts = [_HEAD]
    for command, (cls, _) in COMMANDS.items():
        help_texts = _help_texts(cls)
        positional = [field for field in fields(cls) if _is_positional(field)]
        words = " ".join(_metavar(field) for field in positional)
        parts.append(f"## modelstitch {command}\n")
        parts.append(f"{inspect.getdoc(cls)}\n")
        parts.append(f"```\nmodelstitch {f'{command} {words}'.strip()} [OPTIONS]\n```\n")
        parts.append("| argument | default | meaning |\n| --- | --- | --- |")
        for field in fields(cls):
            name = _metavar(field) if field in positional else f"--{field.name.replace('_', '-')}"
            parts.append(f"| `{name}` | {_default(field)} | {help_texts[field.name]} |")
        parts.append("")
    return "\n".join(parts)


def _help_texts(cls: type[Any]) -> dict[str, str]:
    """Return the help of each field of a command: its ``help``, or the text under it in the source."""
    tree = ast.parse(Path(inspect.getfile(cls)).read_text(encoding="utf-8"))
    (body,) = [
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__
    ]
    texts = {
        field.name: field.metadata["help"].replace("|", "\\|")
        for field in fields(cls)
        if "help" in field.metadata
    }
    for node, after in itertools.pairwise(body):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(after, ast.Expr)
        ):
            assert isinstance(after.value, ast.Constant)
            texts[node.target.id] = " ".join(str(after.value.value).split()).replace("|", "\\|")
    return texts


def _is_positional(field: Field[Any]) -> bool:
    return "Positional" in str(field.type)


def _metavar(field: Field[Any]) -> str:
    given = re.search(r'metavar="(\w+)"', str(field.type))
    return given[1] if given else field.name.upper()


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "needed"
    value = field.default
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`"
    return f"`{value}`"


if __name__ == "__main__":
    print(page(), end="")
