"""Texts as bytes, which every model reads through its own tokenizer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from modelstitch.data.parts import Data, DataPart
from modelstitch.errors import ModelError, first_line
from modelstitch.specs import View
from modelstitch.util.optional import optional_package

_BETWEEN = "\x1e"
"""The sign between the two texts of a pair: the record separator of ASCII."""

MASK = "attention_mask"
"""The further input of transformers that is 1 where an example is, and 0 in padding."""

_KINDS = "token_type_ids"
"""The further input of transformers that tells kinds of tokens apart, such as the two texts of a pair."""

BYTES = "bytes"
"""The tokenizer whose tokens are the bytes plus one; 0 is padding."""

UNSAID = 512
"""Most tokens of a text for a model that says no limit."""

_NO_LIMIT = 1_000_000
"""A tokenizer without a limit gives a number far beyond this."""


def encoded(texts: Sequence[str], seconds: Sequence[str] | None = None) -> Tensor:
    """Return texts as bytes of UTF-8 (N, L) in uint8, padded with zeros.

    Args:
        texts: of each example.
        seconds: the second text of each example, where each is a pair; a sign that no text holds is between.

    Example:
        >>> encoded(["ab", "c"]).tolist()
        [[97, 98], [99, 0]]
        >>> encoded(["a"], ["b"]).tolist()
        [[97, 30, 98]]
    """
    plain = [_without_signs(text) for text in texts]
    if seconds is not None:
        plain = [first + _BETWEEN + _without_signs(text) for first, text in zip(plain, seconds, strict=True)]
    rows = [torch.frombuffer(bytearray(text.encode() or b" "), dtype=torch.uint8) for text in plain]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def _without_signs(text: str) -> str:
    return text.replace("\0", " ").replace(_BETWEEN, " ")


def are_pairs(letters: Tensor) -> bool:
    """Tell whether texts (N, L) are pairs of texts.

    Example:
        >>> are_pairs(encoded(["a"], ["b"])), are_pairs(encoded(["a b"]))
        (True, False)
    """
    return bool((letters == ord(_BETWEEN)).any())


def pad_alike(parts: Sequence[DataPart]) -> list[DataPart]:
    """Pad the texts (N, L) of several parts with zeros to one length."""
    length = max(part.images.shape[1] for part in parts)
    return [
        replace(part, images=torch.nn.functional.pad(part.images, (0, length - part.images.shape[1])))
        for part in parts
    ]


def decoded(letters: Tensor) -> list[str]:
    """Undo :func:`encoded`; invalid bytes become a replacement sign."""
    return [bytes(row).rstrip(b"\0").decode(errors="replace") for row in letters.cpu().numpy()]


def parts_of(text: str) -> tuple[str, ...]:
    """Return both texts of a pair, or a text alone.

    Example:
        >>> parts_of("A man sleeps.\x1eHe is awake.")
        ('A man sleeps.', 'He is awake.')
    """
    return tuple(text.split(_BETWEEN))


def read(letters: Tensor, tokenizer: str, length: int) -> tuple[Tensor, Tensor]:
    """Return the tokens of texts (N, L) in uint8 and their padding mask, both (N, length) in int64.

    Args:
        letters: see :func:`encoded`.
        tokenizer: ``bytes``, or the name or folder of a tokenizer of transformers.
        length: longer texts are cut, shorter ones padded, on the tokenizer's own sides; the mask is 1 at
            tokens, 0 at padding.

    Raises:
        MissingExtraError, ModelError: the tokenizer cannot be loaded.

    Example:
        >>> [x.tolist() for x in read(encoded(["ab", "c"]), "bytes", 3)]
        [[[98, 99, 0], [100, 0, 0]], [[1, 1, 0], [1, 0, 0]]]
    """
    if tokenizer == BYTES:
        cut = letters[:, :length].long()
        padded = torch.nn.functional.pad(cut, (0, length - cut.shape[1]))
        mask = (padded != 0).long()
        return (padded + 1) * mask, mask
    batch = _batch(letters, tokenizer, length, are_pairs(letters))
    return batch["input_ids"].to(letters.device), batch["attention_mask"].to(letters.device)


def _batch(letters: Tensor, tokenizer: str, length: int, pairs: bool) -> Any:
    """Return what a tokenizer of transformers makes of texts, or of pairs, which it joins in its own way."""
    options = {"padding": "max_length", "truncation": True, "max_length": length, "return_tensors": "pt"}
    return _loaded(tokenizer)(*_texts_of(letters, pairs), **options)


def _texts_of(letters: Tensor, pairs: bool) -> tuple[list[str], ...]:
    """Return texts as strings; of pairs, the first ones and the second ones."""
    texts = decoded(letters)
    if not pairs:
        return (texts,)
    both = [text.partition(_BETWEEN) for text in texts]
    return [first for first, _, _ in both], [second for _, _, second in both]


def pieces(texts: Sequence[str], tokenizer: str, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the tokens of texts in pieces of ``length``; the last piece of each text is padded.

    Args:
        texts: no piece spans two of them.
        tokenizer: see :func:`read`.
        length: of a piece.

    Returns:
        Three (P, length) in int64: tokens; a mask, 1 at tokens and 0 at padding; and 1 at tokens of the text
        itself, 0 at special tokens of the tokenizer.

    Raises:
        MissingExtraError, ModelError: the tokenizer cannot be loaded.

    Example:
        >>> tokens, mask, _ = pieces(["abc", "d"], "bytes", 2)
        >>> tokens.tolist(), mask.tolist()
        ([[98, 99], [100, 0], [101, 0]], [[1, 1], [1, 0], [1, 0]])
    """
    if tokenizer == BYTES:
        rows = (torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8).long() + 1 for text in texts)
        by_text = [(row, torch.ones_like(row)) for row in rows]
    else:
        # verbose=False: a text longer than the model takes is cut below, so a warning would mislead.
        batch = _loaded(tokenizer)(list(texts), return_special_tokens_mask=True, verbose=False)
        by_text = [
            (torch.tensor(tokens), 1 - torch.tensor(special))
            for tokens, special in zip(batch["input_ids"], batch["special_tokens_mask"], strict=True)
        ]
    padded = [
        torch.nn.functional.pad(
            torch.stack([tokens, torch.ones_like(tokens), own]), (0, -len(tokens) % length)
        )
        for tokens, own in by_text
        if len(tokens)
    ]
    joined = torch.cat(padded, 1) if padded else torch.zeros(3, 0, dtype=torch.int64)
    tokens, mask, own = joined.reshape(3, -1, length)
    return tokens, mask, own


