"""Texts of which every token is wanted: files, columns of Parquet or rows of datasets, without labels, cut into pieces of one length."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from modelstitch.data import hub_sets
from modelstitch.data.from_arrays import data_from
from modelstitch.data.parts import Data
from modelstitch.data.sources import parquet
from modelstitch.data.splitting import HELDOUT_NAMES, HELDOUT_SHARE, choose, hold_out_third
from modelstitch.data.texts import BYTES, mask_token, pieces
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec
from modelstitch.tasks import IGNORED
from modelstitch.util.calls import parse_call

USUAL_LENGTH = 128
"""Tokens of an example, where nothing else is said."""

_MASKED_SHARE = 0.15
_MOST_BYTES = 2**26


def load(spec: DataSpec) -> Data:
    """Load texts for the task ``next-token`` or ``masked-token``.

    The source is a ``.txt`` file, a folder of them at any depth, a ``.parquet`` file or a folder of them with a column of texts, or
    ``hf:`` a set of the package datasets with one. Folders ``train`` and ``test`` (or ``validation``), or parts of these names, are
    taken as they are; else a third of the texts is held out, of a single text its end. Texts never share an example, so that no
    held-out example continues one to fit on, but for the one place where a single text is divided.

    Of ``masked-token``, each token of a text is masked with probability 0.15, drawn by ``spec.seed``.

    Raises:
        DataError: no texts there, one that cannot be read (the file is named), or a tokenizer without a mask.
    """
    parts, division = _found(spec)
    if len(parts) == 1:
        parts, division = _divided(parts[0], spec)
    tokenizer, length = spec.tokenizer or BYTES, spec.length or USUAL_LENGTH
    # Every text makes an example at least: of more texts than examples are asked for, none needs to be read.
    parts = [
        _some(texts, most, spec.seed)
        for texts, most in zip(parts, (spec.limit, spec.heldout_limit), strict=True)
    ]
    shown = [_examples(texts, tokenizer, length, spec, place) for place, texts in enumerate(parts)]
    (x, y, mask), held = shown
    data = data_from(
        x,
        y,
        task=spec.task,
        more={"attention_mask": mask},
        heldout=(held[0], held[1], {"attention_mask": held[2]}),
        name=Path(spec.source).name,
        limit=spec.limit,
        heldout_limit=spec.heldout_limit,
        seed=spec.seed,
    )
    return replace(data, division=f"{division}; examples of {length} tokens, tokenizer {tokenizer}")


def _found(spec: DataSpec) -> tuple[list[list[str]], str]:
    """Return the texts of one part, or of two, and how they came about."""
    prefix, colon, rest = spec.source.partition(":")
    if colon and prefix == "hf":
        target, arguments = parse_call(rest)
        return hub_sets.texts(target, arguments)
    path = Path(spec.source)
    if not path.exists():
        raise DataError(f"no data file or folder {spec.source!r}")
    if path.suffix == ".parquet" or (
        path.is_dir() and any([*path.glob("*.parquet"), *path.glob("data/*.parquet")])
    ):
        return parquet.texts(path)
    if path.is_file() and path.suffix == ".txt":
        return [[_text(path)]], "one text"
    part = next((name for name in HELDOUT_NAMES if (path / name).is_dir()), None)
    if path.is_dir() and (path / "train").is_dir() and part is not None:
        return [_texts(path / "train"), _texts(path / part)], f"the folders train and {part}"
    if path.is_dir():
        return [_texts(path)], "one part"
    raise DataError(
        f"cannot read data {spec.source!r} for the task {spec.task}: expected a .txt, .parquet or .npz file, a folder of .txt or "
        ".parquet files, or hf:NAME_OR_FOLDER"
    )


def _texts(folder: Path) -> list[str]:
    files = sorted(each for each in folder.rglob("*.txt") if not each.name.startswith("."))
    if not files:
        raise DataError(
            f"data {str(folder)!r}: expected text files (.txt) in the folder, at any depth, got none"
        )
    return [_text(file) for file in files]


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise DataError(
                f"text {str(path)!r} has {size:,} bytes, expected {_MOST_BYTES:,} at most in one file: divide it into several"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the text {str(path)!r}: {error}") from error


def _divided(texts: list[str], spec: DataSpec) -> tuple[list[list[str]], str]:
    """Hold out a third of the texts; of a single one its end, from the beginning of a line or a word on."""
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise DataError(f"data {spec.source!r} holds no text")
    if len(texts) > 1:
        train, held = hold_out_third(torch.zeros(len(texts), dtype=torch.int64), spec.seed)
        chosen = [[texts[row] for row in rows.tolist()] for rows in (train, held)]
        return chosen, f"a third of the texts held out, seed {spec.seed}"
    text = texts[0]
    end = round(len(text) * (1 - HELDOUT_SHARE))
    # From a tenth before it on: a text may be one line, or have no spaces at all.
    places = (text.rfind(each, end - len(text) // 10, end) + 1 for each in ("\n", " "))
    middle = next((place for place in places if place > 0), end)
    return [[text[:middle]], [text[middle:]]], "the end of the text held out, a third"


def _some(texts: list[str], most: int | None, seed: int) -> list[str]:
    chosen = choose(torch.zeros(len(texts), dtype=torch.int64), most, seed)
    return [texts[row] for row in chosen.tolist()]


def _examples(
    texts: list[str], tokenizer: str, length: int, spec: DataSpec, place: int
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return the tokens that are shown, those that are wanted (None for the next ones), and the mask of padding."""
    tokens, mask, own = pieces(texts, tokenizer, length)
    if spec.task == "next-token":
        enough = mask.sum(1) > 1  # one token alone has none after it
        if not enough.any():
            raise DataError(f"data {spec.source!r}: expected texts of at least two tokens, got none")
        return tokens[enough], None, mask[enough]
    hidden = mask_token(tokenizer)
    if hidden is None:
        raise DataError(
            f"expected a tokenizer with a mask for the task {spec.task}, got {tokenizer!r}: give --tokenizer the name or folder of one "
            "of transformers that has, or take the task next-token"
        )
    generator = torch.Generator().manual_seed(2 * spec.seed + place)
    masked = (torch.rand(tokens.shape, generator=generator) < _MASKED_SHARE) & (own == 1)
    some = masked.any(1)
    if not some.any():
        raise DataError(
            f"data {spec.source!r}: expected texts of several tokens for the task {spec.task}, got none"
        )
    shown = tokens.masked_fill(masked, hidden)
    return shown[some], tokens.masked_fill(~masked, IGNORED)[some], mask[some]
