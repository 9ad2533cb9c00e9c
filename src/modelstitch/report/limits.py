"""What a reader must know before the numbers: everything that weakens a run, at the top of the page."""

from __future__ import annotations

from modelstitch.errors import RunError
from modelstitch.geometry.intervals import wilson
from modelstitch.results.comparison import Comparison
from modelstitch.results.sentences import against_random
from modelstitch.specs import CONTROLS, TRAINED, VERDICT_CONTROLS
from modelstitch.wording import Listed, Text, say


def readable(comparison: Comparison) -> Comparison:
    """Return the comparison if there is anything in it to report.

    Raises:
        RunError: no cell is finished yet.
    """
    if not comparison.cells:
        raise RunError("no cell of this run is finished yet, so there is nothing to report; let it go on")
    return comparison


def limits(comparison: Comparison) -> list[Text]:
    """Return a sentence for each thing that weakens a run; none for a run without fault."""
    found: list[Text] = []
    facts = comparison.facts
    if not facts.task.startswith("classification"):
        found.append(say("limit.task", task=facts.task, score=facts.score_name))
    if comparison.is_cut_short and facts.n_cells is not None:
        found.append(say("limit.cut_short", n=len(comparison.cells), of=facts.n_cells))
    if comparison.failed:
        first = comparison.failed[0]
        found.append(
            say(
                "limit.failed",
                n=len(comparison.failed),
                of=len(comparison.cells),
                sender=first.sender_cut,
                receiver=first.receiver_cut,
                why=first.failure,
            )
        )
    controls = [control for control in comparison.controls if control != TRAINED]
    missing = [control for control in VERDICT_CONTROLS if control not in controls and control != TRAINED]
    if not controls:
        found.append(say("limit.no_controls"))
    elif missing:
        found.append(say("limit.controls", names=Listed([say(CONTROLS[name].title) for name in missing])))
    if controls and TRAINED in comparison.controls and not comparison.verdicts():
        found.append(say("limit.no_verdict"))
    stitch = comparison.main_stitch
    own, chance = comparison.baseline("receiver"), comparison.chance
    n = comparison.n_effective
    if own is not None and wilson(round(own * n), n)[0] <= chance:
        found.append(say("limit.receiver_at_chance", own=own, chance=chance))
    matrices = {control: comparison.matrix(control, stitch=stitch) for control in comparison.controls}
    random = against_random(matrices, n)
    if random is not None and random.everywhere:
        found.append(say("limit.random"))
    for real, key in ((True, "limit.unconverged"), (False, "limit.unconverged_controls")):
        n = comparison.n_unconverged(stitch, real=real)
        found += [say(key, n=n)] if n else []
    if len({cell.seed for cell in comparison.cells}) == 1:
        found.append(say("limit.one_seed"))
    return found
