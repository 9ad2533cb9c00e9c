"""The help of a command: the usual options first, then the rest by group, and two examples."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from shutil import get_terminal_size
from typing import Any

from modelstitch.cli.config_options import places
from modelstitch.cli.help_texts import (
    default_of,
    help_texts,
    is_flag,
    is_positional,
    metavar_of,
    option_of,
)

GROUPS = ("models", "data", "stitches", "fitting", "evidence", "output")
"""Groups of options, in the order of the help."""

_BY_TABLE = {"models": "models", "data": "data", "cuts": "stitches", "fit": "fitting", "evidence": "evidence"}
_BY_NAME = {
    **dict.fromkeys(("stitch", "norm", "objective", "ladder"), "stitches"),
    **dict.fromkeys(("seeds", "random", "seed", "epochs", "batch_size", "learning_rate"), "fitting"),
    **dict.fromkeys(("controls", "evidence", "pictures", "margin", "measure"), "evidence"),
    **dict.fromkeys(("allow_untrained", "width", "shape", "tokens"), "models"),
}

USUAL: Mapping[str, tuple[str, ...]] = {
    "compare": (
        *("data", "out", "sender_weights", "receiver_weights", "cuts"),
        *("stitch", "controls", "seeds", "config", "dry_run"),
    ),
    "reuse": (
        *("data", "out", "margin", "at_most_multiply_adds", "at_least_score"),
        *("rivals", "prices", "cuts", "seeds", "json"),
    ),
    "train": ("data", "out", "width", "seed", "epochs", "limit", "device"),
}
"""The options that stand first, by command; a command that is not named shows all of its own."""

EXAMPLES: Mapping[str, tuple[str, str]] = {
    "demo": ("modelstitch demo", "modelstitch demo --out my-demo --seed 1"),
    "compare": (
        "modelstitch compare old.safetensors new.safetensors --out run",
        "modelstitch compare --config run/run.toml --seeds 0,1,2 --out run",
    ),
    "run": ("modelstitch run nets.toml --dry-run", "modelstitch run nets.toml --out nets"),
    "paper": (
        "modelstitch paper --plan",
        "modelstitch paper --form small --part vanilla --networks R1111,R1112",
    ),
    "train": (
        "modelstitch train zoo:R1111 --width 8 --out old.safetensors",
        "modelstitch train zoo:R1111 --data photos/ --seed 1",
    ),
    "cuts": ("modelstitch cuts old.safetensors", "modelstitch cuts timm:resnet18 --shape 3 224 224"),
    "report": ("modelstitch report run", "modelstitch report run --lang ja --out page.html"),
    "figures": ("modelstitch figures run", "modelstitch figures run --format svg --width 90"),
    "diff": ("modelstitch diff run run-2", "modelstitch diff run run-2 --out changes.html"),
    "runs": ("modelstitch runs", "modelstitch runs experiments --json"),
    "reuse": (
        "modelstitch reuse run",
        "modelstitch reuse old.safetensors new.safetensors --margin 0.01 --out run",
    ),
    "export": (
        "modelstitch export run --sender-cut layers.2 --receiver-cut layers.2 --out candidate --by Ann",
        "modelstitch export run --sender-cut layers.2 --receiver-cut layers.4 --out other --by Ann",
    ),
    "status": ("modelstitch status run", "modelstitch status candidate --json"),
    "watch": ("modelstitch watch nets", "modelstitch watch nets --port 0 --lang ja"),
    "stage": (
        "modelstitch stage candidate pilot --by Ann",
        "modelstitch stage candidate retired --by Ann",
    ),
    "pilot": (
        "modelstitch pilot candidate --against receiver --data new/ --by Ann",
        "modelstitch pilot candidate --labels-file answers.csv --by Ann",
    ),
    "monitor": (
        "modelstitch monitor candidate --data new/",
        "modelstitch monitor candidate --data new/ --json",
    ),
    "verify": ("modelstitch verify candidate --by Bo", "modelstitch verify run --by Bo"),
    "selftest": ("modelstitch selftest", "modelstitch selftest --json"),
}


def group_of(option: str) -> str:
    """Return the group that an option of any command belongs to.

    Example:
        >>> group_of("receiver_size"), group_of("limit"), group_of("seeds"), group_of("out")
        ('models', 'data', 'fitting', 'output')
    """
    if option in _BY_NAME:
        return _BY_NAME[option]
    table = next((place[0] for place in places(option)), "")
    return _BY_TABLE.get(table, "output")


def help_of(command: str, cls: type[Any], *, everything: bool) -> str:
    """Return the help of a command.

    Args:
        command: its name.
        cls: its dataclass.
        everything: whether all options are shown, or the usual ones alone.
    """
    width = min(100, get_terminal_size().columns)
    shown = list(fields(cls))
    usual = USUAL.get(command, tuple(one.name for one in shown))
    positional = [one for one in shown if is_positional(one)]
    options = [one for one in shown if one not in positional]
    first = [one for name in usual for one in options if one.name == name]
    rest = [one for one in options if one not in first]
    words = " ".join(metavar_of(one) for one in positional)
    about = (cls.__doc__ or "").strip()
    lines = [f"usage: modelstitch {f'{command} {words}'.strip()} [OPTIONS]", "", about, ""]
    texts = help_texts(cls)
    for one in positional:
        lines += _entry(metavar_of(one), texts[one.name], width)
    lines += ["", "options:" if not rest else "usual options:"]
    for one in first:
        lines += _option(one, texts, width)
    lines += _entry("--help, --help-all", "Show the usual options, or all of them by group.", width)
    if rest and everything:
        for group in GROUPS:
            own = [one for one in rest if group_of(one.name) == group]
            if own:
                lines += ["", f"{group}:", *(line for one in own for line in _option(one, texts, width))]
    elif rest:
        lines += ["", f"{len(rest)} further options: modelstitch {command} --help-all"]
    lines += ["", "examples:", *(f"  {line}" for line in EXAMPLES[command])]
    return "\n".join(lines)


def _option(one: Field[Any], texts: Mapping[str, str], width: int) -> Iterator[str]:
    shown = option_of(one) if is_flag(one) else f"{option_of(one)} {metavar_of(one)}"
    default = default_of(one)
    said = (
        ""
        if not default or is_flag(one)
        else " (needed)"
        if default == "needed"
        else f" (default: {default})"
    )
    yield from _entry(shown, texts[one.name] + said, width)


def _entry(name: str, text: str, width: int) -> Iterator[str]:
    yield f"  {name}"
    yield from textwrap.wrap(text, width - 6, initial_indent=" " * 6, subsequent_indent=" " * 6)
