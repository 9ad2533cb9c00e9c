"""The catalogue of sentences: the languages say the same, and nothing is said that is not in it."""

from __future__ import annotations

import ast
import copy
import pickle
import re
import string
from pathlib import Path

import pytest

import modelstitch
from modelstitch.errors import SpecError
from modelstitch.evidence.kinds import KINDS
from modelstitch.wording import LANGUAGES, Listed, Text, definition, measures_japanese, plain, say, translated

SOURCE = Path(modelstitch.__file__).parent
KANA = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
SAME_EVERYWHERE = {"ui.comma", "ui.colon", "list.comma", "list.semicolon", "list.or", "list.and"}


# Keys that are put together from names: columns, points of the first screen, the two roles.
NAMED = {
    *("sender", "receiver", "stitch", "seed", "score", "interval", "penalty", "converged", "verdict", "kept"),
    *("grid", "error", "part", "minimum", "mean", "maximum", "deviation"),
    *("tried", "stand_in", "sure", "not_meant", "next"),
}


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_languages_have_the_same_sentences_with_the_same_values(language: str) -> None:
    english, other = LANGUAGES["en"], LANGUAGES[language]
    assert set(english) == set(other)
    for key in english:
        # A plural has no counterpart in a language without plurals, and a number may be left to a sentence's form, a name may not.
        assert fields(other[key]) == fields(english[key]), key


@pytest.mark.parametrize("key", sorted(set(LANGUAGES["ja"]) - SAME_EVERYWHERE))
def test_japanese_is_japanese(key: str) -> None:
    text, english = LANGUAGES["ja"][key], LANGUAGES["en"][key]
    worded = re.sub(r"\{[^}]*\}", "", english)
    if re.search(r"[a-z]{3}", worded):
        assert KANA.search(text), key
        assert text != english


def keys_in_source() -> dict[str, str]:
    """Keys that the source says, whole or by their beginning, with the file."""
    found = {}
    for path in (each for each in SOURCE.rglob("*.py") if each.parent.name != "wording"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in LANGUAGES["en"]:
                found[str(node.value)] = path.name  # a key that a table holds
            said = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args
            if not said or node.func.id not in ("say", "plain", "t"):  # type: ignore[attr-defined]
                continue
            for constant in ast.walk(node.args[0]):  # type: ignore[attr-defined]
                if isinstance(constant, ast.Constant) and "." in str(constant.value):
                    found[str(constant.value)] = path.name
    page = (SOURCE / "report" / "page.html").read_text()
    found |= dict.fromkeys(re.findall(r't\("([a-z_.]+)"', page), "page.html")
    return found


def test_every_sentence_that_is_said_is_in_the_catalogue() -> None:
    said = keys_in_source()
    assert len(said) > 100
    for key, file in said.items():
        whole = key in LANGUAGES["en"] or any(each.startswith(key) for each in LANGUAGES["en"])
        assert whole, f"{file} says {key!r}"


def test_every_sentence_of_the_page_program_is_used_by_it() -> None:
    program = (SOURCE / "report" / "page.js").read_text()
    for key in LANGUAGES["en"]:
        if key.startswith("ui.") and not key.startswith("ui.converged_"):
            name = key.removeprefix("ui.")
            assert re.search(rf"W\.{name}\b", program) or f'"{name}"' in program, key


def test_every_word_that_the_page_program_asks_for_is_there() -> None:
    program = (SOURCE / "report" / "page.js").read_text()
    asked = set(re.findall(r"\bW\.(\w+)", program))
    assert len(asked) > 30
    assert {f"ui.{name}" for name in asked} <= set(LANGUAGES["en"])


def test_every_sentence_of_the_page_is_used() -> None:
    said = keys_in_source()
    for key in LANGUAGES["en"]:
        beginnings = (
            whole for whole in said if key == whole or (whole.endswith(".") and key.startswith(whole))
        )
        built = key.startswith("ui.") or (key.startswith("page.") and key.split(".")[1] in NAMED)
        assert any(beginnings) or built or key in SAME_EVERYWHERE, key


def test_a_sentence_is_its_english_and_remembers_the_rest() -> None:
    told = say("matrix.with", n=3, control=say("control.one-hot"))
    assert told == "3 with a one-hot label"
    assert isinstance(told, str)
    assert told.in_language("ja") == "ワンホット・ラベル：3件"
    for copied in (copy.deepcopy(told), pickle.loads(pickle.dumps(told))):
        assert copied == told
        assert isinstance(copied, Text)
        assert copied.in_language("ja") == told.in_language("ja")


def test_lists_and_plurals() -> None:
    names = Listed([say("control.clustered-noise"), say("control.one-hot")], "list.or")
    told = say("matrix.labels", names=names, n=1, of=2)
    assert "clustered noise or a one-hot label" in told
    assert "クラス別ノイズまたはワンホット・ラベル" in told.in_language("ja")
    assert say("limit.unconverged", n=1).startswith("1 cell of")
    assert say("limit.unconverged", n=2).startswith("2 cells of")


def test_values_are_never_read_as_templates() -> None:
    assert say("verdict.failed", why="{0.__class__} {why}") == "the fit failed: {0.__class__} {why}"


def test_other_strings_stay_and_other_languages_are_refused() -> None:
    assert translated("layers.0", "ja") == "layers.0"
    assert plain("page.sender", "ja") == "送り手"
    with pytest.raises(SpecError, match=r"language.*'fr'.*en.*ja"):
        translated("x", "fr")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_measurement_is_defined_in_japanese_too(kind: str) -> None:
    for known in KINDS[kind].definitions.values():
        for text in (known.text, known.range):
            other = definition(text, "ja")
            assert other != text or not text, text
            assert KANA.search(other) or not text, text


def test_no_japanese_definition_is_left_over() -> None:
    known = {
        text
        for kind in KINDS.values()
        for each in kind.definitions.values()
        for text in (each.text, each.range)
    }
    assert {*measures_japanese.TEXTS, *measures_japanese.RANGES} == known
