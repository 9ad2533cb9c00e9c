"""Texts as data: bytes that every model reads through its own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from modelstitch.errors import MissingExtraError, ModelError
from modelstitch.specs import View

BYTES = "bytes"
"""The tokenizer that takes every byte as a token: its value and one; 0 fills up."""

_LONGEST = 512


def encoded(texts: Sequence[str]) -> Tensor:
    """Return texts as bytes of UTF-8 (N, L) in uint8, filled up with zeros.

    Example:
        >>> encoded(["ab", "c"]).tolist()
        [[97, 98], [99, 0]]
    """
    rows = [
        torch.frombuffer(bytearray(text.replace("\0", " ").encode() or b" "), dtype=torch.uint8)
        for text in texts
    ]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def filled_up(parts: Sequence[Tensor]) -> list[Tensor]:
    """Return several sets of texts (N, L) with zeros behind, so that all have one length."""
    longest_row = max(part.shape[1] for part in parts)
    return [torch.nn.functional.pad(part, (0, longest_row - part.shape[1])) for part in parts]


def decoded(letters: Tensor) -> list[str]:
    """Undo :func:`encoded`; what is no text any more becomes a replacement sign."""
    return [bytes(row).rstrip(b"\0").decode(errors="replace") for row in letters.cpu().numpy()]


def read(letters: Tensor, tokenizer: str, length: int) -> tuple[Tensor, Tensor]:
    """Return the tokens of texts (N, L) in uint8, and a mask, both (N, length) in int64.

    Args:
        letters: see :func:`encoded`.
        tokenizer: ``bytes``, or the name or folder of a tokenizer of transformers.
        length: longer texts are cut, shorter ones filled up; the mask is 1 where there is a token.

    Raises:
        MissingExtraError, ModelError: the tokenizer cannot be had.

    Example:
        >>> [each.tolist() for each in read(encoded(["ab", "c"]), "bytes", 3)]
        [[[98, 99, 0], [100, 0, 0]], [[1, 1, 0], [1, 0, 0]]]
    """
    if tokenizer == BYTES:
        cut = letters[:, :length].long()
        filled = torch.nn.functional.pad(cut, (0, length - cut.shape[1]))
        mask = (filled != 0).long()
        return (filled + 1) * mask, mask
    found = _loaded(tokenizer)(
        decoded(letters), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
    )
    return found["input_ids"].to(letters.device), found["attention_mask"].to(letters.device)


@dataclass(frozen=True)
class Reader:
    """How one model reads: its tokenizer, and the number of tokens that it is given."""

    tokenizer: str
    length: int

    def __call__(self, letters: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens and mask, see :func:`read`."""
        return read(letters, self.tokenizer, self.length)


def reader(view: View, letters: Tensor) -> Reader:
    """Return how a model with ``view`` reads, where its texts to fit on are ``letters``."""
    tokenizer = view.tokenizer or BYTES
    return Reader(tokenizer, view.length or longest(letters, tokenizer))


def longest(letters: Tensor, tokenizer: str) -> int:
    """Return the number of tokens of the longest text, at most 512 and at most what the tokenizer's model takes."""
    if tokenizer == BYTES:
        return max(1, min(_LONGEST, letters.shape[1]))
    known = _loaded(tokenizer)
    most = min(_LONGEST, int(known.model_max_length))
    lengths = [len(each) for each in known(decoded(letters), truncation=True, max_length=most)["input_ids"]]
    return max(1, *lengths)


@lru_cache(maxsize=8)
def _loaded(name: str) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError(
            f'tokenizer {name!r} needs the package transformers, which cannot be imported ({error}): pip install "modelstitch[hf]"'
        ) from error
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelError(f"cannot load the tokenizer {name!r}: {first_line}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    tokenizer.padding_side = "right"
    return tokenizer
