"""Tensors of an untrained copy that are permuted within themselves, since nothing draws them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from modelstitch.controls.held import Held, is_plain
from modelstitch.controls.roles import mixed

_UNREAD = -1e4
"""Up to this value an entry of a mask says that a position is not read."""


def permute(
    network: Mapping[str, Held], names: Iterable[str], seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Permute the values of each named tensor of a network, in place.

    A tensor keeps its values and so their scale, but not where they stand. A mask stays as it is: permuted,
    it might leave nothing to read.

    Args:
        network: its tensors by name.
        names: of those to permute; others than plain tensors are passed over.
        seed: of the permutations.

    Returns:
        The names of the permuted tensors, and of those that no permutation changes.

    Example:
        >>> from modelstitch.controls.held import held
        >>> layer = torch.nn.Linear(2, 3)
        >>> permute(held(layer), ["weight"], 0)
        (('weight',), ())
    """
    permuted, kept = [], []
    for name in names:
        if name not in network or not is_plain(network[name].value):
            continue
        value = network[name].value
        flat = value.detach().flatten()
        if bool((flat == flat[:1]).all()) or _is_mask(flat):
            kept.append(name)
            continue
        generator = torch.Generator().manual_seed(mixed(seed, name, "permutation", 0))
        order = torch.randperm(len(flat), generator=generator).to(flat.device)
        with torch.no_grad():
            value.copy_(flat[order].view_as(value))
        permuted.append(name)
    return tuple(permuted), tuple(kept)


def _is_mask(flat: Tensor) -> bool:
    """Tell whether values say what is read: true and false, 1 and 0, or 0 and a large negative number."""
    return flat.dtype == torch.bool or bool(((flat == 0) | (flat == 1) | (flat <= _UNREAD)).all())
