"""One frozen network made ready for a grid: its cuts, halves, moments and baseline, each made once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from modelstitch.cutting import Cut, CutModel, cut_model
from modelstitch.cutting.accelerate import Cache, accelerate
from modelstitch.cutting.capture import eval_mode, plain_attention
from modelstitch.cutting.certify import relative_difference
from modelstitch.cutting.layouts import filled_with_mean
from modelstitch.cutting.settled import expect_settled
from modelstitch.cutting.slicing import Slice
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.texts import reader
from modelstitch.data.views import in_precision, show
from modelstitch.errors import DataError, ModelError
from modelstitch.fitting.gram import Gram
from modelstitch.models.network import Network, digest, taken
from modelstitch.specs import View
from modelstitch.tasks import Targets, Task, joined, mean_score

SCORE_BATCH = 256
"""Examples a batch when nothing is fitted; fixed, since the last bits of a convolution depend on it."""

_SCORED_NUMBERS = 2**26
_CHECK_EXAMPLES = 8
_FLOAT32_TOLERANCE, _BFLOAT16_TOLERANCE = 1e-4, 0.1


def score_batches(n_examples: int, size: int = SCORE_BATCH) -> Iterator[Tensor]:
    """Yield index tensors that cover ``n_examples`` in order."""
    yield from torch.arange(n_examples).split(size)


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
        held = pytree.tree_leaves(dict(network.module.state_dict()))
        if any(value.device != device for value in held if isinstance(value, Tensor)):
            raise ModelError(f"model {network.name} is not on device {device}, where the data is")
        self.digest = digest(network.module)
        parameters = (p.dtype for p in network.module.parameters() if p.is_floating_point())
        self.dtype = next(parameters, torch.float32)
        """Precision of the network as it was given."""
        names = ("attention_mask",) if data.is_text else tuple(data.train.more)
        self.further = taken(network.module, names)
        """Names of the further inputs that the network takes."""
        self._texts: dict[int, tuple[Tensor, DataPart]] = {}
        self.reader = reader(network.view, data.train.images) if data.is_text else None
        """How the network reads, where the data are texts."""
        few = torch.arange(2)
        example, more = self.images(data.train, few), self.more(data.train, few)
        bound = None if like is None else self._bound(like, example, more)
        self.cutting: CutModel = bound or cut_model(network.module, example, network.name, more)
        self.cutting = self.cutting.read_as(dict(network.layouts))
        self._prefixes: dict[tuple[str, ...], nn.Module] = {}
        self._suffixes: dict[str, nn.Module] = {}
        self._fast: dict[Any, nn.Module] = {}
        self._shared: Cache = {}
        self.grams: dict[Any, Gram] = {}
        self._accuracy: float | None = None
        with torch.inference_mode():
            output = network.module(example, **more)
        self.n_outputs = self._n_outputs(output)
        """Number of the network's class scores per example."""
        plain = isinstance(output, Tensor) and data.task.outputs_of(output) is output
        self._gives_more = not plain
        self.score_batch = SCORE_BATCH
        """Examples a batch when nothing is fitted; fewer where every position of each has many outputs."""
        if data.task.by_position:
            each = self.n_outputs * data.train.targets.shape[1]
            self.score_batch = max(1, min(SCORE_BATCH, _SCORED_NUMBERS // max(1, each)))

    def _bound(self, like: Side, example: Tensor, more: Mapping[str, Tensor]) -> CutModel | None:
        """Return the cuts of another side for this network; None where they do not reproduce it, whatever it looks like."""
        expect_settled(self.network.module, example, self.network.name, more)
        cutting = like.cutting.bind(self.network.module)
        name = cutting.cuts[0].name
        prefix, suffix = cutting.prefix(name, frozen=True), cutting.suffix(name, frozen=True)
        with torch.no_grad(), plain_attention(), eval_mode(self.network.module):
            got = suffix(prefix(example, **more)[0], **more)
            return cutting if relative_difference(got, self.network.module(example, **more)) == 0 else None

    def images(self, split: DataPart, indices: Tensor) -> Tensor:
        """Return the images of ``split`` at ``indices`` as this network wants to see them."""
        seen = self.seen(split)
        view = View() if self.data.is_text else self.network.view
        return in_precision(
            show(seen.images[indices.to(seen.images.device)], view, self.data.rate), self.dtype
        )

    def seen(self, split: DataPart) -> DataPart:
        """Return a split as this network takes it: of texts its own tokens and their mask; anything else as it is."""
        if not self.data.is_text:
            return split
        key = id(split.images)
        if key not in self._texts:
            assert self.reader is not None
            tokens, mask = self.reader(split.images)
            own = replace(split, images=tokens, more={"attention_mask": mask})
            self._texts[key] = (split.images, own)  # which keeps the key from being another tensor's
        return self._texts[key][1]

    def more(self, split: DataPart, indices: Tensor) -> dict[str, Tensor]:
        """Return the further inputs of this network for the examples of ``split`` at ``indices``, by name of argument."""
        more = self.seen(split).more
        return {name: more[name][indices.to(more[name].device)] for name in self.further}

    def bound(self, half: nn.Module, split: DataPart) -> Callable[[Tensor, Tensor], Any]:
        """Return a half as a function of its input and the indices of its examples in ``split``, whose further inputs it is given."""
        return lambda x, indices: half(x, **self.more(split, indices))

    def cut(self, name: str) -> Cut:
        return self.cutting.find(name)

    def prefix(self, *names: str) -> nn.Module:
        """Return the frozen prefix that gives the representations at ``names``."""
        if names not in self._prefixes:
            self._prefixes[names] = self.cutting.prefix(*names, frozen=True)
        return self._prefixes[names]

    def represent(
        self,
        names: Sequence[str],
        split: DataPart,
        indices: Tensor,
        dtype: torch.dtype,
        *,
        plain: bool = False,
    ) -> tuple[Tensor, ...]:
        """Return the representations at ``names`` of the examples at ``indices``, in ``dtype``.

        Where a network that takes a mask has nothing, they hold the mean over the positions where it has something.

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
            found = half(x if plain else in_precision(x, dtype), **self.more(split, indices))
            present = self.seen(split).present if self.further else None
            if present is not None:
                here = present[indices.to(present.device)]
                found = [
                    filled_with_mean(each, self.cut(name).layout, here)
                    for name, each in zip(names, found, strict=True)
                ]
        return tuple(each.to(dtype) for each in found)

    def suffix(self, name: str) -> nn.Module:
        """Return the frozen suffix at ``name``."""
        if name not in self._suffixes:
            half = self.cutting.suffix(name, frozen=True)
            own = half if self.dtype == torch.float32 else _Converted(half, self.dtype, self.dtype)
            self._suffixes[name] = self._scoring(own)
        return self._suffixes[name]

    def whole(self, images: Tensor, **more: Tensor) -> Tensor:
        """Return the whole network's outputs, of classification (N, K) class scores, for images in its view."""
        with plain_attention():  # as its halves were captured
            return self.data.task.outputs_of(self.network.module(images, **more))

    def _scoring(self, half: nn.Module) -> nn.Module:
        return ScoresOf(half, self.data.task) if self._gives_more else half

    def outputs(
        self, split: DataPart, run: Callable[..., Tensor], indices: Tensor | None = None
    ) -> Iterator[tuple[Tensor, Targets]]:
        """Yield ``run``'s outputs and what is wanted, batch by batch.

        Args:
            split: the examples.
            run: takes images in this network's view, and its further inputs by name.
            indices: of some of the examples; all without it.
        """
        chosen = torch.arange(len(split)) if indices is None else indices
        for some in chosen.split(self.score_batch):
            with torch.inference_mode():
                outputs = run(self.images(split, some), **self.more(split, some))
            yield outputs, split.targets_for(self.data.task, some)

    def scores(self, split: DataPart, run: Callable[..., Tensor]) -> Tensor:
        """Return the score (N,) of every example of ``split`` under ``run``, see :meth:`outputs`."""
        return scored(self.data.task, self.outputs(split, run))

    def accuracy(self) -> float | None:
        """Return the whole network's accuracy on held-out examples, or None where it has no output for some label."""
        if self._accuracy is None and self.data.can_score(self.n_outputs):
            self._accuracy = mean_score(self.scores(self.data.heldout, self.whole))
        return self._accuracy

    def _n_outputs(self, output: Any) -> int:
        try:
            return self.data.task.outputs_of(output).shape[-1]
        except ModelError as error:
            raise ModelError(f"model {self.network.name} cannot be scored: {error}") from error

    def expect_labels(self) -> None:
        """Raise unless the network, as receiver, has an output for every class of the data."""
        if not self.data.can_score(self.n_outputs):
            if self.data.scored_by is not None:
                assert self.data.scored_by.needs is not None
                least, may_be_more = self.data.scored_by.needs(self.data.train.targets)
                raise DataError(
                    f"data {self.data.name} needs {least} {'output' if least == 1 else 'outputs'}{' at least' if may_be_more else ''} for the task "
                    f"{self.data.scored_by.name}, but receiver {self.network.name} has {self.n_outputs}; data and receiver must fit"
                )
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
            plain, few = self.cutting.prefix(*names, frozen=True), self._few()
            example = self.images(self.data.train, few)
            self._fast[key] = self._checked(plain, example, self.more(self.data.train, few), dtype)
        return self._fast[key]

    def fast_suffix(self, name: str, dtype: torch.dtype, later: tuple[str, ...] | None = None) -> nn.Module:
        """Return an accelerated frozen suffix at ``name``; ``later`` as for :meth:`Cutting.suffix`."""
        key = ("suffix", (name, later), dtype)
        if key not in self._fast:
            plain, few = self.cutting.suffix(name, frozen=True, later=later), self._few()
            more = self.more(self.data.train, few)
            with torch.no_grad():
                (example,) = self.prefix(name)(self.images(self.data.train, few), **more)
            checked = self._checked(plain, example, more, dtype)
            self._fast[key] = self._scoring(checked) if later is None else checked
        return self._fast[key]

    def _few(self) -> Tensor:
        return torch.arange(min(_CHECK_EXAMPLES, len(self.data.train)))

    def _checked(
        self, plain: nn.Module, example: Tensor, more: Mapping[str, Tensor], dtype: torch.dtype
    ) -> nn.Module:
        converted = _Converted(plain, dtype, self.dtype)
        if not isinstance(plain, Slice):
            return converted
        fast = accelerate(plain, dtype, self._shared)
        with torch.no_grad():
            wanted = plain(example, **more)
            try:
                got = fast(in_precision(example, dtype), **more)
            except RuntimeError:  # an operator that does not exist in this precision
                return converted
        tolerance = _FLOAT32_TOLERANCE if dtype == torch.float32 else _BFLOAT16_TOLERANCE
        if dtype == torch.float64 or relative_difference(got, wanted) <= tolerance:
            return fast
        return converted


class ScoresOf(nn.Module):
    """A half, or a whole network, that gives what is scored alone.

    Args:
        half: gives something that the task can read.
        task: what is scored.
    """

    def __init__(self, half: nn.Module, task: Task) -> None:
        super().__init__()
        self.inner, self.task = half, task

    def forward(self, x: Tensor, **more: Tensor) -> Tensor:
        """Return outputs, of classification (N, K) class scores."""
        return self.task.outputs_of(self.inner(x, **more))


def scored(task: Task, batches: Iterable[tuple[Tensor, Targets]]) -> Tensor:
    """Return the scores (N,) of batches of outputs and what is wanted; at once, where examples are scored against each other."""
    if task.together:
        outputs, wanted = zip(*batches, strict=True)
        return task.scored(torch.cat(outputs), joined(wanted))
    return torch.cat([task.scored(*each) for each in batches])


class _Converted(nn.Module):
    """The plain half between conversions, where the accelerated one cannot be used."""

    def __init__(self, plain: nn.Module, dtype: torch.dtype, own: torch.dtype) -> None:
        super().__init__()
        self.plain, self.dtype, self.own = plain, dtype, own

    def forward(self, x: Tensor, **more: Tensor) -> Any:
        output = self.plain(in_precision(x, self.own), **more)
        return tuple(each.to(self.dtype) for each in output) if isinstance(output, tuple) else output
