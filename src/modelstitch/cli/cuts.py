"""``modelstitch cuts``: where a model can be cut."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from modelstitch.cli.options import view_of
from modelstitch.errors import SpecError
from modelstitch.specs import ModelSpec
from modelstitch.specs.names import at_most, positive

_MOST_NUMBERS = 2**28
"""Of one example: a gigabyte."""


@dataclass(frozen=True)
class Cuts:
    """List the cuts of a model."""

    model: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="MODEL")]]
    """zoo:NAME, a checkpoint of ours, or package.module:factory; arguments as in zoo:R1111(width=16)."""
    weights: Path | None = None
    """Weights file of the model."""
    size: int = 32
    """Height and width of the images."""
    channels: int | None = None
    """Channels of the images; those of the model's first convolution without it."""
    tokens: int | None = None
    """Length of a text, for models that take tokens; they are given a mask of them too where they take one."""
    shape: tuple[int, ...] = ()
    """Shape of one example, for models that take neither images nor tokens, such as 12 25 for 25 frames of 12 coefficients."""
    json: bool = False
    """Print the cuts as JSON."""

    def run(self) -> bool:
        """Print one line a cut."""
        import json

        import torch
        from rich.console import Console
        from rich.table import Table
        from torch import nn

        from modelstitch.cutting import cut_model
        from modelstitch.models.load import load_model
        from modelstitch.models.network import taken

        weights = None if self.weights is None else str(self.weights)
        view = view_of(self.size, self.channels, None, None)
        network = load_model(ModelSpec(source=self.model, weights=weights))
        if self.tokens is not None and self.shape:
            raise SpecError(f"expected either --tokens or --shape, got {self.tokens} and {self.shape}")
        for length in (*self.shape, *([] if self.tokens is None else [self.tokens])):
            positive("lengths of an example", length)
        at_most("numbers of an example", math.prod(self.shape), _MOST_NUMBERS)
        at_most("tokens of an example", self.tokens, 1_000_000)
        known = network.view
        size = known.size or view.size or (32, 32)
        first = next((m for m in network.module.modules() if isinstance(m, nn.Conv2d)), None)
        channels = self.channels or known.channels or (first.in_channels if first else 3)
        generator = torch.Generator().manual_seed(0)
        more: dict[str, torch.Tensor] = {}
        if self.tokens is not None:
            words = next(
                (m.num_embeddings for m in network.module.modules() if isinstance(m, nn.Embedding)), 2
            )
            example = torch.randint(0, words, (2, self.tokens), generator=generator)
            masks = {"attention_mask": torch.ones(2, self.tokens, dtype=torch.int64)}
            more = {name: masks[name] for name in taken(network.module, masks)}
            shown = f"{self.tokens} tokens" + (", with a mask" if more else "")
        elif self.shape:
            example = torch.rand(2, *self.shape, generator=generator)
            shown = f"examples {' x '.join(map(str, self.shape))}"
        else:
            example = torch.rand(2, channels, *size, generator=generator)
            shown = f"images {channels} x {size[0]} x {size[1]}"
        cutting = cut_model(network.module, example, self.model, more)
        table = Table(title=f"{self.model}, {shown}")
        before = cutting.work_before()
        if self.json:
            print(
                json.dumps(
                    [
                        {
                            "name": cut.name,
                            "layout": str(cut.layout),
                            "shape": cut.shape,
                            "default": cut.boundary,
                            "parameters_before": before[cut.name].parameters,
                            "multiply_adds_before": before[cut.name].multiply_adds,
                            "aliases": cut.aliases,
                        }
                        for cut in cutting.cuts
                    ]
                )
            )
            return False
        for column in (
            "cut",
            "layout",
            "shape",
            "default",
            "params before",
            "mult-adds before",
            "also called",
        ):
            table.add_column(
                column,
                justify="right" if column.endswith("before") else "left",
                no_wrap=column in ("cut", "layout", "shape"),
                overflow="fold",
            )
        for cut in cutting.cuts:
            work = before[cut.name]
            table.add_row(
                cut.name,
                str(cut.layout),
                " x ".join(map(str, cut.shape)),
                "yes" if cut.boundary else "",
                f"{100 * work.parameters:.0f} %",
                f"{100 * work.multiply_adds:.0f} %",
                ", ".join(cut.aliases),
            )
        console = Console()
        if not console.is_terminal:  # a file or a pipe has room
            console = Console(width=140)
        console.print(table)
        console.print(f"Cut by {cutting.technique}.", highlight=False, soft_wrap=True)
        return False
