"""How a candidate's inputs are made of texts: which tokenizer each of them comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modelstitch.data.texts import Reader
from modelstitch.errors import DataError


@dataclass(frozen=True, kw_only=True)
class TextInput:
    """One input of a candidate that is made of a text.

    Attributes:
        name: of the input.
        role: whose tokenizer reads the text for it, ``sender`` or ``receiver``.
        argument: the further input of that network, such as ``attention_mask``; None for its tokens.
    """

    name: str
    role: str
    argument: str | None = None


@dataclass(frozen=True, kw_only=True)
class TextInputs:
    """How all inputs of a candidate are made of texts.

    Attributes:
        readers: tokenizer and length of sender and receiver, by role.
        inputs: every input of the candidate.

    Example:
        >>> from modelstitch.data.texts import MASK, encoded
        >>> reads = {"sender": Reader("bytes", 3), "receiver": Reader("bytes", 2)}
        >>> x, mask = TextInput(name="x", role="sender"), TextInput(name="m", role="receiver", argument=MASK)
        >>> found = TextInputs(readers=reads, inputs=(x, mask)).of(encoded(["ab", "c"]))
        >>> {name: value.tolist() for name, value in found.items()}
        {'x': [[98, 99, 0], [100, 0, 0]], 'm': [[1, 1], [1, 0]]}
    """

    readers: Mapping[str, Reader]
    inputs: tuple[TextInput, ...]

    @property
    def pairs(self) -> bool:
        """Whether an example is a pair of texts."""
        return self.readers["sender"].pairs

    def of(self, letters: Tensor) -> dict[str, Tensor]:
        """Return the inputs of the candidate (n, ...) by name.

        Args:
            letters: texts (n, L) as :func:`modelstitch.data.texts.encoded` gives them.

        Raises:
            MissingExtraError, ModelError: a tokenizer cannot be loaded.
        """
        read = {role: self.readers[role](letters) for role in {one.role for one in self.inputs}}
        found = {}
        for one in self.inputs:
            tokens, further = read[one.role]
            # A tokenizer leaves out the kinds of tokens where all are 0.
            found[one.name] = (
                tokens if one.argument is None else further.get(one.argument, torch.zeros_like(tokens))
            )
        return found

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> TextInputs:
        """Return what ``asdict`` gave the values of, also read back from JSON.

        Raises:
            DataError: values that are none.
        """
        try:
            readers = {role: Reader(**values["readers"][role]) for role in ("sender", "receiver")}
            return cls(readers=readers, inputs=tuple(TextInput(**one) for one in values["inputs"]))
        except (TypeError, KeyError) as error:
            raise DataError(f"cannot read how a candidate reads texts: {error}") from error
