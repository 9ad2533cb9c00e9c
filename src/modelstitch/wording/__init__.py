"""Every sentence that a person reads in a result, in one catalogue, in English and in Japanese.

:func:`say` makes a sentence: a string in English that can be had in every language. Sentences are made from
typed facts, and nothing is read back from them. A test holds that the languages have the same keys.
A new language is two files of templates, one file of measures, and one row in each of two tables:
``catalogue.LANGUAGES`` and ``measures.TRANSLATIONS``.
"""

from __future__ import annotations

from modelstitch.wording.catalogue import LANGUAGES
from modelstitch.wording.measures import measure_words
from modelstitch.wording.reasons import learnt_sentence, reason_sentence
from modelstitch.wording.sentence import Listed, Sentence, from_plain, plain, say, translated

__all__ = [
    "LANGUAGES",
    "Listed",
    "Sentence",
    "from_plain",
    "learnt_sentence",
    "measure_words",
    "plain",
    "reason_sentence",
    "say",
    "translated",
]
