"""``modelstitch monitor``: watch a candidate for its life."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from modelstitch.cli.exits import Exit
from modelstitch.cli.json_output import print_json
from modelstitch.cli.screen import tell
from modelstitch.errors import SpecError


@dataclass(frozen=True)
class Monitor:
    """Take new examples of a stream, and alarm where it is no longer as the calibrating examples were.

    Give the command again with each batch. Labels may come later; give them to examples drawn at random,
    never to those where two answers differ. Exit code 0: no alarm; 4: alarm, and it stays.
    """

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIR")]]
    """The folder of the candidate."""
    data: str
    """New examples, as for compare: -1 in y of an .npz file where there is no label, or files beside the
    folders of the classes. - reads a stream of JSON lines from stdin, such as {"id": "a7", "x": [[0.5]],
    "label": 3}; a line with id and label alone is a label that comes later."""
    state: Path | None = None
    """Folder of this stream, outside of DIR; by default the one that the ledger names, at first DIR-monitor
    beside it. Another one is a further stream, with half of the alpha of the one before."""
    alpha: float | None = None
    """The most probability of a false alarm in the whole life of the first stream; by default 0.05."""
    receiver: str | None = None
    """Where the receiver is: where it is at hand, and labels are there, its answers are compared, too."""
    weights: Path | None = None
    """Weights file of the receiver, where its source takes one."""
    seed: int = 0
    """Of the chance that breaks ties, of a stream that begins."""
    by: str | None = None
    """Who runs it, for the ledger; by default the name of the account."""
    json: bool = False
    """Print every event of this call, and at last what the monitor says, as JSON lines on stdout."""

    def run(self) -> Exit:
        """Take the examples; the exit code says whether there is an alarm."""
        import sys

        from modelstitch.adoption.monitor.watch import MonitorSpec, monitor
        from modelstitch.util.progress_bar import watching

        options = MonitorSpec(
            by=_account() if self.by is None else self.by,
            state=self.state,
            alpha=self.alpha,
            receiver=self.receiver,
            weights=None if self.weights is None else str(self.weights),
            seed=self.seed,
            on_event=print if self.json else None,
        )
        stream = self.data == "-"
        try:
            with watching() as watcher:
                outcome = monitor(self.folder, sys.stdin if stream else self.data, options, watcher)
        except KeyboardInterrupt:
            if not stream:
                raise
            print("\nmodelstitch: interrupted; what was taken of the stream is kept", file=sys.stderr)
            return Exit.INTERRUPTED
        if self.json:
            print_json("monitor", {"event": "outcome", **outcome.to_plain()})
        else:
            for sentence in outcome.sentences():
                tell(sentence)
            for name in outcome.files:
                print(f"  {outcome.state / name}")
        return Exit.DOES_NOT_HOLD if outcome.alarms else Exit.HOLDS


def _account() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise SpecError("expected the name of who runs the monitor, got none: give --by NAME") from error
