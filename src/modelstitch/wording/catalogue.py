"""All templates by language and key."""

from __future__ import annotations

from collections.abc import Mapping

from modelstitch.wording import english, japanese, page_english, page_japanese

LANGUAGES: dict[str, Mapping[str, str]] = {
    "en": english.SENTENCES | page_english.SENTENCES,
    "ja": japanese.SENTENCES | page_japanese.SENTENCES,
}
"""Templates by language and key; the languages have the same keys and name the same values."""
