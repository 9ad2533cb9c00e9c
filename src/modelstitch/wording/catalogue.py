"""All templates by language and key."""

from __future__ import annotations

from collections.abc import Mapping

from modelstitch.wording import (
    choices_english,
    choices_japanese,
    english,
    examples_english,
    examples_japanese,
    japanese,
    monitor_english,
    monitor_japanese,
    page_english,
    page_japanese,
    pairs_english,
    pairs_japanese,
    paper_english,
    paper_japanese,
    pilot_english,
    pilot_japanese,
    road_english,
    road_japanese,
    stages_english,
    stages_japanese,
    worth_english,
    worth_japanese,
)

_FILES = {
    "en": (
        choices_english,
        english,
        examples_english,
        monitor_english,
        page_english,
        paper_english,
        pairs_english,
        pilot_english,
        road_english,
        stages_english,
        worth_english,
    ),
    "ja": (
        choices_japanese,
        examples_japanese,
        japanese,
        monitor_japanese,
        page_japanese,
        paper_japanese,
        pairs_japanese,
        pilot_japanese,
        road_japanese,
        stages_japanese,
        worth_japanese,
    ),
}

LANGUAGES: dict[str, Mapping[str, str]] = {
    language: {key: text for file in files for key, text in file.SENTENCES.items()}
    for language, files in _FILES.items()
}
"""Templates by language and key; the languages have the same keys and name the same values."""
