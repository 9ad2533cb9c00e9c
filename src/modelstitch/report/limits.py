"""What a reader must know before the numbers: everything that weakens a run, at the top of the page."""

from __future__ import annotations

from collections.abc import Callable

from modelstitch.errors import RunError
from modelstitch.grid.fixed_batches import FIXED_BATCH
from modelstitch.results.cautions import of_copies, of_few, of_left_out
from modelstitch.results.chance_sentences import chance_sentence
from modelstitch.results.comparison import Comparison
from modelstitch.results.cut_sentences import cut_sentence
from modelstitch.results.facts_in_words import choices_of_weights, sentences_of_outputs
from modelstitch.results.label_sentences import label_sentence
from modelstitch.results.matrix_facts import against_random, margin
from modelstitch.specs import CONTROLS, TRAINED, VERDICT_CONTROLS
from modelstitch.specs.verdicts import Reason
from modelstitch.wording import Listed, Sentence, say


def readable(comparison: Comparison) -> Comparison:
    """Return the comparison if it holds anything to report.

    Raises:
        RunError: no cell is finished yet.
    """
    if not comparison.cells:
        raise RunError("no cell of this run is finished yet, so there is nothing to report; let it go on")
    return comparison


def limits(comparison: Comparison) -> list[Sentence]:
    """Return a sentence for each limit that applies to a run; none for a run without fault."""
    pair = comparison.facts.pair
    read = [*choices_of_weights(pair.weights), *sentences_of_outputs(pair.outputs)]
    return [*read, *(text for limit in LIMITS if (text := limit(comparison)) is not None)]


def _other_task(comparison: Comparison) -> Sentence | None:
    facts = comparison.facts
    if facts.task.startswith("classification"):
        return None
    return say("limit.task", task=facts.task, score=facts.score_name)


def _not_finished(comparison: Comparison) -> Sentence | None:
    planned = comparison.facts.n_cells
    if planned is None or not comparison.is_cut_short:
        return None
    return say("limit.cut_short", n=len(comparison.cells), of=planned)


def _failed_cells(comparison: Comparison) -> Sentence | None:
    if not comparison.failed:
        return None
    first = comparison.failed[0]
    return say(
        "limit.failed",
        n=len(comparison.failed),
        of=len(comparison.cells),
        sender=first.sender_cut,
        receiver=first.receiver_cut,
        why=first.failure,
    )


def _controls(comparison: Comparison) -> list[str]:
    return [control for control in comparison.controls if control != TRAINED]


def _missing_controls(comparison: Comparison) -> Sentence | None:
    controls = _controls(comparison)
    if not controls:
        return say("limit.no_controls")
    # One untrained sender is enough, and one that holds the label alone.
    untrained = any(CONTROLS[name].random_sender for name in controls)
    label_only = any(CONTROLS[name].label_only for name in controls)
    missing = [
        name
        for name in VERDICT_CONTROLS
        if name not in controls
        and not (CONTROLS[name].random_sender and untrained)
        and not (CONTROLS[name].label_only and label_only)
    ]
    if not missing:
        return None
    return say("limit.controls", names=Listed([say(CONTROLS[name].title) for name in missing]))


def _no_verdict(comparison: Comparison) -> Sentence | None:
    could_judge = _controls(comparison) and TRAINED in comparison.controls
    return say("limit.no_verdict") if could_judge and not comparison.verdicts() else None


def _receiver_at_chance(comparison: Comparison) -> Sentence | None:
    return chance_sentence(comparison.whole_score("receiver"), "receiver")


def _sender_at_chance(comparison: Comparison) -> Sentence | None:
    return chance_sentence(comparison.whole_score("sender"), "sender")


def _labels_of_receiver(comparison: Comparison) -> Sentence | None:
    return label_sentence(comparison.facts.pair.labels, "receiver")


def _labels_of_sender(comparison: Comparison) -> Sentence | None:
    return label_sentence(comparison.facts.pair.labels, "sender")


def _cut_for_receiver(comparison: Comparison) -> Sentence | None:
    facts = comparison.facts
    return cut_sentence(facts.pair.cut, "receiver", facts.n_train, facts.n_heldout)


def _cut_for_sender(comparison: Comparison) -> Sentence | None:
    facts = comparison.facts
    return cut_sentence(facts.pair.cut, "sender", facts.n_train, facts.n_heldout)


def _unscored(comparison: Comparison) -> Sentence | None:
    absent = comparison.facts.unscored
    if absent is None:
        return None
    return say(
        "limit.unscored",
        n=absent.n_classes,
        of=absent.of,
        first=Listed([*absent.first, *(["..."] if absent.n_classes > len(absent.first) else [])]),
        heldout=absent.n_heldout,
    )


