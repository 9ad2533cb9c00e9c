"""Outcomes in a folder, so that a bed that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from modelstitch.errors import RunError
from modelstitch.known_answers.cases import Case
from modelstitch.known_answers.outcome import Outcome
from modelstitch.util.atomic_files import atomic_write

_VERSION = 2


@final
class BedRecord:
    """A folder with the outcomes of one bed.

    Args:
        folder: where; it is made.
        identity: what must agree for the bed to go on: networks, data, fits.

    Raises:
        RunError: the folder has the outcomes of another bed, or cannot be written.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self._path = folder / "cases.jsonl"
        known = {"version": _VERSION, **identity}
        about = folder / "bed.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not about.exists():
                if any(folder.iterdir()):
                    raise RunError(
                        f"expected an empty folder or that of a selftest, got {folder}: choose another"
                    )
                atomic_write(
                    about, lambda path: path.write_text(json.dumps(known, indent=1), encoding="utf-8")
                )
            found = json.loads(about.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"cannot use {folder} for a selftest: {error}") from error
        differing = [name for name, value in known.items() if found.get(name) != value]
        if differing:
            raise RunError(
                f"expected in {folder} the selftest that is asked for, got one with other "
                f"{', '.join(differing)}: choose another folder with --out"
            )

    def outcomes(self) -> dict[Case, Outcome]:
        """Return the outcomes so far; a line that was cut off is left out."""
        if not self._path.exists():
            return {}
        found: dict[Case, Outcome] = {}
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                outcome = Outcome.from_plain(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue
            found[outcome.case] = outcome
        return found

    def add(self, outcome: Outcome) -> None:
        """Append one outcome."""
        with self._path.open("a", encoding="utf-8") as file:
            # The line before may have been cut off; an empty one is left out like that.
            file.write("\n" + json.dumps(outcome.to_plain()))
