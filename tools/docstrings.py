"""The docstrings of the package as the site's API page reads them: Sphinx's marks become Markdown.

An extension of griffe, which mkdocs.yml names. Formulas become MathML, which browsers draw without a script;
public names become links; ``Example:`` becomes the section ``Examples:``, whose lines are shown as code.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from griffe import Alias, Extension, Module, Object
from latex2mathml.converter import convert

API_PAGE = Path(__file__).parent.parent / "docs" / "api.md"
PUBLIC = frozenset(re.findall(r"^::: (\S+)", API_PAGE.read_text(encoding="utf-8"), re.MULTILINE))

_DISPLAYED = re.compile(r"^( *)\.\. math:: (.+(?:\n\1 +\S.*)*)", re.MULTILINE)
_ROLE = re.compile(r":(\w+):`([^`]+)`")


def as_markdown(docstring: str) -> str:
    """Return a docstring with Markdown in place of Sphinx's marks."""
    displayed = _DISPLAYED.sub(_formula, docstring)
    linked = _ROLE.sub(_mark, displayed)
    return re.sub(r"^Example:$", "Examples:", linked, flags=re.MULTILINE)


def _formula(found: re.Match[str]) -> str:
    latex = " ".join(line.strip() for line in textwrap.dedent(found[2]).splitlines())
    return f"{found[1]}<div class='formula'>{_mathml(latex, 'block')}</div>"


def _mark(found: re.Match[str]) -> str:
    role, name = found[1], found[2]
    if role == "math":
        return _mathml(name, "inline")
    whole = next((each for each in (name, f"modelstitch.{name}") if each in PUBLIC), None)
    return f"[`{name}`][{whole}]" if whole else f"`{name}`"


def _mathml(latex: str, display: str) -> str:
    # A backslash or a star in MathML would be Markdown's.
    return convert(latex, display=display).replace("*", "&#42;").replace("_", "&#95;").replace("\\", "&#92;")


class Docstrings(Extension):
    """Give mkdocstrings the docstrings as Markdown."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of one object before its sections are parsed."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Let ``geometry.cka`` be the function that the package exports, not the file of the same name."""
        for package in (member for member in pkg.members.values() if isinstance(member, Module)):
            exported = {str(name) for name in package.exports or ()}
            files = {
                name: file
                for name, file in package.members.items()
                if name in exported and isinstance(file, Module) and name in file.members
            }
            inside = tuple(f"{file.path}." for file in files.values())
            for member in package.members.values():
                if isinstance(member, Alias) and member.target_path.startswith(inside):
                    member.resolve_target()  # while its file is still where its path says
            for name, file in files.items():
                for member in file.members.values():  # griffe visits no file that its function replaces
                    if isinstance(member, Object):
                        self.on_object(obj=member)
                package.set_member(name, file.members[name])
