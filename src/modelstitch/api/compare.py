"""The verbs that fit: compare two networks or all pairs of several, by several labels; stitch one cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from modelstitch.cutting import Cut
from modelstitch.data.several_labels import by_each, run_folders
from modelstitch.errors import SpecError
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.pool import Pool
from modelstitch.grid.stitched import Stitched
from modelstitch.models.given import Model, as_network, device_for, in_eval_mode
from modelstitch.results.by_labels import ByLabels
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import BySide
from modelstitch.results.pairs import Comparisons
from modelstitch.runs.database import Writing, expect_experiment
from modelstitch.runs.pairs import pair_folders, planned, write_whole
from modelstitch.runs.prepare import (
    NO_OUTPUTS,
    OutputChoice,
    OutputChoices,
    expect_trained,
    in_colour,
    prepare,
    read,
    read_alike,
)
from modelstitch.runs.run import BUDGET, run
from modelstitch.specs import (
    DEFAULT_FAMILY,
    VERDICT_CONTROLS,
    DataSpec,
    EvidenceSpec,
    FitSpec,
    RandomName,
    StitchSpec,
    control_names,
)
from modelstitch.stitches.ladder import LADDER, stitches_named
from modelstitch.util.arguments import checked, several
from modelstitch.util.progress import Progress, ProgressChoice, listening
from modelstitch.util.random_state import keeping_random_state

CutNames: TypeAlias = str | Cut | Sequence[str | Cut]
"""One cut or several, by name or as :func:`modelstitch.cuts` lists them."""


@dataclass(frozen=True, kw_only=True)
class _Options:
    """What :func:`compare` and :func:`compare_all` take alike, for one pair or for each."""

    cuts: CutNames | None
    sender_cuts: CutNames | None
    receiver_cuts: CutNames | None
    stitch: StitchSpec | str | Sequence[StitchSpec | str]
    ladder: bool
    fit: FitSpec | None
    controls: str | Sequence[str]
    evidence: str | Sequence[str] | EvidenceSpec
    seeds: int | Sequence[int]
    random: RandomName
    allow_untrained: bool
    budget: Budget
    pictures: bool

    def compare(
        self,
        sender: Model,
        receiver: Model,
        data: DataSpec | Any,
        *,
        out: Path | None,
        device: str,
        progress: Progress,
        writing: Writing | None = None,
        pool: Pool | None = None,
        outputs: OutputChoices = NO_OUTPUTS,
        names: BySide[str] | None = None,
    ) -> Comparison:
        """Prepare and run one pair."""
        session = prepare(
            sender,
            receiver,
            data,
            cuts=_names("cuts", self.cuts),
            sender_cuts=_names("sender_cuts", self.sender_cuts),
            receiver_cuts=_names("receiver_cuts", self.receiver_cuts),
            stitches=self._stitches(),
            fit=self.fit,
            controls=control_names(several(self.controls)),
            seeds=several(self.seeds),
            random=self.random,
            outputs=outputs,
            names=names,
            device=device,
            allow_untrained=self.allow_untrained,
            pool=pool,
            progress=progress,
        )
        found = run(
            session,
            out=out,
            budget=self.budget,
            evidence=self.evidence_spec(),
            pictures=self.pictures,
            writing=writing,
            progress=progress,
        )
        progress.finished(found)
        return found

    def evidence_spec(self) -> EvidenceSpec:
        """Return the evidence as a spec."""
        if isinstance(self.evidence, EvidenceSpec):
            return self.evidence
        return EvidenceSpec.parse(several(self.evidence))

    def _stitches(self) -> tuple[StitchSpec, ...]:
        if not self.ladder:
            return stitches_named(several(self.stitch))
        if several(self.stitch) != (DEFAULT_FAMILY,):
            raise SpecError("expected either ladder=True or stitch, got both: the ladder has all families")
        return LADDER


def _names(option: str, cuts: CutNames | None) -> tuple[str, ...] | None:
    if cuts is None:
        return None
    names = tuple(cut.name if isinstance(cut, Cut) else cut for cut in several(cuts))
    if not names:
        raise SpecError(
            f"expected at least one cut in {option}, got none: leave {option} out for the ends of all blocks"
        )
    return names


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
        progress: by default a bar in a terminal or a notebook, and nothing elsewhere; True for news
            everywhere, False for none, or a :class:`Progress` of your own, or a list of them.

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
    options = _Options(
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
    )
    outputs = BySide(
        OutputChoice(sender_output, sender_output_scale), OutputChoice(receiver_output, receiver_output_scale)
    )
    folder = None if out is None else Path(out)
    with in_eval_mode((sender, receiver)), listening(progress) as listener:
        return options.compare(
            sender,
            receiver,
            data,
            out=folder,
            device=device,
            outputs=outputs,
            names=None if names is None else BySide(*names),
            progress=listener,
        )


@checked(renamed={"stitches": "stitch"})
@keeping_random_state
def compare_all(
    models: Mapping[str, Model],
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
    device: str = "auto",
    allow_untrained: bool = False,
    budget: Budget = BUDGET,
    pictures: bool = False,
    progress: ProgressChoice = None,
) -> Comparisons:
    """Compare every ordered pair of different models; what depends on one model alone is computed once.

    Each model is loaded, captured and scored once. The training representations of a sender are computed once
    for all receivers, if they fit the budget in one pass. So n models cost n times that work, and n (n - 1)
    times the fits.

    Args:
        models: two or more, by the names that they get in the answer and in the run folder.
        data: as for :func:`compare`.
        out: folder of the experiment: one database with a column for the pair, ``cells.csv`` and
            ``verdicts.csv`` with another, a page of all pairs, and a folder for the stitches, the tables and
            the page of each pair, called ``SENDER-into-RECEIVER``. :func:`load` opens all, or the folder of
            one pair. A folder that exists is continued, and grows by models.
        cuts, sender_cuts, receiver_cuts, stitch, fit, controls, evidence, seeds, random: as for
            :func:`compare`, the same for every pair.
        ladder, device, allow_untrained, budget, pictures, progress: as for :func:`compare`.

    Returns:
        Comparisons by (sender, receiver), with ``.similarity()``, ``.heatmap()``, ``.dendrogram()``,
        ``.embedding()``, ``.to_frame()``, ``.report()`` and ``.save()``.

    Raises:
        InputError: an argument cannot be used, or there are fewer than two models.
        TruthError: a check of a run failed.

    Example:
        ``old`` and ``new`` are two trained modules, ``images`` and ``labels`` tensors.

        >>> import modelstitch as ms
        >>> short = {"fit": ms.FitSpec(steps=5), "controls": "none", "evidence": "none"}
        >>> every = ms.compare_all({"old": old, "new": new}, (images, labels), cuts="2", **short)
        >>> every
        Comparisons(2 models, 2 pairs: old, new)
        >>> every["old", "new"].matrix().shape
        (1, 1)
    """
    options = _Options(
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
    )
    if len(models) < 2:
        raise SpecError(f"expected at least two models, got {len(models)}")
    options.evidence_spec()  # refused before anything is loaded
    folder = None if out is None else Path(out)
    folders = pair_folders(folder, list(models))
    if folder is not None:
        expect_experiment(folder, planned(list(models)))  # refused before anything is loaded
    where = device_for(device, models.values())
    with in_eval_mode(models.values()), listening(progress) as listener, ExitStack() as stack:
        writing = None if folder is None else stack.enter_context(Writing(folder, planned(list(models))))
        networks = {
            name: as_network(model, name, seed, where) for seed, (name, model) in enumerate(models.items())
        }
        if isinstance(data, DataSpec):
            data = read_alike(data, list(networks.values()))
        pool = Pool(read(data, list(networks.values())).to(where), many=True)
        if not allow_untrained:  # each is a receiver of some pair, and is refused before any is fitted
            for network in networks.values():
                expect_trained(pool.side(in_colour(network, pool.data)))
        found = {}
        for (sender, receiver), run_folder in folders.items():
            listener.stage(f"{sender} into {receiver}")
            found[sender, receiver] = options.compare(
                networks[sender],
                networks[receiver],
                data,
                out=run_folder,
                names=BySide(sender, receiver),
                device=str(where),
                writing=writing,
                pool=pool,
                progress=listener,
            )
        if folder is None:
            return Comparisons(found)
        # With the pairs that the folder had before.
        write_whole(folder)
    return Comparisons(found)


@checked(forwards=compare)
@keeping_random_state
def compare_labels(
    sender: Model,
    receiver: Model,
    data: DataSpec | Any,
    labels: str | Sequence[str] | None = None,
    *,
    out: str | Path | None = None,
    **options: Any,
) -> ByLabels:
    """Compare one pair by several label sets, or by several tasks, and put the answers beside each other.

    For each of them stitches are fitted, controls run and verdicts made as by :func:`compare`, since *within
    class* and what a label-only sender holds are another thing for each. So n label sets cost n times as
    much.

    Args:
        sender, receiver: as for :func:`compare`.
        data: as for :func:`compare`, by their finest labels. Without ``labels``: data for each name, such as
            ``{"class": data, "quality": ms.data_from(images, scores, task=task)}``.
        labels: names of label sets of the data, ``"finest"`` for the labels that they come with.
        out: folder of run folders, one a label set, called by its name, and of ``label-sets.csv``.
        options: as for :func:`compare`, the same for all.

    Raises:
        InputError: an argument cannot be used, fewer than two label sets, or one that the data do not have;
            nothing has been fitted then.
        TruthError: a check of a run failed.

    Example:
        ``old`` and ``new`` are two modules that were trained on the digits.

        >>> import modelstitch as ms
        >>> short = {"fit": ms.FitSpec(steps=5), "controls": "none", "evidence": "none"}
        >>> found = ms.compare_labels(old, new, "digits", ["finest", "parity"], cuts="2", **short)
        >>> found.tried_for
        ('finest', 'parity')
    """
    by_name: dict[str, Any]
    if labels is not None:
        by_name = by_each(data, several(labels))
    elif isinstance(data, Mapping):
        by_name = dict(data)
    else:
        raise SpecError("expected label sets, or data for each of several names, got neither")
    if len(by_name) < 2:
        raise SpecError(f"expected data by at least two names, got {', '.join(map(str, by_name)) or 'none'}")
    folders = run_folders(out, by_name)
    found = {}
    with listening(options.pop("progress", None)) as listener:
        for name, one in by_name.items():
            listener.stage(f"label set {name}")
            found[name] = compare(
                sender, receiver, one, out=folders[name], **{**options, "progress": listener}
            )
    by_labels = ByLabels(found)
    if out is not None:
        by_labels.write(out)
    return by_labels


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
    progress: ProgressChoice = None,
) -> Stitched:
    """Fit one stitch and return the stitched network as an ordinary module.

    Args:
        sender, receiver: as for :func:`compare`.
        sender_cut, receiver_cut: the name of the cut where the sender ends, and where the receiver begins.
        data: as for :func:`compare`.
        stitch: the stitch to fit, such as ``"affine"`` or ``"lowrank(8)"``.
        fit, device, allow_untrained, budget: as for :func:`compare`.
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
            progress=listener,
        )
        listener.start(1, 0)
        (fitted,) = fit_grid(session.pair, session.cells, session.spec.fit, budget)
        listener.cell(str(fitted.spec), fitted.accuracy)
        pair = session.pair
        return Stitched(fitted.spec, fitted.stitch, fitted.accuracy, pair.sender, pair.receiver)
