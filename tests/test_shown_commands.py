"""Every command that the documents show runs as shown, in a folder that holds what the page assumes.

Commands that take a reader an hour run here on a few images: options for a small run are added. ``make``,
``modelstitch demo``, ``selftest`` and the commands of candidates run elsewhere: ``make`` runs these tests;
these commands and the examples have their own tests.
"""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from options import usable_torchvision
from PIL import Image

import modelstitch as ms
from modelstitch.cli import EXIT_OK, main
from modelstitch.data.parts import Data
from modelstitch.models.load import load_model
from modelstitch.specs import ModelSpec

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = re.compile(
    r"make (demo|test)\b|modelstitch (demo|export|monitor|paper|pilot|reuse|run|selftest|stage|status)\b|"
    r"modelstitch (verify|watch)\b|"
    r"modelstitch compare examples\.pitch|python (examples/|-m examples)|"
    r"python benchmarks/\S+ examples\.cifar_resnet|MODELSTITCH_DATA=\S+ examples/|pip install "
)

TINY = ["--limit", "60", "--heldout-limit", "40", "--steps", "1", "--evidence-examples", "20"]
DRAWN = ("mypackage", "timm:", "hf:", "torchvision:")
"""Begin models that the tests draw, where a reader's are trained: alone among all, they may be at chance."""

TINIER = ["--limit", "20", "--heldout-limit", "20", *TINY[4:], "--controls", "none"]
"""For models of a hub, which are large."""

SMALL_IMAGES = ["--size", "32"]
"""For models of a hub that read images."""

FEWEST_KINDS = ["--evidence", "kept"]
"""What a verdict needs, for commands that choose no evidence; every kind has tests of its own."""

OURS, FOREIGN = ["--cuts", "layers.3"], ["--cuts", "layer1.2"]
BARE = {
    "timm:": ["--sender-cuts", "layer2.0", "--receiver-cuts", "blocks.5"],
    "hf:": ["--cuts", "transformer.h.0"],
}
"""Cuts of models that are run without controls."""

SMALL = {
    "train": ["--epochs", "1", "--width", "2", "--limit", "150"],
    "are_they_hacks.py": ["--width", "2", "--trained", "150", "--quick", "--only", "s1"],
    "measures_of_kept.py": ["--limit", "200", "--heldout-limit", "200", "--cuts", "layers.3"],
    "proxies.py": ["--limit", "150", "--heldout-limit", "150", "--sender-cuts", "layers.3", "--steps", "1"],
    "coverage.py": ["--limit", "300", "--resamples", "2"],
    "error_rates.py": ["--maps", "1"],
    "seed_spread.py": ["--limit", "200", "--seeds", "2", "--cuts", "layers.3"],
    "finer_labels.py": ["--width", "2", "--limit", "400", "--steps", "1", "--cuts", "layers.0", "layers.4"],
}
STANDS_FOR = {
    "A": "a.safetensors",
    "B": "b.safetensors",
    "timm:vit_tiny_patch16_224": "timm:vit_tiny_patch16_224(img_size=32)",
}


