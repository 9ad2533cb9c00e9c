"""Try a candidate beside an original on new examples; the answer goes into its ledger."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from modelstitch.adoption.folder.ledger import LEDGER, LedgerEntry, append_next, expect_name
from modelstitch.adoption.folder.risk import expect_margin
from modelstitch.adoption.folder.spec_file import FolderSpec, read_spec
from modelstitch.adoption.pilot.both import BATCH, BothNetworks, both_networks, paired
from modelstitch.adoption.pilot.decision import HORIZON, PilotRule, decide
from modelstitch.adoption.pilot.new_data import NewData, read_new, shuffled
from modelstitch.adoption.pilot.original import Against, digest_of, load_original
from modelstitch.adoption.pilot.outcome import PilotOutcome, differences_of
from modelstitch.adoption.pilot.own_examples import keep_own_examples, own_examples
from modelstitch.adoption.pilot.record import (
    PilotExample,
    PilotFacts,
    held_state,
    read_state,
    written_state,
)
from modelstitch.adoption.pilot.tables import are_pictures, read_labels, write_pictures, write_tables
from modelstitch.adoption.stages.road import Road, road_of
from modelstitch.errors import DataError, RunError, SpecError
from modelstitch.models.network import Network
from modelstitch.util.progress import SILENT, Progress


@dataclass(frozen=True, kw_only=True)
class PilotSpec:
    """What a pilot is asked for.

    Attributes:
        by: who runs it.
        against: which network the candidate is held to.
        margin: the most of the score that may be lost; None for that of the card, or of the state folder.
        horizon: examples after which it ends; None for 10,000, or that of the state folder.
        state: its folder; None for one beside the candidate.
        labels: CSV table of labels that were given later.
        seed: of the order of examples.
        group_column: the column of groups of the new data.

    Raises:
        SpecError: an empty name, or a margin or a horizon that cannot be.
    """

    by: str
    against: Against
    margin: float | None = None
    horizon: int | None = None
    state: Path | None = None
    labels: Path | None = None
    seed: int | None = None
    group_column: str | None = None

    def __post_init__(self) -> None:
        expect_name(self.by)
        if self.margin is not None:
            expect_margin(self.margin)
        if self.horizon is not None:
            PilotRule(margin=0.5, horizon=self.horizon)


def pilot(folder: str | Path, data: Any, options: PilotSpec, progress: Progress = SILENT) -> PilotOutcome:
    """Try a candidate on new examples, or go on with a pilot; its ledger gets one line.

    Args:
        folder: of the candidate.
        data: a source's name, ``Data``, or ``(x, y)``; None where labels alone are given.
        options: what is asked for.
        progress: receives news.

    Returns:
        What the pilot says, over all calls with its state folder.

    Raises:
        RunError: a folder whose files changed, a retired candidate, another original than the card says, or
            a state folder of another candidate, of another rule, or in use.
        DataError: data that do not fit, or labels that cannot be used.
        ModelError: outputs that are not finite.
    """
    folder = Path(folder)
    road, spec = road_of(folder), read_spec(folder)
    if road.stage == "retired":
        raise RunError(f"candidate {str(folder)!r} is retired: expected one that may still be used")
    state = options.state or _state_folder(folder, road)
    _expect_outside(state, folder)
    with held_state(state):
        return _Pilot(folder, road, spec, state, options, progress).run(data)


class _Pilot:
    """One call of a pilot, with its state folder held."""

    def __init__(
        self, folder: Path, road: Road, spec: FolderSpec, state: Path, options: PilotSpec, progress: Progress
    ) -> None:
        self.folder, self.road, self.spec, self.state = folder, road, spec, state
        self.options, self.progress = options, progress

    def run(self, data: Any) -> PilotOutcome:
        found = read_state(self.state)
        if found is not None:
            _expect_same(found[0], self.options, self.road, self.state)
        facts, before = (None, ()) if found is None else found
        if facts is not None and _decided(facts, before):
            return self._outcome(facts, before)
        examples, own = self._labelled(facts, before), None
        images: dict[str, torch.Tensor] = {}
        if data is not None:
            self.progress.stage("loading the original and the new examples")
            network = load_original(self.options.against, self.spec, self.folder)
            own = own_examples(data, self.spec, self.folder, self.state)
            left_out = () if own is None else own.fitted_or_chose
            new = read_new(data, self.spec, self.folder, left_out, self.options.group_column)
            both = both_networks(self.folder, network, new.data)
            facts = facts or self._begun(network, new, both, own_known=own is not None)
            _expect_original(facts, network)
            examples, images = self._taken(facts, examples, new, both)
        if facts is None:
            raise RunError(
                f"expected new examples, as --data, for a pilot that begins, got none and no pilot in "
                f"{str(self.state)!r}"
            )
        outcome = self._outcome(facts, examples)
        if examples != before:  # else there is nothing to record
            # The line comes first: nobody can look at results that are not on record.
            with written_state(self.state, facts, examples):
                self._record(outcome)
            keep_own_examples(own, self.state)
        write_tables(self.state, facts, examples, outcome.asked)
        write_pictures(self.state, images, examples)
        return outcome

    def _labelled(
        self, facts: PilotFacts | None, examples: tuple[PilotExample, ...]
    ) -> tuple[PilotExample, ...]:
        """Return the examples with the labels that were given later."""
        if self.options.labels is None:
            return examples
        if facts is None:
            raise DataError(
                f"expected labels for a pilot that was begun, got {str(self.options.labels)!r} and no pilot "
                f"in {str(self.state)!r}"
            )
        labels = read_labels(self.options.labels, facts, examples)
        return tuple(_with_label(one, labels.get(one.id, one.label)) for one in examples)

    def _begun(self, network: Network, new: NewData, both: BothNetworks, *, own_known: bool) -> PilotFacts:
        options = self.options
        rule = PilotRule(
            margin=self.spec.margin if options.margin is None else options.margin,
            horizon=options.horizon or HORIZON,
            k=next_k(self.road),
        )
        return PilotFacts(
            state=secrets.token_hex(8),
            candidate=self.road.entries[0].hash,
            against=options.against.name,
            original=digest_of(network),
            margin=rule.margin,
            horizon=rule.horizon,
            k=rule.k,
            seed=options.seed or 0,
            score=both.task.score_name,
            asks=both.asks_where_they_differ,
            classes=new.data.classes if both.asks_where_they_differ else (),
            own_known=own_known,
        )

    def _taken(
        self, facts: PilotFacts, examples: tuple[PilotExample, ...], new: NewData, both: BothNetworks
    ) -> tuple[tuple[PilotExample, ...], dict[str, torch.Tensor]]:
        """Return all examples, with the new ones behind, and the inputs of the new ones by digest."""
        rows = shuffled(new.ids, facts.seed)
        labels = {new.ids[row]: int(new.data.heldout.labels[row]) for row in rows if bool(new.labelled[row])}
        if facts.asks:  # an example that was taken before may have its label now
            examples = tuple(_with_label(one, labels.get(one.id, one.label)) for one in examples)
        else:
            examples = _with_targets(both, new, rows, examples)
        fresh = _not_taken(rows, new, examples)
        self._say_left_out(len(new) + new.of_run, len(fresh), new.of_run)
        rows = fresh[: facts.horizon - len(examples)]
        images: dict[str, torch.Tensor] = {}
        inputs = new.data.heldout.images
        self.progress.start(len(rows), 0, "running both networks on new examples")
        for some in torch.tensor(rows, dtype=torch.int64).split(BATCH):
            if _decided(facts, examples):
                break
            taken = _examples(both, new, some, asks=facts.asks)
            examples = (*examples, *taken)
            if are_pictures(inputs):
                images |= {one.id: inputs[row] for one, row in zip(taken, some.tolist(), strict=True)}
        return examples, images

    def _say_left_out(self, n: int, fresh: int, of_run: int) -> None:
        """Say how many of the examples given do not count."""
        if of_run:
            self.progress.stage(f"{of_run} of {n} examples fitted or chose the candidate, and are left out")
        if n - of_run - fresh:
            self.progress.stage(
                f"{n - of_run - fresh} of {n} examples, or others of their group, were taken before or stand "
                "twice: they count once"
            )

    def _outcome(self, facts: PilotFacts, examples: Sequence[PilotExample]) -> PilotOutcome:
        return PilotOutcome(facts, tuple(examples), self.state)

    def _record(self, outcome: PilotOutcome) -> None:
        def make(entries: tuple[LedgerEntry, ...]) -> LedgerEntry:
            facts = outcome.facts
            others = [k for k, state in _numbers(Road(entries)) if state != facts.state]
            if facts.k in others:
                raise RunError(
                    f"another pilot of candidate {str(self.folder)!r} was begun meanwhile: give the command "
                    "again"
                )
            if Road(entries).stage == "retired":
                raise RunError(f"candidate {str(self.folder)!r} was retired meanwhile")
            return LedgerEntry(event="pilot", by=self.options.by, facts=outcome.to_ledger())

        append_next(self.folder / LEDGER, make)


def next_k(road: Road) -> int:
    """Return which pilot of a candidate comes next: one more than the highest in the ledger.

    Example:
        >>> lines = [LedgerEntry(event="candidate", by="Ann")]
        >>> next_k(Road(tuple(lines)))
        1
        >>> lines.append(LedgerEntry(event="pilot", by="Bo", facts={"k": 1, "result": "failed"}))
        >>> next_k(Road(tuple(lines)))
        2
    """
    return max((k for k, _ in _numbers(road)), default=0) + 1


def _numbers(road: Road) -> list[tuple[int, str | None]]:
    """Return number and state folder of each line of a pilot; a line without a number counts as one."""
    return [(int(entry.facts.get("k") or 1), entry.facts.get("state")) for entry in road.pilots]


def _state_folder(folder: Path, road: Road) -> Path:
    """Return the state folder beside a candidate: that of its latest pilot where it goes on, or a new one."""
    last = road.pilots[-1] if road.pilots else None
    home = folder.absolute()
    if last is None or last.facts["result"] != "undecided" or last.facts.get("ended", False):
        return home.with_name(f"{home.name}-pilot-{next_k(road)}")
    going = home.with_name(f"{home.name}-pilot-{last.facts.get('k', 1)}")
    if not going.is_dir():
        raise RunError(
            f"pilot {last.facts.get('k', 1)} of candidate {str(folder)!r} is undecided, and its state folder "
            f"is not {str(going)!r}: give it as --state to go on, or a new one to begin another pilot"
        )
    return going


def _expect_outside(state: Path, folder: Path) -> None:
    if state.resolve().is_relative_to(folder.resolve()):
        raise SpecError(
            f"expected a state folder outside of the candidate, got {str(state)!r} in {str(folder)!r}: no "
            "file is added to a candidate"
        )


def _expect_same(facts: PilotFacts, options: PilotSpec, road: Road, state: Path) -> None:
    """Raise unless a state folder belongs to this candidate and has the rule that is asked for."""
    if facts.candidate != road.entries[0].hash:
        raise RunError(
            f"the state folder {str(state)!r} belongs to a pilot of another candidate: give another --state"
        )
    asked = {
        "against": options.against.name,
        "margin": options.margin,
        "at most": options.horizon,
        "seed": options.seed,
    }
    held = {"against": facts.against, "margin": facts.margin, "at most": facts.horizon, "seed": facts.seed}
    for name, value in asked.items():
        if value is not None and value != held[name]:
            raise RunError(
                f"the state folder {str(state)!r} holds a pilot whose {name} is {held[name]}, got {value}: a "
                "pilot keeps its rule; leave the option out, or give another --state"
            )


def _expect_original(facts: PilotFacts, network: Network) -> None:
    got = digest_of(network)
    if got != facts.original:
        raise RunError(
            f"expected the original of this pilot ({facts.original[:8]}), got one with other weights "
            f"({got[:8]}): give that one, or another --state"
        )


def _decided(facts: PilotFacts, examples: Sequence[PilotExample]) -> bool:
    rule = PilotRule(margin=facts.margin, horizon=facts.horizon, k=facts.k)
    return decide(differences_of(examples), rule).ended


def _examples(both: BothNetworks, new: NewData, rows: torch.Tensor, *, asks: bool) -> list[PilotExample]:
    """Return some new examples as both networks answer them."""
    said = paired(both, rows)
    found = []
    for place, row in enumerate(rows.tolist()):
        labelled, differ = bool(new.labelled[row]), bool(said.differ[place])
        label = int(new.data.heldout.labels[row]) if asks and labelled else None
        known = labelled or (asks and not differ)
        found.append(
            PilotExample(
                id=new.ids[row],
                source=new.places[row],
                own=int(said.own[place]),
                other=int(said.other[place]),
                differ=differ,
                label=label,
                difference=float(said.difference[place]) * (differ or not asks) if known else None,
                gap=float(said.gap[place]),
                grouped=new.groups[row],
                agreed=None if said.agreed is None else float(said.agreed[place]),
            )
        )
    return found


def _with_targets(
    both: BothNetworks, new: NewData, rows: Sequence[int], examples: tuple[PilotExample, ...]
) -> tuple[PilotExample, ...]:
    """Return the examples taken before, scored where their target is given now."""
    waiting = {one.id for one in examples if one.difference is None}
    known = [row for row in rows if new.ids[row] in waiting and bool(new.labelled[row])]
    if not known:
        return examples
    said = paired(both, torch.tensor(known))
    found = {new.ids[row]: float(value) for row, value in zip(known, said.difference, strict=True)}
    return tuple(replace(one, difference=found.get(one.id, one.difference)) for one in examples)


def _not_taken(rows: Sequence[int], new: NewData, examples: Sequence[PilotExample]) -> list[int]:
    """Return the rows of examples that are not taken yet, in their order; of a group one alone.

    Examples of one group, such as pictures of one patient, are no independent draws.
    """
    ids = {one.id for one in examples}
    groups = {one.grouped for one in examples} - {None}
    found = []
    for row in rows:
        group = new.groups[row]
        if new.ids[row] not in ids and group not in groups:
            found.append(row)
            groups |= set() if group is None else {group}
    return found


def _with_label(example: PilotExample, label: int | None) -> PilotExample:
    """Return an example with its label; one that has a label keeps it.

    Raises:
        DataError: another label than it has.
    """
    if label is None or label == example.label:
        return example
    if example.label is not None:
        raise DataError(
            f"expected one label for each example, got another one for {example.source} than before: label "
            "it anew in a pilot that begins"
        )
    difference = float(example.own == label) - float(example.other == label)
    return replace(example, label=label, difference=difference if example.differ else 0.0)
