"""What a matrix shows beside its controls, in plain sentences made from typed facts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from modelstitch.evidence.verdict import Verdict
from modelstitch.results.cautions import of_copies, of_few, of_left_out
from modelstitch.results.curve_sentences import of_curves
from modelstitch.results.curves import capacity_curves
from modelstitch.results.facts import BySide
from modelstitch.results.matrix_facts import (
    AgainstLabels,
    AgainstRandom,
    Means,
    against_labels,
    against_random,
    lower_triangle,
    means,
)
from modelstitch.results.rows import AdvantageRow, EvidenceRow
from modelstitch.results.verdicts import judged_controls
from modelstitch.specs import (
    CONTROLS,
    RANDOM_SENDER,
    SELF_STITCH,
    TRAINED,
    label_only_controls,
)
from modelstitch.specs.verdicts import Learnt, VerdictName
from modelstitch.wording import Listed, Sentence, say

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison


def title(control: str) -> Sentence:
    """Return what a grid is, as the title of its picture.

    Example:
        >>> title("random-both")
        'random sender, random receiver'
    """
    return say(CONTROLS[control].title)


def sentences(
    matrices: Mapping[str, xr.DataArray],
    *,
    receiver_score: float | None,
    chance: float,
    n_heldout: int,
    n_failed: int = 0,
    n_unconverged: int = 0,
    n_unconverged_controls: int = 0,
) -> list[Sentence]:
    """Return two or three sentences on the trained matrix, and on how far the controls explain it.

    Args:
        matrices: scores by control, with the trained grid among them.
        receiver_score: of the whole receiver.
        chance: score of the best constant answer.
        n_heldout: number of held-out examples.
        n_failed: failed cells of the trained grid, counted once a seed.
        n_unconverged, n_unconverged_controls: cells of the trained grid, and of the controls, that did not
            converge.
    """
    if TRAINED not in matrices:
        return [say("matrix.no_real")]
    real = matrices[TRAINED]
    texts = [_say_means(means(real), receiver_score, chance)]
    random, labels = against_random(matrices, n_heldout), against_labels(matrices, n_heldout)
    if random is not None:
        texts += _say_random(random)
    if labels is not None:
        texts.append(_say_labels(labels))
    if not any(CONTROLS[name].random or CONTROLS[name].label_only for name in matrices):
        texts.append(say("matrix.no_control"))
    if n_unconverged_controls:
        texts.append(say("matrix.controls_moved", n=n_unconverged_controls))
    if n_unconverged:
        texts.append(say("matrix.moved", n=n_unconverged, of=real.size))
    if n_failed:
        texts.append(say("matrix.failed", n=n_failed))
    return texts


def of_comparison(comparison: Comparison) -> list[Sentence]:
    """Return all sentences on the main stitch of a comparison."""
    stitch = comparison.main_stitch
    texts = sentences(
        {control: comparison.matrix(control=control, stitch=stitch) for control in comparison.controls},
        receiver_score=comparison.baseline("receiver"),
        chance=comparison.chance,
        n_heldout=comparison.n_effective,
        n_failed=sum(cell.control == TRAINED and cell.stitch == stitch for cell in comparison.failed),
        n_unconverged=comparison.n_unconverged(stitch, real=True),
        n_unconverged_controls=comparison.n_unconverged(stitch, real=False),
    )
    if TRAINED in comparison.controls:
        shape = comparison.shape(stitch=stitch)
        texts += of_shape(shape.triangle, shape.asymmetry, shape.corresponding, shape.distant)
        texts += of_verdicts(_verdict_names(comparison, stitch), len(comparison.seeds))
        texts += learnt_sentences(list(comparison.cell_verdicts(stitch).values()))
        texts += of_planted(comparison, stitch)
        texts += of_yardstick(comparison.facts.yardstick)
    if comparison.has_curves:
        texts += of_curves(capacity_curves(comparison))
    if comparison.facts.labels and _names_interchangeable(comparison, stitch):
        texts.append(say("matrix.tried", labels=comparison.facts.labels))
    if comparison.facts.labels and comparison.spec.fit.objective == "task":
        texts += of_label_sets(comparison.evidence, comparison.facts.labels)
    texts += of_advantages([row for row in comparison.advantages if row.stitch == stitch])
    texts += of_overlap(comparison.facts.pair.fitting_images_seen)
    copies = comparison.facts.copies
    few = of_few(row for row in comparison.evidence if row.stitch == stitch)
    return texts + [text for text in (of_copies(copies), of_left_out(copies), few) if text is not None]


def _verdict_names(comparison: Comparison, stitch: str) -> np.ndarray:
    """Return the names of the verdicts over all seeds, (senders, receivers); empty where a cell has none."""
    judged = comparison.cell_verdicts(stitch)
    senders, receivers = (comparison.cuts_in_order(role, TRAINED) for role in ("sender", "receiver"))
    names = [
        [judged[i, j, stitch].name if (i, j, stitch) in judged else "" for j in receivers] for i in senders
    ]
    return np.asarray(names)


def at_least_partly(name: str) -> bool:
    """Tell whether *was it learnt* is a question for a cell.

    Example:
        >>> at_least_partly("partly"), at_least_partly("decodable only")
        (True, False)
    """
    return name in (VerdictName.PARTLY, VerdictName.INTERCHANGEABLE)


def _names_interchangeable(comparison: Comparison, stitch: str) -> bool:
    judged = comparison.cell_verdicts(stitch).values()
    return any(verdict.name is VerdictName.INTERCHANGEABLE for verdict in judged)


def of_verdicts(names: np.ndarray, n_seeds: int = 1) -> list[Sentence]:
    """Return one or two sentences on the verdicts of a grid.

    Args:
        names: of the verdicts over all seeds; empty for a cell without one.
        n_seeds: how many seeds had to agree.
    """
    judged = names != ""
    n_cells = int(judged.sum())
    if n_cells == 0:
        return []
    counts = _counts(names[judged])
    texts = [
        say("matrix.verdicts", counts=counts)
        if n_seeds == 1
        else say("matrix.verdicts_seeds", seeds=n_seeds, counts=counts)
    ]
    lower = lower_triangle(names.shape) & judged
    if 0 < int(lower.sum()) < n_cells:
        texts.append(say("matrix.lower", n=int(lower.sum()), counts=_counts(names[lower])))
    return texts


def of_planted(comparison: Comparison, stitch: str) -> list[Sentence]:
    """Return a sentence on the verdicts of the controls whose answer is known; none without such a control.

    Of the receiver into itself, the cells with the same cut on both sides count: the others have no answer
    that is known.
    """
    parts = []
    for control in judged_controls(comparison.cells):
        info = CONTROLS[control]
        names = [
            verdict.name
            for key, verdict in comparison.verdicts(stitch, control=control).items()
            if not info.self_stitch or key.sender_cut == key.receiver_cut
        ]
        if names:
            kind = "self" if info.self_stitch else "label" if info.label_only else "untrained"
            counts = _counts(np.asarray(names))
            parts.append(say(f"matrix.planted_{kind}", control=say(info.phrase), counts=counts))
    return [say("matrix.planted", parts=Listed(parts, "list.semicolon"))] if parts else []


def learnt_sentences(verdicts: Sequence[Verdict]) -> list[Sentence]:
    """Return sentences on whether what comes across was learnt, with both readings of *not learnt*.

    Args:
        verdicts: over all seeds.
    """
    partly = [verdict for verdict in verdicts if at_least_partly(verdict.name)]
    answers = [verdict.learnt.value for verdict in partly if verdict.learnt is not Learnt.NOT_ASKED]
    if not answers:
        return [say("matrix.learnt_not_asked")] if partly else []
    counts = {each: answers.count(each.value) for each in Learnt}
    listed = [say("matrix.count", n=n, name=say(f"learnt.{each}")) for each, n in counts.items() if n]
    texts = [say("matrix.learnt", n=len(answers), counts=Listed(listed))]
    spare = sum(
        (verdict.name, verdict.learnt) == (VerdictName.INTERCHANGEABLE, Learnt.NOT_LEARNT)
        for verdict in partly
    )
    if spare:
        texts += [say("matrix.replaceable", n=spare), say("matrix.no_shared", n=spare)]
    return texts


def of_yardstick(yardstick: tuple[float, float, float] | None) -> list[Sentence]:
    """Return a sentence on the two whole networks, beside which shares are read; none where not measured.

    Args:
        yardstick: share, and the ends of its interval.

    Example:
        >>> of_yardstick((0.59, 0.56, 0.62))[0][:84]
        "Yardstick: of two whole networks, the sender's outputs recover 59 % (56 to 62) of th"
    """
    if yardstick is None:
        return []
    share, low, high = (100 * each for each in yardstick)
    return [say("matrix.yardstick", share=share, low=low, high=high)]


def of_advantages(rows: Sequence[AdvantageRow]) -> list[Sentence]:
    """Return a sentence on the cells in which the trained grid is ahead of the random controls."""
    parts = []
    for control in dict.fromkeys(row.control for row in rows if CONTROLS[row.control].random):
        own = [row for row in rows if row.control == control]
        ahead, behind = sum(row.low > 0 for row in own), sum(row.high < 0 for row in own)
        name = say(CONTROLS[control].phrase)
        parts.append(say("matrix.advantage", control=name, ahead=ahead, of=len(own), behind=behind))
    return [say("matrix.advantages", parts=Listed(parts, "list.semicolon"))] if parts else []


def of_label_sets(rows: Sequence[EvidenceRow], labels: str) -> list[Sentence]:
    """Return a sentence on how much of the finest labels stitches keep that were fitted to a coarser set."""
    shares = {}
    for control in (TRAINED, SELF_STITCH, *label_only_controls(), RANDOM_SENDER):
        values = [
            row.value
            for row in rows
            if (row.control, row.name, row.where) == (control, "share_by", "labels finest")
            and row.value is not None
        ]
        if values:
            shares[control] = sum(values) / len(values)
    if TRAINED not in shares:
        return []
    parts = [
        say("matrix.label_other", control=say(CONTROLS[name].phrase), share=value)
        for name, value in shares.items()
        if name != TRAINED
    ]
    others = say("matrix.label_others", parts=Listed(parts)) if parts else say("matrix.no_others")
    return [say("matrix.label_sets", labels=labels, share=shares[TRAINED], others=others)]


def of_overlap(seen: BySide[float | None]) -> list[Sentence]:
    """Return a sentence on how many of the images for fitting are from the networks' own training sets.

    Args:
        seen: share of them in the training set of each network; None where unknown.
    """
    shares = {"sender": seen.sender, "receiver": seen.receiver}
    known = {role: share for role, share in shares.items() if share}
    parts = [say(f"matrix.overlap_{role}", share=100 * share) for role, share in known.items()]
    return [say("matrix.overlap", parts=Listed(parts, "list.and"))] if parts else []


def of_shape(triangle: float, asymmetry: float, corresponding: float, distant: float) -> list[Sentence]:
    """Return a sentence on the shape of a matrix, from the numbers that are not NaN."""
    parts: list[Sentence] = []
    if not math.isnan(triangle):
        parts.append(say("matrix.shape_triangle", share=100 * triangle))
    if not math.isnan(corresponding) and not math.isnan(distant):
        key = "matrix.shape_near" if parts else "matrix.shape_near_first"
        parts.append(say(key, near=corresponding, far=distant))
    if not math.isnan(asymmetry):
        parts.append(
            say("matrix.shape_direction" if parts else "matrix.shape_direction_first", gap=asymmetry)
        )
    return [say("matrix.shape", parts=Listed(parts, "list.semicolon"))] if parts else []


def _counts(names: np.ndarray) -> Listed:
    counts = {name: int((names == name).sum()) for name in VerdictName}
    return Listed(
        [say("matrix.count", n=count, name=say(f"verdict.{name}")) for name, count in counts.items() if count]
    )


def _say_means(facts: Means, receiver_score: float | None, chance: float) -> Sentence:
    own = say("matrix.no_own") if receiver_score is None else say("matrix.own", own=receiver_score)
    if math.isnan(facts.lower) or math.isnan(facts.upper):
        mean = (
            say("matrix.nothing") if math.isnan(facts.overall) else say("matrix.score", score=facts.overall)
        )
        return say("matrix.mean", mean=mean, own=own, chance=chance)
    key = "plain"
    if abs(facts.lower - facts.upper) < 0.02:
        key = "no_direction"
    elif facts.lower < facts.upper:
        key = "reversed"
    more = say(f"matrix.{key}")
    return say("matrix.triangle", below=facts.lower, own=own, above=facts.upper, chance=chance, more=more)


def _say_labels(facts: AgainstLabels) -> Sentence:
    names = Listed([say(CONTROLS[name].phrase) for name in facts.controls], "list.or")
    return say("matrix.labels", names=names, n=facts.n_reached, of=facts.n_cells)


def _say_random(facts: AgainstRandom) -> list[Sentence]:
    if facts.everywhere:
        return [say("matrix.all_reached", n=facts.n_cells)]
    lead = say(
        "matrix.lead",
        sender=facts.lead.sender_cut,
        receiver=facts.lead.receiver_cut,
        score=facts.lead.score,
        best=facts.lead.best,
        control=say(CONTROLS[facts.lead.control].phrase),
    )
    if facts.n_reached == 0:
        return [say("matrix.none_reached", n=facts.n_cells, lead=lead)]
    by_name = Listed(
        [say("matrix.with", n=n, control=say(CONTROLS[name].phrase)) for name, n in facts.by_control.items()]
    )
    return [
        say("matrix.some_reached", n=facts.n_reached, of=facts.n_cells, by_name=by_name),
        say("matrix.rest", n=facts.n_cells - facts.n_reached, lead=lead),
    ]
