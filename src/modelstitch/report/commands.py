"""The command that does what the page advises: it repeats the run by its file, with one change."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from types import MappingProxyType

from modelstitch.report.answer import ENOUGH_SEEDS
from modelstitch.report.beyond import BeyondRun
from modelstitch.results.comparison import Comparison
from modelstitch.specs import FAMILIES, TRAINED, VERDICT_CONTROLS
from modelstitch.wording import Sentence

_SMALLER = next(
    f"{row.name}({row.default_size})" for row in FAMILIES.values() if row.default_size is not None
)
"""The first stitch with a size in the order of capacity."""

_MANY_EPOCHS = 16

RunChange = tuple[list[str], bool]
"""Options beside the file of the run, and whether the run folder grows by them; else the run is a new one."""


def command_of(step: Sentence, comparison: Comparison, beyond: BeyondRun) -> str:
    """Return the command of one step of the page's advice; empty where none does it.

    Args:
        step: a sentence of the advice.
        comparison: the run.
        beyond: what the run is called, and whether its folder holds its file.
    """
    change = _CHANGES.get(step.key)
    if change is None or not beyond.repeats:
        return ""
    found = change(comparison)
    if found is None:
        return ""
    options, grows = found
    own = comparison.facts.pair.own.receiver
    if own is not None and not own.better_than_chance:
        options = [*options, "--allow-untrained"]  # as the run was
    out = beyond.run if grows else f"{beyond.run}-2"
    return shlex.join(
        ["modelstitch", "compare", "--config", f"{beyond.run}/run.toml", *options, "--out", out]
    )


def _seeds(comparison: Comparison) -> RunChange | None:
    seeds = list(comparison.spec.seeds)
    further = (seed for seed in range(len(seeds) + ENOUGH_SEEDS) if seed not in seeds)
    while len(seeds) < ENOUGH_SEEDS:
        seeds.append(next(further))
    return ["--seeds", ",".join(map(str, seeds))], True


def _ladder(comparison: Comparison) -> RunChange | None:
    return ["--ladder"], True


def _smaller(comparison: Comparison) -> RunChange | None:
    more = _more_training(comparison)
    if more is not None:
        return more
    known = [stitch.label for stitch in comparison.spec.stitches]
    return None if _SMALLER in known else (["--stitch", ",".join([*known, _SMALLER])], True)


def _controls(comparison: Comparison) -> RunChange | None:
    known = [control for control in comparison.spec.controls if control != TRAINED]
    controls = dict.fromkeys((*known, *VERDICT_CONTROLS))
    return ["--controls", ",".join(controls), "--evidence", "standard"], True


def _finish(comparison: Comparison) -> RunChange | None:
    return [], True


def _more_training(comparison: Comparison) -> RunChange | None:
    limit = comparison.spec.data.limit
    return None if limit is None else (["--limit", str(2 * limit)], False)


def _more_heldout(comparison: Comparison) -> RunChange | None:
    limit = comparison.spec.data.heldout_limit
    return None if limit is None else (["--heldout-limit", str(2 * limit)], False)


def _more_measured(comparison: Comparison) -> RunChange | None:
    """Measure on all held-out examples, where evidence was measured on some; else on a larger part."""
    n_heldout = max(cell.n_heldout for cell in comparison.cells)
    n_measured = max((row.n for row in comparison.evidence), default=n_heldout)
    if n_measured < n_heldout:
        return ["--evidence-examples", str(n_heldout)], True
    return _more_heldout(comparison)


def _longer(comparison: Comparison) -> RunChange | None:
    return ["--epochs", str(_MANY_EPOCHS)], False


def _slower(comparison: Comparison) -> RunChange | None:
    return ["--learning-rate", f"{comparison.spec.fit.learning_rate / 10:g}"], False


_CHANGES: Mapping[str, Callable[[Comparison], RunChange | None]] = MappingProxyType(
    {
        "next.seeds": _seeds,
        "next.larger": _ladder,
        "next.measure": _controls,
        "advice.between": _ladder,
        "advice.loses": _smaller,
        "advice.wide": _more_measured,
        "advice.few_in_classes": _more_measured,
        "advice.few": _more_heldout,
        "advice.moves": _longer,
        "advice.seeds": _more_training,
        "advice.unfinished": _finish,
        "advice.controls": _controls,
        "advice.failed": _slower,
        "step.kept": _seeds,
        "step.verdict": _controls,
        "step.examples": _more_heldout,
    }
)
"""What each advice changes, by the key of its sentence; None where these data allow no change."""
