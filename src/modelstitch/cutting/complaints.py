"""What to do next when a model does not take an input, by what it says itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

from torch import Tensor, nn


def tokens_of_decoder(model: nn.Module, kwargs: Mapping[str, Tensor]) -> str | None:
    """Return the argument for tokens of a decoder of its own that a model is not given; None without one."""
    own = inspect.signature(model.forward).parameters
    return next((name for name in own if name == "decoder_input_ids" and name not in kwargs), None)


def next_step(model: nn.Module, example: Tensor, complaint: str) -> str:
    """Return the next step for the user, from the model's error message."""
    if "input_ids" in complaint and "inputs_embeds" in complaint and tokens_of_decoder(model, {}):
        return (
            "it has a decoder, which takes tokens of its own: give decoder_input_ids by name too (kwargs of "
            "cuts, split and data_from, a further array of a .npz file)"
        )
    if "required" in complaint and "argument" in complaint:
        return (
            "give its further inputs by name (kwargs of cuts, split and data_from, further arrays of a .npz "
            "file; modelstitch cuts --tokens gives tokens and their mask)"
        )
    if "positional argument" in complaint:
        return (
            "expected a model whose forward takes its input first, by position: wrap it in a module that does"
        )
    if ("to be equal to" in complaint and "args[0]" in complaint) or "size()[0] ==" in complaint:
        return "export it again with a free batch (dynamic_shapes={0: torch.export.Dim.AUTO})"
    if any(part in complaint for part in ("'str'", "string", "too many indices")) or re.fullmatch(
        "'[^']*'", complaint
    ):
        return "a model that takes a dictionary is wrapped in modelstitch.FromDict"
    if "should be the same" in complaint or "same dtype" in complaint:
        return (
            f"it was given {_named_type(example)}: give inputs in its own precision, most often float32 "
            "(x.float(), array.astype('float32'))"
        )
    if "'indices'" in complaint and example.is_floating_point():
        return "it takes tokens: give whole numbers (N, T) in int64 (modelstitch cuts --tokens)"
    if example.is_floating_point():
        return (
            "give the size and channels that it expects "
            "(size, channels of its view; modelstitch cuts --shape)"
        )
    return (
        f"these are tokens from {int(example.min())} to {int(example.max())}: give the tokenizer that it "
        "was made for, and no more of them than it has places for (tokenizer, length)"
    )


def _named_type(example: Tensor) -> str:
    return str(example.dtype).removeprefix("torch.")
