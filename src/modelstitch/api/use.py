"""The verbs about a finished run or a candidate: load, candidates, verify, pilot, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from modelstitch.errors import RunError, SpecError
from modelstitch.models.given import Model, in_eval_mode
from modelstitch.report import markdown, page, write_page
from modelstitch.report.beyond import BeyondRun
from modelstitch.results.comparison import Comparison
from modelstitch.results.json_file import holds
from modelstitch.results.pairs import NAME as PAIRS
from modelstitch.results.pairs import Comparisons
from modelstitch.results.reuse_table import reuse_table_from
from modelstitch.runs.pairs import holds_pairs, read_pairs
from modelstitch.runs.place import expect_one, place_of
from modelstitch.runs.reader import read_run
from modelstitch.runs.sums import note_written
from modelstitch.specs import DataSpec
from modelstitch.util.arguments import checked, several
from modelstitch.util.places import neighbours
from modelstitch.util.progress import ProgressChoice, listening
from modelstitch.util.random_state import keeping_random_state


@checked()
def load(
    path: str | Path, *, cache: str | Path | None = None
) -> Comparison | Any:  # Any: every reader of one run need not ask which it got
    """Load a comparison from a run folder, or from a file that :meth:`Comparison.save` wrote.

    Args:
        path: the folder or the file; or those of several pairs, that :func:`compare_all` and
            :meth:`Comparisons.save` wrote; or the folder of one pair in it.
        cache: as for :func:`compare`, for when the networks of a run are loaded again.

    Returns:
        A :class:`Comparison`, or :class:`Comparisons` of several pairs.

    Raises:
        RunError: none of them.

    Example:
        ``result`` is what :func:`compare` returned.

        >>> import modelstitch as ms
        >>> result.save("result.json")
        >>> ms.load("result.json") == result
        True
    """
    path = Path(path)
    if path.is_dir() or place_of(path).pair:  # a pair that an experiment has not come to has no folder
        kept = None if cache is None else Path(cache)
        return read_pairs(path, kept) if holds_pairs(path) else read_run(path, kept)
    if not path.exists():
        raise RunError(f"no run folder or saved comparison at {str(path)!r}{neighbours(path)}")
    return Comparisons.read(path) if holds(path, PAIRS) else Comparison.read(path)


def load_one(path: str | Path, cache: str | Path | None = None) -> Comparison:
    """Load a comparison as :func:`load` does, for what reads one pair.

    Raises:
        RunError: there is none, or there are several pairs.
    """
    found = load(path, cache=cache)
    if not isinstance(found, Comparison):
        expect_one(path)  # of today's folders it names a pair
        raise RunError(
            f"expected a run of one pair, got several pairs in {str(path)!r}: give the folder of one"
        )
    return found


@checked()
@keeping_random_state
def candidates(
    comparison: Comparison,
    margin: float = MARGIN,
    *,
    rank_by: str = "multiply-adds",
    latency: bool = True,
    progress: ProgressChoice = None,
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
        progress: as for :func:`compare`.

    Returns:
        The table; ``.outcome`` is ``"candidate"``, ``"undecided"`` or ``"none"``.

    Raises:
        InputError: the run has no networks, too few held-out examples, or a receiver without a score.

    Source: Tango 1998 (intervals of paired answers); Waudby-Smith & Ramdas 2024 (of other scores).

    Example:
        ``result`` is what :func:`compare` returned.

        >>> import modelstitch as ms
        >>> found = ms.candidates(result, latency=False)
        >>> found.outcome in ("candidate", "undecided", "none")
        True
    """
    wanted = ReuseSpec(margin=margin, rank_by=rank_by, batches=BATCHES if latency else ())
    with listening(progress) as listener:
        return find_candidates(comparison, wanted, listener)


@checked()
@keeping_random_state
def verify(
    folder: str | Path,
    by: str,
    *,
    sample: int = 8,
    seed: int = 0,
    data: DataSpec | Any = None,
    cache: str | Path | None = None,
    progress: ProgressChoice = None,
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
        cache: as for :func:`compare`, of a run.
        progress: as for :func:`compare`.

    Returns:
        What was checked, what holds, and what was not checked.

    Raises:
        InputError: the folder holds neither, or what it needs cannot be loaded.

    Example:
        ``candidate`` is a folder that :meth:`StitchedCell.export` wrote.

        >>> import modelstitch as ms
        >>> ms.verify(candidate, by="Ann").holds
        True
    """
    with listening(progress) as listener:
        return verify_either(
            Path(folder),
            by,
            sample=sample,
            seed=seed,
            data=data,
            trust=None,
            cache=None if cache is None else Path(cache),
            progress=listener,
        )


@checked()
@keeping_random_state
def pilot(
    folder: str | Path,
    data: DataSpec | Any = None,
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
    progress: ProgressChoice = None,
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
        progress: as for :func:`compare`.

    Returns:
        What the pilot says; ``.decision.result`` is ``"passed"``, ``"failed"`` or ``"undecided"``.

    Raises:
        InputError: a folder whose files changed, another original than the card says, a state folder of
            another pilot, or data that do not fit.

    Source: Waudby-Smith & Ramdas 2024 (arXiv 2010.09686).

    Example:
        ``candidate`` is a folder that :meth:`StitchedCell.export` wrote, ``new`` its receiver.

        >>> import modelstitch as ms
        >>> outcome = ms.pilot(candidate, (images, labels), by="Ann", against=new, at_most=50)
        >>> outcome.decision.result in ("passed", "failed", "undecided")
        True
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
    with in_eval_mode((against,)), listening(progress) as listener:
        return run_pilot(folder, data, options, listener)


@checked()
def write_report(
    comparison: Comparison,
    path: str | Path,
    *,
    found: Candidates | None = None,
    folders: str | Path | Sequence[str | Path] = (),
    language: str = "en",
    paths: bool = False,
) -> None:
    """Write the report of a comparison: one HTML file, or Markdown if ``path`` ends in ``.md``.

    Args:
        comparison: what was run, or loaded.
        path: the file to write.
        found: what :func:`candidates` returned for this comparison; without it the page says how to find out.
        folders: one candidate or several that were exported from it, whose records the page tells.
        language: ``"en"`` or ``"ja"``.
        paths: show paths of this machine in full, instead of their last part.

    Raises:
        SpecError: no such language, or candidates of another comparison.
        RunError: no cell is finished yet, a folder is no candidate of it, or the file cannot be written.

    Example:
        ``result`` is what :func:`compare` returned.

        >>> import modelstitch as ms
        >>> ms.write_report(result, "report.md")
    """
    path = Path(path)
    table = None if found is None else reuse_table_from(found.to_json())
    if table is not None and not table.is_of(comparison):
        raise SpecError(
            "expected candidates of this comparison, got those of another one, or of it before it grew: ask "
            "candidates(comparison) again"
        )
    beyond = BeyondRun(table=table, folders=candidate_folders(several(folders), comparison))
    form = markdown if path.suffix == ".md" else page
    write_page(form(comparison, language, beyond=beyond, paths=paths), path)
    note_written(path)
