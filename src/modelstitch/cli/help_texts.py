"""What the fields of a command say of its options: help, default, and what stands behind the name."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any


def help_texts(cls: type[Any]) -> dict[str, str]:
    """Return the help of each field of a command: its ``help``, or the text under it in the source."""
    tree = ast.parse(Path(inspect.getfile(cls)).read_text(encoding="utf-8"))
    (body,) = [
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__
    ]
    texts = {field.name: field.metadata["help"] for field in fields(cls) if "help" in field.metadata}
    for node, after in itertools.pairwise(body):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(after, ast.Expr)
        ):
            assert isinstance(after.value, ast.Constant)
            texts[node.target.id] = " ".join(str(after.value.value).split())
    return texts


def is_positional(field: Field[Any]) -> bool:
    """Tell whether an option has no name on the command line."""
    return "Positional" in str(field.type)


def is_flag(field: Field[Any]) -> bool:
    """Tell whether an option takes no value."""
    return str(field.type) == "bool"


def option_of(field: Field[Any]) -> str:
    """Return what is typed; a flag that is on by default is switched off.

    Example:
        >>> from modelstitch.cli.reuse import Reuse
        >>> [option_of(one) for one in fields(Reuse) if one.name in ("latency", "at_most_latency")]
        ['--at-most-latency', '--no-latency']
    """
    name = field.name.replace("_", "-")
    return f"--no-{name}" if is_flag(field) and field.default is True else f"--{name}"


def metavar_of(field: Field[Any]) -> str:
    """Return what stands behind an option, or for a positional argument."""
    text = str(field.type)
    given = re.search(r"""metavar=["'](\w+)["']""", text)
    if given:
        return given[1]
    chosen = re.search(r"Literal\[([^\]]*)\]", text)
    kinds = {"int": "INT", "float": "FLOAT", "Path": "PATH", "bool": "True|False"}
    word = (
        re.sub(r"[\"' ]", "", chosen[1]).replace(",", "|")
        if chosen
        else next((name for kind, name in kinds.items() if re.search(rf"\b{kind}\b", text)), "NAME")
    )
    return f"{word},..." if text.startswith("tuple[") else word


def default_of(field: Field[Any]) -> str:
    """Return the default in words; empty where the option has none."""
    value = field.default
    if value is MISSING:
        return "needed"
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
