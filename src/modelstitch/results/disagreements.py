"""Where a stitched network and its receiver answer differently: by class, by example, as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from torch import Tensor

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.geometry.intervals import paired_interval
from modelstitch.grid.paint import contact_sheet
from modelstitch.results.answers import Answered
from modelstitch.util.arguments import checked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DisagreementKind = Literal["lost", "gained", "other"]
KINDS = ("lost", "gained", "other")

NO_CLASS = "(no class)"
"""Stands for an answer that is none of the classes."""

_IN_A_ROW = 8


@dataclass(frozen=True, eq=False)
class Disagreements:
    """The held-out examples that a stitched network answers otherwise than its whole receiver.

    An example is *lost* where the receiver alone is right, *gained* where the stitched network alone is
    right, *other* where both are wrong in different ways.

    Attributes:
        cell: the cell in words.
        classes: names of the classes of the data.
        labels: (n,) number of the class of each held-out example.
        receiver, stitched: (n,) number of the class that each network answers; one past the last class for an
            answer that is none of them.
        images: (n, C, H, W) inputs of the examples; None where they are no images.
    """

    cell: str
    classes: tuple[str, ...]
    labels: np.ndarray
    receiver: np.ndarray
    stitched: np.ndarray
    images: Tensor | None = field(default=None, repr=False)

    @property
    def share(self) -> float:
        """Share of the held-out examples that get different answers, from 0 to 1."""
        return float((self.receiver != self.stitched).mean())

    def by_class(self) -> pd.DataFrame:
        """Return one row for each class, that with the largest loss first.

        Returns:
            ``class``, ``n`` examples, the accuracies of both networks from 0 to 1, ``change`` (stitched less
            receiver) with ``low`` and ``high``, the ends of its 95 % interval, and how many examples are
            ``lost`` and ``gained``. The intervals hold one by one. A class without examples has NaN.

        Source: Tango 1998 (intervals of paired answers).
        """
        rows = []
        for number, name in enumerate(self.classes):
            of_class = self.labels == number
            n = int(of_class.sum())
            right, own = (answers[of_class] == number for answers in (self.stitched, self.receiver))
            lost, gained = int((own & ~right).sum()), int((right & ~own).sum())
            low, high = paired_interval(gained, lost, n) if n else (math.nan, math.nan)
            rows.append(
                {
                    "class": name,
                    "n": n,
                    "receiver": float(own.mean()) if n else math.nan,
                    "stitched": float(right.mean()) if n else math.nan,
                    "change": (gained - lost) / n if n else math.nan,
                    "low": low,
                    "high": high,
                    "lost": lost,
                    "gained": gained,
                }
            )
        return pd.DataFrame(rows).sort_values(["change", "class"], ignore_index=True)

    @checked()
    def examples(self, kind: DisagreementKind | None = None) -> pd.DataFrame:
        """Return one row for each example that gets different answers.

        Args:
            kind: ``"lost"``, ``"gained"`` or ``"other"`` alone.

        Returns:
            ``example`` (its number in the held-out part), ``label``, the answers ``receiver`` and
            ``stitched`` by name, and ``kind``.

        Raises:
            SpecError: no such kind.
        """
        if kind is not None:
            expect_one_of("kind of disagreement", kind, KINDS, SpecError)
        names = np.array([*self.classes, NO_CLASS])
        at = np.flatnonzero(self.receiver != self.stitched)
        own, right = self.receiver[at] == self.labels[at], self.stitched[at] == self.labels[at]
        frame = pd.DataFrame(
            {
                "example": at,
                "label": names[self.labels[at]],
                "receiver": names[self.receiver[at]],
                "stitched": names[self.stitched[at]],
                "kind": np.where(own, "lost", np.where(right, "gained", "other")),
            }
        )
        return frame if kind is None else frame[frame["kind"] == kind].reset_index(drop=True)

    def confused(self) -> pd.DataFrame:
        """Return how often each answer of the receiver became which answer, the most frequent first."""
        frame = self.examples()
        counts = frame.groupby(["receiver", "stitched"]).size().rename("n").reset_index()
        order = ["n", "receiver", "stitched"]
        return counts.sort_values(order, ascending=[False, True, True], ignore_index=True)

    @checked()
    def contact_sheet(self, kind: DisagreementKind = "lost", most: int = 24) -> Figure:
        """Draw examples of one kind, with label, the receiver's answer and the stitched network's.

        Args:
            kind: ``"lost"``, ``"gained"`` or ``"other"``.
            most: number of pictures at most; of more examples some are taken, spread evenly.

        Raises:
            SpecError: the data are no images, or there is no such example.
        """
        if self.images is None:
            raise SpecError("expected images for a contact sheet, got data that are none: see examples()")
        if most < 1:
            raise SpecError(f"expected at least one picture, got {most}")
        rows = self.examples(kind)
        if rows.empty:
            raise SpecError(f"expected examples of the kind {kind!r}, got none in {len(self.labels)}")
        places = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
        chosen = rows.iloc[np.unique(places)]
        pictures = in_0_to_1(self.images[chosen["example"].tolist()])
        words = [f"{row.label}\n{row.receiver} → {row.stitched}" for row in chosen.itertuples(index=False)]
        heading = f"{self.cell}: {kind}, {len(chosen)} of {len(rows)} (label; receiver → stitched)"
        images, below = _rows(pictures, words)
        return contact_sheet(images, heading, below)

    def __repr__(self) -> str:
        counts = self.examples()["kind"].value_counts()
        shown = ", ".join(f"{int(counts.get(kind, 0))} {kind}" for kind in KINDS)
        return f"Disagreements({self.cell}: {100 * self.share:.1f} % of {len(self.labels)} examples; {shown})"


def disagreements(answered: Answered, cell: str) -> Disagreements:
    """Return where both networks answer differently.

    Args:
        answered: the answers of both networks.
        cell: in words.

    Raises:
        SpecError: a task without classes.
    """
    n_classes = len(answered.classes)
    if not n_classes:
        raise SpecError(
            f"expected a task with one class for each example, got {answered.task}: scores() compares its "
            "scores"
        )
    receiver, stitched = (
        np.minimum(scores.argmax(1).numpy(), n_classes) for scores in (answered.receiver, answered.stitched)
    )
    return Disagreements(
        cell=cell,
        classes=answered.classes,
        labels=answered.targets.cpu().numpy(),
        receiver=receiver,
        stitched=stitched,
        images=answered.images,
    )


def in_0_to_1(images: Tensor) -> Tensor:
    """Return pictures of any type in floats from 0 to 1, as they are drawn."""
    if not images.is_floating_point():
        return images.float() / 255
    low, high = images.min(), images.max()
    return (images - low) / (high - low).clamp_min(1e-12) if low < 0 or high > 1 else images


def _rows(pictures: Tensor, words: Sequence[str]) -> tuple[dict[str, Tensor], dict[str, Sequence[str]]]:
    """Return pictures and words row by row, each under the numbers of its pictures."""
    images, texts = {}, {}
    for start in range(0, len(words), _IN_A_ROW):
        end = min(len(words), start + _IN_A_ROW)
        title = f"{start + 1}–{end}"
        images[title], texts[title] = pictures[start:end], words[start:end]
    return images, texts
