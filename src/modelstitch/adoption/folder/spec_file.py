"""What a candidate's folder says of how its network is built again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from modelstitch.adoption.folder.contract import Contract
from modelstitch.errors import DataError, RunError
from modelstitch.util.places import neighbours

SPEC = "spec.json"
"""Name of the file."""

FORMAT = "modelstitch candidate 1"
"""What the file calls its format."""


@dataclass(frozen=True, kw_only=True)
class FolderSpec:
    """How the network of a folder is built again, and what it is.

    Attributes:
        contract: what it takes and gives.
        forms: names of the files that hold it.
        stitched_value: name of the value of the program that is the stitched representation; None where it
            was not found.
        channel_axis: axis of the channels of that representation.
        cell: sender cut, receiver cut, stitch, objective and seed.
        sources: of sender, receiver and data, as values of their specs.
        digests: SHA-256 of the sender's and the receiver's weights, and of the data.
        division: seed, and number of examples of each part.
        margin: the most that may be lost.
        processes: names of what a monitor follows; empty in a folder of an earlier version.
        further: further inputs that each whole network took in the run, by role; empty in a folder of an
            earlier version.
        finetuned: what was trained further after the cell was fitted, with the SHA-256 of its weights; None
            where nothing was.
    """

    contract: Contract
    forms: tuple[str, ...]
    stitched_value: str | None
    channel_axis: int
    cell: Mapping[str, Any]
    sources: Mapping[str, Any]
    digests: Mapping[str, str]
    division: Mapping[str, int]
    margin: float
    processes: tuple[str, ...] = ()
    further: Mapping[str, Sequence[str]] = field(default_factory=dict)
    finetuned: Mapping[str, Any] | None = None

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, allow_nan=False) + "\n"


def read_spec(folder: Path) -> FolderSpec:
    """Read the spec of a candidate's folder.

    Raises:
        RunError: no such file, one of another format, or a damaged one.
    """
    path = folder / SPEC
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise RunError(f"cannot read {str(path)!r}: expected the format {FORMAT!r}")
        contract = Contract.from_plain(values["contract"])
        lists = {name: tuple(values.get(name, ())) for name in ("forms", "processes")}
        return FolderSpec(**{**values, **lists, "contract": contract})
    except FileNotFoundError as error:
        raise RunError(
            f"no candidate in {str(folder)!r}: expected a folder that modelstitch export wrote"
            f"{neighbours(path if folder.is_dir() else folder)}"
        ) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, DataError) as error:
        raise RunError(f"cannot read {str(path)!r}: it is damaged ({error})") from error