def shown(path: Path) -> list[str]:
    """Return the commands of a page's blocks, one a line.

    The page cli.md shows usage, not commands; the script of gallery.md runs what that page shows.
    """
    if path.name in ("cli.md", "gallery.md"):
        return []
    blocks = re.findall(r"^```\w*\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if re.match(r"(modelstitch|python|make|pip|[\w=.]* ?examples/)", line)]


def is_run(line: str) -> bool:
    return ELSEWHERE.match(line) is None


def as_typed(line: str) -> list[str]:
    """Return the words of a command, without its comment."""
    return shlex.split(line.replace("SEED", "0"), comments=True)


def with_options(words: list[str], more: list[str]) -> list[str]:
    """Return a command with further options in place of those of the same name."""
    found, skipping = [], False
    for word in words:
        skipping = word in more if word.startswith("--") else skipping
        if not skipping:
            found.append(word)
    return [*found, *more]


def small(words: list[str]) -> list[str]:
    """Return a command as a reader types it, made small."""
    if words[0] == "python":
        return with_options(words, SMALL[Path(words[1]).name])
    more = SMALL.get(words[1], [])
    if words[1] == "compare":
        bare = words[2].startswith(("timm:", "hf:"))
        cuts = FOREIGN if words[2] == words[3] else OURS
        cuts = next((some for source, some in BARE.items() if words[2].startswith(source)), cuts)
        told = any(word.endswith("-cuts") for word in words)
        different = words[2].startswith("mypackage") and words[2] != words[3]
        if different:
            cuts = ["--receiver-cuts", "layers.1", *([] if told else ["--sender-cuts", "layer1.2"])]
        more = [*(TINIER if bare else TINY), *cuts]
        more += SMALL_IMAGES if words[2].startswith("timm:") else []
        more += [] if "--evidence" in words else FEWEST_KINDS
        more += ["--allow-untrained"] if any(word.startswith(DRAWN) for word in words[2:4]) else []
    return with_options([STANDS_FOR.get(word, word) for word in words], more)


def saved_writers(*names: str) -> None:
    """Save small language models in the hub's own format, as those of a reader."""
    from transformers import GPT2Config, GPT2LMHeadModel

    for width, name in enumerate(names, 4):
        config = GPT2Config(
            vocab_size=257, n_embd=4 * width, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=1
        )
        GPT2LMHeadModel(config).save_pretrained(name)


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoints: tuple[Path, Path], digits: Data
) -> Path:
    """What the pages take for granted: images, checkpoints, weights, a module of the reader's own."""
    usable_torchvision()  # which timm imports
    monkeypatch.chdir(tmp_path)
    for index, (image, label) in enumerate(
        zip(digits.train.images[:700], digits.train.labels[:700], strict=True)
    ):
        of_class = Path("FOLDER") / str(int(label))
        of_class.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * image[0]).byte().numpy()).convert("RGB").save(of_class / f"{index}.png")
    for names, source in (
        (("a", "R1111-w16-s0"), checkpoints[0]),
        (("b", "other", "R1111-w16-s1"), checkpoints[1]),
    ):
        for name in names:
            Path(f"{name}.safetensors").write_bytes(source.read_bytes())
    saved_writers("writer", "author")
    Path("texts").mkdir()
    for place in range(6):
        Path(f"texts/{place}.txt").write_text(f"The sea at place {place} is wide. " * 20, encoding="utf-8")
    Path("mypackage").mkdir()
    shutil.copy(ROOT / "examples" / "cifar_resnet.py", "mypackage/models.py")
    with Path("mypackage/models.py").open("a", encoding="utf-8") as file:
        file.write(
            "\n\ndef build_net(depth=20):\n    return CifarResNet((depth - 2) // 6)\n\n\nnet = build_net\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("mypackage", "mypackage.models"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("net", "old", "new"):
        torch.save(
            load_model(ModelSpec(source="mypackage.models:build_net")).module.state_dict(), f"{name}.pt"
        )
    return tmp_path


def short(compare: Callable[..., ms.Comparison]) -> Callable[..., ms.Comparison]:
    """Return a comparison with one step and evidence on 20 examples: what ``TINY`` asks of commands.

    Scripts train their networks on 150 images here, too few for some to be above chance.
    """

    def call(*arguments: Any, **named: Any) -> ms.Comparison:
        fit = replace(named.get("fit") or ms.FitSpec(), steps=1)
        evidence = ms.EvidenceSpec.parse(named.get("evidence", ("standard",)), 20)
        return compare(*arguments, **{**named, "fit": fit, "evidence": evidence, "allow_untrained": True})

    return call


def first_shown() -> dict[Path, list[str]]:
    """Return what each page is the first to show: a command that an earlier page shows too runs there."""
    seen: set[tuple[str, ...]] = set()
    found: dict[Path, list[str]] = {}
    for path in PAGES:
        for line in filter(is_run, shown(path)):
            words = tuple(small(as_typed(line)))
            if words not in seen:
                seen.add(words)
                found.setdefault(path, []).append(line)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", first_shown(), ids=lambda path: path.name)
def test_commands_run(
    path: Path, folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for line in first_shown()[path]:
        words = small(as_typed(line))
        again = words[1] in ("report", "figures") or "--config" in words  # what needs a finished run
        if "run" in words and words[1] == "compare" and "--dry-run" not in words and not again:
            shutil.rmtree("run", ignore_errors=True)
        elif "run" in words and again and not Path("run/run.toml").exists():
            assert main(small(shlex.split("modelstitch compare A B --data FOLDER --out run"))[1:]) == EXIT_OK
        for role, name in (("sender", "cnn"), ("receiver", "vit")):
            if f"{name}.pt" in words:
                module = load_model(ModelSpec(source=words[2 if role == "sender" else 3])).module
                torch.save(module.state_dict(), f"{name}.pt")
        if words[0] == "modelstitch":
            trained = {each: each.read_bytes() for each in Path().glob("*.safetensors")}
            code = main(words[1:])
            if words[1] == "train":  # for one epoch, which makes no network that a comparison accepts
                for each, content in trained.items():
                    each.write_bytes(content)
        else:
            with monkeypatch.context() as patched:
                patched.setattr(sys, "argv", words[1:])
                patched.setattr(ms, "compare", short(ms.compare))
                runpy.run_path(str(ROOT / words[1]), run_name="__main__")
            code = EXIT_OK
        shown_text = capfd.readouterr()
        assert code == EXIT_OK, f"{shlex.join(words)}\n{shown_text.err}"
        assert shown_text.out, line


def test_every_command_is_run_here_or_elsewhere() -> None:
    everything = [line for path in PAGES for line in shown(path)]
    assert len(list(filter(is_run, everything))) >= 20
    assert {line.split()[0] for line in everything} == {
        "modelstitch",
        "python",
        "make",
        "pip",
        "MODELSTITCH_DATA=...",
    }


@pytest.mark.slow
def test_what_pip_installs_runs_and_holds_the_page(tmp_path: Path) -> None:
    """``pip install .`` without the network: the packages it needs are those that the tests run with."""
    into = ["--no-deps", "--no-build-isolation", "--target", str(tmp_path / "site")]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *into, str(ROOT)], check=True)
    script = (
        "import modelstitch; from importlib.resources import files; "
        "from modelstitch.cli import main; "
        "print(modelstitch.__file__, len(files('modelstitch.report').joinpath('page.html').read_text())); "
        "main(['cuts', 'zoo:R1111'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert str(tmp_path / "site") in done.stdout
    assert "layers.4" in done.stdout
