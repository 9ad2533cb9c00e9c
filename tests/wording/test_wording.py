"""The catalogue of sentences: the languages say the same, and nothing is said that is not in it."""

from __future__ import annotations

import ast
import copy
import pickle
import re
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import modelstitch
from modelstitch.errors import SpecError
from modelstitch.evidence.kinds import KINDS
from modelstitch.specs import CONTROLS
from modelstitch.specs.verdicts import Learnt, Reason, VerdictName, VerdictReason
from modelstitch.wording import (
    LANGUAGES,
    Listed,
    Sentence,
    learnt_sentence,
    measure_words,
    plain,
    reason_sentence,
    say,
    translated,
)
from modelstitch.wording.measures import TRANSLATIONS

SOURCE = Path(modelstitch.__file__).parent
KANA = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
TEMPLATES = (
    "english",
    "japanese",
    "page_english",
    "page_japanese",
    "measures_japanese",
    "worth_english",
    "worth_japanese",
    "road_english",
    "road_japanese",
)
SAME_EVERYWHERE = {"ui.comma", "ui.colon", "list.comma", "list.semicolon", "list.or", "list.and"}


# Keys that are put together from names: columns, points of the first screen, the two roles.
NAMED = {
    *("sender", "receiver", "stitch", "seed", "score", "interval", "penalty", "converged", "verdict", "kept"),
    "learnt",
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
        # A language without plurals has no counterpart of a plural. A number may be left out, a name may not.
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
    for path in (each for each in SOURCE.rglob("*.py") if each.stem not in TEMPLATES):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in LANGUAGES["en"]:
                found[str(node.value)] = path.name  # a key that a table holds
            said = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args
            if not said or node.func.id not in ("say", "plain", "t"):  # type: ignore[attr-defined]
                continue
            for constant in ast.walk(node.args[0]):  # type: ignore[attr-defined]
                if isinstance(constant, ast.Constant) and "." in str(constant.value):
                    found[str(constant.value)] = path.name
    for template in (*SOURCE.glob("report/*.html"), *SOURCE.glob("report/sections/*.py")):
        found |= dict.fromkeys(re.findall(r'\bt\("([a-z_.]+)"', template.read_text()), template.name)
    for row in CONTROLS.values():  # only some of them are named inside a sentence
        found |= {key: "controls.py" for key in (row.title, row.phrase) if key in LANGUAGES["en"]}
    return found


def test_every_sentence_that_is_said_is_in_the_catalogue() -> None:
    said = keys_in_source()
    assert len(said) > 100
    for key, file in said.items():
        whole = key in LANGUAGES["en"] or any(each.startswith(key) for each in LANGUAGES["en"])
        assert whole, f"{file} says {key!r}"


def told_by_name() -> Iterator[tuple[str, str, set[str]]]:
    """Yield the file, the key and the names of the values of every sentence whose key stands in the call."""
    for path in (each for each in SOURCE.rglob("*.py") if each.stem not in TEMPLATES):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "say":
                continue
            names = {keyword.arg for keyword in node.keywords}
            key = node.args[0] if node.args else None
            if isinstance(key, ast.Constant) and None not in names:
                yield path.name, str(key.value), {str(name) for name in names}


def test_a_sentence_says_every_value_that_it_is_given() -> None:
    calls = list(told_by_name())
    assert len(calls) > 100
    for file, key, names in calls:
        assert fields(LANGUAGES["en"][key]) == names, f"{file} says {key!r}"


def test_every_sentence_of_the_page_program_is_used_by_it() -> None:
    program = (SOURCE / "report" / "page.js").read_text()
    for key in LANGUAGES["en"]:
        if key.startswith("ui.") and not key.startswith(("ui.converged_", "ui.start_")):
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
        assert isinstance(copied, Sentence)
        assert copied.in_language("ja") == told.in_language("ja")


def test_lists_and_plurals() -> None:
    names = Listed([say("control.clustered-noise"), say("control.one-hot")], "list.or")
    told = say("matrix.labels", names=names, n=1, of=2)
    assert "clustered noise or a one-hot label" in told
    assert "クラス別ノイズまたはワンホット・ラベル" in told.in_language("ja")
    assert say("limit.unconverged", n=1).startswith("1 cell of")
    assert say("limit.unconverged", n=2).startswith("2 cells of")


def test_values_are_never_read_as_templates() -> None:
    hostile = "{0.__class__} {failure}"
    assert say("reason.fit-failed", failure=hostile) == f"the fit failed: {hostile}"


def test_other_strings_stay_and_other_languages_are_refused() -> None:
    assert translated("layers.0", "ja") == "layers.0"
    assert plain("page.sender", "ja") == "送り手"
    with pytest.raises(SpecError, match=r"language.*'fr'.*en.*ja"):
        translated("x", "fr")


MEASURES = {f"{kind}.{name}": known for kind in KINDS for name, known in KINDS[kind].definitions.items()}


@pytest.mark.parametrize("language", sorted(TRANSLATIONS))
def test_every_measure_has_its_words_in_every_language_and_no_word_is_left_over(language: str) -> None:
    assert set(TRANSLATIONS) | {"en"} == set(LANGUAGES)
    assert set(TRANSLATIONS[language]) == set(MEASURES)


@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_a_measure_in_japanese_is_japanese(measure: str) -> None:
    english = (MEASURES[measure].text, MEASURES[measure].range)
    assert measure_words(measure, "en", english) == english
    for other, text in zip(measure_words(measure, "ja", english), english, strict=True):
        assert bool(other) == bool(text)
        assert KANA.search(other) or not text


FULL = VerdictReason(
    reason=Reason.KEPT,
    n=12,
    n_needed=100,
    failure="loss nan",
    score=0.71,
    self_score=0.82,
    chance=0.13,
    above_receiver=0.31,
    score_share=0.84,
    kept=0.57,
    kept_low=0.52,
    kept_high=0.63,
    where="layers.3",
    recovered=0.55,
    own=0.96,
    label=0.02,
    head=0.91,
    depth=0.48,
    p_label=0.002,
    seeds=((VerdictName.INTERCHANGEABLE, 2), (VerdictName.CANNOT_TELL, 1)),
    least=VerdictReason(reason=Reason.SEEDS_MISSING),
)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_a_sentence_with_its_numbers_in_every_language(reason: Reason) -> None:
    text = reason_sentence(replace(FULL, reason=reason))
    digits = re.findall(r"[0-9.]*[0-9]", text)
    assert sorted(re.findall(r"[0-9.]*[0-9]", text.in_language("ja"))) == sorted(digits)
    assert KANA.search(text.in_language("ja"))
    assert "nan" not in text.replace("loss nan", "")
    assert "None" not in text


def test_a_reason_names_what_decided() -> None:
    assert reason_sentence(replace(FULL, reason=Reason.TOO_FEW_EXAMPLES)) == (
        "12 held-out examples are too few, 100 are needed"
    )
    measured = "score 0.71 (self-stitch 0.82, chance 0.13); 57 % kept (52 to 63), least at layers.3"
    assert reason_sentence(FULL) == measured
    assert reason_sentence(replace(FULL, where="output")).endswith("least in the output")
    assert reason_sentence(replace(FULL, reason=Reason.SCORE_TOO_LOW)) == (
        f"{measured}; but the score is 84 % of the self-stitch's"
    )
    close = reason_sentence(replace(FULL, reason=Reason.REFERENCES_TOO_CLOSE))
    assert close.endswith(
        "at layers.3: a reader recovers 0.96 from the self-stitch and 0.02 from the label alone"
    )
    depth = reason_sentence(replace(FULL, reason=Reason.LABEL_ONLY))
    assert depth.endswith("keeps no more (48 %), so the depth loses it, not the pair")
    assert "48" not in reason_sentence(replace(FULL, reason=Reason.LABEL_ONLY, depth=None))


def test_seeds_that_disagree_are_counted_before_the_reason_of_the_one_that_kept_least() -> None:
    least = replace(FULL, reason=Reason.KEPT_IN_PART)
    told = reason_sentence(replace(FULL, reason=Reason.SEEDS_DISAGREE, least=least))
    assert told.startswith("the seeds disagree: interchangeable with 2, cannot tell with 1; ")
    assert told.endswith(reason_sentence(least))


@pytest.mark.parametrize("learnt", list(Learnt))
def test_the_second_answer_is_a_sentence_with_its_numbers_in_every_language(learnt: Learnt) -> None:
    told = learnt_sentence(learnt, 0.31, 0.22, 0.44, 5)
    assert told.split(":")[0] == learnt
    numbers = [] if learnt is Learnt.NOT_ASKED else ["22", "31", "44", "5"]
    for text in (told, told.in_language("ja")):
        assert sorted(re.findall("[0-9]+", text)) == numbers
    assert KANA.search(told.in_language("ja"))


def test_the_second_answer_keeps_the_sign_of_its_numbers() -> None:
    told = learnt_sentence(Learnt.NOT_LEARNT, -0.31, -0.44, -0.22, 1)
    assert told == "not learnt: -31 points ahead of the mean of 1 untrained sender (-44 to -22)"
