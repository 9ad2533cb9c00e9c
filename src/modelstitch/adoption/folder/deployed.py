"""A stitched network as a function of tensors alone: preprocessing inside, every output by name."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from modelstitch.adoption.folder.text_inputs import TextInput, TextInputs
from modelstitch.cutting.capture import no_fused_attention
from modelstitch.data.parts import PartName
from modelstitch.data.texts import MASK
from modelstitch.data.views import ends, in_precision, resampled, show
from modelstitch.grid.side import Side
from modelstitch.grid.stitched import Stitched
from modelstitch.tasks import OutputReading
from modelstitch.tasks.outputs import WHOLE, named_outputs

PRIMARY, SAMPLES, OUTPUT = "x", "samples", "output"
"""Names of the first input, of the number of samples of each sound, and of an output without a name."""

RECEIVER_TOKENS = "receiver_tokens"
"""Name of the tokens of the receiver, where its half reads them and its tokenizer is another one."""

TensorsByName = dict[str, Tensor]
"""StitchedInputs or outputs by name, in their order."""


@dataclass(frozen=True)
class StitchedInputs:
    """Which tensors a stitched network takes beside its first input, and where each comes from.

    Attributes:
        of_sender, of_receiver: pairs of a name among the inputs and the name of the argument of that half.
        tokens: name of the input that holds the receiver's tokens, and of the argument of its half that takes
            them; None where its half does not read them.
        samples: whether the number of samples of each sound is an input.
        rate: samples a second of the sounds that are given; None where the examples are no sounds.
    """

    of_sender: tuple[tuple[str, str], ...]
    of_receiver: tuple[tuple[str, str], ...]
    tokens: tuple[str, str] | None
    samples: bool
    rate: int | None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all inputs, in their order."""
        own = [] if self.tokens is None else [self.tokens]
        further = [name for name, _ in (*self.of_sender, *self.of_receiver, *own)]
        return tuple(dict.fromkeys((PRIMARY, *([SAMPLES] if self.samples else []), *further)))


def inputs_of(sender: Side, receiver: Side) -> StitchedInputs:
    """Return the inputs that a stitched network takes.

    Further inputs of both halves are one input where both halves read the examples alike. The mask of sounds
    is made inside, from the number of samples. Sounds are given at the sender's rate: bringing them to it is
    no part of the network.
    """
    ours, theirs = sender.inputs, receiver.inputs
    is_sound = ours.rate is not None
    made_inside = {MASK} if is_sound else set()
    alike = ours.reader == theirs.reader
    masked = bool(ours.view.masked) or MASK in (*ours.names, *theirs.names)
    return StitchedInputs(
        of_sender=tuple((name, name) for name in ours.names if name not in made_inside),
        of_receiver=tuple(
            (name if alike or name not in ours.names else f"receiver_{name}", name)
            for name in theirs.names
            if name not in made_inside
        ),
        tokens=None if theirs.again is None else (PRIMARY if alike else RECEIVER_TOKENS, theirs.again),
        samples=is_sound and masked and ours.given["train"].samples is not None,
        rate=(ours.view.rate or ours.rate) if is_sound else None,
    )


def text_inputs_of(inputs: StitchedInputs, sender: Side, receiver: Side) -> TextInputs | None:
    """Return how the inputs are made of texts; None where the examples are no texts."""
    ours, theirs = sender.inputs.reader, receiver.inputs.reader
    if ours is None or theirs is None:
        return None
    found = {PRIMARY: TextInput(name=PRIMARY, role="sender")}
    if inputs.tokens is not None and inputs.tokens[0] != PRIMARY:
        found[inputs.tokens[0]] = TextInput(name=inputs.tokens[0], role="receiver")
    for role, pairs in (("receiver", inputs.of_receiver), ("sender", inputs.of_sender)):
        found |= {name: TextInput(name=name, role=role, argument=argument) for name, argument in pairs}
    return TextInputs(
        readers={"sender": ours, "receiver": theirs}, inputs=tuple(found[name] for name in inputs.names)
    )


