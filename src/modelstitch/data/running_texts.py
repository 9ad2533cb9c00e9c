"""Texts for the token tasks, cut into examples of one length."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from modelstitch.data.from_arrays import data_from
from modelstitch.data.parts import Data
from modelstitch.data.splitting import HELDOUT_SHARE, choose, hold_out_third
from modelstitch.data.texts import BYTES, mask_token, pieces
from modelstitch.data.together import Together, numbered
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec
from modelstitch.tasks import IGNORED

DEFAULT_LENGTH = 128
"""Tokens of an example."""

_MASKED_SHARE = 0.15


def examples_of(parts: list[list[str]], division: str, spec: DataSpec) -> Data:
    """Make the examples of the task ``next-token`` or ``masked-token`` from texts.

    No example spans two texts, so no held-out example continues a training example, except at the point where
    a single text is divided. For ``masked-token`` each token is masked with probability 0.15, drawn from
    ``spec.seed``.

    Args:
        parts: the texts of one part, of which a third is held out (of a single text, its end), or of two.
        division: how the parts came about.
        spec: task, tokenizer, length, limits and seed.

    Raises:
        DataError: no text, or a tokenizer without a mask token.
    """
    if len(parts) == 1:
        parts, division = _divided(parts[0], spec)
    tokenizer, length = spec.tokenizer or BYTES, spec.length or DEFAULT_LENGTH
    # A text makes at least one example, so no more texts than examples have to be read.
    parts = [
        _some(texts, limit, spec.seed)
        for texts, limit in zip(parts, (spec.limit, spec.heldout_limit), strict=True)
    ]
    (x, y, mask), held = (_examples(texts, tokenizer, length, spec, part) for part, texts in enumerate(parts))
    data = data_from(
        x,
        y,
        task=spec.task,
        kwargs={"attention_mask": mask},
        heldout=(held[0], held[1], {"attention_mask": held[2]}),
        name=Path(spec.source).name,
        limit=spec.limit,
        heldout_limit=spec.heldout_limit,
        seed=spec.seed,
    )
    return replace(data, division=f"{division}; examples of {length} tokens, tokenizer {tokenizer}")


def _divided(texts: list[str], spec: DataSpec) -> tuple[list[list[str]], str]:
    """Hold out a third of the texts; of a single text its end, from the start of a line or a word."""
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise DataError(f"data {spec.source!r} holds no text")
    if len(texts) > 1:
        of_one_class = torch.zeros(len(texts), dtype=torch.int64)
        train, held = hold_out_third(of_one_class, spec.seed, together=Together(numbered(texts)))
        chosen = [[texts[row] for row in rows.tolist()] for rows in (train, held)]
        return chosen, f"a third of the texts held out, seed {spec.seed}"
    text = texts[0]
    end = round(len(text) * (1 - HELDOUT_SHARE))
    # Search only the tenth before the end: a text may be one line, or have no spaces.
    starts = (text.rfind(separator, end - len(text) // 10, end) + 1 for separator in ("\n", " "))
    middle = next((start for start in starts if start > 0), end)
    return [[text[:middle]], [text[middle:]]], "the end of the text held out, a third"


def _some(texts: list[str], limit: int | None, seed: int) -> list[str]:
    chosen = choose(torch.zeros(len(texts), dtype=torch.int64), limit, seed)
    return [texts[row] for row in chosen.tolist()]


def _examples(
    texts: list[str], tokenizer: str, length: int, spec: DataSpec, part: int
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return input tokens, target tokens (None for next-token) and the padding mask, (N, length) each."""
    tokens, mask, own = pieces(texts, tokenizer, length)
    if spec.task == "next-token":
        enough = mask.sum(1) > 1  # a single token has no next one
        if not enough.any():
            raise DataError(f"data {spec.source!r}: expected texts of at least two tokens, got none")
        return tokens[enough], None, mask[enough]
    hidden = mask_token(tokenizer)
    if hidden is None:
        raise DataError(
            f"expected a tokenizer with a mask for the task {spec.task}, got {tokenizer!r}: give --tokenizer "
            "the name or folder of a tokenizer of transformers that has one, or take the task next-token"
        )
    generator = torch.Generator().manual_seed(2 * spec.seed + part)
    masked = (torch.rand(tokens.shape, generator=generator) < _MASKED_SHARE) & (own == 1)
    some = masked.any(1)
    if not some.any():
        raise DataError(
            f"data {spec.source!r}: expected texts of several tokens for the task {spec.task}, got none"
        )
    shown = tokens.masked_fill(masked, hidden)
    return shown[some], tokens.masked_fill(~masked, IGNORED)[some], mask[some]
