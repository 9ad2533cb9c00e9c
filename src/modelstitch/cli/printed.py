"""Print a finished comparison, or several by label set, and the files that it left."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from modelstitch.cli.json_output import print_json
from modelstitch.cli.screen import tell

if TYPE_CHECKING:
    from modelstitch.results.by_labels import ByLabels
    from modelstitch.results.comparison import Comparison


def report_labels(found: ByLabels, out: Path | None, as_json: bool) -> bool:
    """Show finished comparisons by several label sets; return whether some cells failed."""

    table = None if out is None else found.write(out)
    if as_json:
        print_json("compare", found.to_json())
    else:
        from modelstitch.cli.terminal import print_labels

        print_labels(found)
        for sentence in found.sentences():
            tell(f"- {sentence}")
        if table is not None and out is not None:
            print("\nFiles:")
            tell(f"  {table}  score, kept and verdict of each cell by each label set")
            for name in found.tried_for:
                tell(f"  {out / name / 'report.html'}  the page of {name}")
    failed = [bool(_say_failed(each)) for each in found.comparisons.values()]
    return any(failed)


def report(comparison: Comparison, out: Path | None, as_json: bool, seconds: float = 0.0) -> bool:
    """Show a finished comparison; return whether some cells failed.

    Args:
        comparison: what was run.
        out: its run folder.
        as_json: print it as JSON alone.
        seconds: that the command took.
    """

    if as_json:
        from modelstitch.cli.result_json import result_of

        print_json("compare", result_of(comparison, out, seconds))
    else:
        from modelstitch.cli.terminal import print_curves, print_matrix, print_verdicts

        for stitch in comparison.stitches:
            accuracies = [
                f"whole {role} {value:.3f}"
                for role in ("sender", "receiver")
                if (value := comparison.baseline(role)) is not None
            ]
            print_matrix(comparison.matrix(stitch=stitch), f"{stitch}: {', '.join(accuracies)}")
            print_verdicts(comparison, stitch)
        for sentence in comparison.sentences():
            tell(f"- {sentence}")
        if comparison.has_curves:
            print_curves(comparison)
        if out is not None:
            from modelstitch.runs.place import place_of

            print("\nFiles:")
            for name, what in (
                ("report.html", "the page: open this one"),
                ("matrix.png", "the picture"),
                *([("pictures.png", "what stitches paint")] if (out / "pictures.png").is_file() else []),
                *([("capacity.png", "the capacity curves")] if comparison.has_curves else []),
                *([("capacity.csv", "the same as a table")] if comparison.has_curves else []),
                ("cells.csv", "the table"),
                ("cells.parquet", "the same"),
                *([("evidence.csv", "the evidence")] if comparison.evidence else []),
                *([("advantages.csv", "differences to the controls")] if comparison.advantages else []),
                *([("errors.csv", "EV, ES and SV")] if len(comparison.error_table()) else []),
                *([("verdicts.csv", "the verdicts with their reasons")] if comparison.verdicts() else []),
                *([("classes.csv", "classes gained and lost")] if (out / "classes.csv").is_file() else []),
                *(
                    [("disagreements.json", "some examples with another answer")]
                    if (out / "disagreements.json").is_file()
                    else []
                ),
                ("run.toml", "the choices of the run: modelstitch compare --config run.toml repeats it"),
                (os.path.relpath(place_of(out).database, out), "the database"),
                ("stitches/", "the fitted stitches"),
            ):
                tell(f"  {out / name}  {what}")
    return _say_failed(comparison)


def _say_failed(comparison: Comparison) -> bool:
    """Say on stderr how many cells failed; return whether some did."""
    import sys

    if comparison.failed:
        first = comparison.failed[0]
        tell(
            f"modelstitch: {len(comparison.failed)} of {len(comparison.cells)} cells failed, the first is "
            f"{first.sender_cut} -> {first.receiver_cut} ({first.control}): {first.failure}; "
            "a lower --learning-rate may help",
            file=sys.stderr,
        )
    return bool(comparison.failed)
