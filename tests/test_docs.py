"""What the documents show is true: Python blocks run, commands are legal, messages are in the source.

Blocks run at one cut, where they name none, in five steps, and with evidence on 100 examples;
``benchmarks/documents.py`` runs them as they stand.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gallery import SHOTS
from gallery import page as gallery_page
from PIL import Image

import modelstitch
import modelstitch as ms
from modelstitch.cli import read
from modelstitch.cli.reference import page as cli_page
from modelstitch.data.parts import Data
from modelstitch.report.answer import ADVICE

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def short(verb: Callable[..., Any], given: dict[str, Any]) -> Callable[..., Any]:
    """Return a verb that fits in five steps, and takes ``given`` where a call does not say otherwise."""

    def call(*arguments: Any, **named: Any) -> Any:
        fit = replace(named.get("fit", ms.FitSpec()), steps=5)
        return verb(*arguments, **{**given, **named, "fit": fit})

    return call


@pytest.fixture
def space(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plain_modules: tuple[torch.nn.Module, torch.nn.Module],
    checkpoints: tuple[Path, Path],
    digits: Data,
) -> dict[str, Any]:
    """What the documents take for granted: two checkpoints, a folder of images, modules, tensors."""
    monkeypatch.chdir(tmp_path)
    for name, path in zip(("a.safetensors", "b.safetensors"), checkpoints, strict=True):
        Path(name).write_bytes(path.read_bytes())
    images, labels = digits.train.images[:600].float(), digits.train.labels[:600]
    for index, (image, label) in enumerate(zip(images[:300], labels[:300], strict=True)):
        folder = Path("FOLDER") / str(int(label))
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (255 * image[0]).byte() if image.max() <= 1 else image[0].byte()
        Image.fromarray(pixels.numpy()).save(folder / f"{index}.png")
    model, other = plain_modules
    few = digits.train.labels < 3  # three classes of the ten that the modules know
    some = ms.DataPart(digits.train.images[few], digits.train.labels[few])
    small = {"cuts": ["layers.3"], "evidence": ms.EvidenceSpec(n_examples=100)}
    for verb, given in (
        (ms.compare, small),
        (ms.compare_labels, small),
        (ms.compare_all, {}),
        (ms.stitch, {}),
    ):
        monkeypatch.setattr(ms, verb.__name__, short(verb, given))
    return {
        "model": model,
        "other": other,
        "third": model,
        "model_a": model,
        "model_b": other,
        "images": images,
        "labels": labels,
        "part": ms.DataPart(images[:50], labels[:50]),
        "x": torch.randn(50, 4, generator=torch.Generator().manual_seed(0)),
        "y": torch.randn(50, 3, generator=torch.Generator().manual_seed(1)),
        "train": some.take(torch.arange(200)),
        "heldout": some.take(torch.arange(200, len(some))),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [page for page in PAGES if blocks(page, "python")], ids=lambda path: path.name
)
def test_python_blocks_run_one_after_another(path: Path, space: dict[str, Any]) -> None:
    for block in blocks(path, "python"):
        exec(compile(block, str(path), "exec"), space)


def commands() -> list[tuple[str, str]]:
    found = []
    for path in PAGES:
        for block in blocks(path, ""):
            lines = block.replace("\\\n", " ").splitlines()
            found += [
                (path.name, line)
                for line in lines
                if line.startswith("modelstitch ") and "[OPTIONS]" not in line
            ]
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_are_legal(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    words = [word.replace("SEED", "0") for word in words]
    assert read(words) is not None


def test_the_documents_show_commands() -> None:
    assert len(commands()) > 20


def test_the_page_of_the_command_line_is_what_the_commands_say() -> None:
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == cli_page()


def test_the_gallery_shows_what_its_script_makes() -> None:
    assert (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8") == gallery_page()
    for shot in SHOTS:
        picture = ROOT / "docs" / "images" / f"{shot.name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size <= 150_000, picture.name


def test_messages_of_the_errors_page_are_in_the_source() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    assert len(messages) > 8
    source = "".join(path.read_text() for path in Path(modelstitch.__file__).parent.rglob("*.py"))
    # A message may be broken over lines of source.
    joined = re.sub(r'"\s*\n\s*f?"', "", source).replace('\\"', '"')
    for message in messages:
        assert message in joined, message


def test_both_languages_of_the_page_for_deciders_have_the_same_parts() -> None:
    english, japanese = (
        (ROOT / "docs" / name).read_text(encoding="utf-8")
        for name in ("for-deciders.md", "for-deciders.ja.md")
    )
    for mark in ("## ", "| ", "- ", "1. "):
        counts = [sum(line.startswith(mark) for line in text.splitlines()) for text in (english, japanese)]
        assert counts[0] == counts[1], mark


def test_links_between_documents_lead_somewhere() -> None:
    for path in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.slow
def test_the_site_builds_with_every_link_checked(tmp_path: Path) -> None:
    import subprocess
    import sys

    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for name in ("src", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "build" / "site" / "api" / "index.html").read_text(encoding="utf-8")
    assert "modelstitch.compare" in text
    assert "Source: Hernandez" in text
    for measure in ("cka", "rsa"):  # functions whose files have the same names
        assert f'id="modelstitch.geometry.{measure}"' in text
    assert "<math" in text
    assert not re.search(r":(math|func|class|meth):|\.\. math::", text)


def test_every_page_stands_in_the_navigation_once() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    named = re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_every_reason_of_cannot_tell_stands_in_the_page_of_checks() -> None:
    page = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    outcomes = [row.split("|")[2] for row in page[page.index("## Verdicts") :].splitlines() if row[:1] == "|"]
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", " ".join(outcomes)))
    assert named == {reason.value for reason in ADVICE}
