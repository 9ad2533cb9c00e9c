"""``modelstitch run``: an experiment of many models, from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from modelstitch.cli.exits import Exit


@dataclass(frozen=True)
class RunExperiment:
    """Compare many models as a file says; a run that is repeated goes on, and grows with its file.

    The file is that of `modelstitch compare --config`, with any number of [[models]], each with a name, and
    pairs = "different" (the default), "all" (a model and itself, too), { center = "NAME" } or a list of
    [SENDER, RECEIVER]. A table [train] trains the models of the zoo that have no weights.

    Everything is checked before the first fit. Exit code 0; 3 for cells that failed.
    """

    file: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="EXPERIMENT.toml")]]
    """The file of the experiment."""
    out: Path | None = None
    """Folder of the experiment; by default one beside the file, called like it. An existing one is
    continued."""
    dry_run: bool = False
    """Check everything, print cells, time, disk and memory, and stop; networks are not trained."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu or cuda."""
    memory: str = "2GB"
    """How much memory the process may take, such as 2GB or 500MB."""
    allow_untrained: bool = False
    """Go on with a receiver that does no better than a guess; no verdict is made of it then."""
    json: bool = False
    """Print the answer as JSON on stdout; progress goes to stderr. An error is JSON, too."""

    def run(self) -> Exit:
        """Run the experiment, or say what it would cost."""
        from modelstitch.cli.experiment import carry_out
        from modelstitch.specs.experiment import experiment_of_file

        config = experiment_of_file(self.file)
        return carry_out(
            config,
            self.file.read_text(encoding="utf-8"),
            out=self.out or self.file.with_suffix(""),
            device=self.device,
            memory=self.memory,
            allow_untrained=self.allow_untrained,
            dry_run=self.dry_run,
            as_json=self.json,
        )
