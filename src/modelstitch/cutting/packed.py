"""Packed sequences in a graph: recurrent layers over them are captured as the same layers over padded ones.

How many steps a packed sequence has depends on its lengths, which no graph can hold. But what a layer gives
at the steps that exist does not depend on those behind them: it runs over the padded sequence, backward
directions over each sequence reversed within its own length, and final states are read at each last step.
What cannot be told from this is refused: how long the longest sequence of a batch is, cell states, and packed
steps that a model reads by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from modelstitch.cutting.forwards import with_forward

_VF = torch._C._VariableFunctions
_PACK, _PAD = _VF._pack_padded_sequence, _VF._pad_packed_sequence
_LAYERS = {name: getattr(_VF, name) for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")}
_LEFT_ALONE = ("index_select", "__get__", "dim", "size", "__set__")
"""Functions that only look at a tensor, or put its examples into another order."""


class PackedError(RuntimeError):
    """A model does with a packed sequence what has no padded form."""


class _Longest(int):
    """The length of a padded sequence, where a model asks for that of the longest one."""


class _PackedAsPadded(TorchFunctionMode):
    """Answers what a model asks of packed sequences with padded ones."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[Any] = []  # alive, so that no other object takes their ids
        self._lengths: dict[int, Tensor] = {}
        self._data: dict[int, Tensor] = {}
        self._unknown: set[int] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "_pack_padded_sequence":
            return self._pack(*args, **kwargs)
        if name == "_pad_packed_sequence":
            return self._pad(*args, **kwargs)
        if name in _LAYERS and len(args) > 1 and id(args[1]) in self._lengths:
            return self._run(_LAYERS[name], *args, **kwargs)
        if args and id(args[0]) in self._lengths:
            lengths = self._lengths[id(args[0])]
            if name == "__getitem__" and args[1] == 0:
                return lengths.shape[0]
            if name == "size" and args[1:] == (0,):
                return _Longest(self._data[id(args[0])].shape[0])
        read = [arg for arg in (*args, *kwargs.values()) if isinstance(arg, Tensor)]
        data = {id(one) for one in self._data.values()}
        if name not in _LEFT_ALONE and any(id(arg) in data for arg in read):
            raise PackedError(f"it reads the steps of a packed sequence by itself ({name})")
        if any(id(arg) in self._unknown for arg in read):
            if name not in _LEFT_ALONE:
                raise PackedError("it reads the cell states of a layer over a packed sequence")
            result = func(*args, **kwargs)
            if isinstance(result, Tensor):
                self._note_unknown(result)
            return result
        return func(*args, **kwargs)

    def expect_known(self, outputs: list[Any]) -> None:
        """Raise where a cell state is an output of the model."""
        if any(id(leaf) in self._unknown for leaf in outputs):
            raise PackedError("it gives the cell states of a layer over a packed sequence")

    def _pack(self, x: Tensor, lengths: Tensor, batch_first: bool) -> tuple[Tensor, Tensor]:
        data = x.transpose(0, 1) if batch_first else x.clone()
        sizes = lengths.clone()
        self._note(data, sizes, lengths)
        return data, sizes

    def _note(self, data: Tensor, sizes: Tensor, lengths: Tensor) -> None:
        self._held += [data, sizes, lengths]
        self._lengths[id(sizes)] = lengths
        self._data[id(sizes)] = data

    def _note_unknown(self, states: Tensor) -> None:
        self._held.append(states)
        self._unknown.add(id(states))

    def _pad(
        self, data: Tensor, sizes: Tensor, batch_first: bool, value: float, total: int
    ) -> tuple[Tensor, Tensor]:
        if isinstance(total, _Longest):
            raise PackedError(
                "pad_packed_sequence gives as many positions as the longest sequence of a batch has: give it "
                "total_length=x.shape[1]"
            )
        lengths = self._lengths[id(sizes)]
        steps = torch.arange(data.shape[0], device=data.device)
        there = (steps[:, None] < lengths.to(data.device)[None])[..., None]
        padded = torch.where(there, data, torch.full((), value, dtype=data.dtype, device=data.device))
        if total > data.shape[0]:
            padded = nn.functional.pad(padded, (0, 0, 0, 0, 0, total - data.shape[0]), value=value)
        return (padded.transpose(0, 1) if batch_first else padded), lengths

    def _run(
        self,
        layer: Any,
        data: Tensor,
        sizes: Tensor,
        states: Any,
        weights: list[Tensor],
        biases: bool,
        n_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
    ) -> tuple[Tensor, ...]:
        """Run layers over a padded sequence as over the packed one; see the top of the file."""
        lengths = self._lengths[id(sizes)].to(data.device)
        is_lstm = isinstance(states, tuple | list)
        held = list(states) if is_lstm else [states]
        many = 2 if bidirectional else 1
        each = len(weights) // (n_layers * many)
        last = (lengths - 1)[None, :, None]
        steps = torch.arange(data.shape[0], device=data.device)[:, None]
        # Within its length a sequence is reversed; behind it stays what is there.
        mirrored = torch.where(steps < lengths[None], lengths[None] - 1 - steps, steps)[..., None]
        finals: list[Tensor] = []
        output = data
        for index in range(n_layers):
            given, outputs = output, list[Tensor]()
            for direction in range(many):
                place = index * many + direction
                own = [state[place : place + 1] for state in held]
                x = _gathered(given, mirrored) if direction else given
                params = weights[each * place : each * (place + 1)]
                start = tuple(own) if is_lstm else own[0]
                result = layer(x, start, params, biases, 1, 0.0, False, False, False)[0]
                finals.append(_gathered(result, last))
                outputs.append(_gathered(result, mirrored) if direction else result)
            output = outputs[0] if many == 1 else torch.cat(outputs, -1)
        output = output.clone() if output is data else output
        self._held.append(output)
        # The layer's own output belongs to the same lengths; another packed sequence is made of it.
        self._data[id(sizes)] = output
        hidden = torch.cat(finals, 0)
        if not is_lstm:
            return output, hidden
        cells = torch.full_like(held[1], float("nan"))
        self._note_unknown(cells)
        return output, hidden, cells


def _gathered(x: Tensor, steps: Tensor) -> Tensor:
    """Return the steps (T', N, 1) of sequences (T, N, D)."""
    return x.gather(0, steps.expand(-1, -1, x.shape[-1]))


@contextlib.contextmanager
def packed_as_padded(model: nn.Module) -> Iterator[None]:
    """Let a capture of a model with recurrent layers hold packed sequences as padded ones."""
    layers = [module for module in model.modules() if isinstance(module, nn.RNNBase)]
    if not layers:
        yield
        return
    own = model.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        with _PackedAsPadded() as mode:
            output = own(*args, **kwargs)
        mode.expect_known(torch.utils._pytree.tree_leaves(output))
        return output

    def check(*_: Any, **__: Any) -> None:
        """Checks of sizes; the model was run before, and has passed them."""

    forward.__wrapped__ = own  # type: ignore[attr-defined]
    before = [(vars(module), vars(module).get("check_forward_args")) for module in layers]
    for held, _ in before:
        held["check_forward_args"] = check
    try:
        with with_forward(model, forward):
            yield
    finally:
        for held, own_check in before:
            del held["check_forward_args"]
            if own_check is not None:
                held["check_forward_args"] = own_check
