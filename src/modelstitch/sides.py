"""One frozen network made ready for a grid: its cuts, halves, moments and baseline, each made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.cutting import Cut, CutList, cut_model
from modelstitch.cutting.accelerate import Cache, accelerate
from modelstitch.cutting.certify import relative_difference
from modelstitch.cutting.slicing import Slice
from modelstitch.errors import DataError, ModelError
from modelstitch.fitting.gram import Gram
from modelstitch.sources.data import Data, Split
from modelstitch.sources.models import Network, digest
from modelstitch.tasks import accuracy, class_scores
from modelstitch.views import in_precision, show

SCORE_BATCH = 256
"""Examples a batch when nothing is fitted; fixed, since the last bits of a convolution depend on it."""

_CHECK_EXAMPLES = 8
_FLOAT32_TOLERANCE, _BFLOAT16_TOLERANCE = 1e-4, 0.1


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
        self.cutting: CutList = (
            like.cutting.bind(network.module)
            if like is not None
            else cut_model(network.module, self.images(data.train, torch.arange(2)), network.name)
        )
        self.cutting = self.cutting.read_as(dict(network.layouts))
        self._prefixes: dict[tuple[str, ...], nn.Module] = {}
        self._suffixes: dict[str, nn.Module] = {}
        self._fast: dict[Any, nn.Module] = {}
        self._shared: Cache = {}
        self.grams: dict[Any, Gram] = {}
        self._accuracy: float | None = None
        with torch.inference_mode():
            output = network.module(self.images(data.train, torch.arange(2)))
        self._gives_more = not isinstance(output, Tensor)
        self.n_outputs = self._n_outputs(output)
        """Number of the network's class scores per example."""

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

    def represent(
        self, names: Sequence[str], split: Split, indices: Tensor, dtype: torch.dtype, *, plain: bool = False
    ) -> tuple[Tensor, ...]:
        """Return the representations at ``names`` of the examples at ``indices``, in ``dtype``.

        Args:
            names: cuts; one run computes them all.
            split: the examples.
            indices: (n,).
            dtype: of what is returned; the half that computes it runs in it too.
            plain: use the unaccelerated half.
        """
        half = self.prefix(*names) if plain else self.fast_prefix(tuple(names), dtype)
        # no_grad and not inference_mode: a fit needs tensors that autograd may save.
        with torch.no_grad():
            x = self.images(split, indices)
            found = half(x if plain else in_precision(x, dtype))
        return tuple(each.to(dtype) for each in found)

    def suffix(self, name: str) -> nn.Module:
        """Return the frozen suffix at ``name``."""
        if name not in self._suffixes:
            self._suffixes[name] = self._scoring(self.cutting.suffix(name, frozen=True))
        return self._suffixes[name]

    def whole(self, images: Tensor) -> Tensor:
        """Return the whole network's class scores (N, K) for images in its view."""
        return class_scores(self.network.module(images))

    def _scoring(self, half: nn.Module) -> nn.Module:
        return ScoresOf(half) if self._gives_more else half

    def outputs(self, split: Split, run: Callable[[Tensor], Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ``run``'s outputs and the labels, batch by batch; ``run`` takes images in this network's view."""
        for indices in score_batches(len(split)):
            with torch.inference_mode():
                outputs = run(self.images(split, indices))
            yield outputs, split.labels[indices.to(split.labels.device)]

    def accuracy(self) -> float | None:
        """Return the whole network's accuracy on held-out examples, or None where it has no output for some label."""
        if self._accuracy is None and self.data.can_score(self.n_outputs):
            correct = [
                self.data.task.correct(outputs, labels)
                for outputs, labels in self.outputs(self.data.heldout, self.whole)
            ]
            self._accuracy = accuracy(torch.cat(correct))
        return self._accuracy

    def _n_outputs(self, output: Any) -> int:
        try:
            return class_scores(output).shape[1]
        except ModelError as error:
            raise ModelError(f"model {self.network.name} cannot be scored: {error}") from error

    def expect_labels(self) -> None:
        """Raise unless the network, as receiver, has an output for every class of the data."""
        if not self.data.can_score(self.n_outputs):
            finest = self.data.finest
            if finest is not None:
                raise DataError(
                    f"data {self.data.name} is labelled by {finest.by.name!r}, {len(self.data.classes)} labels for "
                    f"{len(finest.classes)} classes, but receiver {self.network.name} has {self.n_outputs} outputs; expected "
                    f"{len(self.data.classes)}, or at least {len(finest.classes)}"
                )
            raise DataError(
                f"data {self.data.name} has {len(self.data.classes)} classes, labels 0 to "
                f"{len(self.data.classes) - 1}, but receiver {self.network.name} has {self.n_outputs} outputs; "
                "labels and receiver must fit"
            )

    def fast_prefix(self, names: tuple[str, ...], dtype: torch.dtype) -> nn.Module:
        """Return an accelerated frozen prefix, which takes images and gives the representations at ``names`` in ``dtype``.

        It is compared with the plain one on real inputs first; where they do not agree, the plain one serves.
        """
        key = ("prefix", names, dtype)
        if key not in self._fast:
            plain = self.cutting.prefix(*names, frozen=True)
            example = self.images(self.data.train, torch.arange(min(_CHECK_EXAMPLES, len(self.data.train))))
            self._fast[key] = self._checked(plain, example, dtype)
        return self._fast[key]

    def fast_suffix(self, name: str, dtype: torch.dtype, later: tuple[str, ...] | None = None) -> nn.Module:
        """Return an accelerated frozen suffix at ``name``; ``later`` as for :meth:`Cutting.suffix`."""
        key = ("suffix", (name, later), dtype)
        if key not in self._fast:
            plain = self.cutting.suffix(name, frozen=True, later=later)
            images = self.images(self.data.train, torch.arange(min(_CHECK_EXAMPLES, len(self.data.train))))
            with torch.no_grad():
                (example,) = self.prefix(name)(images)
            checked = self._checked(plain, example, dtype)
            self._fast[key] = self._scoring(checked) if later is None else checked
        return self._fast[key]

    def _checked(self, plain: nn.Module, example: Tensor, dtype: torch.dtype) -> nn.Module:
        if not isinstance(plain, Slice):
            return _Converted(plain, dtype)
        fast = accelerate(plain, dtype, self._shared)
        with torch.no_grad():
            wanted = plain(example)
            try:
                got = fast(in_precision(example, dtype))
            except RuntimeError:  # an operator that does not exist in this precision
                return _Converted(plain, dtype)
        tolerance = _FLOAT32_TOLERANCE if dtype == torch.float32 else _BFLOAT16_TOLERANCE
        if dtype == torch.float64 or relative_difference(got, wanted) <= tolerance:
            return fast
        return _Converted(plain, dtype)


class ScoresOf(nn.Module):
    """A half, or a whole network, that gives its class scores alone.

    Args:
        half: gives something that :func:`modelstitch.tasks.class_scores` can read.
    """

    def __init__(self, half: nn.Module) -> None:
        super().__init__()
        self.inner = half

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores (N, K)."""
        return class_scores(self.inner(x))


class _Converted(nn.Module):
    """The plain half between conversions, where the accelerated one cannot be used."""

    def __init__(self, plain: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.plain, self.dtype = plain, dtype

    def forward(self, x: Tensor) -> Any:
        output = self.plain(in_precision(x, torch.float32))
        return tuple(each.to(self.dtype) for each in output) if isinstance(output, tuple) else output
