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

    def run(self) -> bool:
        """Print one line a cut."""
        import torch
        from rich.console import Console
        from rich.table import Table
        from torch import nn

        from modelstitch.cutting import Cutting
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
        cutting = Cutting(network.module, example, self.model)
        table = Table(title=f"{self.model}, images {channels} x {size[0]} x {size[1]}")
        for column in ("cut", "layout", "shape", "default", "also called"):
            table.add_column(column)
        for cut in cutting.cuts:
            default = "yes" if cut.boundary else ""
            shape = " x ".join(map(str, cut.shape))
            table.add_row(cut.name, cut.layout, shape, default, ", ".join(cut.aliases))
        Console().print(table)
        return False
