"""The examples of a candidate's own run: those that fitted, chose or calibrated it are no new examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from modelstitch.adoption.division import divide_heldout
from modelstitch.adoption.folder.contract import Contract
from modelstitch.adoption.folder.spec_file import FolderSpec
from modelstitch.adoption.pilot.both import inputs_as_given
from modelstitch.data.digests import rows_of
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data, DataPart
from modelstitch.errors import InputError, RunError, TruthError
from modelstitch.runs.sources import data_again
from modelstitch.specs import IN_MEMORY, DataSpec
from modelstitch.util.atomic_files import atomic_write

KEPT = "own-examples.json"
"""Name of the file in a state folder that holds their digests, so that the data of the run are read once."""

OWN_EXAMPLES = {True: "left out", False: "not recognised", None: "not recorded"}
"""What is said of the candidate's own examples, by whether the data of its run could be read."""

_FORMAT = "modelstitch own examples 1"


@dataclass(frozen=True, kw_only=True)
class OwnExamples:
    """Digests of the examples of a candidate's run, see :func:`input_digests`.

    Attributes:
        fitted_or_chose: of the training examples, and of the held-out ones that chose the candidate.
        calibrated: of the held-out ones that its monitor is calibrated on.
    """

    fitted_or_chose: frozenset[str]
    calibrated: frozenset[str]


def input_digests(contract: Contract, inputs: Mapping[str, Tensor]) -> list[str]:
    """Return a digest of all that the candidate is given of each example.

    Equal inputs have equal digests, from whatever file, and with whatever label, they come.

    Args:
        contract: of the candidate.
        inputs: (n, ...) by name.

    Returns:
        One for each of the n examples.
    """
    return [value.hex() for value in rows_of(*(inputs[one.name] for one in contract.inputs))]


def own_examples(given: Any, spec: FolderSpec, folder: Path, state: Path) -> OwnExamples | None:
    """Return the examples of a candidate's own run, wherever its data can be read.

    Args:
        given: the new examples, which may be the data of the run.
        spec, folder: of the candidate.
        state: the state folder, which may have kept them.

    Returns:
        Their digests; None where the data of the run cannot be read, or have other content than they had.

    Raises:
        RunError: what the state folder kept is damaged.
    """
    kept = _read(state / KEPT)
    if kept is not None:
        return kept
    run = run_data(given, spec, folder)
    if run is None:
        return None
    division = divide_heldout(run, spec.division["seed"])

    def of(*parts: DataPart) -> frozenset[str]:
        inputs = (inputs_as_given(spec.contract, replace(run, heldout=part)) for part in parts)
        return frozenset(one for some in inputs for one in input_digests(spec.contract, some))

    return OwnExamples(
        fitted_or_chose=of(run.train, run.heldout.take(division.choose)),
        calibrated=of(run.heldout.take(division.calibrate)),
    )


def run_data(given: Any, spec: FolderSpec, folder: Path) -> Data | None:
    """Return the data of the run with the content that they had; None where they cannot be read.

    They are the given data, where their content is the run's; or what the source in the spec holds, from here
    or from beside the candidate; or the given source, read as the run's was: a copy at another path.

    Args:
        given: a source's name, ``Data``, or anything else.
        spec, folder: of the candidate.
    """
    for read in _ways(given, spec, folder):
        try:
            found = read()
        except (InputError, TruthError):
            continue
        if found.digest == spec.digests["data"]:
            return found
    return None


def _ways(given: Any, spec: FolderSpec, folder: Path) -> Iterator[Callable[[], Data]]:
    of_run, recorded = DataSpec(**spec.sources["data"]), spec.digests["data"]
    if isinstance(given, Data):
        yield lambda: given
    if of_run.source != IN_MEMORY:
        folders = tuple(dict.fromkeys((Path.cwd(), folder.resolve().parent, folder.resolve())))
        yield lambda: data_again(of_run, recorded, folders, f"candidate {str(folder)!r}")
    if isinstance(given, str):
        yield lambda: load_data(replace(of_run, source=given))


def keep_own_examples(own: OwnExamples | None, state: Path) -> None:
    """Keep the digests in a state folder that a pilot or a monitor has begun in.

    Raises:
        RunError: they cannot be written.
    """
    path = state / KEPT
    if own is None or path.is_file():
        return
    values = {
        "format": _FORMAT,
        "fitted_or_chose": sorted(own.fitted_or_chose),
        "calibrated": sorted(own.calibrated),
    }
    text = json.dumps(values) + "\n"
    try:
        atomic_write(path, lambda to: to.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot write into {str(state)!r}: {error.strerror}") from error


def _read(path: Path) -> OwnExamples | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != _FORMAT:
            raise RunError(f"expected the format {_FORMAT!r} in {str(path)!r}, got {values['format']!r}")
        return OwnExamples(
            fitted_or_chose=frozenset(values["fitted_or_chose"]), calibrated=frozenset(values["calibrated"])
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"cannot read {str(path)!r}: it is damaged ({error})") from error
