"""``modelstitch cuts``: where a model can be cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from modelstitch.cli.options import view_of
from modelstitch.specs import ModelSpec


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
        from modelstitch.sources.models import load_model

        weights = None if self.weights is None else str(self.weights)
        view = view_of(self.size, self.channels, None, None)
        network = load_model(ModelSpec(source=self.model, weights=weights))
        known = network.view
        size = known.size or view.size or (32, 32)
        first = next((m for m in network.module.modules() if isinstance(m, nn.Conv2d)), None)
        channels = self.channels or known.channels or (first.in_channels if first else 3)
        generator = torch.Generator().manual_seed(0)
        example = torch.rand(2, channels, *size, generator=generator)
        cutting = cut_model(network.module, example, self.model)
        table = Table(title=f"{self.model}, images {channels} x {size[0]} x {size[1]}")
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
