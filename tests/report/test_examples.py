"""Examples with another answer on the page: of planted answers, and never on a page elsewhere unasked."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import modelstitch as ms
from modelstitch.cli import main
from modelstitch.data.texts import encoded
from modelstitch.report.beyond import BeyondRun
from modelstitch.report.context import PageContext
from modelstitch.report.examples import FILE, MOST, examples_of, read_examples
from modelstitch.report.sections import examples
from modelstitch.results.comparison import Comparison
from modelstitch.results.disagreements import Disagreements
from tests.report.made import run

PLACE = ("c0", "c1", "affine", 0)
LABELS = np.array([0, 0, 0, 1, 1, 2, 2])
OWN, THEIRS = np.array([0, 0, 0, 1, 0, 0, 2]), np.array([1, 1, 0, 1, 1, 1, 3])
FOUND = Disagreements("a -> b", ("cat", "<b>dog</b>", "cow"), LABELS, OWN, THEIRS)


TWO = Disagreements("a -> b", ("cat", "dog"), LABELS[:2], OWN[:2], THEIRS[:2])


def told(
    found: Disagreements, language: str = "en", *, shows: bool = True, texts: list[str] | None = None
) -> str:
    shown = examples_of(found, PLACE, None if texts is None else encoded(texts))
    beyond = BeyondRun(run="RUN", examples=shown, shows_examples=shows).shortened(None)
    section = examples.section(PageContext(run(2, 3), language, {}, beyond))
    assert section is not None
    return str(section)


def test_pictures_are_those_of_the_examples_with_their_answers() -> None:
    shades = torch.arange(7).float() / 10
    found = replace(FOUND, images=shades[:, None, None, None].expand(7, 1, 60, 60))
    shown = examples_of(found, PLACE)
    assert shown.counts == {"lost": 3, "gained": 1, "other": 1}
    assert [(each.example, each.kind, each.stitched) for each in shown.examples] == [
        (0, "lost", "<b>dog</b>"),
        (1, "lost", "<b>dog</b>"),
        (6, "lost", "(no class)"),
        (4, "gained", "<b>dog</b>"),
    ]
    for each in shown.examples:
        picture = Image.open(io.BytesIO(base64.b64decode(each.picture.partition(",")[2])))
        assert picture.size == (48, 48)
        assert np.asarray(picture).mean() == pytest.approx(25.5 * each.example, abs=1.5)
    text = told(found)
    assert text.count("<img") == 4
    assert "<b>dog</b>" not in text.replace("&lt;b&gt;", "")
    assert "3 lost" in text
    assert "none of the classes" in text
    assert "どのクラスでもない" in told(found, "ja")


def test_texts_stand_in_a_table_with_paths_shortened() -> None:
    texts = [f"text {number}" for number in range(7)]
    texts[0], texts[1] = "see /home/ann/secret/notes.txt", "another one"
    text = told(FOUND, texts=[*texts[:6], "long " * 100])
    assert "another one" in text
    assert "secret" not in text
    assert "…/notes.txt" in text
    assert "text 2" not in text  # both networks answer alike
    assert "text 5" not in text  # wrong in both
    assert ("long " * 40) in text
    assert ("long " * 60) not in text
    pairs = examples_of(TWO, PLACE, encoded(["one", "two"], ["three", "four"]))
    assert [each.text for each in pairs.examples] == ["one · three", "two · four"]


def test_of_many_examples_some_are_taken_evenly() -> None:
    n = 400
    found = Disagreements("a", ("x", "y"), np.zeros(n, int), np.zeros(n, int), np.ones(n, int))
    numbers = [each.example for each in examples_of(found, PLACE).examples]
    assert (len(numbers), numbers[0], numbers[-1]) == (MOST["lost"], 0, n - 1)
    assert max(np.diff(numbers)) - min(np.diff(numbers)) <= 1


def test_a_damaged_or_foreign_file_is_left_out(tmp_path: Path) -> None:
    examples_of(FOUND, PLACE).write(tmp_path / FILE)
    whole = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    assert read_examples(tmp_path) == examples_of(FOUND, PLACE)
    changes: list[dict[str, object]] = [
        {"counts": {}},
        {"examples": [{**whole["examples"][0], "picture": "https://x/y.png"}]},
        {"n": 1, "more": 2},
    ]
    for change in changes:
        (tmp_path / FILE).write_text(json.dumps({**whole, **change}))
        assert read_examples(tmp_path) is None


def test_no_example_leaves_the_run_folder_unasked(
    small_verdict: tuple[Comparison, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, folder = small_verdict
    shown = read_examples(folder)
    assert shown is not None
    assert shown.examples
    found = result.disagreements((shown.sender_cut, shown.receiver_cut), seed=shown.seed)
    assert sum(shown.counts.values()) == len(found.examples())
    one = shown.examples[0].picture
    assert one in (folder / "report.html").read_text(encoding="utf-8")
    ms.write_report(result, tmp_path / "api.html")
    for options, expected in (
        (["--out", str(tmp_path / "page.html")], False),
        (["--out", str(tmp_path / "page.html"), "--examples", "always"], True),
        (["--markdown", "--out", str(tmp_path / "page.md")], False),
        (["--out", str(folder / "other.html"), "--examples", "never"], False),
        (["--out", str(folder / "other.html")], True),
    ):
        assert main(["report", str(folder), *options]) == 0
        out = Path(options[options.index("--out") + 1])
        assert (one in out.read_text(encoding="utf-8")) == expected, options
    capsys.readouterr()
    assert one not in (tmp_path / "api.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small_verdict(
    checkpoints: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Comparison, Path]:
    """A run of one cell that says what it keeps, and its folder."""
    folder = tmp_path_factory.mktemp("examples") / "run"
    few = ms.EvidenceSpec(kinds=("kept",), n_examples=150)
    sender, receiver = map(str, checkpoints)
    result = ms.compare(
        sender,
        receiver,
        "digits",
        out=folder,
        cuts="layers.4",
        fit=ms.FitSpec(steps=2),
        controls=("self-stitch", "one-hot"),
        evidence=few,
    )
    return result, folder
