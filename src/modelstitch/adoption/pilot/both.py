"""The answers of a candidate and of an original to the same new examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from modelstitch.adoption.folder.contract import Contract
from modelstitch.adoption.folder.loading import LoadedStitched, network_in
from modelstitch.adoption.folder.spec_file import FolderSpec
from modelstitch.adoption.folder.text_inputs import TextInputs
from modelstitch.cutting.capture import eval_mode, no_fused_attention
from modelstitch.cutting.deterministic import depends_on_batch
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.texts import MASK, are_pairs
from modelstitch.data.views import resampled
from modelstitch.errors import DataError, ModelError
from modelstitch.grid.inputs import network_inputs
from modelstitch.grid.labelling import labelling
from modelstitch.grid.reading import reading_of
from modelstitch.models.network import Network, digest
from modelstitch.tasks import Task
from modelstitch.tasks.scales import as_logits

BATCH = 256
"""Examples that both networks see at once, where an answer does not depend on the batch."""

_CHECKED = 8

OutputsOf = Callable[[Tensor], Tensor]
"""From indices (n,) of new examples to what the task's score takes (n, ...)."""


@dataclass(frozen=True, eq=False)
class BothNetworks:
    """Both networks as functions of the indices of new examples.

    Attributes:
        task: what is scored.
        candidate, original: their outputs.
        examples: the new ones.
        batch: how many are run at once; 1 where an answer depends on the batch.
    """

    task: Task
    candidate: OutputsOf
    original: OutputsOf
    examples: DataPart
    batch: int

    @property
    def asks_where_they_differ(self) -> bool:
        """Whether the score depends on the answer and the label alone, so that equal answers need none."""
        return self.task.name in ("classification", "classification by coarser labels")


@dataclass(frozen=True, eq=False)
class PairedAnswers:
    """What both networks say of some examples.

    Attributes:
        own, other: (n,) number of the answer of the candidate and of the original; 0 for tasks without
            classes.
        differ: (n,) whether the answers differ; whether the outputs do, where no target follows from them.
        agreed: (n,) how well the candidate agrees with the original, from 0 to 1: whether the answers are
            equal, else the score of the candidate where the answers of the original are the targets; None
            where no target follows from outputs.
        difference: (n,) score of the candidate less that of the original by the labels that the examples
            have.
        gap: (n,) how far the outputs are apart: total variation of the probabilities, else the distance of
            the task.
    """

    own: Int[Tensor, " n"]
    other: Int[Tensor, " n"]
    differ: Bool[Tensor, " n"]
    agreed: Float[Tensor, " n"] | None
    difference: Float[Tensor, " n"]
    gap: Float[Tensor, " n"]


def both_networks(folder: Path, network: Network, data: Data) -> BothNetworks:
    """Make both networks ready for new examples.

    Args:
        folder: of the candidate, already checked.
        network: the original.
        data: whose held-out part has the new examples.

    Raises:
        DataError: examples that the candidate or the original does not take.
        ModelError: an original whose outputs do not stand for the classes of the candidate.
    """
    loaded = network_in(folder)
    own = partial(_of_candidate, loaded, inputs_as_given(loaded.spec.contract, data))
    expect_further(network, loaded.spec, data)
    rate = loaded.spec.contract.run_rate
    if data.rate != rate:
        raise DataError(
            f"data {data.name} do not fit the original: expected the rate {rate}, as in the run, got "
            f"{data.rate}"
        )
    other = _of_original(network, data)
    few = torch.arange(min(_CHECKED, len(data.heldout)))
    alone = len(few) > 1 and (_by_batch(own, few) or _by_batch(other, few))
    return BothNetworks(data.task, own, other, data.heldout, 1 if alone else BATCH)


def paired(both: BothNetworks, rows: Tensor) -> PairedAnswers:
    """Return what both networks say of the examples at ``rows``.

    Raises:
        ModelError: outputs that are not finite.
    """
    found = []
    for name, run in (("candidate", both.candidate), ("original", both.original)):
        outputs = torch.cat([run(some) for some in rows.split(both.batch)])
        if not bool(outputs.isfinite().all()):
            raise ModelError(
                f"the {name} gives NaN or infinity for a new example: expected finite outputs; nothing "
                "of this call is recorded"
            )
        found.append(outputs)
    own, other = found
    task = both.task
    targets = both.examples.targets_for(task, rows)
    scores = [task.scored(outputs, targets).double() for outputs in found]
    difference = scores[0] - scores[1]
    if not (task.has_classes and task.axes == 2):
        zeros = torch.zeros(len(rows), dtype=torch.int64)
        gap = task.distances(own, other, targets).double()
        agreed = task.agreed(own, other, targets)
        differ = gap > 0 if agreed is None else agreed < 1
        return PairedAnswers(zeros, zeros, differ, agreed, difference, gap)
    read = [task.read(outputs) for outputs in found]
    answers = [scores.argmax(1) for scores in read]
    gap = (read[0].softmax(1) - read[1].softmax(1)).abs().sum(1).double() / 2
    differ = answers[0] != answers[1] if both.asks_where_they_differ else difference != 0
    agreed = (answers[0] == answers[1]).double()
    return PairedAnswers(answers[0], answers[1], differ, agreed, difference, gap)


