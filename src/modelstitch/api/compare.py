"""The verbs that fit one pair: compare two networks; stitch one cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelstitch.api.choices import CutNames, PairChoices
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.stitched import Stitched
from modelstitch.models.given import Model, in_eval_mode
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import BySide
from modelstitch.runs.prepare import OutputChoice, prepare
from modelstitch.runs.run import BUDGET
from modelstitch.specs import (
    DEFAULT_FAMILY,
    VERDICT_CONTROLS,
    DataSpec,
    EvidenceSpec,
    FitSpec,
    RandomName,
    StitchSpec,
)
from modelstitch.util.arguments import checked
from modelstitch.util.progress import ProgressChoice, listening
from modelstitch.util.random_state import keeping_random_state


@checked(renamed={"stitches": "stitch"})
@keeping_random_state
def compare(
    sender: Model,
    receiver: Model,
    data: DataSpec | Any,
    *,
    out: str | Path | None = None,
    cuts: CutNames | None = None,
    sender_cuts: CutNames | None = None,
    receiver_cuts: CutNames | None = None,
    stitch: StitchSpec | str | Sequence[StitchSpec | str] = DEFAULT_FAMILY,
    ladder: bool = False,
    fit: FitSpec | None = None,
    controls: str | Sequence[str] = VERDICT_CONTROLS,
    evidence: str | Sequence[str] | EvidenceSpec = "standard",
    seeds: int | Sequence[int] = 0,
    random: RandomName = "redraw",
    sender_output: str | int | None = None,
    receiver_output: str | int | None = None,
    sender_output_scale: str | None = None,
    receiver_output_scale: str | None = None,
    names: tuple[str, str] | None = None,
    device: str = "auto",
    allow_untrained: bool = False,
    budget: Budget = BUDGET,
    pictures: bool = False,
    cache: str | Path | None = None,
    progress: ProgressChoice = None,
) -> Comparison:
    """Stitch every sender cut into every receiver cut and score each stitched network on held-out examples.

    Args:
        sender, receiver: a source's name, a ModelSpec, a Network, any ``torch.nn.Module``, or what
            ``torch.export`` made of one. Both are frozen and run in eval mode; a module of yours gets its own
            mode back afterwards.
        data: a source's name, a DataSpec, Data, ``(x, y)``, a Dataset, or a pair (train, held-out) or a
            mapping (``train``, ``test`` or ``validation``) of these last two.
        out: run folder; an existing one is continued, and grows by what it lacks of seeds, cuts, stitches,
            controls and evidence. By default nothing is written.
        cuts: one cut or several of both models, by name or from :func:`cuts`; by default the ends of all
            blocks.
        sender_cuts, receiver_cuts: cuts of one model, instead of ``cuts``.
        stitch: one stitch or several, such as ``"affine"`` or ``["affine", "lowrank(8)"]``;
            :func:`list_stitches` says which there are.
        ladder: fit the eleven stitches of the ladder instead, from ``identity`` to ``mlp(64)``;
            :func:`capacity_curves` reads them.
        fit: optimiser and schedule; by default fast, and as long as it gains.
        controls: one grid or several to run beside the real one; by default those that a verdict needs,
            ``"none"`` or ``()`` for none, ``"all"`` for all. :func:`list_controls` says what each is.
        evidence: one kind or several to measure, or ``"standard"``, ``"all"`` or ``"none"``;
            :func:`list_evidence` says what each is.
        seeds: one fitting seed or several; each also draws its own untrained copies.
        random: what becomes of tensors of an untrained copy that nothing draws: ``"redraw"`` refuses them by
            name, ``"permute"`` permutes each within itself, which the result says.
        sender_output, receiver_output: which of several outputs is scored, by name or number; by default the
            one that fits the labels, where there is one such.
        sender_output_scale, receiver_output_scale: what outputs are, where it cannot be recognised:
            ``"logits"``, ``"probabilities"``, ``"log-probabilities"``, ``"sigmoid"`` or ``"log-sigmoid"``.
        names: what to call sender and receiver in every answer, such as ``("old", "new")``; by default by
            their source or their class.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        allow_untrained: whether to go on with a receiver that does no better than a guess; no verdict is made
            then. Without it such a receiver is refused, with the likely causes.
        budget: how much memory the sender's representations may take.
        pictures: whether to write ``pictures.png`` to ``out``: what stitches into the receiver's input make.
        cache: folder where captured graphs are kept, and looked for first; what is found there is certified
            again. Its files hold neither code nor weights, and no number depends on it.
        progress: by default a bar in a terminal or a notebook, and nothing elsewhere; True for news
            everywhere, False for none, or a :class:`Progress` of your own, or a list of them.

    On a processor, cells are fitted side by side, one thread each, on the cores that this process may use.
    Until the call returns, torch's own thread count is that of one cell, for threads that start meanwhile
    too; then it is put back. No number depends on how many cores there are, while each cell has one thread.

    Returns:
        All cells with their baselines, evidence and verdicts.

    Raises:
        InputError: an argument cannot be used; the message says which, and what to give instead.
        TruthError: a check of the run failed, so that its numbers must not be believed.

    Source: Hernandez et al. 2022, section 3.

    Example:
        ``old`` and ``new`` are two trained modules, ``images`` and ``labels`` tensors.

        >>> import modelstitch as ms
        >>> result = ms.compare(
        ...     old,
        ...     new,
        ...     (images, labels),
        ...     cuts=["2", "4"],
        ...     fit=ms.FitSpec(steps=40),
        ...     controls="none",
        ...     evidence="none",
        ...     names=("old", "new"),
        ... )
        >>> result
        Comparison(old into new on in memory: 4 cells, controls trained)
        >>> bool(result.matrix().sel(sender_cut="2", receiver_cut="2") > 0.5)
        True
    """
    choices = PairChoices(
        cuts=cuts,
        sender_cuts=sender_cuts,
        receiver_cuts=receiver_cuts,
        stitch=stitch,
        ladder=ladder,
        fit=fit,
        controls=controls,
        evidence=evidence,
        seeds=seeds,
        random=random,
        allow_untrained=allow_untrained,
        budget=budget,
        pictures=pictures,
        cache=cache,
    )
    outputs = BySide(
        OutputChoice(sender_output, sender_output_scale), OutputChoice(receiver_output, receiver_output_scale)
    )
    folder = None if out is None else Path(out)
    with in_eval_mode((sender, receiver)), listening(progress) as listener:
        return choices.compare(
            sender,
            receiver,
            data,
            out=folder,
            device=device,
            outputs=outputs,
            names=None if names is None else BySide(*names),
            progress=listener,
        )


@checked(renamed={"family": "stitch"})
@keeping_random_state
def stitch(
    sender: Model,
    sender_cut: str,
    receiver: Model,
    receiver_cut: str,
    data: DataSpec | Any,
    *,
    stitch: StitchSpec | str = DEFAULT_FAMILY,
    fit: FitSpec | None = None,
    seed: int = 0,
    sender_output: str | int | None = None,
    receiver_output: str | int | None = None,
    sender_output_scale: str | None = None,
    receiver_output_scale: str | None = None,
    names: tuple[str, str] | None = None,
    device: str = "auto",
    allow_untrained: bool = False,
    budget: Budget = BUDGET,
    cache: str | Path | None = None,
    progress: ProgressChoice = None,
) -> Stitched:
    """Fit one stitch and return the stitched network as an ordinary module.

    Args:
        sender, receiver: as for :func:`compare`.
        sender_cut, receiver_cut: the name of the cut where the sender ends, and where the receiver begins.
        data: as for :func:`compare`.
        stitch: the stitch to fit, such as ``"affine"`` or ``"lowrank(8)"``.
        fit, device, allow_untrained, budget, cache: as for :func:`compare`.
        seed: of the fit.
        sender_output, receiver_output, sender_output_scale, receiver_output_scale, names, progress: as for
            :func:`compare`.

    Returns:
        A module with ``.stitch``, ``.accuracy`` (held-out) and ``.score(part)``; its halves share the
        parameters of the two networks.

    Raises:
        InputError: an argument cannot be used.
        TruthError: a check failed.

    Example:
        ``old`` and ``new`` are two trained modules, ``images`` and ``labels`` tensors.

        >>> import modelstitch as ms
        >>> stitched = ms.stitch(old, "2", new, "2", (images, labels), fit=ms.FitSpec(steps=40))
        >>> stitched(images[:3]).shape
        torch.Size([3, 10])
    """
    with in_eval_mode((sender, receiver)), listening(progress) as listener:
        session = prepare(
            sender,
            receiver,
            data,
            sender_cuts=(sender_cut,),
            receiver_cuts=(receiver_cut,),
            stitches=(stitch,),
            fit=fit,
            controls=(),
            seeds=(seed,),
            outputs=BySide(
                OutputChoice(sender_output, sender_output_scale),
                OutputChoice(receiver_output, receiver_output_scale),
            ),
            names=None if names is None else BySide(*names),
            device=device,
            allow_untrained=allow_untrained,
            cache=None if cache is None else Path(cache),
            progress=listener,
        )
        listener.start(1, 0)
        (fitted,) = fit_grid(session.pair, session.cells, session.spec.fit, budget)
        listener.cell(str(fitted.spec), fitted.accuracy)
        pair = session.pair
        return Stitched(fitted.spec, fitted.stitch, fitted.accuracy, pair.sender, pair.receiver)
