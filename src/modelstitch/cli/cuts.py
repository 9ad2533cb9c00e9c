"""``modelstitch cuts``: where a model can be cut."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from modelstitch.cli.options import view_of
from modelstitch.errors import SpecError
from modelstitch.specs import ModelSpec
from modelstitch.specs.names import at_most, positive

if TYPE_CHECKING:
    from torch import Tensor

    from modelstitch.cutting import CutModel
    from modelstitch.models.network import Network

_MOST_NUMBERS = 2**28
"""Most numbers in one example: a gigabyte."""


@dataclass(frozen=True)
class Cuts:
    """List the cuts of a model: where it can be divided so that the two parts, joined, are the model."""

    model: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="MODEL")]]
    """zoo:NAME, a checkpoint of modelstitch train, package.module:factory(name=value), hf:NAME_OR_FOLDER,
    timm:NAME or torchvision:NAME."""
    weights: Path | None = None
    """Weights file of the model."""
    weights_key: str | None = None
    """Which weights of the file: the name that stands before their keys, such as ema or state_dict."""
    partial: bool = False
    """Load weights that fit the model only in part."""
    size: int = 32
    """Height and width of the images."""
    channels: int | None = None
    """Channels of the images; by default those of the model's first convolution."""
    tokens: int | None = None
    """Length of a text, for models that take tokens; a model that takes an attention mask is given one."""
    shape: tuple[int, ...] = ()
    """Shape of one example, for models of other inputs: 25,12 for 25 frames of 12 coefficients."""
    cache: Path | None = None
    """Folder where captured graphs are kept, and looked for first; it holds no weights."""
    json: bool = False
    """Print the cuts as JSON."""

    def run(self) -> bool:
        """Find the cuts and print one line a cut."""
        self._expect_possible_shape()

        from modelstitch.cli.json_output import print_json
        from modelstitch.cli.terminal import plain_cuts, print_cuts
        from modelstitch.cutting import cut_model
        from modelstitch.models.load import load_model

        weights = None if self.weights is None else str(self.weights)
        network = load_model(
            ModelSpec(source=self.model, weights=weights, weights_key=self.weights_key, partial=self.partial)
        )
        example, kwargs, described = self._example(network)
        cuts: CutModel = cut_model(network.module, example, self.model, kwargs, cache=self.cache)
        if self.json:
            print_json("cuts", plain_cuts(cuts))
        else:
            print_cuts(cuts, f"{self.model}, {described}")
        return False

    def _expect_possible_shape(self) -> None:
        view_of(self.size, self.channels)
        if self.tokens is not None and self.shape:
            raise SpecError(f"expected either --tokens or --shape, got {self.tokens} and {self.shape}")
        for length in (*self.shape, *([] if self.tokens is None else [self.tokens])):
            positive("lengths of an example", length)
        at_most("numbers of an example", math.prod(self.shape), _MOST_NUMBERS)
        at_most("tokens of an example", self.tokens, 1_000_000)

    def _example(self, network: Network) -> tuple[Tensor, dict[str, Tensor], str]:
        """Return two random examples that the model takes, its further inputs, and the same in words."""
        import torch
        from torch import nn

        from modelstitch.models.network import taken

        generator = torch.Generator().manual_seed(0)
        if self.tokens is not None:
            embedding: Any = _first(network, nn.Embedding)
            n_words = 2 if embedding is None else embedding.num_embeddings
            example = torch.randint(0, n_words, (2, self.tokens), generator=generator)
            masks = {"attention_mask": torch.ones(2, self.tokens, dtype=torch.int64)}
            kwargs = {name: masks[name] for name in taken(network.module, masks)}
            return example, kwargs, f"{self.tokens} tokens" + (", with a mask" if kwargs else "")
        if self.shape:
            shown = " x ".join(map(str, self.shape))
            return torch.rand(2, *self.shape, generator=generator), {}, f"examples {shown}"
        convolution: Any = _first(network, nn.Conv2d)
        height, width = network.view.size or (self.size, self.size)
        channels = self.channels or network.view.channels or (convolution.in_channels if convolution else 3)
        example = torch.rand(2, channels, height, width, generator=generator)
        return example, {}, f"images {channels} x {height} x {width}"


def _first(network: Network, kind: type[Any]) -> Any | None:
    """Return the model's first module of a class."""
    return next((module for module in network.module.modules() if isinstance(module, kind)), None)
