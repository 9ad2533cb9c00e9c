"""Load a weights file into a module: completely or not at all, unless a part is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.errors import WeightsError
from modelstitch.models.weights.facts import WeightsFacts, grouped, listed
from modelstitch.models.weights.file import Entry, read_entries
from modelstitch.models.weights.fit import expect_finite, expect_whole, fit
from modelstitch.models.weights.sets import (
    WeightsSet,
    called,
    find_sets,
    is_counter,
    nameless,
    repeats,
    rivals,
)


def load_weights(
    module: nn.Module, path: str | Path, name: str, partial: bool = False, key: str | None = None
) -> WeightsFacts:
    """Load the weights at ``path`` into ``module``, in place.

    The network's keys may stand behind any name in the file, at any depth. What stands elsewhere (optimiser,
    counters, a loss) is left out. A file with several sets of weights for the network needs a choice.

    Args:
        module: the model.
        path: a ``.safetensors`` file, a file of ``torch.save``, or the index of several files.
        name: what to call the model in errors.
        partial: load what fits and leave the rest as it is, instead of refusing.
        key: which set of weights, by the name that stands before its keys; ``.`` is the top of the file.

    Returns:
        What was taken and what was not.

    Raises:
        WeightsError: keys missing, unexpected, of another shape or type or with two values (how many, and the
            first three of each), several sets without a choice, or a weight that is not finite. Nothing is
            loaded then.
    """
    entries = read_entries(path)
    own, weights = module.state_dict(), f"weights {str(path)!r}"
    sets = find_sets(entries, own)
    if not sets:
        raise WeightsError(
            f"{weights} share no key with model {name}: the file has {listed(entries)}, the model has "
            f"{listed(own) or 'none'}"
        )
    chosen = _chosen(sets, entries, list(module.parameters()), f"{weights} hold", name, key)
    others = {in_file for other in rivals(chosen, sets) for in_file in _of(other, chosen, entries)}
    fitted = fit(module, chosen, others, entries)
    expect_finite(fitted.values, own, weights)
    expect_whole(fitted.misfit, weights, name, len(own), partial=partial)
    if all(is_counter(key) for key in fitted.values):
        raise WeightsError(f"{weights} share no key with model {name} at the same shape")
    module.load_state_dict(fitted.values, strict=False)
    _expect_loaded(module, fitted.values, weights, name)
    used = chosen.in_file | fitted.tables | set(fitted.misfit.unexpected)
    return WeightsFacts(
        key=None if key is None else chosen.name,
        left_out=grouped(entries.keys() - used, entries[min(chosen.in_file)].container),
        untrained=fitted.misfit.untrained,
        unused=fitted.misfit.unexpected,
        doubled=fitted.misfit.doubled,
        converted=fitted.converted,
    )


def _chosen(
    sets: list[WeightsSet],
    entries: Mapping[str, Entry],
    parameters: list[Tensor],
    weights: str,
    name: str,
    key: str | None,
) -> WeightsSet:
    """Return the set of weights to load.

    Raises:
        WeightsError: several sets with different values, none of the name that was asked for, or one without
            names of its weights.
    """
    best = sets[0]
    without_names = nameless(entries, parameters)
    if key is None:
        others = [other.name for other in _differing(best, sets, entries)] + without_names
        if others:
            raise WeightsError(
                f"{weights} several sets of weights for model {name}: {_quoted([best.name, *others])}; say "
                "which with --weights-key NAME, or weights_key=NAME"
            )
        return best
    if key in without_names:
        raise WeightsError(f"{weights} no names for the weights in {key!r}, so that they cannot be loaded")
    meant = called(key, sets)
    if not meant:
        known = [best.name, *(other.name for other in rivals(best, sets))]
        raise WeightsError(f"{weights} no weights for model {name} under {key!r}: expected {_quoted(known)}")
    others = [other.name for other in _differing(meant[0], meant, entries)]
    if others:
        raise WeightsError(
            f"{weights} several sets of weights for model {name} under {key!r}: "
            f"{_quoted([meant[0].name, *others])}; say which of them"
        )
    return meant[0]


def _of(other: WeightsSet, chosen: WeightsSet, entries: Mapping[str, Entry]) -> set[str]:
    """Return the keys in the file of a set that was not chosen, with its counters."""
    if not other.prefix or f"{chosen.prefix}.".startswith(f"{other.prefix}."):
        return set(other.in_file)
    return {*other.in_file, *(name for name in entries if name.startswith(f"{other.prefix}."))}


def _differing(chosen: WeightsSet, sets: list[WeightsSet], entries: Mapping[str, Entry]) -> list[WeightsSet]:
    """Return the rivals of a set that hold other values."""
    return [other for other in rivals(chosen, sets) if not repeats(other, chosen, entries)]


def _quoted(names: list[str]) -> str:
    return " or ".join(map(repr, names[:6])) + (f" or {len(names) - 6} more" if len(names) > 6 else "")


def _expect_loaded(module: nn.Module, values: Mapping[str, Any], weights: str, name: str) -> None:
    """Raise unless the module now holds every value: tensors that share memory may not hold two."""
    own = module.state_dict()
    changed = sorted(
        key
        for key, value in values.items()
        if isinstance(value, Tensor)
        and isinstance(own[key], Tensor)
        and not torch.equal(value.to(own[key].dtype), own[key].detach().cpu())
    )
    if changed:
        raise WeightsError(
            f"{weights} hold values that model {name} does not keep, in {len(changed)} tensors: "
            f"{listed(changed)}; do several of its weights share memory, or does it change what it loads?"
        )
