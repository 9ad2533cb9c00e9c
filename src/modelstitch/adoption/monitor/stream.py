"""A stream as JSON lines: one example a line, or one label of an example that came before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modelstitch.adoption.folder.contract import Contract, TensorContract
from modelstitch.data.texts import encoded
from modelstitch.errors import DataError

CHUNK = 64
"""Lines that are taken at once."""

_KNOWN = ("id", "label")

TEXT = "text"
"""Name of the text of an example, or of both texts of a pair, from which its tokens are made."""

Texts = tuple[str, ...]
"""A text, or both texts of a pair."""


@dataclass(frozen=True, eq=False)
class StreamItem:
    """One line of a stream.

    Attributes:
        id: what the stream calls the example; None where it says nothing.
        inputs: (1, ...) by name; empty where a label alone arrives.
        label: name of the class, or its number as a text; None without a label.
        texts: from which the inputs were made; None where they were given.
    """

    id: str | None
    inputs: dict[str, Tensor]
    label: str | None
    texts: Texts | None = None


@dataclass(frozen=True, eq=False)
class Chunk:
    """Lines that are taken at once.

    Attributes:
        items: what they hold.
        error: why the line behind them cannot be read; None where nothing is wrong.
    """

    items: Sequence[StreamItem]
    error: DataError | None = None


def chunks(lines: Iterable[str], contract: Contract) -> Iterator[Chunk]:
    """Yield the lines of a stream in chunks; a line that cannot be read ends it.

    Args:
        lines: each with its end; empty ones are left out.
        contract: of the candidate.
    """
    items: list[StreamItem] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            items.append(read_line(line, number, contract))
        except DataError as error:
            yield Chunk(items, error)
            return
        if len(items) == CHUNK:
            yield Chunk(items)
            items = []
    yield Chunk(items)


def read_line(line: str, number: int, contract: Contract) -> StreamItem:
    """Read one line, such as ``{"id": "a7", "x": [0.1, 0.2], "label": 3}``, or with a ``text`` in place of x.

    Args:
        line: the text.
        number: of the line, for errors.
        contract: of the candidate.

    Raises:
        DataError: a line that is cut off or no JSON, unknown names, or values that do not keep the contract.

    Example:
        >>> x = TensorContract(name="x", dtype="float32", shape=(2,))
        >>> contract = Contract(inputs=(x,), outputs=(x,), preprocessing={})
        >>> read_line('{"id": "a7", "x": [0.5, 1]}', 1, contract).inputs["x"]
        tensor([[0.5000, 1.0000]])
    """
    try:
        values = json.loads(line, parse_constant=_refuse)
    except ValueError as error:
        cut = not line.endswith("\n")
        what = "is cut off" if cut else "is no JSON with finite numbers"
        again = ": give the stream again from this line on" if cut else f" ({error})"
        raise DataError(f"line {number} of the stream {what}{again}") from error
    where = f"line {number} of the stream"
    names = [one.name for one in contract.inputs]
    known = [*_KNOWN, *names, *([] if contract.texts is None else [TEXT])]
    if not isinstance(values, dict) or not values or set(values) - set(known):
        raise DataError(f"expected {where} to hold {', '.join(known)}, got {line.strip()[:60]!r}")
    given = [name for name in names if name in values]
    texts = _texts(values[TEXT], contract, where) if TEXT in values and contract.texts is not None else None
    if (given and given != names) or (given and texts is not None):
        either = "" if contract.texts is None else f", or {TEXT} alone,"
        got = [name for name in known if name in values and name not in _KNOWN]
        raise DataError(f"expected the inputs {', '.join(names)}{either} in {where}, got {', '.join(got)}")
    one = None if values.get("id") is None else str(values["id"])
    label = _label(values.get("label"), where)
    if texts is not None:
        return StreamItem(one, _read(texts, contract), label, texts)
    if not given and (one is None or label is None):
        raise DataError(f"expected an example in {where}, or the id and the label of one that came before")
    inputs = {each.name: _tensor(each, values[each.name], where) for each in contract.inputs if given}
    return StreamItem(one, inputs, label)


def _texts(value: Any, contract: Contract, where: str) -> Texts:
    pairs = contract.texts is not None and contract.texts.pairs
    found = tuple(value) if isinstance(value, list) else (value,)
    if len(found) != 1 + pairs or not all(isinstance(text, str) for text in found):
        wanted = "a list of two texts" if pairs else "a text"
        raise DataError(f"expected {TEXT} in {where} as {wanted}, got {str(value)[:60]!r}")
    return found


def _read(texts: Texts, contract: Contract) -> dict[str, Tensor]:
    assert contract.texts is not None
    return contract.texts.of(letters_of([texts]))


def letters_of(texts: Sequence[Texts]) -> Tensor:
    """Return texts, or pairs of texts, as bytes (n, L) of one length.

    Example:
        >>> letters_of([("ab",), ("c",)]).tolist()
        [[97, 98], [99, 0]]
    """
    seconds = [pair[1] for pair in texts if len(pair) > 1]
    return encoded([pair[0] for pair in texts], seconds or None)


def _label(value: Any, where: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).strip():
        raise DataError(f"expected a label in {where} as the name of a class or its number, got {value!r}")
    return str(value)


def _tensor(contract: TensorContract, value: Any, where: str) -> Tensor:
    try:
        exact = torch.tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"expected {contract.said} in {where}, got values that are no array") from error
    dtype = contract.torch_dtype
    found = exact.to(dtype)[None]
    if not dtype.is_floating_point and not torch.equal(found[0].double(), exact):
        raise DataError(f"expected {contract.said} in {where}, got numbers that are not whole or too large")
    try:
        contract.expect(found)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    return found


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no finite number")
