"""``modelstitch selftest``: verdicts, and measures of similarity, on cases whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelstitch.cli.json_output import print_json
from modelstitch.cli.screen import print_table, tell
from modelstitch.errors import SpecError

if TYPE_CHECKING:
    from modelstitch.data.parts import Data
    from modelstitch.known_answers.bed import Bed
    from modelstitch.known_answers.cases import Case
    from modelstitch.known_answers.outcome import Outcome
    from modelstitch.models.network import Network
    from modelstitch.util.progress_bar import Watcher

NETWORK, WIDTH, N_NETWORKS = "R1111", 8, 2


@dataclass(frozen=True)
class Selftest:
    """Test the verdicts: plant senders whose truth is known, and count right and wrong verdicts."""

    models: tuple[str, ...] = ()
    """Trained models to plant senders for, in the forms that compare takes; by default two are trained."""
    data: str = "digits"
    """Data that the models were trained on."""
    limit: int = 4000
    """Number of training examples to fit on; of digits all are taken."""
    heldout_limit: int = 2000
    """Number of held-out examples to score on; of digits all are taken."""
    cuts: tuple[str, ...] = ()
    """Cuts of the models; by default the ends of all blocks of the first one."""
    quick: bool = False
    """Take a share of the cases: one network, two of its cuts, and fewer doses; at most eight minutes."""
    out: str | None = None
    """Folder to keep the results in; a selftest that was stopped goes on there."""
    measure: tuple[str, ...] = ()
    """Measures of similarity to score on the same cases: standard, or functions of your own, as
    package.module:function of stitched (n, d), expected (n, d) and labels (n,)."""
    json: bool = False
    """Print everything as JSON on stdout; progress goes to stderr."""

    def run(self) -> bool:
        """Run the known-answer cases; return whether they failed."""
        import sys

        from modelstitch.known_answers.bed import Bed
        from modelstitch.known_answers.cases import cases
        from modelstitch.known_answers.evaluation import report
        from modelstitch.known_answers.measure_table import measure_table
        from modelstitch.known_answers.measures import measures_named
        from modelstitch.util.progress_bar import watching

        if self.data != "digits" and not self.models:
            raise SpecError(
                f"expected models that were trained on {self.data}, got none: give them with --models"
            )
        measures = measures_named(self.measure)
        with watching() as watcher:
            data = self._data()
            networks = self._networks(data, watcher)
            bed = Bed(networks, data, measures)
            cuts = self.cuts or bed.cuts
            listed = cases(len(networks), cuts, quick=self.quick)
            outcomes = self._outcomes(bed, listed, watcher)
        summary = report(outcomes)
        if measures:
            summary["measures"] = measure_table(outcomes)
        if self.json:
            print_json("selftest", summary)
        else:
            _show(summary)
        if not summary["passed"]:
            print("modelstitch: the verdict does not pass its known-answer cases", file=sys.stderr)
        return not summary["passed"]

    def _data(self) -> Data:
        from modelstitch.data.load import load_data
        from modelstitch.specs import DataSpec

        whole = self.data == "digits"
        return load_data(
            DataSpec(
                source=self.data,
                limit=None if whole else self.limit,
                heldout_limit=None if whole else self.heldout_limit,
            )
        )

    def _networks(self, data: Data, watcher: Watcher) -> list[Network]:
        from modelstitch.models.load import load_model
        from modelstitch.specs import ModelSpec

        networks = [load_model(ModelSpec(source=source)) for source in self.models]
        for seed in range(0 if networks else 1 if self.quick else N_NETWORKS):
            watcher.stage(f"training network {seed}")
            networks.append(trained(data, seed))
        return networks

    def _outcomes(self, bed: Bed, listed: list[Case], watcher: Watcher) -> list[Outcome]:
        from pathlib import Path

        from modelstitch.known_answers.record import BedRecord

        record = None if self.out is None else BedRecord(Path(self.out), bed.identity)
        known = {} if record is None else bed.usable(record.outcomes())
        watcher.start(len(listed), sum(case in known for case in listed), "known-answer cases")

        def tell(outcome: Outcome) -> None:
            if record is not None:
                record.add(outcome)
            watcher.measured(outcome.case.name)

        return bed.run(listed, known=known, on_outcome=tell)


def trained(data: Data, seed: int) -> Network:
    """Return a small network trained on ``data``."""
    from modelstitch.models import zoo
    from modelstitch.models.network import Network
    from modelstitch.models.zoo.training import train_network
    from modelstitch.specs.training import Recipe

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
    _show_confusion(summary)
    _show_wrong(summary)
    _show_conditions(summary)
    if "measures" in summary:
        _show_measures(summary["measures"])
    tell(
        f"wrongly called interchangeable: {summary['wrong_interchangeable']} of "
        f"{summary['not_interchangeable']} (at most {100 * summary['wrong_interchangeable_upper_95']:.1f} %, "
        f"95 %); with lines set by the other families "
        f"{summary['families_left_out']['wrong_interchangeable']}",
    )
    monotone = [one["monotone"] for one in summary["series"]]
    tell(
        f"series of doses in which what is kept falls with the dose: {sum(monotone)} of {len(monotone)}",
    )
    lines = summary["lines_of_all_families"]
    tell(
        f"by rank, the lines .175 and .80 of the truth are {lines['kept_low']:.2f} and "
        f"{lines['kept_high']:.2f} of kept",
    )


def _show_confusion(summary: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=f"truth (rows) and verdict (columns) of {summary['n_scored']} scored cases")
    table.add_column("truth")
    for name in next(iter(summary["confusion"].values())):
        table.add_column(name, justify="right")
    for truth, row in summary["confusion"].items():
        table.add_row(truth, *map(str, row.values()))
    print_table(table)


def _show_wrong(summary: dict[str, Any]) -> None:
    from modelstitch.known_answers.conditions import PLAIN

    for case in summary["cases"]:
        if case["truth"] is not None and case["verdict"] != case["truth"]:
            condition = "" if case["condition"] == PLAIN else f", {case['condition']}"
            truth = "" if case["truth_value"] is None else f" ({case['truth_value']:.2f})"
            tell(
                f"- {case['family']} {case['dose']:g}, network {case['network']}, {case['cut']}{condition}: "
                f"{case['truth']}{truth}, judged {case['verdict']}: {case['reason']}",
            )


def _show_conditions(summary: dict[str, Any]) -> None:
    from rich.table import Table

    if not summary["conditions"]:
        return
    table = Table(title="under other conditions")
    for name in (
        "condition",
        "scored",
        "right",
        "cannot tell",
        "wrongly interchangeable",
        "wrongly incompatible",
    ):
        table.add_column(name, justify="left" if name == "condition" else "right")
    for name, row in summary["conditions"].items():
        keys = ("n", "right", "cannot_tell", "wrong_interchangeable", "wrong_incompatible")
        table.add_row(name, *(str(row[key]) for key in keys))
    print_table(table)


def _show_measures(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(title="what says interchangeable, each measure with a line set by the other families")
    for name in ("measure", "falsely", "rightly", "above all others", "rank correlation"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    for row in rows:
        above, order = row.get("above_all_others"), row.get("rank_correlation")
        table.add_row(
            row["measure"],
            f"{row['false']} of {row['of_others']}",
            f"{row['right']} of {row['of_interchangeable']}",
            "" if above is None else f"{100 * above:.0f} %",
            "" if order is None else f"{order:.2f}",
        )
    print_table(table)
