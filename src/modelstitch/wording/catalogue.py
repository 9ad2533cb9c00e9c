"""All templates by language and key."""

from __future__ import annotations

from collections.abc import Mapping

from modelstitch.wording import (
    english,
    japanese,
    page_english,
    page_japanese,
    road_english,
    road_japanese,
    stages_english,
    stages_japanese,
    worth_english,
    worth_japanese,
)

LANGUAGES: dict[str, Mapping[str, str]] = {
    "en": english.SENTENCES
    | page_english.SENTENCES
    | road_english.SENTENCES
    | stages_english.SENTENCES
    | worth_english.SENTENCES,
    "ja": japanese.SENTENCES
    | page_japanese.SENTENCES
    | road_japanese.SENTENCES
    | stages_japanese.SENTENCES
    | worth_japanese.SENTENCES,
}
"""Templates by language and key; the languages have the same keys and name the same values."""