def _by_batch(run: OutputsOf, few: Tensor) -> bool:
    return depends_on_batch(lambda rows, _: run(rows.flatten()), few[:, None], {})


def _of_candidate(loaded: LoadedStitched, given: dict[str, Tensor], rows: Tensor) -> Tensor:
    contract = loaded.spec.contract
    some = {name: value[rows] for name, value in given.items()}
    first = contract.inputs[0].name
    with torch.no_grad():
        output = loaded(some.pop(first), **some)
    return as_logits(output, contract.scale)


def inputs_as_given(contract: Contract, data: Data) -> dict[str, Tensor]:
    """Return the inputs of the candidate for all new examples, by name.

    Raises:
        DataError: one that these data do not give, or another shape, type or range.
    """
    part = data.heldout
    if data.is_text:
        read = _text_inputs(contract, data).of(part.images)
        part = replace(part, images=read.pop("x"), kwargs=read)
    if data.rate is not None and contract.rate is not None and data.rate != contract.rate:
        samples = part.samples
        part = replace(
            part,
            images=resampled(part.images, data.rate, contract.rate),
            samples=None if samples is None else -(-samples * contract.rate // data.rate),
        )
    full = torch.full((len(part),), part.images.shape[-1], dtype=torch.int64)
    there = {"samples": full if part.samples is None else part.samples, **part.kwargs, "x": part.images}
    missing = [one.name for one in contract.inputs if one.name not in there]
    if missing:
        raise DataError(
            f"data {data.name} do not fit the candidate: expected its inputs "
            f"{', '.join(one.name for one in contract.inputs)}, got none for {', '.join(missing)}"
        )
    given = {one.name: there[one.name].cpu() for one in contract.inputs}
    try:
        contract.expect(given)
    except DataError as error:
        raise DataError(f"data {data.name} do not fit the candidate: {error}") from error
    return given


def _text_inputs(contract: Contract, data: Data) -> TextInputs:
    """Return how texts are read, after a check that these are texts, or pairs, as the run's were.

    Raises:
        DataError: they are not, or the folder does not say it.
    """
    if contract.texts is None:
        raise DataError(
            f"data {data.name} are texts, and the folder does not say how the candidate reads them: expected "
            "data as its contract says, or a folder that this version exported"
        )
    pairs = are_pairs(data.heldout.images)
    if pairs != contract.texts.pairs:
        said = {True: "pairs of texts", False: "single texts"}
        raise DataError(
            f"data {data.name} do not fit the candidate: expected {said[contract.texts.pairs]}, got "
            f"{said[pairs]}"
        )
    return contract.texts


def expect_further(network: Network, spec: FolderSpec, data: Data) -> None:
    """Raise where a network of the run, whole, took a further input that these data do not give.

    Without it, such as without a mask, the network may give other answers than it gave in the run.

    Args:
        network: one of the run's, or any other one, which nothing is known of.
        spec: of the candidate.
        data: whose held-out part has the new examples.

    Raises:
        DataError: such an input is missing.
    """
    made_inside = {MASK} if data.rate is not None else set()
    missing = {
        role: [name for name in names if name not in data.heldout.kwargs and name not in made_inside]
        for role, names in spec.further.items()
        if not data.is_text
    }
    if not any(missing.values()):
        return
    own = digest(network.module)
    for role, names in missing.items():
        if names and own == spec.digests[role]:
            raise DataError(
                f"data {data.name} do not fit the {role}: expected its further inputs "
                f"{', '.join(spec.further[role])}, as in the run, got none for {', '.join(names)}"
            )


def _of_original(network: Network, data: Data) -> OutputsOf:
    """Return the original as a function of indices, its outputs in the order of the classes."""
    inputs = network_inputs(network, data)
    few = inputs.batch("train", torch.arange(min(_CHECKED, len(data.train))))
    reading = reading_of(network, data, inputs, few)
    with torch.inference_mode(), eval_mode(network.module):
        n_outputs = reading.part_of(network.module(few.x, **few.kwargs)).shape[-1]
    labels = labelling(network, data, n_outputs)
    if labels is not None:
        _expect_classes(network, labels.missing, n_outputs, labels.n_classes, labels.by)
        reading = replace(reading, order=labels.order)

    def run(rows: Tensor) -> Tensor:
        with torch.no_grad(), eval_mode(network.module), no_fused_attention():
            given = inputs.batch("held-out", rows)
            return reading(network.module(given.x, **given.kwargs))

    return run


def _expect_classes(
    network: Network, missing: tuple[str, ...], n_outputs: int, n_classes: int, by: str
) -> None:
    """Raise unless it is clear which output of the original stands for which class of the candidate."""
    if missing:
        raise ModelError(
            f"model {network.name} has no output for the classes {', '.join(missing[:5])} of the candidate: "
            "expected an original that answers with its label set"
        )
    if network.classes is None and by == "numbers" and n_outputs > n_classes:
        raise ModelError(
            f"model {network.name} has {n_outputs} outputs without names and the candidate {n_classes} "
            "classes: which stands for which is not known; expected an original with names of its classes"
        )
