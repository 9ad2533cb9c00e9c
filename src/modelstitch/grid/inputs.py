"""The examples as one network takes them: its view, its tokenizer, its precision, its further inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import final

import torch
from torch import Tensor

from modelstitch.data.parts import Data, DataPart, PartName
from modelstitch.data.ranges import expect_in_range
from modelstitch.data.texts import MASK, Reader, are_pairs, n_tokens, reader
from modelstitch.data.views import ends, in_precision, show
from modelstitch.models.network import Network, taken
from modelstitch.specs import View


@dataclass(frozen=True)
class ExampleBatch:
    """Some examples as a network takes them.

    Attributes:
        x: (n, ...) the input.
        kwargs: (n, ...) further inputs by name of argument, as its halves take them.
        own: the same, as the whole network takes them: its halves may be given its tokens again.
        mask: (n, T), false at padding; None where the examples have no mask, or the network takes no further
            input.
    """

    x: Tensor
    kwargs: dict[str, Tensor]
    own: dict[str, Tensor]
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
        again: name of the network's own input, where its halves are given it again; None where they are not.
        reader: tokenizer and length, where the data are texts.
        longest: tokens of a text, or samples of a sound as the data hold it, that the network takes.
        n_cut: number of longer ones by part, which are cut; empty where nothing is known of it.
    """

    given: Mapping[PartName, DataPart]
    tokenized: Mapping[PartName, DataPart]
    view: View
    rate: int | None
    dtype: torch.dtype
    names: tuple[str, ...]
    reader: Reader | None
    longest: int = 0
    n_cut: Mapping[PartName, int] = field(default_factory=dict)
    again: str | None = None

    def images(self, part: PartName, indices: Tensor) -> Tensor:
        """Return the inputs (n, ...) of the examples of ``part`` at ``indices``."""
        images, samples = self._of_sounds(part, indices)
        return in_precision(show(images, self.view, self.rate, samples), self.dtype)

    def kwargs(self, part: PartName, indices: Tensor) -> dict[str, Tensor]:
        """Return the further inputs (n, ...) of the same examples by name, as the halves take them."""
        held = self.tokenized[part].kwargs
        found = {name: held[name][indices.to(held[name].device)] for name in self.names if name in held}
        if len(found) < len(self.names):  # the mask of sounds, which is as long as they are
            assert self.rate is not None
            images, samples = self._of_sounds(part, indices)
            found[MASK] = ends(images, self.view, self.rate, samples)
        return found if self.again is None else {**found, self.again: self.images(part, indices)}

    def own(self, kwargs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return further inputs as the whole network takes them, of those that its halves take."""
        return {name: value for name, value in kwargs.items() if name != self.again}

    def _of_sounds(self, part: PartName, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the images or sounds as the data hold them, and the samples of each sound."""
        held = self.tokenized[part]
        rows = indices.to(held.images.device)
        return held.images[rows], None if held.samples is None else held.samples[rows]

    def mask(self, part: PartName, indices: Tensor) -> Tensor | None:
        """Return which positions (n, T) of the same examples are no padding; None where there is no mask."""
        present = self.tokenized[part].present
        return None if present is None else present[indices.to(present.device)]

    def batch(self, part: PartName, indices: Tensor) -> ExampleBatch:
        """Return everything that the network takes of the same examples."""
        mask = self.mask(part, indices) if self.names else None
        kwargs = self.kwargs(part, indices)
        return ExampleBatch(self.images(part, indices), kwargs, self.own(kwargs), mask)

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
    given: dict[PartName, DataPart] = {"train": data.train, "held-out": data.heldout}
    lengths, own_reader, longest = _lengths(given, network.view, data)
    tokenized = {name: _tokenized(part, own_reader) for name, part in given.items()}
    further = (MASK,) if _masks_sounds(network, data) else ()
    precisions = (p.dtype for p in network.module.parameters() if p.is_floating_point())
    return NetworkInputs(
        given=given,
        tokenized=tokenized,
        view=View() if data.is_text else network.view,
        rate=data.rate,
        dtype=next(precisions, torch.float32),
        names=taken(network.module, tuple(dict.fromkeys((*tokenized["train"].kwargs, *further)))),
        reader=own_reader,
        longest=longest,
        n_cut={name: int((own > longest).sum()) for name, own in lengths.items()},
    )


def _lengths(
    given: Mapping[PartName, DataPart], view: View, data: Data
) -> tuple[dict[PartName, Tensor], Reader | None, int]:
    """Return the length of each text or sound, how texts are read, and how much the network takes."""
    if data.is_text:
        lengths = {name: n_tokens(part.images, view.tokenizer) for name, part in given.items()}
        own_reader = reader(view, lengths.values(), are_pairs(data.train.images))
        return lengths, own_reader, own_reader.length
    known = {name: part.samples for name, part in given.items() if part.samples is not None}
    return known, None, data.train.images.shape[-1]


def _masks_sounds(network: Network, data: Data) -> bool:
    """Tell whether a network is told where a sound ends, and some sound ends before its length."""
    length = data.train.images.shape[-1]
    known = [part.samples for part in (data.train, data.heldout) if part.samples is not None]
    return bool(network.view.masked) and any(bool((samples < length).any()) for samples in known)


def _tokenized(part: DataPart, own_reader: Reader | None) -> DataPart:
    if own_reader is None:
        return part
    tokens, further = own_reader(part.images)
    return replace(part, images=tokens, kwargs=further)
