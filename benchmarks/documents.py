"""Run every Python block of the documents as it stands: all cuts, fits until converged.

    python benchmarks/documents.py [PAGE ...]

The tests run the same blocks at one cut and in five steps (``tests/test_docs.py``). What this one shows is
that a reader who copies a block gets its result, not only that its calls are legal: it prints the seconds of
each page, and stops with a traceback at the first block that fails.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image

import modelstitch as ms
from modelstitch.models.zoo.checkpoint import save_checkpoint
from modelstitch.models.zoo.training import train_network
from modelstitch.specs.training import Recipe

ROOT = Path(__file__).parent.parent


def given() -> dict[str, Any]:
    """Make what the documents take for granted in the current folder, and return their names."""
    digits = ms.load_data(ms.DataSpec(source="digits"))
    modules = []
    for seed, name in enumerate("ab"):
        recipe = Recipe(epochs=8, batch_size=64, learning_rate=0.2, translate=1, flip=False, seed=seed)
        module, card, _ = train_network("R1111", digits, recipe, width=4)
        save_checkpoint(module, card, Path(f"{name}.safetensors"))
        modules.append(module.eval())
    images, labels = digits.train.images[:600].float(), digits.train.labels[:600]
    for index, (image, label) in enumerate(zip(images[:300], labels[:300], strict=True)):
        folder = Path("FOLDER") / str(int(label))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * image[0]).byte().numpy()).save(folder / f"{index}.png")
    generator = torch.Generator().manual_seed(0)
    return {
        "model": modules[0],
        "other": modules[1],
        "third": modules[0],
        "model_a": modules[0],
        "model_b": modules[1],
        "images": images,
        "labels": labels,
        "part": ms.DataPart(images[:50], labels[:50]),
        "x": torch.randn(50, 4, generator=generator),
        "y": torch.randn(50, 3, generator=generator),
        "train": ms.DataPart(images[:400], labels[:400] % 3),
        "heldout": ms.DataPart(images[400:], labels[400:] % 3),
    }


def main(pages: list[str]) -> None:
    """Run the blocks of ``pages``, each page in a fresh folder; of all pages without one."""
    every = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    paths = [Path(page).resolve() for page in pages] or every
    for path in paths:
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        if not blocks:
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            space = given()
            start = time.perf_counter()
            for block in blocks:
                exec(compile(block, str(path), "exec"), space)
            print(f"{path.name}: {len(blocks)} blocks, {time.perf_counter() - start:.0f} s", flush=True)
            os.chdir(ROOT)


if __name__ == "__main__":
    main(sys.argv[1:])
