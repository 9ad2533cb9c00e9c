"""The command line. A command is one file here and one row of :data:`COMMANDS`.

The file holds a frozen dataclass: its fields are the options, the text under each is its help (or its
``metadata["help"]``, where the help lists the rows of a table), ``run`` does the work.
:mod:`modelstitch.cli.reference` prints docs/cli.md from it. Nothing imports torch before a command
runs.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar, NamedTuple, Protocol

import tyro

from modelstitch.cli.compare import Compare
from modelstitch.cli.cuts import Cuts
from modelstitch.cli.demo import Demo
from modelstitch.cli.diff import Diff
from modelstitch.cli.exits import Exit
from modelstitch.cli.export import Export
from modelstitch.cli.figures import Figures
from modelstitch.cli.help import help_of
from modelstitch.cli.help_texts import is_positional, option_of
from modelstitch.cli.monitor import Monitor
from modelstitch.cli.paper import Paper
from modelstitch.cli.pilot import Pilot
from modelstitch.cli.refused import RefusedWordsError, expect_known, in_one_line
from modelstitch.cli.report import Report
from modelstitch.cli.reuse import Reuse
from modelstitch.cli.run import RunExperiment
from modelstitch.cli.runs import Runs
from modelstitch.cli.screen import tell
from modelstitch.cli.selftest import Selftest
from modelstitch.cli.stage import Stage
from modelstitch.cli.status import Status
from modelstitch.cli.train import Train
from modelstitch.cli.values import VALUES, gathered
from modelstitch.cli.verify import Verify
from modelstitch.cli.watch import Watch
from modelstitch.errors import InputError, TruthError

EXIT_OK, EXIT_INPUT, EXIT_FAILED_CELLS, EXIT_UNTRUE, EXIT_INTERRUPTED = Exit


class Command(Protocol):
    """What a command is: a dataclass of its options, with the work in ``run``."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def run(self) -> bool | Exit:
        """Do it; return whether some cells failed, or the exit code."""


class CommandRow(NamedTuple):
    """A command, and whether it can be resumed: it has a run folder ``out`` then, and is given again."""

    command: type[Any]
    resumes: bool = False


COMMANDS = {
    "demo": CommandRow(Demo, resumes=True),
    "compare": CommandRow(Compare, resumes=True),
    "run": CommandRow(RunExperiment, resumes=True),
    "paper": CommandRow(Paper, resumes=True),
    "train": CommandRow(Train),
    "cuts": CommandRow(Cuts),
    "report": CommandRow(Report),
    "figures": CommandRow(Figures),
    "diff": CommandRow(Diff),
    "runs": CommandRow(Runs),
    "reuse": CommandRow(Reuse, resumes=True),
    "export": CommandRow(Export),
    "status": CommandRow(Status),
    "watch": CommandRow(Watch),
    "stage": CommandRow(Stage),
    "pilot": CommandRow(Pilot),
    "monitor": CommandRow(Monitor),
    "verify": CommandRow(Verify),
    "selftest": CommandRow(Selftest),
}
"""All commands by name, in the order of the help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; those of the process without it.

    Returns:
        One of :class:`modelstitch.cli.exits.Exit`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        from modelstitch import __version__

        print(f"modelstitch {__version__}")
        return Exit.HOLDS
    command: Command | None = None
    try:
        command = read(given)
        outcome = command.run()
        if isinstance(outcome, Exit):
            return outcome
        return Exit.INCOMPLETE if outcome else Exit.HOLDS
    except RefusedWordsError as error:
        return _refused(error, Exit.INPUT, given, error.message, said=True)
    except InputError as error:
        return _refused(error, Exit.INPUT, given, str(error))
    except TruthError as error:
        text = f"a truth check failed, do not believe this run: {error}"
        return _refused(error, Exit.DOES_NOT_HOLD, given, text)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        text = (
            f"not enough memory ({first_line}): fit on fewer or smaller examples (--limit, --size, --crop), "
            "keep less at once (--memory), or take smaller batches (--batch-size)"
        )
        return _refused(error, Exit.INPUT, given, text)
    except BrokenPipeError:
        # The reader of our output has closed it, as head does; what is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.HOLDS
    except KeyboardInterrupt:
        again = shlex.join(["modelstitch", *given])
        after = (
            f"finished cells are saved, the same command goes on: {again}"
            if _resumes(command)
            else f"nothing was saved; to start again: {again}"
        )
        tell(f"\nmodelstitch: interrupted; {after}", file=sys.stderr)
        return Exit.INTERRUPTED


def _refused(
    error: BaseException, code: Exit, words: Sequence[str], text: str, *, said: bool = False
) -> Exit:
    """Say an error on stderr, and as JSON on stdout where JSON was asked for; return its code."""
    if not said:
        tell(f"modelstitch: {text}", file=sys.stderr)
    if "--json" in words:
        print(json.dumps({"error": {"kind": type(error).__name__, "message": text, "exit_code": int(code)}}))
    return code


def read(words: Sequence[str]) -> Command:
    """Return the command that words ask for, with its options; without words, show the help and exit.

    Raises:
        RefusedWordsError: words that cannot be read; why is said on stderr, in one line.
    """
    named = words[0] if words and words[0] in COMMANDS else None
    expect_known(words, COMMANDS, () if named is None else _options(named))
    if named is not None and ({"-h", "--help", "--help-all"} & set(words)):
        print(help_of(named, COMMANDS[named].command, everything="--help-all" in words))
        raise SystemExit(0)
    with in_one_line(named):
        command: Command = tyro.extras.subcommand_cli_from_dict(
            {name: row.command for name, row in COMMANDS.items()},
            prog="modelstitch",
            args=gathered(words, _lists(words)) or ["--help"],
            description=(
                "Stitch the first layers of one frozen network to the last layers of another, and say "
                "whether the result can be believed. Start with: modelstitch demo. An option that takes "
                "several values takes them with commas or spaces."
            ),
            config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff),
            registry=VALUES,
        )
    if isinstance(command, Compare):
        typed = {word[2:].partition("=")[0].replace("-", "_") for word in words if word.startswith("--")}
        return command.with_typed(sorted(typed))
    return command


def _options(command: str) -> list[str]:
    """Return every option of a command as it is typed."""
    shown = (one for one in fields(COMMANDS[command].command) if not is_positional(one))
    return [*(option_of(one) for one in shown), "--help-all"]


def _lists(words: Sequence[str]) -> set[str]:
    """Return the options that take lists, of the command that words name."""
    row = COMMANDS.get(words[0]) if words else None
    options = () if row is None else fields(row.command)
    return {f"--{one.name.replace('_', '-')}" for one in options if str(one.type).startswith("tuple[")}


def _resumes(command: Command | None) -> bool:
    resuming = tuple(row.command for row in COMMANDS.values() if row.resumes)
    always = isinstance(command, RunExperiment | Paper)  # they have a folder of their own where none is given
    return always or (isinstance(command, resuming) and vars(command)["out"] is not None)


def _is_out_of_memory(error: BaseException) -> bool:
    # A GPU's own class derives from RuntimeError; the host's is a plain RuntimeError.
    phrases = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or any(phrase in str(error) for phrase in phrases)
