"""The verbs that compare more than one pair: all pairs of several models, or one by several label sets."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Unpack

from modelstitch.api.choices import LabelOptions, PairChoices, PairOptions
from modelstitch.api.compare import compare
from modelstitch.api.experiment import Experiment
from modelstitch.data.several_labels import by_each, run_folders
from modelstitch.errors import SpecError
from modelstitch.models.given import Model
from modelstitch.results.by_labels import ByLabels
from modelstitch.results.pairs import Comparisons
from modelstitch.specs import DataSpec
from modelstitch.specs.pairs import ALL, DIFFERENT, PairsChoice, chosen_pairs
from modelstitch.util.arguments import checked, several
from modelstitch.util.progress import ProgressChoice, listening
from modelstitch.util.random_state import keeping_random_state

_OF_COMPARE = inspect.signature(compare).parameters
_DEFAULTS = {each.name: _OF_COMPARE[each.name].default for each in fields(PairChoices)}
"""Those of :func:`compare`, where each option is defined."""

OF_ONE_PAIR = tuple(
    name
    for name in _OF_COMPARE
    if name not in _DEFAULTS and name not in ("data", "out", "device", "progress")
)
"""What :func:`compare` alone takes: the mapping of models has their names, and a Network its output."""


@checked(renamed={"stitches": "stitch"}, forwards=compare, without=OF_ONE_PAIR)
@keeping_random_state
def compare_all(
    models: Mapping[str, Model],
    data: DataSpec | Any,
    *,
    pairs: PairsChoice = DIFFERENT,
    out: str | Path | None = None,
    device: str = "auto",
    progress: ProgressChoice = None,
    **options: Unpack[PairOptions],
) -> Comparisons:
    """Compare ordered pairs of several models; what depends on one model alone is computed once.

    Each model is loaded, captured and scored once. The training representations of a sender are computed once
    for all receivers, if they fit the budget in one pass. So n models cost n times that work, and n (n - 1)
    times the fits. Every pair is checked before the first is fitted.

    Args:
        models: two or more, by the names that they get in the answer and in the run folder.
        data: as for :func:`compare`.
        pairs: ``"different"``, each model into each other one; ``"all"``, itself among them;
            ``{"center": NAME}``, one model into each other one and the reverse; or a list of
            (sender, receiver).
        out: folder of the experiment: one database with a column for the pair, ``cells.csv`` and
            ``verdicts.csv`` with another, a page of all pairs, and a folder for the stitches, the tables and
            the page of each pair, called ``SENDER-into-RECEIVER``. :func:`load` opens all, or the folder of
            one pair. A folder that exists is continued, and grows by models.
        device, progress: as for :func:`compare`.
        options: cuts, sender_cuts, receiver_cuts, stitch, ladder, fit, controls, evidence, seeds, random,
            allow_untrained, budget, pictures and cache, as for :func:`compare`, the same for every pair.

    Returns:
        Comparisons by (sender, receiver), with ``.similarity()``, ``.heatmap()``, ``.dendrogram()``,
        ``.embedding()``, ``.to_frame()``, ``.report()`` and ``.save()``.

    Raises:
        InputError: an argument cannot be used, or there are fewer than two models; nothing was fitted then.
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
    choices = PairChoices(**{**_DEFAULTS, **options})
    if len(models) < 2 and pairs != ALL:
        raise SpecError(f"expected at least two models, got {len(models)}")
    experiment = Experiment(
        models=models,
        data=data,
        pairs=chosen_pairs(list(models), pairs),
        choices=choices,
        out=None if out is None else Path(out),
        device=device,
    )
    with listening(progress) as listener:
        return experiment.run(listener)


@checked(forwards=compare)
@keeping_random_state
def compare_labels(
    sender: Model,
    receiver: Model,
    data: DataSpec | Any,
    labels: str | Sequence[str] | None = None,
    *,
    out: str | Path | None = None,
    **options: Unpack[LabelOptions],
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
            same: LabelOptions = {**options, "progress": listener}
            found[name] = compare(sender, receiver, one, out=folders[name], **same)
    by_labels = ByLabels(found)
    if out is not None:
        by_labels.write(out)
    return by_labels
