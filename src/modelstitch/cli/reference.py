"""Every command with its options, as a page: ``python -m modelstitch.cli.reference`` prints docs/cli.md."""

from __future__ import annotations

import inspect
from dataclasses import Field, fields
from typing import Any

from modelstitch.cli import COMMANDS
from modelstitch.cli.help import EXAMPLES
from modelstitch.cli.help_texts import default_of, help_texts, is_positional, metavar_of

_HEAD = """# The command line

An option that takes several values takes them with commas or spaces: `--cuts layer1,layer2` is
`--cuts layer1 layer2`. Commas inside brackets or quotes do not count: `zoo:R1111(width=8, channels=1)` is one
model.

Exit codes: 0 done, and what was asked for holds; 2 cannot be done as asked, with what to do; 3 undecided or
incomplete: some cells failed; 4 checked and does not hold: a truth check failed, so that the run must not be
believed, `reuse` finds no candidate that qualifies, or a pilot failed; 130 interrupted.

`--help` shows the usual options, `--help-all` every one by group.

This page is printed by `python -m modelstitch.cli.reference`, and tested to be the help of the commands.
"""


def page() -> str:
    """Return all commands as Markdown."""
    parts = [_HEAD]
    for command, (cls, _) in COMMANDS.items():
        texts = {name: text.replace("|", "\\|") for name, text in help_texts(cls).items()}
        shown = list(fields(cls))
        words = " ".join(metavar_of(one) for one in shown if is_positional(one))
        parts.append(f"## modelstitch {command}\n")
        parts.append(f"{inspect.getdoc(cls)}\n")
        examples = "\n".join(EXAMPLES[command])
        parts.append(f"```\nmodelstitch {f'{command} {words}'.strip()} [OPTIONS]\n{examples}\n```\n")
        parts.append("| argument | default | meaning |\n| --- | --- | --- |")
        for one in shown:
            name = metavar_of(one) if is_positional(one) else f"--{one.name.replace('_', '-')}"
            parts.append(f"| `{name}` | {_default(one)} | {texts[one.name]} |")
        parts.append("")
    return "\n".join(parts)


def _default(field: Field[Any]) -> str:
    """Return a default as a cell of a table."""
    text = default_of(field)
    return text if text in ("", "needed") or isinstance(field.default, bool) else f"`{text}`"


if __name__ == "__main__":
    print(page(), end="")
