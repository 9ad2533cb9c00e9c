"""What ``run`` and ``paper`` do alike: an experiment carried out, or its cost, in words or as JSON."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from modelstitch.cli.estimate import duration
from modelstitch.cli.exits import Exit
from modelstitch.cli.json_output import print_json
from modelstitch.cli.options import memory as bytes_of
from modelstitch.errors import SpecError
from modelstitch.util.places import expect_writable
from modelstitch.util.progress import SILENT

if TYPE_CHECKING:
    from modelstitch.api.experiment import Experiment
    from modelstitch.grid.grid import Budget
    from modelstitch.runs.plan import ExperimentCost
    from modelstitch.runs.session import Session
    from modelstitch.specs.experiment import ExperimentConfig
    from modelstitch.util.progress import Progress


def carry_out(
    config: ExperimentConfig,
    text: str,
    *,
    out: Path,
    device: str,
    memory: str,
    allow_untrained: bool,
    dry_run: bool,
    as_json: bool,
) -> Exit:
    """Carry an experiment out in a folder, or print what it would cost.

    Args:
        config: what is asked for.
        text: its file, which is stored with it.
        out: folder.
        device, memory, allow_untrained: as for ``compare``.
        dry_run: whether to print the cost alone; nothing is written then.
        as_json: whether to print JSON.

    Raises:
        InputError: anything cannot be used; nothing was fitted then.
        TruthError: a check failed.
    """
    from modelstitch.runs.trained import is_trained_here, train_left
    from modelstitch.util.devices import choose_device
    from modelstitch.util.progress_bar import watching

    expect_writable(out)
    untrained = [name for name, model in config.models.items() if is_trained_here(model)]
    if untrained and config.train is None and not allow_untrained:
        raise SpecError(
            f"expected weights of each model, got an untrained network for {', '.join(untrained)}: give "
            "weights, a table [train] to train it here, or --allow-untrained"
        )
    total = bytes_of(memory)
    models = config.models
    with watching() as watcher:
        if dry_run:
            cost = _cost(config, out, device, total, watcher)
        else:
            _asked(config, out, device, total, allow_untrained, text).expect_folder()
            if config.train is not None:
                models = train_left(models, config.data, config.train, out, choose_device(device), watcher)
            experiment = _asked(config, out, device, total, allow_untrained, text, models)
            failed = {
                f"{pair.sender} into {pair.receiver}": len(found.failed)
                for pair, found in experiment.each(watcher)
                if found.failed
            }
    if dry_run:
        if as_json:
            print_json("run", {"kind": "cost", **asdict(cost), "seconds": cost.seconds})
        else:
            print(shown(cost))
        return Exit.HOLDS
    return _told(config, out, failed, as_json)


def _asked(
    config: ExperimentConfig,
    out: Path | None,
    device: str,
    total: int,
    allow_untrained: bool,
    text: str | None = None,
    models: object = None,
) -> Experiment:
    from modelstitch.api.choices import PairChoices
    from modelstitch.api.experiment import Experiment
    from modelstitch.runs.run import BUDGET
    from modelstitch.stitches.ladder import LADDER

    choices = PairChoices(
        cuts=config.cuts.both or None,
        sender_cuts=config.cuts.sender or None,
        receiver_cuts=config.cuts.receiver or None,
        stitch=tuple(config.stitches(LADDER)),
        ladder=False,
        fit=config.fit,
        controls=config.controls,
        evidence=config.evidence,
        seeds=config.seeds,
        random=config.random,
        allow_untrained=allow_untrained,
        budget=BUDGET,
        pictures=False,
        cache=config.cache,
    )
    return Experiment(
        models=config.models if models is None else models,  # type: ignore[arg-type]
        data=config.data,
        pairs=config.pairs,
        choices=choices,
        out=out,
        device=device,
        painted=config.pictures,
        budget_of=partial(budget, total=total),
        file=text,
    )


def budget(session: Session, total: int) -> Budget:
    """Return the budget of a pair within the memory of the process."""
    from modelstitch.grid.grid import Budget
    from modelstitch.runs.memory import representation_bytes

    return Budget(representation_bytes(session, total), "auto", total)


def _cost(config: ExperimentConfig, out: Path, device: str, total: int, watcher: Progress) -> ExperimentCost:
    from modelstitch.runs.plan import plan
    from modelstitch.runs.trained import training_data, training_seconds, with_checkpoints
    from modelstitch.util.devices import choose_device

    models, seconds = config.models, 0.0
    quiet = watcher
    if config.train is not None:
        state = with_checkpoints(models, config.train, out)
        models = state.models
        if state.left:
            watcher.stage("timing a few steps of training")
            images = training_data(config.data, config.train).to(choose_device(device))
            seconds = training_seconds(config.train, {name: models[name] for name in state.left}, images)
            quiet = SILENT  # it would warn of networks that are about to be trained
    # A network that is not trained yet takes as long as one that is.
    experiment = _asked(config, out, device, total, True, None, models)
    experiment.expect_folder()
    units = experiment.prepared(quiet)
    watcher.stage("timing steps of some pairs")
    return plan(units, config.evidence, partial(budget, total=total), seconds)


def shown(cost: ExperimentCost) -> str:
    """Return a cost as lines of text."""
    cells = ", ".join(f"{control} {n:,}" for control, n in cost.cells.items())
    training = f", of it training {duration(cost.train_seconds)}" if cost.train_seconds else ""
    return "\n".join(
        [
            f"models:     {cost.n_models}, in {cost.n_pairs:,} ordered pairs",
            f"cells:      {cost.n_cells:,} ({cells})",
            f"time:       about {duration(cost.seconds)}{training}, evidence "
            f"{duration(cost.evidence_seconds)}; {cost.n_measured} of {cost.n_pairs:,} pairs were measured",
            f"disk:       about {cost.disk_bytes / 1e9:.2f} GB",
            f"memory:     about {cost.memory_bytes / 1e9:.1f} GB at once",
        ]
    )


def _told(config: ExperimentConfig, out: Path, failed: dict[str, int], as_json: bool) -> Exit:
    """Say what was done; return whether cells failed."""
    if as_json:
        values = {"folder": str(out), "pairs": len(config.pairs), "failed": failed}
        print_json("run", {"kind": "experiment", **values})
    else:
        print(f"{len(config.pairs)} pairs of {len(config.models)} models are finished.\n\nFiles:")
        for name, what in (
            ("report.html", "the page of all pairs: open this one"),
            ("cells.csv", "every cell of every pair"),
            ("verdicts.csv", "every verdict"),
            ("experiment.toml", "the choices: modelstitch run repeats it"),
            ("run.sqlite", "the database"),
        ):
            print(f"  {out / name}  {what}")
    if failed:
        first, n = next(iter(failed.items()))
        print(
            f"modelstitch: {sum(failed.values())} cells of {len(failed)} pairs failed, {n} of them of "
            f"{first}; modelstitch status {out} counts them; a lower learning_rate in [fit] may help",
            file=sys.stderr,
        )
    return Exit.INCOMPLETE if failed else Exit.HOLDS
