"""Watch a candidate: take what arrives, keep the state, write what others read, alarm."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelstitch.adoption.folder.calibration_file import CALIBRATION, read_calibration
from modelstitch.adoption.folder.ledger import LEDGER, LedgerEntry, append_next, expect_name
from modelstitch.adoption.folder.loading import network_in
from modelstitch.adoption.folder.processes import PAIRED, processes_of
from modelstitch.adoption.folder.spec_file import read_spec
from modelstitch.adoption.monitor.arrivals import Arrivals
from modelstitch.adoption.monitor.columns import calibrating
from modelstitch.adoption.monitor.facts import EVENTS, METRICS, PICTURE, MonitorOutcome, StreamFacts
from modelstitch.adoption.monitor.for_page import outcome_of
from modelstitch.adoption.monitor.new_stream import arrivals_of, arrivals_of_items
from modelstitch.adoption.monitor.picture import evidence_picture
from modelstitch.adoption.monitor.prometheus import prometheus_text
from modelstitch.adoption.monitor.rule import ALPHA, MonitorRule
from modelstitch.adoption.monitor.store import LOCK, STATE, StreamState, opened
from modelstitch.adoption.monitor.stream import chunks
from modelstitch.adoption.monitor.taking import Taken, Watched, take
from modelstitch.adoption.pilot.original import Against, load_original
from modelstitch.adoption.pilot.own_examples import KEPT, OwnExamples, keep_own_examples, own_examples
from modelstitch.adoption.stages.road import Road, road_of
from modelstitch.errors import DataError, RunError, SpecError
from modelstitch.models.network import Network
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.locks import locked
from modelstitch.util.progress import SILENT, Progress


@dataclass(frozen=True, kw_only=True)
class MonitorSpec:
    """What a monitor is asked for.

    Attributes:
        by: who runs it.
        state: folder of the stream; None for the one that the ledger names, at first one beside it.
        alpha: the most probability of a false alarm of the first stream; None for 5 %, or that of the state.
        receiver: where the receiver is; None leaves it out.
        weights: a weights file for it.
        seed: of the chance that breaks ties, where the stream begins.
        on_event: receives the line of each event as soon as it is kept.

    Raises:
        SpecError: an empty name, or an alpha that is no probability.
    """

    by: str
    state: Path | None = None
    alpha: float | None = None
    receiver: str | None = None
    weights: str | None = None
    seed: int = 0
    on_event: Callable[[str], object] | None = None

    def __post_init__(self) -> None:
        expect_name(self.by)
        MonitorRule(alpha=ALPHA if self.alpha is None else self.alpha, processes=(PAIRED,))
        if self.weights is not None and self.receiver is None:
            raise SpecError("expected --receiver beside its weights, got weights alone")


def monitor(
    folder: str | Path, data: Any, options: MonitorSpec, progress: Progress = SILENT
) -> MonitorOutcome:
    """Take examples of a stream, or labels of examples that came before.

    Args:
        folder: of the candidate.
        data: a source's name, ``Data``, ``(x, y)``, or lines of JSON.
        options: what is asked for.
        progress: receives news.

    Returns:
        What the monitor says after all calls with its state folder.

    Raises:
        RunError: a folder whose files changed, a state folder of another candidate or rule, or in use.
        DataError: data that do not fit, or labels that cannot be used.
    """
    folder = Path(folder)
    road = road_of(folder)
    state = options.state or _state_folder(folder, road)
    if state.resolve().is_relative_to(folder.resolve()):
        raise SpecError(
            f"expected a state folder outside of the candidate, got {str(state)!r} in {str(folder)!r}: no "
            "file is added to a candidate"
        )
    fresh = not state.exists()
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the state folder {str(state)!r}: {error.strerror}") from error
    in_use = f"the state folder {str(state)!r} is in use by another monitor: wait for it, or stop it"
    try:
        with locked(state / LOCK, in_use), opened(state / STATE) as store:
            return _Monitor(folder, road, state, store, options, progress).run(data)
    finally:
        if fresh:
            _remove_if_unused(state)


class _Monitor:
    """One call of a monitor, with its state folder held."""

    def __init__(
        self,
        folder: Path,
        road: Road,
        state: Path,
        store: StreamState,
        options: MonitorSpec,
        progress: Progress,
    ) -> None:
        self.folder, self.road, self.state, self.store = folder, road, state, store
        self.options, self.progress = options, progress
        self.spec = read_spec(folder)
        self.calibration = read_calibration(folder / CALIBRATION)[0]
        self.loaded = network_in(folder)
        self.columns = calibrating(self.calibration)

    def run(self, data: Any) -> MonitorOutcome:
        """Take what arrives, chunk by chunk."""
        found = self.store.fact("monitor")
        facts = None if found is None else StreamFacts.from_plain(found)
        if facts is not None:
            self._expect_same(facts)
            # After a call that broke off, the file of events may lack the last ones.
            self._write(EVENTS, "".join(line + "\n" for line in self.store.events()))
        receiver, own = self._receiver(), own_examples(data, self.spec, self.folder, self.state)
        of_run = 0
        for arrivals in self._arrivals(data, receiver, own):
            of_run += arrivals.of_run
            if not arrivals.ids:
                continue
            if facts is None:
                facts = self._begin(own_known=own is not None)
                keep_own_examples(own, self.state)
            self._take(facts, arrivals)
        if of_run:
            self.progress.warn(f"{of_run} examples are of the candidate's own run, and are left out")
        if facts is None:
            raise DataError("expected examples of the stream, got none")
        return self._written(facts)

    def _arrivals(self, data: Any, receiver: Network | None, own: OwnExamples | None) -> Iterator[Arrivals]:
        left_out = frozenset() if own is None else own.fitted_or_chose | own.calibrated
        if not _are_lines(data):
            self.progress.stage("reading the new examples")
            yield arrivals_of(data, self.folder, self.spec, receiver, left_out)
            return
        times: dict[str, int] = {}
        for chunk in chunks(data, self.spec.contract):
            if chunk.items:
                yield arrivals_of_items(chunk.items, self.folder, self.spec, receiver, times, left_out)
            if chunk.error is not None:
                raise chunk.error

    def _receiver(self) -> Network | None:
        if self.options.receiver is None:
            return None
        self.progress.stage("loading the receiver")
        against = Against(what="receiver", source=self.options.receiver, weights=self.options.weights)
        return load_original(against, self.spec, self.folder)

    def _take(self, facts: StreamFacts, arrivals: Arrivals) -> None:
        contract = self.spec.contract
        watched = Watched(
            loaded=self.loaded,
            calibration=self.calibration,
            columns=self.columns,
            classes=contract.classes,
            rule=facts.rule,
            seed=facts.seed,
            margin=self.spec.margin,
        )
        found = take(self.store, watched, arrivals)
        outcome = self._outcome(facts)
        self._add_events(found, outcome)
        self._write(METRICS, prometheus_text(outcome))
        if found.alarms:
            self._record(facts, "alarm", {"alarms": dict(outcome.alarms), "cause": outcome.cause})

    def _begin(self, *, own_known: bool) -> StreamFacts:
        """Fix the rule of a new stream; the ledger names its state folder first."""
        spec, calibration = self.spec, self.calibration
        alpha = ALPHA if self.options.alpha is None else self.options.alpha
        one = secrets.token_hex(8)

        def make(entries: tuple[LedgerEntry, ...]) -> LedgerEntry:
            streams = {entry.facts.get("state") for entry in entries if entry.event == "monitor"}
            rule = MonitorRule(
                alpha=alpha,
                stream=len(streams) + 1,
                processes=spec.processes or processes_of(calibration),
            )
            return _entry(self.options.by, self.state, one, rule, "watching", {})

        line = append_next(self.folder / LEDGER, make)
        rule = MonitorRule(alpha=alpha, stream=line.facts["stream"], processes=tuple(line.facts["processes"]))
        facts = StreamFacts(
            id=one,
            candidate=self.road.entries[0].hash,
            rule=rule,
            seed=self.options.seed,
            n=len(calibration.loss),
            own_known=own_known,
        )
        with self.store.changed():
            self.store.write_fact("monitor", facts.to_plain())
            line_of_begin = _line("begin", {**facts.to_plain(), "threshold": rule.threshold})
            self.store.add_event(line_of_begin)
        self._say([line_of_begin])
        return facts

    def _expect_same(self, facts: StreamFacts) -> None:
        if facts.candidate != self.road.entries[0].hash:
            raise RunError(
                f"the state folder {str(self.state)!r} belongs to a monitor of another candidate: give "
                "another --state"
            )
        if self.options.alpha is not None and self.options.alpha != facts.rule.alpha:
            raise RunError(
                f"the state folder {str(self.state)!r} holds a stream whose alpha is {facts.rule.alpha:g}, "
                f"got {self.options.alpha:g}: a stream keeps its rule; leave --alpha out, "
                "or give another --state"
            )

    def _outcome(self, facts: StreamFacts) -> MonitorOutcome:
        return outcome_of(self.store, facts, self.state)

    def _add_events(self, found: Taken, outcome: MonitorOutcome) -> None:
        counts = {
            name: getattr(found, name) for name in ("new", "repeated", "labelled", "examples", "labels")
        }
        now = {name: values["log10"] for name, values in outcome.evidence.items()}
        lines = [_line("examples", {**counts, "log10": now, "alarm": bool(outcome.alarms)})]
        for name, at in found.alarms.items():
            lines.append(_line("alarm", {"process": name, "at": at, "cause": outcome.cause}))
        with self.store.changed():
            for line in lines:
                self.store.add_event(line)
        self._say(lines)
        if found.repeated:
            self.progress.warn(f"{found.repeated} examples were seen before and are not counted again")

    def _say(self, lines: list[str]) -> None:
        try:
            with (self.state / EVENTS).open("a", encoding="utf-8", newline="\n") as file:
                file.writelines(line + "\n" for line in lines)
        except OSError as error:
            raise RunError(f"cannot write into {str(self.state)!r}: {error.strerror}") from error
        for line in lines:
            if self.options.on_event is not None:
                self.options.on_event(line)

    def _write(self, name: str, text: str) -> None:
        try:
            atomic_write(
                self.state / name, lambda path: path.write_text(text, encoding="utf-8", newline="\n")
            )
        except OSError as error:
            raise RunError(f"cannot write into {str(self.state)!r}: {error.strerror}") from error

    def _written(self, facts: StreamFacts) -> MonitorOutcome:
        outcome = self._outcome(facts)
        self._write(METRICS, prometheus_text(outcome))
        figure = evidence_picture(outcome)
        try:
            atomic_write(self.state / PICTURE, lambda path: figure.savefig(path, format="png", dpi=120))
        except OSError as error:
            raise RunError(f"cannot write into {str(self.state)!r}: {error.strerror}") from error
        return outcome

    def _record(self, facts: StreamFacts, result: str, further: dict[str, Any]) -> None:
        entry = _entry(self.options.by, self.state, facts.id, facts.rule, result, further)
        append_next(self.folder / LEDGER, lambda _: entry)


def _entry(
    by: str, state: Path, one: str, rule: MonitorRule, result: str, further: dict[str, Any]
) -> LedgerEntry:
    facts = {
        "state": one,
        "folder": str(state),
        "stream": rule.stream,
        "alpha": rule.share,
        "k": len(rule.processes),
        "processes": list(rule.processes),
        "result": result,
        **further,
    }
    return LedgerEntry(event="monitor", by=by, facts=facts)


def _line(event: str, values: dict[str, Any]) -> str:
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"event": event, "when": when, **values}, allow_nan=False)


def _state_folder(folder: Path, road: Road) -> Path:
    """Return the one state folder that the ledger names, or a new one beside the candidate.

    Raises:
        SpecError: the ledger names several streams.
    """
    named = {
        entry.facts["state"]: entry.facts.get("folder") for entry in road.entries if entry.event == "monitor"
    }
    folders = [str(value) for value in named.values()]
    if len(folders) > 1:
        raise SpecError(
            f"candidate {str(folder)!r} has {len(folders)} streams: give --state, one of {', '.join(folders)}"
        )
    home = folder.absolute()
    own = home.with_name(f"{home.name}-monitor")
    if not folders:
        return own
    there = next((path for path in (Path(folders[0]), own) if (path / STATE).is_file()), None)
    if there is None:
        raise RunError(
            f"candidate {str(folder)!r} is watched with the state folder {folders[0]!r}, which is not there: "
            "give it as --state to go on, or a new one for a further stream"
        )
    return there


def _remove_if_unused(state: Path) -> None:
    """Remove a state folder that a refused call made."""
    with_facts = False
    if (state / STATE).is_file():
        connection = sqlite3.connect(state / STATE)
        try:
            with_facts = bool(connection.execute("SELECT COUNT(*) FROM facts").fetchone()[0])
        except sqlite3.Error:
            with_facts = True
        finally:
            connection.close()
    inside = {path.name for path in state.iterdir()} if state.is_dir() else {""}
    if not with_facts and inside <= {STATE, LOCK, KEPT}:
        for name in inside:
            (state / name).unlink(missing_ok=True)
        state.rmdir()


def _are_lines(data: Any) -> bool:
    return isinstance(data, Iterable) and not isinstance(data, str | Path | tuple | list | dict)
