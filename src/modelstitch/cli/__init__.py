"""The command line: one file a command. Nothing here imports torch before a command runs."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from modelstitch.cli.compare import Compare
from modelstitch.cli.cuts import Cuts
from modelstitch.cli.demo import Demo
from modelstitch.cli.figures import Figures
from modelstitch.cli.report import Report
from modelstitch.cli.selftest import Selftest
from modelstitch.cli.train import Train
from modelstitch.errors import InputError, TruthError

EXIT_OK, EXIT_INPUT, EXIT_FAILED_CELLS, EXIT_UNTRUE, EXIT_INTERRUPTED = 0, 2, 3, 4, 130

Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Cuts, tyro.conf.subcommand("cuts")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Figures, tyro.conf.subcommand("figures")]
    | Annotated[Selftest, tyro.conf.subcommand("selftest")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; those of the process without it.

    Returns:
        0 when all is well, 2 for bad input, 3 when cells failed, 4 when a truth check failed, 130 after Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        from modelstitch import __version__

        print(f"modelstitch {__version__}")
        return EXIT_OK
    command: Any = None
    try:
        command = _read(given)
        return EXIT_FAILED_CELLS if command.run() else EXIT_OK
    except InputError as error:
        print(f"modelstitch: {error}", file=sys.stderr)
        return EXIT_INPUT
    except TruthError as error:
        print(f"modelstitch: a truth check failed, do not believe this run: {error}", file=sys.stderr)
        return EXIT_UNTRUE
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        print(
            f"modelstitch: not enough memory ({first_line}): fit on fewer or smaller examples (--limit, --size, --crop), keep less at once "
            "(--memory), or take smaller batches (--batch-size)",
            file=sys.stderr,
        )
        return EXIT_INPUT
    except BrokenPipeError:
        # Whoever read our output has left, as head does; what is still buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except KeyboardInterrupt:
        again = shlex.join(["modelstitch", *given])
        saved = getattr(command, "out", None) is not None and isinstance(command, Compare | Demo)
        outcome = (
            f"finished cells are saved, the same command goes on: {again}"
            if saved
            else f"nothing was saved; to start again: {again}"
        )
        print(f"\nmodelstitch: interrupted; {outcome}", file=sys.stderr)
        return EXIT_INTERRUPTED


def _is_out_of_memory(error: BaseException) -> bool:
    # Of a device it is a class of torch's own, of the host a plain RuntimeError.
    said = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or any(each in str(error) for each in said)


def _read(given: list[str]) -> Any:
    return tyro.cli(
        Command,
        prog="modelstitch",
        args=given or ["--help"],
        description="Stitch the first layers of one frozen network to the last layers of another.",
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff),
    )
