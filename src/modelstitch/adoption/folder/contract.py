"""What an exported network takes and gives: the input contract, and whether some data keep it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from modelstitch.adoption.folder.text_inputs import TextInputs
from modelstitch.errors import DataError

_SLACK = 0.1
"""Share of a range that values may lie beyond it: resized images overshoot."""


@dataclass(frozen=True, kw_only=True)
class TensorContract:
    """One input or output of an exported network.

    Attributes:
        name: of the input or output.
        dtype: type of its numbers, as torch calls it, such as ``uint8``.
        shape: of one example.
        low, high: range of its values; None where nothing says it.
        seen: lowest and highest value of the training examples; None of an output.

    Example:
        >>> TensorContract(name="x", dtype="uint8", shape=(3, 32, 32), low=0, high=255).said
        'x: uint8 (N, 3, 32, 32), 0 to 255'
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    low: float | None = None
    high: float | None = None
    seen: tuple[float, float] | None = None

    @property
    def torch_dtype(self) -> torch.dtype:
        """The type of its numbers."""
        found = getattr(torch, self.dtype, None)
        if not isinstance(found, torch.dtype):
            raise DataError(f"expected a type of torch in the contract, got {self.dtype!r}")
        return found

    @property
    def said(self) -> str:
        """The contract in words."""
        lengths = "".join(f", {length}" for length in self.shape)
        values = "" if self.low is None else f", {self.low:g} to {self.high:g}"
        return f"{self.name}: {self.dtype} (N{lengths}){values}"

    def expect(self, value: Tensor) -> None:
        """Raise unless a batch keeps the contract.

        Raises:
            DataError: another type or shape, values outside the range, or NaN.
        """
        got = f"{value.dtype}".removeprefix("torch.")
        if got != self.dtype or tuple(value.shape[1:]) != self.shape or value.ndim == 0:
            lengths = "".join(f", {length}" for length in value.shape[1:])
            raise DataError(f"expected {self.said}, got {got} (N{lengths})")
        if not value.numel() or value.is_meta:
            return
        low, high = (float(end) for end in value.detach().aminmax())
        if not math.isfinite(low) or not math.isfinite(high):
            raise DataError(f"expected finite values in {self.name}, got NaN or infinity")
        if self.low is not None and self.high is not None and value.is_floating_point():
            slack = _SLACK * (self.high - self.low)
            if low < self.low - slack or high > self.high + slack:
                raise DataError(f"expected {self.said}, got values from {low:g} to {high:g}")


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What an exported network takes and gives.

    Attributes:
        inputs, outputs: by position; the batch is the first axis of each. The first output is scored.
        preprocessing: what stands inside the network, by name of the field of a View.
        outside: what does not, in words; empty where nothing is left to do.
        rate: samples a second of sounds; None where examples are no sounds.
        task: what the first output is scored on.
        scale: what the first output holds, one of ``specs.OUTPUT_SCALES``.
        classes: what its values stand for, in their order; empty for a task without classes.
        texts: how the inputs are made of texts; None where examples are no texts.
        data_rate: samples a second of the sounds of the run, which are brought to ``rate`` before the network
            takes them; None where they have it.

    Raises:
        DataError: no input or no output.
    """

    inputs: tuple[TensorContract, ...]
    outputs: tuple[TensorContract, ...]
    preprocessing: Mapping[str, Any]
    outside: str = ""
    rate: int | None = None
    task: str = "classification"
    scale: str = "logits"
    classes: tuple[str, ...] = ()
    texts: TextInputs | None = None
    data_rate: int | None = None

    def __post_init__(self) -> None:
        if not self.inputs or not self.outputs:
            raise DataError("expected at least one input and one output of an exported network, got none")

    @property
    def run_rate(self) -> int | None:
        """Samples a second of the sounds of the run, as sender and receiver were given them."""
        return self.data_rate or self.rate

    def expect(self, given: Mapping[str, Tensor]) -> None:
        """Raise unless inputs keep the contract.

        Args:
            given: (n, ...) by name.

        Raises:
            DataError: an input is missing or unknown, or does not keep it.
        """
        names = [one.name for one in self.inputs]
        if sorted(given) != sorted(names):
            raise DataError(f"expected the inputs {', '.join(names)}, got {', '.join(given) or 'none'}")
        sizes = {len(value) for value in given.values() if value.ndim}
        if len(sizes) > 1:
            raise DataError(f"expected inputs of as many examples each, got {', '.join(map(str, sizes))}")
        for one in self.inputs:
            one.expect(given[one.name])

    def expect_data(
        self, x: Tensor, *, rate: int | None, classes: tuple[str, ...], task: str, name: str
    ) -> None:
        """Raise unless a data set fits: its examples, its rate, its task and its label set.

        Args:
            x: (n, ...) some of its examples.
            rate, classes, task, name: of the data set.

        Raises:
            DataError: one of them is another.
        """
        try:
            self.inputs[0].expect(x)
        except DataError as error:
            raise DataError(f"data {name} do not fit the exported network: {error}") from error
        for what, own, other in (("rate", self.rate, rate), ("task", self.task, task)):
            if own != other:
                raise DataError(
                    f"data {name} do not fit the exported network: expected the {what} {own or 'none'}, got "
                    f"{other or 'none'}"
                )
        if classes != self.classes:
            raise DataError(
                f"data {name} do not fit the exported network: expected the label set "
                f"{_few(self.classes)}, got {_few(classes)}"
            )

    def to_plain(self) -> dict[str, Any]:
        """Return the contract as values that JSON can hold; :meth:`from_plain` reads them back."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Contract:
        """Return the contract that :meth:`to_plain` gave the values of, also read back from JSON.

        Raises:
            DataError: values that are no contract.
        """
        try:
            sides = {side: tuple(map(_tensor_contract, values[side])) for side in ("inputs", "outputs")}
            texts = None if values.get("texts") is None else TextInputs.from_plain(values["texts"])
            return cls(**{**values, **sides, "classes": tuple(values["classes"]), "texts": texts})
        except (TypeError, KeyError) as error:
            raise DataError(f"cannot read the contract of an exported network: {error}") from error


def _tensor_contract(values: Mapping[str, Any]) -> TensorContract:
    seen = values.get("seen")
    shape = tuple(values["shape"])
    return TensorContract(**{**values, "shape": shape, "seen": None if seen is None else tuple(seen)})


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f", ... ({len(names)} classes)" if len(names) > 5 else "") or "none"
