"""Texts as data: bytes that every model reads through its own tokenizer."""

from __future__ import annotations

import json
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


def pieces(texts: Sequence[str], tokenizer: str, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the tokens of texts, cut into pieces of ``length`` tokens, the last of each text filled up.

    Args:
        texts: each is cut by itself.
        tokenizer: see :func:`read`.
        length: of a piece.

    Returns:
        Three (P, length) in int64: tokens, a mask that is 1 where there is one, and 1 where it is of the text itself, no mark of the
        tokenizer's own (such as where a text begins).

    Raises:
        MissingExtraError, ModelError: the tokenizer cannot be had.

    Example:
        >>> tokens, mask, _ = pieces(["abc", "d"], "bytes", 2)
        >>> tokens.tolist(), mask.tolist()
        ([[98, 99], [100, 0], [101, 0]], [[1, 1], [1, 0], [1, 0]])
    """
    found: list[tuple[Tensor, Tensor]] = []
    if tokenizer == BYTES:
        rows = (torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8).long() + 1 for text in texts)
        found = [(row, torch.ones_like(row)) for row in rows]
    else:
        # A text longer than a model takes is no mistake: it is cut below.
        read = _loaded(tokenizer)(list(texts), return_special_tokens_mask=True, verbose=False)
        for tokens, marks in zip(read["input_ids"], read["special_tokens_mask"], strict=True):
            found.append((torch.tensor(tokens), 1 - torch.tensor(marks)))
    filled = [
        torch.nn.functional.pad(
            torch.stack([tokens, torch.ones_like(tokens), own]), (0, -len(tokens) % length)
        )
        for tokens, own in found
        if len(tokens)
    ]
    joined = torch.cat(filled, 1) if filled else torch.zeros(3, 0, dtype=torch.int64)
    tokens, mask, own = joined.reshape(3, -1, length)
    return tokens, mask, own


def reads_as(one: str, other: str) -> bool:
    """Tell whether two tokenizers read every text alike: by the same rules and the same numbers, wherever they lie."""
    return one == other or (BYTES not in (one, other) and _rules(one) == _rules(other))


def _rules(name: str) -> Any:
    tokenizer = _loaded(name)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return type(tokenizer), tokenizer.get_vocab()
    rules = json.loads(backend.to_str())
    return {part: rule for part, rule in rules.items() if part not in ("padding", "truncation")}


def mask_token(tokenizer: str) -> int | None:
    """Return the token that stands for one that is not shown; None where a tokenizer has none."""
    found = None if tokenizer == BYTES else _loaded(tokenizer).mask_token_id
    return None if found is None else int(found)


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