def reads_as(one: str, other: str) -> bool:
    """Tell whether two tokenizers have the same rules and vocabulary, wherever they are stored."""
    return one == other or (BYTES not in (one, other) and _rules(one) == _rules(other))


def _rules(name: str) -> Any:
    tokenizer = _loaded(name)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return type(tokenizer), tokenizer.get_vocab()
    rules = json.loads(backend.to_str())
    return {part: rule for part, rule in rules.items() if part not in ("padding", "truncation")}


def mask_token(tokenizer: str) -> int | None:
    """Return the mask token of a tokenizer; None if it has none."""
    token = None if tokenizer == BYTES else _loaded(tokenizer).mask_token_id
    return None if token is None else int(token)


@dataclass(frozen=True)
class Reader:
    """How one model reads: its tokenizer, its number of tokens, and whether the texts are pairs."""

    tokenizer: str
    length: int
    pairs: bool = False

    def __call__(self, letters: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return tokens (N, length), see :func:`read`, and further inputs (N, length) by name of argument.

        These are the mask, and the kinds of tokens where the tokenizer tells some apart.
        """
        if self.tokenizer == BYTES:
            tokens, mask = read(letters, self.tokenizer, self.length)
            return tokens, {MASK: mask}
        batch = _batch(letters, self.tokenizer, self.length, self.pairs)
        # A model takes kind 0 by default, so kinds that are all 0 say nothing.
        names = [MASK, *([_KINDS] if _KINDS in batch and (self.pairs or bool(batch[_KINDS].any())) else [])]
        return batch["input_ids"].to(letters.device), {name: batch[name].to(letters.device) for name in names}


def reader(view: View, lengths: Iterable[Tensor], pairs: bool = False) -> Reader:
    """Return how a model with ``view`` reads texts.

    Its length is the view's, or that of the longest text of any part, within what the model and its tokenizer
    take; a model that says no limit takes 512 tokens.

    Args:
        view: of the model.
        lengths: (N,) tokens of each text, of each part of the data; see :func:`n_tokens`.
        pairs: whether the texts are pairs.

    Raises:
        MissingExtraError, ModelError: the tokenizer cannot be loaded.

    Example:
        >>> reader(View(), [torch.tensor([2]), torch.tensor([4, 1])])
        Reader(tokenizer='bytes', length=4, pairs=False)
        >>> reader(View(most_tokens=3), [torch.tensor([4])]).length
        3
    """
    tokenizer = view.tokenizer or BYTES
    if view.length is not None:
        return Reader(tokenizer, view.length, pairs)
    longest = max(int(part.max()) for part in lengths)
    return Reader(tokenizer, max(1, min(longest, _limit(view, tokenizer))), pairs)


def reader_of(view: View, data: Data) -> Reader:
    """Return how a model with ``view`` reads the texts of both parts of the data, see :func:`reader`."""
    lengths = [n_tokens(part.images, view.tokenizer) for part in (data.train, data.heldout)]
    return reader(view, lengths, are_pairs(data.train.images))


def _limit(view: View, tokenizer: str) -> int:
    """Return how many tokens a model takes: the least that it and its tokenizer say, or 512."""
    said = [] if view.most_tokens is None else [view.most_tokens]
    if tokenizer != BYTES:
        own = int(_loaded(tokenizer).model_max_length)
        said += [own] if own < _NO_LIMIT else []
    return min(said, default=UNSAID)


def n_tokens(letters: Tensor, tokenizer: str | None) -> Tensor:
    """Return the number of tokens of each whole text, (N,), with the tokenizer's special ones.

    Raises:
        MissingExtraError, ModelError: the tokenizer cannot be loaded, or reads bytes, and texts are pairs.

    Example:
        >>> n_tokens(encoded(["ab", "c"]), "bytes").tolist()
        [2, 1]
    """
    pairs = are_pairs(letters)
    if tokenizer in (None, BYTES):
        if pairs:
            raise ModelError(
                "expected a tokenizer of transformers for pairs of texts, which joins them as the model was "
                "trained, got bytes: give --tokenizer, or one column of texts (--input-column)"
            )
        return (letters != 0).sum(1)
    # verbose=False: a text longer than the model takes is cut later, so a warning would mislead.
    rows = _loaded(str(tokenizer))(*_texts_of(letters, pairs), verbose=False)["input_ids"]
    return torch.tensor([len(row) for row in rows], device=letters.device)


@lru_cache(maxsize=8)
def _loaded(name: str) -> Any:
    transformers = optional_package("transformers", "hf", f"tokenizer {name!r}")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelError(f"cannot load the tokenizer {name!r}: {first_line(error)}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer
