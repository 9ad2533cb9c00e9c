"""One frozen network made ready for a grid: all that does not depend on the other network of a pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from modelstitch.cutting import Cut, CutModel, GraphCutModel, cut_model
from modelstitch.cutting.capture import eval_mode, no_fused_attention
from modelstitch.cutting.certify import relative_difference
from modelstitch.cutting.deterministic import depends_on_batch, expect_deterministic
from modelstitch.cutting.outputs import chosen_leaves
from modelstitch.data.parts import Data, DataPart, PartName
from modelstitch.errors import ModelError
from modelstitch.grid.fixed_batches import in_fixed_batches
from modelstitch.grid.frozen_halves import FrozenHalves
from modelstitch.grid.inputs import NetworkInputs, network_inputs
from modelstitch.grid.labelling import Labelling, labelling
from modelstitch.grid.protocols import CompletesFromCut, GivesRepresentations
from modelstitch.grid.reading import reading_of
from modelstitch.grid.scoring import score_batch_of, scored
from modelstitch.models.network import Network, digest
from modelstitch.tasks import OutputReading, Targets, mean_score

_CAPTURE_EXAMPLES, _CHECK_EXAMPLES = 2, 8


@final
@dataclass(frozen=True, eq=False)
class Side:
    """A frozen network, the data as it takes them, and its halves; made by :func:`make_side`.

    Two sides are equal where they are one object, so that a side can be the key of what is kept for it.

    Attributes:
        network: the model and its view.
        data: the examples.
        digest: SHA-256 of parameters and buffers when the side was made.
        inputs: both parts of the data as the network takes them.
        halves: the network's own frozen prefixes and suffixes.
        source: gives the representations; ``halves``, unless they are planted.
        completion: completes the network from a cut; ``halves``, unless a read-out takes their place.
        reading: which of the network's outputs is scored, and on what scale it is.
        labelling: which output stands for which class; None for a task without classes.
        n_outputs: number of the network's class scores for each example.
        score_batch: examples a batch when nothing is fitted.
    """

    network: Network
    data: Data
    digest: str
    inputs: NetworkInputs
    halves: FrozenHalves
    source: GivesRepresentations
    completion: CompletesFromCut
    reading: OutputReading
    labelling: Labelling | None
    n_outputs: int
    score_batch: int

    @property
    def cutting(self) -> CutModel:
        """The network's cuts."""
        return self.halves.cutting

    @property
    def can_score(self) -> bool:
        """Whether the network has an output for each class of the data, or as many as the task needs."""
        if self.labelling is not None:
            return not self.labelling.missing
        return self.data.task.takes(self.n_outputs, self.data.train.targets)

    @property
    def is_whole(self) -> bool:
        """Whether prefix and suffix are the network's own, so that it has a score by itself."""
        return self.source is self.halves and self.completion is self.halves

    @property
    def runs_in_threads(self) -> bool:
        """Whether its halves may run several times at once; those by hooks change the network for a call."""
        return isinstance(self.cutting, GraphCutModel)

    @property
    def by_batch(self) -> bool:
        """Whether an example has other outputs in another batch, so that its batches are fixed."""
        return self.halves.by_batch

    def cut(self, name: str) -> Cut:
        """Return the cut called ``name``."""
        return self.cutting.find(name)

    def represent(
        self,
        names: Sequence[str],
        part: PartName,
        indices: Tensor,
        dtype: torch.dtype,
        *,
        unaccelerated: bool = False,
    ) -> tuple[Tensor, ...]:
        """Return the representations (n, *shape) at ``names``; see :class:`GivesRepresentations`."""
        return self.source.represent(self.inputs, names, part, indices, dtype, unaccelerated=unaccelerated)

    def later(self, name: str) -> tuple[str, ...]:
        """Return the block boundaries behind the cut ``name``."""
        return self.completion.later(name)

    def suffix(self, name: str) -> nn.Module:
        """Return the frozen module from the representation at ``name`` to the outputs."""
        return self.completion.suffix(name)

    def fast_suffix(self, name: str, dtype: torch.dtype) -> nn.Module:
        """Return the same, accelerated, in ``dtype``."""
        return self.completion.fast_suffix(name, dtype)

    def trail(self, name: str, later: tuple[str, ...], dtype: torch.dtype) -> nn.Module:
        """Return an accelerated module from the representation at ``name`` to those at ``later``."""
        return self.completion.trail(name, later, dtype)

    def bound(self, half: nn.Module, part: PartName) -> Callable[[Tensor, Tensor], Any]:
        """Return a half as a function of its input and the indices of its examples in ``part``."""
        return lambda x, indices: half(x, **self.inputs.kwargs(part, indices))

    def whole(self, images: Tensor, **kwargs: Tensor) -> Tensor:
        """Return the whole network's outputs, for classification class scores (N, K)."""
        with no_fused_attention():  # as its halves were captured
            return self.reading(self.network.module(images, **self.inputs.own(kwargs)))

    def outputs(
        self, part: PartName, run: Callable[..., Tensor], indices: Tensor | None = None
    ) -> Iterator[tuple[Tensor, Targets]]:
        """Yield outputs and targets, batch by batch.

        Args:
            part: ``train`` or ``held-out``.
            run: maps inputs of this network, and its further inputs by name, to outputs.
            indices: of some of the examples; all without it.
        """
        given = self.inputs.given[part]
        chosen = torch.arange(len(given)) if indices is None else indices

        def computed(some: Tensor) -> Tensor:
            return run(self.inputs.images(part, some), **self.inputs.kwargs(part, some))

        for some in chosen.split(self.score_batch):
            with torch.inference_mode():
                if self.by_batch:
                    (outputs,) = in_fixed_batches(some, len(given), lambda batch: (computed(batch),))
                else:
                    outputs = computed(some)
            yield outputs, given.targets_for(self.data.task, some)

    def scores(self, part: PartName, run: Callable[..., Tensor], indices: Tensor | None = None) -> Tensor:
        """Return the score (N,) of every example; arguments as for :meth:`outputs`."""
        return scored(self.data.task, self.outputs(part, run, indices))

    def accuracy(self) -> float | None:
        """Return the network's own score on held-out examples.

        None where it is not whole, or has no output for some label.
        """
        return None if self.own_scores is None else mean_score(self.own_scores)

    @cached_property
    def own_scores(self) -> Tensor | None:
        """The network's own score (n,) of each held-out example; None where :meth:`accuracy` is None."""
        if not self.is_whole or not self.can_score:
            return None
        return self.scores("held-out", self.whole)

    def with_heldout(self, examples: DataPart) -> Side:
        """Return the same side with other held-out examples in its inputs."""
        return replace(self, inputs=self.inputs.with_heldout(examples))

    def relabelled(self, data: Data) -> Side:
        """Return the same side with other labels of the same examples."""
        return replace(self, data=data, inputs=self.inputs.relabelled(data))


