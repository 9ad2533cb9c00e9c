"""Checks that must hold for any run, whatever its numbers; each failure stops the run and names the cell."""

from __future__ import annotations

import torch
from torch import nn

from modelstitch.cutting import certify
from modelstitch.errors import TruthError
from modelstitch.fitting.trained import Fitted
from modelstitch.grid.side import Side
from modelstitch.models.network import digest

_IDENTITY_EXAMPLES = 512
_CERTIFY_EXAMPLES = 5
_SCORE_TOLERANCE = 1e-4
_PERFECT_LOSS = 1e-6


def cuts_reproduce(side: Side, names: tuple[str, ...]) -> float:
    """Check that prefix and suffix reproduce the model and its gradient on real inputs, at each of ``names``.

    Returns:
        The largest relative difference seen.

    Raises:
        TruthError: a difference above the tolerance.
    """
    n_examples = min(_CERTIFY_EXAMPLES, len(side.data.train))
    few = torch.arange(n_examples)
    batch = side.inputs.batch("train", few)
    return max(
        certify(
            side.network.module,
            side.cutting.prefix(name),
            side.cutting.suffix(name),
            batch.x,
            f"cut {name!r} of {side.network.name}",
            batch.own,
            side.cutting.outputs_after(name),
        )
        for name in names
    )


def identity_reproduces(side: Side, names: tuple[str, ...]) -> int:
    """Check that an identity stitch of a network into itself is right on exactly the same examples.

    The examples are the first 512 held-out ones, or all where there are fewer.

    Returns:
        The number of examples compared at each cut.

    Raises:
        TruthError: some example is right for one of them alone.
    """
    few = torch.arange(min(_IDENTITY_EXAMPLES, len(side.data.heldout)))
    expected = side.scores("held-out", side.whole, few)
    for name in names:
        joined = _Joined(side.halves.prefix(name), side.suffix(name))
        got = side.scores("held-out", joined, few)
        # Right and wrong are exact; a score in between may differ by the rounding of another kernel.
        far = got != expected if got.dtype == torch.bool else (got - expected).abs() > _SCORE_TOLERANCE
        if far.any():
            raise TruthError(
                f"an identity stitch of {side.network.name} into itself at {name!r} changes "
                f"{int(far.sum())} of {len(few)} answers; expected none"
            )
    return len(few)


class _Joined(nn.Module):
    def __init__(self, prefix: nn.Module, suffix: nn.Module) -> None:
        super().__init__()
        self.prefix, self.suffix = prefix, suffix

    def forward(self, x: torch.Tensor, **kwargs: torch.Tensor) -> torch.Tensor:
        output = self.suffix(self.prefix(x, **kwargs)[0], **kwargs)
        assert isinstance(output, torch.Tensor)
        return output


def still_frozen(side: Side, cell: object) -> None:
    """Check that the hash of a network's parameters and buffers is that of when it was loaded.

    Raises:
        TruthError: it is another.
    """
    if digest(side.network.module) != side.digest:
        raise TruthError(
            f"cell {cell}: parameters or buffers of {side.network.name} changed while a stitch was fitted"
        )


def stitch_changed(fitted: Fitted, cell: object) -> None:
    """Check that fitting changed every parameter of a stitch.

    Raises:
        TruthError: a parameter is still what it was at the start.
    """
    # A closed form that is perfect already leaves nothing to change.
    perfect = fitted.start == "closed form" and fitted.loss <= _PERFECT_LOSS
    if fitted.unchanged and fitted.failure is None and not perfect:
        raise TruthError(
            f"cell {cell}: fitting left {', '.join(fitted.unchanged)} of the stitch as they were; "
            "no gradient reaches them"
        )
