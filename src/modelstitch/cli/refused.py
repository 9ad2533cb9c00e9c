"""What the command line refuses, as one line: an unknown command or option, a value that cannot be read."""

from __future__ import annotations

import contextlib
import difflib
import io
import itertools
import re
import sys
from collections.abc import Collection, Iterator, Sequence

from modelstitch.cli.screen import tell


class RefusedWordsError(SystemExit):
    """The words of a command cannot be read: it is said on stderr, and the process ends with code 2.

    Attributes:
        message: why, in one line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(2)
        self.message = message
        tell(f"modelstitch: {message}", file=sys.stderr)


@contextlib.contextmanager
def in_one_line(command: str | None) -> Iterator[None]:
    """Turn the box in which the parser explains what it refuses into one line.

    Args:
        command: that the words name; None for none.

    Raises:
        RefusedWordsError: the parser refused the words.
    """
    shown = io.StringIO()
    try:
        with contextlib.redirect_stderr(shown):
            yield
    except SystemExit as stop:
        if stop.code != 2:
            raise
        raise RefusedWordsError(one_line(shown.getvalue(), command)) from None


def one_line(box: str, command: str | None) -> str:
    """Return what a box of the parser says, without the help below it.

    Example:
        >>> said = "Error parsing --limit: invalid literal for int() with base 10: 'x'"
        >>> one_line(f"╭─ Value error ─╮{chr(10)}│ {said} │", "cuts")
        "Error parsing --limit: expected a whole number, got 'x'; see modelstitch cuts --help"
    """
    lines = [line.strip("│╭╮╰╯ ").strip() for line in box.splitlines()]
    lines = [line for line in lines if line]
    title, rest = (lines[0].strip("─ "), lines[1:]) if lines else ("", [])
    if rest and _is_rule(rest[0]):  # without box characters, the title has a line below it
        rest = rest[1:]
    body = list(itertools.takewhile(lambda line: not _is_rule(line), rest))
    see = f"; see modelstitch {command} --help" if command else "; see modelstitch --help"
    if title.startswith("Required"):
        names = [line.split()[0].strip(",") for line in body if re.match(r"--\w|[A-Z]{2,}", line)]
        return f"expected {', '.join(names)}, got none{see}"
    text = " ".join(" ".join(body).split())
    text = re.sub(r"invalid literal for int\(\) with base 10: (.*)", r"expected a whole number, got \1", text)
    text = re.sub(r"could not convert string to float: (.*)", r"expected a number, got \1", text)
    choice = re.fullmatch(r"invalid choice '(.*)' for argument '(--\S+)'\. Expected one of \((.*)\)\.", text)
    if choice:
        legal = choice[3].replace("'", "").rstrip(", ")
        text = f"Error parsing {choice[2]}: expected one of {legal}, got {choice[1]!r}"
    text = re.sub(r"Missing value for argument '(--\S+)'\..*", r"expected a value behind \1, got none", text)
    text = re.sub(r"Unrecognized options: (.*)", r"expected no further argument, got \1", text)
    return text.rstrip(".") + see


def _is_rule(line: str) -> bool:
    return set(line) <= {"─", "-"}


def expect_known(words: Sequence[str], commands: Collection[str], options: Collection[str]) -> None:
    """Raise where words name no command, or an option that the command does not have.

    Args:
        words: of the command line.
        commands: all there are.
        options: those of the command, as ``--name``.

    Raises:
        RefusedWordsError: with the nearest names.

    Example:
        >>> expect_known(["cuts", "a", "--shap=3"], ["cuts", "demo"], ["--shape"])
        Traceback (most recent call last):
        ...
        modelstitch.cli.refused.RefusedWordsError: 2
    """
    if not words or words[0].startswith("-"):
        return
    if words[0] not in commands:
        near = difflib.get_close_matches(words[0], commands, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise RefusedWordsError(f"unknown command {words[0]!r}: expected one of {', '.join(commands)}{hint}")
    for word in words[1:]:
        name = word.partition("=")[0]
        if not name.startswith("--") or name in options or name == "--help":
            continue
        near = difflib.get_close_matches(name, options, n=3, cutoff=0.6)
        hint = f": did you mean {' or '.join(near)}?" if near else ""
        raise RefusedWordsError(
            f"unknown option {name} of {words[0]}{hint or ':'} modelstitch {words[0]} --help-all lists all"
        )
