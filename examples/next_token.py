"""Stitch language models: two small causal transformers of different size, on docstrings of Python's library.

    python examples/next_token.py [--out runs/next-token] [--quick]

Which letter comes next? The data are docstrings of six packages, read from the source files, in pieces of 64
letters. Shorter pieces are padded; a mask marks the padding for both networks and for the stitch. The score
is the share of letters that are predicted correctly.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from both_ways import train_and_stitch
from docstrings import PACKAGES, docstrings
from torch import Tensor, nn

import modelstitch as ms

LETTERS = " abcdefghijklmnopqrstuvwxyz.,:;'\"`()[]_-=*/0123456789\n"
LENGTH, SHORTEST = 64, 24
CUTS = {"narrow": ("blocks.1",), "wide": ("blocks.0",)}


class Writer(nn.Module):
    """Letters and their places, and blocks that look back alone."""

    def __init__(self, width: int, n_blocks: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(LETTERS) + 2, width)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 3 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(n_blocks)
        )
        self.head = nn.Linear(width, len(LETTERS) + 2)
        ahead = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
        self.register_buffer("ahead", ahead, persistent=False)

    def forward(self, letters: Tensor, attention_mask: Tensor) -> Tensor:
        y = self.embed(letters) + self.place
        for block in self.blocks:
            y = block(y, src_mask=self.ahead, src_key_padding_mask=attention_mask == 0)
        output: Tensor = self.head(y)
        return output


def narrow() -> nn.Module:
    """Build a writer of width 48 with three blocks."""
    return Writer(48, 3)


def wide() -> nn.Module:
    """Build a writer of width 64 with two blocks."""
    return Writer(64, 2)


def pieces(package: str) -> list[str]:
    """Return every docstring of a package in pieces of 64 letters."""
    texts = [text.lower() for text in docstrings(package)]
    cut = [text[begin : begin + LENGTH] for text in texts for begin in range(0, len(text), LENGTH)]
    return [each for each in cut if len(each) >= SHORTEST]


def load(limit: int = 3000, heldout_limit: int = 600) -> ms.Data:
    """Read the pieces; whole packages are in one part or the other, so that no docstring is in both."""
    number = {letter: index + 2 for index, letter in enumerate(LETTERS)}
    texts = [(text, held) for held, name in enumerate(PACKAGES) for text in pieces(name)]

    def tensors(*packages: int) -> tuple[Tensor, None, dict[str, Tensor]]:
        # Token 0 is padding, token 1 is any rarer letter.
        some = [text for text, package in texts if package in packages]
        rows = [[number.get(letter, 1) for letter in text] + [0] * (LENGTH - len(text)) for text in some]
        letters = torch.tensor(rows)
        return letters, None, {"attention_mask": (letters != 0).long()}

    letters, _, kwargs = tensors(0, 2, 3, 4)
    return ms.data_from(
        letters,
        task="next-token",
        kwargs=kwargs,
        heldout=tensors(1, 5),
        name="docstrings",
        limit=limit,
        heldout_limit=heldout_limit,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="little data, short training and fits, one cut")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    train_and_stitch(
        load(limit=200, heldout_limit=100) if options.quick else load(),
        {"narrow": narrow, "wide": wide},
        CUTS,
        n_steps=105 if options.quick else 1500,
        quick=options.quick,
        out=options.out,
        batch_size=64,
    )


if __name__ == "__main__":
    main()
