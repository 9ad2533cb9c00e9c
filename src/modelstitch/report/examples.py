"""Examples that the cell of the first screen answers otherwise than the receiver, small enough for a page.

They stand in a file of the run folder. A page inside that folder shows them; a page elsewhere leaves them out
unless it is asked for them, so that no example leaves a run folder unseen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from modelstitch.data.texts import decoded, parts_of
from modelstitch.report.redaction import shown
from modelstitch.report.strips import strip
from modelstitch.results.disagreements import KINDS, Disagreements, in_0_to_1

FILE = "disagreements.json"
"""In the run folder."""

MOST = {"lost": 16, "gained": 8, "other": 0}
"""Examples that are shown at most, by kind."""

_MOST_CHARACTERS = 240
"""Of a text; the rest is cut off."""

_MOST_ANSWERS = 8
"""Rows of the table of answers that became others."""


@dataclass(frozen=True, kw_only=True)
class ShownExample:
    """One example with its answers.

    Attributes:
        example: its number in the held-out part.
        kind: ``lost``, ``gained`` or ``other``, as :class:`modelstitch.results.disagreements.Disagreements`.
        label, receiver, stitched: names of its class and of both answers.
        picture: ``data:`` address of a small image; empty where it is none.
        text: the beginning of a text; empty where it is none.
    """

    example: int
    kind: str
    label: str
    receiver: str
    stitched: str
    picture: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class ShownExamples:
    """What a page tells of the examples that one cell answers otherwise.

    Attributes:
        sender_cut, receiver_cut, stitch, seed: which cell.
        n: held-out examples.
        counts: by kind.
        answers: (answer of the receiver, of the stitched network, how often), the most frequent first.
        examples: some of them.
    """

    sender_cut: str
    receiver_cut: str
    stitch: str
    seed: int
    n: int
    counts: Mapping[str, int]
    answers: tuple[tuple[str, str, int], ...]
    examples: tuple[ShownExample, ...]

    def shortened(self, folder: Path | None) -> ShownExamples:
        """Return the same with paths in names and texts shortened, as everywhere on a page."""
        return replace(
            self,
            answers=tuple((shown(one, folder), shown(other, folder), n) for one, other, n in self.answers),
            examples=tuple(
                replace(
                    each,
                    label=shown(each.label, folder),
                    receiver=shown(each.receiver, folder),
                    stitched=shown(each.stitched, folder),
                    text=shown(each.text, folder),
                )
                for each in self.examples
            ),
        )

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")


def examples_of(
    found: Disagreements, place: tuple[str, str, str, int], texts: Tensor | None = None
) -> ShownExamples:
    """Return what a page shows: counts, the most frequent changes of an answer, and some examples.

    Args:
        found: where both networks answer differently.
        place: sender cut, receiver cut, stitch and seed.
        texts: (n, L) bytes of UTF-8, padded with zeros, where the examples are texts.
    """
    rows = found.examples()
    counts = {kind: int((rows["kind"] == kind).sum()) for kind in KINDS}
    answers = found.confused().head(_MOST_ANSWERS)
    chosen: list[ShownExample] = []
    for kind in KINDS:
        of_kind = rows[rows["kind"] == kind]
        taken = min(MOST[kind], len(of_kind))
        # Spread evenly: the data may stand in an order.
        places = np.unique(np.linspace(0, max(len(of_kind) - 1, 0), taken).round().astype(int))
        numbers = [int(of_kind["example"].iloc[at]) for at in places]
        pictures = _pictures(found.images, numbers)
        for at, number, picture in zip(places, numbers, pictures, strict=True):
            row = of_kind.iloc[at]
            chosen.append(
                ShownExample(
                    example=number,
                    kind=kind,
                    label=str(row["label"]),
                    receiver=str(row["receiver"]),
                    stitched=str(row["stitched"]),
                    picture=picture,
                    text="" if texts is None else _text(texts[number]),
                )
            )
    sender_cut, receiver_cut, stitch, seed = place
    return ShownExamples(
        sender_cut=sender_cut,
        receiver_cut=receiver_cut,
        stitch=stitch,
        seed=seed,
        n=len(found.labels),
        counts=counts,
        answers=tuple((str(one), str(other), int(n)) for one, other, n in answers.itertuples(index=False)),
        examples=tuple(chosen),
    )


def _pictures(images: Tensor | None, numbers: Sequence[int]) -> list[str]:
    if images is None or not numbers:
        return [""] * len(numbers)
    pixels = (255 * in_0_to_1(images[list(numbers)]).permute(0, 2, 3, 1)).round().byte().numpy()
    return [strip(one[None]) for one in pixels]


def _text(codes: Tensor) -> str:
    (text,) = decoded(codes[None])
    text = " · ".join(parts_of(text))
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"


def read_examples(folder: Path) -> ShownExamples | None:
    """Return what a run folder has of them; None where it has none, or a file that cannot be read."""
    try:
        values: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        examples = tuple(ShownExample(**each) for each in values.pop("examples"))
        answers = tuple((str(one), str(other), int(n)) for one, other, n in values.pop("answers"))
        counts = {kind: int(values["counts"][kind]) for kind in KINDS}
        found = ShownExamples(**{**values, "counts": counts}, answers=answers, examples=examples)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # What stands in an address of an image is a picture and nothing else.
    safe = all(each.picture == "" or each.picture.startswith("data:image/jpeg;base64,") for each in examples)
    return found if safe else None
