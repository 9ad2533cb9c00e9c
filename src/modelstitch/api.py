"""The verbs: compare two networks or all pairs of several, stitch one cell, load a finished run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from modelstitch.adoption.candidates.candidate import Candidates
from modelstitch.adoption.candidates.reuse import BATCHES, MARGIN, ReuseSpec
from modelstitch.adoption.candidates.reuse import candidates as find_candidates
from modelstitch.adoption.pilot.original import Against
from modelstitch.adoption.pilot.outcome import PilotOutcome
from modelstitch.adoption.pilot.run import PilotSpec
from modelstitch.adoption.pilot.run import pilot as run_pilot
from modelstitch.adoption.summary.of_folder import candidate_folders
from modelstitch.adoption.verify.record import Verification
from modelstitch.adoption.verify.verbs import verify_either
from modelstitch.data.several_labels import by_each, run_folders
from modelstitch.errors import RunError, SpecError
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.pool import Pool
from modelstitch.grid.stitched import Stitched
from modelstitch.models.given import Model, as_network, device_for, in_eval_mode
from modelstitch.report import markdown, page, write_page
from modelstitch.report.beyond import BeyondRun
from modelstitch.results.by_labels import ByLabels
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import BySide
from modelstitch.results.reuse_table import reuse_table_from
from modelstitch.runs.prepare import NO_OUTPUTS, OutputChoice, OutputChoices, prepare, read, read_alike
from modelstitch.runs.reader import read_run
from modelstitch.runs.run import BUDGET, run
from modelstitch.runs.sums import note_written
from modelstitch.specs import (
    DEFAULT_FAMILY,
    VERDICT_CONTROLS,
    DataSpec,
    EvidenceSpec,
    FitSpec,
    RandomName,
    StitchSpec,
)
from modelstitch.util.progress import SILENT, Progress
from modelstitch.util.random_state import kept_random_state

P = ParamSpec("P")
R = TypeVar("R")


def _renamed(old: str, new: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Refuse the former name of a keyword with a message that gives the present one."""

    def decorate(verb: Callable[P, R]) -> Callable[P, R]:
        @wraps(verb)
        def call(*arguments: P.args, **named: P.kwargs) -> R:
            if old in named:
                raise TypeError(f"{verb.__name__}() has no argument {old!r} any more: it is called {new!r}")
            return verb(*arguments, **named)

        return call

    return decorate


def _keeping_random_state(verb: Callable[P, R]) -> Callable[P, R]:
    """Leave the global random states behind a verb as they were: models and data of a caller may draw."""

    @wraps(verb)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        with kept_random_state():
            return verb(*arguments, **named)

    return call


@dataclass(frozen=True, kw_only=True)
class _Options:
    """What :func:`compare` and :func:`compare_all` take alike, for one pair or for each."""

    cuts: str | Sequence[str] | None
    sender_cuts: str | Sequence[str] | None
    receiver_cuts: str | Sequence[str] | None
    stitch: StitchSpec | str | Sequence[StitchSpec | str]
    fit: FitSpec | None
    controls: str | Sequence[str]
    evidence: str | Sequence[str] | EvidenceSpec
    seeds: int | Sequence[int]
    random: RandomName
    budget: Budget
    pictures: bool
    progress: Progress

    def compare(
        self,
        sender: Model,
        receiver: Model,
        data: Any,
        *,
        out: Path | None,
        device: str,
        pool: Pool | None = None,
        outputs: OutputChoices = NO_OUTPUTS,
    ) -> Comparison:
        """Prepare and run one pair."""
        session = prepare(
            sender,
            receiver,
            data,
            cuts=_several(self.cuts),
            sender_cuts=_several(self.sender_cuts),
            receiver_cuts=_several(self.receiver_cuts),
            stitches=(self.stitch,) if isinstance(self.stitch, str | StitchSpec) else self.stitch,
            fit=self.fit,
            controls=_several(self.controls) or (),
            seeds=(self.seeds,) if isinstance(self.seeds, int) else self.seeds,
            random=self.random,
            outputs=outputs,
            device=device,
            pool=pool,
            progress=self.progress,
        )
        return run(
            session,
            out=out,
            budget=self.budget,
            evidence=self.evidence_spec(),
            pictures=self.pictures,
            progress=self.progress,
        )

    def evidence_spec(self) -> EvidenceSpec:
        """Return the evidence as a spec."""
        if isinstance(self.evidence, EvidenceSpec):
            return self.evidence
        return EvidenceSpec.parse(_several(self.evidence) or ())


def _several(names: str | Sequence[str] | None) -> Sequence[str] | None:
    return (names,) if isinstance(names, str) else names


