"""The sources of a run are found again: from here, from where it was started, or from beside its folder."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from modelstitch.cutting.cache import GraphCache
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.errors import InputError, RunError, TruthError
from modelstitch.models.given import as_network, device_for
from modelstitch.models.network import Network, digest
from modelstitch.runs.prepare import prepare
from modelstitch.runs.session import Session
from modelstitch.specs import ROLE_SEEDS, DataSpec, ModelSpec, RunSpec

T = TypeVar("T")


class OtherContentError(TruthError):
    """A source holds other content than it did.

    Attributes:
        role: ``sender``, ``receiver`` or ``data``.
    """

    def __init__(self, role: str, text: str) -> None:
        super().__init__(text)
        self.role = role


@dataclass(frozen=True)
class Origin:
    """Where a run was started, so that a relative source is found from any other folder.

    It stands in the database of the run alone: no page, card or export shows it.

    Attributes:
        folder: the working folder, absolute.
        back: the way to it from the run folder, such as ``../..``; empty where there is none.
    """

    folder: str
    back: str

    @classmethod
    def here(cls, out: str | Path) -> Origin:
        """Return the origin of a run that is started now and written to ``out``."""
        folder = Path.cwd()
        try:
            back = Path(os.path.relpath(folder, Path(out).resolve())).as_posix()
        except ValueError:  # another drive
            back = ""
        return cls(str(folder), back)

    def to_plain(self) -> dict[str, str]:
        """Return the origin as values that JSON can hold."""
        return asdict(self)


def folders_of(run: Path, recorded: Mapping[str, str] | None) -> tuple[Path, ...]:
    """Return the folders in which a relative source of a run may begin, in order, without repeats.

    The folder of now; that in which the run was started; that which lies to the run folder as it did, where
    both were moved; the run folder itself. Those that are gone are left out.

    Args:
        run: the run folder.
        recorded: :meth:`Origin.to_plain`; None of a run that recorded none.

    Example:
        >>> folders_of(Path("none"), None) == (Path.cwd(),)
        True
    """
    home = run.resolve()
    found = [Path.cwd()]
    if recorded is not None:
        found += [Path(recorded["folder"]), *([home / recorded["back"]] if recorded["back"] else [])]
    return tuple(dict.fromkeys(place.resolve() for place in (*found, home) if place.is_dir()))


def load_again(
    spec: RunSpec,
    digests: Mapping[str, str],
    folders: Sequence[Path],
    what: str,
    cache: Path | None = None,
) -> Session:
    """Load the networks and the data of a spec from the first folder where each is what it was.

    Each source is read as it was typed, with one folder after the other as the working folder. What is found
    counts only with the recorded content.

    Args:
        spec: sources and cuts.
        digests: SHA-256 by ``sender``, ``receiver`` and ``data``; one that is missing is not compared.
        folders: in which a relative source may begin, the first one first.
        what: what the sources are of, such as ``run 'out'``, for errors.
        cache: folder where captured graphs are kept, and looked for first.

    Raises:
        RunError: a source is in none of the folders, or was given in memory.
        TruthError: every one that is there has other content.
    """
    _expect_sources(spec, what)
    # Refused before anything is loaded; a source may begin in another folder.
    kept = None if cache is None else GraphCache(cache).folder.absolute()
    device = device_for("auto", ())
    networks = [
        _first(
            partial(_network, model, role, device),
            lambda found: digest(found.module),
            folders,
            _Asked(role, model.source, digests.get(role), what),
        )
        for role, model in (("sender", spec.sender), ("receiver", spec.receiver))
    ]

    def read() -> Session:
        return prepare(
            networks[0],
            networks[1],
            spec.data,
            sender_cuts=spec.sender_cuts,
            receiver_cuts=spec.receiver_cuts,
            controls=(),
            random=spec.random,
            allow_untrained=True,  # the run was allowed to
            cache=kept,
        )

    asked = _Asked("data", spec.data.source, digests.get("data"), what)
    return _first(read, lambda session: session.pair.data_digest, folders, asked)


def network_again(
    model: ModelSpec, role: str, recorded: str | None, folders: Sequence[Path], what: str, device: Any
) -> Network:
    """Load one network from the first folder where it is what it was.

    Args:
        model: where it comes from.
        role: ``sender`` or ``receiver``.
        recorded: SHA-256 of its parameters and buffers; None for any.
        folders: in which a relative source may begin, the first one first.
        what: what it is a source of, such as ``candidate 'out'``, for errors.
        device: to put it on.

    Raises:
        RunError: it is in none of the folders.
        TruthError: every one that is there has other weights.
    """
    return _first(
        partial(_network, model, role, device),
        lambda found: digest(found.module),
        folders,
        _Asked(role, model.source, recorded, what),
    )


def data_again(spec: DataSpec, recorded: str, folders: Sequence[Path], what: str) -> Data:
    """Load data from the first folder where they are what they were.

    Args:
        spec: where they come from.
        recorded: SHA-256 of their content.
        folders: in which a relative source may begin, the first one first.
        what: what they are a source of, such as ``candidate 'out'``, for errors.

    Raises:
        RunError: they are in none of the folders.
        TruthError: what is there has other content.
    """
    asked = _Asked("data", spec.source, recorded, what)
    return _first(lambda: load_data(spec), lambda found: found.digest, folders, asked)


def _expect_sources(spec: RunSpec, what: str) -> None:
    """Raise where something was given in memory, which has no source."""
    for name in spec.in_memory:
        one = name if name == "data" else f"a {name}"
        raise RunError(
            f"expected {one} that can be read again, got what was given in memory in {what}: {_AGAIN}"
        )


_AGAIN = "call stitched() on what compare() returns; with the same folder as out, it fits nothing twice"


@dataclass(frozen=True)
class _Asked:
    """One source that is looked for.

    Attributes:
        role: ``sender``, ``receiver`` or ``data``.
        source: as it was typed.
        digest: what it has to hold; None for anything.
        what: what it is a source of.
    """

    role: str
    source: str
    digest: str | None
    what: str


def _first(load: Callable[[], T], content: Callable[[T], str], folders: Sequence[Path], asked: _Asked) -> T:
    """Return what ``load`` gives in the first folder where its content is the recorded one."""
    failures: dict[Path, InputError] = {}
    others: list[str] = []
    for folder in folders:
        known = set(sys.modules)
        try:
            with working_in(folder):
                found = load()
        except InputError as error:
            failures[folder] = error
        else:
            held = content(found)
            if asked.digest in (None, held):
                return found
            others.append(held[:8])
        _forget(known, folder)
    if others:
        data = asked.role == "data"
        raise OtherContentError(
            asked.role,
            f"the {asked.role} {asked.source} {'have other content' if data else 'has other weights'} "
            f"({', '.join(dict.fromkeys(others))}) than in {asked.what} ({str(asked.digest)[:8]}): restore "
            f"{'them' if data else 'its file'}, or run again",
        )
    first = next(iter(failures.values()))
    raise RunError(
        f"cannot load the {asked.role} of {asked.what} again: {first}; a relative path was looked for in "
        f"{', '.join(repr(str(folder)) for folder in failures)}: put it back, or give the command where it "
        "lies"
    ) from first


def _forget(known: set[str], folder: Path) -> None:
    """Forget modules that were imported from a folder in vain: the next folder may have others so called."""
    for name in set(sys.modules) - known:
        module = sys.modules[name]
        places = [getattr(module, "__file__", None), *list(getattr(module, "__path__", []))]
        if any(place and Path(place).is_relative_to(folder) for place in places):
            del sys.modules[name]


def _network(spec: ModelSpec, role: str, device: Any) -> Network:
    """Load a network; what it reads later, when it is built again, is read from the same folder."""
    network = as_network(spec, role, ROLE_SEEDS[role], device)
    build = network.rebuild
    return network if build is None else replace(network, rebuild=partial(_inside, Path.cwd(), build))


def _inside(folder: Path, call: Callable[[], T]) -> T:
    with working_in(folder):
        return call()


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Make a folder the working folder inside the block: a relative path, and a module, begin there."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
