"""A sentence in every language: a template of the catalogue with its values."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.wording.catalogue import LANGUAGES


class Sentence(str):
    """A sentence of the catalogue: a string in English, and in any language by :meth:`in_language`.

    Attributes:
        key: of the template. No program reads a fact back from it.
        values: what was filled in.
    """

    key: str
    values: dict[str, Any]

    def in_language(self, language: str) -> str:
        """Return the same sentence in another language."""
        return _filled(self.key, self.values, language)

    def to_plain(self) -> dict[str, Any]:
        """Return key and values as JSON can hold them; :func:`from_plain` reads them."""
        return {"key": self.key, "values": {name: _plain(value) for name, value in self.values.items()}}


@dataclass(frozen=True)
class Listed:
    """Several phrases, one after another inside a sentence.

    Attributes:
        items: the phrases.
        by: key of the separator, ``list.comma``, ``list.semicolon``, ``list.or`` or ``list.and``.
    """

    items: Sequence[str]
    by: str = "list.comma"


def say(key: str, **values: Any) -> Sentence:
    """Return the sentence ``key`` with its values filled in.

    Args:
        key: of the catalogue.
        values: numbers, strings, sentences, or :class:`Listed` phrases.

    Example:
        >>> sentence = say("matrix.with", n=3, control=say("control.one-hot"))
        >>> sentence
        '3 with a one-hot label'
        >>> sentence.in_language("ja")
        'ワンホット・ラベル：3件'
    """
    sentence = Sentence(_filled(key, values, "en"))
    sentence.key, sentence.values = key, values
    return sentence


def from_plain(stored: Any) -> Sentence:
    """Return a sentence that :meth:`Sentence.to_plain` wrote.

    Raises:
        SpecError: no sentence of this catalogue, or other values than it is filled with.

    Example:
        >>> from_plain(say("role.sender").to_plain())
        'sender'
        >>> from_plain({"key": "role.nobody", "values": {}})
        Traceback (most recent call last):
        ...
        modelstitch.errors.SpecError: expected a stored sentence of this version, got 'role.nobody'
    """
    key = stored.get("key") if isinstance(stored, Mapping) else None
    values = stored.get("values") if isinstance(stored, Mapping) else None
    if not isinstance(key, str) or not isinstance(values, Mapping) or key not in LANGUAGES["en"]:
        raise SpecError(f"expected a stored sentence of this version, got {key!r}")
    try:
        return say(key, **{name: _revived(value) for name, value in values.items()})
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise SpecError(
            f"expected a stored sentence of this version, got {key!r} with other values"
        ) from error


def translated(text: str, language: str) -> str:
    """Return a text in a language; a string that is no sentence of the catalogue stays as it is."""
    expect_one_of("language", language, tuple(LANGUAGES), SpecError)
    return text.in_language(language) if isinstance(text, Sentence) else text


def plain(key: str, language: str, **values: Any) -> str:
    """Return the sentence ``key`` in one language as a plain string."""
    return _filled(key, values, language)


class _Filler(string.Formatter):
    """Formats as usual, and ``{n:cell|cells}`` as the singular or the plural for ``n``."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        if "|" in format_spec:
            one, many = format_spec.split("|")
            return one if value == 1 else many
        return super().format_field(value, format_spec)


def _filled(key: str, values: Mapping[str, Any], language: str) -> str:
    template = LANGUAGES[language][key]
    return _Filler().vformat(template, (), {name: _shown(v, language) for name, v in values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Sentence):
        return value.to_plain()
    if isinstance(value, Listed):
        return {"listed": [_plain(item) for item in value.items], "by": value.by}
    return value


def _revived(value: Any) -> Any:
    if isinstance(value, Mapping) and "listed" in value:
        return Listed([_revived(item) for item in value["listed"]], value["by"])
    return from_plain(value) if isinstance(value, Mapping) else value


def _shown(value: Any, language: str) -> Any:
    if isinstance(value, Listed):
        return LANGUAGES[language][value.by].join(translated(item, language) for item in value.items)
    return translated(value, language) if isinstance(value, str) else value
