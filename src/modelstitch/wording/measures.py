"""What each measurement is, in a language."""

from __future__ import annotations

from collections.abc import Mapping

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.wording.catalogue import LANGUAGES
from modelstitch.wording.measures_japanese import MEASURES

TRANSLATIONS: dict[str, Mapping[str, tuple[str, str]]] = {"ja": MEASURES}
"""What is measured and its range, by language and measure (``kind.name``); English: ``evidence/kinds``."""


def measure_words(measure: str, language: str, english: tuple[str, str]) -> tuple[str, str]:
    """Return what a measure is, and its range.

    Args:
        measure: ``kind.name``, such as ``geometry.cka``.
        language: ``en`` or ``ja``.
        english: the same in English, from the definition.

    Example:
        >>> measure_words("errors.ev_share", "ja", ("ev over the variance", "0 and up"))[1]
        '0以上'
    """
    expect_one_of("language", language, tuple(LANGUAGES), SpecError)
    return TRANSLATIONS[language].get(measure, english) if language in TRANSLATIONS else english
