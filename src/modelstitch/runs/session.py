"""Two networks, the data and the spec of a run, checked; and what makes two runs, or two cells, the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from modelstitch.grid.pool import Pair
from modelstitch.results.facts import PairFacts
from modelstitch.specs import RESULT_VERSION, ROLE_SEEDS, CellSpec, RunSpec, content_hash


@dataclass(frozen=True)
class Session:
    """All that a run needs; made by :func:`modelstitch.runs.prepare.prepare`.

    Attributes:
        pair: the networks on their device.
        spec: every choice that decides the numbers.
        cells: the cells of the spec, less identity and scale stitches between shapes that do not fit.
        facts: what was checked and recorded about the networks.
        named: whether the caller said what to call the networks.
    """

    pair: Pair
    spec: RunSpec
    cells: tuple[CellSpec, ...]
    facts: PairFacts
    named: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What must agree for two runs to be one: the content of files and not their paths."""
        choices = asdict(self.spec)
        for name in ("sender", "receiver", "data"):
            del choices[name]
        return {
            "choices": choices,
            "views": {
                role: asdict(side.network.view)
                for role, side in (("sender", self.pair.sender), ("receiver", self.pair.receiver))
            },
            "layouts": {
                role: [list(pair) for pair in side.network.layouts]
                for role, side in (("sender", self.pair.sender), ("receiver", self.pair.receiver))
            },
            "readings": {
                role: side.reading.choices
                for role, side in (("sender", self.pair.sender), ("receiver", self.pair.receiver))
            },
            "sender_weights": self.pair.sender.digest,
            "receiver_weights": self.pair.receiver.digest,
            "data_content": self.pair.data_digest,
            "result_version": RESULT_VERSION,
        }

    def key(self, cell: CellSpec) -> str:
        """Return the key of a cell: a hash of its spec, the fit, both networks, their views and the data."""
        sender, receiver = self.pair.sides(cell.control, cell.seed, cell.draw)
        return content_hash(
            cell,
            self.spec.fit,
            sender.digest,
            receiver.digest,
            sender.network.view,
            receiver.network.view,
            [[list(pair) for pair in side.network.layouts] for side in (sender, receiver)],
            sender.reading.choices,
            receiver.reading.choices,
            self.pair.data_digest,
            RESULT_VERSION,
            ROLE_SEEDS,
        )
