"""What a pilot leaves for people: examples where both differ, those that need a label, and pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from modelstitch.adoption.pilot.record import PilotExample, PilotFacts
from modelstitch.errors import DataError, RunError
from modelstitch.util.atomic_files import atomic_write

DIFFER, NEEDED, SHEET = "differ.csv", "labels-needed.csv", "differ.png"
"""Names of the tables and of the contact sheet in a state folder."""

_SHORT = 12
"""Characters of a digest that name an example in tables; all where two would have one name."""

_MOST_PICTURES, _COLUMNS, _SIDE, _TEXT = 40, 8, 96, 26


def names_of_examples(examples: Sequence[PilotExample]) -> dict[str, PilotExample]:
    """Return the examples by their names in tables."""
    short = {example.id[:_SHORT]: example for example in examples}
    return short if len(short) == len(examples) else {example.id: example for example in examples}


def needed(examples: Sequence[PilotExample]) -> list[PilotExample]:
    """Return the examples whose label is asked for."""
    return [example for example in examples if example.difference is None]


def write_tables(
    folder: Path, facts: PilotFacts, examples: Sequence[PilotExample], asked: Sequence[PilotExample]
) -> None:
    """Write the tables of a pilot into its state folder, each whole or not at all.

    ``differ.csv`` has the examples where both differ, those farthest apart first, with an empty column
    ``word`` for a person to fill in; ``labels-needed.csv`` those whose label is asked for, in the order in
    which they are looked at, without any answer, so that a person labels what is there.

    Raises:
        RunError: they cannot be written.
    """
    names = {example.id: name for name, example in names_of_examples(examples).items()}

    def called(number: int | None) -> str:
        if number is None or not facts.classes:
            return ""
        return facts.classes[number] if number < len(facts.classes) else f"output {number}"

    apart = sorted((one for one in examples if one.differ), key=lambda one: -one.gap)
    differ = [
        (
            names[one.id],
            "",
            one.source,
            called(one.own),
            called(one.other),
            called(one.label),
            f"{one.gap:.4f}",
        )
        for one in apart
    ]
    head = ("example", "word", "source", "candidate", "original", "label", "apart")
    missing = [(names[one.id], "", one.source) for one in asked]
    for name, rows in ((DIFFER, [head, *differ]), (NEEDED, [("example", "label", "source"), *missing])):
        _write(folder / name, rows)


def read_labels(path: Path, facts: PilotFacts, examples: Sequence[PilotExample]) -> dict[str, int]:
    """Read labels that were given later: a CSV table with the columns ``example`` and ``label``.

    Args:
        path: the file; a row without a label says nothing.
        facts, examples: of the pilot.

    Returns:
        Number of the class by digest of the example.

    Raises:
        DataError: it cannot be read, lacks a column, names an unknown example or class, or contradicts a
            label that is known.
    """
    if not facts.asks:
        raise DataError(
            f"expected the targets as data (the same inputs with their targets, as --data), got the labels "
            f"{str(path)!r}: a file of labels serves classification alone"
        )
    known, classes = names_of_examples(examples), {name: n for n, name in enumerate(facts.classes)}
    found: dict[str, int] = {}
    where = f"the labels {str(path)!r}"
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
        columns = list(rows.fieldnames or ())
        if any(columns.count(name) != 1 for name in ("example", "label")):
            raise DataError(
                f"expected the columns example, label in {where}, got {', '.join(columns)[:200] or 'none'}"
            )
        for row in rows:
            name, label = ((row[column] or "").strip() for column in ("example", "label"))
            if not label:
                continue
            line = f"line {rows.line_num} of {where}"
            example = known.get(name)
            if example is None:
                raise DataError(f"expected an example of this pilot in {line}, got {name[:80]!r}")
            if label not in classes:
                raise DataError(
                    f"expected one of the classes {', '.join(facts.classes[:5])} ({len(classes)}) in {line}, "
                    f"got {label[:80]!r}"
                )
            _expect_same(example, classes[label], found, line)
            found[example.id] = classes[label]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {where}: {error}") from error
    return found


def _expect_same(example: PilotExample, label: int, found: Mapping[str, int], line: str) -> None:
    before = found.get(example.id, example.label)
    if before is not None and before != label:
        raise DataError(
            f"{line} gives an example another label than it has: expected one label for each example"
        )


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    try:
        atomic_write(path, lambda unfinished: unfinished.write_text(text.getvalue(), encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot write {str(path)!r}: {error.strerror}") from error


def write_pictures(
    folder: Path, images: Mapping[str, Tensor], examples: Sequence[PilotExample]
) -> Path | None:
    """Write a contact sheet of the images where both are farthest apart; return it, or None without images.

    A sheet shows at most 40, each under the name that it has in the tables. Images of an earlier call are
    kept beside it.

    Args:
        folder: the state folder.
        images: (C, H, W) by digest, of this call.
        examples: of the pilot.

    Raises:
        RunError: it cannot be written.
    """
    names = {example.id: name for name, example in names_of_examples(examples).items()}
    apart = sorted((one for one in examples if one.differ), key=lambda one: -one.gap)[:_MOST_PICTURES]
    asked = [one for one in needed(examples) if one.id in images and one not in apart]
    kept = folder / "examples"
    try:
        for one in (*apart, *asked):
            if one.id in images:
                kept.mkdir(exist_ok=True)
                _save(_picture(images[one.id]), kept / f"{names[one.id]}.png")
        shown = [one for one in apart if (kept / f"{names[one.id]}.png").is_file()]
        if not shown:
            return None
        sheet = _sheet([(names[one.id], Image.open(kept / f"{names[one.id]}.png")) for one in shown])
        _save(sheet, folder / SHEET)
    except OSError as error:
        raise RunError(f"cannot write pictures to {str(folder)!r}: {error.strerror or error}") from error
    return folder / SHEET


def _save(picture: Image.Image, path: Path) -> None:
    atomic_write(path, lambda unfinished: picture.save(unfinished, format="png"))


def are_pictures(images: Tensor) -> bool:
    """Tell whether inputs can be shown as grey or coloured pictures.

    Example:
        >>> are_pictures(torch.zeros(2, 3, 4, 4)), are_pictures(torch.zeros(2, 6))
        (True, False)
    """
    return images.ndim == 4 and images.shape[1] in (1, 3)


def _picture(image: Tensor) -> Image.Image:
    """Return a picture; floating values are brought from their own range to bytes."""
    x = image.float().cpu()
    if image.dtype != torch.uint8:
        low, high = float(x.min()), float(x.max())
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
        x = (x - low) / max(high - low, 1e-9) * 255
    pixels = x.round().clamp(0, 255).byte().movedim(0, -1).numpy()
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _sheet(shown: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    n_rows = -(-len(shown) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * (_SIDE + 8), n_rows * (_SIDE + _TEXT)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (name, picture) in enumerate(shown):
        x, y = place % _COLUMNS * (_SIDE + 8) + 4, place // _COLUMNS * (_SIDE + _TEXT) + 4
        scale = _SIDE / max(picture.size)
        size = tuple(max(1, round(length * scale)) for length in picture.size)
        sheet.paste(picture.convert("RGB").resize((size[0], size[1]), Image.Resampling.NEAREST), (x, y))
        draw.text((x, y + _SIDE + 2), name[:_SHORT], fill="black")
    return sheet