@_renamed("stitches", "stitch")
@_keeping_random_state
def compare(
    sender: Model,
    receiver: Model,
    data: Any,
    *,
    out: str | Path | None = None,
    cuts: str | Sequence[str] | None = None,
    sender_cuts: str | Sequence[str] | None = None,
    receiver_cuts: str | Sequence[str] | None = None,
    stitch: StitchSpec | str | Sequence[StitchSpec | str] = DEFAULT_FAMILY,
    fit: FitSpec | None = None,
    controls: str | Sequence[str] = VERDICT_CONTROLS,
    evidence: str | Sequence[str] | EvidenceSpec = "standard",
    seeds: int | Sequence[int] = 0,
    random: RandomName = "redraw",
    sender_output: str | int | None = None,
    receiver_output: str | int | None = None,
    sender_output_scale: str | None = None,
    receiver_output_scale: str | None = None,
    device: str = "auto",
    budget: Budget = BUDGET,
    pictures: bool = False,
    progress: Progress = SILENT,
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
        cuts: names of cuts of both models; by default the ends of all blocks.
        sender_cuts, receiver_cuts: names of cuts of one model, instead of ``cuts``.
        stitch: one stitch or several, such as ``"affine"`` or ``["affine", "lowrank(8)"]``.
        fit: optimiser and schedule; by default fast, and as long as it gains.
        controls: grids to run beside the real one; by default those that a verdict needs, ``()`` for none.
        evidence: kinds of evidence to measure, or ``"standard"`` or ``"all"``; ``()`` for none.
        seeds: fitting seeds; each also draws its own untrained copies.
        random: what becomes of tensors of an untrained copy that nothing draws: ``"redraw"`` refuses them by
            name, ``"permute"`` permutes each within itself, which the result says.
        sender_output, receiver_output: which of several outputs is scored, by name or number; by default the
            one that fits the labels, where there is one such.
        sender_output_scale, receiver_output_scale: what outputs are, where it cannot be recognised:
            ``"logits"``, ``"probabilities"``, ``"log-probabilities"``, ``"sigmoid"`` or ``"log-sigmoid"``.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        budget: how much memory the sender's representations may take.
        pictures: whether to write ``pictures.png`` to ``out``: what stitches into the receiver's input make.
        progress: receives news of the run.

    Returns:
        All cells with their baselines, evidence and verdicts.

    Raises:
        InputError: an argument cannot be used; the message says which, and what to give instead.
        TruthError: a check of the run failed, so that its numbers must not be believed.

    Source: Hernandez et al. 2022, section 3.
    """
    options = _Options(
        cuts=cuts,
        sender_cuts=sender_cuts,
        receiver_cuts=receiver_cuts,
        stitch=stitch,
        fit=fit,
        controls=controls,
        evidence=evidence,
        seeds=seeds,
        random=random,
        budget=budget,
        pictures=pictures,
        progress=progress,
    )
    outputs = BySide(
        OutputChoice(sender_output, sender_output_scale), OutputChoice(receiver_output, receiver_output_scale)
    )
    folder = None if out is None else Path(out)
    with in_eval_mode((sender, receiver)):
        return options.compare(sender, receiver, data, out=folder, device=device, outputs=outputs)


@_renamed("stitches", "stitch")
@_keeping_random_state
def compare_all(
    models: Mapping[str, Model],
    data: Any,
    *,
    out: str | Path | None = None,
    cuts: str | Sequence[str] | None = None,
    sender_cuts: str | Sequence[str] | None = None,
    receiver_cuts: str | Sequence[str] | None = None,
    stitch: StitchSpec | str | Sequence[StitchSpec | str] = DEFAULT_FAMILY,
    fit: FitSpec | None = None,
    controls: str | Sequence[str] = VERDICT_CONTROLS,
    evidence: str | Sequence[str] | EvidenceSpec = "standard",
    seeds: int | Sequence[int] = 0,
    random: RandomName = "redraw",
    device: str = "auto",
    budget: Budget = BUDGET,
    pictures: bool = False,
    progress: Progress = SILENT,
) -> dict[tuple[str, str], Comparison]:
    """Compare every ordered pair of different models; what depends on one model alone is computed once.

    Each model is loaded, captured and scored once. The training representations of a sender are computed once
    for all receivers, if they fit the budget in one pass. So n models cost n times that work, and n (n - 1)
    times the fits.

    Args:
        models: two or more, by the names that they get in the answer and in the run folder.
        data: as for :func:`compare`.
        out: folder of run folders, one a pair, called ``SENDER-into-RECEIVER``.
        cuts, sender_cuts, receiver_cuts, stitch, fit, controls, evidence, seeds, random: as for
            :func:`compare`, the same for every pair.
        device, budget, pictures, progress: likewise.

    Returns:
        Comparisons by (sender, receiver).

    Raises:
        InputError: an argument cannot be used, or there are fewer than two models.
        TruthError: a check of a run failed.
    """
    options = _Options(
        cuts=cuts,
        sender_cuts=sender_cuts,
        receiver_cuts=receiver_cuts,
        stitch=stitch,
        fit=fit,
        controls=controls,
        evidence=evidence,
        seeds=seeds,
        random=random,
        budget=budget,
        pictures=pictures,
        progress=progress,
    )
    if len(models) < 2:
        raise SpecError(f"expected at least two models, got {len(models)}")
    options.evidence_spec()  # refused before anything is loaded
    where = device_for(device, models.values())
    with in_eval_mode(models.values()):
        networks = {
            name: as_network(model, name, seed, where) for seed, (name, model) in enumerate(models.items())
        }
        if isinstance(data, DataSpec):
            data = read_alike(data, list(networks.values()))
        pool = Pool(read(data, list(networks.values())).to(where), many=True)
        return {
            (sender, receiver): options.compare(
                networks[sender],
                networks[receiver],
                data,
                out=None if out is None else Path(out) / f"{sender}-into-{receiver}",
                device=str(where),
                pool=pool,
            )
            for sender, receiver in itertools.permutations(networks, 2)
        }


@_keeping_random_state
def compare_labels(
    sender: Model,
    receiver: Model,
    data: Any,
    labels: Sequence[str] | None = None,
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
    """
    if labels is None and not isinstance(data, Mapping):
        raise SpecError("expected label sets, or data for each of several names, got neither")
    by_name = dict(data) if labels is None else by_each(data, labels)
    if len(by_name) < 2:
        raise SpecError(f"expected data by at least two names, got {', '.join(map(str, by_name)) or 'none'}")
    folders = run_folders(out, by_name)
    found = ByLabels(
        {name: compare(sender, receiver, one, out=folders[name], **options) for name, one in by_name.items()}
    )
    if out is not None:
        found.write(out)
    return found


@_renamed("family", "stitch")
@_keeping_random_state
def stitch(
    sender: Model,
    sender_cut: str,
    receiver: Model,
    receiver_cut: str,
    data: Any,
    *,
    stitch: StitchSpec | str = DEFAULT_FAMILY,
    fit: FitSpec | None = None,
    seed: int = 0,
    sender_output: str | int | None = None,
    receiver_output: str | int | None = None,
    sender_output_scale: str | None = None,
    receiver_output_scale: str | None = None,
    device: str = "auto",
    budget: Budget = BUDGET,
) -> Stitched:
    """Fit one stitch and return the stitched network as an ordinary module.

    Args:
        sender, receiver: as for :func:`compare`.
        sender_cut, receiver_cut: the name of the cut where the sender ends, and where the receiver begins.
        data: as for :func:`compare`.
        stitch: the stitch to fit, such as ``"affine"`` or ``"lowrank(8)"``.
        fit, device, budget: as for :func:`compare`.
        seed: of the fit.
        sender_output, receiver_output, sender_output_scale, receiver_output_scale: as for :func:`compare`.

    Returns:
        A module with ``.stitch``, ``.accuracy`` (held-out) and ``.score(part)``; its halves share the
        parameters of the two networks.

    Raises:
        InputError: an argument cannot be used.
        TruthError: a check failed.
    """
    with in_eval_mode((sender, receiver)):
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
            device=device,
        )
        (fitted,) = fit_grid(session.pair, session.cells, session.spec.fit, budget)
        pair = session.pair
        return Stitched(fitted.spec, fitted.stitch, fitted.accuracy, pair.sender, pair.receiver)