@final
class Deployed(nn.Module):
    """A stitched network whose inputs are tensors by position.

    Args:
        stitched: with its halves, its views and its readings.
        inputs: which tensors it takes.
        outputs: names of what it gives, the one that is scored first.

    It holds copies, on the CPU, of what its halves use: none of its tensors shares memory with another one,
    and no example of any data stays in it.
    """

    def __init__(self, stitched: Stitched, inputs: StitchedInputs, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.outputs = outputs
        self.sender_part, self.stitch, self.receiver_part = (
            _own(half) for half in (stitched.prefix, stitched.stitch, stitched.suffix)
        )
        self.views, self.dtypes, self.inputs = stitched.views, stitched.dtypes, inputs
        self.reading: OutputReading = stitched.reading
        self.further = stitched.further
        self.eval()

    def represent(self, x: Tensor, *further: Tensor) -> Tensor:
        """Return the stitched representation, as the receiver's half takes it."""
        # The tracer takes a layout of memory for granted; inputs of users have any.
        x, further = _contiguous(x), tuple(map(_contiguous, further))
        given = self._given(further)
        shown = in_precision(show(x, self.views[0], self.inputs.rate, given.get(SAMPLES)), self.dtypes[0])
        (provided,) = self.sender_part(shown, **self._of(0, x, given))
        stitched: Tensor = self.stitch(provided.float())
        return stitched.to(self.dtypes[1])

    def forward(self, x: Tensor, *further: Tensor) -> tuple[Tensor, ...]:
        """Return every output, the one that is scored first."""
        stitched = self.represent(x, *further)
        x, further = _contiguous(x), tuple(map(_contiguous, further))
        output = self.receiver_part(stitched, **self._of(1, x, self._given(further)))
        # The names are known beforehand: a test of sizes here would become an assumption about the batch.
        others = named_outputs(output)
        return (self.reading.part_of(output), *(others[name] for name in self.outputs[1:]))

    def _given(self, further: Sequence[Tensor]) -> Mapping[str, Tensor]:
        return dict(zip(self.inputs.names[1:], further, strict=True))

    def _of(self, half: int, x: Tensor, given: Mapping[str, Tensor]) -> TensorsByName:
        pairs = (self.inputs.of_sender, self.inputs.of_receiver)[half]
        found = {argument: given[name] for name, argument in pairs}
        if self.inputs.rate is not None and MASK in self.further[half]:
            found[MASK] = ends(x, self.views[half], self.inputs.rate, given.get(SAMPLES))
        if half == 1 and self.inputs.tokens is not None:
            name, argument = self.inputs.tokens
            found[argument] = x if name == PRIMARY else given[name]
        return found


def all_outputs(output: object, reading: OutputReading, n_examples: int) -> TensorsByName:
    """Return the tensors of an output by name, the one that is scored first.

    Args:
        output: of a network, for some examples.
        reading: which of them is scored, and in which order its values stand.
        n_examples: their number; tensors with another first axis are left out.
    """
    first = {reading.part if reading.part != WHOLE else OUTPUT: reading.part_of(output)}
    others = {
        name: value
        for name, value in named_outputs(output).items()
        if name not in (reading.part, WHOLE) and value.ndim and value.shape[0] == n_examples
    }
    return first | others


def _contiguous(value: Tensor) -> Tensor:
    return value.clone(memory_format=torch.contiguous_format)


def copied(half: nn.Module) -> nn.Module:
    """Return a copy of a half that shares no tensor with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own tree of outputs, which is copied too
        return copy.deepcopy(half)


def _own(half: nn.Module) -> nn.Module:
    """Return a copy of a half on the CPU, whose tensors hold their own numbers and nothing else."""
    own = copied(half).cpu().eval()
    for name, value in (*own.named_parameters(), *own.named_buffers()):
        value.data = value.detach().clone(memory_format=torch.contiguous_format)
        if name.rpartition(".")[2] == "example":  # a half that runs by hooks keeps one: its shape is enough
            value.data.zero_()
    return own


def inputs_for(
    inputs: StitchedInputs, sender: Side, receiver: Side, part: PartName, indices: Tensor
) -> TensorsByName:
    """Return the inputs of some examples by name, on the CPU; texts as the tokens of the sender.

    Args:
        inputs: which tensors are taken.
        sender, receiver: the two networks with their data.
        part, indices: of the examples.
    """
    held = sender.inputs.tokenized[part].take(indices)
    x, samples = held.images, held.samples
    own_rate, rate = sender.inputs.rate, inputs.rate
    if own_rate is not None and rate is not None and own_rate != rate:
        x = resampled(x, own_rate, rate)
        samples = None if samples is None else -(-samples * rate // own_rate)
    found = {PRIMARY: x}
    if inputs.samples and samples is not None:
        found[SAMPLES] = samples
    theirs = receiver.inputs.tokenized[part].take(indices)
    found |= {name: theirs.kwargs[argument] for name, argument in inputs.of_receiver}
    if inputs.tokens is not None and inputs.tokens[0] != PRIMARY:
        found[inputs.tokens[0]] = theirs.images
    found |= {name: held.kwargs[argument] for name, argument in inputs.of_sender}
    return {name: found[name].cpu().clone() for name in inputs.names}


def original_outputs(
    stitched: Stitched, sender: Side, receiver: Side, part: PartName, indices: Tensor
) -> TensorsByName:
    """Return every output of the stitched network for some examples, through the path that it was fitted by.

    This path shares no code with :class:`Deployed` but the halves: it is what exported forms are held to.
    """
    with torch.no_grad(), no_fused_attention():
        (provided,) = stitched.prefix(
            sender.inputs.images(part, indices), **sender.inputs.kwargs(part, indices)
        )
        joined = stitched.stitch(provided.float()).to(stitched.dtypes[1])
        output = stitched.suffix(joined, **receiver.inputs.kwargs(part, indices))
        outputs = all_outputs(output, stitched.reading, len(indices))
    return {name: value.detach().cpu() for name, value in outputs.items()}
