"""All errors that modelstitch raises on purpose.

::

    ModelStitchError
    ├── InputError            an argument cannot be used; the command line exits with code 2
    │   ├── SpecError         a value outside its legal range or set
    │   │   └── OptionError   an option that a function or a spec does not have; a TypeError, too
    │   ├── ModelError        a model source that cannot be found, built or run
    │   │   └── WeightsError  a weights file that cannot be read or does not fit
    │   ├── CutError          a cut that does not exist or cannot be made
    │   ├── StitchError       a stitch family that does not fit two representations
    │   ├── GeometryError     arrays that a measure of similarity cannot compare
    │   ├── DataError         a data source that cannot be read or used
    │   ├── RunError          a run folder that cannot be written, read or continued
    │   └── MissingExtraError an optional package that is not installed
    └── TruthError            a truth check failed; the run stops, exit code 4

Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ModelStitchError(Exception):
    """Root of all errors that modelstitch raises on purpose."""


class InputError(ModelStitchError):
    """An argument cannot be used; the message says what was expected, what was given and what to do."""


class SpecError(InputError):
    """A value lies outside its legal range or set."""


class OptionError(SpecError, TypeError):
    """A function or a spec has no such option, lacks one, or got too many."""


class ModelError(InputError):
    """A model source cannot be found, built or run."""


class WeightsError(ModelError):
    """A weights file cannot be read, or does not fit its model."""


class CutError(InputError):
    """A cut does not exist, or cannot be made."""


class StitchError(InputError):
    """A stitch family does not fit the two representations."""


class GeometryError(InputError):
    """A measure of similarity cannot compare what it was given."""


class DataError(InputError):
    """A data source cannot be read or used."""


class RunError(InputError):
    """A run folder cannot be written, read or continued."""


class MissingExtraError(InputError):
    """An optional package is not installed."""


class TruthError(ModelStitchError):
    """A truth check failed: the numbers of this run must not be believed."""


def expect_one_of(what: str, got: str, legal: Iterable[str], error: type[InputError]) -> None:
    """Raise ``error`` unless ``got`` is one of ``legal``, and name the nearest legal values.

    Example:
        >>> expect_one_of("norm", "bach", ["none", "batch"], SpecError)
        Traceback (most recent call last):
        ...
        modelstitch.errors.SpecError: unknown norm 'bach': expected one of none, batch; did you mean 'batch'?
    """
    names = list(legal)
    if got in names:
        return
    shown = ", ".join(names[:12]) + (f", ... ({len(names)} in all)" if len(names) > 12 else "")
    near = difflib.get_close_matches(got, names, n=1, cutoff=0.5)
    parts = [part.strip() for part in got.split(",")]
    if len(parts) > 1 and all(part in names for part in parts):
        raise error(f"unknown {what} {got!r}: expected one name; give several as a list, {parts}")
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise error(f"unknown {what} {got!r}: expected one of {shown or '(none)'}{hint}")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its representation if it has no text.

    Example:
        >>> first_line(ValueError("wrong. ")), first_line(EOFError())
        ('wrong.', 'EOFError()')
    """
    text = str(error).strip()
    return text.splitlines()[0] if text else repr(error)
