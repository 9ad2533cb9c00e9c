"""Held-out examples that also stand in the training part."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modelstitch.data.digests import digests, in_one_type, rows_of, unmasked
from modelstitch.data.near_copies import can_be_asked, near_copies
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.together import numbered
from modelstitch.errors import DataError
from modelstitch.specs import TOKEN_TASKS


@dataclass(frozen=True, kw_only=True)
class Copies:
    """How many held-out examples also stand in the training part.

    Attributes:
        n_heldout: held-out examples that were compared with every training example.
        exact: those whose input, and further inputs, are those of a training example, value by value.
        near: of the others, images whose pixels correlate with those of a training image by at least .995;
            None where this is not asked: no images, or smaller than 32 pixels.
        other_label: exact and near copies of a training example with another label.
        left_out: held-out copies that were left out before.

    Example:
        >>> Copies(n_heldout=200, exact=3, near=1, other_label=0, left_out=0).share
        0.02
    """

    n_heldout: int
    exact: int
    near: int | None
    other_label: int
    left_out: int = 0

    @property
    def n(self) -> int:
        """Number of exact and near copies."""
        return self.exact + (self.near or 0)

    @property
    def share(self) -> float:
        """Share of the held-out examples that are copies."""
        return self.n / self.n_heldout


def copies(data: Data, names: Collection[str] | None = None) -> Copies:
    """Count the held-out examples that also stand in the training part.

    Args:
        data: of any kind.
        names: of the further inputs that make two examples differ; all without it.

    Example:
        >>> from modelstitch.data.from_arrays import data_from
        >>> x, y = torch.arange(8.0).reshape(4, 2), torch.tensor([0, 1, 0, 1])
        >>> copies(data_from(x, y, heldout=(x[:1], y[1:2])))
        Copies(n_heldout=1, exact=1, near=None, other_label=1, left_out=0)
    """
    exact, near, other = _copied(data, names)
    return Copies(
        n_heldout=len(data.heldout),
        exact=int(exact.sum()),
        near=None if near is None else int(near.sum()),
        other_label=int(other.sum()),
        left_out=data.copies_left_out,
    )


def without_copies(data: Data, names: Collection[str] | None = None) -> Data:
    """Return the data without the held-out examples that also stand in the training part.

    Args: as for :func:`copies`.

    Raises:
        DataError: no held-out example is left.
    """
    exact, near, _ = _copied(data, names)
    copied = exact if near is None else exact | near
    n = int(copied.sum())
    if n == 0:
        return data
    if n == len(copied):
        raise DataError(
            f"data {data.name}: all {n} held-out examples also stand in the training part: expected some "
            "that do not; give another held-out part"
        )
    kept = (~copied).nonzero().flatten()
    finest = data.finest and replace(
        data.finest, heldout=data.finest.heldout[kept.to(data.finest.heldout.device)]
    )
    return replace(
        data, heldout=data.heldout.take(kept), finest=finest, copies_left_out=data.copies_left_out + n
    )


def _copied(data: Data, names: Collection[str] | None) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return which held-out examples are exact copies, near ones alone, and copies of another label."""
    train, heldout = in_one_type(data.train, data.heldout)
    if data.task.name == "masked-token":
        train, heldout = unmasked(train), unmasked(heldout)
    labels, other_labels = _labels(data, heldout, train)
    theirs: dict[bytes, set[int]] = {}
    for digest, label in zip(digests(train, names), other_labels.tolist(), strict=True):
        theirs.setdefault(digest, set()).add(label)
    originals = [theirs.get(digest, set()) for digest in digests(heldout, names)]
    exact = torch.tensor([bool(their) for their in originals])
    other = torch.tensor([bool(their - {own}) for their, own in zip(originals, labels.tolist(), strict=True)])
    if not can_be_asked(train.images):
        return exact, None, other
    near = torch.zeros_like(exact)
    keys, their_keys = _further(heldout, train, names)
    device = heldout.images.device
    for key in set(keys[~exact].tolist()) & set(their_keys.tolist()):
        rows, their_rows = (
            ((keys == key) & ~exact).nonzero().flatten(),
            (their_keys == key).nonzero().flatten(),
        )
        found, of_other_label = near_copies(
            *(part.images[some.to(device)] for part, some in ((heldout, rows), (train, their_rows))),
            *(some.to(device) for some in (labels[rows], other_labels[their_rows])),
        )
        near[rows], other[rows] = found.cpu(), of_other_label.cpu()
    return exact, near, other


def _labels(data: Data, heldout: DataPart, train: DataPart) -> tuple[Tensor, Tensor]:
    """Return numbers for the targets of both parts; equal texts have equal next tokens."""
    if data.task.name in TOKEN_TASKS:
        return _numbers([b""] * len(heldout), [b""] * len(train))
    return _numbers(rows_of(heldout.targets), rows_of(train.targets))


def _further(heldout: DataPart, train: DataPart, names: Collection[str] | None) -> tuple[Tensor, Tensor]:
    """Return numbers for the further inputs of both parts."""
    counted = [name for name in sorted(train.kwargs) if names is None or name in names]
    digests = (
        rows_of(*(part.kwargs[name] for name in counted)) if counted else [b""] * len(part)
        for part in (heldout, train)
    )
    return _numbers(*digests)


def _numbers(heldout: list[bytes], train: list[bytes]) -> tuple[Tensor, Tensor]:
    numbers = numbered([*heldout, *train])
    return numbers[: len(heldout)], numbers[len(heldout) :]
