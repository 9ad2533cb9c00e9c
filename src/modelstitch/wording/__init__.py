"""Every sentence that a person reads in a result, in one catalogue, in English and in Japanese.

:func:`say` makes a sentence: a plain string in English that remembers what it was made of, so that the same sentence can be had in
another language. A test holds that the languages have the same keys and name the same values.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.wording import english, japanese, measures_japanese, page_english, page_japanese

LANGUAGES: dict[str, Mapping[str, str]] = {
    "en": english.SENTENCES | page_english.SENTENCES,
    "ja": japanese.SENTENCES | page_japanese.SENTENCES,
}
"""Templates by language and key."""


_MEASURES: dict[str, Mapping[str, str]] = {"ja": measures_japanese.TEXTS | measures_japanese.RANGES}


def definition(text: str, language: str) -> str:
    """Return what a measurement is, or its range, in a language, by the English sentence of its definition.

    Example:
        >>> definition("0 and up", "ja"), definition("0 and up", "en")
        ('0以上', '0 and up')
    """
    expect_one_of("language", language, tuple(LANGUAGES), SpecError)
    return _MEASURES.get(language, {}).get(text, text)


class Text(str):
    """A sentence of the catalogue: English as it stands, in any language by :meth:`in_language`."""

    key: str
    values: dict[str, Any]

    def in_language(self, language: str) -> str:
        """Return the same sentence in another language."""
        return _filled(self.key, self.values, language)


@dataclass(frozen=True)
class Listed:
    """Several texts that stand in a sentence one after another.

    Attributes:
        items: the texts.
        by: key of the separator, ``list.comma``, ``list.semicolon``, ``list.or`` or ``list.and``.
    """

    items: Sequence[str]
    by: str = "list.comma"


def say(key: str, **values: Any) -> Text:
    """Return the sentence ``key`` with its values filled in.

    Args:
        key: of the catalogue.
        values: numbers, strings, texts, or :class:`Listed` texts.

    Example:
        >>> said = say("verdict.few", n=12, needed=100)
        >>> said
        '12 held-out examples are too few, 100 are needed'
        >>> said.in_language("ja")
        '評価用データが12件では少なすぎます（100件必要）'
    """
    text = Text(_filled(key, values, "en"))
    text.key, text.values = key, values
    return text


def translated(text: str, language: str) -> str:
    """Return a text in a language; a string that is no sentence of the catalogue stays as it is."""
    expect_one_of("language", language, tuple(LANGUAGES), SpecError)
    return text.in_language(language) if isinstance(text, Text) else text


def plain(key: str, language: str, **values: Any) -> str:
    """Return the sentence ``key`` in one language at once."""
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


def _shown(value: Any, language: str) -> Any:
    if isinstance(value, Listed):
        return LANGUAGES[language][value.by].join(translated(item, language) for item in value.items)
    return translated(value, language) if isinstance(value, str) else value
