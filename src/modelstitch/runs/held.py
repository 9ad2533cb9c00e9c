"""Where the results of a run are kept while it goes on: what a run asks of it, and one in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, final

import numpy as np
from torch import Tensor

from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import RunFacts
from modelstitch.results.kept import ExampleParts, PartsByCell
from modelstitch.results.rows import AdvantageRow, Baseline, CellKey, CellRow, EvidenceRow, KeptRow
from modelstitch.runs.order import in_grid_order
from modelstitch.specs import RunSpec


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is recorded of a run before any cell.

    Attributes:
        sender, receiver, data: names.
        spec, facts: of the run.
        identity: values that must agree for the run to be continued, by name.
        origin: where it was started, as plain values; empty without a run folder.
        named: whether the caller chose the names of sender and receiver: an older run folder gets them then.
    """

    sender: str
    receiver: str
    data: str
    spec: RunSpec
    facts: RunFacts
    identity: Mapping[str, Any]
    origin: Mapping[str, str] = field(default_factory=dict)
    named: bool = False

    def to_plain(self) -> dict[str, Any]:
        """Return the entries of the table ``facts``."""
        return {
            "sender": self.sender,
            "receiver": self.receiver,
            "data": self.data,
            "spec": asdict(self.spec),
            "facts": self.facts.to_plain(),
            **self.identity,
            **({"origin": dict(self.origin)} if self.origin else {}),
        }


class Keeps(Protocol):
    """Keeps the results of a run: a folder (``runs.store.Store``), or :class:`HeldResults`."""

    def finished(self) -> set[str]:
        """Return the keys of all finished cells."""

    def scored(self) -> set[str]:
        """Return the keys of the cells whose fit did not fail."""

    def write_cell(
        self, key: str, row: CellRow, weights: dict[str, Tensor], answers: Tensor, draw: int = 0
    ) -> None:
        """Keep a finished cell."""

    def write_baselines(self, baselines: Sequence[Baseline]) -> None:
        """Keep the scores of whole networks."""

    def answers(self) -> dict[tuple[str, CellKey], np.ndarray]:
        """Return the score of each held-out example, (n_heldout,), by control and cell."""

    def write_advantages(self, rows: Sequence[AdvantageRow]) -> None:
        """Keep or replace the differences to the controls."""

    def begin_evidence(self, n_examples: int, version: int) -> set[tuple[str, str]]:
        """Note what evidence the run is asked for; return cell key and kind of what it has already."""

    def write_evidence(
        self,
        key: str,
        kinds: Sequence[str],
        rows: Sequence[EvidenceRow],
        n_examples: int,
        version: int,
        parts: ExampleParts | None = None,
    ) -> None:
        """Keep or replace the evidence of these kinds about one cell."""

    def parts(self) -> PartsByCell:
        """Return what was measured by example, by control and cell."""

    def drawn_parts(self, control: str, n_draws: Mapping[CellKey, int]) -> dict[CellKey, list[ExampleParts]]:
        """Return the same of the first untrained senders that were drawn for some cells of the pair."""

    def write_kept(self, rows: Sequence[KeptRow]) -> None:
        """Keep or replace what every cell keeps."""

    def write_facts(self, facts: RunFacts) -> None:
        """Replace the facts of the run."""

    def read_weights(self, key: str) -> dict[str, Tensor]:
        """Return the weights of the stitch of a finished cell."""

    def comparison(self) -> Comparison:
        """Return everything finished so far."""


@final
class HeldResults:
    """Keeps the results of a run in memory.

    Args:
        header: what the run is.
    """

    def __init__(self, header: Header) -> None:
        self._header = header
        self._cells: dict[str, tuple[CellRow, int]] = {}
        self._weights: dict[str, dict[str, Tensor]] = {}
        self._answers: dict[str, np.ndarray] = {}
        self._baselines: list[Baseline] = []
        self._advantages: Sequence[AdvantageRow] = ()
        self._evidence: dict[tuple[str, str], list[EvidenceRow]] = {}
        self._parts: dict[str, ExampleParts] = {}
        self._kept: Sequence[KeptRow] = ()

    def finished(self) -> set[str]:
        return set(self._cells)

    def scored(self) -> set[str]:
        return {key for key, (row, _) in self._cells.items() if row.score is not None}

    def write_cell(
        self, key: str, row: CellRow, weights: dict[str, Tensor], answers: Tensor, draw: int = 0
    ) -> None:
        self._cells[key] = (row, draw)
        self._weights[key] = {name: value.detach().clone() for name, value in weights.items()}
        self._answers[key] = answers.cpu().numpy()

    def write_baselines(self, baselines: Sequence[Baseline]) -> None:
        self._baselines = list(baselines)

    def answers(self) -> dict[tuple[str, CellKey], np.ndarray]:
        return {
            (row.control, row.key): self._answers[key]
            for key, (row, draw) in self._cells.items()
            if draw == 0 and row.score is not None
        }

    def write_advantages(self, rows: Sequence[AdvantageRow]) -> None:
        self._advantages = rows

    def begin_evidence(self, n_examples: int, version: int) -> set[tuple[str, str]]:
        return set(self._evidence)

    def write_evidence(
        self,
        key: str,
        kinds: Sequence[str],
        rows: Sequence[EvidenceRow],
        n_examples: int,
        version: int,
        parts: ExampleParts | None = None,
    ) -> None:
        for kind in kinds:
            self._evidence[key, kind] = [row for row in rows if row.kind == kind]
        if parts is not None:
            self._parts[key] = parts

    def parts(self) -> PartsByCell:
        return {
            (row.control, row.key): self._parts[key]
            for key, (row, draw) in self._cells.items()
            if draw == 0 and key in self._parts
        }

    def drawn_parts(self, control: str, n_draws: Mapping[CellKey, int]) -> dict[CellKey, list[ExampleParts]]:
        drawn: dict[CellKey, list[tuple[int, ExampleParts]]] = {}
        for key, (row, draw) in self._cells.items():
            if row.control == control and draw < n_draws.get(row.key, 0) and key in self._parts:
                drawn.setdefault(row.key, []).append((draw, self._parts[key]))
        return {
            key: [parts for _, parts in sorted(each, key=lambda one: one[0])] for key, each in drawn.items()
        }

    def write_kept(self, rows: Sequence[KeptRow]) -> None:
        self._kept = rows

    def write_facts(self, facts: RunFacts) -> None:
        self._header = replace(self._header, facts=facts)

    def read_weights(self, key: str) -> dict[str, Tensor]:
        return self._weights[key]

    def comparison(self) -> Comparison:
        header = self._header
        shown = {key: row for key, (row, draw) in self._cells.items() if draw == 0}
        shown = {key: row for key, row in shown.items() if row.control in header.spec.controls}
        evidence = [row for (key, _), rows in self._evidence.items() if key in shown for row in rows]
        return Comparison(
            sender=header.sender,
            receiver=header.receiver,
            data=header.data,
            spec=header.spec,
            facts=header.facts,
            cells=tuple(in_grid_order(list(shown.values()), header.spec)),
            baselines=tuple(self._baselines),
            evidence=tuple(in_grid_order(evidence, header.spec)),
            advantages=tuple(self._advantages),
            kept=tuple(self._kept),
        )