def load(path: str | Path) -> Comparison:
    """Load a comparison from a run folder, or from a file that :meth:`Comparison.save` wrote.

    Raises:
        RunError: neither of them.
    """
    path = Path(path)
    if path.is_dir():
        return read_run(path)
    if not path.exists():
        raise RunError(f"no run folder or saved comparison at {str(path)!r}")
    return Comparison.read(path)


@_keeping_random_state
def candidates(
    comparison: Comparison,
    margin: float = MARGIN,
    *,
    rank_by: str = "multiply-adds",
    latency: bool = True,
    progress: Progress = SILENT,
) -> Candidates:
    """Return the cells that are worth looking at for reuse: what each saves, what it loses, how sure that is.

    Cells that cost less than a network that they could replace are chosen on half of the held-out examples,
    and measured on 30 % of them. All cells of the run are looked at; ``modelstitch reuse`` fits only those
    that can be worth it.

    Args:
        comparison: what :func:`compare` returned, or :func:`load` of a run folder.
        margin: points of score up to which a candidate counts as no worse.
        rank_by: ``"score"``, ``"multiply-adds"``, ``"parameters"`` or ``"latency"``.
        latency: whether to measure latency at batch 1 and 64.
        progress: receives news.

    Returns:
        The table; ``.outcome`` is ``"candidate"``, ``"undecided"`` or ``"none"``.

    Raises:
        InputError: the run has no networks, too few held-out examples, or a receiver without a score.

    Source: Tango 1998 (intervals of paired answers); Waudby-Smith & Ramdas 2024 (of other scores).
    """
    wanted = ReuseSpec(margin=margin, rank_by=rank_by, batches=BATCHES if latency else ())
    return find_candidates(comparison, wanted, progress)


