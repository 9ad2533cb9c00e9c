"""Take what arrives: measure it, follow every process, keep the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from modelstitch.adoption.folder.calibration_file import Calibration
from modelstitch.adoption.folder.loading import LoadedStitched
from modelstitch.adoption.folder.processes import PAIRED
from modelstitch.adoption.monitor.arrivals import Arrivals
from modelstitch.adoption.monitor.columns import Columns, labelled, unlabelled
from modelstitch.adoption.monitor.paired import log_worse
from modelstitch.adoption.monitor.process import (
    Process,
    Track,
    begun,
    plain_track,
    taken,
    track_from,
    tracked,
)
from modelstitch.adoption.monitor.random_subset import expect_random_subset
from modelstitch.adoption.monitor.rule import MonitorRule
from modelstitch.adoption.monitor.store import SeenExample, StreamState
from modelstitch.errors import DataError

_MOST_COMPARED = 5000


@dataclass(frozen=True, kw_only=True, eq=False)
class Watched:
    """What a monitor needs of its candidate.

    Attributes:
        loaded: the network.
        calibration: what new examples are measured with.
        columns: what they are ranked against, by process.
        classes: names of the classes; empty for a task without classes.
        rule: of the stream.
        seed: of the chance that breaks ties.
        margin: the most of the score that may be lost against the receiver.
    """

    loaded: LoadedStitched
    calibration: Calibration
    columns: Columns
    classes: tuple[str, ...]
    rule: MonitorRule
    seed: int
    margin: float


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one call took.

    Attributes:
        new, repeated, labelled: numbers of new examples, of those that were seen before, and of new labels.
        examples, labels: numbers of examples and of labels of the stream, with these.
        alarms: processes that alarmed now, with the number of their examples at the alarm.
    """

    new: int
    repeated: int
    labelled: int
    examples: int
    labels: int
    alarms: Mapping[str, int]


def take(store: StreamState, watched: Watched, given: Arrivals) -> Taken:
    """Take what arrives, in one transaction.

    Args:
        store: state of the stream.
        watched: the candidate.
        given: what arrives.

    Raises:
        DataError: examples that do not keep the contract, a label of an example that was never seen, another
            label than before, or labels that are no random subset.
        RunError: the state cannot be written.
    """
    seen = store.seen(given.ids)
    fresh_items = _new_items(given, seen)
    n_before = int(store.fact("examples") or 0)
    new = _measured(watched, given, fresh_items)
    found = {
        given.ids[item]: SeenExample(
            n_before + place,
            None,
            new.outputs[place],
            None if new.original is None else new.original[place],
        )
        for place, item in enumerate(fresh_items)
    }
    late = _labels(given, seen | found)
    examples = {**found, **{one: seen[one] for one in late if one in seen}}
    columns, differences = _of_labels(watched, given, examples, late, fresh_items)
    alarms: dict[str, int] = {}
    with store.changed():
        kept = {
            one: replace(each, label=late[one], outputs=None, original=None) if one in late else each
            for one, each in examples.items()
        }
        store.write_examples(kept)
        if watched.classes and late:
            _expect_random(store, examples, late)
        for name, values in {**new.columns, **columns}.items():
            alarms |= _follow(store, watched, name, values)
        alarms |= _follow_paired(store, watched, differences)
        labels = int(store.fact("labels") or 0) + len(late)
        store.write_fact("examples", n_before + len(found))
        store.write_fact("labels", labels)
    return Taken(
        new=len(found),
        repeated=sum(row is not None for row in given.rows) - len(found),
        labelled=len(late),
        examples=n_before + len(found),
        labels=labels,
        alarms=alarms,
    )


@dataclass(frozen=True, eq=False)
class _New:
    columns: Columns
    outputs: Tensor
    original: Tensor | None


def _new_items(given: Arrivals, seen: Mapping[str, SeenExample]) -> list[int]:
    """Return the numbers of the items that are new examples."""
    known, found = set(seen), []
    for item, (one, row) in enumerate(zip(given.ids, given.rows, strict=True)):
        if one in known:
            continue
        if row is None:
            raise DataError(
                f"expected a label of an example that the monitor has seen, got one of {one!r}: give the "
                "example first, with the same id"
            )
        known.add(one)
        found.append(item)
    return found


def _measured(watched: Watched, given: Arrivals, items: Sequence[int]) -> _New:
    rows = torch.tensor([given.rows[item] for item in items], dtype=torch.int64)
    if not len(rows):
        return _New({}, torch.zeros(0, 0), None)
    inputs = {name: value[rows] for name, value in given.inputs.items()}
    found = unlabelled(watched.loaded, watched.calibration, inputs)
    followed = {name: found.columns[name] for name in found.columns if name in watched.rule.processes}
    original = None if given.original is None else given.original(rows).float()
    if original is not None and not bool(original.isfinite().all()):
        raise DataError("expected finite outputs of the receiver, got NaN or infinity: nothing is recorded")
    return _New(followed, found.outputs.float(), original)