def make_side(
    network: Network,
    data: Data,
    sibling: Side | None = None,
    reading: OutputReading | None = None,
    cache: Path | None = None,
) -> Side:
    """Find a network's cuts, and make it ready.

    Args:
        network: the model and its view.
        data: the examples, on the device to work on.
        sibling: a side of the same architecture; its capture is shared where that reproduces the network.
        reading: of its outputs, if it is known already.
        cache: folder where captured graphs are kept, and looked for first.

    Raises:
        ModelError: the network is on another device, or cannot take the examples.
        CutError: the network has no cuts.
    """
    _expect_on(data.train.images.device, network)
    weights, inputs = digest(network.module), network_inputs(network, data)
    few = inputs.batch("train", torch.arange(_CAPTURE_EXAMPLES))
    check = inputs.batch("train", torch.arange(min(_CHECK_EXAMPLES, len(data.train))))
    if reading is None:
        reading = reading_of(network, data, inputs, check)
    shared = None if sibling is None else _shared_capture(sibling, network, few.x, few.kwargs)
    cutting = shared or cut_model(
        network.module, few.x, network.name, few.kwargs, reading.part or None, cache
    )
    cutting = cutting.read_as(dict(network.layouts))
    inputs = replace(inputs, again=cutting.input_name)
    given = inputs.batch("train", torch.arange(len(check.x)))
    with torch.inference_mode():
        n_outputs = reading.part_of(network.module(few.x, **few.kwargs)).shape[-1]
    labels = labelling(network, data, n_outputs)
    reading = replace(reading, order=None if labels is None else labels.order)
    by_batch = depends_on_batch(partial(_outputs_of, network.module, reading), check.x, check.kwargs)
    halves = FrozenHalves(cutting, given, inputs.dtype, reading, by_batch=by_batch)
    return Side(
        network=network,
        data=data,
        digest=weights,
        inputs=inputs,
        halves=halves,
        source=halves,
        completion=halves,
        reading=reading,
        labelling=labels,
        n_outputs=n_outputs,
        score_batch=score_batch_of(data.task, data.train.targets, n_outputs),
    )


def _outputs_of(module: nn.Module, reading: OutputReading, x: Tensor, kwargs: Mapping[str, Tensor]) -> Tensor:
    return reading.part_of(module(x, **kwargs))


def _expect_on(device: torch.device, network: Network) -> None:
    held = pytree.tree_leaves(dict(network.module.state_dict()))
    if any(value.device != device for value in held if isinstance(value, Tensor)):
        raise ModelError(f"model {network.name} is not on device {device}, where the data is")


def _shared_capture(
    sibling: Side, network: Network, example: Tensor, kwargs: Mapping[str, Tensor]
) -> CutModel | None:
    """Return the cuts of another side, bound to ``network``; None where they do not reproduce it."""
    expect_deterministic(network.module, example, network.name, kwargs)
    cutting = sibling.cutting.bind(network.module)
    name = cutting.cuts[0].name
    prefix, suffix = cutting.prefix(name, frozen=True), cutting.suffix(name, frozen=True)
    with torch.no_grad(), no_fused_attention(), eval_mode(network.module):
        again = {} if cutting.input_name is None else {cutting.input_name: example}
        got = suffix(prefix(example, **kwargs)[0], **kwargs, **again)
        expected = chosen_leaves(network.module(example, **kwargs), cutting.outputs_after(name))
        return cutting if relative_difference(got, expected) == 0 else None