@_keeping_random_state
def verify(
    folder: str | Path,
    by: str,
    *,
    sample: int = 8,
    seed: int = 0,
    data: Any = None,
    progress: Progress = SILENT,
) -> Verification:
    """Check a run folder, or the folder of a candidate, again; the record is added to it.

    Of a run: its files and rows against their sums, networks and data by their content, some of its cells
    scored again, one fitted again. Of a candidate: its files and ledger, its forms against each other, and
    with its data the score of its card.

    Args:
        folder: of a run or a candidate.
        by: who checks.
        sample: of a run, how many cells of the real grid and of the controls are scored again.
        seed: of the random choice of cells, or of the inputs that forms are compared on.
        data: where the data of the run lie; of a candidate any data as for :func:`compare`.
        progress: receives news.

    Returns:
        What was checked, what holds, and what was not checked.

    Raises:
        InputError: the folder holds neither, or what it needs cannot be loaded.
    """
    return verify_either(Path(folder), by, sample=sample, seed=seed, data=data, trust=None, progress=progress)


@_keeping_random_state
def pilot(
    folder: str | Path,
    data: Any = None,
    *,
    by: str,
    against: Model = "receiver",
    source: str | None = None,
    weights: str | None = None,
    margin: float | None = None,
    at_most: int | None = None,
    state: str | Path | None = None,
    labels: str | Path | None = None,
    group_column: str | None = None,
    seed: int | None = None,
    progress: Progress = SILENT,
) -> PilotOutcome:
    """Try a candidate beside an original on new examples, or go on; its ledger gets one line.

    Args:
        folder: of the candidate.
        data: new examples: a source's name, :class:`Data`, or ``(x, y)`` with None for ``y``, or -1 in it,
            where there is no label; None where labels alone are given.
        by: who runs it.
        against: ``"receiver"``, ``"sender"``, or any model.
        source, weights: where that original is, and its weights file, if not where the card says.
        margin: the most of the score that may be lost, by default that of the card.
        at_most: examples after which the pilot ends, by default 10,000.
        state: its folder, by default one beside the candidate.
        labels: CSV table with the columns ``example`` and ``label``.
        group_column: of the new data, by default that of the run.
        seed: of the order of examples.
        progress: receives news.

    Returns:
        What the pilot says; ``.decision.result`` is ``"passed"``, ``"failed"`` or ``"undecided"``.

    Raises:
        InputError: a folder whose files changed, another original than the card says, a state folder of
            another pilot, or data that do not fit.

    Source: Waudby-Smith & Ramdas 2024 (arXiv 2010.09686).
    """
    options = PilotSpec(
        by=by,
        against=Against(what=against, source=source, weights=weights),
        margin=margin,
        horizon=at_most,
        state=None if state is None else Path(state),
        labels=None if labels is None else Path(labels),
        seed=seed,
        group_column=group_column,
    )
    with in_eval_mode((against,)):
        return run_pilot(folder, data, options, progress)


def write_report(
    comparison: Comparison,
    path: str | Path,
    *,
    found: Candidates | None = None,
    folders: Sequence[str | Path] = (),
    language: str = "en",
    paths: bool = False,
) -> None:
    """Write the report of a comparison: one HTML file, or Markdown if ``path`` ends in ``.md``.

    Args:
        comparison: what was run, or loaded.
        path: the file to write.
        found: what :func:`candidates` returned for this comparison; without it the page says how to find out.
        folders: candidates that were exported from it, whose records the page tells.
        language: ``"en"`` or ``"ja"``.
        paths: show paths of this machine in full, instead of their last part.

    Raises:
        SpecError: no such language, or candidates of another comparison.
        RunError: no cell is finished yet, a folder is no candidate of it, or the file cannot be written.
    """
    path = Path(path)
    table = None if found is None else reuse_table_from(found.to_json())
    if table is not None and not table.is_of(comparison):
        raise SpecError(
            "expected candidates of this comparison, got those of another one, or of it before it grew: ask "
            "candidates(comparison) again"
        )
    beyond = BeyondRun(table=table, folders=candidate_folders(folders, comparison))
    form = markdown if path.suffix == ".md" else page
    write_page(form(comparison, language, beyond=beyond, paths=paths), path)
    note_written(path)