def _misfit(comparison: Comparison) -> Sentence | None:
    reason = Reason.SELF_STITCH_ABOVE_RECEIVER
    found = [
        (verdict.because, place)
        for place, verdict in comparison.verdicts().items()
        if verdict.reason is reason
    ]
    if not found:
        return None
    because, place = max(found, key=lambda pair: pair[0].above_receiver)
    return say(
        "limit.misfit",
        n=len(found),
        cut=place[1],
        above=because.above_receiver,
        whole=because.self_score - because.above_receiver,
    )


def _above_both(comparison: Comparison) -> Sentence | None:
    """Note cells of the trained pair that are above both whole networks, beyond held-out sampling."""
    sender = comparison.baseline("sender")
    if sender is None or _misfit(comparison) is not None:
        return None
    leads = [
        min(cell.above_receiver, cell.score - sender)
        for cell in comparison.cells
        if cell.control == TRAINED
        and cell.stitch == comparison.main_stitch
        and cell.score is not None
        and cell.above_receiver is not None
        and cell.above_receiver > 2 * (cell.above_receiver_error or 0.0)
        and cell.score - sender > margin(cell.n_effective, cell.score)
    ]
    return say("limit.above_both", n=len(leads), lead=max(leads)) if leads else None


def _copies(comparison: Comparison) -> Sentence | None:
    return of_copies(comparison.facts.copies)


def _copies_left_out(comparison: Comparison) -> Sentence | None:
    return of_left_out(comparison.facts.copies)


def _few_for_evidence(comparison: Comparison) -> Sentence | None:
    return of_few(comparison.evidence)


def _random_does_as_well(comparison: Comparison) -> Sentence | None:
    stitch = comparison.main_stitch
    matrices = {control: comparison.matrix(control=control, stitch=stitch) for control in comparison.controls}
    facts = against_random(matrices, comparison.n_effective)
    return say("limit.random") if facts is not None and facts.everywhere else None


def _unconverged(comparison: Comparison) -> Sentence | None:
    n = comparison.n_unconverged(comparison.main_stitch, real=True)
    return say("limit.unconverged", n=n) if n else None


def _unconverged_controls(comparison: Comparison) -> Sentence | None:
    n = comparison.n_unconverged(comparison.main_stitch, real=False)
    return say("limit.unconverged_controls", n=n) if n else None


def _memory(comparison: Comparison) -> Sentence | None:
    memory = comparison.facts.memory
    if memory is None or memory.peak is None or memory.peak <= memory.bound:
        return None
    return say("limit.memory", peak=memory.peak / 1e9, bound=memory.bound / 1e9)


def _by_batch(comparison: Comparison) -> Sentence | None:
    if not comparison.facts.pair.by_batch.sender:
        return None
    return say("limit.by_batch", model=comparison.sender, n=FIXED_BATCH)


_NAMED = 5
"""Permuted tensors that are named; the facts of the run name all."""


def _permuted(comparison: Comparison) -> Sentence | None:
    untrained = comparison.facts.pair.untrained
    sides = ((comparison.sender, untrained.sender), (comparison.receiver, untrained.receiver))
    permuted = {model: drawn.permuted for model, drawn in sides if drawn is not None and drawn.permuted}
    if not permuted:
        return None
    names = [name for of_model in permuted.values() for name in of_model]
    shown = [*names[:_NAMED], *(["..."] if len(names) > _NAMED else [])]
    return say("limit.permuted", n=len(names), model=Listed(list(permuted), "list.and"), names=Listed(shown))


def _one_seed(comparison: Comparison) -> Sentence | None:
    return say("limit.one_seed") if len({cell.seed for cell in comparison.cells}) == 1 else None


LIMITS: tuple[Callable[[Comparison], Sentence | None], ...] = (
    _other_task,
    _not_finished,
    _failed_cells,
    _missing_controls,
    _no_verdict,
    _receiver_at_chance,
    _sender_at_chance,
    _labels_of_receiver,
    _labels_of_sender,
    _cut_for_receiver,
    _cut_for_sender,
    _unscored,
    _misfit,
    _above_both,
    _copies,
    _copies_left_out,
    _few_for_evidence,
    _random_does_as_well,
    _permuted,
    _by_batch,
    _unconverged,
    _unconverged_controls,
    _one_seed,
    _memory,
)
"""In the order in which the page says them; each gives None where it does not apply."""
