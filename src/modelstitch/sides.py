"""One frozen network made ready for a grid: its cuts, halves, moments, baseline and representations, each made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from modelstitch.cutting import Cut, Cutting
from modelstitch.errors import DataError, ModelError
from modelstitch.fitting.moments import ChannelMoments, channel_moments
from modelstitch.sources.data import Data, Split
from modelstitch.sources.models import Network, digest
from modelstitch.tasks import Task, accuracy
from modelstitch.views import show

SCORE_BATCH = 256
"""Examples a batch when nothing is fitted; fixed, since the last bits of a convolution depend on it."""

_MOMENT_EXAMPLES = 4096


def score_batches(n_examples: int) -> Iterator[Tensor]:
    """Yield index tensors that cover ``n_examples`` in order."""
    yield from torch.arange(n_examples).split(SCORE_BATCH)


class Side:
    """One network of a pair, frozen, with everything about it that does not depend on the other network.

    Args:
        network: the model and its view.
        data: the examples, on the device to work on.
        like: a side of the same architecture whose capture can be shared.

    Raises:
        ModelError: the model cannot take the images.
        CutError: the model has no cuts.
    """

    def __init__(self, network: Network, data: Data, like: Side | None = None) -> None:
        self.network = network
        self.data = data
        device = data.train.images.device
        if any(value.device != device for value in network.module.state_dict().values()):
            raise ModelError(f"model {network.name} is not on device {device}, where the data is")
        self.digest = digest(network.module)
        self.cutting: Cutting = (
            like.cutting.bind(network.module)
            if like is not None
            else Cutting(network.module, self.images(data.train, torch.arange(2)), network.name)
        )
        self._prefixes: dict[tuple[str, ...], nn.Module] = {}
        self._suffixes: dict[str, nn.Module] = {}
        self._moments: dict[str, ChannelMoments] = {}
        self._accuracy: float | None = None

    def images(self, split: Split, indices: Tensor) -> Tensor:
        """Return the images of ``split`` at ``indices`` as this network wants to see them."""
        return show(split.images[indices.to(split.images.device)], self.network.view)

    def cut(self, name: str) -> Cut:
        return self.cutting.find(name)

    def prefix(self, *names: str) -> nn.Module:
        """Return the frozen prefix that gives the representations at ``names``."""
        if names not in self._prefixes:
            self._prefixes[names] = self.cutting.prefix(*names, frozen=True)
        return self._prefixes[names]

    def suffix(self, name: str) -> nn.Module:
        """Return the frozen suffix at ``name``."""
        if name not in self._suffixes:
            self._suffixes[name] = self.cutting.suffix(name, frozen=True)
        return self._suffixes[name]

    def outputs(self, split: Split, run: Callable[[Tensor], Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ``run``'s outputs and the labels, batch by batch; ``run`` takes images in this network's view."""
        for indices in score_batches(len(split)):
            with torch.inference_mode():
                outputs = run(self.images(split, indices))
            yield outputs, split.labels[indices.to(split.labels.device)]

    def accuracy(self, task: Task) -> float | None:
        """Return the whole network's accuracy on held-out examples, or None where it has no output for some label."""
        if self._accuracy is None and self.n_outputs >= len(self.data.classes):
            correct = [
                task.correct(outputs, labels)
                for outputs, labels in self.outputs(self.data.heldout, self.network.module)
            ]
            self._accuracy = accuracy(torch.cat(correct))
        return self._accuracy

    @property
    def n_outputs(self) -> int:
        """Number of the network's outputs per example."""
        with torch.inference_mode():
            output = self.network.module(self.images(self.data.train, torch.arange(2)))
        if not isinstance(output, Tensor) or output.ndim != 2:
            shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ModelError(
                f"model {self.network.name} gives {shape} for 2 images: expected one row of class scores for each"
            )
        return output.shape[1]

    def expect_labels(self) -> None:
        """Raise unless the network, as receiver, has an output for every class of the data."""
        if self.n_outputs < len(self.data.classes):
            raise DataError(
                f"data {self.data.name} has {len(self.data.classes)} classes, labels 0 to "
                f"{len(self.data.classes) - 1}, but receiver {self.network.name} has {self.n_outputs} outputs; "
                "labels and receiver must fit"
            )

    def moments(self, names: tuple[str, ...]) -> dict[str, ChannelMoments]:
        """Return the channel moments at ``names``, from one pass over (at most 4,096 evenly spread) training examples."""
        absent = tuple(name for name in names if name not in self._moments)
        if absent:
            split, prefix = self.data.train, self.prefix(*absent)
            n_used = min(len(split), _MOMENT_EXAMPLES)
            chosen = torch.linspace(0, len(split) - 1, n_used).round().long()

            def stream() -> Iterator[tuple[Tensor, ...]]:
                for indices in score_batches(n_used):
                    with torch.no_grad():
                        representations = prefix(self.images(split, chosen[indices]))
                    yield representations

            self._moments.update(zip(absent, channel_moments(stream()), strict=True))
        return {name: self._moments[name] for name in names}


class Representations:
    """The representations of one split at one cut, kept where they fit ``budget_bytes``, computed on demand otherwise.

    Called with indices (n,), returns (n, *shape).
    """

    def __init__(self, side: Side, name: str, split: Split, budget_bytes: int) -> None:
        self._side, self._split = side, split
        self._prefix = side.prefix(name)
        self.bytes = len(split) * 4 * torch.Size(side.cut(name).shape).numel()
        self._kept: Tensor | None = None
        if self.bytes <= budget_bytes:
            batches = [self._compute(indices) for indices in score_batches(len(split))]
            channels_last = batches[0].ndim == 4
            self._kept = torch.cat(batches)
            if channels_last:
                self._kept = self._kept.contiguous(memory_format=torch.channels_last)

    def _compute(self, indices: Tensor) -> Tensor:
        # no_grad and not inference_mode: a fit needs tensors that autograd may save.
        with torch.no_grad():
            (representation,) = self._prefix(self._side.images(self._split, indices))
        assert isinstance(representation, Tensor)
        return representation

    def __call__(self, indices: Tensor) -> Tensor:
        if self._kept is None:
            return self._compute(indices)
        return self._kept[indices.to(self._kept.device)]
