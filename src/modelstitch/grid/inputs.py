"""The examples as one network takes them: its view, its tokenizer, its precision, its further inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from modelstitch.data.parts import Data, DataPart, PartName
from modelstitch.data.ranges import expect_in_range
from modelstitch.data.texts import Reader, reader
from modelstitch.data.views import in_precision, show
from modelstitch.models.network import Network, taken
from modelstitch.specs import View


@dataclass(frozen=True)
class ExampleBatch:
    """Some examples as a network takes them.

    Attributes:
        x: (n, ...) the input.
        kwargs: (n, ...) further inputs by name of argument.
        mask: (n, T), false at padding; None where the examples have no mask, or the network takes no further
            input.
    """

    x: Tensor
    kwargs: dict[str, Tensor]
    mask: Tensor | None


@final
@dataclass(frozen=True, eq=False)
class NetworkInputs:
    """Both parts of the data as one network takes them; see :func:`network_inputs`.

    Attributes:
        given: the parts as the data hold them, with their targets.
        tokenized: the same; of texts, the network's own tokens and their mask.
        view: how the network wants to see an image.
        rate: samples a second of the data, where they are sounds.
        dtype: precision of the network.
        names: the further inputs that the network takes.
        reader: tokenizer and length, where the data are texts.
    """

    given: Mapping[PartName, DataPart]
    tokenized: Mapping[PartName, DataPart]
    view: View
    rate: int | None
    dtype: torch.dtype
    names: tuple[str, ...]
    reader: Reader | None

    def images(self, part: PartName, indices: Tensor) -> Tensor:
        """Return the inputs (n, ...) of the examples of ``part`` at ``indices``."""
        held = self.tokenized[part].images
        return in_precision(show(held[indices.to(held.device)], self.view, self.rate), self.dtype)

    def kwargs(self, part: PartName, indices: Tensor) -> dict[str, Tensor]:
        """Return the further inputs (n, ...) of the same examples, by name of argument."""
        held = self.tokenized[part].kwargs
        return {name: held[name][indices.to(held[name].device)] for name in self.names}

    def mask(self, part: PartName, indices: Tensor) -> Tensor | None:
        """Return which positions (n, T) of the same examples are no padding; None where there is no mask."""
        present = self.tokenized[part].present
        return None if present is None else present[indices.to(present.device)]

    def batch(self, part: PartName, indices: Tensor) -> ExampleBatch:
        """Return everything that the network takes of the same examples."""
        mask = self.mask(part, indices) if self.names else None
        return ExampleBatch(self.images(part, indices), self.kwargs(part, indices), mask)

    def with_heldout(self, examples: DataPart) -> NetworkInputs:
        """Return the same inputs with other held-out examples."""
        return replace(
            self,
            given={**self.given, "held-out": examples},
            tokenized={**self.tokenized, "held-out": _tokenized(examples, self.reader)},
        )

    def relabelled(self, data: Data) -> NetworkInputs:
        """Return the same inputs with the labels and targets of ``data``, whose examples are the same."""
        given: dict[PartName, DataPart] = {"train": data.train, "held-out": data.heldout}
        tokenized = {
            name: replace(part, labels=given[name].labels, given_targets=given[name].given_targets)
            for name, part in self.tokenized.items()
        }
        return replace(self, given=given, tokenized=tokenized)


def network_inputs(network: Network, data: Data) -> NetworkInputs:
    """Tokenize texts for a network, and find which further inputs it takes.

    Raises:
        DataError: images or sounds outside the range that the network's view takes.
        SpecError: mean and std on another scale than that range.
    """
    expect_in_range(data, network.view, network.name)
    own_reader = reader(network.view, data.train.images) if data.is_text else None
    given: dict[PartName, DataPart] = {"train": data.train, "held-out": data.heldout}
    precisions = (p.dtype for p in network.module.parameters() if p.is_floating_point())
    return NetworkInputs(
        given=given,
        tokenized={name: _tokenized(part, own_reader) for name, part in given.items()},
        view=View() if data.is_text else network.view,
        rate=data.rate,
        dtype=next(precisions, torch.float32),
        names=taken(network.module, ("attention_mask",) if data.is_text else tuple(data.train.kwargs)),
        reader=own_reader,
    )


def _tokenized(part: DataPart, own_reader: Reader | None) -> DataPart:
    if own_reader is None:
        return part
    tokens, mask = own_reader(part.images)
    return replace(part, images=tokens, kwargs={"attention_mask": mask})
