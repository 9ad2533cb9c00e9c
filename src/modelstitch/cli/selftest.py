"""``modelstitch selftest``: what the verdict makes of cases whose truth is known by construction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelstitch.known_answers.bed import Outcome
    from modelstitch.sources.data import Data
    from modelstitch.sources.models import Network

NETWORK, WIDTH, N_NETWORKS = "R1111", 8, 2


@dataclass(frozen=True)
class Selftest:
    """Train two small networks on digits, plant senders whose truth is known, and count right and wrong verdicts."""

    quick: bool = False
    """One network and two of its cuts instead of two and five."""
    json: bool = False
    """Print everything as JSON on stdout; progress goes to stderr."""

    def run(self) -> bool:
        """Run the bed; return whether it failed."""
        import json
        import sys

        from modelstitch.cli.show import watching
        from modelstitch.known_answers.bed import report, run
        from modelstitch.known_answers.cases import cases
        from modelstitch.sources.data import load_data
        from modelstitch.specs import DataSpec

        cuts = tuple(f"layers.{index}" for index in range(5))
        with watching() as watcher:
            data = load_data(DataSpec(source="digits"))
            networks = []
            for seed in range(1 if self.quick else N_NETWORKS):
                watcher.stage(f"training network {seed}")
                networks.append(trained(data, seed))
            todo = cases(len(networks), cuts, quick=self.quick)
            watcher.start(len(todo), 0, "known-answer cases")

            def tell(outcome: Outcome) -> None:
                watcher.measured(outcome.case.name)

            found = report(run(networks, data, todo, watch=tell))
        if self.json:
            print(json.dumps(found))
        else:
            _show(found)
        if not found["passed"]:
            print("modelstitch: the verdict does not pass its known-answer cases", file=sys.stderr)
        return not found["passed"]


def trained(data: Data, seed: int) -> Network:
    """Return a small network trained on ``data``."""
    from modelstitch import zoo
    from modelstitch.sources.models import Network
    from modelstitch.zoo.recipe import Recipe
    from modelstitch.zoo.training import train_network

    recipe = Recipe(epochs=15, batch_size=64, learning_rate=0.2, translate=1, flip=False, seed=seed)
    module, card, _ = train_network(NETWORK, data, recipe, WIDTH)
    return Network(
        module=module.eval(),
        name=card.label,
        view=card.view,
        rebuild=lambda: zoo.build(card.network, **card.arguments),
        architecture=zoo.describe(card.network, **card.arguments),
    )


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title="truth (rows) and verdict (columns), each family judged with lines set by the others")
    table.add_column("truth")
    names = list(next(iter(found["confusion"].values())))
    for name in names:
        table.add_column(name, justify="right")
    for truth, row in found["confusion"].items():
        table.add_row(truth, *[str(row[name]) for name in names])
    console.print(table)
    for case in found["cases"]:
        if case["verdict_left_out"] != case["truth"]:
            console.print(
                f"- {case['family']}, network {case['network']}, {case['cut']}: {case['truth']}, judged "
                f"{case['verdict_left_out']}: {case['reason']}",
                highlight=False,
                soft_wrap=True,
            )
    lines = found["derived_lines"]
    console.print(
        f"lines derived from all cases: kept {lines['kept_low']:.2f} and {lines['kept_high']:.2f}, share of the score "
        f"{lines['score_low']:.2f}",
        highlight=False,
        soft_wrap=True,
    )
