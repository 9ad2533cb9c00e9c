"""``modelstitch pilot``: a candidate beside an original, on new examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from modelstitch.cli.exits import Exit
from modelstitch.cli.json_output import print_json
from modelstitch.cli.screen import tell
from modelstitch.errors import SpecError

if TYPE_CHECKING:
    from modelstitch.adoption.pilot.original import Against


@dataclass(frozen=True)
class Pilot:
    """Try a candidate beside an original on new examples, and write the answer into its ledger.

    Give the command again with more examples, or with labels, to go on. Exit code 0: passed; 4: failed; 3:
    undecided.
    """

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIR")]]
    """The folder of the candidate."""
    data: str | None = None
    """New examples, as for compare. Some or all may have no label: -1 in y of an .npz file, or files beside
    the folders of the classes. None where labels alone are given."""
    against: str = "receiver"
    """receiver or sender, loaded from where the card says, or another model."""
    receiver: str | None = None
    """Where the receiver is, if not where the card says; its weights must be the same."""
    sender: str | None = None
    """Where the sender is, if not where the card says."""
    weights: Path | None = None
    """Weights file of the original, where its source takes one."""
    margin: float | None = None
    """The most of the score that may be lost; by default that of the card."""
    at_most: int | None = None
    """Examples after which the pilot ends; by default 10,000."""
    state: Path | None = None
    """Folder of this pilot, outside of DIR; by default one beside it, called DIR-pilot-K."""
    labels_file: Path | None = None
    """CSV table with the columns example and label: labels that were asked for, in labels-needed.csv."""
    seed: int | None = None
    """Seed of the order in which examples are taken; by default 0."""
    group_column: str | None = None
    """Column of groups, such as patients, of which one example each is taken; by default that of the run."""
    by: str | None = None
    """Who runs it, for the ledger; by default the name of the account."""
    json: bool = False
    """Print what it says as JSON on stdout; news go to stderr."""

    def run(self) -> Exit:
        """Take the examples; the exit code says what the pilot says."""
        from modelstitch.adoption.pilot.run import PilotSpec, pilot
        from modelstitch.util.progress_bar import watching

        options = PilotSpec(
            by=_account() if self.by is None else self.by,
            against=self._against(),
            margin=self.margin,
            horizon=self.at_most,
            state=self.state,
            labels=self.labels_file,
            seed=self.seed,
            group_column=self.group_column,
        )
        with watching() as watcher:
            outcome = pilot(self.folder, self.data, options, watcher)
        if self.json:
            print_json("pilot", outcome.to_plain())
        else:
            for sentence in outcome.sentences():
                tell(sentence)
            for name in outcome.to_plain()["files"]:
                print(f"  {outcome.state / name}")
        return {"passed": Exit.HOLDS, "failed": Exit.DOES_NOT_HOLD, "undecided": Exit.INCOMPLETE}[
            outcome.decision.result
        ]

    def _against(self) -> Against:
        from modelstitch.adoption.pilot.original import ROLES, Against

        given = {"receiver": self.receiver, "sender": self.sender}
        for role, source in given.items():
            if source is not None and self.against != role:
                raise SpecError(
                    f"expected --{role} with --against {role}, got --against {self.against}: leave it out"
                )
        source = given[self.against] if self.against in ROLES else None
        weights = None if self.weights is None else str(self.weights)
        return Against(what=self.against, source=source, weights=weights)


def _account() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise SpecError("expected the name of who runs the pilot, got none: give --by NAME") from error
