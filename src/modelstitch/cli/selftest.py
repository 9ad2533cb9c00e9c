"""``modelstitch selftest``: verdicts on cases whose truth is known by construction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelstitch.errors import SpecError

if TYPE_CHECKING:
    from modelstitch.data.parts import Data
    from modelstitch.known_answers.evaluation import Outcome
    from modelstitch.models.network import Network

NETWORK, WIDTH, N_NETWORKS = "R1111", 8, 2


@dataclass(frozen=True)
class Selftest:
    """Test the verdicts: plant senders whose truth is known, and count right and wrong verdicts."""

    models: tuple[str, ...] = ()
    """Trained models to plant senders for, in the forms that compare takes; by default two are trained."""
    data: str = "digits"
    """What those models were trained on."""
    limit: int = 4000
    """Number of training examples to fit on; of digits all are taken."""
    heldout_limit: int = 2000
    """Number of held-out examples to score on; of digits all are taken."""
    cuts: tuple[str, ...] = ()
    """Cuts of the models; by default the ends of all blocks of the first one."""
    quick: bool = False
    """Take only the first network, and two of its cuts."""
    json: bool = False
    """Print everything as JSON on stdout; progress goes to stderr."""

    def run(self) -> bool:
        """Run the known-answer cases; return whether they failed."""
        import json
        import sys

        from modelstitch.cli.terminal import watching
        from modelstitch.data.load import load_data
        from modelstitch.grid.pool import Pool
        from modelstitch.known_answers.cases import cases
        from modelstitch.known_answers.evaluation import report, run
        from modelstitch.models.load import load_model
        from modelstitch.specs import DataSpec, ModelSpec

        if self.data != "digits" and not self.models:
            raise SpecError(
                f"expected models that were trained on {self.data}, got none: give them with --models"
            )
        with watching() as watcher:
            whole = self.data == "digits"
            data = load_data(
                DataSpec(
                    source=self.data,
                    limit=None if whole else self.limit,
                    heldout_limit=None if whole else self.heldout_limit,
                )
            )
            networks = [load_model(ModelSpec(source=source)) for source in self.models]
            for seed in range(0 if networks else 1 if self.quick else N_NETWORKS):
                watcher.stage(f"training network {seed}")
                networks.append(trained(data, seed))
            boundaries = Pool(data).side(networks[0]).cutting.boundaries
            cuts = self.cuts or tuple(cut.name for cut in boundaries)
            known_cases = cases(len(networks), cuts, quick=self.quick)
            watcher.start(len(known_cases), 0, "known-answer cases")

            def tell(outcome: Outcome) -> None:
                watcher.measured(outcome.case.name)

            summary = report(run(networks, data, known_cases, on_outcome=tell))
        if self.json:
            print(json.dumps(summary))
        else:
            _show(summary)
        if not summary["passed"]:
            print("modelstitch: the verdict does not pass its known-answer cases", file=sys.stderr)
        return not summary["passed"]


def trained(data: Data, seed: int) -> Network:
    """Return a small network trained on ``data``."""
    from modelstitch.models import zoo
    from modelstitch.models.network import Network
    from modelstitch.models.zoo.recipe import Recipe
    from modelstitch.models.zoo.training import train_network

    recipe = Recipe(epochs=15, batch_size=64, learning_rate=0.2, translate=1, flip=False, seed=seed)
    module, card, _ = train_network(NETWORK, data, recipe, WIDTH)
    return Network(
        module=module.eval(),
        name=card.label,
        view=card.view,
        rebuild=lambda: zoo.build(card.network, **card.arguments),
        architecture=zoo.describe(card.network, **card.arguments),
    )


def _show(summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title="truth (rows) and verdict (columns), each family judged with lines set by the others")
    table.add_column("truth")
    names = list(next(iter(summary["confusion"].values())))
    for name in names:
        table.add_column(name, justify="right")
    for truth, row in summary["confusion"].items():
        table.add_row(truth, *[str(row[name]) for name in names])
    console.print(table)
    for case in summary["cases"]:
        if case["verdict_left_out"] != case["truth"]:
            console.print(
                f"- {case['family']}, network {case['network']}, {case['cut']}: {case['truth']}, judged "
                f"{case['verdict_left_out']}: {case['reason']}",
                highlight=False,
                soft_wrap=True,
            )
    lines = summary["derived_lines"]
    console.print(
        f"lines derived from all cases: kept {lines['kept_low']:.2f} and {lines['kept_high']:.2f}, share of "
        f"the score {lines['score_low']:.2f}",
        highlight=False,
        soft_wrap=True,
    )
