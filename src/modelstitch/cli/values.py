"""How words behind an option become its value: lists with spaces or commas, options that may be left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    UnsupportedTypeAnnotationError,
)

VALUES = ConstructorRegistry()
"""How tyro reads every ``tuple[X, ...]`` and every ``X | None`` of a command."""

_NOT_GIVEN = "none"
"""What the help shows as the default of an option that may be left out."""

_ITEMS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    str: ("NAME", str),
    int: ("INT", int),
    float: ("FLOAT", float),
}
"""By type of an item: what the help calls it, and how it is read."""


def split_list(word: str) -> list[str]:
    """Split a word at commas that stand outside brackets and quotes; an item in quotes is taken without them.

    Raises:
        ValueError: an empty item, or a quote that is not closed.

    Example:
        >>> split_list("affine,lowrank(8)"), split_list("zoo:R1111(width=8, channels=1),b.safetensors")
        (['affine', 'lowrank(8)'], ['zoo:R1111(width=8, channels=1)', 'b.safetensors'])
        >>> split_list("'one, two.safetensors',three")
        ['one, two.safetensors', 'three']
    """
    items, start, depth, quote = [], 0, 0, ""
    for place, sign in enumerate(word):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"" and (depth or not word[start:place].strip()):
            quote = sign  # elsewhere it is an apostrophe
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth = max(0, depth - 1)
        elif sign == "," and not depth:
            items.append(word[start:place])
            start = place + 1
    if quote:
        raise ValueError(f"expected a closing {quote} in {word!r}")
    items = [_unquoted(item.strip()) for item in (*items, word[start:])]
    if "" in items:
        raise ValueError(f"expected names or numbers with commas between them, got an empty one in {word!r}")
    return items


def _unquoted(item: str) -> str:
    return item[1:-1] if len(item) > 1 and item[0] == item[-1] and item[0] in "'\"" else item


def gathered(words: Sequence[str], lists: Collection[str]) -> list[str]:
    """Return the words of a command with the values of each list option that is given twice in one place.

    The parser alone would keep the last ones, and drop the others without a word.

    Args:
        words: of the command.
        lists: options that take lists, such as ``--cuts``.

    Example:
        >>> gathered(["a", "--cuts", "x", "--limit", "9", "--cuts=y"], {"--cuts"})
        ['a', '--limit', '9', '--cuts', 'x', 'y']
    """
    names = [word.partition("=")[0] for word in words]
    twice = [name for name in dict.fromkeys(names) if name in lists and names.count(name) > 1]
    kept: list[str] = []
    values: dict[str, list[str]] = {name: [] for name in twice}
    into = kept
    for name, word in zip(names, words, strict=True):
        if name in values and "=" in word:
            values[name].append(word.partition("=")[2])
            into = kept
        elif name in values:
            into = values[name]
        else:
            into = kept if word.startswith("--") else into
            into.append(word)
    return [*kept, *(word for name in twice for word in (name, *values[name]))]


@VALUES.primitive_rule
def _a_list(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Read ``tuple[X, ...]`` from words, each of which may hold several items with commas."""
    if get_origin(info.type) is not tuple or get_args(info.type)[1:] != (Ellipsis,):
        return None
    (kind, _) = get_args(info.type)
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    name, read = ("|".join(choices), str) if choices else _ITEMS[kind]

    def value_of(item: str) -> Any:
        if choices and item not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}, got {item!r}")
        try:
            return read(item)
        except ValueError as error:
            raise ValueError(f"expected {name}, got {item!r}") from error

    def from_words(words: Sequence[str]) -> tuple[Any, ...]:
        items = [item for word in words for item in split_list(word)]
        return tuple(value_of(item) for item in items)

    return PrimitiveConstructorSpec(
        nargs="*",
        metavar=f"{name},...",
        instance_from_str=from_words,
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [",".join(map(str, value)) or _NOT_GIVEN],
    )


@VALUES.primitive_rule
def _may_be_left_out(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Read ``X | None`` as X; None is what an option is that was not given."""
    kinds = get_args(info.type)
    if get_origin(info.type) not in (Union, UnionType) or len(kinds) != 2 or NoneType not in kinds:
        return None
    (kind,) = (one for one in kinds if one is not NoneType)
    spec = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(kind, set()))
    if isinstance(spec, UnsupportedTypeAnnotationError):
        return None
    shown = spec.str_from_instance
    return replace(
        spec,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: [_NOT_GIVEN] if value is None else shown(value),
    )