def _labels(given: Arrivals, known: Mapping[str, SeenExample]) -> dict[str, int]:
    """Return the labels that arrive first now, by id; -1 stands for a target that is no class."""
    found: dict[str, int] = {}
    for one, label, row in zip(given.ids, given.labels, given.rows, strict=True):
        if given.targets is not None and row is not None:
            label = -1
        if label is None:
            continue
        before = found.get(one, known[one].label)
        if before is None:
            found[one] = label
        elif before != label:
            raise DataError(
                f"expected one label for each example, got {label} for {one!r}, which had {before}: nothing "
                "of this call is recorded"
            )
    return found


def _of_labels(
    watched: Watched,
    given: Arrivals,
    examples: Mapping[str, SeenExample],
    late: Mapping[str, int],
    fresh_items: Sequence[int],
) -> tuple[Columns, list[float]]:
    """Return the columns of the examples whose label is there now, and their paired differences."""
    task = given.task
    if not late or task is None:
        return {}, []
    outputs = torch.stack([_output(examples[one], one) for one in late])
    if given.targets is None:
        targets = torch.tensor(list(late.values()))
    else:
        row_of = {given.ids[item]: given.rows[item] for item in fresh_items}
        targets = given.targets[torch.tensor([row_of[one] for one in late])]
    columns = labelled(task, outputs, targets, classes=bool(watched.classes))
    both = [place for place, one in enumerate(late) if examples[one].original is not None]
    if not both:
        return columns, []
    original = torch.stack([value for one in late if (value := examples[one].original) is not None])
    own = task.scored(outputs[both], targets[both]).double()
    other = task.scored(original, targets[both]).double()
    return columns, (own - other).tolist()


def _output(example: SeenExample, one: str) -> Tensor:
    if example.outputs is None:
        raise DataError(f"expected an example without a label, got {one!r}, which has one")
    return example.outputs


def _expect_random(store: StreamState, examples: Mapping[str, SeenExample], late: Mapping[str, int]) -> None:
    """Compare the labelled examples with those of the same time that have no label."""
    numbers = [examples[one].number for one in late]
    rest = store.waiting(min(numbers), max(numbers), _MOST_COMPARED)
    if rest:
        expect_random_subset(torch.stack([_output(examples[one], one) for one in late]), torch.stack(rest))


def _follow(store: StreamState, watched: Watched, name: str, values: np.ndarray) -> dict[str, int]:
    """Follow one process; return its alarm, if it alarms now."""
    if name not in watched.rule.processes or not len(values):
        return {}
    calibration = watched.columns[name]
    before = process_of(store, name, len(calibration))
    after = taken(
        before,
        values,
        calibration,
        name=name,
        seed=watched.seed,
        log_threshold=watched.rule.log_threshold,
    )
    store.write_fact(f"process {name}", after.to_plain())
    return _alarm(name, before.track, after.track)


def _follow_paired(store: StreamState, watched: Watched, differences: Sequence[float]) -> dict[str, int]:
    """Follow the evidence that the candidate is worse than the receiver by more than the margin."""
    if PAIRED not in watched.rule.processes or not differences:
        return {}
    store.add_differences(differences)
    every = np.array(store.differences())
    path = log_worse(every, watched.margin)[-len(differences) :]
    before = track_of(store, PAIRED)
    after = tracked(before, path, len(every), watched.rule.log_threshold)
    store.write_fact(f"process {PAIRED}", {"track": plain_track(after)})
    return _alarm(PAIRED, before, after)


def _alarm(name: str, before: Track, after: Track) -> dict[str, int]:
    return {name: after.alarm} if before.alarm is None and after.alarm is not None else {}


def process_of(store: StreamState, name: str, n: int) -> Process:
    """Return a process of a stream, with ``n`` calibrating values.

    Raises:
        DataError: a damaged one, or one of another calibration.
    """
    plain = store.fact(f"process {name}")
    found = begun(n) if plain is None else Process.from_plain(plain)
    if found.martingale.n != n:
        raise DataError(f"expected a process with {n} calibrating values, got one with {found.martingale.n}")
    return found


def track_of(store: StreamState, name: str) -> Track:
    """Return the evidence of a process over time; an empty one before its first example.

    Raises:
        DataError: a damaged one.
    """
    plain = store.fact(f"process {name}")
    try:
        return Track() if plain is None else track_from(plain["track"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"cannot read a process of a monitor: {error}") from error
