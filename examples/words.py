"""Stitch networks that read: two text classifiers of different size, on docstrings of Python's library.

    python examples/words.py [--out runs/words] [--quick]

Which package of the standard library does a docstring come from? The docstrings are those of six packages,
read from their source files. Words are tokens: the 800 most frequent of the training part have a token of
their own. Both networks are encoders of plain PyTorch that take tokens and average over them.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path

import torch
from both_ways import train_and_stitch
from docstrings import PACKAGES, docstrings
from torch import Tensor, nn

import modelstitch as ms

N_WORDS, LENGTH, FEWEST = 800, 32, 5
CUTS = {"narrow": ("blocks.1",), "wide": ("blocks.0",)}


class Reader(nn.Module):
    """Words and their places, encoder blocks, and the mean over the places."""

    def __init__(self, width: int, n_blocks: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(N_WORDS + 2, width)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(n_blocks)
        )
        self.head = nn.Linear(width, len(PACKAGES))

    def forward(self, words: Tensor) -> Tensor:
        y = self.embed(words) + self.place
        for block in self.blocks:
            y = block(y)
        output: Tensor = self.head(y.mean(1))
        return output


def narrow() -> nn.Module:
    """Build a reader of width 32 with three blocks."""
    return Reader(32, 3)


def wide() -> nn.Module:
    """Build a reader of width 48 with two blocks."""
    return Reader(48, 2)


def texts_of(package: str) -> list[list[str]]:
    """Return the words of every docstring of a package, in the order of its files."""
    texts = [re.findall(r"[a-z]{2,}", text.lower()) for text in docstrings(package)]
    return [words[:LENGTH] for words in texts if len(words) >= FEWEST]


def load(one_in: int = 1) -> ms.Data:
    """Read the docstrings, or one in some; every third is held out, and the words are those of the others."""
    texts = [(words, label) for label, name in enumerate(PACKAGES) for words in texts_of(name)][::one_in]
    parts = [[text for n, text in enumerate(texts) if (n % 3 == 0) == held] for held in (False, True)]
    counts = Counter(word for words, _ in parts[0] for word in words)
    numbers = {word: index + 2 for index, (word, _) in enumerate(counts.most_common(N_WORDS))}

    def split(part: list[tuple[list[str], int]]) -> ms.DataPart:
        # Token 0 is padding, token 1 is any rarer word.
        rows = [[numbers.get(word, 1) for word in words] + [0] * (LENGTH - len(words)) for words, _ in part]
        return ms.DataPart(torch.tensor(rows), torch.tensor([label for _, label in part]))

    return ms.Data(split(parts[0]), split(parts[1]), PACKAGES, "docstrings", "every third held out")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--quick", action="store_true", help="fewer texts, less training, one cut each, short fits"
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = load(one_in=4 if options.quick else 1)
    train_and_stitch(
        data,
        {"narrow": narrow, "wide": wide},
        CUTS,
        n_steps=200,
        quick=options.quick,
        out=options.out,
        batch_size=64,
    )


if __name__ == "__main__":
    main()
